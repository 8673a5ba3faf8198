/* Containers become archives, lists and images, through kist-transfer in its confinement. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/pack.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID2 "1123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* A container of an image with two layers. */
static void make_container(struct fixture *f)
{
	struct buf l[2] = {0};
	struct err *err = NULL;
	auto_buf archive = BUF_INIT;
	tar_dir(&l[0], "etc");
	tar_file(&l[0], "etc/a", "1");
	tar_file(&l[0], "etc/b", "1");
	tar_end(&l[0]);
	tar_file(&l[1], "etc/c", "2");
	tar_end(&l[1]);
	struct test_image image = {.layers = l, .count = 2, .tag = "t:latest"};
	make_docker_archive(&archive, &image, 1);
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_store_image *t = store_image_find(f->store, "t", NULL);
	assert_int_equal(store_snapshot_create(f->store, ID, &t->id, &err), 0);
	assert_int_equal(store_snapshot_create(f->store, ID2, &t->id, &err), 0);
	buf_free(&l[0]);
	buf_free(&l[1]);
}

static void change(struct fixture *f, const char *id)
{
	auto_fd int root = store_snapshot_mount(f->store, id, false, NULL);
	assert_true(root >= 0);
	const struct timespec t[2] = {{1000, 0}, {1000, 0}};
	assert_int_equal(unlinkat(root, "etc/b", 0), 0);
	auto_fd int fd = openat(root, "etc/new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, "new", 3), 0);
	assert_int_equal(futimens(fd, t), 0);
	assert_int_equal(utimensat(root, "etc", t, 0), 0);
}

static void read_pack(struct fixture *f, enum store_pack_kind kind, struct buf *out)
{
	struct err *err = NULL;
	auto_store_pack *p = store_pack_start(f->store, ID, kind, &err);
	if (!p || fd_read_all(store_pack_fd(p), 1 << 20, out, "pack", &err) < 0 ||
		store_pack_result(p, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static bool holds(const struct buf *b, const char *text)
{
	return memmem(b->data, b->len, text, strlen(text)) != NULL;
}

static void a_container_is_exported_whole(void **state)
{
	need_root();
	make_container(*state);
	change(*state, ID);
	auto_buf tar = BUF_INIT;
	read_pack(*state, STORE_PACK_WHOLE, &tar);
	assert_true(holds(&tar, "etc/a") && holds(&tar, "etc/c") && holds(&tar, "etc/new"));
	assert_false(holds(&tar, "etc/b") || holds(&tar, ".wh."));
}

static void changes_are_listed(void **state)
{
	need_root();
	make_container(*state);
	auto_buf none = BUF_INIT;
	read_pack(*state, STORE_PACK_CHANGES, &none);
	assert_string_equal(buf_str(&none), "null\n");
	change(*state, ID);
	auto_buf list = BUF_INIT;
	read_pack(*state, STORE_PACK_CHANGES, &list);
	assert_string_equal(buf_str(&list),
		"[{\"Path\":\"/etc\",\"Kind\":0},{\"Path\":\"/etc/b\",\"Kind\":2},"
		"{\"Path\":\"/etc/new\",\"Kind\":1}]\n");
}

static void a_mounted_container_is_packed_as_well(void **state)
{
	need_root();
	make_container(*state);
	struct fixture *f = *state;
	auto_fd int root = store_snapshot_mount(f->store, ID, false, NULL);
	assert_true(root >= 0);
	assert_int_equal(mkdirat(root, "made", 0700), 0);
	auto_buf list = BUF_INIT;
	read_pack(f, STORE_PACK_CHANGES, &list);
	assert_string_equal(buf_str(&list), "[{\"Path\":\"/made\",\"Kind\":1}]\n");
}

static void what_is_not_there_is_not_found(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	assert_null(store_pack_start(f->store, ID, STORE_PACK_WHOLE, &err));
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	err_freep(&err);
}

static void a_pack_that_nobody_reads_can_be_given_up(void **state)
{
	need_root();
	make_container(*state);
	struct fixture *f = *state;
	{
		auto_fd int root = store_snapshot_mount(f->store, ID, false, NULL);
		auto_fd int fd = openat(root, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(ftruncate(fd, 1ll << 40), 0);
	}
	struct err *err = NULL;
	struct store_pack *p = store_pack_start(f->store, ID, STORE_PACK_WHOLE, &err);
	assert_non_null(p);
	char byte;
	assert_int_equal(fd_read(store_pack_fd(p), &byte, 1), 1);
	assert_int_equal(store_pack_result(p, &err), -1);
	err_freep(&err);
	store_pack_free(p);
	/* a layer of that size has no room to be unpacked in, and says so */
	p = store_pack_start(f->store, ID, STORE_PACK_LAYER, &err);
	auto_buf tar = BUF_INIT;
	assert_int_equal(fd_read_all(store_pack_fd(p), 1 << 20, &tar, "pack", NULL), 0);
	assert_int_equal(store_pack_result(p, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_non_null(strstr(err->msg, "\"big\""));
	err_freep(&err);
	store_pack_free(p);
}

static void count(void *arg)
{
	++*(int *)arg;
}

static int commit(struct fixture *f, const char *container, const char *name, struct digest *id,
	struct digest *moved, struct err **err)
{
	auto_store_image *parent = store_image_find(f->store, "t", NULL);
	struct oci_image_config config = {0};
	int packed = 0;
	oci_image_config_change(&config, "ENV A=b", NULL);
	struct store_commit spec = {
		.container = container,
		.parent = parent ? parent->id.str : "sha256:" ID,
		.name = name,
		.config = &config,
		.author = "me",
		.comment = "why",
		.created_by = "sh -c x",
		.docker_version = "1",
		.packed = count,
		.arg = &packed,
	};
	int r = store_commit(f->store, &spec, id, moved, err);
	oci_image_config_clear(&config);
	assert_int_equal(packed, 1);
	return r;
}

static struct store_image *committed(struct fixture *f, const char *container, const char *name)
{
	struct digest id, moved;
	struct err *err = NULL;
	if (commit(f, container, name, &id, &moved, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_string_equal(moved.str, "");
	struct store_image *image = store_image_find(f->store, id.str, &err);
	assert_non_null(image);
	return image;
}

static void a_commit_is_an_image_upon_its_parent(void **state)
{
	need_root();
	make_container(*state);
	change(*state, ID);
	auto_store_image *parent = store_image_find(((struct fixture *)*state)->store, "t", NULL);
	auto_store_image *i = committed(*state, ID, "docker.io/library/new:1");
	assert_string_equal(i->parent, parent->id.str);
	assert_string_equal(i->repo_tags[0], "new:1");
	assert_int_equal(i->config->diff_id_count, 3);
	assert_string_equal(i->config->diff_ids[1].str, parent->config->diff_ids[1].str);
	assert_string_equal(i->config->author, "me");
	assert_string_equal(i->config->config.env[0], "A=b");
	size_t n = i->config->history_count;
	assert_int_equal(n, parent->config->history_count + 1);
	assert_string_equal(i->config->history[n - 1].created_by, "sh -c x");
	assert_string_equal(i->config->history[n - 1].comment, "why");
	assert_false(i->config->history[n - 1].empty_layer);
	assert_int_equal(i->size, parent->size + 3);
}

static void the_same_changes_are_the_same_layer(void **state)
{
	need_root();
	make_container(*state);
	change(*state, ID);
	change(*state, ID2);
	auto_store_image *a = committed(*state, ID, NULL);
	auto_store_image *b = committed(*state, ID, NULL);
	auto_store_image *c = committed(*state, ID2, NULL);
	assert_string_equal(a->config->diff_ids[2].str, b->config->diff_ids[2].str);
	assert_string_equal(a->config->diff_ids[2].str, c->config->diff_ids[2].str);
	assert_int_equal(entries_of(*state, "layers"), 4); /* two, "empty" and the new one */
	assert_int_equal(entries_of(*state, "staging"), 0);
}

static void no_change_is_no_layer(void **state)
{
	need_root();
	make_container(*state);
	auto_store_image *i = committed(*state, ID, NULL);
	assert_int_equal(i->config->diff_id_count, 2);
	assert_true(i->config->history[i->config->history_count - 1].empty_layer);
}

static void a_container_of_the_image_sees_what_was_committed(void **state)
{
	need_root();
	struct fixture *f = *state;
	make_container(f);
	change(f, ID);
	auto_store_image *i = committed(f, ID, NULL);
	static const char third[] =
		"2123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	assert_int_equal(store_snapshot_create(f->store, third, &i->id, NULL), 0);
	auto_fd int root = store_snapshot_mount(f->store, third, true, NULL);
	struct stat st;
	assert_int_equal(fstatat(root, "etc/new", &st, 0), 0);
	assert_int_equal(st.st_mtime, 1000);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(root, "etc/b", &st, 0), -1);
	assert_int_equal(fstatat(root, "etc/c", &st, 0), 0);
}

static void a_name_is_taken_from_another_image(void **state)
{
	need_root();
	make_container(*state);
	change(*state, ID);
	struct digest id, moved;
	auto_store_image *old = committed(*state, ID, "docker.io/library/new:1");
	assert_int_equal(commit(*state, ID2, "docker.io/library/new:1", &id, &moved, NULL), 0);
	assert_string_equal(moved.str, old->id.str);
}

static void what_cannot_be_packed_leaves_nothing(void **state)
{
	need_root();
	struct fixture *f = *state;
	make_container(f);
	{
		auto_fd int root = store_snapshot_mount(f->store, ID, false, NULL);
		assert_int_equal(mkdirat(root, "z.wh", 0755), 0);
		assert_int_equal(mkdirat(root, "zz", 0755), 0);
		assert_int_equal(mkdirat(root, "zz/.wh.etc", 0755), 0);
	}
	struct digest id, moved;
	struct err *err = NULL;
	assert_int_equal(commit(f, ID, NULL, &id, &moved, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, "zz/.wh.etc"));
	err_freep(&err);
	assert_int_equal(entries_of(f, "staging"), 0);
	assert_int_equal(entries_of(f, "layers"), 3);
	assert_int_equal(store_image_count(f->store), 1);
}

#define STORE_TEST(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(a_container_is_exported_whole),
		STORE_TEST(changes_are_listed),
		STORE_TEST(a_mounted_container_is_packed_as_well),
		STORE_TEST(what_is_not_there_is_not_found),
		STORE_TEST(a_pack_that_nobody_reads_can_be_given_up),
		STORE_TEST(a_commit_is_an_image_upon_its_parent),
		STORE_TEST(the_same_changes_are_the_same_layer),
		STORE_TEST(no_change_is_no_layer),
		STORE_TEST(a_container_of_the_image_sees_what_was_committed),
		STORE_TEST(a_name_is_taken_from_another_image),
		STORE_TEST(what_cannot_be_packed_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
