/* A network namespace made beside its maker. Needs root; skipped without. */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fdio.h"
#include "net_ahead.h"
#include "report.h"
#include "runtime/plan.h"

static struct plan plan_with(uint32_t ns_new)
{
	struct plan plan = {.ns_new = ns_new};
	for (int i = 0; i < OCI_NS_COUNT; i++)
		plan.ns_fd[i] = -1;
	return plan;
}

static void no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, __WALL | WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* Of the namespace @ns: is its loopback device up? Asked by a child, which may end in there. */
static bool loopback_is_up(int ns)
{
	pid_t pid = fork();
	if (pid == 0) {
		struct ifreq lo = {.ifr_name = "lo"};
		int sock = setns(ns, CLONE_NEWNET) < 0 ? -1 : socket(AF_INET, SOCK_DGRAM, 0);
		_exit(sock < 0 || ioctl(sock, SIOCGIFFLAGS, &lo) < 0 || !(lo.ifr_flags & IFF_UP));
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status == 0;
}

/* Until then it may be taken away from who makes it. */
static void wait_until_it_is_made(void)
{
	siginfo_t info;
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | __WCLONE), 0);
}

static void it_is_a_new_one_with_its_loopback_device_up(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct plan plan = plan_with(CLONE_NEWNET | CLONE_NEWPID);
	plan.systemd_helper = "/bin/false"; /* then it is the caller's to hand over */
	struct stat mine, before, made;
	assert_int_equal(stat("/proc/self/ns/net", &before), 0);
	struct net_ahead *a = net_ahead_begin(&plan);
	assert_non_null(a);
	int ns;
	wait_until_it_is_made();
	assert_false(net_ahead_left_to_init(a));
	assert_false(net_ahead_take(a, &ns)); /* nobody is there to be given it */
	assert_true(ns >= 0);
	net_ahead_free(a);
	assert_int_equal(ioctl(ns, NS_GET_NSTYPE), CLONE_NEWNET);
	assert_true(fcntl(ns, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(ns, &made), 0);
	/* the maker has not moved */
	assert_int_equal(stat("/proc/self/ns/net", &mine), 0);
	assert_int_equal(mine.st_ino, before.st_ino);
	assert_int_not_equal(made.st_ino, before.st_ino);
	assert_true(loopback_is_up(ns));
	close(ns);
	no_child_is_left();
}

static void it_is_handed_over_by_who_makes_it(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct plan plan = plan_with(CLONE_NEWNET);
	int pair[2], ns = -1, fd = -1;
	size_t n = 1;
	struct net_ahead *a = net_ahead_begin(&plan);
	assert_non_null(a);
	assert_true(net_ahead_socket(a, pair));
	assert_false(net_ahead_socket(a, (int[2]){0}));
	/* the first process's end; its maker has not asked */
	struct reporter r = {.sock = pair[1]};
	report_wait_fds(&r, PERMIT_NET, &fd, &n);
	assert_int_equal(n, 1);
	assert_int_equal(ioctl(fd, NS_GET_NSTYPE), CLONE_NEWNET);
	assert_true(loopback_is_up(fd));
	assert_true(net_ahead_take(a, &ns));
	assert_int_equal(ns, -1);
	net_ahead_free(a);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	no_child_is_left();
}

static void one_that_nobody_takes_is_closed_and_its_process_waited_for(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	struct plan plan = plan_with(CLONE_NEWNET);
	int first = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(first);
	struct net_ahead *a = net_ahead_begin(&plan);
	assert_non_null(a);
	net_ahead_free(a);
	no_child_is_left();
	int again = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(again, first);
	close(again);
	net_ahead_free(NULL);
}

static void what_cannot_be_made_is_none(void **state)
{
	(void)state;
	struct plan plan = plan_with(CLONE_NEWNET);
	pid_t pid = fork();
	if (pid == 0) {
		/* nobody may make one */
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		struct net_ahead *a = net_ahead_begin(&plan);
		int ns = -1;
		if (a)
			wait_until_it_is_made();
		bool given = a && net_ahead_take(a, &ns);
		net_ahead_free(a);
		_exit(given || ns != -1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* On one processor, and nobody runs before we wait for something. */
static void be_alone(void)
{
	cpu_set_t here;
	CPU_ZERO(&here);
	CPU_SET(sched_getcpu(), &here);
	const struct sched_param first = {.sched_priority = 1};
	if (sched_setaffinity(0, sizeof(here), &here) < 0 ||
		sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		_exit(77);
}

static void who_finds_it_not_begun_is_left_to_make_it(void **state)
{
	(void)state;
	struct plan plan = plan_with(CLONE_NEWNET);
	pid_t pid = fork();
	if (pid == 0) {
		be_alone();
		struct net_ahead *a = net_ahead_begin(&plan);
		int pair[2], ns = 0;
		char byte;
		if (!a || !net_ahead_socket(a, pair))
			_exit(1);
		/* the maker asks, then the first process, which sees the same */
		if (!net_ahead_take(a, &ns) || ns != -1)
			_exit(2);
		int status = -1;
		pid_t init = fork();
		if (init == 0)
			_exit(!net_ahead_left_to_init(a));
		waitpid(init, &status, 0);
		net_ahead_free(a);
		/* nothing was sent, nothing is */
		if (status != 0 || recv(pair[1], &byte, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN)
			_exit(3);
		_exit(waitpid(-1, NULL, __WALL | WNOHANG) != -1);
	}
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void none_is_begun_for_plans_that_need_another(void **state)
{
	(void)state;
	struct plan none = plan_with(CLONE_NEWPID | CLONE_NEWNS);
	assert_null(net_ahead_begin(&none));
	struct plan user = plan_with(CLONE_NEWNET | CLONE_NEWUSER);
	assert_null(net_ahead_begin(&user));
	struct plan joins_user = plan_with(CLONE_NEWNET);
	joins_user.ns_path[OCI_NS_USER] = "/proc/1/ns/user";
	assert_null(net_ahead_begin(&joins_user));
	struct plan joins_pid = plan_with(CLONE_NEWNET);
	joins_pid.ns_fd[OCI_NS_PID] = 0;
	assert_null(net_ahead_begin(&joins_pid));
	no_child_is_left();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_a_new_one_with_its_loopback_device_up),
		cmocka_unit_test(it_is_handed_over_by_who_makes_it),
		cmocka_unit_test(one_that_nobody_takes_is_closed_and_its_process_waited_for),
		cmocka_unit_test(what_cannot_be_made_is_none),
		cmocka_unit_test(who_finds_it_not_begun_is_left_to_make_it),
		cmocka_unit_test(none_is_begun_for_plans_that_need_another),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
