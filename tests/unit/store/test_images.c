/* Names, finding, listing, removing, history. */
#include "../cmocka_all.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"

/* An image of @n layers; layer i holds "<i>" so that images share their lower layers. The topmost one
 * holds @top. */
static void put(struct fixture *f, const char *tag, size_t n, const char *top, const char *created,
	const char *config)
{
	struct buf layers[8] = {0};
	auto_buf archive = BUF_INIT;
	for (size_t i = 0; i < n; i++) {
		char data[16];
		snprintf(data, sizeof(data), "%zu", i);
		make_layer(&layers[i], "file", i + 1 == n ? top : data);
	}
	struct test_image image = {
		.layers = layers, .count = n, .tag = tag, .created = created, .config = config};
	make_docker_archive(&archive, &image, 1);
	struct err *err = NULL;
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	for (size_t i = 0; i < n; i++)
		buf_free(&layers[i]);
}

static struct store_image *get(struct fixture *f, const char *ref)
{
	struct err *err = NULL;
	struct store_image *image = store_image_find(f->store, ref, &err);
	if (!image)
		fail_msg("%s: %s", ref, err_msg(err));
	return image;
}

static void expect_missing(struct fixture *f, const char *ref, enum err_kind kind, const char *says)
{
	struct err *err = NULL;
	assert_null(store_image_find(f->store, ref, &err));
	assert_int_equal(err->kind, kind);
	assert_string_equal(err->msg, says);
	err_free(err);
}

static void finds_by_name_and_id(void **state)
{
	need_root();
	struct fixture *f = *state;
	put(f, "app:1", 1, "x", NULL, NULL);
	assert_int_equal(store_image_tag(f->store, "app:1", "app", NULL, NULL, NULL), 0);
	auto_store_image *a = get(f, "app:1");
	auto_store_image *b = get(f, a->id.str);
	auto_store_image *c = get(f, digest_hex(&a->id));
	char prefix[20];
	snprintf(prefix, sizeof(prefix), "%.12s", digest_hex(&a->id));
	auto_store_image *d = get(f, prefix);
	auto_store_image *e = get(f, "docker.io/library/app");
	assert_string_equal(b->id.str, a->id.str);
	assert_string_equal(c->id.str, a->id.str);
	assert_string_equal(d->id.str, a->id.str);
	assert_string_equal(e->id.str, a->id.str);
	assert_string_equal(e->repo_tags[0], "app:1");
	assert_string_equal(e->repo_tags[1], "app:latest");
	expect_missing(f, "nope", ERR_NOT_FOUND, "No such image: nope:latest");
	expect_missing(f, "app:2", ERR_NOT_FOUND, "No such image: app:2");
	expect_missing(f, "BAD", ERR_INVALID,
		"invalid reference format: repository name (library/BAD) must be lowercase");
	expect_missing(f, "sha256:0000000000000000000000000000000000000000000000000000000000000000",
		ERR_NOT_FOUND,
		"No such image: "
		"sha256:0000000000000000000000000000000000000000000000000000000000000000");
}

static void refuses_ambiguous_prefixes(void **state)
{
	need_root();
	struct fixture *f = *state;
	char tag[16], content[16];
	/* 17 ids share a first digit somewhere */
	for (int i = 0; i < 17; i++) {
		snprintf(tag, sizeof(tag), "a:%d", i);
		snprintf(content, sizeof(content), "%d", i);
		put(f, tag, 1, content, NULL, NULL);
	}
	int ambiguous = 0;
	for (const char *digit = "0123456789abcdef"; *digit; digit++) {
		struct err *err = NULL;
		char ref[2] = {*digit, 0};
		auto_store_image *image = store_image_find(f->store, ref, &err);
		if (!image && err->kind == ERR_INVALID)
			ambiguous++;
		err_freep(&err);
	}
	assert_true(ambiguous > 0);
}

