/* Layers' tars, written again byte by byte. */
#include "../cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/layer_tar.h"

static struct digest load_one(struct fixture *f, const struct buf *layer)
{
	struct err *err = NULL;
	struct digest d;
	auto_free char *path = load_layer_folder(f, layer, &err);
	if (!path)
		fail_msg("load: %s", err_msg(err));
	digest_of(layer->data, layer->len, &d);
	return d;
}

/* Writes the layer to @out; 0 or -1. */
static int rewrite(struct fixture *f, const struct digest *d, enum layer_packing packing,
	struct buf *out, struct layer_packed *packed, struct err **err)
{
	auto_layer_packer *p = layer_packer_open(f->store, err);
	if (!p)
		return -1;
	auto_fd int fd = memfd_create("tar", MFD_CLOEXEC);
	if (layer_packer_write(p, d, fd, packing, NULL, NULL, packed, err) < 0)
		return -1;
	lseek(fd, 0, SEEK_SET);
	return fd_read_all(fd, 1u << 30, out, "tar", err);
}

/* The recipe's bytes on disk. */
static int64_t recipe_size(struct fixture *f, const struct digest *d)
{
	auto_db_stmt *q = db_query(
		store_db(f->store), "SELECT recipe_size FROM layers WHERE diff_id = ?", NULL);
	db_bind_str(q, 1, d->str);
	assert_int_equal(db_step(q, NULL), 1);
	return db_col_i64(q, 0);
}

