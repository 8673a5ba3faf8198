/* Which layer brought, changed, removed what; how images differ. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/tree.h"

static void file_with(struct buf *tar, const char *name, const char *data, uint32_t mode)
{
	tar_put(tar, &(struct tar_entry){.name = name, .type = '0', .data = data, .mode = mode});
}

static void put(struct fixture *f, const char *tag, struct buf *layers, size_t n)
{
	auto_buf archive = BUF_INIT;
	struct err *err = NULL;
	struct test_image image = {.layers = layers, .count = n, .tag = tag};
	for (size_t i = 0; i < n; i++)
		tar_end(&layers[i]);
	make_docker_archive(&archive, &image, 1);
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	for (size_t i = 0; i < n; i++)
		buf_free(&layers[i]);
}

static struct digest id_of(struct fixture *f, const char *tag)
{
	auto_store_image *image = store_image_find(f->store, tag, NULL);
	assert_non_null(image);
	return image->id;
}

/* "a 0+;a/x 0+ 1-;": + added, ~ changed, - removed. */
static char *walk(struct fixture *f, const char *tag)
{
	auto_buf out = BUF_INIT;
	struct store_tree_entry e;
	struct err *err = NULL;
	struct digest id = id_of(f, tag);
	auto_store_tree *t = store_tree_open(f->store, &id, &err);
	int r = t ? 1 : -1;
	while (r > 0 && (r = store_tree_next(t, &e, &err)) == 1) {
		buf_adds(&out, e.path);
		for (size_t i = 0; i < e.count; i++)
			buf_addf(&out, " %u%c", e.events[i].layer, "+~-"[e.events[i].change]);
		buf_addc(&out, ';');
	}
	if (r < 0)
		fail_msg("%s", err_msg(err));
	return buf_steal(&out);
}

static void tells_what_each_layer_did(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[3] = {0};
	tar_dir(&layers[0], "a/");
	tar_file(&layers[0], "a/x", "xx");
	tar_file(&layers[0], "a/y", "y");
	tar_dir(&layers[0], "a/sub/");
	tar_file(&layers[0], "a/sub/deep", "d");
	tar_file(&layers[0], "f", "1111");
	tar_file(&layers[0], "a.b", "");
	tar_dir(&layers[0], "gone/");
	tar_file(&layers[0], "gone/deep", "dddd");
	tar_link(&layers[0], '2', "link", "f");
	tar_dir(&layers[1], "a/");
	tar_file(&layers[1], "a/.wh.x", "");
	tar_file(&layers[1], "f", "22");
	tar_file(&layers[1], ".wh.gone", "");
	tar_file(&layers[1], ".wh.never", "");
	tar_link(&layers[1], '2', "link", "a");
	tar_dir(&layers[2], "a/");
	tar_file(&layers[2], "a/.wh..wh..opq", "");
	tar_file(&layers[2], "a/z", "z");
	tar_dir(&layers[2], "gone/");
	tar_file(&layers[2], "gone/new", "n");
	tar_dir(&layers[2], "f/");
	tar_file(&layers[2], "f/in", "i");
	put(f, "t:1", layers, 3);
	auto_free char *told = walk(f, "t:1");
	assert_string_equal(told,
		"a 0+;a/sub 0+ 2-;a/sub/deep 0+ 2-;a/x 0+ 1-;a/y 0+ 2-;a/z 2+;a.b 0+;"
		"f 0+ 1~ 2~;f/in 2+;gone 0+ 1- 2+;gone/deep 0+ 1-;gone/new 2+;link 0+ 1~;");
}

static void hides_everything_below_an_opaque_root(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	tar_file(&layers[0], "old", "o");
	tar_file(&layers[0], "same", "s");
	tar_file(&layers[1], ".wh..wh..opq", "");
	tar_file(&layers[1], "same", "s");
	put(f, "t:1", layers, 2);
	auto_free char *told = walk(f, "t:1");
	assert_string_equal(told, "old 0+ 1-;same 0+ 1~;");
}

#define DEEP 6
#define WIDE                                                                                       \
	17000 /* names of 240 bytes: more than are held of one folder, and in six more than are held at all */

static void fill_folder(int dir, int step)
{
	char name[256];
	for (int i = 0; i < WIDE; i += step) {
		snprintf(name, sizeof(name), "n%0239d", i);
		int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(fd >= 0);
		close(fd);
	}
}

