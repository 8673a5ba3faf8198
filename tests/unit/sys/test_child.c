/* A child in its maker's memory. */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child.h"

struct shared {
	int value, fd;
	bool deep;
};

/* More stack than a page, as the stage of an exec needs it. */
static int use_stack(int n)
{
	volatile char room[65536];
	for (size_t i = 0; i < sizeof(room); i += 512)
		room[i] = (char)n;
	return n == 0 ? room[512] : use_stack(n - 1) + room[1024];
}

static void child(void *arg)
{
	struct shared *s = arg;
	if (s->deep)
		s->value = use_stack(8);
	else
		s->value++;
	close(s->fd);
	poll(NULL, 0, 50);
	s->value += 100;
	_exit(7);
}

static int end_of(pid_t pid)
{
	int status = -1;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void it_writes_the_maker_s_memory_while_that_stands_still(void **state)
{
	(void)state;
	if (!child_can_borrow())
		skip();
	struct shared s = {.fd = open("/dev/null", O_RDONLY | O_CLOEXEC)};
	struct child_args args = {.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	for (int i = 1; i <= 20; i++) {
		pid_t pid = child_borrow(&args, child, &s);
		assert_true(pid > 0);
		assert_int_equal(s.value, i * 101);
		assert_int_equal(end_of(pid), 7);
	}
	/* its descriptors are its own */
	assert_true(fcntl(s.fd, F_GETFD) >= 0);
	close(s.fd);
}

static void it_has_as_much_stack_as_its_maker(void **state)
{
	(void)state;
	if (!child_can_borrow())
		skip();
	/* volatile: else the compiler knows that nobody can have written it, and the checks cannot fail */
	volatile char mine[256];
	for (size_t i = 0; i < sizeof(mine); i++)
		mine[i] = 'x';
	struct shared s = {.fd = -1, .deep = true};
	struct child_args args = {.exit_signal = SIGCHLD};
	pid_t pid = child_borrow(&args, child, &s);
	assert_int_equal(end_of(pid), 7);
	assert_int_equal(s.value, 8 * 9 / 2 + 100);
	for (size_t i = 0; i < sizeof(mine); i++)
		assert_int_equal(mine[i], 'x');
}

static void what_the_kernel_refuses_is_told_as_errno(void **state)
{
	(void)state;
	struct shared s = {.fd = -1};
	struct child_args args = {.exit_signal = SIGCHLD, .cgroup = 1000000};
	errno = 0;
	assert_int_equal(child_borrow(&args, child, &s), -1);
	assert_int_equal(errno, child_can_borrow() ? EBADF : ENOSYS);
	assert_int_equal(s.value, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_writes_the_maker_s_memory_while_that_stands_still),
		cmocka_unit_test(it_has_as_much_stack_as_its_maker),
		cmocka_unit_test(what_the_kernel_refuses_is_told_as_errno),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
