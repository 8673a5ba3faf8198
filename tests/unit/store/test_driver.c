/*
 * What every storage driver has to keep: the same operations on a container give the same files, the same list of changes and
 * the same layer, byte for byte. Run for each driver (KIST_TEST_DRIVER); the other one in the comparisons is overlay2.
 */
#include "../cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/pack.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ODD "odd \xff\n\\ name \xc3\xa4"

static void put(struct buf *l, struct tar_entry e)
{
	tar_put(l, &e);
}

/* Three layers with everything that a layer can have. */
static void load_image(struct fixture *f)
{
	struct buf l[3] = {0};
	auto_buf archive = BUF_INIT;
	struct err *err = NULL;
	put(&l[0],
		(struct tar_entry){
			.name = "d", .type = '5', .mode = 0751, .uid = 1, .gid = 2, .mtime = 11});
	put(&l[0], (struct tar_entry){.name = "d/file",
			   .type = '0',
			   .mode = 0604,
			   .uid = 3,
			   .gid = 4,
			   .mtime = 12,
			   .data = "data",
			   .xattr = "user.kist",
			   .value = "v"});
	put(&l[0], (struct tar_entry){.name = "d/set",
			   .type = '0',
			   .mode = 06755,
			   .uid = 5,
			   .gid = 6,
			   .mtime = 13,
			   .data = "s"});
	tar_link(&l[0], '1', "d/hard", "d/file");
	tar_link(&l[0], '2', "d/soft", "/nowhere");
	put(&l[0], (struct tar_entry){.name = "d/char",
			   .type = '3',
			   .major = 1,
			   .minor = 3,
			   .mode = 0620,
			   .gid = 5,
			   .mtime = 14});
	put(&l[0], (struct tar_entry){.name = "d/fifo", .type = '6', .mode = 0601, .mtime = 15});
	tar_file(&l[0], "d/" ODD, "odd");
	tar_dir(&l[0], "gone");
	tar_file(&l[0], "gone/x", "x");
	tar_dir(&l[0], "opaque");
	tar_file(&l[0], "opaque/below", "x");
	tar_dir(&l[0], "was-folder");
	tar_file(&l[0], "was-folder/x", "x");
	tar_file(&l[0], "was-file", "x");
	tar_dir(&l[0], "deep");
	tar_dir(&l[0], "deep/er");
	tar_file(&l[0], "deep/er/x", "0");
	tar_end(&l[0]);
	tar_file(&l[1], ".wh.gone", "");
	tar_file(&l[1], "opaque/.wh..wh..opq", "");
	tar_file(&l[1], "opaque/above", "y");
	tar_file(&l[1], "was-folder", "now a file");
	tar_dir(&l[1], "was-file");
	tar_file(&l[1], "was-file/y", "y");
	put(&l[1],
		(struct tar_entry){
			.name = "d", .type = '5', .mode = 0711, .uid = 7, .gid = 8, .mtime = 21});
	tar_file(&l[1], "deep/er/y", "1");
	tar_end(&l[1]);
	tar_file(&l[2], "deep/er/.wh.x", "");
	tar_file(&l[2], "top", "2");
	tar_end(&l[2]);
	struct test_image image = {.layers = l, .count = 3, .tag = "t:latest"};
	make_docker_archive(&archive, &image, 1);
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	for (size_t i = 0; i < ARRAY_LEN(l); i++)
		buf_free(&l[i]);
}

