/* Which document a name leads to, and which of an image's documents stands for it. */
#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "puller.h"
#include "store/manifests.h"

#define CHUNK 65536

static void must(int r, struct err *err)
{
	if (r < 0)
		fail_msg("%s", err_msg(err));
}

static void serve(struct served *s)
{
	auto_buf tar = BUF_INIT;
	make_layer(&tar, "file", "served");
	served_layer(s, &tar, PACK_GZIP);
	served_finish(s, NULL);
}

/* @with_index: the name stands for the index, else for the manifest that this lists. */
static void pull(struct fixture *f, const struct served *s, const char *name, bool with_index)
{
	struct err *err = NULL;
	struct store_pull_result result;
	struct store_pull_spec spec = served_spec(s, with_index);
	auto_store_pull *p = store_pull_begin(f->store, &spec, &err);
	must(p ? 0 : -1, err);
	must(pull_to_ready(p, s, CHUNK, &err), err);
	must(commit_as(p, name, &result, &err), err);
}

static void tag(struct fixture *f, const char *image, const char *repo)
{
	struct err *err = NULL;
	must(store_image_tag(f->store, image, repo, NULL, NULL, &err), err);
}

static void expect_document(struct fixture *f, const char *name, const char *digest)
{
	auto_store_image *image = store_image_find(f->store, name, NULL);
	assert_non_null(image);
	assert_string_equal(image->document.str, digest);
}

static void a_tag_leads_to_what_it_was_pulled_as(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	serve(&s);
	pull(f, &s, "x:one", false);
	pull(f, &s, "x:multi", true);
	expect_document(f, "x:one", s.manifest_digest.str);
	expect_document(f, "x:multi", s.index_digest.str);
	expect_document(f, s.config_digest.str, "");
	expect_document(f, digest_hex(&s.config_digest), "");
	auto_free char *digest = xasprintf("x@%s", s.index_digest.str);
	expect_document(f, digest, s.index_digest.str);
	/* the same image, come as another document */
	pull(f, &s, "x:one", true);
	expect_document(f, "x:one", s.index_digest.str);
	fixture_reopen(f);
	expect_document(f, "x:one", s.index_digest.str);
	served_free(&s);
}

static void a_new_tag_leads_to_what_its_source_does(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0}, other = {0};
	auto_buf tar = BUF_INIT;
	serve(&s);
	make_layer(&tar, "file", "other");
	served_layer(&other, &tar, PACK_GZIP);
	served_finish(&other, NULL);
	pull(f, &s, "x:one", false);
	pull(f, &s, "x:multi", true);
	pull(f, &other, "other", true);
	auto_free char *digest = xasprintf("x@%s", s.index_digest.str);
	tag(f, "x:one", "one");
	tag(f, "x:multi", "multi");
	tag(f, digest, "digest");
	tag(f, s.config_digest.str, "id");
	expect_document(f, "one", s.manifest_digest.str);
	expect_document(f, "multi", s.index_digest.str);
	expect_document(f, "digest", s.index_digest.str);
	expect_document(f, "id", "");
	/* an id says nothing new of a name that is this image's, and all of one that was another's */
	tag(f, s.config_digest.str, "multi");
	expect_document(f, "multi", s.index_digest.str);
	tag(f, s.config_digest.str, "other");
	expect_document(f, "other", "");
	served_free(&s);
	served_free(&other);
}

static void what_was_pushed_is_noted_where_nothing_was(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	const char *name = "docker.io/library/id:latest";
	serve(&s);
	pull(f, &s, "x:multi", true);
	tag(f, s.config_digest.str, "id");
	/* of another image: the name has moved meanwhile */
	must(store_image_document_add(f->store, &s.index_digest, name, &s.index_digest, &err), err);
	expect_document(f, "id", "");
	must(store_image_document_add(f->store, &s.config_digest, name, &s.manifest_digest, &err),
		err);
	expect_document(f, "id", s.manifest_digest.str);
	must(store_image_document_add(f->store, &s.config_digest, name, &s.index_digest, &err),
		err);
	expect_document(f, "id", s.manifest_digest.str);
	served_free(&s);
}

