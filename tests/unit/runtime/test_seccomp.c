#include "../cmocka_all.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "seccomp_private.h"

static struct oci_seccomp *parse(const char *text)
{
	auto_free char *json = xstrdup(text);
	for (char *c = json; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	struct oci_seccomp *s = NULL;
	auto_err *err = NULL;
	if (oci_seccomp_parse(&s, json, strlen(json), 0, &err) < 0)
		fail_msg("%s", err_msg(err));
	return s;
}

#define RULES(more) "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" more "]}"
#define ALLOW_BUT "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['getpriority'],"

static void compile(const char *text, struct buf *bpf)
{
	struct oci_seccomp *s = parse(text);
	uint32_t flags;
	auto_err *err = NULL;
	if (seccomp_compile(s, NULL, bpf, &flags, &err) < 0)
		fail_msg("%s", err_msg(err));
	oci_seccomp_free(s);
}

/* What getpriority(a, b) gives below the filter, by the kernel itself: -errno, or the wait status' signal
 * plus 1000. */
static int tried(const char *text, long a, long b)
{
	auto_buf bpf = BUF_INIT;
	compile(text, &bpf);
	pid_t pid = fork();
	if (pid == 0) {
		struct sock_fprog p = {
			.len = (unsigned short)(bpf.len / 8), .filter = (void *)bpf.data};
		prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
		signal(SIGSYS, SIG_DFL);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			syscall(SYS_seccomp, 1, 0, &p) < 0)
			syscall(SYS_exit_group, 255);
		/* past the sanitizers, which would look for leaks */
		syscall(SYS_exit_group, syscall(SYS_getpriority, a, b) < 0 ? errno : 0);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void actions(void **state)
{
	assert_int_equal(tried(ALLOW_BUT "'action':'SCMP_ACT_ERRNO'}]}", 0, 0), EPERM);
	assert_int_equal(
		tried(ALLOW_BUT "'action':'SCMP_ACT_ERRNO','errnoRet':38}]}", 0, 0), ENOSYS);
	assert_int_equal(tried(ALLOW_BUT "'action':'SCMP_ACT_KILL'}]}", 0, 0), 1000 + SIGSYS);
	assert_int_equal(
		tried(ALLOW_BUT "'action':'SCMP_ACT_KILL_PROCESS'}]}", 0, 0), 1000 + SIGSYS);
	assert_int_equal(tried(ALLOW_BUT "'action':'SCMP_ACT_TRAP'}]}", 0, 0), 1000 + SIGSYS);
	assert_int_equal(tried(ALLOW_BUT "'action':'SCMP_ACT_LOG'}]}", 0, 0), 0);
	assert_int_equal(tried(ALLOW_BUT "'action':'SCMP_ACT_ALLOW'}]}", 0, 0), 0);
	/* nobody traces: ENOSYS */
	assert_int_equal(
		tried(ALLOW_BUT "'action':'SCMP_ACT_TRACE','errnoRet':7}]}", 0, 0), ENOSYS);
	/* names that nobody knows, and those of other architectures, are passed over */
	assert_int_equal(
		tried(RULES("{'names':['no_such_call','getpriority'],'action':'SCMP_ACT_ERRNO'}"),
			0, 0),
		EPERM);
}

#define WITH(args) ALLOW_BUT "'action':'SCMP_ACT_ERRNO','args':[" args "]}]}"

static void operators(void **state)
{
	static const struct {
		const char *op;
		bool below, equal, above; /* refused for 1, 2, 3 against 2? */
	} cases[] = {
		{"SCMP_CMP_NE", true, false, true},
		{"SCMP_CMP_LT", true, false, false},
		{"SCMP_CMP_LE", true, true, false},
		{"SCMP_CMP_EQ", false, true, false},
		{"SCMP_CMP_GE", false, true, true},
		{"SCMP_CMP_GT", false, false, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *text =
			xasprintf(WITH("{'index':1,'value':2,'op':'%s'}"), cases[i].op);
		/* pid 1, 2, 3: found or not, but not EPERM unless refused */
		assert_int_equal(tried(text, 0, 1) == EPERM, cases[i].below);
		assert_int_equal(tried(text, 0, 2) == EPERM, cases[i].equal);
		assert_int_equal(tried(text, 0, 3) == EPERM, cases[i].above);
	}
	static const char masked[] =
		WITH("{'index':1,'value':12,'valueTwo':4,'op':'SCMP_CMP_MASKED_EQ'}");
	assert_int_equal(tried(masked, 0, 4), EPERM);
	assert_int_equal(tried(masked, 0, 7), EPERM);
	assert_int_not_equal(tried(masked, 0, 8), EPERM);
	assert_int_not_equal(tried(masked, 0, 12), EPERM);
}

static void several_conditions(void **state)
{
	/* different arguments: all must hold */
	static const char both[] = WITH("{'index':0,'value':0,'op':'SCMP_CMP_EQ'},{'index':1,'"
					"value':2,'op':'SCMP_CMP_EQ'}");
	assert_int_equal(tried(both, 0, 2), EPERM);
	assert_int_not_equal(tried(both, 1, 2), EPERM);
	assert_int_not_equal(tried(both, 0, 3), EPERM);
	/* the same argument: one is enough */
	static const char either[] = WITH("{'index':1,'value':2,'op':'SCMP_CMP_EQ'},{'index':1,'"
					  "value':3,'op':'SCMP_CMP_EQ'}");
	assert_int_equal(tried(either, 0, 2), EPERM);
	assert_int_equal(tried(either, 0, 3), EPERM);
	assert_int_not_equal(tried(either, 0, 4), EPERM);
	/* beyond 32 bits */
	static const char wide[] =
		WITH("{'index':1,'value':18446744073709551614,'op':'SCMP_CMP_EQ'}");
	assert_int_equal(tried(wide, 0, -2), EPERM);
	assert_int_not_equal(tried(wide, 0, 0xfffffffe), EPERM);
}

static void flags(void **state)
{
	static const struct {
		const char *text;
		uint32_t bits;
	} cases[] = {
		{"{'defaultAction':'SCMP_ACT_ALLOW'}", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"{'defaultAction':'SCMP_ACT_ALLOW','flags':[]}", 0},
		{"{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_LOG','SECCOMP_"
		 "FILTER_FLAG_TSYNC']}",
			SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_TSYNC},
		{"{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_"
		 "RECV'"
		 "]}",
			0},
		{"{'defaultAction':'SCMP_ACT_ALLOW','flags':['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_"
		 "RECV',"
		 "'SECCOMP_FILTER_FLAG_TSYNC'],'listenerPath':'/x','syscalls':[{'names':['mkdir'],"
		 "'action':'SCMP_ACT_NOTIFY'}]}",
			1u << 5 | SECCOMP_FILTER_FLAG_TSYNC | 1u << 3 | 1u << 4},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf bpf = BUF_INIT;
		uint32_t bits = 99;
		struct oci_seccomp *s = parse(cases[i].text);
		assert_int_equal(seccomp_compile(s, NULL, &bpf, &bits, NULL), 0);
		assert_int_equal(bits, cases[i].bits);
		oci_seccomp_free(s);
	}
}

static void unknown_architecture(void **state)
{
	auto_buf bpf = BUF_INIT;
	auto_err *err = NULL;
	uint32_t bits;
	struct oci_seccomp *s =
		parse("{'defaultAction':'SCMP_ACT_ALLOW','architectures':['SCMP_ARCH_VAX']}");
	assert_int_equal(seccomp_compile(s, NULL, &bpf, &bits, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, "SCMP_ARCH_VAX"));
	oci_seccomp_free(s);
}

/* Filters that let calls through, or say ENOSYS themselves, get no stub. */
static void enosys_for_new_calls(void **state)
{
	auto_buf strict = BUF_INIT, loose = BUF_INIT, own = BUF_INIT;
	struct oci_seccomp *s =
		parse("{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[{'names':['read'],"
		      "'action':'SCMP_ACT_ALLOW'}]}");
	seccomp_enosys_stub(s, &strict);
	assert_true(strict.len > 0);
	str_replace(&s->default_action, "SCMP_ACT_LOG");
	seccomp_enosys_stub(s, &loose);
	assert_int_equal(loose.len, 0);
	str_replace(&s->default_action, "SCMP_ACT_ERRNO");
	s->default_errno_ret.set = true;
	s->default_errno_ret.v = ENOSYS;
	seccomp_enosys_stub(s, &own);
	assert_int_equal(own.len, 0);
	oci_seccomp_free(s);
}

struct cache {
	char folder[64];
	struct oci_seccomp *profile;
	struct buf key;
};

static int cache_setup(void **state)
{
	struct cache *c = xcalloc(1, sizeof(*c));
	snprintf(c->folder, sizeof(c->folder), "/tmp/kist-test-seccomp.XXXXXX");
	assert_non_null(mkdtemp(c->folder));
	c->profile = parse(ALLOW_BUT "'action':'SCMP_ACT_ERRNO'}]}");
	seccomp_cache_key(c->profile, &c->key);
	*state = c;
	return 0;
}

static int cache_teardown(void **state)
{
	struct cache *c = *state;
	chmod(c->folder, 0700);
	tree_remove(AT_FDCWD, c->folder, NULL);
	oci_seccomp_free(c->profile);
	buf_free(&c->key);
	free(c);
	return 0;
}

static char *cache_file(const struct cache *c)
{
	char name[SECCOMP_CACHE_NAME];
	seccomp_cache_name(&c->key, name);
	return xasprintf("%s/%s", c->folder, name);
}

static void compile_cached(const struct cache *c, struct buf *bpf)
{
	uint32_t bits;
	assert_int_equal(seccomp_compile(c->profile, c->folder, bpf, &bits, NULL), 0);
}

static void kept_and_found(void **state)
{
	const struct cache *c = *state;
	auto_buf first = BUF_INIT, second = BUF_INIT;
	auto_free char *file = cache_file(c);
	struct stat st;
	compile_cached(c, &first);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(seccomp_cache_load(c->folder, &c->key, &second), 0);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	/* another document, another name */
	auto_buf other = BUF_INIT;
	char name[SECCOMP_CACHE_NAME];
	str_replace(&c->profile->rules[0].action, "SCMP_ACT_KILL");
	seccomp_cache_key(c->profile, &other);
	seccomp_cache_name(&other, name);
	assert_null(strstr(file, name));
}

static void one_of_another_document_is_not_used_under_the_same_name(void **state)
{
	const struct cache *c = *state;
	auto_buf bpf = BUF_INIT, other = BUF_INIT, found = BUF_INIT;
	auto_free char *file = cache_file(c);
	char name[SECCOMP_CACHE_NAME];
	compile_cached(c, &bpf);
	str_replace(&c->profile->rules[0].action, "SCMP_ACT_KILL");
	seccomp_cache_key(c->profile, &other);
	seccomp_cache_name(&other, name);
	auto_free char *there = xasprintf("%s/%s", c->folder, name);
	assert_int_equal(rename(file, there), 0);
	assert_int_equal(seccomp_cache_load(c->folder, &other, &found), -1);
	assert_int_equal(found.len, 0);
}

static void expect_rejected(const struct cache *c)
{
	auto_buf bpf = BUF_INIT, again = BUF_INIT;
	assert_int_equal(seccomp_cache_load(c->folder, &c->key, &bpf), -1);
	assert_int_equal(bpf.len, 0);
	/* and what is compiled instead is sound */
	compile_cached(c, &again);
	assert_true(again.len > 0 && again.len % 8 == 0);
}

static void damaged_is_made_anew(void **state)
{
	const struct cache *c = *state;
	auto_free char *file = cache_file(c);
	auto_buf bpf = BUF_INIT;
	for (int kind = 0; kind < 5; kind++) {
		bpf.len = 0;
		unlink(file);
		compile_cached(c, &bpf);
		int fd = open(file, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		struct stat st;
		fstat(fd, &st);
		switch (kind) {
		case 0: /* one bit of the filter */
			assert_int_equal(pwrite(fd, "\xff", 1, st.st_size - 3), 1);
			break;
		case 1: /* of the magic */
			assert_int_equal(pwrite(fd, "X", 1, 0), 1);
			break;
		case 2: /* torn */
			assert_int_equal(ftruncate(fd, st.st_size - 8), 0);
			break;
		case 3:
			assert_int_equal(ftruncate(fd, 0), 0);
			break;
		default: /* endless */
			assert_int_equal(ftruncate(fd, 10 << 20), 0);
		}
		close(fd);
		expect_rejected(c);
	}
}

static bool has(const struct cache *c, const char *name)
{
	auto_free char *path = xasprintf("%s/%s", c->folder, name);
	return access(path, F_OK) == 0;
}

/* An empty file, @age seconds old. The clock is read once: else two would be of one age where a second ends between. */
static void put(const struct cache *c, const char *name, time_t age)
{
	static time_t now;
	if (!now)
		now = time(NULL);
	auto_free char *path = xasprintf("%s/%s", c->folder, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	const struct timespec when = {.tv_sec = now - age};
	assert_int_equal(futimens(fd, (struct timespec[]){when, when}), 0);
	close(fd);
}

static void what_an_earlier_version_or_a_killed_store_left_is_removed(void **state)
{
	const struct cache *c = *state;
	const char *digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
	const char *other = "zf86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
	auto_buf bpf = BUF_INIT;
	put(c, digest, 0);
	put(c, other, 0);
	put(c, ".tmp-0011", 7200);
	put(c, ".tmp-0022", 60);
	put(c, "README", 7200);
	compile_cached(c, &bpf);
	assert_false(has(c, digest));
	assert_false(has(c, ".tmp-0011"));
	/* that one may be another's at work; and nothing of other people's goes */
	assert_true(has(c, ".tmp-0022"));
	assert_true(has(c, "README"));
	assert_true(has(c, other));
	assert_int_equal(seccomp_cache_load(c->folder, &c->key, &bpf), 0);
}

static void the_oldest_go_where_there_are_too_many(void **state)
{
	const struct cache *c = *state;
	auto_buf bpf = BUF_INIT;
	char name[SECCOMP_CACHE_NAME];
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%016x", i);
		put(c, name, 100 + i);
	}
	compile_cached(c, &bpf);
	assert_int_equal(seccomp_cache_load(c->folder, &c->key, &bpf), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "%016x", i);
		assert_int_equal(has(c, name), i < 255);
	}
}

static void strangers_are_not_trusted(void **state)
{
	const struct cache *c = *state;
	auto_free char *file = cache_file(c);
	auto_buf bpf = BUF_INIT;
	compile_cached(c, &bpf);
	/* a file, or a folder, that others may write */
	assert_int_equal(chmod(file, 0622), 0);
	expect_rejected(c);
	assert_int_equal(chmod(file, 0600), 0);
	assert_int_equal(chmod(c->folder, 0770), 0);
	expect_rejected(c);
	assert_int_equal(chmod(c->folder, 0700), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(file, 1000, 1000), 0);
		expect_rejected(c);
		assert_int_equal(chown(c->folder, 1000, 1000), 0);
		expect_rejected(c);
		assert_int_equal(chown(c->folder, 0, 0), 0);
	}
	/* a link to a good one */
	auto_free char *elsewhere = xasprintf("%s/elsewhere", c->folder);
	unlink(file);
	bpf.len = 0;
	compile_cached(c, &bpf);
	assert_int_equal(rename(file, elsewhere), 0);
	assert_int_equal(symlink(elsewhere, file), 0);
	auto_buf found = BUF_INIT;
	assert_int_equal(seccomp_cache_load(c->folder, &c->key, &found), -1);
	/* a pipe, which must not hang anybody */
	unlink(file);
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_int_equal(seccomp_cache_load(c->folder, &c->key, &found), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(actions),
		cmocka_unit_test(operators),
		cmocka_unit_test(several_conditions),
		cmocka_unit_test(flags),
		cmocka_unit_test(unknown_architecture),
		cmocka_unit_test(enosys_for_new_calls),
		cmocka_unit_test_setup_teardown(
			what_an_earlier_version_or_a_killed_store_left_is_removed, cache_setup,
			cache_teardown),
		cmocka_unit_test_setup_teardown(
			the_oldest_go_where_there_are_too_many, cache_setup, cache_teardown),
		cmocka_unit_test_setup_teardown(kept_and_found, cache_setup, cache_teardown),
		cmocka_unit_test_setup_teardown(
			one_of_another_document_is_not_used_under_the_same_name, cache_setup,
			cache_teardown),
		cmocka_unit_test_setup_teardown(damaged_is_made_anew, cache_setup, cache_teardown),
		cmocka_unit_test_setup_teardown(
			strangers_are_not_trusted, cache_setup, cache_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
