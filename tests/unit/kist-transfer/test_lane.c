/* A lane between two processes: bytes, ends, deaths, and children that lie. */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "hash.h"
#include "lane.h"

#define SIZE ((size_t)LANE_SLOTS * LANE_SLOT)

/** The supervisor's end, and the child's in the same process. */
struct pair {
	struct lane ours, theirs;
};

static void make(struct lane *l, bool writes)
{
	auto_err *err = NULL;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(lane_make(l, writes, &err), 0);
	assert_int_equal(lane_connect(l, &err), 0);
}

static struct pair pair_make(bool writes)
{
	struct pair p;
	make(&p.ours, writes);
	assert_int_equal(
		lane_join(&p.theirs, &p.ours, p.ours.child_full, p.ours.child_back, NULL), 0);
	p.ours.child_full = p.ours.child_back = -1;
	lane_started(&p.ours);
	return p;
}

static void pair_free(struct pair *p)
{
	lane_free(&p->theirs);
	lane_free(&p->ours);
}

static void put(struct lane *l, char byte, size_t n)
{
	char *room = lane_room(l);
	assert_non_null(room);
	memset(room, byte, n);
	assert_int_equal(lane_put(l, n), 0);
}

static void expect(struct lane *l, char byte, size_t n)
{
	const void *p;
	assert_int_equal(lane_take(l, &p), n);
	assert_int_equal(((const char *)p)[0], byte);
	assert_int_equal(((const char *)p)[n - 1], byte);
}

static void expect_failure(long r, int error)
{
	assert_int_equal(r, -1);
	assert_int_equal(errno, error);
}

static void expect_no_room(struct lane *l, int error)
{
	assert_null(lane_room(l));
	assert_int_equal(errno, error);
}

/* ---- bytes ---- */

static void slots_are_used_in_turn_and_over_again(void **state)
{
	for (int writes = 0; writes < 2; writes++) {
		struct pair p = pair_make(writes);
		struct lane *from = writes ? &p.ours : &p.theirs;
		struct lane *to = writes ? &p.theirs : &p.ours;
		for (size_t i = 0; i < 5 * LANE_SLOTS; i++) {
			put(from, (char)i, 1 + i);
			if (i >= 2)
				expect(to, (char)(i - 2), i - 1);
		}
		put(from, 'z', LANE_SLOT);
		expect(to, (char)(5 * LANE_SLOTS - 2), 5 * LANE_SLOTS - 1);
		expect(to, (char)(5 * LANE_SLOTS - 1), 5 * LANE_SLOTS);
		expect(to, 'z', LANE_SLOT);
		pair_free(&p);
	}
}

static void what_does_not_fit_a_slot_is_not_put(void **state)
{
	struct pair p = pair_make(true);
	assert_non_null(lane_room(&p.ours));
	expect_failure(lane_put(&p.ours, 0), EINVAL);
	expect_failure(lane_put(&p.ours, LANE_SLOT + 1), EINVAL);
	pair_free(&p);
}

static void a_slow_reader_is_waited_for_and_loses_nothing(void **state)
{
	struct pair p = pair_make(true);
	for (int i = 0; i < LANE_SLOTS; i++)
		put(&p.ours, (char)i, 10);
	assert_true(lane_is_full(&p.ours));
	expect_no_room(&p.ours, EAGAIN);
	struct pollfd back = {p.ours.back, POLLIN, 0};
	expect(&p.theirs, 0, 10);
	/* it still looks at it */
	assert_int_equal(poll(&back, 1, 0), 0);
	expect(&p.theirs, 1, 10);
	assert_int_equal(poll(&back, 1, 0), 1);
	put(&p.ours, 'x', 10);
	expect_no_room(&p.ours, EAGAIN);
	for (int i = 2; i < LANE_SLOTS; i++)
		expect(&p.theirs, (char)i, 10);
	expect(&p.theirs, 'x', 10);
	pair_free(&p);
}