static void tags_and_refuses_tags(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	struct digest from;
	put(f, "a:1", 1, "x", NULL, NULL);
	put(f, "b:1", 1, "y", NULL, NULL);
	auto_store_image *b = get(f, "b:1");
	assert_int_equal(store_image_tag(f->store, "a:1", "b", "1", &from, NULL), 0);
	assert_string_equal(from.str, b->id.str);
	assert_int_equal(store_image_tag(f->store, "nope", "b", "1", NULL, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(store_image_tag(f->store, "a:1", "B", "1", NULL, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_int_equal(store_image_tag(f->store, "a:1", "b", ":", NULL, &err), -1);
	assert_int_equal(store_image_tag(f->store, "a:1", "sha256", "x", NULL, &err), -1);
	assert_non_null(strstr(err->msg, "ambiguous tag"));
	err_free(err);
}

static size_t count_listed(struct fixture *f, const struct store_image_filter *filter)
{
	struct store_image_list list;
	struct err *err = NULL;
	if (store_image_list(f->store, filter, &list, &err) < 0)
		fail_msg("%s", err_msg(err));
	size_t n = list.count;
	store_image_list_free(&list);
	return n;
}

static void lists_with_filters(void **state)
{
	need_root();
	struct fixture *f = *state;
	put(f, "old:1", 1, "o", "2020-01-01T00:00:00Z", "{\"Labels\":{\"k\":\"v\"}}");
	put(f, "mid:1", 1, "m", "2021-01-01T00:00:00Z", "{\"Labels\":{\"k\":\"w\"}}");
	put(f, NULL, 1, "n", "2022-01-01T00:00:00Z", NULL);
	store_image_tag(f->store, "old:1", "old", "2", NULL, NULL);
	struct store_image_list list;
	assert_int_equal(store_image_list(f->store, NULL, &list, NULL), 0);
	assert_int_equal(list.count, 3);
	assert_null(list.v[0].repo_tags);
	assert_string_equal(list.v[1].repo_tags[0], "mid:1");
	store_image_list_free(&list);
	char *k[] = {(char *)"k", NULL}, *kv[] = {(char *)"k=v", NULL};
	char *old[] = {(char *)"old", NULL}, *old2[] = {(char *)"old:2", NULL};
	char *mid[] = {(char *)"mid:1", NULL}, *none[] = {(char *)"zzz", NULL};
	assert_int_equal(count_listed(f, &(struct store_image_filter){.label = k}), 2);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.label = kv}), 1);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.label_not = kv}), 2);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.reference = old}), 1);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.reference = none}), 0);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.before = mid}), 1);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.since = mid}), 1);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.has_dangling = true,
						 .dangling = true}),
		1);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.has_dangling = true}), 2);
	struct store_image_filter two = {.reference = old2};
	assert_int_equal(store_image_list(f->store, &two, &list, NULL), 0);
	assert_int_equal(strv_len(list.v[0].repo_tags), 1); /* only what matches */
	store_image_list_free(&list);
	two.before = none;
	assert_int_equal(store_image_list(f->store, &two, &list, NULL), -1);
}

/* Containers as the engine would tell them. */
struct used {
	struct digest image;
	bool used, running;
};

static size_t users(void *arg, const struct digest *image, struct store_user *out, size_t max)
{
	struct used *u = arg;
	if (!u->used || !max || !str_eq(u->image.str, image->str))
		return 0;
	out[0] = (struct store_user){
		"abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789", u->running};
	return 1;
}

/* Removes and returns what was answered: "U name", "I" for the image, "L" for a layer. */
static char *removed(struct fixture *f, const char *ref, bool force, struct used *u)
{
	struct store_removed_list list;
	struct err *err = NULL;
	auto_buf b = BUF_INIT;
	if (store_image_remove(f->store, ref, force, users, u, &list, &err) < 0) {
		char *text = xasprintf("%s: %s", err_kind_name(err->kind), err->msg);
		err_free(err);
		return text;
	}
	for (size_t i = 0; i < list.count; i++) {
		if (list.v[i].kind == STORE_UNTAGGED)
			buf_addf(&b, "U %s,", list.v[i].what);
		else
			buf_adds(&b, list.v[i].is_image ? "I," : "L,");
	}
	store_removed_list_free(&list);
	return buf_steal(&b);
}

#define EXPECT_REMOVED(f, ref, force, u, text)                                                     \
	do {                                                                                       \
		auto_free char *got = removed(f, ref, force, u);                                   \
		assert_string_equal(got, text);                                                    \
	} while (0)

