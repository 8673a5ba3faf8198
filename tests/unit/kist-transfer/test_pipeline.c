/*
 * A supervisor with children that were taken over: whatever they do stays within their own layer, and the digests are
 * those of the bytes. Needs root.
 */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "children.h"
#include "staged.h"

/* ---- what a child can reach ---- */

static int try_files(struct err **err)
{
	static const char *const outside[] = {"../" SIBLING "/new", "/../" SIBLING "/new",
		"/" SIBLING "/new", "/proc/1/root/new", "/staging/new", "/tmp/new"};
	for (size_t i = 0; i < ARRAY_LEN(outside); i++)
		if (openat(CONFINE_CHILD_FOLDER, outside[i], O_WRONLY | O_CREAT | O_CLOEXEC,
			    0600) >= 0 ||
			openat(AT_FDCWD, outside[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
			return children_could(err, outside[i]);
	if (linkat(CONFINE_CHILD_FOLDER, "../" SIBLING "/file", CONFINE_CHILD_FOLDER, "mine", 0) ==
			0 ||
		renameat(CONFINE_CHILD_FOLDER, "../" SIBLING, CONFINE_CHILD_FOLDER, "mine") == 0)
		return children_could(err, "take a sibling's files");
	struct stat up, here;
#if !defined(__SANITIZE_ADDRESS__)
	struct stat in, other;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(0, &in) < 0 || fstat(fd, &other) < 0 || in.st_ino != other.st_ino ||
			in.st_dev != other.st_dev)
			return children_could(err, "change a file of the host's");
#endif
	if (fstatat(CONFINE_CHILD_FOLDER, "..", &up, 0) < 0 ||
		fstatat(CONFINE_CHILD_FOLDER, ".", &here, 0) < 0 || up.st_ino != here.st_ino)
		return children_could(err, "go up");
	if (syscall(SYS_chroot, ".") == 0 || syscall(SYS_fchdir, CONFINE_CHILD_FOLDER) == 0)
		return children_could(err, "change its root");
	if (syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) == 0 ||
		syscall(SYS_open_by_handle_at, CONFINE_CHILD_FOLDER, err, 0) >= 0)
		return children_could(err, "reach another file system");
	return 0;
}

static int attack_files(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	if (try_files(err) < 0 || children_try_everybody(err) < 0)
		return -1;
	return children_make_empty(in, index, limits, out, err);
}

static void an_unpacking_child_reaches_its_own_folder_alone(void **state)
{
	struct fixture *f = *state;
	const struct child_tools tools = {.inflate = children_copy, .unpack = attack_files};
	struct verdict v = stage(f, &tools, "plain", 5, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
	expect_sibling_untouched(f);
}

static struct digest sha256(const char *bytes, size_t n)
{
	struct digest d;
	digest_of(bytes, n, &d);
	return d;
}

/* ---- what a child says ---- */

static char big[3000000];

/* Says one thing and writes another. */
static int write_other(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	uint64_t n;
	children_drain(in, &n);
	return children_write(out, big, sizeof(big), err);
}

static void digests_are_of_what_came_and_of_what_was_unpacked(void **state)
{
	const struct child_tools tools = {.inflate = write_other, .unpack = children_make_empty};
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 4096);
	struct digest in = sha256(GZIP_MAGIC "x", 3), out = sha256(big, sizeof(big));
	for (int unpack = 0; unpack < 2; unpack++) {
		struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, unpack);
		assert_string_equal(v.text, "");
		assert_string_equal(v.blob.str, in.str);
		assert_string_equal(v.diff_id.str, out.str);
		assert_int_equal(v.tar_size, unpack ? sizeof(big) : 0);
	}
	struct verdict v = stage(*state, &tools, big, sizeof(big), false);
	assert_string_equal(v.blob.str, out.str);
	assert_string_equal(v.diff_id.str, out.str);
}

static int claim_more(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	children_make_empty(in, index, limits, out, err);
	out->tar_size++;
	return 0;
}