static void a_reader_of_ours_does_not_wait(void **state)
{
	struct pair p = pair_make(false);
	const void *bytes;
	expect_failure(lane_take(&p.ours, &bytes), EAGAIN);
	/* nor for the rest of a length */
	assert_int_equal(write(p.theirs.full, "\1", 1), 1);
	expect_failure(lane_take(&p.ours, &bytes), EAGAIN);
	assert_int_equal(write(p.theirs.full, "\0\0\0", 3), 3);
	assert_int_equal(lane_take(&p.ours, &bytes), 1);
	pair_free(&p);
}

/* Pieces of many sizes, until the lane has gone round often; returns how many bytes. */
static uint64_t write_pieces(struct lane *l, int pieces, struct hash *h)
{
	uint64_t total = 0;
	for (int i = 0; i < pieces; i++) {
		size_t n = 1 + (size_t)i * 7919 % LANE_SLOT;
		char *room = lane_room(l);
		if (!room)
			return 0;
		for (size_t at = 0; at < n; at++)
			room[at] = (char)(at * 31 + (size_t)i);
		hash_add(h, room, n);
		if (lane_put(l, n) < 0)
			return 0;
		total += n;
	}
	return total;
}

static void read_pieces(struct lane *l, struct hash *h)
{
	const void *p;
	ssize_t n;
	while ((n = lane_take(l, &p)) != 0) {
		struct pollfd full = {l->full, POLLIN, 0};
		if (n > 0)
			hash_add(h, p, (size_t)n);
		else if (errno != EAGAIN || poll(&full, 1, 60000) != 1)
			fail();
	}
}

static void all_bytes_of_a_child_arrive_in_order(void **state)
{
	struct lane l;
	auto_hash *sent = hash_new(), *got = hash_new();
	struct digest want, is;
	int told[2];
	make(&l, false);
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct lane mine;
		if (lane_join(&mine, &l, l.child_full, l.child_back, NULL) < 0)
			_exit(1);
		lane_close(&l);
		write_pieces(&mine, 300, sent);
		hash_end(sent, &want);
		_exit(fd_write_all(told[1], &want, sizeof(want)) < 0);
	}
	lane_started(&l);
	read_pieces(&l, got);
	hash_end(got, &is);
	assert_int_equal(fd_read_full(told[0], &want, sizeof(want)), 0);
	assert_string_equal(is.str, want.str);
	assert_int_equal(proc_wait(pid), 0);
	close(told[0]);
	close(told[1]);
	lane_free(&l);
}

/* ---- ends and deaths ---- */

static void what_was_put_before_the_writer_ended_is_read(void **state)
{
	struct pair p = pair_make(false);
	const void *bytes;
	put(&p.theirs, 'a', 5);
	put(&p.theirs, 'b', LANE_SLOT);
	lane_free(&p.theirs);
	expect(&p.ours, 'a', 5);
	expect(&p.ours, 'b', LANE_SLOT);
	assert_int_equal(lane_take(&p.ours, &bytes), 0);
	assert_int_equal(lane_take(&p.ours, &bytes), 0);
	pair_free(&p);
}

static void a_child_reads_to_the_end_after_the_supervisor_closed(void **state)
{
	struct pair p = pair_make(true);
	const void *bytes;
	put(&p.ours, 'a', 5);
	put(&p.ours, 'b', 6);
	lane_close(&p.ours);
	expect(&p.theirs, 'a', 5);
	expect(&p.theirs, 'b', 6);
	assert_int_equal(lane_take(&p.theirs, &bytes), 0);
	pair_free(&p);
}

static void a_length_that_broke_off_is_not_an_end(void **state)
{
	struct pair p = pair_make(false);
	const void *bytes;
	assert_int_equal(write(p.theirs.full, "\1\0", 2), 2);
	lane_close(&p.theirs);
	expect_failure(lane_take(&p.ours, &bytes), EPROTO);
	pair_free(&p);
}

