/* A tree becomes a tar and the tar the same tree again. Root for devices, owners and trusted attributes. */
#include "../cmocka_all.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "copytree.h"
#include "pack.h"
#include "ring.h"
#include "trees.h"
#include "treewalk.h"
#include "unpack.h"

static void set_time(int dir, const char *name, time_t s, long ns)
{
	struct timespec t[2] = {{s, ns}, {s, ns}};
	assert_int_equal(utimensat(dir, name, t, AT_SYMLINK_NOFOLLOW), 0);
}

static void set_attr(int dir, const char *name, const char *key, const char *value, size_t n)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	if (fsetxattr(fd, key, value, n, 0) < 0)
		fail_msg("%s: %s: %m", name, key);
}

/* Unpacks below the folder @name of the test's, which it returns. */
static int unpack_within(struct trees *t, const char *name, const struct buf *tar,
	struct unpack_limits *limits, struct err **err)
{
	mkdirat(t->top, name, 0755);
	int dir = openat(t->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_free char *recipe = xasprintf("%s.recipe", name);
	mkdirat(t->top, recipe, 0700);
	auto_fd int side = openat(t->top, recipe, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ring *ring = ring_new();
	for (size_t at = 0; at < tar->len;) {
		size_t n = tar->len - at < RING_SLOT_SIZE ? tar->len - at : RING_SLOT_SIZE;
		memcpy(ring_room(ring), tar->data + at, n);
		ring_put(ring, n);
		at += n;
	}
	ring_end(ring, true);
	struct unpack_result result;
	const struct unpack_input input = {ring_take, ring};
	int r = unpack_layer(dir, side, &input, UNPACK_KEEP, limits, &result, err);
	ring_free(ring);
	if (r < 0)
		close(dir);
	return r < 0 ? -1 : dir;
}

static int unpack_to(struct trees *t, const char *name, const struct buf *tar)
{
	struct unpack_limits limits = {.max_bytes = 1u << 30, .max_entries = 1000000};
	struct err *err = NULL;
	int dir = unpack_within(t, name, tar, &limits, &err);
	if (dir < 0)
		fail_msg("unpack: %s", err_msg(err));
	return dir;
}

/* The layer that @upper is, unpacked, is the same layer again: nothing was lost on the way. */
static void round_trip(struct trees *t)
{
	auto_buf tar = BUF_INIT;
	auto_buf again = BUF_INIT;
	pack_to(t, pack_layer, &tar);
	struct trees other = *t;
	other.upper = unpack_to(t, "unpacked", &tar);
	pack_to(&other, pack_layer, &again);
	close(other.upper);
	auto_free char *one = listing(&tar);
	auto_free char *two = listing(&again);
	assert_string_equal(one, two);
	assert_int_equal(tar.len, again.len);
	assert_memory_equal(tar.data, again.data, tar.len);
}

static void make_everything(int dir)
{
	mkdirat(dir, "d", 02750);
	put_file(dir, "d/file", "content");
	assert_int_equal(fchownat(dir, "d/file", 1000, 4294967294u, 0), 0);
	fchmodat(dir, "d/file", 06755, 0);
	linkat(dir, "d/file", dir, "hard", 0);
	symlinkat("/etc/passwd", dir, "soft");
	linkat(dir, "soft", dir, "zoft", 0);
	mknodat(dir, "null", S_IFCHR | 0666, makedev(1, 3));
	mknodat(dir, "disk", S_IFBLK | 0660, makedev(259, 1048575));
	mknodat(dir, "fifo", S_IFIFO | 0600, 0);
	mknodat(dir, "socket", S_IFSOCK | 0600, 0);
	mknodat(dir, "gone", S_IFCHR, 0);
	mkdirat(dir, "only", 0700);
	set_attr(dir, "only", "trusted.overlay.opaque", "y", 1);
	put_file(dir, "only/new", "");
	set_attr(dir, "d/file", "user.note", "a\0b\n=", 5);
	set_attr(dir, "d", "user.on-folder", "", 0);
	/* VFS_CAP_REVISION_2 with net_bind_service: chown took it away, so last */
	static const char cap[20] = {1, 0, 0, 2, 0, 4, 0, 0};
	set_attr(dir, "d/file", "security.capability", cap, sizeof(cap));
	set_time(dir, "d/file", 1000000000, 999999999);
	set_time(dir, "soft", -5, 0);
	set_time(dir, "hard", 1ll << 33, 1);
}

static void every_kind_survives_packing_and_unpacking(void **state)
{
	struct trees *t = *state;
	need_root();
	make_everything(t->upper);
	round_trip(t);
	auto_buf tar = BUF_INIT;
	pack_to(t, pack_layer, &tar);
	auto_free char *names = listing(&tar);
	assert_string_equal(names,
		"4 d/\n10 d/file\n6 disk\n1 fifo\n10 .wh.gone\n0 hard -> d/file\n"
		"2 null\n4 only/\n10 only/.wh..wh..opq\n10 only/new\n"
		"12 soft -> /etc/passwd\n0 zoft -> soft\n");
}

static void attributes_are_those_of_the_file(void **state)
{
	struct trees *t = *state;
	need_root();
	make_everything(t->upper);
	auto_buf tar = BUF_INIT;
	pack_to(t, pack_layer, &tar);
	int dir = unpack_to(t, "out", &tar);
	struct stat st;
	char value[32];
	assert_int_equal(fstatat(dir, "d/file", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	assert_int_equal(st.st_uid, 1000);
	assert_true(st.st_gid == 4294967294u);
	assert_true(st.st_mtim.tv_sec == 1ll << 33); /* d/file and hard are one file */
	assert_int_equal(st.st_mtim.tv_nsec, 0);
	assert_int_equal(fstatat(dir, "soft", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_sec, -5);
	assert_int_equal(fstatat(dir, "disk", &st, 0), 0);
	assert_true(st.st_rdev == makedev(259, 1048575));
	auto_fd int fd = openat(dir, "d/file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "user.note", value, sizeof(value)), 5);
	assert_memory_equal(value, "a\0b\n=", 5);
	assert_int_equal(fgetxattr(fd, "security.capability", value, sizeof(value)), 20);
	close(dir);
}

static void names_of_any_bytes_and_length_survive(void **state)
{
	struct trees *t = *state;
	char longest[256];
	memset(longest, 'n', 255);
	longest[255] = '\0';
	put_file(t->upper, "caf\xc3\xa9", "utf-8");
	put_file(t->upper, "caf\xe9", "latin-1");
	put_file(t->upper, "new\nline", "");
	put_file(t->upper, longest, "");
	auto_fd int dir = fcntl(t->upper, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < 12; i++) {
		longest[0] = "\xff\xc3"[i % 2];
		mkdirat(dir, longest, 0755);
		int next = openat(dir, longest, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	put_file(dir, "at the end", "");
	symlinkat(longest, dir, "l1");
	longest[0] = '\xe9';
	symlinkat(longest, dir, "l2");
	longest[100] = '\0';
	put_file(t->upper, longest, ""); /* as long as ustar's field */
	round_trip(t);
}

static void the_longest_name_can_be_deleted(void **state)
{
	struct trees *t = *state;
	char longest[256];
	need_root();
	memset(longest, 'n', 255);
	longest[255] = '\0';
	mknodat(t->upper, longest, S_IFCHR, 0);
	round_trip(t);
}

static void nothing_is_the_empty_layer_that_docker_knows(void **state)
{
	struct trees *t = *state;
	auto_buf tar = BUF_INIT;
	struct digest d;
	pack_to(t, pack_layer, &tar);
	digest_of(tar.data, tar.len, &d);
	assert_string_equal(
		d.str, "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

static void a_mark_as_a_files_name_is_refused(void **state)
{
	struct trees *t = *state;
	struct err *err = NULL;
	auto_buf tar = BUF_INIT;
	mkdirat(t->upper, "d", 0755);
	put_file(t->upper, "d/.wh.bin", "");
	assert_int_equal(try_pack(t, pack_layer, 0, &tar, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, "d/.wh.bin"));
	err_freep(&err);
	pack_to(t, pack_whole, &tar);
}

static void what_overlay_redirects_is_refused(void **state)
{
	struct trees *t = *state;
	struct err *err = NULL;
	auto_buf tar = BUF_INIT;
	need_root();
	mkdirat(t->upper, "moved", 0755);
	set_attr(t->upper, "moved", "trusted.overlay.redirect", "/from", 5);
	assert_int_equal(try_pack(t, pack_layer, 0, &tar, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	err_freep(&err);
}

static void the_whole_is_what_the_container_sees(void **state)
{
	struct trees *t = *state;
	need_root();
	put_file(t->lower, "kept", "");
	put_file(t->lower, "changed", "old");
	put_file(t->lower, "deleted", "");
	mkdirat(t->lower, "merged", 0755);
	put_file(t->lower, "merged/below", "");
	mkdirat(t->lower, "opaque", 0755);
	put_file(t->lower, "opaque/hidden", "");
	mkdirat(t->lower, "opaque/sub", 0755);
	put_file(t->lower, "opaque/sub/hidden", "");
	mkdirat(t->lower, "now-file", 0755);
	put_file(t->lower, "now-file/x", "");
	put_file(t->upper, "changed", "new!");
	mknodat(t->upper, "deleted", S_IFCHR, 0);
	mkdirat(t->upper, "merged", 0700);
	put_file(t->upper, "merged/above", "");
	mkdirat(t->upper, "opaque", 0755);
	set_attr(t->upper, "opaque", "trusted.overlay.opaque", "y", 1);
	mkdirat(t->upper, "opaque/sub", 0755);
	put_file(t->upper, "opaque/sub/own", "");
	put_file(t->upper, "now-file", "");
	auto_buf tar = BUF_INIT;
	pack_to(t, pack_whole, &tar);
	auto_free char *names = listing(&tar);
	assert_string_equal(names,
		"10 changed\n10 kept\n4 merged/\n10 merged/above\n10 merged/below\n"
		"10 now-file\n4 opaque/\n4 opaque/sub/\n10 opaque/sub/own\n");
	auto_buf changes = BUF_INIT;
	set_time(t->lower, "changed", 1, 0);
	pack_to(t, pack_changes, &changes);
	assert_string_equal(buf_str(&changes),
		"[{\"Path\":\"/changed\",\"Kind\":0},{\"Path\":\"/deleted\",\"Kind\":2},"
		"{\"Path\":\"/merged\",\"Kind\":0},{\"Path\":\"/merged/above\",\"Kind\":1},"
		"{\"Path\":\"/now-file\",\"Kind\":0},{\"Path\":\"/opaque\",\"Kind\":0},"
		"{\"Path\":\"/opaque/hidden\",\"Kind\":2},{\"Path\":\"/opaque/sub\",\"Kind\":0},"
		"{\"Path\":\"/opaque/sub/hidden\",\"Kind\":2},"
		"{\"Path\":\"/opaque/sub/own\",\"Kind\":1}]\n");
}

static void hard_links_of_the_two_trees_are_told_apart(void **state)
{
	struct trees *t = *state;
	put_file(t->lower, "a", "lower");
	linkat(t->lower, "a", t->lower, "b", 0);
	put_file(t->upper, "c", "upper");
	linkat(t->upper, "c", t->upper, "d", 0);
	auto_buf tar = BUF_INIT;
	pack_to(t, pack_whole, &tar);
	auto_free char *names = listing(&tar);
	assert_string_equal(names, "10 a\n0 b -> a\n10 c\n0 d -> c\n");
}

/* 3,000 names with room for a few: many passes, the same bytes. */
static void little_memory_changes_nothing(void **state)
{
	struct trees *t = *state;
	for (int i = 0; i < 3000; i++) {
		auto_free char *name = xasprintf("%s%d", i % 3 ? "name-" : "", (i * 7919) % 3000);
		auto_free char *below = xasprintf("%s/%d", name, i);
		if (i % 100 == 0) {
			mkdirat(t->upper, name, 0755);
			put_file(t->upper, below, "");
		} else {
			put_file(i % 2 ? t->upper : t->lower, name, "");
		}
	}
	auto_buf much = BUF_INIT;
	auto_buf little = BUF_INIT;
	pack_to(t, pack_whole, &much);
	struct err *err = NULL;
	assert_int_equal(try_pack(t, pack_whole, 4096, &little, &err), 0);
	assert_int_equal(much.len, little.len);
	assert_memory_equal(much.data, little.data, much.len);
}

static void folders_deeper_than_descriptors_are_packed(void **state)
{
	struct trees *t = *state;
	auto_buf path = BUF_INIT;
	for (int i = 0; i < 500; i++) {
		buf_addf(&path, "%sd", i ? "/" : "");
		assert_int_equal(mkdirat(t->upper, buf_str(&path), 0755), 0);
		if (i % 50 == 0) {
			auto_free char *file = xasprintf("%s/z", buf_str(&path));
			put_file(t->upper, file, "");
		}
	}
	round_trip(t);
}

static void holes_are_zeroes(void **state)
{
	struct trees *t = *state;
	auto_buf one = BUF_INIT;
	auto_buf two = BUF_INIT;
	put_file(t->upper, "f", "");
	auto_fd int fd = openat(t->upper, "f", O_RDWR | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 3000000), 0);
	assert_int_equal(pwrite(fd, "middle", 6, 1500000), 6);
	set_time(t->upper, "f", 1, 0);
	pack_to(t, pack_layer, &one);
	for (off_t i = 0; i < 3000000; i += 6)
		assert_int_equal(pwrite(fd, i == 1500000 ? "middle" : "\0\0\0\0\0", 6, i), 6);
	set_time(t->upper, "f", 1, 0);
	pack_to(t, pack_layer, &two);
	assert_int_equal(one.len, 512 + 3000320 + 1024);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
}

static void what_is_too_much_is_refused(void **state)
{
	struct trees *t = *state;
	struct err *err = NULL;
	auto_buf tar = BUF_INIT;
	put_file(t->upper, "huge", "");
	auto_fd int fd = openat(t->upper, "huge", O_RDWR | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, (1ll << 30) + 1), 0);
	assert_int_equal(try_pack(t, pack_layer, 0, &tar, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_non_null(strstr(err->msg, "huge"));
	err_freep(&err);
}

/* ---- trees that change ---- */

struct changer {
	struct trees *t;
	atomic_bool stop;
};

static void *change_sizes(void *arg)
{
	struct changer *c = arg;
	int fd = openat(c->t->upper, "f", O_RDWR | O_CLOEXEC);
	for (unsigned int i = 0; !atomic_load(&c->stop); i++)
		if (ftruncate(fd, i % 7 * 300001) < 0)
			break;
	close(fd);
	return NULL;
}

static void files_that_change_their_size_leave_the_tar_whole(void **state)
{
	struct changer c = {.t = *state};
	pthread_t thread;
	put_file(c.t->upper, "f", "");
	put_file(c.t->upper, "g", "behind it");
	pthread_create(&thread, NULL, change_sizes, &c);
	for (int i = 0; i < 200; i++) {
		auto_buf tar = BUF_INIT;
		pack_to(c.t, pack_layer, &tar);
		auto_free char *names = listing(&tar);
		assert_string_equal(names, "10 f\n10 g\n");
	}
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
}

static void *swap_folder(void *arg)
{
	struct changer *c = arg;
	while (!atomic_load(&c->stop)) {
		renameat(c->t->upper, "d", c->t->upper, "away");
		symlinkat("../outside", c->t->upper, "d");
		unlinkat(c->t->upper, "d", 0);
		mknodat(c->t->upper, "d", S_IFIFO | 0600, 0);
		unlinkat(c->t->upper, "d", 0);
		renameat(c->t->upper, "away", c->t->upper, "d");
	}
	return NULL;
}

/* What CVE-2018-15664 is about, here for export and commit. */
static void a_folder_swapped_for_a_link_leads_nowhere(void **state)
{
	struct changer c = {.t = *state};
	pthread_t thread;
	mkdirat(c.t->top, "outside", 0755);
	put_file(c.t->top, "outside/secret", "secret");
	mkdirat(c.t->upper, "d", 0755);
	for (int i = 0; i < 30; i++) {
		auto_free char *name = xasprintf("d/%d", i);
		put_file(c.t->upper, name, "");
	}
	pthread_create(&thread, NULL, swap_folder, &c);
	for (int i = 0; i < 500; i++) {
		auto_buf tar = BUF_INIT;
		pack_to(c.t, pack_whole, &tar);
		auto_free char *names = listing(&tar);
		assert_null(strstr(names, "secret"));
	}
	atomic_store(&c.stop, true);
	pthread_join(thread, NULL);
}

/* ---- what unpacking and copying take ---- */

static void put_member(struct archive *a, const char *name, unsigned int type, const char *target)
{
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_filetype(e, type);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, 0);
	if (target)
		archive_entry_set_symlink(e, target);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	archive_entry_free(e);
}

/* @n empty files, each in 300 folders that nothing else names; or behind links that lead into as many. */
static void make_deep_tar(struct buf *out, int n, bool linked)
{
	char deep[601], room[65536];
	size_t used;
	for (size_t i = 0; i < 600; i += 2)
		memcpy(deep + i, "/d", 3);
	struct archive *a = archive_write_new();
	archive_write_set_format_pax_restricted(a);
	assert_int_equal(archive_write_open_memory(a, room, sizeof(room), &used), ARCHIVE_OK);
	for (int i = 0; i < n; i++) {
		auto_free char *folder = xasprintf("%d%s", i, deep);
		auto_free char *link = xasprintf("link%d", i);
		auto_free char *file = xasprintf("%s/f", linked ? link : folder);
		if (linked)
			put_member(a, link, AE_IFLNK, folder);
		put_member(a, file, AE_IFREG, NULL);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	buf_add(out, room, used);
}

static void folders_that_have_no_entry_count_as_files(void **state)
{
	need_root();
	for (int linked = 0; linked < 2; linked++) {
		auto_buf few = BUF_INIT, many = BUF_INIT;
		auto_err *err = NULL;
		struct unpack_limits limits = {.max_bytes = 1u << 30, .max_entries = 1000};
		make_deep_tar(&few, 3, linked);
		auto_fd int dir = unpack_within(*state, linked ? "a" : "b", &few, &limits, &err);
		if (dir < 0)
			fail_msg("%s", err_msg(err));
		limits.entries = 0;
		make_deep_tar(&many, 6, linked);
		assert_int_equal(
			unpack_within(*state, linked ? "c" : "d", &many, &limits, &err), -1);
		assert_int_equal(err->kind, ERR_TOO_LARGE);
	}
}

static void a_copy_takes_no_more_room_than_there_is(void **state)
{
	need_root();
	struct trees *t = *state;
	auto_err *err = NULL;
	for (int i = 0; i < 20; i++) {
		auto_free char *name = xasprintf("%d", i);
		put_file(t->lower, name, "x");
	}
	struct stat st;
	assert_int_equal(fstatat(t->lower, "0", &st, 0), 0);
	if (!st.st_blocks)
		skip(); /* a file system that has room for a byte beside the name */
	struct copy_spec spec = {.to = t->upper,
		.layers = &t->lower,
		.count = 1,
		.spool = t->spool,
		.max_entries = 100,
		.max_bytes = (uint64_t)st.st_blocks * 512 * 5 / 2};
	assert_int_equal(copy_layers(&spec, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PACK_TEST(every_kind_survives_packing_and_unpacking),
		PACK_TEST(attributes_are_those_of_the_file),
		PACK_TEST(names_of_any_bytes_and_length_survive),
		PACK_TEST(the_longest_name_can_be_deleted),
		PACK_TEST(nothing_is_the_empty_layer_that_docker_knows),
		PACK_TEST(a_mark_as_a_files_name_is_refused),
		PACK_TEST(what_overlay_redirects_is_refused),
		PACK_TEST(the_whole_is_what_the_container_sees),
		PACK_TEST(hard_links_of_the_two_trees_are_told_apart),
		PACK_TEST(little_memory_changes_nothing),
		PACK_TEST(folders_deeper_than_descriptors_are_packed),
		PACK_TEST(holes_are_zeroes),
		PACK_TEST(what_is_too_much_is_refused),
		PACK_TEST(files_that_change_their_size_leave_the_tar_whole),
		PACK_TEST(a_folder_swapped_for_a_link_leads_nowhere),
		PACK_TEST(folders_that_have_no_entry_count_as_files),
		PACK_TEST(a_copy_takes_no_more_room_than_there_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