static int64_t comes_back(struct fixture *f, const struct buf *layer)
{
	struct err *err = NULL;
	auto_buf again = BUF_INIT;
	struct layer_packed packed;
	struct digest d = load_one(f, layer);
	assert_int_equal(layer_tar_size(f->store, &d, &err), layer->len);
	if (rewrite(f, &d, LAYER_TAR_PLAIN, &again, &packed, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(again.len, layer->len);
	assert_memory_equal(again.data, layer->data, layer->len);
	assert_string_equal(packed.blob.str, d.str);
	assert_int_equal(packed.size, layer->len);
	return recipe_size(f, &d);
}

static void fill(struct buf *b, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		buf_addc(b, (char)(seed >> 16));
	}
}

static void every_kind_of_entry_comes_back(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_dir(&l, "d");
	tar_file(&l, "d/empty", "");
	tar_file(&l, "d/file", "content");
	tar_link(&l, '1', "d/hard", "d/file");
	tar_link(&l, '2', "d/soft", "file");
	tar_put(&l, &(struct tar_entry){.name = "null", .type = '3', .major = 1, .minor = 3});
	tar_file(&l, ".wh.gone", "");
	tar_file(&l, "d/.wh..wh..opq", "");
	tar_put(&l, &(struct tar_entry){
			    .name = "x", .data = "1", .xattr = "user.note", .value = "hello"});
	tar_end(&l);
	comes_back(*state, &l);
}

static void contents_are_not_kept_twice(void **state)
{
	need_root();
	auto_buf l = BUF_INIT, data = BUF_INIT;
	fill(&data, 3000001, 1);
	tar_blob(&l, "big", data.data, data.len);
	tar_blob(&l, "small", data.data + 5, 777);
	tar_end(&l);
	assert_true(comes_back(*state, &l) < 4096);
}

static void what_follows_the_end_comes_back(void **state)
{
	need_root();
	auto_buf l = BUF_INIT;
	tar_file(&l, "f", "x");
	tar_end(&l);
	fill(&l, 700001, 7);
	comes_back(*state, &l);
	/* none at all: the last block is that of a file */
	l.len = 0;
	tar_file(&l, "f", "y");
	comes_back(*state, &l);
}

static void displaced_files_come_back(void **state)
{
	need_root();
	auto_buf l = BUF_INIT, data = BUF_INIT;
	fill(&data, 100000, 3);
	tar_blob(&l, "a", data.data, 90000);
	tar_blob(&l, "a", data.data + 1, 90001); /* replaced by a file */
	tar_dir(&l, "d/deep");
	tar_blob(&l, "d/deep/f", data.data + 2, 80000);
	tar_link(&l, '1', "hard", "d/deep/f");
	tar_file(&l, "d", "a file takes the folder's place");
	tar_blob(&l, "b", data.data + 3, 70000);
	tar_link(&l, '2', "b", "a"); /* replaced by a link */
	tar_file(&l, "hard", "new"); /* the second name of something displaced */
	tar_blob(&l, "c", data.data + 4, 1000);
	tar_file(&l, ".wh.c", ""); /* a whiteout takes nothing of its own layer */
	tar_end(&l);
	comes_back(*state, &l);
}

static void files_behind_symlinks_come_back(void **state)
{
	need_root();
	auto_buf l = BUF_INIT, data = BUF_INIT;
	fill(&data, 50000, 4);
	tar_dir(&l, "usr/bin");
	tar_link(&l, '2', "bin", "usr/bin");
	tar_blob(&l, "bin/tool", data.data, 50000);
	/* and the way that led there leads elsewhere later */
	tar_dir(&l, "other");
	tar_link(&l, '2', "bin", "other");
	tar_blob(&l, "bin/tool", data.data + 2, 30000);
	tar_end(&l);
	comes_back(*state, &l);
}

static void contents_that_no_file_has_come_back(void **state)
{
	need_root();
	auto_buf l = BUF_INIT, data = BUF_INIT;
	fill(&data, 3000000, 5);
	/* a whiteout with a body, and what aufs kept for itself */
	tar_blob(&l, ".wh.x", data.data, 2000000);
	tar_blob(&l, ".wh..wh.plnk/1.2", data.data, 1000000);
	tar_file(&l, "f", "x");
	tar_end(&l);
	comes_back(*state, &l);
}

/* What the tar of this machine makes of a folder with all that is odd, in its dialects. */
static void the_dialects_of_tar_come_back(void **state)
{
	static const char *const ways[] = {"--format=v7 --exclude=fifo", "--format=oldgnu --sparse",
		"--format=gnu --sparse", "--format=ustar", "--format=posix --sparse",
		"--format=posix --sparse --sparse-version=0.0",
		"--format=posix --sparse --sparse-version=0.1", "--format=posix --xattrs -b 1"};
	need_root();
	struct fixture *f = *state;
	auto_free char *make = xasprintf(
		"cd %s && mkdir -p src/sub && cd src && echo hi > sub/file && ln sub/file hard && "
		"ln -s sub/file soft && mkfifo fifo && truncate -s 5M holes && "
		"for i in 0 1 2 3 4 5 6 7 8 9; do echo data$i | dd of=holes bs=1 "
		"seek=$((i*400000)) "
		"conv=notrunc status=none; done && truncate -s 1G allholes && "
		"if [ $((1)) = 1 ]; then head -c 300000 /dev/urandom > random; fi",
		f->base);
	assert_int_equal(system(make), 0);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		auto_buf l = BUF_INIT;
		auto_free char *list = xasprintf("tar -C %s/src %s %s -cf - .", f->base, ways[i],
			strstr(ways[i], "sparse") ? "" : "--exclude=allholes");
		FILE *p = popen(list, "r");
		assert_non_null(p);
		assert_int_equal(fd_read_all(fileno(p), 1 << 28, &l, "tar", NULL), 0);
		assert_int_equal(pclose(p), 0);
		int64_t recipe = comes_back(f, &l);
		if (recipe > 20000)
			fail_msg("%s: the recipe has %lld bytes", ways[i], (long long)recipe);
	}
}

static void long_names_come_back(void **state)
{
	need_root();
	auto_buf l = BUF_INIT, name = BUF_INIT;
	for (int i = 0; i < 20; i++)
		buf_addf(&name, "%s%0200d", i ? "/" : "", i);
	tar_blob(&l, buf_str(&name), "deep", 4);
	tar_end(&l);
	comes_back(*state, &l);
}

