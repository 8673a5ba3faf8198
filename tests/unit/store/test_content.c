/* Blobs by digest, leases, and what the collector removes. */
#include "../cmocka_all.h"

#include <fcntl.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "fixture.h"
#include "store/content.h"
#include "store/manifests.h"

/* An image "t:latest" with one layer; *layer is its diffID. */
static struct digest load_image(struct fixture *f, const char *content, struct digest *layer)
{
	auto_buf tar = BUF_INIT;
	struct err *err = NULL;
	make_layer(&tar, "file", content);
	auto_free char *folder = load_layer_folder(f, &tar, &err);
	if (!folder)
		fail_msg("%s", err_msg(err));
	digest_of(tar.data, tar.len, layer);
	auto_store_image *image = store_image_find(f->store, "t", NULL);
	assert_non_null(image);
	return image->id;
}

static void remove_image(struct fixture *f, const char *ref)
{
	struct store_removed_list removed;
	struct err *err = NULL;
	if (store_image_remove(f->store, ref, true, NULL, NULL, &removed, &err) < 0)
		fail_msg("%s", err_msg(err));
	store_removed_list_free(&removed);
}

static struct digest digest_text(const char *text)
{
	struct digest d;
	digest_of(text, strlen(text), &d);
	return d;
}

static void an_image_lists_its_configuration_as_a_blob(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct digest id = load_image(f, "x", &layer);
	struct store_blob_list list;
	assert_int_equal(store_image_blobs(f->store, &id, &list, NULL), 0);
	assert_int_equal(list.count, 1);
	assert_string_equal(list.v[0].digest.str, id.str);
	assert_int_equal(list.v[0].role, STORE_ROLE_CONFIG);
	assert_true(list.v[0].present);
	auto_buf json = BUF_INIT;
	assert_int_equal(store_blob_read(f->store, &id, &json, NULL), 0);
	assert_int_equal(list.v[0].size, json.len);
	assert_int_equal(store_content_size(f->store, NULL), json.len);
	store_blob_list_free(&list);
}