static int layer_folder(struct fixture *f, unsigned layer)
{
	struct digest id = id_of(f, "t:1");
	auto_store_tree *t = store_tree_open(f->store, &id, NULL);
	auto_free char *path =
		xasprintf("%s/layers/%s", f->root, digest_hex(store_tree_layer(t, layer)));
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Large folders in large folders are told whole and in order, though they are read in parts. */
static void reads_large_folders_in_parts(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	struct store_tree_entry e;
	auto_buf last = BUF_INIT;
	size_t told = 0, twice = 0;
	tar_file(&layers[0], "z", "z");
	tar_file(&layers[1], "zz", "z");
	put(f, "t:1", layers, 2);
	auto_fd int upper = layer_folder(f, 1);
	fill_folder(upper, 2);
	for (int i = 0, dir = layer_folder(f, 0); i < DEEP; i++) {
		fill_folder(dir, 1);
		/* before them, so that they are still to come when it has been gone through */
		assert_int_equal(mkdirat(dir, "m", 0755), 0);
		int next = openat(dir, "m", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
		if (i == DEEP - 1)
			close(dir);
	}
	struct digest id = id_of(f, "t:1");
	auto_store_tree *t = store_tree_open(f->store, &id, NULL);
	assert_non_null(t);
	while (store_tree_next(t, &e, NULL) == 1) {
		assert_true(strcmp(buf_str(&last), e.path) < 0 || strlen(e.path) < last.len);
		last.len = 0;
		buf_adds(&last, e.path);
		told++;
		twice += e.count == 2;
	}
	assert_int_equal(told, DEEP * (WIDE + 1) + 2);
	assert_int_equal(twice, WIDE / 2);
}

/* A folder that becomes a link to somewhere, a link that becomes a folder, a device, a pipe: looked at, never
 * gone through. */
static void follows_nothing(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	tar_dir(&layers[0], "etc/");
	tar_file(&layers[0], "etc/passwd", "x");
	tar_link(&layers[0], '2', "up", "../../../../../..");
	tar_put(&layers[0],
		&(struct tar_entry){.name = "zero", .type = '3', .major = 1, .minor = 5});
	tar_put(&layers[0], &(struct tar_entry){.name = "pipe", .type = '6'});
	tar_link(&layers[1], '2', "etc", "/etc");
	tar_dir(&layers[1], "up/");
	tar_file(&layers[1], "up/in", "x");
	put(f, "t:1", layers, 2);
	auto_free char *told = walk(f, "t:1");
	assert_string_equal(told, "etc 0+ 1~;etc/passwd 0+ 1-;pipe 0+;up 0+ 1~;up/in 1+;zero 0+;");
	struct digest id = id_of(f, "t:1");
	auto_store_tree *t = store_tree_open(f->store, &id, NULL);
	assert_int_equal(store_tree_file(t, 0, "up/etc/passwd", NULL), -1);
	assert_int_equal(store_tree_file(t, 1, "etc/passwd", NULL), -1);
	assert_int_equal(store_tree_file(t, 0, "zero", NULL), -1);
	assert_int_equal(store_tree_file(t, 0, "pipe", NULL), -1);
	assert_int_equal(store_tree_file(t, 0, "../../kist.db", NULL), -1);
}

static void tells_nodes(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[1] = {0};
	struct store_tree_entry e;
	tar_put(&layers[0],
		&(struct tar_entry){.name = "dev", .type = '3', .major = 1, .minor = 3});
	tar_put(&layers[0], &(struct tar_entry){.name = "f",
				    .type = '0',
				    .mode = 04750,
				    .uid = 7,
				    .gid = 8,
				    .data = "12345",
				    .mtime = 99});
	tar_link(&layers[0], '1', "g", "f");
	tar_link(&layers[0], '2', "l", "to/where");
	put(f, "t:1", layers, 1);
	struct digest id = id_of(f, "t:1");
	auto_store_tree *t = store_tree_open(f->store, &id, NULL);
	assert_int_equal(store_tree_next(t, &e, NULL), 1);
	assert_true(S_ISCHR(e.events[0].node.mode));
	assert_int_equal(e.events[0].node.rdev_major, 1);
	assert_int_equal(e.events[0].node.rdev_minor, 3);
	assert_int_equal(store_tree_next(t, &e, NULL), 1);
	const struct store_node n = e.events[0].node;
	assert_int_equal(n.mode, S_IFREG | 04750);
	assert_int_equal(n.uid, 7);
	assert_int_equal(n.gid, 8);
	assert_int_equal(n.size, 5);
	assert_int_equal(n.mtime, 99000000000);
	assert_int_equal(store_tree_next(t, &e, NULL), 1);
	assert_int_equal(e.events[0].node.inode, n.inode);
	assert_int_not_equal(n.inode, 0);
	assert_int_equal(store_tree_next(t, &e, NULL), 1);
	assert_string_equal(e.events[0].node.target, "to/where");
	assert_int_equal(store_tree_next(t, &e, NULL), 0);
	assert_int_equal(store_tree_next(t, &e, NULL), 0);
}

static void holds_the_layers_while_it_walks(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[1] = {0};
	struct store_tree_entry e;
	struct store_removed_list gone;
	tar_file(&layers[0], "f", "x");
	put(f, "t:1", layers, 1);
	struct digest id = id_of(f, "t:1");
	struct store_tree *t = store_tree_open(f->store, &id, NULL);
	assert_int_equal(store_image_remove(f->store, "t:1", 0, NULL, NULL, &gone, NULL), 0);
	store_removed_list_free(&gone);
	assert_int_equal(store_tree_next(t, &e, NULL), 1);
	assert_string_equal(e.path, "f");
	close(store_tree_file(t, 0, "f", NULL));
	store_tree_close(t);
	expect_empty(f);
}

/* "+path;-path;~path what;" */
static char *compare(struct fixture *f, const char *a, const char *b)
{
	auto_buf out = BUF_INIT;
	struct store_diff_entry e;
	struct err *err = NULL;
	struct digest x = id_of(f, a), y = id_of(f, b);
	struct store_diff *d = store_diff_open(f->store, &x, &y, &err);
	int r = d ? 1 : -1;
	while (r > 0 && (r = store_diff_next(d, &e, &err)) == 1) {
		buf_addf(&out, "%c%s", "+~-"[e.change], e.path);
		if (e.differences)
			buf_addf(&out, " %u", e.differences);
		buf_addc(&out, ';');
	}
	if (r < 0)
		fail_msg("%s", err_msg(err));
	store_diff_close(d);
	return buf_steal(&out);
}

static void compares_images(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf a[2] = {0}, b[1] = {0};
	tar_file(&a[0], "same", "abc");
	tar_file(&a[0], "other", "abc");
	tar_file(&a[0], "longer", "abc");
	tar_file(&a[0], "only-a", "x");
	tar_file(&a[0], "wiped", "x");
	tar_dir(&a[0], "d/");
	tar_file(&a[0], "d/in", "x");
	file_with(&a[0], "mode", "x", 0644);
	tar_link(&a[0], '2', "link", "x");
	tar_file(&a[0], "type", "x");
	tar_file(&a[1], ".wh.wiped", "");
	put(f, "a:1", a, 2);
	tar_put(&b[0],
		&(struct tar_entry){.name = "same", .type = '0', .data = "abc", .mtime = 12345});
	tar_file(&b[0], "other", "abd");
	tar_file(&b[0], "longer", "abcd");
	file_with(&b[0], "mode", "x", 0755);
	tar_put(&b[0], &(struct tar_entry){.name = "d/", .type = '5', .uid = 5});
	tar_file(&b[0], "d/new", "x");
	tar_link(&b[0], '2', "link", "y");
	tar_link(&b[0], '2', "type", "y");
	put(f, "b:1", b, 1);
	auto_free char *told = compare(f, "a:1", "b:1");
	assert_string_equal(
		told, "~d 8;-d/in;+d/new;~link 2;~longer 2;~mode 4;-only-a;~other 2;~type 5;");
	auto_free char *same = compare(f, "a:1", "a:1");
	assert_string_equal(same, "");
}

/* Makes the file of the image's only layer @size bytes long: a hole, but for a byte at the end. */
static void make_sparse(struct fixture *f, const char *tag, const char *name, off_t size, char end)
{
	auto_store_image *image = store_image_find(f->store, tag, NULL);
	auto_free char *path = xasprintf(
		"%s/layers/%s/%s", f->root, digest_hex(&image->config->diff_ids[0]), name);
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	assert_int_equal(pwrite(fd, &end, 1, size - 1), 1);
}

/* Read through, a terabyte would take minutes. */
static void compares_enormous_sparse_files_without_reading_their_holes(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf a[1] = {0}, b[1] = {0};
	const off_t size = (off_t)1 << 40;
	static const char *const names[] = {"end", "middle", "same"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		tar_file(&a[0], names[i], "abc");
		tar_file(&b[0], names[i], "abc");
	}
	tar_file(&b[0], "z", "");
	put(f, "a:1", a, 1);
	put(f, "b:1", b, 1);
	make_sparse(f, "a:1", "end", size, 'x');
	make_sparse(f, "b:1", "end", size, 'y');
	make_sparse(f, "a:1", "middle", size, 'x');
	make_sparse(f, "b:1", "middle", size / 2, 'x');
	make_sparse(f, "b:1", "middle", size, 'x');
	make_sparse(f, "a:1", "same", size, 'x');
	make_sparse(f, "b:1", "same", size, 'x');
	alarm(60);
	auto_free char *told = compare(f, "a:1", "b:1");
	alarm(0);
	assert_string_equal(told, "~end 2;~middle 2;+z;");
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(tells_what_each_layer_did),
		T(hides_everything_below_an_opaque_root),
		T(reads_large_folders_in_parts),
		T(follows_nothing),
		T(tells_nodes),
		T(holds_the_layers_while_it_walks),
		T(compares_images),
		T(compares_enormous_sparse_files_without_reading_their_holes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