static void a_compressed_layer_is_the_same_each_time(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf l = BUF_INIT, data = BUF_INIT;
	fill(&data, 100000, 6);
	for (int i = 0; i < 30; i++) {
		char name[16];
		snprintf(name, sizeof(name), "f%d", i);
		tar_blob(&l, name, data.data, data.len);
	}
	tar_end(&l);
	struct digest d = load_one(f, &l);
	for (int packing = LAYER_TAR_GZIP; packing < LAYER_TAR_PACKING_COUNT; packing++) {
		struct layer_packed one, two;
		auto_buf a = BUF_INIT, b = BUF_INIT;
		struct digest actual;
		struct err *err = NULL;
		if (rewrite(f, &d, packing, &a, &one, &err) < 0 ||
			rewrite(f, &d, packing, &b, &two, &err) < 0)
			fail_msg("%s", err_msg(err));
		digest_of(a.data, a.len, &actual);
		assert_string_equal(actual.str, one.blob.str);
		assert_string_equal(two.blob.str, one.blob.str);
		assert_int_equal(a.len, one.size);
		assert_true(a.len < l.len);
		/* what comes out is that layer again */
		const char *tool = packing == LAYER_TAR_GZIP ? "gzip" : "zstd";
		auto_free char *path = xasprintf("%s/packed", f->base);
		assert_int_equal(file_replace(AT_FDCWD, path, a.data, a.len, 0600, false, NULL), 0);
		auto_free char *cmd = xasprintf("%s -dc < %s | sha256sum", tool, path);
		FILE *p = popen(cmd, "r");
		char text[65] = "";
		assert_non_null(fgets(text, sizeof(text), p));
		pclose(p);
		assert_string_equal(text, digest_hex(&d));
	}
}

/* ---- damage ---- */

struct damaged {
	struct digest d;
	char *layer, *recipe;
};

static struct damaged damage_setup(struct fixture *f)
{
	struct damaged x;
	auto_buf l = BUF_INIT, data = BUF_INIT;
	fill(&data, 100000, 8);
	tar_dir(&l, "d");
	tar_blob(&l, "d/f", data.data, data.len);
	tar_end(&l);
	x.d = load_one(f, &l);
	x.layer = xasprintf("%s/layers/%s/d/f", f->root, digest_hex(&x.d));
	x.recipe = xasprintf("%s/recipes/%s/recipe", f->root, digest_hex(&x.d));
	return x;
}

static void expect_damage(
	struct fixture *f, struct damaged *x, enum err_kind kind, const char *what)
{
	struct err *err = NULL;
	auto_buf out = BUF_INIT;
	struct layer_packed packed;
	assert_int_equal(rewrite(f, &x->d, LAYER_TAR_PLAIN, &out, &packed, &err), -1);
	assert_int_equal(err->kind, kind);
	if (!strstr(err->msg, what) || !strstr(err->msg, x->d.str))
		fail_msg("%s", err->msg);
	err_free(err);
}

/* Either the recipe is said to be damaged, or it is the layer's tar that comes out. */
static bool is_told(struct fixture *f, struct damaged *x)
{
	struct err *err = NULL;
	auto_buf out = BUF_INIT;
	struct layer_packed packed;
	if (rewrite(f, &x->d, LAYER_TAR_PLAIN, &out, &packed, &err) == 0) {
		struct digest actual;
		digest_of(out.data, out.len, &actual);
		assert_string_equal(actual.str, x->d.str);
		return false;
	}
	assert_int_equal(err->kind, ERR_INVALID);
	if (!strstr(err->msg, "recipe") || !strstr(err->msg, x->d.str))
		fail_msg("%s", err->msg);
	err_free(err);
	return true;
}

