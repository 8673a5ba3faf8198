#include "../cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/proc.h"

static void sh_argv(const char *script, char **room)
{
	room[0] = (char *)"sh";
	room[1] = (char *)"-c";
	room[2] = (char *)script;
	room[3] = NULL;
}

static int run(const char *script, const char *input, struct buf *out, struct buf *errout)
{
	char *argv[4];
	sh_argv(script, argv);
	struct proc_spec spec = {.path = "/bin/sh", .argv = argv};
	return proc_run(&spec, input, strlen(input), 1 << 20, out, errout, NULL);
}

static void output_and_status(void **state)
{
	auto_buf out = BUF_INIT, err = BUF_INIT;
	int status = run("cat; echo bad >&2; exit 3", "input", &out, &err);
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_string_equal(buf_str(&out), "input");
	assert_string_equal(buf_str(&err), "bad\n");
}

static void much_data_both_ways(void **state)
{
	auto_buf in = BUF_INIT, out = BUF_INIT;
	for (int i = 0; i < 50000; i++)
		buf_adds(&in, "0123456789");
	assert_int_equal(run("cat", in.data, &out, NULL), 0);
	assert_int_equal(out.len, in.len);
	/* a program that does not read its input ends all the same */
	assert_int_equal(run("exit 0", in.data, NULL, NULL), 0);
}

static void only_named_descriptors(void **state)
{
	auto_fd int extra = open("/etc/passwd", O_RDONLY); /* deliberately not CLOEXEC */
	auto_buf out = BUF_INIT;
	char *argv[] = {(char *)"ls", (char *)"/proc/self/fd", NULL};
	struct proc_spec spec = {.path = "/bin/ls", .argv = argv};
	assert_true(extra > 2);
	assert_int_equal(proc_run(&spec, "", 0, 1000, &out, NULL, NULL), 0);
	/* 3 is the folder that ls reads */
	assert_string_equal(buf_str(&out), "0\n1\n2\n3\n");
}

static void a_missing_program_is_an_error_here(void **state)
{
	char *argv[] = {(char *)"x", NULL};
	struct proc_spec spec = {.path = "/no/such/program", .argv = argv};
	auto_err *err = NULL;
	assert_int_equal(proc_start(&spec, NULL, &err), -1);
	assert_int_equal(err->sys, 2);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status),
		cmocka_unit_test(much_data_both_ways),
		cmocka_unit_test(only_named_descriptors),
		cmocka_unit_test(a_missing_program_is_an_error_here),
	};
	return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