static void what_is_not_there_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct digest d = digest_text("nothing"), layer;
	struct store_blob_list list;
	auto_buf out = BUF_INIT;
	auto_err *err = NULL;
	assert_int_equal(store_image_blobs(f->store, &d, &list, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(store_blob_read(f->store, &d, &out, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(store_blob_layer(f->store, &d, &layer, NULL), 0);
	auto_store_lease *lease = store_lease_new(f->store);
	assert_false(store_lease_blob(lease, &d));
	assert_false(store_lease_layer(lease, &d));
	assert_int_equal(store_lease_image(lease, &d, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
}

static void a_document_is_added_under_its_digest_only(void **state)
{
	struct fixture *f = *state;
	struct digest right = digest_text("{\"a\":1}"), wrong = digest_text("{}");
	auto_err *err = NULL;
	auto_store_lease *lease = store_lease_new(f->store);
	assert_int_equal(store_blob_add(lease, &wrong, "a/b", "{\"a\":1}", 7, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, right.str));
	assert_non_null(strstr(err->msg, wrong.str));
	assert_int_equal(entries_of(f, "content/sha256"), 0);
	assert_int_equal(store_blob_add(lease, &right, "a/b", "{\"a\":1}", 7, NULL), 0);
	assert_int_equal(store_blob_add(lease, &right, "a/b", "{\"a\":1}", 7, NULL), 0);
	assert_int_equal(entries_of(f, "content/sha256"), 1);
	assert_int_equal(entries_of(f, "staging"), 0);
	store_gc(f->store);
	assert_int_equal(entries_of(f, "content/sha256"), 1);
	store_lease_end(steal_ptr(lease));
	assert_int_equal(entries_of(f, "content/sha256"), 0);
}

static void a_damaged_blob_is_told_when_it_is_read(void **state)
{
	struct fixture *f = *state;
	struct digest d = digest_text("{\"a\":1}");
	auto_buf out = BUF_INIT;
	auto_err *err = NULL;
	auto_store_lease *lease = store_lease_new(f->store);
	assert_int_equal(store_blob_add(lease, &d, "a/b", "{\"a\":1}", 7, NULL), 0);
	auto_free char *path = xasprintf("%s/content/sha256/%s", f->root, digest_hex(&d));
	assert_int_equal(file_replace(AT_FDCWD, path, "{\"a\":2}", 7, 0600, false, NULL), 0);
	assert_int_equal(store_blob_read(f->store, &d, &out, &err), -1);
	assert_non_null(strstr(err->msg, "damaged"));
	assert_int_equal(out.len, 0);
}

static void a_blob_of_an_image_goes_with_the_image(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer, doc = digest_text("{\"m\":1}"), blob = digest_text("gz");
	struct digest id = load_image(f, "x", &layer);
	struct store_blob_list list;
	auto_err *err = NULL;
	auto_store_lease *lease = store_lease_new(f->store);
	assert_int_equal(store_image_blob_add(f->store, &id, STORE_ROLE_MANIFEST, &doc, "a/b",
				 "linux/arm", &err),
		-1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_int_equal(store_blob_add(lease, &doc, "a/b", "{\"m\":1}", 7, NULL), 0);
	assert_int_equal(store_image_blob_add(f->store, &id, STORE_ROLE_MANIFEST, &doc, "a/b",
				 "linux/arm", NULL),
		0);
	assert_int_equal(
		store_image_blob_add(f->store, &id, STORE_ROLE_LAYER, &blob, "a/c", NULL, NULL), 0);
	store_lease_end(steal_ptr(lease));
	assert_int_equal(store_image_blobs(f->store, &id, &list, NULL), 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.v[1].role, STORE_ROLE_MANIFEST);
	assert_string_equal(list.v[1].platform, "linux/arm");
	assert_int_equal(list.v[2].role, STORE_ROLE_LAYER);
	assert_false(list.v[2].present);
	assert_int_equal(list.v[2].size, -1);
	store_blob_list_free(&list);
	fixture_reopen(f);
	assert_int_equal(entries_of(f, "content/sha256"), 2);
	remove_image(f, "t");
	expect_empty(f);
}

static void a_lease_keeps_what_an_image_had(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct digest id = load_image(f, "x", &layer);
	auto_buf json = BUF_INIT;
	auto_store_lease *lease = store_lease_new(f->store);
	assert_int_equal(store_lease_image(lease, &id, NULL), 0);
	remove_image(f, "t");
	store_gc(f->store);
	assert_int_equal(store_image_count(f->store), 0);
	assert_int_equal(entries_of(f, "layers"), 2);
	assert_int_equal(store_blob_read(f->store, &id, &json, NULL), 0);
	/* a second one takes over */
	struct store_lease *other = store_lease_new(f->store);
	assert_true(store_lease_layer(other, &layer));
	assert_true(store_lease_blob(other, &id));
	store_lease_end(steal_ptr(lease));
	assert_int_equal(entries_of(f, "layers"), 2);
	store_lease_end(other);
	expect_empty(f);
}

static void a_lease_ends_with_the_daemon(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct digest id = load_image(f, "x", &layer);
	store_close(f->store);
	f->store = NULL;
	pid_t pid = fork();
	if (pid == 0) {
		struct store_options o = {.data_root = f->root, .transfer_path = "/nonexistent"};
		struct store *s = store_open(&o, NULL);
		struct store_removed_list removed;
		struct store_lease *lease = s ? store_lease_new(s) : NULL;
		bool ok = lease && store_lease_image(lease, &id, NULL) == 0 &&
			  store_image_remove(s, "t", true, NULL, NULL, &removed, NULL) == 0;
		_exit(ok ? 0 : 1); /* nobody ends the lease */
	}
	assert_int_equal(proc_wait(pid), 0);
	assert_int_equal(entries_of(f, "layers"), 2);
	struct store_options o = {.data_root = f->root, .transfer_path = "/nonexistent"};
	f->store = store_open(&o, NULL);
	assert_non_null(f->store);
	expect_empty(f);
}

static void a_digest_names_one_image_for_good(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer, of = digest_text("manifest");
	struct digest first = load_image(f, "x", &layer);
	assert_int_equal(store_image_tag(f->store, "t", "u", NULL, NULL, NULL), 0);
	struct digest second = load_image(f, "y", &layer);
	assert_string_not_equal(first.str, second.str);
	const char *repo = "docker.io/library/t";
	assert_int_equal(store_image_digest_add(f->store, &first, repo, &of, NULL), 0);
	assert_int_equal(store_image_digest_add(f->store, &second, repo, &of, NULL), 0);
	auto_free char *ref = xasprintf("t@%s", of.str);
	auto_store_image *image = store_image_find(f->store, ref, NULL);
	assert_non_null(image);
	assert_string_equal(image->id.str, first.str);
	assert_string_equal(image->repo_digests[0], ref);
}

/* As the table of blobs did not exist before. */
static void configurations_of_an_older_store_become_blobs(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct digest id = load_image(f, "x", &layer);
	struct db *db = store_db(f->store);
	struct err *err = NULL;
	if (db_exec(db, &err, "DROP TABLE blobs", "") < 0 ||
		db_exec(db, &err, "DROP TABLE image_blobs", "") < 0 ||
		db_exec(db, &err, "DROP TABLE layer_blobs", "") < 0 ||
		/* what later steps added */
		db_exec(db, &err, "ALTER TABLE layers DROP COLUMN tar_size", "") < 0 ||
		db_exec(db, &err, "ALTER TABLE layers DROP COLUMN recipe_size", "") < 0 ||
		db_exec(db, &err, "ALTER TABLE snapshots DROP COLUMN driver", "") < 0 ||
		db_exec(db, &err, "ALTER TABLE tags DROP COLUMN document", "") < 0 ||
		db_exec(db, &err, "UPDATE schema_version SET version = 2 WHERE module = 'store'",
			"") != 1)
		fail_msg("%s", err_msg(err));
	fixture_reopen(f);
	auto_buf json = BUF_INIT;
	struct store_blob_list list;
	assert_int_equal(store_image_config_json(f->store, &id, &json, NULL), 0);
	assert_int_equal(store_image_blobs(f->store, &id, &list, NULL), 0);
	assert_int_equal(list.count, 1);
	assert_int_equal(list.v[0].size, json.len);
	store_blob_list_free(&list);
	remove_image(f, "t");
	expect_empty(f);
}

/* An index that lists @listed, kept as one of image @id's. */
static struct digest add_index(
	struct fixture *f, const struct digest *id, const struct digest *listed)
{
	auto_buf text = BUF_INIT;
	auto_store_lease *lease = store_lease_new(f->store);
	struct digest d;
	buf_addf(&text,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_TYPE_INDEX
		"\",\"digest\":\"%s\",\"size\":1}]}",
		listed->str);
	digest_of(text.data, text.len, &d);
	assert_int_equal(store_blob_add(lease, &d, OCI_TYPE_INDEX, text.data, text.len, NULL), 0);
	assert_int_equal(store_image_blob_add(
				 f->store, id, STORE_ROLE_INDEX, &d, OCI_TYPE_INDEX, NULL, NULL),
		0);
	return d;
}

static void what_an_index_of_an_image_lists_is_told_from_what_a_name_stood_for(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer, elsewhere = digest_text("elsewhere");
	struct digest id = load_image(f, "x", &layer);
	struct digest innermost = add_index(f, &id, &elsewhere);
	struct digest inner = add_index(f, &id, &innermost);
	struct digest outer = add_index(f, &id, &inner);
	struct store_blob_list list;
	assert_int_equal(store_image_blobs(f->store, &id, &list, NULL), 0);
	assert_int_equal(list.count, 4);
	auto_free bool *listed = store_blobs_listed(f->store, &list);
	for (size_t i = 0; i < list.count; i++) {
		const char *d = list.v[i].digest.str;
		assert_int_equal(listed[i], str_eq(d, inner.str) || str_eq(d, innermost.str));
		assert_true(listed[i] || str_eq(d, outer.str) || str_eq(d, id.str));
	}
	store_blob_list_free(&list);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_image_lists_its_configuration_as_a_blob),
		T(what_is_not_there_is_not_found),
		T(a_document_is_added_under_its_digest_only),
		T(a_damaged_blob_is_told_when_it_is_read),
		T(a_blob_of_an_image_goes_with_the_image),
		T(a_lease_keeps_what_an_image_had),
		T(a_lease_ends_with_the_daemon),
		T(a_digest_names_one_image_for_good),
		T(configurations_of_an_older_store_become_blobs),
		T(what_an_index_of_an_image_lists_is_told_from_what_a_name_stood_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