static void another_length_than_was_hashed_is_refused(void **state)
{
	const struct child_tools tools = {.inflate = children_copy, .unpack = claim_more};
	struct verdict v = stage(*state, &tools, "plain", 5, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	expect_no_layer(*state);
}

/* As if it had used up what all layers have together, and more than numbers can say. */
static int claim_limits(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	limits->bytes = UINT64_MAX;
	limits->entries = UINT64_MAX - 1;
	return children_make_empty(in, index, limits, out, err);
}

static void what_a_child_has_used_never_exceeds_what_there_was(void **state)
{
	const struct child_tools tools = {.inflate = children_copy, .unpack = claim_limits};
	struct verdict v = stage(*state, &tools, "plain", 5, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.limits.bytes, v.limits.max_bytes);
	assert_int_equal(v.limits.entries, v.limits.max_entries);
}

/* Has seen the end of what is compressed before that of the blob. */
static int inflate_some(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	const void *some;
	if (lane_take(in, &some) <= 0)
		return err_sys(err, errno, "inflate");
	return children_write(out, "tar", 3, err);
}

static int keep_fifo_open(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	if (mknodat(AT_FDCWD, "fifo", S_IFIFO | 0600, 0) < 0 ||
		openat(AT_FDCWD, "fifo", O_RDWR | O_CLOEXEC) < 0 ||
		renameat(AT_FDCWD, "fifo", AT_FDCWD, "alive") < 0)
		return err_sys(err, errno, "make a fifo");
	return children_make_empty(in, index, limits, out, err);
}

static void what_follows_the_compressed_stream_may_come_after_the_layer_is_unpacked(void **state)
{
	static const char blob[] = GZIP_MAGIC "compressed bytes, then something else";
	const struct child_tools tools = {.inflate = inflate_some, .unpack = keep_fifo_open};
	struct verdict v = stage_late(*state, &tools, blob, sizeof(blob), true, 20);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
	assert_string_equal(v.blob.str, sha256(blob, sizeof(blob)).str);
	assert_string_equal(v.diff_id.str, sha256("tar", 3).str);
}

static int leave_early(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	return 0;
}

static void a_child_that_ends_before_its_input_is_refused(void **state)
{
	const struct child_tools tools = {.inflate = write_other, .unpack = leave_early};
	struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	expect_no_layer(*state);
	v = stage(*state, &tools, big, sizeof(big), true);
	assert_int_equal(v.r, -1);
	expect_no_layer(*state);
}

static int die_half_way(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	if (children_write(out, "half", 4, err) < 0)
		return -1;
	signal(SIGILL, SIG_DFL); /* cmocka's handler */
	__builtin_trap();
}

static void a_stream_that_broke_off_is_never_a_whole_layer(void **state)
{
	const struct child_tools tools = {.inflate = die_half_way, .unpack = children_make_empty};
	struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	assert_non_null(strstr(v.text, "decompressing the layer was ended by signal"));
	expect_no_layer(*state);
}

static int stop_inflating(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	while (sched_yield() == 0)
		;
	return -1;
}

static void a_child_that_stands_still_is_ended(void **state)
{
	static const struct child_tools unpacks = {.inflate = children_copy,
						.unpack = children_stay},
					inflates = {.inflate = stop_inflating,
						.unpack = children_make_empty};
	struct fixture *f = *state;
	f->stall_ms = SHORT_STALL_MS;
	struct verdict v = stage(f, &unpacks, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	assert_string_equal(v.text, "unpacking layer sha256:test stood still for 4 s");
	expect_no_layer(f);
	v = stage(f, &inflates, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	assert_string_equal(v.text, "decompressing layer sha256:test stood still for 4 s");
	expect_no_layer(f);
}

/* ---- what a child can use up ---- */

static int take_memory(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	static const size_t piece = 1u << 20;
	size_t n = 0;
	while (n < 2048 && mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0) != MAP_FAILED)
		n++;
	return err_set(err, ERR_CONFLICT, "%s",
		n << 20 <= CONFINE_CHILD_MEMORY ? "bounded" : "not bounded");
}

static void the_memory_of_a_child_is_bounded(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	const struct child_tools tools = {.inflate = take_memory, .unpack = children_make_empty};
	struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.kind, ERR_CONFLICT);
	assert_string_equal(v.text, "bounded");
}

/* Reads nothing, says nothing, and does not end. */
static int fill_disk(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	static char piece[1 << 16];
	int fd = openat(AT_FDCWD, "rubbish", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, piece, sizeof(piece)) > 0)
		;
	return children_stay(in, index, limits, out, err);
}

