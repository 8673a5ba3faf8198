/* A child confines itself and tries what a hole in a parser would try. Needs root. */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "confine.h"

static char dir[] = "/tmp/kist-confine-XXXXXX";

/* The number of the first thing that was possible, 0 for none. */
static int attempt(pid_t victim, int sock)
{
	if (syscall(SYS_tgkill, victim, victim, 0) == 0)
		return 1;
	if (syscall(SYS_kill, victim, 0) == 0)
		return 2;
	if (fcntl(sock, F_SETOWN, victim) == 0)
		return 3;
	if (fcntl(sock, F_SETSIG, SIGKILL) == 0)
		return 4;
	if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) >= 0)
		return 5;
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0)
		return 6;
	if (syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) == 0)
		return 7;
	if (mknod("zero", S_IFCHR | 0666, makedev(1, 5)) < 0)
		return 8; /* layers bring devices, so that must go */
	if (open("/zero", O_RDONLY | O_CLOEXEC) >= 0)
		return 9;
	if (open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0 || open("/proc", O_PATH) >= 0)
		return 10;
	if (syscall(SYS_tgkill, getpid(), gettid(), 0) < 0)
		return 11; /* abort() needs it */
	if (fcntl(sock, F_GETFL) < 0)
		return 12;
	if (fcntl(sock, F_SETFL, O_NONBLOCK) == 0)
		return 13;
	/* of no bytes: nothing happens if it is possible */
	if (madvise(NULL, 0, MADV_HWPOISON) == 0 || errno != EPERM)
		return 14;
	/* the kernel would say EINVAL */
	if (syscall(SYS_clone, CLONE_THREAD | CLONE_NEWNET, NULL, NULL, NULL, 0) >= 0 ||
		errno != EPERM)
		return 15;
#if !defined(__SANITIZE_ADDRESS__)
	struct stat st;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (write(fd, "x", 1) >= 0 || errno != EBADF || fstat(fd, &st) < 0 ||
			S_ISCHR(st.st_mode))
			return 16; /* fchmod() would reach the host's */
#endif
	return 0;
}

/* 0 to 2 as the store gives them. */
static int take_null(void)
{
	auto_fd int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -1;
	return 0;
}

static void expect_confined(int (*confine_it)(int staging, struct err **err))
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(dir, 0700), 0);
	int pair[2], staging = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(staging >= 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pid_t victim = getpid(), child = fork();
	if (child == 0)
		_exit(take_null() < 0 || confine_it(staging, NULL) < 0 ? 99
								       : attempt(victim, pair[0]));
	int status = proc_wait(child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(pair[0]);
	close(pair[1]);
	close(staging);
	assert_int_equal(tree_remove(AT_FDCWD, dir, NULL), 0);
}

static void nothing_outside_is_within_reach(void **state)
{
	expect_confined(confine_verifying);
}

static void nothing_outside_is_within_reach_of_copying(void **state)
{
	expect_confined(confine_copying);
}

static int make_dir(void **state)
{
	return mkdtemp(dir) && rmdir(dir) == 0 ? 0 : -1; /* each test makes it, its name is ours */
}

static int remove_dir(void **state)
{
	return tree_remove(AT_FDCWD, dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_outside_is_within_reach),
		cmocka_unit_test(nothing_outside_is_within_reach_of_copying),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