static void removes_with_the_last_name(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct used nobody = {0};
	put(f, "a:1", 2, "top", NULL, NULL);
	put(f, "b:1", 3, "other", NULL, NULL);
	store_image_tag(f->store, "a:1", "a", "2", NULL, NULL);
	EXPECT_REMOVED(f, "a:1", false, &nobody, "U a:1,");
	EXPECT_REMOVED(f, "a:1", false, &nobody, "not found: No such image: a:1");
	/* the lower layer stays: b has it */
	EXPECT_REMOVED(f, "a:2", false, &nobody, "U a:2,I,L,");
	assert_int_equal(entries_of(f, "layers"), 4);
	EXPECT_REMOVED(f, "b:1", false, &nobody, "U b:1,I,L,L,L,");
	expect_empty(f);
}

static void removes_by_id(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct used nobody = {0};
	char text[256];
	put(f, "a:1", 1, "x", NULL, NULL);
	auto_store_image *a = get(f, "a:1");
	char id[13];
	snprintf(id, sizeof(id), "%.12s", digest_hex(&a->id));
	store_image_tag(f->store, "a:1", "other/repo", "2", NULL, NULL);
	snprintf(text, sizeof(text),
		"conflict: conflict: unable to delete %s (must be forced) - image is referenced in "
		"multiple repositories",
		id);
	EXPECT_REMOVED(f, id, false, &nobody, text);
	EXPECT_REMOVED(f, id, true, &nobody, "U a:1,U other/repo:2,I,L,");
	expect_empty(f);
}

static void unname(struct fixture *f, const char *name)
{
	auto_free char *full = xasprintf("docker.io/library/%s", name);
	assert_int_equal(
		db_exec(store_db(f->store), NULL, "DELETE FROM tags WHERE name = ?", "s", full), 1);
}

/* As after a pull of @name. */
static void give_digest(struct fixture *f, const char *name, const char *repo)
{
	struct digest digest;
	auto_store_image *image = get(f, name);
	digest_of(repo, strlen(repo), &digest);
	assert_int_equal(db_exec(store_db(f->store), NULL,
				 "INSERT INTO repo_digests(name, image) VALUES(? || '@' || ?, ?)",
				 "sss", repo, digest.str, image->id.str),
		1);
}

static void removes_digests_with_the_last_tag_of_their_name(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct used nobody = {0};
	struct store_removed_list list;
	struct digest digest;
	char text[256];
	put(f, "a:1", 1, "x", NULL, NULL);
	store_image_tag(f->store, "a:1", "a", "2", NULL, NULL);
	store_image_tag(f->store, "a:1", "b", "1", NULL, NULL);
	give_digest(f, "a:1", "docker.io/library/a");
	digest_of("docker.io/library/a", strlen("docker.io/library/a"), &digest);
	EXPECT_REMOVED(f, "a:1", false, &nobody, "U a:1,");
	assert_int_equal(store_image_remove(f->store, "a:2", 0, NULL, NULL, &list, NULL), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.v[0].what, "a:2");
	assert_false(list.v[0].silent);
	assert_true(list.v[1].silent); /* no event of its own */
	snprintf(text, sizeof(text), "a@%s", digest.str);
	assert_string_equal(list.v[1].what, text);
	store_removed_list_free(&list);
	EXPECT_REMOVED(f, "b:1", false, &nobody, "U b:1,I,L,");
	expect_empty(f);
}

static void removes_by_digest(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct used nobody = {0};
	struct digest digest;
	char ref[128], text[160];
	put(f, "a:1", 1, "x", NULL, NULL);
	give_digest(f, "a:1", "docker.io/library/a");
	digest_of("docker.io/library/a", strlen("docker.io/library/a"), &digest);
	snprintf(ref, sizeof(ref), "a@%s", digest.str);
	snprintf(text, sizeof(text), "U %s,", ref);
	EXPECT_REMOVED(f, ref, false, &nobody, text); /* the tag keeps the image */
	auto_store_image *a = get(f, "a:1");
	assert_null(a->repo_digests);
	unname(f, "a:1");
	give_digest(f, a->id.str, "docker.io/library/a");
	assert_int_equal(count_listed(f, &(struct store_image_filter){.has_dangling = true,
						 .dangling = true}),
		1);
	/* one repository alone: its digests go with the id */
	snprintf(text, sizeof(text), "U %s,I,L,", ref);
	EXPECT_REMOVED(f, a->id.str, false, &nobody, text);
	expect_empty(f);
}

