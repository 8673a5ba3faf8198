/* What is written for security modules, into a folder that looks like a procfs: the machine need not have any. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "../cmocka_all.h"
#include "creds.h"
#include "setup.h"

#define LABEL "system_u:system_r:container_t:s0:c1,c2"

struct fake {
	char path[64];
	int proc;
};

static void make_file(struct fake *f, const char *path)
{
	int fd = openat(f->proc, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static int fake_make(void **state)
{
	struct fake *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-test-lsm.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->proc = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(f->proc, "self", 0755), 0);
	assert_int_equal(mkdirat(f->proc, "self/attr", 0755), 0);
	*state = f;
	return 0;
}

static int fake_remove(void **state)
{
	struct fake *f = *state;
	tree_remove(AT_FDCWD, f->path, NULL);
	close(f->proc);
	free(f);
	return 0;
}

static void holds(struct fake *f, const char *path, const char *text)
{
	auto_buf got = BUF_INIT;
	auto_err *err = NULL;
	if (file_read(f->proc, path, 4096, &got, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_string_equal(buf_str(&got), text);
}

/* In a child, as it ends where a label cannot be written. Returns what it reported; text "" where nothing was wrong. */
static struct report label(struct fake *f, const struct plan_process *p)
{
	struct report report = {0};
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct reporter r = {.sock = pair[1]};
		close(pair[0]);
		creds_label(p, f->proc, &r);
		_exit(0);
	}
	close(pair[1]);
	if (read(pair[0], &report, sizeof(report)) < 0)
		fail_msg("no report");
	close(pair[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return report;
}

static void selinux(void **state)
{
	struct fake *f = *state;
	struct plan_process p = {.selinux = LABEL};
	make_file(f, "self/attr/exec");
	make_file(f, "self/attr/keycreate");
	assert_string_equal(label(f, &p).text, "");
	holds(f, "self/attr/exec", LABEL);
	holds(f, "self/attr/keycreate", LABEL);
}

static void selinux_that_cannot_be(void **state)
{
	struct fake *f = *state;
	struct plan_process p = {.selinux = LABEL};
	struct report report = label(f, &p);
	assert_int_equal(report.type, REPORT_ERROR);
	assert_non_null(strstr(report.text, "process.selinuxLabel: \"" LABEL "\""));
	make_file(f, "self/attr/exec");
	report = label(f, &p);
	assert_int_equal(report.type, REPORT_ERROR);
	assert_non_null(strstr(report.text, "process.selinuxLabel: \"" LABEL "\""));
}

static void apparmor(void **state)
{
	struct fake *f = *state;
	struct plan_process p = {.apparmor = "profile"};
	make_file(f, "self/attr/exec");
	assert_string_equal(label(f, &p).text, "");
	holds(f, "self/attr/exec", "exec profile");
	/* a kernel with several modules has a folder for each */
	assert_int_equal(mkdirat(f->proc, "self/attr/apparmor", 0755), 0);
	make_file(f, "self/attr/apparmor/exec");
	p.apparmor = "other";
	assert_string_equal(label(f, &p).text, "");
	holds(f, "self/attr/apparmor/exec", "exec other");
	holds(f, "self/attr/exec", "exec profile");
}

static void none(void **state)
{
	struct fake *f = *state;
	struct plan_process p = {0};
	make_file(f, "self/attr/exec");
	make_file(f, "self/attr/keycreate");
	assert_string_equal(label(f, &p).text, "");
	holds(f, "self/attr/exec", "");
	holds(f, "self/attr/keycreate", "");
}

static bool takes(const char *fstype, const char *mount_label)
{
	struct plan plan = {.mount_label = (char *)mount_label};
	struct setup s = {.plan = &plan};
	struct plan_mount m = {.fstype = (char *)fstype, .target = (char *)"/x"};
	return mount_takes_label(&s, &m);
}

static void file_systems(void **state)
{
	(void)state;
	assert_true(takes("tmpfs", LABEL));
	assert_true(takes("devpts", LABEL));
	assert_true(takes("overlay", LABEL));
	assert_false(takes("proc", LABEL));
	assert_false(takes("sysfs", LABEL));
	assert_false(takes("mqueue", LABEL));
	assert_false(takes("tmpfs", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(selinux, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(selinux_that_cannot_be, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(apparmor, fake_make, fake_remove),
		cmocka_unit_test_setup_teardown(none, fake_make, fake_remove),
		cmocka_unit_test(file_systems),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