static void a_changed_file_is_named(void **state)
{
	need_root();
	struct damaged x = damage_setup(*state);
	auto_fd int fd = open(x.layer, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "#", 1, 777), 1);
	expect_damage(*state, &x, ERR_INVALID, "\"d/f\" has another content");
	assert_int_equal(ftruncate(fd, 500), 0);
	expect_damage(*state, &x, ERR_INVALID, "\"d/f\" ends at 500");
	assert_int_equal(unlink(x.layer), 0);
	expect_damage(*state, &x, ERR_INVALID, "\"d/f\"");
	assert_int_equal(symlink("/etc/passwd", x.layer), 0);
	expect_damage(*state, &x, ERR_INVALID, "\"d/f\"");
	assert_int_equal(unlink(x.layer), 0);
	assert_int_equal(mkfifo(x.layer, 0600), 0);
	expect_damage(*state, &x, ERR_INVALID, "\"d/f\" is no file");
	free(x.layer);
	free(x.recipe);
}

static void a_damaged_recipe_is_told(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct damaged x = damage_setup(f);
	auto_buf good = BUF_INIT;
	size_t told = 0;
	assert_int_equal(file_read(AT_FDCWD, x.recipe, 1 << 20, &good, NULL), 0);
	for (size_t i = 0; i < good.len; i += 7) {
		good.data[i] ^= 0x10;
		file_replace(AT_FDCWD, x.recipe, good.data, good.len, 0600, false, NULL);
		told += is_told(f, &x);
		good.data[i] ^= 0x10;
	}
	/* zstd has a few bits that say nothing: one of its header, the padding of its tables */
	assert_true(told + 2 >= (good.len + 6) / 7);
	file_replace(AT_FDCWD, x.recipe, good.data, good.len - 1, 0600, false, NULL);
	expect_damage(f, &x, ERR_INVALID, "recipe");
	assert_int_equal(unlink(x.recipe), 0);
	expect_damage(f, &x, ERR_INVALID, "recipe");
	assert_int_equal(mkfifo(x.recipe, 0600), 0);
	expect_damage(f, &x, ERR_INVALID, "recipe is no file");
	assert_int_equal(unlink(x.recipe), 0);
	assert_int_equal(symlink("/etc/passwd", x.recipe), 0);
	expect_damage(f, &x, ERR_INVALID, "recipe");
	free(x.layer);
	free(x.recipe);
}

static void a_layer_without_recipe_is_told(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct damaged x = damage_setup(f);
	assert_int_equal(db_exec(store_db(f->store), NULL,
				 "UPDATE layers SET tar_size = NULL, recipe_size = NULL", ""),
		1);
	expect_damage(f, &x, ERR_UNAVAILABLE, "older kist");
	free(x.layer);
	free(x.recipe);
}

static void a_reader_that_leaves_is_an_error(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct damaged x = damage_setup(f);
	int ends[2];
	struct err *err = NULL;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	close(ends[0]);
	auto_layer_packer *p = layer_packer_open(f->store, &err);
	assert_non_null(p);
	assert_int_equal(
		layer_packer_write(p, &x.d, ends[1], LAYER_TAR_PLAIN, NULL, NULL, NULL, &err), -1);
	assert_int_equal(err->sys, EPIPE);
	err_free(err);
	close(ends[1]);
	free(x.layer);
	free(x.recipe);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_kind_of_entry_comes_back),
		T(contents_are_not_kept_twice),
		T(what_follows_the_end_comes_back),
		T(displaced_files_come_back),
		T(files_behind_symlinks_come_back),
		T(contents_that_no_file_has_come_back),
		T(the_dialects_of_tar_come_back),
		T(long_names_come_back),
		T(a_compressed_layer_is_the_same_each_time),
		T(a_changed_file_is_named),
		T(a_damaged_recipe_is_told),
		T(a_layer_without_recipe_is_told),
		T(a_reader_that_leaves_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
