#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"

static int scratch; /* an empty folder of each test's own */
static char scratch_path[64];

static int setup(void **state)
{
	strcpy(scratch_path, "/tmp/kist-fdio-XXXXXX");
	if (!mkdtemp(scratch_path))
		return -1;
	scratch = open(scratch_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	close(scratch);
	return tree_remove(AT_FDCWD, scratch_path, NULL);
}

static void files(void **state)
{
	auto_buf b = BUF_INIT;
	auto_err *err = NULL;
	assert_int_equal(file_read(scratch, "f", 10, &b, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(file_replace(scratch, "f", "hello", 5, 0640, true, NULL), 0);
	assert_int_equal(file_read(scratch, "f", 10, &b, NULL), 0);
	assert_string_equal(b.data, "hello");
	struct stat st;
	assert_int_equal(fstatat(scratch, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_replace(scratch, "f", "longer than ten", 15, 0600, false, NULL), 0);
	b.len = 0;
	assert_int_equal(file_read(scratch, "f", 10, &b, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_int_equal(symlinkat("f", scratch, "link"), 0);
	assert_int_equal(file_read(scratch, "link", 100, &b, NULL), -1);
	assert_int_equal(file_replace(scratch, "no/f", "x", 1, 0600, false, NULL), -1);
}

static void folders(void **state)
{
	assert_int_equal(dir_make(scratch, "a/b//c", 0700, NULL), 0);
	assert_int_equal(dir_make(scratch, "a/b/c", 0700, NULL), 0);
	assert_int_equal(file_replace(scratch, "plain", "", 0, 0600, false, NULL), 0);
	assert_int_equal(dir_make(scratch, "plain", 0700, NULL), -1);
	assert_int_equal(dir_make(scratch, "plain/x", 0700, NULL), -1);
	auto_fd int fd = dir_open(scratch, "a/b/c", NULL);
	assert_true(fd >= 0);
}

static void a_tree_is_removed_whatever_is_in_it(void **state)
{
	/* deeper than descriptors are held open, and than PATH_MAX is long */
	int at = dup(scratch);
	char name[65];
	memset(name, 'd', 64);
	name[64] = 0;
	assert_int_equal(dir_make(scratch, "top", 0700, NULL), 0);
	int next = openat(at, "top", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 200; i++) {
		close(at);
		at = next;
		assert_int_equal(mkdirat(at, name, 0700), 0);
		assert_int_equal(symlinkat("/etc", at, "outside"), 0);
		assert_int_equal(file_replace(at, "file", "x", 1, 0600, false, NULL), 0);
		next = openat(at, name, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
		assert_true(next >= 0);
	}
	close(at);
	close(next);
	assert_int_equal(tree_remove(scratch, "top", NULL), 0);
	assert_int_equal(faccessat(scratch, "top", F_OK, 0), -1);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
	assert_int_equal(tree_remove(scratch, "top", NULL), 0); /* absence is success */
	assert_int_equal(symlinkat("/etc", scratch, "link"), 0);
	assert_int_equal(tree_remove(scratch, "link", NULL), 0);
	assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void descriptors_pass(void **state)
{
	int pair[2], sent[2], got[4];
	size_t n = 4;
	char text[8];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(pipe2(sent, O_CLOEXEC), 0);
	assert_int_equal(fd_send(pair[0], "hi", 2, sent, 2), 0);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), got, &n), 2);
	assert_int_equal(n, 2);
	assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
	assert_int_equal(write(got[1], "x", 1), 1);
	assert_int_equal(fd_read_full(sent[0], text, 1), 0);
	/* more than there is room for: closed, not leaked */
	n = 1;
	assert_int_equal(fd_send(pair[0], "hi", 2, sent, 2), 0);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), got + 2, &n), 2);
	assert_int_equal(n, 1);
	/* a message that does not fit is refused whole */
	n = 1;
	assert_int_equal(fd_send(pair[0], "0123456789", 10, sent, 1), 0);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), got + 3, &n), -1);
	assert_int_equal(errno, EMSGSIZE);
	close(got[0]);
	close(got[1]);
	close(got[2]);
	close(sent[0]);
	close(sent[1]);
	close(pair[0]);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), NULL, NULL), 0);
	close(pair[1]);
}

static void sockets_in_deep_folders(void **state)
{
	char deep[] =
		"0123456789012345678901234567890123456789/0123456789012345678901234567890123456789/"
		"0123456789012345678901234567890123456789";
	assert_int_equal(dir_make(scratch, deep, 0700, NULL), 0);
	auto_fd int dir = dir_open(scratch, deep, NULL);
	auto_fd int listener = unix_listen(dir, "s", SOCK_STREAM, 0600, NULL);
	assert_true(listener >= 0);
	struct stat st;
	assert_int_equal(fstatat(dir, "s", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	auto_fd int client = unix_connect(dir, "s", SOCK_STREAM, NULL);
	assert_true(client >= 0);
	auto_err *err = NULL;
	assert_int_equal(unix_connect(dir, "none", SOCK_STREAM, &err), -1);
	assert_int_equal(err->kind, ERR_UNAVAILABLE);
}

static void who_takes_no_callers(void **state)
{
	auto_fd int listener = unix_listen(scratch, "full", SOCK_STREAM, 0600, NULL);
	assert_int_equal(listen(listener, 0), 0);
	auto_fd int first = unix_connect(scratch, "full", SOCK_STREAM, NULL);
	assert_true(first >= 0);
	auto_err *err = NULL;
	alarm(20);
	assert_int_equal(unix_connect_within(scratch, "full", SOCK_STREAM, 1, &err), -1);
	alarm(0);
	assert_int_equal(err->sys, EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(files, setup, teardown),
		cmocka_unit_test_setup_teardown(folders, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_tree_is_removed_whatever_is_in_it, setup, teardown),
		cmocka_unit_test(descriptors_pass),
		cmocka_unit_test_setup_teardown(sockets_in_deep_folders, setup, teardown),
		cmocka_unit_test_setup_teardown(who_takes_no_callers, setup, teardown),
	};
	return cmocka_run_group_tests_name("fdio", tests, NULL, NULL);
}