static void respects_containers(void **state)
{
	need_root();
	struct fixture *f = *state;
	char text[256], id[13];
	put(f, "a:1", 1, "x", NULL, NULL);
	auto_store_image *a = get(f, "a:1");
	struct used u = {.image = a->id, .used = true};
	snprintf(id, sizeof(id), "%.12s", digest_hex(&a->id));
	snprintf(text, sizeof(text),
		"conflict: conflict: unable to remove repository reference \"a:1\" (must force) - "
		"container abcdef012345 is using its referenced image %s",
		id);
	EXPECT_REMOVED(f, "a:1", false, &u, text);
	snprintf(text, sizeof(text),
		"conflict: conflict: unable to delete %s (must be forced) - image is being used by "
		"stopped container abcdef012345",
		id);
	EXPECT_REMOVED(f, id, false, &u, text);
	u.running = true;
	snprintf(text, sizeof(text),
		"conflict: conflict: unable to delete %s (cannot be forced) - image is being used "
		"by running container abcdef012345",
		id);
	EXPECT_REMOVED(f, id, true, &u, text);
	/* by name and by force the name goes, the image stays */
	EXPECT_REMOVED(f, "a:1", true, &u, "U a:1,");
	assert_int_equal(store_image_count(f->store), 1);
	u.running = false;
	EXPECT_REMOVED(f, id, true, &u, "I,L,");
	expect_empty(f);
}

static void tells_history(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct store_history *rows = NULL;
	size_t n;
	put(f, "a:1", 3, "top!", NULL, NULL);
	auto_store_image *a = get(f, "a:1");
	assert_int_equal(store_image_history(f->store, a, &rows, &n, NULL), 0);
	assert_int_equal(n, 3);
	assert_string_equal(rows[0].id.str, a->id.str);
	assert_string_equal(rows[0].created_by, "step 2");
	assert_int_equal(rows[0].size, 4);
	assert_string_equal(rows[0].tags[0], "a:1");
	assert_string_equal(rows[1].id.str, "");
	assert_int_equal(rows[1].size, 1);
	assert_null(rows[1].tags);
	store_history_free(rows, n);
}

/* As commit and build leave it: @child was made from @parent, which has no name any more. */
static void make_parent(struct fixture *f, const char *parent, const char *child)
{
	auto_store_image *p = get(f, parent);
	auto_store_image *c = get(f, child);
	assert_int_equal(
		db_exec(store_db(f->store), NULL, "UPDATE images SET parent = ? WHERE id = ?", "ss",
			p->id.str, c->id.str),
		1);
}

static void removes_nameless_parents(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct used nobody = {0};
	put(f, "base:1", 1, "x", NULL, NULL);
	put(f, "step:1", 1, "y", NULL, NULL);
	put(f, "app:1", 1, "z", NULL, NULL);
	make_parent(f, "base:1", "step:1");
	make_parent(f, "step:1", "app:1");
	EXPECT_REMOVED(f, "step:1", false, &nobody, "U step:1,");
	EXPECT_REMOVED(f, "app:1", false, &nobody, "U app:1,I,L,I,L,");
	/* the one with a name stays, and nothing was made from it any more */
	EXPECT_REMOVED(f, "base:1", false, &nobody, "U base:1,I,L,");
	expect_empty(f);
}

static void keeps_parents_that_others_need(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct store_removed_list list;
	struct used nobody = {0};
	char text[160];
	put(f, "base:1", 1, "x", NULL, NULL);
	put(f, "a:1", 1, "y", NULL, NULL);
	put(f, "b:1", 1, "z", NULL, NULL);
	make_parent(f, "base:1", "a:1");
	make_parent(f, "base:1", "b:1");
	auto_store_image *base = get(f, "base:1");
	snprintf(text, sizeof(text),
		"conflict: conflict: unable to delete %.12s (cannot be forced) - image has "
		"dependent child images",
		digest_hex(&base->id));
	EXPECT_REMOVED(f, base->id.str, true, &nobody, text);
	unname(f, "base:1");
	assert_int_equal(count_listed(f, NULL), 2);
	assert_int_equal(count_listed(f, &(struct store_image_filter){.all = true}), 3);
	EXPECT_REMOVED(f, "a:1", false, &nobody, "U a:1,I,L,");
	assert_int_equal(store_image_remove(f->store, "b:1", STORE_REMOVE_KEEP_PARENTS, NULL, NULL,
				 &list, NULL),
		0);
	store_removed_list_free(&list);
	assert_int_equal(count_listed(f, NULL), 1);
}