static void make_container(struct fixture *f, const char *id)
{
	struct err *err = NULL;
	auto_store_image *t = store_image_find(f->store, "t", NULL);
	if (store_snapshot_create(f->store, id, &t->id, &err) < 0 ||
		store_snapshot_fill(f->store, id, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static int mount_it(struct fixture *f, const char *id, bool read_only)
{
	struct err *err = NULL;
	int fd = store_snapshot_mount(f->store, id, read_only, &err);
	if (fd < 0)
		fail_msg("mount: %s", err_msg(err));
	return fd;
}

/* ---- what is in a tree, as text ---- */

static void tell_entry(struct buf *out, int dir, const char *path, const char *name);

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void tell_folder(struct buf *out, int dir, const char *path)
{
	auto_strv names = NULL;
	DIR *d = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 3));
	assert_non_null(d);
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, "..") &&
			!str_eq(e->d_name, ".dockerenv")) /* as old as the container */
			strv_add(&names, e->d_name);
	closedir(d);
	if (names)
		qsort(names, strv_len(names), sizeof(*names), by_name);
	for (size_t i = 0; names && names[i]; i++)
		tell_entry(out, dir, path, names[i]);
}

static void tell_attributes(struct buf *out, int fd)
{
	char names[1024], value[256];
	ssize_t n = flistxattr(fd, names, sizeof(names));
	for (char *name = names; name < names + n; name += strlen(name) + 1) {
		if (!str_starts(name, "user."))
			continue;
		ssize_t len = fgetxattr(fd, name, value, sizeof(value));
		buf_addf(out, " %s=%.*s", name, (int)len, value);
	}
}

static void tell_entry(struct buf *out, int dir, const char *path, const char *name)
{
	struct stat st;
	char text[4096];
	auto_free char *full = xasprintf("%s/%s", path, name);
	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	buf_addf(out, "%s %o %u:%u %u:%u %lld", full, st.st_mode, st.st_uid, st.st_gid,
		S_ISCHR(st.st_mode) ? major(st.st_rdev) : 0,
		S_ISCHR(st.st_mode) ? minor(st.st_rdev) : 0, (long long)st.st_mtim.tv_sec);
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dir, name, text, sizeof(text));
		buf_addf(out, " -> %.*s", (int)n, text);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		buf_adds(out, "\n");
		return;
	}
	auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	assert_true(fd >= 0);
	tell_attributes(out, fd);
	if (S_ISREG(st.st_mode)) {
		ssize_t n = pread(fd, text, sizeof(text), 0);
		buf_addf(out, " %lld %.*s", (long long)st.st_size, (int)n, text);
	}
	buf_adds(out, "\n");
	if (S_ISDIR(st.st_mode))
		tell_folder(out, fd, full);
}

static void tell_container(struct fixture *f, const char *id, struct buf *out)
{
	auto_fd int root = mount_it(f, id, true);
	auto_fd int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tell_folder(out, fd, "");
}

/* ---- the other driver ---- */

static void reopen_with(struct fixture *f, const char *driver)
{
	struct err *err = NULL;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = driver};
	store_close(f->store);
	f->store = store_open(&o, &err);
	if (!f->store)
		fail_msg("store_open: %s", err_msg(err));
}

/* ID is a container of the driver under test, ID2 one of overlay2, both of one image. */
static void make_both(struct fixture *f)
{
	load_image(f);
	make_container(f, ID);
	reopen_with(f, "overlay2");
	make_container(f, ID2);
}