static int fill_inodes(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	char name[32];
	for (int i = 0; snprintf(name, sizeof(name), "rubbish%d", i) > 0; i++)
		if (mkdirat(AT_FDCWD, name, 0700) < 0)
			break;
	return children_stay(in, index, limits, out, err);
}

/* On a file system of its own with @room. */
static struct verdict stage_apart(struct fixture *f, const struct child_tools *tools,
	const char *room, const char *bytes, size_t n, bool unpack)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(mount("none", f->dir, "tmpfs", 0, room), 0);
	auto_fd int whole = f->staging;
	f->staging = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct verdict v = stage(f, tools, bytes, n, unpack);
	expect_no_layer(f);
	close(f->staging);
	f->staging = fcntl(whole, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(umount2(f->dir, MNT_DETACH), 0);
	return v;
}

static void a_child_that_fills_the_disk_is_ended(void **state)
{
	static const struct child_tools bytes = {.inflate = children_copy, .unpack = fill_disk},
					inodes = {.inflate = children_copy, .unpack = fill_inodes};
	struct verdict v = stage_apart(*state, &bytes, "size=16m", "plain", 5, true);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_non_null(strstr(v.text, "the disk is full"));
	v = stage_apart(*state, &inodes, "size=16m,nr_inodes=2000", "plain", 5, true);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_non_null(strstr(v.text, "the disk is full"));
}

/* Which needs no child that makes files. */
static void a_blob_that_is_kept_does_not_fill_the_disk(void **state)
{
	const struct child_tools tools = {.inflate = children_copy};
	memcpy(big, GZIP_MAGIC, 2);
	struct verdict v = stage_apart(*state, &tools, "size=3500k", big, sizeof(big), false);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_non_null(strstr(v.text, "the disk is full"));
}

static int refuse_blob(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	return err_set(err, ERR_INVALID, "not this");
}

static void a_refused_blob_is_hashed_to_its_end(void **state)
{
	const struct child_tools tools = {.inflate = refuse_blob, .unpack = children_make_empty};
	memcpy(big, GZIP_MAGIC, 2);
	struct verdict v = stage(*state, &tools, big, sizeof(big), true);
	assert_int_equal(v.kind, ERR_INVALID);
	assert_string_equal(v.text, "not this");
	assert_string_equal(v.blob.str, sha256(big, sizeof(big)).str);
	expect_no_layer(*state);
}

/* A link in the place of the layer, and one that leads to the sibling in what is thrown away. */
static int make_links(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	if (symlinkat("../" SIBLING, AT_FDCWD, "layer.1") < 0 ||
		symlinkat("../" SIBLING, AT_FDCWD, "recipe.1") < 0 ||
		symlinkat("../" SIBLING, AT_FDCWD, "rest") < 0)
		return err_sys(err, errno, "symlinkat");
	return children_drain(in, &out->tar_size);
}

static void links_of_a_child_are_never_followed(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	const struct child_tools tools = {.inflate = children_copy, .unpack = make_links};
	struct verdict v = stage(f, &tools, "plain", 5, true);
	/* what it is the store sees before it gives it a name (commit.c) */
	assert_string_equal(v.text, "");
	assert_int_equal(fstatat(f->staging, "layer.1", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(fstatat(f->staging, "work.1", &st, AT_SYMLINK_NOFOLLOW), -1);
	expect_sibling_untouched(f);
}

#define T(test) cmocka_unit_test_setup_teardown(test, staged_setup, staged_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_unpacking_child_reaches_its_own_folder_alone),
		T(digests_are_of_what_came_and_of_what_was_unpacked),
		T(another_length_than_was_hashed_is_refused),
		T(what_a_child_has_used_never_exceeds_what_there_was),
		T(what_follows_the_compressed_stream_may_come_after_the_layer_is_unpacked),
		T(a_child_that_ends_before_its_input_is_refused),
		T(a_stream_that_broke_off_is_never_a_whole_layer),
		T(a_child_that_stands_still_is_ended),
		T(the_memory_of_a_child_is_bounded),
		T(a_child_that_fills_the_disk_is_ended),
		T(a_blob_that_is_kept_does_not_fill_the_disk),
		T(a_refused_blob_is_hashed_to_its_end),
		T(links_of_a_child_are_never_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