static int64_t bytes_in(struct fixture *f, const char *folder)
{
	struct usage usage = {0};
	assert_int_equal(usage_add(store_root_fd(f->store), folder, &usage, NULL), 0);
	return usage.bytes;
}

static void counts_what_images_share(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct store_image_list list;
	struct store_removed_list gone;
	const struct store_image_filter sizes = {.sizes = true};
	put(f, "a:1", 2, "top", "2020-01-01T00:00:00Z", NULL); /* "0", "top" */
	put(f, "b:1", 3, "other", "2021-01-01T00:00:00Z", NULL); /* "0", "1", "other" */
	assert_int_equal(store_image_list(f->store, &sizes, &list, NULL), 0);
	assert_int_equal(list.v[0].size, 7);
	assert_int_equal(list.v[0].shared_size, 1);
	assert_int_equal(list.v[1].size, 4);
	assert_int_equal(list.v[1].shared_size, 1);
	store_image_list_free(&list);
	auto_store_image *a = get(f, "a:1");
	auto_buf config = BUF_INIT;
	assert_int_equal(store_image_config_json(f->store, &a->id, &config, NULL), 0);
	int64_t recipes = bytes_in(f, "recipes");
	assert_int_equal(store_image_remove(f->store, "a:1", 0, NULL, NULL, &gone, NULL), 0);
	recipes -= bytes_in(f, "recipes");
	assert_true(recipes > 0);
	assert_int_equal(gone.reclaimed, 3 + config.len + recipes);
	store_removed_list_free(&gone);
	assert_int_equal(store_image_list(f->store, &sizes, &list, NULL), 0);
	assert_int_equal(list.v[0].shared_size, 0);
	store_image_list_free(&list);
}

static void completes_labels_of_old_images(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct store_image_list list;
	put(f, "a:1", 1, "x", NULL, "{\"Labels\":{\"k\":\"v\"}}");
	db_exec(store_db(f->store), NULL, "UPDATE images SET labels = NULL", "");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_image_list(f->store, NULL, &list, NULL), 0);
		assert_string_equal(list.v[0].labels, "{\"k\":\"v\"}");
		store_image_list_free(&list);
	}
	auto_db_stmt *q = db_query(store_db(f->store), "SELECT labels FROM images", NULL);
	assert_int_equal(db_step(q, NULL), 1);
	assert_string_equal(db_col_str(q, 0), "{\"k\":\"v\"}");
}

static void lists_an_old_image_whose_configuration_is_damaged(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct store_image_list list;
	put(f, "a:1", 1, "x", "2020-01-01T00:00:00Z", NULL);
	put(f, "b:1", 1, "y", "2021-01-01T00:00:00Z", "{\"Labels\":{\"k\":\"v\"}}");
	auto_store_image *a = get(f, "a:1");
	auto_free char *blob = xasprintf("%s/content/sha256/%s", f->root, digest_hex(&a->id));
	assert_int_equal(truncate(blob, 1), 0);
	db_exec(store_db(f->store), NULL, "UPDATE images SET labels = NULL", "");
	struct err *err = NULL;
	if (store_image_list(f->store, NULL, &list, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(list.count, 2);
	assert_string_equal(list.v[0].labels, "{\"k\":\"v\"}");
	assert_string_equal(list.v[1].repo_tags[0], "a:1");
	assert_null(list.v[1].labels);
	store_image_list_free(&list);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(finds_by_name_and_id),
		T(refuses_ambiguous_prefixes),
		T(tags_and_refuses_tags),
		T(lists_with_filters),
		T(removes_with_the_last_name),
		T(removes_by_id),
		T(removes_digests_with_the_last_tag_of_their_name),
		T(removes_by_digest),
		T(respects_containers),
		T(tells_history),
		T(removes_nameless_parents),
		T(keeps_parents_that_others_need),
		T(counts_what_images_share),
		T(completes_labels_of_old_images),
		T(lists_an_old_image_whose_configuration_is_damaged),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
