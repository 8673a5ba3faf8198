/* Repairs, and what must not be repaired. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "puller.h"
#include "store/check.h"
#include "store/content.h"
#include "store/save.h"

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

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
	struct digest image = load_compressed(f, "as it came", &layer);
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
	load_compressed(f, "as it came", &layer);
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
	struct digest image = load_compressed(f, "as it came", &layer);
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

/* ---- what comes again ---- */

#define ONE "one.example/a"
#define TWO "two.example/b"

/* Registries, of which one and its mirror send rubbish. */
struct registries {
	struct fixture *f;
	const struct served *served;
	char said[512]; /* who was asked */
	const char *take; /* an image that goes meanwhile; NULL: none */
	struct store_lease *lease; /* holds the blob then */
	int64_t size, max; /* that were asked for */
	int asked; /* of progress */
	int patience; /* of progress, before it cancels; 0: endless */
	bool layers; /* progress was asked when layers were looked at already */
};

static void remove_image(struct fixture *f, const char *name)
{
	struct store_removed_list removed;
	struct err *err = NULL;
	if (store_image_remove(f->store, name, STORE_REMOVE_FORCE, NULL, NULL, &removed, &err) < 0)
		fail_msg("%s", err_msg(err));
	store_removed_list_free(&removed);
}

static int fetch(void *arg, const struct store_wanted *w, int fd, bool *mirrored, struct err **err)
{
	struct registries *r = arg;
	const struct served *s = r->served;
	const struct buf *right = str_eq(w->digest.str, s->digests[0].str)	? &s->blobs[0]
				  : str_eq(w->digest.str, s->config_digest.str) ? &s->config
										: &s->manifest;
	size_t at = strlen(r->said);
	snprintf(r->said + at, sizeof(r->said) - at, "%s%s ", w->repo,
		w->no_mirrors ? " itself" : "");
	if (r->take) {
		assert_true(store_lease_blob(r->lease, &w->digest));
		remove_image(r->f, r->take);
	}
	*mirrored = str_eq(w->repo, ONE) && !w->no_mirrors;
	r->size = w->size;
	r->max = w->max;
	if (str_eq(w->repo, ONE))
		return fd_write_all(fd, "rubbish", 7) < 0 ? err_sys(err, errno, "write") : 0;
	return fd_write_all(fd, right->data, right->len) < 0 ? err_sys(err, errno, "write") : 0;
}

static int progress(void *arg)
{
	struct registries *r = arg;
	r->layers = r->layers || entries_of(r->f, "staging") > 0;
	return r->patience && ++r->asked > r->patience;
}

static int check_with(struct registries *r, struct store_check *out, struct err **err)
{
	const struct store_check_spec spec = {
		.repair = true, .fetch = fetch, .progress = progress, .arg = r};
	return store_check_run(r->f->store, &spec, out, err);
}

static void pull_as(struct fixture *f, const struct served *s, const char *name)
{
	struct err *err = NULL;
	if (pull_served(f, s, name, 1 << 20, NULL, &err) < 0)
		fail_msg("%s", err_msg(err));
}

static void serve_one(struct served *s)
{
	auto_buf tar = BUF_INIT;
	make_layer(&tar, "file", "as it came");
	served_layer(s, &tar, PACK_GZIP);
	served_finish(s, NULL);
}

/* Flips a bit: the length stays. */
static void damage_blob(struct fixture *f, const struct digest *blob)
{
	auto_free char *path = xasprintf("%s/content/sha256/%s", f->root, digest_hex(blob));
	auto_fd int fd = open(path, O_RDWR | O_CLOEXEC);
	char c;
	assert_int_equal(pread(fd, &c, 1, 3), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, 3), 1);
}

