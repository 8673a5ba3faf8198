#include "../cmocka_all.h"

#include <pthread.h>
#include <stdio.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/loop.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define MS 1000000LL

static void stop(struct loop_timer *timer, void *arg)
{
	loop_stop(arg);
}

/* Runs for @ms at most. */
static void run_for(struct loop *loop, int64_t ms)
{
	struct loop_timer *timer = loop_timer_add(loop, time_mono() + ms * MS, stop, loop);
	assert_int_equal(loop_run(loop, NULL), 0);
	loop_timer_del(timer);
}

/* ---- descriptors ---- */

struct seen {
	struct loop *loop;
	struct loop_source *other;
	int count;
};

static void read_one(struct loop_source *source, uint32_t events, void *arg)
{
	struct seen *seen = arg;
	char c;
	assert_true(events & EPOLLIN);
	assert_int_equal(read(loop_source_fd(source), &c, 1), 1);
	if (++seen->count == 3)
		loop_stop(seen->loop);
}

static void test_descriptor(void **state)
{
	struct loop *loop = loop_new(NULL);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct seen seen = {.loop = loop};
	struct loop_source *s = loop_add(loop, fds[0], EPOLLIN, read_one, &seen, NULL);
	assert_non_null(s);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	run_for(loop, 20000);
	assert_int_equal(seen.count, 3);
	/* masked: nothing comes */
	loop_mod(s, 0);
	assert_int_equal(write(fds[1], "d", 1), 1);
	run_for(loop, 20);
	assert_int_equal(seen.count, 3);
	loop_del(s);
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

static void delete_both(struct loop_source *source, uint32_t events, void *arg)
{
	struct seen *seen = arg;
	seen->count++;
	loop_del(seen->other);
	loop_del(source);
}

/* Both are ready in the same round; whoever comes first deletes both. */
static void test_deleted_source_is_not_called(void **state)
{
	struct loop *loop = loop_new(NULL);
	int a[2], b[2];
	assert_int_equal(pipe(a) | pipe(b), 0);
	assert_int_equal(write(a[1], "x", 1) + write(b[1], "x", 1), 2);
	struct seen of_a = {.loop = loop}, of_b = {.loop = loop};
	of_b.other = loop_add(loop, a[0], EPOLLIN, delete_both, &of_a, NULL);
	of_a.other = loop_add(loop, b[0], EPOLLIN, delete_both, &of_b, NULL);
	run_for(loop, 30);
	assert_int_equal(of_a.count + of_b.count, 1);
	loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(a[i]);
		close(b[i]);
	}
}

static void test_regular_file_is_refused(void **state)
{
	struct loop *loop = loop_new(NULL);
	FILE *file = tmpfile();
	auto_err *e = NULL;
	assert_null(loop_add(loop, fileno(file), EPOLLIN, read_one, NULL, &e));
	assert_non_null(e);
	fclose(file);
	loop_free(loop);
}

/* ---- timers ---- */

struct order {
	int order[64];
	int count;
};

struct numbered {
	struct order *order;
	int number;
};

static void note(struct loop_timer *timer, void *arg)
{
	struct numbered *n = arg;
	n->order->order[n->order->count++] = n->number;
}

static void test_timers_fire_in_order(void **state)
{
	enum { COUNT = 40 };
	struct loop *loop = loop_new(NULL);
	struct order order = {.count = 0};
	struct numbered n[COUNT];
	struct loop_timer *timers[COUNT];
	int64_t now = time_mono();
	for (int i = 0; i < COUNT; i++) {
		n[i] = (struct numbered){&order, i};
		timers[i] = loop_timer_add(loop, now + (i * 7 % COUNT) * MS / 4, note, &n[i]);
	}
	/* every fourth is disarmed, every fifth deleted */
	for (int i = 0; i < COUNT; i++) {
		if (i % 5 == 0) {
			loop_timer_del(timers[i]);
			timers[i] = NULL;
		} else if (i % 4 == 0) {
			loop_timer_set(timers[i], -1);
		}
	}
	run_for(loop, 50);
	int expected = 0;
	for (int i = 0; i < COUNT; i++)
		expected += i % 5 != 0 && i % 4 != 0;
	assert_int_equal(order.count, expected);
	for (int i = 1; i < order.count; i++)
		assert_true(order.order[i - 1] * 7 % COUNT < order.order[i] * 7 % COUNT);
	for (int i = 0; i < COUNT; i++)
		loop_timer_del(timers[i]);
	loop_free(loop);
}

static void again(struct loop_timer *timer, void *arg)
{
	struct seen *seen = arg;
	seen->count++;
	loop_timer_set(timer, 0);
}

/* A timer that is always due must not starve descriptors. */
static void test_busy_timer_does_not_starve(void **state)
{
	struct loop *loop = loop_new(NULL);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	struct seen ticks = {0}, seen = {.loop = loop};
	struct loop_timer *timer = loop_timer_add(loop, 0, again, &ticks);
	loop_add(loop, fds[0], EPOLLIN, read_one, &seen, NULL);
	assert_int_equal(write(fds[1], "abc", 3), 3);
	run_for(loop, 20000);
	assert_int_equal(seen.count, 3);
	assert_true(ticks.count > 0);
	loop_timer_del(timer);
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

/* ---- posts ---- */

enum { POSTERS = 4, POSTS = 5000 };

struct poster {
	struct loop *loop;
	int next; /* looked at on the loop only */
	int *left;
};

struct message {
	struct poster *poster;
	int number;
};

static void receive(void *arg)
{
	struct message *m = arg;
	assert_true(loop_is_mine(m->poster->loop));
	assert_int_equal(m->number, m->poster->next++);
	if (--*m->poster->left == 0)
		loop_stop(m->poster->loop);
	free(m);
}

static void *post(void *arg)
{
	struct poster *p = arg;
	for (int i = 0; i < POSTS; i++) {
		struct message *m = xmalloc(sizeof(*m));
		*m = (struct message){p, i};
		loop_post(p->loop, receive, m);
	}
	return NULL;
}

static void test_posts_arrive_in_order(void **state)
{
	struct loop *loop = loop_new(NULL);
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];
	int left = POSTERS * POSTS;
	for (int i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){loop, 0, &left};
		pthread_create(&threads[i], NULL, post, &posters[i]);
	}
	run_for(loop, 20000);
	assert_int_equal(left, 0);
	assert_false(loop_is_mine(loop));
	for (int i = 0; i < POSTERS; i++)
		pthread_join(threads[i], NULL);
	loop_free(loop);
}

static void count_down(void *arg)
{
	--*(int *)arg;
}

static void test_free_runs_what_is_left(void **state)
{
	struct loop *loop = loop_new(NULL);
	int left = 2;
	loop_post(loop, count_down, &left);
	loop_post(loop, count_down, &left);
	loop_free(loop);
	assert_int_equal(left, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_deleted_source_is_not_called),
		cmocka_unit_test(test_regular_file_is_refused),
		cmocka_unit_test(test_timers_fire_in_order),
		cmocka_unit_test(test_busy_timer_does_not_starve),
		cmocka_unit_test(test_posts_arrive_in_order),
		cmocka_unit_test(test_free_runs_what_is_left),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
