/*
 * The memory that children share with the supervisor (lane.h), and children that were taken over: what is hashed is what
 * is unpacked, and what they say of the memory is not believed. Needs root.
 */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "children.h"
#include "hash.h"
#include "staged.h"

static char big[10u << 20]; /* several times a lane */

/* Whether what it reads can be written by it; what it writes, it can at any time. */
static int try_memory(struct lane *in, struct err **err)
{
	char *again = mremap(in->slots, 0, LANE_SLOT, MREMAP_MAYMOVE);
	if (mprotect(in->slots, LANE_SLOT, PROT_READ | PROT_WRITE) == 0 ||
		(again != MAP_FAILED && mprotect(again, LANE_SLOT, PROT_READ | PROT_WRITE) == 0))
		return children_could(err, "write to what it reads");
	if (madvise(in->slots, LANE_SLOT, MADV_REMOVE) == 0)
		return children_could(err, "take away what it reads");
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return children_could(err, "share memory");
	if (memfd_create("mine", 0) >= 0)
		return children_could(err, "make memory");
	return 0;
}

/* Whether bytes could be changed, or lost, after they were hashed. */
static int attack_lanes(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec io = {page, 4096};
	int on = 1;
	if (vmsplice(out->full, &io, 1, SPLICE_F_GIFT) >= 0)
		return children_could(err, "vmsplice");
	if (splice(in->full, NULL, out->full, NULL, 1, 0) >= 0 ||
		tee(in->full, out->full, 1, 0) >= 0 ||
		syscall(SYS_sendfile, out->full, in->full, NULL, 1) >= 0)
		return children_could(err, "splice");
	if (fcntl(out->full, F_SETFL, O_DIRECT) == 0 || ioctl(out->full, FIONBIO, &on) == 0)
		return children_could(err, "make packets");
	if (madvise(out->slots, LANE_SLOT, MADV_REMOVE) == 0)
		return children_could(err, "take away what the supervisor reads");
	if (openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
		return children_could(err, "open a file");
	if (try_memory(in, err) < 0 || children_try_everybody(err) < 0)
		return -1;
	return children_copy(in, out, how, err);
}

static void an_inflating_child_cannot_change_what_was_hashed(void **state)
{
	struct fixture *f = *state;
	const struct child_tools tools = {.inflate = attack_lanes, .unpack = children_make_empty};
	struct verdict v = stage(f, &tools, GZIP_MAGIC "bytes", 7, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
	expect_sibling_untouched(f);
}

static int attack_memory(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	return try_memory(in, err) < 0 ? -1 : children_make_empty(in, index, limits, out, err);
}

static void an_unpacking_child_cannot_change_what_is_hashed(void **state)
{
	const struct child_tools tools = {.inflate = children_copy, .unpack = attack_memory};
	static const char *const blobs[] = {"plain", GZIP_MAGIC "bytes"};
	for (size_t i = 0; i < ARRAY_LEN(blobs); i++) {
		struct verdict v = stage(*state, &tools, blobs[i], strlen(blobs[i]), true);
		assert_string_equal(v.text, "");
		assert_int_equal(v.r, 0);
		assert_int_equal(
			tree_remove(((struct fixture *)*state)->staging, "layer.1", NULL), 0);
		assert_int_equal(
			tree_remove(((struct fixture *)*state)->staging, "recipe.1", NULL), 0);
	}
}

/* Goes on writing to all of its memory while the supervisor reads it. */
static int scribble(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	for (int i = 0; i < 100; i++) {
		void *room = lane_room(out);
		if (room)
			memset(room, i, LANE_SLOT);
		if (!room || lane_put(out, LANE_SLOT) < 0)
			return err_sys(err, errno, "write");
		for (int j = 0; j < 5; j++)
			memset(out->slots, 100 + i + j, (size_t)LANE_SLOTS * LANE_SLOT);
	}
	uint64_t n;
	return children_drain(in, &n);
}

/* Leaves the digest of what it was given in the layer. */
static int keep_digest(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	auto_hash *h = hash_new();
	struct digest d;
	const void *p;
	ssize_t n;
	uint64_t size = 0;
	for (; (n = lane_take(in, &p)) > 0; size += (uint64_t)n)
		hash_add(h, p, (size_t)n);
	hash_end(h, &d);
	if (children_make_empty(in, index, limits, out, err) < 0)
		return -1;
	out->tar_size = size;
	auto_fd int fd = openat(AT_FDCWD, "layer.1/digest", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 || fd_write_all(fd, d.str, strlen(d.str)) < 0
		       ? err_sys(err, errno, "keep the digest")
		       : 0;
}

static void what_is_unpacked_is_what_was_hashed_though_the_memory_changes(void **state)
{
	struct fixture *f = *state;
	auto_buf b = BUF_INIT;
	const struct child_tools tools = {.inflate = scribble, .unpack = keep_digest};
	struct verdict v = stage(f, &tools, GZIP_MAGIC "x", 3, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.tar_size, 100 * LANE_SLOT);
	assert_int_equal(file_read(f->staging, "layer.1/digest", 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), v.diff_id.str);
}

/* ---- lies ---- */

static int say_length(struct lane *in, struct lane *out, uint32_t n, struct err **err)
{
	uint64_t got;
	if (fd_write_all(out->full, &n, sizeof(n)) < 0)
		return err_sys(err, errno, "write");
	return children_drain(in, &got);
}

static int say_nothing_came(
	struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	return say_length(in, out, 0, err);
}

static int say_too_much_came(
	struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	return say_length(in, out, LANE_SLOT + 1, err);
}

static int say_half_a_length(
	struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	uint64_t got;
	return fd_write_all(out->full, "\1\0", 2) < 0 ? -1 : children_drain(in, &got);
}

/* Never waits until a slot is free. */
static int flood(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	while (say_length(in, out, 1, err) == 0)
		;
	return -1;
}

/* Gives back what it was not given. */
static int give_back_all(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	static const char many[4096];
	if (fd_write_all(in->back, many, sizeof(many)) < 0)
		return err_sys(err, errno, "write");
	return children_stay(in, index, limits, out, err);
}

static void expect_a_lie(
	struct fixture *f, const struct child_tools *tools, const char *bytes, size_t n)
{
	struct verdict v = stage(f, tools, bytes, n, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	assert_non_null(strstr(v.text, "layer sha256:test: the memory that is shared"));
	expect_no_layer(f);
}

static void a_child_that_lies_about_its_memory_is_refused(void **state)
{
	static int (*const inflates[])(struct lane *, struct lane *, enum compression,
		struct err **) = {say_nothing_came, say_too_much_came, say_half_a_length, flood};
	for (size_t i = 0; i < ARRAY_LEN(inflates); i++) {
		const struct child_tools tools = {
			.inflate = inflates[i], .unpack = children_make_empty};
		expect_a_lie(*state, &tools, GZIP_MAGIC "x", 3);
	}
	const struct child_tools tools = {.inflate = children_copy, .unpack = give_back_all};
	memset(big, 'x', sizeof(big));
	expect_a_lie(*state, &tools, big, sizeof(big));
	memcpy(big, GZIP_MAGIC, 2);
	expect_a_lie(*state, &tools, big, sizeof(big));
}

#define T(test) cmocka_unit_test_setup_teardown(test, staged_setup, staged_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_inflating_child_cannot_change_what_was_hashed),
		T(an_unpacking_child_cannot_change_what_is_hashed),
		T(what_is_unpacked_is_what_was_hashed_though_the_memory_changes),
		T(a_child_that_lies_about_its_memory_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