static void expect_blob(struct fixture *f, const struct digest *blob)
{
	struct digest actual;
	auto_fd int fd = store_blob_open(f->store, blob, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(digest_of_fd(fd, &actual), 0);
	assert_string_equal(actual.str, blob->str);
}

static void a_registry_that_sends_rubbish_does_not_keep_a_blob_from_coming_from_another(
	void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct registries r = {.f = f, .served = &s};
	struct store_check check;
	struct err *err = NULL;
	serve_one(&s);
	pull_as(f, &s, ONE ":1");
	pull_as(f, &s, TWO ":1");
	damage_blob(f, &s.digests[0]);
	if (check_with(&r, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_string_equal(r.said, ONE " " ONE " itself " TWO " ");
	assert_int_equal(check.count, 1);
	assert_true(check.v[0].repaired);
	assert_string_equal(check.v[0].remedy, "fetched again from " TWO);
	store_check_free(&check);
	expect_blob(f, &s.digests[0]);
	assert_int_equal(entries_of(f, "staging"), 0);
	served_free(&s);
}

static void a_blob_that_cannot_be_had_right_stays_and_is_told(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct registries r = {.f = f, .served = &s};
	struct store_check check;
	struct err *err = NULL;
	serve_one(&s);
	pull_as(f, &s, ONE ":1");
	damage_blob(f, &s.config_digest);
	if (check_with(&r, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_string_equal(r.said, ONE " " ONE " itself ");
	assert_true(check.count >= 1);
	assert_int_equal(check.v[0].kind, STORE_FINDING_BLOB);
	assert_false(check.v[0].repaired);
	assert_non_null(strstr(check.v[0].remedy, "what the registry sent has the digest"));
	store_check_free(&check);
	auto_fd int fd = store_blob_open(f->store, &s.config_digest, NULL, NULL);
	assert_true(fd >= 0);
	assert_int_equal(entries_of(f, "staging"), 0);
	served_free(&s);
}

static void a_blob_that_comes_again_stays_for_who_holds_it_when_its_image_goes(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct registries r = {.f = f, .served = &s, .take = TWO ":1"};
	struct store_check check;
	struct err *err = NULL;
	serve_one(&s);
	pull_as(f, &s, TWO ":1");
	r.lease = store_lease_new(f->store);
	damage_blob(f, &s.manifest_digest);
	if (check_with(&r, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(check.count, 1);
	assert_true(check.v[0].repaired);
	store_check_free(&check);
	assert_int_equal(store_image_count(f->store), 0);
	expect_blob(f, &s.manifest_digest);
	/* its row, too: nothing is found to be missing, or without one */
	check = repair(f);
	assert_int_equal(check.count, 0);
	assert_int_equal(check.blobs, 1);
	store_check_free(&check);
	store_lease_end(r.lease);
	expect_empty(f);
	served_free(&s);
}

static void a_damaged_blob_that_somebody_holds_is_not_dropped(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	serve_one(&s);
	pull_as(f, &s, NULL);
	struct store_lease *lease = store_lease_new(f->store);
	assert_true(store_lease_blob(lease, &s.digests[0]));
	damage_blob(f, &s.digests[0]);
	struct store_check check = repair(f);
	assert_int_equal(check.count, 1);
	assert_false(check.v[0].repaired);
	assert_non_null(strstr(check.v[0].remedy, "in use"));
	store_check_free(&check);
	auto_fd int fd = store_blob_open(f->store, &s.digests[0], NULL, NULL);
	assert_true(fd >= 0);
	store_lease_end(lease);
	check = repair(f);
	assert_int_equal(check.count, 1);
	assert_true(check.v[0].repaired);
	assert_string_equal(check.v[0].remedy, "dropped");
	store_check_free(&check);
	served_free(&s);
}

/* As after a push that compressed it on the way. */
static void a_blob_of_unknown_size_is_fetched_within_a_bound(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct registries r = {.f = f, .served = &s};
	struct store_check check;
	struct err *err = NULL;
	serve_one(&s);
	pull_as(f, &s, TWO ":1");
	damage_blob(f, &s.digests[0]);
	assert_int_equal(
		db_exec(store_db(f->store), NULL,
			"UPDATE image_blobs SET size = -1 WHERE digest = ?", "s", s.digests[0].str),
		1);
	if (check_with(&r, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(check.count, 1);
	assert_true(check.v[0].repaired);
	store_check_free(&check);
	assert_int_equal(r.size, -1);
	assert_in_range(r.max, s.blobs[0].len, 4 << 20);
	expect_blob(f, &s.digests[0]);
	served_free(&s);
}

static void a_size_that_images_do_not_agree_about_does_not_hinder(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct registries r = {.f = f, .served = &s};
	struct digest layer;
	struct store_check check;
	struct err *err = NULL;
	serve_one(&s);
	pull_as(f, &s, TWO ":1");
	struct digest liar = load_compressed(f, "another", &layer);
	damage_blob(f, &s.digests[0]);
	if (db_exec(store_db(f->store), &err,
		    "INSERT INTO image_blobs VALUES(?, ?, ?, 999999, '', '', 0)", "ssi", liar.str,
		    s.digests[0].str, (int64_t)STORE_ROLE_LAYER) != 1)
		fail_msg("%s", err_msg(err));
	if (check_with(&r, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(check.count, 1);
	assert_true(check.v[0].repaired);
	store_check_free(&check);
	assert_int_equal(r.size, -1);
	expect_blob(f, &s.digests[0]);
	served_free(&s);
}

static void a_check_that_nobody_waits_for_ends_within_a_blob(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct registries r = {.f = f, .served = &s, .patience = 8};
	struct store_check check;
	struct err *err = NULL;
	auto_buf tar = BUF_INIT, noise = BUF_INIT;
	/* of 4 MiB, which is 16 pieces, and does not get smaller */
	char *at = buf_reserve(&noise, 4 << 20);
	uint32_t x = 1;
	for (size_t i = 0; i < 4 << 20; i++)
		at[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
	tar_put(&tar,
		&(struct tar_entry){.name = "noise", .type = '0', .data = at, .len = 4 << 20});
	tar_end(&tar);
	served_layer(&s, &tar, PACK_GZIP);
	served_finish(&s, NULL);
	pull_as(f, &s, NULL);
	assert_int_equal(check_with(&r, &check, &err), -1);
	assert_int_equal(err->kind, ERR_CANCELLED);
	/* not more than twice for each of three small ones before it */
	assert_in_range(r.asked, 9, 10);
	assert_false(r.layers);
	err_free(err);
	served_free(&s);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_damaged_layer_is_unpacked_again_once_no_container_has_it),
		T(a_layer_and_its_recipe_that_are_gone_are_made_again),
		T(a_damaged_configuration_is_not_saved_under_its_digest),
		T(a_registry_that_sends_rubbish_does_not_keep_a_blob_from_coming_from_another),
		T(a_blob_that_cannot_be_had_right_stays_and_is_told),
		T(a_blob_that_comes_again_stays_for_who_holds_it_when_its_image_goes),
		T(a_damaged_blob_that_somebody_holds_is_not_dropped),
		T(a_blob_of_unknown_size_is_fetched_within_a_bound),
		T(a_size_that_images_do_not_agree_about_does_not_hinder),
		T(a_check_that_nobody_waits_for_ends_within_a_blob),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