static void a_writer_hears_that_the_reader_is_gone(void **state)
{
	for (int writes = 0; writes < 2; writes++) {
		struct pair p = pair_make(writes);
		struct lane *from = writes ? &p.ours : &p.theirs;
		put(from, 'a', 1);
		lane_close(writes ? &p.theirs : &p.ours);
		assert_non_null(lane_room(from));
		expect_failure(lane_put(from, 1), EPIPE);
		pair_free(&p);
		p = pair_make(writes);
		from = writes ? &p.ours : &p.theirs;
		for (int i = 0; i < LANE_SLOTS; i++)
			put(from, 'a', 1);
		lane_close(writes ? &p.theirs : &p.ours);
		expect_no_room(from, EPIPE);
		pair_free(&p);
	}
}

/* The child puts @pieces and waits to be killed. */
static pid_t start_killable(struct lane *l, bool reads, int pieces, int told)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	struct lane mine;
	const void *bytes;
	if (lane_join(&mine, l, l->child_full, l->child_back, NULL) < 0)
		_exit(1);
	lane_close(l);
	for (int i = 0; i < pieces; i++)
		if (reads ? lane_take(&mine, &bytes) <= 0
			  : !lane_room(&mine) || lane_put(&mine, 1) < 0)
			_exit(1);
	if (write(told, "x", 1) == 1)
		pause();
	_exit(1);
}

static void kill_now(pid_t pid, int told)
{
	char x;
	assert_int_equal(read(told, &x, 1), 1);
	kill(pid, SIGKILL);
	assert_int_not_equal(proc_wait(pid), 0);
}

static void a_writer_killed_after_any_slot_is_an_end(void **state)
{
	for (int pieces = 0; pieces <= LANE_SLOTS; pieces++) {
		struct lane l;
		const void *bytes;
		int told[2];
		make(&l, false);
		assert_int_equal(pipe2(told, O_CLOEXEC), 0);
		pid_t pid = start_killable(&l, false, pieces, told[1]);
		lane_started(&l);
		kill_now(pid, told[0]);
		for (int i = 0; i < pieces; i++)
			assert_int_equal(lane_take(&l, &bytes), 1);
		assert_int_equal(lane_take(&l, &bytes), 0);
		lane_free(&l);
		close(told[0]);
		close(told[1]);
	}
}

static void a_reader_killed_after_any_slot_is_heard_of(void **state)
{
	for (int pieces = 0; pieces <= LANE_SLOTS; pieces++) {
		struct lane l;
		int told[2];
		make(&l, true);
		assert_int_equal(pipe2(told, O_CLOEXEC), 0);
		pid_t pid = start_killable(&l, true, pieces, told[1]);
		lane_started(&l);
		for (int i = 0; i < LANE_SLOTS; i++)
			put(&l, 'a', 1);
		kill_now(pid, told[0]);
		void *room = lane_room(&l); /* what it gave back before is believed */
		assert_int_equal(room == NULL, pieces <= 1);
		expect_failure(room ? lane_put(&l, 1) : -1, EPIPE);
		lane_free(&l);
		close(told[0]);
		close(told[1]);
	}
}

/* ---- lies ---- */

static void a_length_outside_of_the_slot_is_refused(void **state)
{
	static const uint32_t lengths[] = {0, LANE_SLOT + 1, SIZE, INT32_MAX, UINT32_MAX};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct pair p = pair_make(false);
		const void *bytes = NULL;
		assert_int_equal(write(p.theirs.full, &lengths[i], 4), 4);
		expect_failure(lane_take(&p.ours, &bytes), EPROTO);
		assert_null(bytes);
		pair_free(&p);
	}
}

static void slots_that_the_reader_never_had_are_not_taken_back(void **state)
{
	static const char many[1000];
	struct pair p = pair_make(true);
	for (int i = 0; i < LANE_SLOTS; i++)
		put(&p.ours, 'a', 1);
	assert_int_equal(write(p.theirs.back, many, sizeof(many)), sizeof(many));
	expect_no_room(&p.ours, EPROTO);
	pair_free(&p);
}

/* What it gives back it has not read: lengths pile up in the pipe. */
static void a_reader_that_never_looks_is_refused_and_not_waited_for(void **state)
{
	struct pair p = pair_make(true);
	int r = 0;
	for (int i = 0; r == 0 && i < 1000000; i++) {
		if (lane_is_full(&p.ours))
			assert_int_equal(write(p.theirs.back, "x", 1), 1);
		assert_non_null(lane_room(&p.ours));
		r = lane_put(&p.ours, 1);
	}
	expect_failure(r, EPROTO);
	pair_free(&p);
}

