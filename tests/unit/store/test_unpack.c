/* What a layer becomes on disk. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "fixture.h"

/* Unpacks @layer; the folder, opened. */
static int unpack(struct fixture *f, struct buf *layer)
{
	struct err *err = NULL;
	tar_end(layer);
	auto_free char *path = load_layer_folder(f, layer, &err);
	if (!path)
		fail_msg("load: %s", err_msg(err));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static struct stat st_of(int dir, const char *name)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s: %m", name);
	return st;
}

static bool exists(int dir, const char *name)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static ssize_t xattr(int dir, const char *name, const char *key, char *out, size_t room)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	assert_true(fd >= 0);
	return fgetxattr(fd, key, out, room);
}

static bool is_opaque(int dir, const char *name)
{
	char v[8];
	return xattr(dir, name, "trusted.overlay.opaque", v, sizeof(v)) == 1 && v[0] == 'y';
}

static bool is_whiteout(int dir, const char *name)
{
	struct stat st = st_of(dir, name);
	return S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

static void expect_content(int dir, const char *name, const char *text)
{
	auto_buf b = BUF_INIT;
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 1 << 20, &b, name, NULL), 0);
	assert_string_equal(buf_str(&b), text);
}

static void keeps_owners_modes_times(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_put(&l, &(struct tar_entry){.name = "d",
			    .type = '5',
			    .mode = 03750,
			    .uid = 7,
			    .gid = 8,
			    .mtime = 1000});
	tar_put(&l, &(struct tar_entry){.name = "d/suid",
			    .mode = 06755,
			    .uid = 1000,
			    .gid = 4294967294,
			    .mtime = 2000,
			    .data = "x"});
	tar_put(&l, &(struct tar_entry){.name = "d/link",
			    .type = '2',
			    .link = "/absolute",
			    .uid = 5,
			    .gid = 6,
			    .mtime = 4000,
			    .mode = 0777});
	auto_fd int dir = unpack(*state, &l);
	struct stat st = st_of(dir, "d");
	assert_int_equal(st.st_mode, S_IFDIR | 03750);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 8);
	assert_int_equal(st.st_mtime, 1000); /* although files came into it afterwards */
	st = st_of(dir, "d/suid");
	assert_int_equal(st.st_mode, S_IFREG | 06755);
	assert_int_equal(st.st_uid, 1000);
	assert_true(st.st_gid == 4294967294);
	assert_int_equal(st.st_mtime, 2000);
	st = st_of(dir, "d/link");
	assert_int_equal(st.st_uid, 5);
	assert_int_equal(st.st_mtime, 4000);
}

