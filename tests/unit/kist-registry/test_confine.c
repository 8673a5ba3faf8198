/* What a taken-over kist-registry could still do: each attempt is made in a child that has confined itself. */
#include <fcntl.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../cmocka_all.h"
#include "base/mem.h"
#include "confine.h"

/* A blob's descriptor, as the store opens it, with some bytes that somebody has hashed. */
static int blob;

typedef int attempt_fn(void);

/* What the attempt returns in a confined child: errno's value, 0 for success. */
static int confined(attempt_fn *attempt)
{
	int status;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (confine(NULL) < 0)
			_exit(255);
		_exit(attempt() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	return WEXITSTATUS(status);
}

static int append(void)
{
	return write(blob, "more", 4) == 4 ? 0 : -1;
}
static int take_append_off(void)
{
	return fcntl(blob, F_SETFL, 0);
}
static int cut(void)
{
	return ftruncate(blob, 0);
}
static int write_at(void)
{
	return (int)pwrite(blob, "evil", 4, 0);
}
static int map_shared(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, blob, 0) == MAP_FAILED ? -1 : 0;
}
static int map_executable(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}
static int unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}
static int stream_pair(void)
{
	int pair[2];
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
}
static int datagram_pair(void)
{
	int pair[2];
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}
static int packet_pair(void)
{
	int pair[2];
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair);
}
static int audit_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT);
}
static int packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}
static int inet_socket(void)
{
	return socket(AF_INET6, SOCK_STREAM, 0);
}
static int open_for_writing(void)
{
	return open("/etc/hosts", O_WRONLY | O_CLOEXEC);
}
static int create(void)
{
	return open("/new", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
}
static int open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}
static int open_nsswitch(void)
{
	return open("/etc/nsswitch.conf", O_RDONLY | O_CLOEXEC);
}
static int execute(void)
{
	char *argv[] = {(char *)"sh", NULL};
	return execv("/bin/sh", argv);
}
static int signal_parent(void)
{
	return kill(getppid(), 0);
}
static int new_process(void)
{
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}
static int become_root(void)
{
	return setresuid(0, 0, 0);
}

static void test_bytes_that_were_hashed_stay(void **state)
{
	assert_int_equal(confined(append), 0);
	assert_int_equal(confined(take_append_off), EPERM);
	assert_int_equal(confined(cut), EPERM);
	assert_int_equal(confined(write_at), EPERM);
	assert_int_equal(confined(map_shared), EPERM);
}

static void test_only_the_internet_is_reached(void **state)
{
	assert_int_equal(confined(inet_socket), 0);
	assert_int_equal(confined(unix_socket), EPERM);
	assert_int_equal(confined(stream_pair), 0);
	assert_int_equal(confined(datagram_pair), EPERM);
	assert_int_equal(confined(packet_pair), EPERM);
	assert_int_equal(confined(audit_socket), EPERM);
	assert_int_equal(confined(packet_socket), EPERM);
}

static void test_there_are_no_files(void **state)
{
	assert_int_equal(confined(open_nsswitch), 0);
	assert_int_equal(confined(open_passwd), ENOENT);
	assert_int_equal(confined(open_for_writing), EPERM);
	assert_int_equal(confined(create), EPERM);
}

static void test_nothing_is_executed_and_nobody_signalled(void **state)
{
	assert_int_equal(confined(execute), EPERM);
	assert_int_equal(confined(signal_parent), EPERM);
	assert_int_equal(confined(new_process), EPERM);
	assert_int_equal(confined(map_executable), EPERM);
	assert_int_equal(confined(become_root), EPERM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_that_were_hashed_stay),
		cmocka_unit_test(test_only_the_internet_is_reached),
		cmocka_unit_test(test_there_are_no_files),
		cmocka_unit_test(test_nothing_is_executed_and_nobody_signalled),
	};
	char name[] = "/tmp/kist-test-blob.XXXXXX";
	if (geteuid() != 0) {
		printf("1..0 # SKIP confinement needs root\n");
		return 0;
	}
	int fd = mkstemp(name);
	blob = open(name, O_RDWR | O_APPEND | O_CLOEXEC);
	unlink(name);
	if (fd < 0 || blob < 0 || write(fd, "good", 4) != 4)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