static void a_writer_that_never_waits_is_refused_and_not_waited_for(void **state)
{
	static const uint32_t one = 1;
	struct pair p = pair_make(false);
	const void *bytes;
	ssize_t n = 1;
	for (int i = 0; n == 1 && i < 1000000; i++) {
		assert_int_equal(write(p.theirs.full, &one, sizeof(one)), sizeof(one));
		n = lane_take(&p.ours, &bytes);
	}
	expect_failure(n, EPROTO);
	pair_free(&p);
}

/* ---- memory ---- */

static void what_a_child_reads_it_can_never_write(void **state)
{
	struct lane l, child;
	make(&l, true);
	assert_int_equal(lane_join(&child, &l, -1, -1, NULL), 0);
	expect_failure(mprotect(child.slots, SIZE, PROT_READ | PROT_WRITE), EACCES);
	void *again = mremap(child.slots, 0, SIZE, MREMAP_MAYMOVE);
	if (again != MAP_FAILED)
		expect_failure(mprotect(again, SIZE, PROT_READ | PROT_WRITE), EACCES);
	void *shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, l.memory, 0);
	assert_true(shared == MAP_FAILED);
	expect_failure(pwrite(l.memory, "x", 1, 0), EPERM);
	if (again != MAP_FAILED)
		munmap(again, SIZE);
	lane_free(&child);
	lane_free(&l);
}

static void the_memory_stays_as_large_as_it_was_made(void **state)
{
	for (int writes = 0; writes < 2; writes++) {
		struct lane l;
		make(&l, writes);
		expect_failure(ftruncate(l.memory, 0), EPERM);
		expect_failure(ftruncate(l.memory, (off_t)SIZE * 2), EPERM);
		expect_failure(fcntl(l.memory, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
		lane_free(&l);
	}
}

static void no_child_has_what_the_supervisor_has_mapped(void **state)
{
	for (int writes = 0; writes < 2; writes++) {
		struct lane l;
		unsigned char there[SIZE / 4096];
		make(&l, writes);
		assert_int_equal(mincore(l.slots, SIZE, there), 0);
		pid_t pid = fork();
		if (pid == 0)
			_exit(mincore(l.slots, SIZE, there) < 0 && errno == ENOMEM ? 0 : 1);
		assert_int_equal(proc_wait(pid), 0);
		lane_free(&l);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_used_in_turn_and_over_again),
		cmocka_unit_test(what_does_not_fit_a_slot_is_not_put),
		cmocka_unit_test(a_slow_reader_is_waited_for_and_loses_nothing),
		cmocka_unit_test(a_reader_of_ours_does_not_wait),
		cmocka_unit_test(all_bytes_of_a_child_arrive_in_order),
		cmocka_unit_test(what_was_put_before_the_writer_ended_is_read),
		cmocka_unit_test(a_child_reads_to_the_end_after_the_supervisor_closed),
		cmocka_unit_test(a_length_that_broke_off_is_not_an_end),
		cmocka_unit_test(a_writer_hears_that_the_reader_is_gone),
		cmocka_unit_test(a_writer_killed_after_any_slot_is_an_end),
		cmocka_unit_test(a_reader_killed_after_any_slot_is_heard_of),
		cmocka_unit_test(a_length_outside_of_the_slot_is_refused),
		cmocka_unit_test(slots_that_the_reader_never_had_are_not_taken_back),
		cmocka_unit_test(a_reader_that_never_looks_is_refused_and_not_waited_for),
		cmocka_unit_test(a_writer_that_never_waits_is_refused_and_not_waited_for),
		cmocka_unit_test(what_a_child_reads_it_can_never_write),
		cmocka_unit_test(the_memory_stays_as_large_as_it_was_made),
		cmocka_unit_test(no_child_has_what_the_supervisor_has_mapped),
	};
	hash_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