/* ---- archives, plain and compressed, of one image ---- */

static void load_form(struct fixture *f, bool compressed)
{
	struct buf layer = BUF_INIT;
	auto_buf archive = BUF_INIT;
	struct err *err = NULL;
	make_layer(&layer, "file", "loaded");
	struct test_image image = {
		.layers = &layer, .count = 1, .tag = "example.com/app:1", .compressed = compressed};
	make_oci_archive(&archive, &image);
	must(load(f, &archive, &err), err);
	buf_free(&layer);
}

static struct store_image *find(struct fixture *f, struct store_blob_list *blobs)
{
	struct store_image *image = store_image_find(f->store, "example.com/app:1", NULL);
	assert_non_null(image);
	assert_int_equal(store_image_blobs(f->store, &image->id, blobs, NULL), 0);
	return image;
}

static void a_name_came_with_what_an_archive_has_compressed(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest document;
	load_form(f, false);
	expect_document(f, "example.com/app:1", "");
	load_form(f, true);
	auto_store_image *image = store_image_find(f->store, "example.com/app:1", NULL);
	assert_non_null(image);
	document = image->document;
	assert_true(document.str[0]);
	/* and keeps it when it comes plain again */
	load_form(f, false);
	expect_document(f, "example.com/app:1", document.str);
}

static void compressed_layers_are_chosen_before_plain_ones_whatever_came_last(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct store_blob_list blobs;
	struct store_choices got;
	struct digest plain, packed, none = {0};
	load_form(f, true);
	load_form(f, false);
	auto_store_image *image = find(f, &blobs);
	store_choose(f->store, image, &none, &blobs, &got);
	assert_int_equal(got.count, 2);
	packed = got.v[0].blob->digest;
	plain = got.v[1].blob->digest;
	assert_string_equal(packed.str, image->document.str);
	assert_false(got.v[0].makeshift);
	assert_true(got.v[1].makeshift);
	free(got.v);
	/* what a name came with is that name's, whatever it is */
	store_choose(f->store, image, &plain, &blobs, &got);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.v[0].blob->digest.str, plain.str);
	assert_false(got.v[0].makeshift);
	free(got.v);
	store_blob_list_free(&blobs);
	/* and what a registry has was published */
	must(store_image_digest_add(f->store, &image->id, "example.com/app", &plain, NULL), NULL);
	auto_store_image *known = find(f, &blobs);
	store_choose(f->store, known, &none, &blobs, &got);
	assert_int_equal(got.count, 2);
	assert_string_equal(got.v[1].blob->digest.str, plain.str);
	assert_false(got.v[1].makeshift);
	free(got.v);
	store_blob_list_free(&blobs);
}

/* ---- indexes ---- */

/* An index that lists @listed, kept as one of image @id's. */
static struct digest add_index(
	struct fixture *f, const struct digest *id, const char *type, const struct digest *listed)
{
	auto_buf text = BUF_INIT;
	auto_store_lease *lease = store_lease_new(f->store);
	struct digest d;
	buf_addf(&text,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"%s\",\"digest\":\"%s\","
		"\"size\":1}]}",
		type, listed->str);
	digest_of(text.data, text.len, &d);
	assert_int_equal(store_blob_add(lease, &d, OCI_TYPE_INDEX, text.data, text.len, NULL), 0);
	assert_int_equal(store_image_blob_add(
				 f->store, id, STORE_ROLE_INDEX, &d, OCI_TYPE_INDEX, NULL, NULL),
		0);
	return d;
}