/* A folder with setgid gives its group to what is made in it, on most file systems; a tar has said otherwise. */
static void takes_no_group_from_a_folder_with_setgid(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_put(&l, &(struct tar_entry){.name = "d", .type = '5', .mode = 02775, .gid = 50});
	tar_put(&l, &(struct tar_entry){.name = "d/file", .mode = 0644, .data = "x"});
	tar_put(&l, &(struct tar_entry){.name = "d/exec", .mode = 0751, .uid = 3, .data = "x"});
	tar_put(&l, &(struct tar_entry){.name = "d/link", .type = '2', .link = "file"});
	tar_put(&l, &(struct tar_entry){.name = "d/fifo", .type = '6', .mode = 0600});
	tar_put(&l, &(struct tar_entry){.name = "d/sub", .type = '5', .mode = 0700});
	auto_fd int dir = unpack(*state, &l);
	static const char *const names[] = {"d/file", "d/exec", "d/link", "d/fifo", "d/sub"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_int_equal(st_of(dir, names[i]).st_gid, 0);
	assert_int_equal(st_of(dir, "d").st_mode, S_IFDIR | 02775);
	assert_int_equal(st_of(dir, "d/sub").st_mode, S_IFDIR | 0700);
	assert_int_equal(st_of(dir, "d/file").st_mode, S_IFREG | 0644);
	assert_int_equal(st_of(dir, "d/exec").st_mode, S_IFREG | 0751);
	assert_int_equal(st_of(dir, "d/exec").st_uid, 3);
}

static void makes_every_kind(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_put(&l, &(struct tar_entry){
			    .name = "null", .type = '3', .major = 1, .minor = 3, .mode = 0666});
	tar_put(&l, &(struct tar_entry){.name = "disk",
			    .type = '4',
			    .major = 8,
			    .minor = 1,
			    .mode = 0660,
			    .gid = 6});
	tar_put(&l, &(struct tar_entry){.name = "fifo", .type = '6', .mode = 0600});
	tar_file(&l, "file", "content");
	tar_link(&l, '1', "hard", "file");
	tar_link(&l, '1', "/abs-hard", "/file");
	tar_link(&l, '2', "soft", "file");
	tar_link(&l, '1', "hard-to-soft", "soft");
	auto_fd int dir = unpack(*state, &l);
	struct stat st = st_of(dir, "null");
	assert_int_equal(st.st_mode, S_IFCHR | 0666);
	assert_true(st.st_rdev == makedev(1, 3));
	st = st_of(dir, "disk");
	assert_int_equal(st.st_mode, S_IFBLK | 0660);
	assert_int_equal(st.st_gid, 6);
	assert_true(S_ISFIFO(st_of(dir, "fifo").st_mode));
	assert_int_equal(st_of(dir, "file").st_nlink, 3);
	assert_int_equal(st_of(dir, "hard").st_ino, st_of(dir, "file").st_ino);
	assert_true(S_ISLNK(st_of(dir, "hard-to-soft").st_mode));
}

static void keeps_attributes(void **state)
{
	need_root();
	static const char caps[20] = {1, 0, 0, 2, 0, 4}; /* cap_net_bind_service=ep */
	char v[64];
	auto_buf l = BUF_INIT;
	tar_put(&l, &(struct tar_entry){.name = "ping",
			    .mode = 0755,
			    .uid = 1,
			    .data = "x",
			    .xattr = "security.capability",
			    .value = caps,
			    .value_len = 20});
	tar_put(&l, &(struct tar_entry){
			    .name = "user", .data = "x", .xattr = "user.note", .value = "hello"});
	tar_put(&l,
		&(struct tar_entry){.name = "dir", .type = '5', .xattr = "user.d", .value = "1"});
	/* what would steer the overlay or belongs to the host is left out */
	tar_put(&l, &(struct tar_entry){.name = "evil",
			    .type = '5',
			    .xattr = "trusted.overlay.redirect",
			    .value = "/../../etc"});
	tar_put(&l, &(struct tar_entry){.name = "evil2",
			    .type = '5',
			    .xattr = "user.overlay.opaque",
			    .value = "y"});
	tar_put(&l,
		&(struct tar_entry){
			.name = "label", .data = "x", .xattr = "security.selinux", .value = "t"});
	auto_fd int dir = unpack(*state, &l);
	assert_int_equal(xattr(dir, "ping", "security.capability", v, sizeof(v)), 20);
	assert_memory_equal(v, caps, 20);
	assert_int_equal(xattr(dir, "user", "user.note", v, sizeof(v)), 5);
	assert_int_equal(xattr(dir, "dir", "user.d", v, sizeof(v)), 1);
	assert_int_equal(xattr(dir, "evil", "trusted.overlay.redirect", v, sizeof(v)), -1);
	assert_int_equal(xattr(dir, "evil2", "user.overlay.opaque", v, sizeof(v)), -1);
	assert_int_equal(xattr(dir, "label", "security.selinux", v, sizeof(v)), -1);
}

static void turns_whiteouts(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_file(&l, "d/.wh.gone", "");
	tar_file(&l, ".wh.top", "");
	tar_dir(&l, "opq");
	tar_file(&l, "opq/.wh..wh..opq", "");
	tar_file(&l, "opq/inside", "x");
	tar_file(&l, ".wh..wh.aufs", "");
	tar_dir(&l, ".wh..wh.plnk");
	tar_file(&l, ".wh..wh.plnk/1.2", "x");
	auto_fd int dir = unpack(*state, &l);
	assert_true(is_whiteout(dir, "d/gone"));
	assert_true(is_whiteout(dir, "top"));
	assert_true(is_opaque(dir, "opq"));
	assert_true(exists(dir, "opq/inside"));
	assert_false(exists(dir, ".wh..wh.aufs"));
	assert_false(exists(dir, ".wh..wh.plnk"));
}

/* Whiteouts concern the layers below, whatever the order inside this layer. */
static void whiteouts_meet_their_own_layer(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_file(&l, ".wh.a", "");
	tar_file(&l, "a", "new");
	tar_file(&l, "b", "new");
	tar_file(&l, ".wh.b", "");
	tar_file(&l, ".wh.c", "");
	tar_dir(&l, "c");
	tar_file(&l, "c/x", "new");
	tar_dir(&l, "e");
	tar_file(&l, "e/x", "new");
	tar_file(&l, ".wh.e", "");
	auto_fd int dir = unpack(*state, &l);
	expect_content(dir, "a", "new");
	expect_content(dir, "b", "new");
	expect_content(dir, "c/x", "new");
	expect_content(dir, "e/x", "new");
	assert_true(is_opaque(dir, "c"));
	assert_true(is_opaque(dir, "e"));
}

static void later_entries_replace(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_file(&l, "f", "1");
	tar_file(&l, "f", "2");
	tar_file(&l, "d", "file");
	tar_dir(&l, "d");
	tar_file(&l, "d/x", "x");
	tar_dir(&l, "d"); /* a folder again: what is in it stays */
	tar_dir(&l, "t");
	tar_file(&l, "t/a/b/c", "deep");
	tar_file(&l, "t", "flat");
	tar_file(&l, "self", "s");
	tar_link(&l, '1', "self", "self");
	tar_link(&l, '2', "dirlink", "d");
	tar_dir(&l, "dirlink");
	auto_fd int dir = unpack(*state, &l);
	expect_content(dir, "f", "2");
	expect_content(dir, "d/x", "x");
	expect_content(dir, "t", "flat");
	expect_content(dir, "self", "s");
	assert_true(S_ISDIR(st_of(dir, "dirlink").st_mode));
}

static void follows_links_inside(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_dir(&l, "usr");
	tar_dir(&l, "usr/lib");
	tar_link(&l, '2', "lib", "usr/lib");
	tar_file(&l, "lib/libc", "x");
	tar_link(&l, '2', "abs", "/usr");
	tar_file(&l, "abs/lib/libm", "y");
	auto_fd int dir = unpack(*state, &l);
	expect_content(dir, "usr/lib/libc", "x");
	expect_content(dir, "usr/lib/libm", "y");
}

static void takes_long_and_odd_names(void **state)
{
	need_root();
	char name[255 * 4 + 8] = "", component[256];
	memset(component, 'n', 255);
	component[255] = 0;
	for (int i = 0; i < 4; i++) {
		strcat(name, component);
		strcat(name, i < 3 ? "/" : "");
	}
	auto_buf l = BUF_INIT;
	tar_file(&l, name, "long");
	tar_file(&l, "caf\xc3\xa9", "utf8");
	tar_file(&l, "caf\xe9", "latin1");
	tar_file(&l, "new\nline", "x");
	tar_file(&l, "./a//b/./c", "clean");
	tar_file(&l, "d/../e", "back");
	tar_file(&l, "/abs/olute", "inside");
	/* a long name with bytes that are no UTF-8 travels in a pax header */
	char odd[200];
	memset(odd, 'o', 199);
	odd[199] = 0;
	odd[150] = (char)0xe9;
	tar_file(&l, odd, "odd");
	auto_fd int dir = unpack(*state, &l);
	expect_content(dir, name, "long");
	expect_content(dir, "caf\xc3\xa9", "utf8");
	expect_content(dir, "caf\xe9", "latin1");
	expect_content(dir, "new\nline", "x");
	expect_content(dir, "a/b/c", "clean");
	expect_content(dir, "e", "back");
	expect_content(dir, "abs/olute", "inside");
	expect_content(dir, odd, "odd");
}

/* tar -S: a hole stays one. */
static void keeps_holes(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_free char *command =
		xasprintf("cd %s && truncate -s 64M hole && printf end | dd of=hole bs=1 seek=%d "
			  "conv=notrunc "
			  "status=none && tar -S --format=pax -cf hole.tar hole && rm hole",
			f->base, 32 << 20);
	if (system(command) != 0)
		skip();
	auto_buf l = BUF_INIT;
	auto_free char *path = xasprintf("%s/hole.tar", f->base);
	assert_int_equal(file_read(AT_FDCWD, path, 16 << 20, &l, NULL), 0);
	auto_fd int dir = unpack(f, &l);
	struct stat st = st_of(dir, "hole");
	assert_int_equal(st.st_size, 64 << 20);
	assert_true(st.st_blocks * 512 < 1 << 20);
	auto_fd int fd = openat(dir, "hole", O_RDONLY | O_CLOEXEC);
	char text[4] = "";
	assert_int_equal(pread(fd, text, 3, 32 << 20), 3);
	assert_string_equal(text, "end");
}

/* The root's own entry does not change the layer's folder, as with Docker. */
static void leaves_the_root_alone(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_put(&l, &(struct tar_entry){.name = "./", .type = '5', .mode = 0700, .uid = 9});
	tar_file(&l, "x", "x");
	auto_fd int dir = unpack(*state, &l);
	struct stat st;
	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(st.st_uid, 0);
}

static void takes_an_empty_layer(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	auto_fd int dir = unpack(*state, &l);
	(void)dir;
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(keeps_owners_modes_times),
		T(takes_no_group_from_a_folder_with_setgid),
		T(makes_every_kind),
		T(keeps_attributes),
		T(turns_whiteouts),
		T(whiteouts_meet_their_own_layer),
		T(later_entries_replace),
		T(follows_links_inside),
		T(takes_long_and_odd_names),
		T(keeps_holes),
		T(leaves_the_root_alone),
		T(takes_an_empty_layer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
