/* Containers' root file systems: overlay mounts, 127 layers, long data roots, removal. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void load_layers(struct fixture *f, struct buf *layers, size_t n)
{
	auto_buf archive = BUF_INIT;
	struct err *err = NULL;
	struct test_image image = {.layers = layers, .count = n, .tag = "t:latest"};
	make_docker_archive(&archive, &image, 1);
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_store_image *t = store_image_find(f->store, "t", NULL);
	if (store_snapshot_create(f->store, ID, &t->id, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static int mount_it(struct fixture *f, bool read_only)
{
	struct err *err = NULL;
	int fd = store_snapshot_mount(f->store, ID, read_only, &err);
	if (fd < 0)
		fail_msg("mount: %s", err_msg(err));
	return fd;
}

static bool has(int dir, const char *name)
{
	return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void stacks_layers(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l[3] = {0};
	tar_dir(&l[0], "d");
	tar_file(&l[0], "d/kept", "1");
	tar_file(&l[0], "d/gone", "1");
	tar_dir(&l[0], "o");
	tar_file(&l[0], "o/hidden", "1");
	tar_dir(&l[0], "r");
	tar_file(&l[0], "r/old", "1");
	tar_end(&l[0]);
	tar_file(&l[1], "d/.wh.gone", "");
	tar_file(&l[1], "o/.wh..wh..opq", "");
	tar_file(&l[1], "o/new", "1");
	tar_file(&l[1], ".wh.r", "");
	tar_dir(&l[1], "r");
	tar_file(&l[1], "r/new", "1");
	tar_end(&l[1]);
	tar_file(&l[2], "d/top", "1");
	tar_end(&l[2]);
	load_layers(f, l, 3);
	auto_fd int mnt = mount_it(f, false);
	assert_true(has(mnt, "d/kept"));
	assert_false(has(mnt, "d/gone"));
	assert_true(has(mnt, "d/top"));
	assert_false(has(mnt, "o/hidden"));
	assert_true(has(mnt, "o/new"));
	assert_false(has(mnt, "r/old"));
	assert_true(has(mnt, "r/new"));
	/* a write goes to upper and counts there; the layers stay as they are */
	auto_fd int file = openat(mnt, "d/kept", O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(file >= 0);
	assert_int_equal(write(file, "23456", 5), 5);
	assert_int_equal(store_snapshot_size_rw(f->store, ID, NULL), 6);
	assert_int_equal(store_snapshot_size_lower(f->store, ID, NULL), 7);
	struct stat st;
	assert_int_equal(fstat(mnt, &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	for (int i = 0; i < 3; i++)
		buf_free(&l[i]);
}

static void hides_everything_below_an_opaque_root(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l[2] = {0};
	make_layer(&l[0], "below", "1");
	tar_file(&l[1], ".wh..wh..opq", "");
	make_layer(&l[1], "above", "1");
	load_layers(f, l, 2);
	auto_fd int mnt = mount_it(f, true);
	assert_true(has(mnt, "above"));
	assert_false(has(mnt, "below"));
	buf_free(&l[0]);
	buf_free(&l[1]);
}

static void mounts_read_only(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l = {0};
	make_layer(&l, "a", "1");
	load_layers(f, &l, 1);
	{
		auto_fd int mnt = mount_it(f, false);
		auto_fd int file = openat(mnt, "b", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_true(file >= 0);
	}
	auto_fd int mnt = mount_it(f, true);
	assert_true(has(mnt, "a"));
	assert_true(has(mnt, "b"));
	assert_int_equal(openat(mnt, "c", O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
	assert_int_equal(errno, EROFS);
	buf_free(&l);
}

static void load_127(struct fixture *f)
{
	struct buf l[127] = {0};
	char name[32];
	for (int i = 0; i < 127; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		make_layer(&l[i], name, "x");
	}
	load_layers(f, l, 127);
	auto_fd int mnt = mount_it(f, false);
	for (int i = 0; i < 127; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		assert_true(has(mnt, name));
	}
	for (int i = 0; i < 127; i++)
		buf_free(&l[i]);
}

static void takes_127_layers(void **state)
{
	need_root();
	load_127(*state);
}

static void takes_127_layers_at_a_long_path(void **state)
{
	need_root();
	struct fixture *f = *state;
	/* six folders of 200 bytes: 1,200 in all */
	char part[202];
	memset(part, 'p', 200);
	part[0] = '/';
	part[200] = 0;
	store_close(f->store);
	for (int i = 0; i < 6; i++) {
		char *longer = xasprintf("%s%s", f->root, part);
		free(f->root);
		f->root = longer;
	}
	struct err *err = NULL;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = test_driver()};
	f->store = store_open(&o, &err);
	if (!f->store)
		fail_msg("%s", err_msg(err));
	load_127(f);
	fixture_reopen(f);
	assert_int_equal(store_image_count(f->store), 1);
}

static void takes_no_layers_and_twins(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l[3] = {0};
	load_layers(f, l, 0);
	close(mount_it(f, false));
	assert_int_equal(store_snapshot_remove(f->store, ID, NULL), 0);
	/* the kernel refuses one folder twice */
	make_layer(&l[0], "a", "1");
	make_layer(&l[1], "b", "1");
	make_layer(&l[2], "a", "1");
	load_layers(f, l, 3);
	auto_fd int mnt = mount_it(f, false);
	assert_true(has(mnt, "a"));
	assert_true(has(mnt, "b"));
	for (int i = 0; i < 3; i++)
		buf_free(&l[i]);
}

static void outlives_its_image(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l = {0};
	struct store_removed_list removed;
	make_layer(&l, "a", "1");
	load_layers(f, &l, 1);
	assert_int_equal(store_image_remove(f->store, "t", true, NULL, NULL, &removed, NULL), 0);
	assert_int_equal(removed.count, 2); /* the layer is not told: it is still there */
	store_removed_list_free(&removed);
	assert_int_equal(store_image_count(f->store), 0);
	fixture_reopen(f);
	{
		auto_fd int mnt = mount_it(f, false);
		assert_true(has(mnt, "a"));
	}
	assert_int_equal(store_snapshot_remove(f->store, ID, NULL), 0);
	assert_int_equal(entries_of(f, "containers"), 0);
	expect_empty(f);
	buf_free(&l);
}

static void belongs_to_the_transaction(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l = {0};
	struct err *err = NULL;
	make_layer(&l, "a", "1");
	load_layers(f, &l, 1);
	auto_store_image *t = store_image_find(f->store, "t", NULL);
	assert_int_equal(store_snapshot_create(f->store, ID, &t->id, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_free(err);
	const char *other = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff";
	assert_int_equal(db_begin(store_db(f->store), NULL), 0);
	assert_int_equal(store_snapshot_create(f->store, other, &t->id, NULL), 0);
	db_rollback(store_db(f->store));
	auto_strv ids = NULL;
	assert_int_equal(store_snapshot_list(f->store, &ids, NULL), 0);
	assert_int_equal(strv_len(ids), 1);
	/* its folder was made, and goes at the next start; the other's stays */
	assert_int_equal(entries_of(f, "containers"), 2);
	fixture_reopen(f);
	assert_int_equal(entries_of(f, "containers"), 1);
	close(mount_it(f, false));
	buf_free(&l);
}

static void heals_lost_folders(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l = {0};
	make_layer(&l, "a", "1");
	load_layers(f, &l, 1);
	assert_int_equal(tree_remove(store_containers_fd(f->store), ID, NULL), 0);
	auto_fd int mnt = mount_it(f, false);
	assert_true(has(mnt, "a"));
	buf_free(&l);
}

/* A data root from before there was a choice: its rows name no driver. */
static void one_from_before_there_were_drivers_is_found(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf l = {0};
	struct err *err = NULL;
	auto_strv ids = NULL;
	make_layer(&l, "a", "1");
	load_layers(f, &l, 1);
	/* four steps led there */
	struct db *db = store_db(f->store);
	if (db_exec(db, &err, "ALTER TABLE snapshots DROP COLUMN driver", "") < 0 ||
		db_exec(db, &err, "ALTER TABLE tags DROP COLUMN document", "") < 0 ||
		db_exec(db, &err, "UPDATE schema_version SET version = 4 WHERE module = 'store'",
			"") < 0)
		fail_msg("%s", err_msg(err));
	fixture_reopen(f);
	assert_int_equal(store_snapshot_list(f->store, &ids, NULL), 0);
	assert_int_equal(strv_len(ids), 1);
	struct store_snapshot s = {0};
	if (store_snapshot_describe(f->store, ID, true, &s, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_string_equal(s.driver, "overlay2");
	assert_int_equal(s.kind, STORE_ROOT_OVERLAY);
	store_snapshot_free(&s);
	auto_fd int mnt = mount_it(f, false);
	assert_true(has(mnt, "a"));
	buf_free(&l);
}

static void is_opened_once(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = test_driver()};
	assert_null(store_open(&o, &err));
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_non_null(strstr(err->msg, "in use"));
	err_free(err);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(stacks_layers),
		T(hides_everything_below_an_opaque_root),
		T(mounts_read_only),
		T(takes_127_layers),
		T(takes_127_layers_at_a_long_path),
		T(takes_no_layers_and_twins),
		T(outlives_its_image),
		T(belongs_to_the_transaction),
		T(heals_lost_folders),
		T(one_from_before_there_were_drivers_is_found),
		T(is_opened_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