static void an_index_comes_with_the_way_to_the_manifest_for_its_own_name_alone(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct store_blob_list blobs;
	struct store_choices got;
	struct digest none = {0}, elsewhere;
	serve(&s);
	pull(f, &s, "x:multi", true);
	struct digest inner = add_index(f, &s.config_digest, OCI_TYPE_INDEX, &s.index_digest);
	struct digest outer = add_index(f, &s.config_digest, OCI_TYPE_INDEX, &inner);
	auto_store_image *image = store_image_find(f->store, "x:multi", NULL);
	assert_int_equal(store_image_blobs(f->store, &image->id, &blobs, NULL), 0);
	store_choose(f->store, image, &outer, &blobs, &got);
	assert_int_equal(got.count, 4);
	assert_string_equal(got.v[0].blob->digest.str, outer.str);
	assert_null(got.v[0].in);
	const struct store_choice *c = &got.v[3];
	assert_string_equal(c->blob->digest.str, s.manifest_digest.str);
	assert_string_equal((c = c->in)->blob->digest.str, s.index_digest.str);
	assert_string_equal((c = c->in)->blob->digest.str, inner.str);
	assert_ptr_equal(c->in, &got.v[0]);
	free(got.v);
	/* the inner ones know nothing of the outer */
	store_choose(f->store, image, &s.index_digest, &blobs, &got);
	assert_int_equal(got.count, 2);
	assert_ptr_equal(got.v[1].in, &got.v[0]);
	free(got.v);
	digest_of("elsewhere", 9, &elsewhere);
	const struct digest *without[] = {&none, &elsewhere, &s.manifest_digest};
	for (size_t i = 0; i < ARRAY_LEN(without); i++) {
		store_choose(f->store, image, without[i], &blobs, &got);
		assert_int_equal(got.count, 1);
		assert_string_equal(got.v[0].blob->digest.str, s.manifest_digest.str);
		assert_null(got.v[0].in);
		free(got.v);
	}
	store_blob_list_free(&blobs);
	served_free(&s);
}

/* ---- stores from before ---- */

static void go_back(struct fixture *f)
{
	struct db *db = store_db(f->store);
	struct err *err = NULL;
	if (db_exec(db, &err, "ALTER TABLE tags DROP COLUMN document", "") < 0 ||
		db_exec(db, &err, "UPDATE schema_version SET version = 5 WHERE module = 'store'",
			"") != 1)
		fail_msg("%s", err_msg(err));
	fixture_reopen(f);
}

static void a_tag_of_before_leads_to_the_one_digest_of_its_repository(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	serve(&s);
	pull(f, &s, "localhost:5000/a:1", true);
	pull(f, &s, "localhost:5000/b:1", false);
	pull(f, &s, "localhost:5000/two:1", false);
	pull(f, &s, "localhost:5000/two:2", true);
	tag(f, "localhost:5000/a:1", "localhost:5000/a");
	tag(f, "localhost:5000/a:1", "localhost:5000/made");
	load_form(f, false);
	go_back(f);
	expect_document(f, "localhost:5000/a:1", s.index_digest.str);
	expect_document(f, "localhost:5000/a", s.index_digest.str);
	expect_document(f, "localhost:5000/b:1", s.manifest_digest.str);
	expect_document(f, "localhost:5000/two:1", "");
	expect_document(f, "localhost:5000/two:2", "");
	expect_document(f, "localhost:5000/made", "");
	expect_document(f, "example.com/app:1", "");
	served_free(&s);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_tag_leads_to_what_it_was_pulled_as),
		T(a_new_tag_leads_to_what_its_source_does),
		T(what_was_pushed_is_noted_where_nothing_was),
		T(a_name_came_with_what_an_archive_has_compressed),
		T(compressed_layers_are_chosen_before_plain_ones_whatever_came_last),
		T(an_index_comes_with_the_way_to_the_manifest_for_its_own_name_alone),
		T(a_tag_of_before_leads_to_the_one_digest_of_its_repository),
	};
	return cmocka_run_group_tests_name("store/choose", tests, NULL, NULL);
}