static void pack(struct fixture *f, const char *id, enum store_pack_kind kind, struct buf *out)
{
	struct err *err = NULL;
	auto_store_pack *p = store_pack_start(f->store, id, kind, &err);
	if (!p || fd_read_all(store_pack_fd(p), 16 << 20, out, "pack", &err) < 0 ||
		store_pack_result(p, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static void expect_same(struct buf *a, struct buf *b)
{
	if (a->len != b->len || memcmp(a->data, b->data, a->len) != 0) {
		auto_strv x = strv_split(buf_str(a), '\n');
		auto_strv y = strv_split(buf_str(b), '\n');
		for (size_t i = 0; x[i] && y[i]; i++)
			if (!str_eq(x[i], y[i]))
				fail_msg("\"%s\" is not \"%s\"", x[i], y[i]);
		fail_msg("%zu bytes are not %zu", a->len, b->len);
	}
}

/* Runs @change in both; files, list of changes and layer are the same. */
static void compare(struct fixture *f, void (*change)(int root))
{
	make_both(f);
	static const char *const ids[] = {ID, ID2};
	struct buf tree[2] = {0}, list[2] = {0}, layer[2] = {0};
	for (size_t i = 0; i < 2; i++) {
		{
			auto_fd int root = mount_it(f, ids[i], false);
			if (change)
				change(root);
		}
		tell_container(f, ids[i], &tree[i]);
		pack(f, ids[i], STORE_PACK_CHANGES, &list[i]);
		pack(f, ids[i], STORE_PACK_LAYER, &layer[i]);
	}
	expect_same(&tree[0], &tree[1]);
	expect_same(&list[0], &list[1]);
	expect_same(&layer[0], &layer[1]);
	for (size_t i = 0; i < 2; i++) {
		buf_free(&tree[i]);
		buf_free(&list[i]);
		buf_free(&layer[i]);
	}
}

/* ---- changes ---- */

static void set_time(int root, const char *path, time_t t)
{
	const struct timespec times[2] = {{t, 0}, {t, 0}};
	assert_int_equal(utimensat(root, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void write_file(int root, const char *path, const char *text)
{
	auto_fd int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	assert_int_equal(close(steal_fd(&fd)), 0);
	set_time(root, path, 1000);
}

static void make_folder(int root, const char *path)
{
	assert_int_equal(mkdirat(root, path, 0750), 0);
}

static void add(int root)
{
	make_folder(root, "new");
	make_folder(root, "new/er");
	write_file(root, "new/er/file", "1");
	write_file(root, "deep/er/added", "2");
	write_file(root, "new/" ODD, "3");
	assert_int_equal(symlinkat("/etc/shadow", root, "new/link"), 0);
	assert_int_equal(mknodat(root, "new/null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(mknodat(root, "new/fifo", S_IFIFO | 0600, 0), 0);
	assert_int_equal(linkat(root, "new/er/file", root, "new/again", 0), 0);
	auto_fd int fd = openat(root, "new/sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(fsetxattr(fd, "user.mine", "1", 1, 0), 0);
	static const char *const names[] = {
		"new/link", "new/null", "new/fifo", "new/sparse", "new/er", "new", "deep/er"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		set_time(root, names[i], 1001);
}

static void change(int root)
{
	write_file(root, "top", "other");
	write_file(root, "opaque/above", "other");
	assert_int_equal(fchmodat(root, "d/set", 0700, 0), 0);
	assert_int_equal(fchownat(root, "d/soft", 9, 9, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fchmodat(root, "was-file", 0700, 0), 0);
	set_time(root, "d/fifo", 2000);
	set_time(root, "d", 2001);
}

static void change_attributes(int root)
{
	auto_fd int fd = openat(root, "top", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "user.other", "x", 1, 0), 0);
	auto_fd int folder = openat(root, "deep", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(folder, "user.other", "y", 1, 0), 0);
}

static void remove_some(int root)
{
	assert_int_equal(unlinkat(root, "top", 0), 0);
	assert_int_equal(unlinkat(root, "d/" ODD, 0), 0);
	assert_int_equal(tree_remove(root, "opaque", NULL), 0);
	assert_int_equal(unlinkat(root, "deep/er/y", 0), 0);
	set_time(root, "deep/er", 3000);
	set_time(root, "d", 3000);
}

/* Removed and made again: nothing of the image's folder shows through. */
static void replace_folders(int root)
{
	assert_int_equal(tree_remove(root, "deep", NULL), 0);
	make_folder(root, "deep");
	make_folder(root, "deep/er");
	write_file(root, "deep/er/y", "1");
	assert_int_equal(tree_remove(root, "was-file", NULL), 0);
	write_file(root, "was-file", "again");
	assert_int_equal(unlinkat(root, "was-folder", 0), 0);
	make_folder(root, "was-folder");
	assert_int_equal(tree_remove(root, "opaque", NULL), 0);
	make_folder(root, "opaque");
	set_time(root, "deep/er", 4000);
	set_time(root, "deep", 4000);
	set_time(root, "was-folder", 4000);
	set_time(root, "opaque", 4000);
}

static void link_to_the_image(int root)
{
	assert_int_equal(linkat(root, "top", root, "deep/top", 0), 0);
	set_time(root, "deep", 5000);
}

static void touch_a_folder(int root)
{
	write_file(root, "deep/er/temporary", "1");
	assert_int_equal(unlinkat(root, "deep/er/temporary", 0), 0);
	set_time(root, "deep/er", 6000);
}

static void mount_points(int root)
{
	make_folder(root, "proc");
	make_folder(root, "etc");
	assert_int_equal(fchmodat(root, "proc", 0755, 0), 0);
	assert_int_equal(fchmodat(root, "etc", 0755, 0), 0);
	auto_fd int fd = openat(root, "etc/hosts", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644), 0);
	set_time(root, "etc/hosts", 7000);
	set_time(root, "etc", 7000);
	set_time(root, "proc", 7000);
}

#define SAME_AFTER(name, change)                                                                   \
	static void name(void **state)                                                             \
	{                                                                                          \
		need_root();                                                                       \
		umask(0);                                                                          \
		compare(*state, change);                                                           \
	}
SAME_AFTER(an_untouched_container_is_the_image, NULL)
SAME_AFTER(additions_are_the_same, add)
SAME_AFTER(changed_files_are_the_same, change)
SAME_AFTER(changed_attributes_are_the_same, change_attributes)
SAME_AFTER(removals_are_the_same, remove_some)
SAME_AFTER(replaced_folders_are_opaque, replace_folders)
SAME_AFTER(a_new_link_to_a_file_of_the_image_is_the_same, link_to_the_image)
SAME_AFTER(a_folder_that_only_got_another_time_is_the_same, touch_a_folder)
SAME_AFTER(mount_points_are_no_changes, mount_points)

static void an_untouched_container_has_the_empty_layer(void **state)
{
	need_root();
	auto_buf layer = BUF_INIT;
	struct digest d;
	load_image(*state);
	make_container(*state, ID);
	pack(*state, ID, STORE_PACK_LAYER, &layer);
	digest_of(layer.data, layer.len, &d);
	assert_string_equal(
		d.str, "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
}

static void every_container_is_marked_as_one(void **state)
{
	need_root();
	struct stat st;
	load_image(*state);
	make_container(*state, ID);
	auto_fd int root = mount_it(*state, ID, true);
	assert_int_equal(fstatat(root, ".dockerenv", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0755);
	assert_true(st.st_size == 0 && st.st_uid == 0 && st.st_gid == 0);
}

static void everything_of_the_layers_is_kept(void **state)
{
	need_root();
	struct stat a, b;
	load_image(*state);
	make_container(*state, ID);
	auto_fd int root = mount_it(*state, ID, true);
	assert_int_equal(fstatat(root, "d", &a, 0), 0);
	assert_true(a.st_mode == (S_IFDIR | 0711) && a.st_uid == 7 && a.st_gid == 8);
	assert_int_equal(a.st_mtim.tv_sec, 21);
	assert_int_equal(fstatat(root, "d/file", &a, 0), 0);
	assert_int_equal(fstatat(root, "d/hard", &b, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_nlink, 2);
	assert_true(a.st_mode == (S_IFREG | 0604) && a.st_uid == 3 && a.st_gid == 4);
	assert_int_equal(a.st_mtim.tv_sec, 12);
	assert_int_equal(fstatat(root, "d/set", &a, 0), 0);
	assert_int_equal(a.st_mode, S_IFREG | 06755);
	assert_int_equal(faccessat(root, "gone", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(root, "opaque/below", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(root, "deep/er/x", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(root, "was-file/y", F_OK, 0), 0);
	auto_fd int fd = openat(root, "d/file", O_RDONLY | O_CLOEXEC);
	char value[8];
	assert_int_equal(fgetxattr(fd, "user.kist", value, sizeof(value)), 1);
}

/* Some log of logins in an image is one. */
static void a_file_with_a_hole_that_is_longer_than_the_disk_is_kept(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	auto_buf layer = BUF_INIT;
	struct stat st;
	make_layer(&layer, "log", "x");
	auto_free char *folder = load_layer_folder(f, &layer, &err);
	assert_non_null(folder);
	auto_free char *path = xasprintf("%s/log", folder);
	assert_int_equal(truncate(path, 1LL << 42), 0);
	make_container(f, ID);
	auto_fd int mnt = mount_it(f, ID, true);
	assert_int_equal(fstatat(mnt, "log", &st, 0), 0);
	assert_true(st.st_size == 1LL << 42);
	assert_true(st.st_blocks < 1000);
}

static void size_counts_what_was_written(void **state)
{
	need_root();
	struct fixture *f = *state;
	load_image(f);
	make_container(f, ID);
	assert_int_equal(store_snapshot_size_rw(f->store, ID, NULL), 0);
	{
		auto_fd int root = mount_it(f, ID, false);
		write_file(root, "deep/er/added", "12345");
		assert_int_equal(linkat(root, "deep/er/added", root, "again", 0), 0);
	}
	assert_int_equal(store_snapshot_size_rw(f->store, ID, NULL), 5);
}

static void what_one_container_writes_no_other_sees(void **state)
{
	need_root();
	struct fixture *f = *state;
	load_image(f);
	make_container(f, ID);
	make_container(f, ID2);
	{
		auto_fd int root = mount_it(f, ID, false);
		write_file(root, "top", "other");
		assert_int_equal(unlinkat(root, "d/file", 0), 0);
	}
	auto_fd int root = mount_it(f, ID2, true);
	struct stat st;
	assert_int_equal(fstatat(root, "top", &st, 0), 0);
	assert_int_equal(st.st_size, 1);
	assert_int_equal(fstatat(root, "d/file", &st, 0), 0);
}

static void a_container_keeps_its_driver(void **state)
{
	need_root();
	struct fixture *f = *state;
	make_both(f);
	struct store_snapshot d;
	reopen_with(f, "vfs");
	assert_int_equal(store_snapshot_describe(f->store, ID, true, &d, NULL), 0);
	assert_string_equal(d.driver, test_driver());
	store_snapshot_free(&d);
	assert_int_equal(store_snapshot_describe(f->store, ID2, true, &d, NULL), 0);
	assert_string_equal(d.driver, "overlay2");
	assert_int_equal(d.kind, STORE_ROOT_OVERLAY);
	store_snapshot_free(&d);
	close(mount_it(f, ID, false));
	close(mount_it(f, ID2, false));
}

static void *fill(void *arg)
{
	struct err *err = NULL;
	struct fixture *f = arg;
	if (store_snapshot_fill(f->store, ID, &err) == 0)
		return NULL;
	return err;
}

static void several_may_fill_one_container(void **state)
{
	need_root();
	struct fixture *f = *state;
	pthread_t t[4];
	load_image(f);
	auto_store_image *image = store_image_find(f->store, "t", NULL);
	assert_int_equal(store_snapshot_create(f->store, ID, &image->id, NULL), 0);
	make_container(f, ID2);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(pthread_create(&t[i], NULL, fill, f), 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		void *failed;
		pthread_join(t[i], &failed);
		if (failed)
			fail_msg("%s", err_msg(failed));
	}
	auto_buf one = BUF_INIT;
	auto_buf other = BUF_INIT;
	tell_container(f, ID, &one);
	tell_container(f, ID2, &other);
	expect_same(&one, &other);
	assert_int_equal(entries_of(f, "staging"), 0);
}

/* One is removed while it is being filled: nothing of it stays. */
static void a_container_that_goes_while_it_is_filled_leaves_nothing(void **state)
{
	need_root();
	struct fixture *f = *state;
	load_image(f);
	auto_store_image *image = store_image_find(f->store, "t", NULL);
	for (unsigned int round = 0; round < 20; round++) {
		pthread_t t;
		void *failed;
		assert_int_equal(store_snapshot_create(f->store, ID, &image->id, NULL), 0);
		assert_int_equal(pthread_create(&t, NULL, fill, f), 0);
		usleep(round * 400);
		assert_int_equal(store_snapshot_remove(f->store, ID, NULL), 0);
		pthread_join(t, &failed);
		err_free(failed);
		assert_int_equal(entries_of(f, "containers"), 0);
		assert_int_equal(entries_of(f, "staging"), 0);
	}
}

/* Opens the store, makes a container, and is killed after @usec. */
static pid_t start_maker(struct fixture *f, const char *id)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = test_driver()};
	struct store *s = store_open(&o, NULL);
	auto_store_image *t = s ? store_image_find(s, "t", NULL) : NULL;
	if (!t || store_snapshot_create(s, id, &t->id, NULL) < 0 ||
		store_snapshot_fill(s, id, NULL) < 0)
		_exit(1);
	_exit(0);
}

static void a_kill_at_any_moment_leaves_a_whole_container_or_none(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf whole = BUF_INIT;
	load_image(f);
	make_container(f, ID2);
	tell_container(f, ID2, &whole);
	for (unsigned int round = 0; round < 40; round++) {
		store_close(f->store);
		f->store = NULL;
		pid_t pid = start_maker(f, ID);
		usleep(round * 700);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		reopen_with(f, test_driver());
		assert_int_equal(entries_of(f, "staging"), 0);
		struct store_snapshot d;
		if (store_snapshot_describe(f->store, ID, false, &d, NULL) == 0) {
			store_snapshot_free(&d);
			auto_buf now = BUF_INIT;
			tell_container(f, ID, &now);
			expect_same(&now, &whole);
		}
		assert_int_equal(store_snapshot_remove(f->store, ID, NULL), 0);
	}
}

static void overlay_is_refused_where_whiteouts_are_not_its_own(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	close(openat(
		store_root_fd(f->store), "plain-whiteouts", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	store_close(f->store);
	f->store = NULL;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = "overlay2"};
	assert_null(store_open(&o, &err));
	assert_non_null(strstr(err->msg, "overlay2"));
	err_free(err);
	o.driver = NULL;
	f->store = store_open(&o, NULL);
	assert_string_equal(store_driver_name(f->store), "vfs");
}

static void unknown_drivers_are_refused(void **state)
{
	struct fixture *f = *state;
	struct err *err = NULL;
	struct store_options o = {.data_root = f->base, .driver = "floppy"};
	assert_null(store_open(&o, &err));
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, "\"floppy\""));
	err_free(err);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_untouched_container_is_the_image),
		T(an_untouched_container_has_the_empty_layer),
		T(every_container_is_marked_as_one),
		T(everything_of_the_layers_is_kept),
		T(additions_are_the_same),
		T(changed_files_are_the_same),
		T(changed_attributes_are_the_same),
		T(removals_are_the_same),
		T(replaced_folders_are_opaque),
		T(a_new_link_to_a_file_of_the_image_is_the_same),
		T(a_folder_that_only_got_another_time_is_the_same),
		T(mount_points_are_no_changes),
		T(a_file_with_a_hole_that_is_longer_than_the_disk_is_kept),
		T(size_counts_what_was_written),
		T(what_one_container_writes_no_other_sees),
		T(a_container_keeps_its_driver),
		T(several_may_fill_one_container),
		T(a_container_that_goes_while_it_is_filled_leaves_nothing),
		T(a_kill_at_any_moment_leaves_a_whole_container_or_none),
		T(overlay_is_refused_where_whiteouts_are_not_its_own),
		T(unknown_drivers_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
