/* Repairs, and what must not be repaired. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/check.h"
#include "store/content.h"
#include "store/save.h"

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* An image "t:1" whose only layer has its compressed blob; *layer is its diffID. */
static struct digest load_compressed(struct fixture *f, struct digest *layer)
{
	auto_buf tar = BUF_INIT, archive = BUF_INIT;
	struct err *err = NULL;
	make_layer(&tar, "file", "as it came");
	digest_of(tar.data, tar.len, layer);
	struct test_image image = {.layers = &tar, .count = 1, .tag = "t:1", .compressed = true};
	make_oci_archive(&archive, &image);
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_store_image *i = store_image_find(f->store, "t:1", NULL);
	assert_non_null(i);
	return i->id;
}

static void expect_file(struct fixture *f, const struct digest *layer, const char *content)
{
	auto_buf b = BUF_INIT;
	auto_free char *path = xasprintf("%s/layers/%s/file", f->root, digest_hex(layer));
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_read_all(fd, 4096, &b, path, NULL), 0);
	assert_string_equal(buf_str(&b), content);
}

static void damage(struct fixture *f, const struct digest *layer)
{
	auto_free char *path = xasprintf("%s/layers/%s/file", f->root, digest_hex(layer));
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "A", 1, 0), 1);
}

static struct store_check repair(struct fixture *f)
{
	struct store_check check;
	struct err *err = NULL;
	const struct store_check_spec spec = {.repair = true};
	if (store_check_run(f->store, &spec, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	return check;
}

static void a_damaged_layer_is_unpacked_again_once_no_container_has_it(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct digest image = load_compressed(f, &layer);
	damage(f, &layer);
	assert_int_equal(store_snapshot_create(f->store, CONTAINER, &image, NULL), 0);
	struct store_check check = repair(f);
	assert_int_equal(check.count, 1);
	assert_false(check.v[0].repaired);
	store_check_free(&check);
	expect_file(f, &layer, "As it came");
	assert_int_equal(store_snapshot_remove(f->store, CONTAINER, NULL), 0);
	check = repair(f);
	assert_int_equal(check.count, 1);
	assert_int_equal(check.v[0].kind, STORE_FINDING_LAYER);
	assert_true(check.v[0].repaired);
	store_check_free(&check);
	expect_file(f, &layer, "as it came");
	assert_int_equal(entries_of(f, "staging"), 0);
	check = repair(f);
	assert_int_equal(check.count, 0);
	store_check_free(&check);
	/* a change that was repaired stays, and the store can still be changed */
	assert_int_equal(store_snapshot_create(f->store, CONTAINER, &image, NULL), 0);
	fixture_reopen(f);
	expect_file(f, &layer, "as it came");
}

static void a_layer_and_its_recipe_that_are_gone_are_made_again(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	load_compressed(f, &layer);
	const char *folders[] = {"layers", "recipes"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		auto_free char *path = xasprintf("%s/%s", f->root, folders[i]);
		auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(tree_remove(dir, digest_hex(&layer), NULL), 0);
	}
	struct store_check check = repair(f);
	assert_int_equal(check.count, 1);
	assert_true(check.v[0].repaired);
	store_check_free(&check);
	expect_file(f, &layer, "as it came");
}

static void a_damaged_configuration_is_not_saved_under_its_digest(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct digest image = load_compressed(f, &layer);
	char *const refs[] = {(char *)"t:1", NULL};
	struct err *err = NULL;
	auto_free char *path = xasprintf("%s/content/sha256/%s", f->root, digest_hex(&image));
	auto_fd int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(write(fd, " ", 1), 1); /* it can still be parsed */
	for (int form = STORE_SAVE_DOCKER; form <= STORE_SAVE_OCI; form++) {
		struct store_save *save = store_save_new(f->store, refs, form, NULL, &err);
		assert_null(save);
		assert_non_null(strstr(err_msg(err), "damaged"));
		err_freep(&err);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_damaged_layer_is_unpacked_again_once_no_container_has_it),
		T(a_layer_and_its_recipe_that_are_gone_are_made_again),
		T(a_damaged_configuration_is_not_saved_under_its_digest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
