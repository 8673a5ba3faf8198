/* Pulls, from documents and bytes to images. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "puller.h"

#define CHUNK 4096

static void must(int r, struct err *err)
{
	if (r < 0)
		fail_msg("%s", err_msg(err));
}

/* A layer of some size that does not compress well. */
static void add_layer(struct served *s, const char *name, size_t bytes, enum packing packing)
{
	auto_buf tar = BUF_INIT;
	auto_free char *data = xmalloc(2 * bytes + 65);
	for (size_t i = 0; i < 2 * bytes; i += 64)
		random_hex(data + i, 32);
	data[2 * bytes] = '\0';
	tar_file(&tar, name, data);
	tar_end(&tar);
	served_layer(s, &tar, packing);
}

static void serve(struct served *s)
{
	add_layer(s, "a", 100000, PACK_GZIP);
	add_layer(s, "b", 3000, PACK_ZSTD);
	add_layer(s, "c", 50000, PACK_PLAIN);
	served_finish(s, NULL);
}

static void remove_image(struct fixture *f, const char *ref)
{
	struct store_removed_list removed;
	struct err *err = NULL;
	must(store_image_remove(f->store, ref, true, NULL, NULL, &removed, &err), err);
	store_removed_list_free(&removed);
}

/* Nothing but what a pull may leave: partial downloads. */
static void expect_only_downloads(struct fixture *f, size_t downloads)
{
	expect_empty(f);
	assert_int_equal(entries_of(f, "ingest"), downloads);
}

static struct store_pull *begin(struct fixture *f, const struct served *s)
{
	struct err *err = NULL;
	struct store_pull_spec spec = served_spec(s, false);
	struct store_pull *p = store_pull_begin(f->store, &spec, &err);
	if (!p)
		fail_msg("%s", err_msg(err));
	return p;
}

static void an_image_is_pulled_with_all_its_blobs(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	struct store_blob_list list;
	serve(&s);
	must(pull_served(f, &s, "busybox", CHUNK, &result, &err), err);
	assert_string_equal(result.image.str, s.config_digest.str);
	assert_true(result.updated);
	auto_store_image *image = store_image_find(f->store, "busybox", NULL);
	assert_non_null(image);
	assert_string_equal(image->repo_tags[0], "busybox:latest");
	auto_free char *digest = xasprintf("busybox@%s", s.index_digest.str);
	assert_string_equal(image->repo_digests[0], digest);
	must(store_image_blobs(f->store, &image->id, &list, &err), err);
	assert_int_equal(list.count, 6);
	assert_string_equal(list.v[0].digest.str, s.config_digest.str);
	assert_string_equal(list.v[0].media_type, OCI_TYPE_CONFIG);
	assert_int_equal(list.v[1].role, STORE_ROLE_INDEX);
	assert_int_equal(list.v[2].role, STORE_ROLE_MANIFEST);
	assert_string_equal(list.v[2].platform, "linux/amd64");
	for (size_t i = 0; i < list.count; i++) {
		/* the plain layer is not kept */
		bool plain = str_eq(list.v[i].digest.str, s.diff_ids[2].str);
		assert_int_equal(list.v[i].present, !plain);
		auto_buf bytes = BUF_INIT;
		if (!plain)
			must(store_blob_read(f->store, &list.v[i].digest, &bytes, &err), err);
	}
	store_blob_list_free(&list);
	assert_int_equal(entries_of(f, "layers"), 4);
	assert_int_equal(entries_of(f, "staging"), 0);
	assert_int_equal(entries_of(f, "ingest"), 0);
	fixture_reopen(f);
	assert_int_equal(entries_of(f, "content/sha256"), 5);
	remove_image(f, "busybox");
	expect_only_downloads(f, 0);
	served_free(&s);
}

static void every_compression_is_unpacked_and_kept_as_it_came(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	static const enum packing packings[] = {
		PACK_XZ, PACK_BZIP2, PACK_GZIP_MEMBERS, PACK_ZSTD_FRAMES, PACK_PLAIN};
	for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
		auto_free char *name = xasprintf("f%zu", i);
		add_layer(&s, name, 60000, packings[i]);
	}
	served_finish(&s, NULL);
	must(pull_served(f, &s, "x", CHUNK, NULL, &err), err);
	for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
		auto_free char *folder = xasprintf("layers/%s", digest_hex(&s.diff_ids[i]));
		auto_free char *blob =
			xasprintf("%s/content/sha256/%s", f->root, digest_hex(&s.digests[i]));
		auto_buf bytes = BUF_INIT;
		struct digest diff_id;
		assert_int_equal(entries_of(f, folder), 1);
		assert_int_equal(store_blob_layer(f->store, &s.digests[i], &diff_id, NULL), 1);
		assert_string_equal(diff_id.str, s.diff_ids[i].str);
		if (packings[i] == PACK_PLAIN)
			continue;
		must(file_read(AT_FDCWD, blob, 1u << 20, &bytes, &err), err);
		assert_int_equal(bytes.len, s.blobs[i].len);
		assert_memory_equal(bytes.data, s.blobs[i].data, bytes.len);
	}
	served_free(&s);
}

static void what_follows_a_compressed_layer_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	add_layer(&s, "a", 1000, PACK_GZIP);
	buf_adds(&s.blobs[0], "and now for something completely different");
	digest_of(s.blobs[0].data, s.blobs[0].len, &s.digests[0]);
	served_finish(&s, NULL);
	struct err *err = NULL;
	assert_int_equal(pull_served(f, &s, "x", CHUNK, NULL, &err), -1);
	auto_free char *needle = xasprintf("layer %s: gzip data is damaged", s.digests[0].str);
	assert_non_null(strstr(err->msg, needle));
	err_free(err);
	assert_int_equal(entries_of(f, "ingest"), 0);
	served_free(&s);
}

/* More than a GiB of zeroes in some hundred KB. */
static void add_bomb(struct buf *to)
{
	auto_buf tar = BUF_INIT, zeroes = BUF_INIT;
	memset(buf_reserve(&zeroes, 64u << 20), 0, 64u << 20);
	zeroes.len = 64u << 20;
	tar_file(&tar, "a", "a");
	tar_end(&tar);
	zstd(&tar, to);
	for (int i = 0; i < 20; i++)
		zstd(&zeroes, to);
}

static void a_bomb_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct buf *to = &s.blobs[0];
	add_bomb(to);
	digest_of(to->data, to->len, &s.digests[0]);
	digest_of("x", 1, &s.diff_ids[0]);
	s.count = 1;
	served_finish(&s, NULL);
	assert_int_equal(pull_served(f, &s, "x", 1u << 20, NULL, &err), -1);
	assert_non_null(strstr(err->msg, "decompression bomb"));
	assert_non_null(strstr(err->msg, s.digests[0].str));
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	err_free(err);
	assert_int_equal(entries_of(f, "staging"), 0);
	assert_int_equal(entries_of(f, "ingest"), 0);
	served_free(&s);
}

static void a_second_pull_changes_nothing(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	serve(&s);
	must(pull_served(f, &s, "busybox", CHUNK, NULL, &err), err);
	auto_store_pull *p = begin(f, &s);
	for (size_t i = 0; i < s.count; i++)
		assert_int_equal(store_pull_layer(p, i)->state, STORE_PULL_HERE);
	struct store_pull_event e;
	assert_int_equal(store_pull_next(p, &e, NULL), 1);
	assert_int_equal(e.kind, STORE_PULL_EVENT_READY);
	must(commit_as(p, "busybox:latest", &result, &err), err);
	assert_false(result.updated);
	/* another name for it is news */
	must(pull_served(f, &s, "other:1", CHUNK, &result, &err), err);
	assert_true(result.updated);
	served_free(&s);
}

static void a_tag_moves_and_the_digest_stays(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served one = {0}, two = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	serve(&one);
	add_layer(&two, "z", 1000, PACK_GZIP);
	served_finish(&two, NULL);
	must(pull_served(f, &one, "busybox", CHUNK, NULL, &err), err);
	must(pull_served(f, &two, "busybox", CHUNK, &result, &err), err);
	assert_string_equal(result.moved_from.str, one.config_digest.str);
	auto_free char *ref = xasprintf("busybox@%s", one.index_digest.str);
	auto_store_image *image = store_image_find(f->store, ref, NULL);
	assert_non_null(image);
	assert_null(image->repo_tags);
	served_free(&one);
	served_free(&two);
}

static void a_pull_by_digest_records_the_digest_alone(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	serve(&s);
	auto_free char *ref = xasprintf("busybox:1@%s", s.index_digest.str);
	must(pull_served(f, &s, ref, CHUNK, &result, &err), err);
	assert_true(result.updated);
	must(pull_served(f, &s, ref, CHUNK, &result, &err), err);
	assert_false(result.updated);
	auto_store_image *image = store_image_find(f->store, ref, NULL);
	assert_non_null(image);
	assert_null(image->repo_tags);
	assert_int_equal(strv_len(image->repo_digests), 1);
	served_free(&s);
}

static void a_download_goes_on_where_it_stopped(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	int64_t offset;
	serve(&s);
	struct store_pull *p = begin(f, &s);
	feed_layer(p, &s, 0, 30000);
	feed_layer(p, &s, 1, (int64_t)s.blobs[1].len);
	store_pull_free(p);
	fixture_reopen(f);
	expect_only_downloads(f, 2);
	p = begin(f, &s);
	/* the second is complete: it only has to be unpacked */
	assert_int_equal(store_pull_layer(p, 0)->state, STORE_PULL_NEEDED);
	assert_int_equal(store_pull_layer(p, 1)->state, STORE_PULL_WAITING);
	int fd = store_pull_open(p, 0, &offset, &err);
	must(fd, err);
	assert_int_equal(offset, 30000);
	close(fd);
	must(pull_to_ready(p, &s, CHUNK, &err), err);
	struct store_pull_result result;
	must(commit_as(p, "x", &result, &err), err);
	store_pull_free(p);
	assert_int_equal(entries_of(f, "ingest"), 0);
	served_free(&s);
}

/* As after a power cut: the length is there, the bytes are not. */
static void spoil(struct fixture *f, const struct digest *blob)
{
	auto_free char *path = xasprintf("%s/ingest/%s", f->root, digest_hex(blob));
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	char zeroes[1000] = {0};
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, zeroes, sizeof(zeroes), 100), sizeof(zeroes));
}

static void zeroes_on_disk_are_downloaded_again_once(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_event e;
	serve(&s);
	struct store_pull *p = begin(f, &s);
	feed_layer(p, &s, 0, 30000);
	feed_layer(p, &s, 1, (int64_t)s.blobs[1].len);
	feed_layer(p, &s, 2, (int64_t)s.blobs[2].len);
	store_pull_free(p);
	spoil(f, &s.digests[0]);
	spoil(f, &s.digests[1]);
	spoil(f, &s.digests[2]);
	p = begin(f, &s);
	feed_layer(p, &s, 0, (int64_t)s.blobs[0].len);
	int restarted = 0, needed = 0;
	while (restarted + needed < 3) {
		must(next_event(p, &e, &err), err);
		restarted += e.kind == STORE_PULL_EVENT_RESTART;
		needed += e.kind == STORE_PULL_EVENT_NEEDED;
	}
	assert_int_equal(restarted, 1);
	assert_int_equal(needed, 2);
	struct store_pull_result result;
	must(pull_to_ready(p, &s, CHUNK, &err), err);
	must(commit_as(p, "x", &result, &err), err);
	store_pull_free(p);
	served_free(&s);
}

/* Pulls @s with one byte of its first layer changed, or the digests in its documents wrong. */
static void refuse(struct fixture *f, struct served *s, const char *needle)
{
	struct err *err = NULL;
	assert_int_equal(pull_served(f, s, "x", CHUNK, NULL, &err), -1);
	if (!strstr(err_msg(err), needle))
		fail_msg("\"%s\" does not say \"%s\"", err_msg(err), needle);
	assert_int_equal(err->kind, ERR_INVALID);
	err_free(err);
	assert_int_equal(store_image_count(f->store), 0);
	assert_int_equal(entries_of(f, "layers"), 1);
	assert_int_equal(entries_of(f, "staging"), 0);
	assert_int_equal(entries_of(f, "content/sha256"), 0);
	assert_int_equal(entries_of(f, "ingest"), 0);
}

static void a_wrong_blob_is_refused_by_its_digest_and_removed(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const enum packing packings[] = {PACK_PLAIN, PACK_GZIP, PACK_ZSTD};
	for (size_t i = 0; i < ARRAY_LEN(packings); i++) {
		struct served s = {0};
		add_layer(&s, "a", 100000, packings[i]);
		served_finish(&s, NULL);
		s.blobs[0].data[5000] ^= 1;
		auto_free char *needle =
			xasprintf("verification failed for digest %s", s.digests[0].str);
		refuse(f, &s, needle);
		auto_free char *path =
			xasprintf("%s/ingest/%s", f->root, digest_hex(&s.digests[0]));
		assert_int_equal(access(path, F_OK), -1);
		served_free(&s);
	}
}

static void a_blob_that_is_no_layer_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	auto_buf text = BUF_INIT;
	for (int i = 0; i < 1000; i++)
		buf_addf(&text, "this is no tar %d\n", i);
	served_layer(&s, &text, PACK_GZIP);
	served_finish(&s, NULL);
	auto_free char *needle = xasprintf("layer %s: damaged tar", s.digests[0].str);
	refuse(f, &s, needle);
	served_free(&s);
}

static void with_a_layer_that_is_refused_the_others_go(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	auto_buf text = BUF_INIT;
	add_layer(&s, "a", 50000, PACK_GZIP);
	add_layer(&s, "b", 50000, PACK_GZIP);
	buf_adds(&text, "this is no tar");
	served_layer(&s, &text, PACK_GZIP);
	served_finish(&s, NULL);
	/* the first stays whole and the second half, as long as nobody knows of the third */
	struct store_pull *p = begin(f, &s);
	feed_layer(p, &s, 0, (int64_t)s.blobs[0].len);
	feed_layer(p, &s, 1, 10000);
	store_pull_free(p);
	expect_only_downloads(f, 2);
	refuse(f, &s, "damaged tar");
	served_free(&s);
}

static void another_diff_id_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	add_layer(&s, "a", 1000, PACK_GZIP);
	digest_of("x", 1, &s.diff_ids[0]);
	served_finish(&s, NULL);
	refuse(f, &s, "does not match the image's configuration: its diffID is");
	served_free(&s);
}

static void a_known_blob_under_another_diff_id_is_refused_at_once(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served good = {0}, bad = {0};
	struct err *err = NULL;
	auto_buf tar = BUF_INIT;
	make_layer(&tar, "f", "data");
	served_layer(&good, &tar, PACK_GZIP);
	served_finish(&good, NULL);
	served_layer(&bad, &tar, PACK_GZIP);
	digest_of("x", 1, &bad.diff_ids[0]);
	served_finish(&bad, NULL);
	must(pull_served(f, &good, "good", CHUNK, NULL, &err), err);
	struct store_pull_spec spec = served_spec(&bad, false);
	assert_null(store_pull_begin(f->store, &spec, &err));
	assert_non_null(strstr(err->msg, "layers from manifest don't match image configuration"));
	err_free(err);
	served_free(&good);
	served_free(&bad);
}

static void more_bytes_than_promised_are_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	auto_err *err = NULL;
	int64_t offset;
	serve(&s);
	auto_store_pull *p = begin(f, &s);
	auto_fd int fd = store_pull_open(p, 0, &offset, NULL);
	assert_int_equal(store_pull_grown(p, 0, (int64_t)s.blobs[0].len + 1, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	served_free(&s);
}

static void a_blob_that_comes_again_for_a_known_layer_is_kept_too(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served one = {0}, two = {0};
	struct err *err = NULL;
	auto_buf tar = BUF_INIT;
	make_layer(&tar, "f", "data");
	served_layer(&one, &tar, PACK_GZIP);
	served_finish(&one, NULL);
	served_layer(&two, &tar, PACK_ZSTD);
	served_finish(&two, NULL);
	assert_string_equal(one.config_digest.str, two.config_digest.str);
	must(pull_served(f, &one, "x", CHUNK, NULL, &err), err);
	must(pull_served(f, &two, "y", CHUNK, NULL, &err), err);
	struct store_blob_list list;
	must(store_layer_blobs(f->store, &one.diff_ids[0], &list, &err), err);
	assert_int_equal(list.count, 2);
	store_blob_list_free(&list);
	assert_int_equal(store_image_count(f->store), 1);
	assert_int_equal(entries_of(f, "layers"), 2);
	served_free(&one);
	served_free(&two);
}

static void the_same_blob_twice_in_a_manifest_is_downloaded_once(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	auto_buf tar = BUF_INIT;
	make_layer(&tar, "f", "data");
	served_layer(&s, &tar, PACK_GZIP);
	served_layer(&s, &tar, PACK_GZIP);
	served_finish(&s, NULL);
	struct store_pull *p = begin(f, &s);
	assert_int_equal(store_pull_layer(p, 1)->state, STORE_PULL_WAITING);
	must(pull_to_ready(p, &s, CHUNK, &err), err);
	assert_int_equal(store_pull_layer(p, 1)->state, STORE_PULL_DONE);
	struct store_pull_result result;
	must(commit_as(p, "x", &result, &err), err);
	store_pull_free(p);
	served_free(&s);
}

/* ---- two pulls ---- */

static int until_error(struct store_pull *p, struct err **err)
{
	struct store_pull_event e;
	int r;
	while ((r = next_event(p, &e, err)) == 1 && e.kind != STORE_PULL_EVENT_READY)
		;
	return r;
}

static void what_one_pull_cannot_use_the_other_does_not_fetch_again(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	auto_buf text = BUF_INIT;
	buf_adds(&text, "this is no tar");
	served_layer(&s, &text, PACK_GZIP);
	served_finish(&s, NULL);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	feed_layer(one, &s, 0, (int64_t)s.blobs[0].len);
	assert_int_equal(until_error(one, &err), -1);
	err_freep(&err);
	assert_int_equal(until_error(two, &err), -1);
	assert_non_null(strstr(err->msg, s.digests[0].str));
	assert_non_null(strstr(err->msg, "damaged tar"));
	assert_int_equal(err->kind, ERR_INVALID);
	err_freep(&err);
	store_pull_free(one);
	assert_int_equal(entries_of(f, "ingest"), 1);
	store_pull_free(two);
	expect_only_downloads(f, 0);
	served_free(&s);
}

static void what_is_no_layer_of_one_image_may_be_one_of_another(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served good = {0}, bad = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	auto_buf tar = BUF_INIT;
	make_layer(&tar, "f", "data");
	served_layer(&good, &tar, PACK_GZIP);
	served_finish(&good, NULL);
	served_layer(&bad, &tar, PACK_GZIP);
	digest_of("x", 1, &bad.diff_ids[0]);
	served_finish(&bad, NULL);
	struct store_pull *one = begin(f, &bad), *two = begin(f, &good);
	feed_layer(one, &bad, 0, (int64_t)bad.blobs[0].len);
	assert_int_equal(until_error(one, &err), -1);
	err_freep(&err);
	store_pull_free(one);
	/* nothing is fed: all of it is there */
	assert_int_equal(until_error(two, &err), 1);
	must(commit_as(two, "x", &result, &err), err);
	store_pull_free(two);
	assert_int_equal(entries_of(f, "ingest"), 0);
	served_free(&good);
	served_free(&bad);
}

/* A frame that asks for a window of 2 GiB: refused when six bytes of it have come. */
static void add_wide_window(struct buf *to)
{
	buf_add(to, "\x28\xb5\x2f\xfd\x00\xa8", 6);
}

/* What a registry that lies sends under the digests of @s: @bad, and what is missing to the length of the first blob. */
static struct served lying(const struct served *s, const struct buf *bad)
{
	struct served evil = {.count = s->count};
	assert_true(bad->len < s->blobs[0].len);
	memcpy(evil.digests, s->digests, sizeof(evil.digests));
	memcpy(evil.diff_ids, s->diff_ids, sizeof(evil.diff_ids));
	buf_add(&evil.blobs[0], bad->data, bad->len);
	buf_add(&evil.blobs[0], s->blobs[0].data + bad->len, s->blobs[0].len - bad->len);
	for (size_t i = 1; i < s->count; i++)
		buf_add(&evil.blobs[i], s->blobs[i].data, s->blobs[i].len);
	return evil;
}

static void a_layer_with_too_wide_a_window_is_refused_for_all_that_want_it(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	add_layer(&s, "a", 50000, PACK_GZIP);
	add_layer(&s, "b", 50000, PACK_GZIP);
	memcpy(s.blobs[0].data, "\x28\xb5\x2f\xfd\x00\xa8", 6);
	digest_of(s.blobs[0].data, s.blobs[0].len, &s.digests[0]);
	served_finish(&s, NULL);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	feed_layer(one, &s, 0, (int64_t)s.blobs[0].len);
	feed_layer(one, &s, 1, 10000);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(until_error(i ? two : one, &err), -1);
		assert_non_null(strstr(err->msg, s.digests[0].str));
		assert_non_null(strstr(err->msg, "a window of 2048 MiB"));
		assert_int_equal(err->kind, ERR_TOO_LARGE);
		err_freep(&err);
	}
	store_pull_free(one);
	store_pull_free(two);
	expect_only_downloads(f, 0);
	served_free(&s);
}

/* One pull is lied to about the blob that another waits for. */
static void lie_to_one_of_two(struct fixture *f, const struct buf *bad, const char *needle)
{
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	add_layer(&s, "a", 400000, PACK_ZSTD);
	add_layer(&s, "b", 50000, PACK_GZIP);
	served_finish(&s, NULL);
	struct served evil = lying(&s, bad);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	feed_layer(one, &evil, 0, (int64_t)bad->len);
	feed_layer(one, &evil, 0, (int64_t)evil.blobs[0].len);
	assert_int_equal(until_error(one, &err), -1);
	if (!strstr(err_msg(err), needle) &&
		!strstr(err_msg(err), "verification failed for digest"))
		fail_msg("\"%s\" does not say \"%s\"", err_msg(err), needle);
	err_freep(&err);
	store_pull_free(one);
	must(pull_to_ready(two, &s, 1u << 16, &err), err);
	must(commit_as(two, "x", &result, &err), err);
	store_pull_free(two);
	assert_int_equal(entries_of(f, "ingest"), 0);
	remove_image(f, "x");
	served_free(&s);
	served_free(&evil);
}

static void a_lie_to_one_pull_is_no_verdict_for_another(void **state)
{
	need_root();
	auto_buf window = BUF_INIT, bomb = BUF_INIT;
	add_wide_window(&window);
	add_bomb(&bomb);
	lie_to_one_of_two(*state, &window, "verification failed for digest");
	lie_to_one_of_two(*state, &bomb, "decompression bomb");
}

/* A pull that was lied to is left, and another goes on with what it had. */
static void leave_a_lie(struct fixture *f, const struct buf *bad)
{
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	add_layer(&s, "a", 400000, PACK_ZSTD);
	add_layer(&s, "b", 50000, PACK_GZIP);
	served_finish(&s, NULL);
	struct served evil = lying(&s, bad);
	struct store_pull *p = begin(f, &s);
	feed_layer(p, &evil, 0, (int64_t)bad->len);
	store_pull_free(p);
	expect_only_downloads(f, 1);
	p = begin(f, &s);
	must(pull_to_ready(p, &s, 1u << 16, &err), err);
	must(commit_as(p, "x", &result, &err), err);
	store_pull_free(p);
	assert_int_equal(entries_of(f, "ingest"), 0);
	remove_image(f, "x");
	served_free(&s);
	served_free(&evil);
}

/* For no machine's trouble either: the kernel refuses such a capability. */
static void add_bad_attribute(struct buf *to)
{
	auto_buf tar = BUF_INIT;
	tar_put(&tar, &(struct tar_entry){.name = "a",
			      .type = '0',
			      .data = "a",
			      .xattr = "security.capability",
			      .value = "nonsense"});
	tar_end(&tar);
	zstd(&tar, to);
}

static void a_pull_that_goes_on_with_a_lie_begins_anew(void **state)
{
	need_root();
	auto_buf window = BUF_INIT, bomb = BUF_INIT, attribute = BUF_INIT;
	add_wide_window(&window);
	add_bomb(&bomb);
	add_bad_attribute(&attribute);
	leave_a_lie(*state, &window);
	leave_a_lie(*state, &bomb);
	leave_a_lie(*state, &attribute);
}

static void a_download_without_a_byte_does_not_stay(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	int64_t offset;
	serve(&s);
	struct store_pull *p = begin(f, &s);
	int fd = store_pull_open(p, 0, &offset, &err);
	must(fd, err);
	close(fd);
	store_pull_free(p);
	expect_only_downloads(f, 0);
	served_free(&s);
}

static void two_pulls_share_one_download(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_event e;
	struct store_pull_result result;
	serve(&s);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	for (size_t i = 0; i < s.count; i++)
		assert_int_equal(store_pull_layer(two, i)->state, STORE_PULL_WAITING);
	feed_layer(one, &s, 0, 5000);
	must(next_event(two, &e, &err), err);
	assert_int_equal(e.kind, STORE_PULL_EVENT_DOWNLOAD);
	assert_int_equal(e.current, 5000);
	assert_int_equal(e.total, s.blobs[0].len);
	must(pull_to_ready(one, &s, CHUNK, &err), err);
	must(pull_to_ready(two, &s, CHUNK, &err), err);
	/* the second may well be the first to commit; and the first go without having done so */
	store_pull_free(one);
	must(commit_as(two, "x", &result, &err), err);
	store_pull_free(two);
	auto_store_image *image = store_image_find(f->store, "x", NULL);
	assert_non_null(image);
	assert_int_equal(entries_of(f, "staging"), 0);
	served_free(&s);
}

static void both_pulls_may_commit(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	serve(&s);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	must(pull_to_ready(one, &s, CHUNK, &err), err);
	must(pull_to_ready(two, &s, CHUNK, &err), err);
	must(commit_as(one, "x", &result, &err), err);
	store_pull_free(one);
	/* what the second counts on stays although its only image goes */
	remove_image(f, "x");
	must(commit_as(two, "y", &result, &err), err);
	store_pull_free(two);
	for (size_t i = 0; i < s.count; i++) {
		auto_free char *folder = xasprintf("layers/%s", digest_hex(&s.diff_ids[i]));
		assert_int_equal(entries_of(f, folder), 1);
	}
	served_free(&s);
}

static void a_waiting_pull_takes_over(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_event e;
	struct store_pull_result result;
	int64_t offset;
	serve(&s);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	feed_layer(one, &s, 0, 5000);
	feed_layer(one, &s, 1, 10);
	store_pull_lost(one, 0);
	do
		must(next_event(two, &e, &err), err);
	while (e.kind != STORE_PULL_EVENT_NEEDED);
	assert_int_equal(e.layer, 0);
	assert_int_equal(store_pull_open(one, 0, &offset, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_freep(&err);
	int fd = store_pull_open(two, 0, &offset, &err);
	must(fd, err);
	assert_int_equal(offset, 5000);
	close(fd);
	store_pull_free(one);
	must(pull_to_ready(two, &s, CHUNK, &err), err);
	must(commit_as(two, "x", &result, &err), err);
	store_pull_free(two);
	served_free(&s);
}

static void a_pull_whose_layer_was_taken_over_waits_for_it(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_event e;
	struct store_pull_result result;
	auto_buf a = BUF_INIT;
	int64_t offset;
	make_layer(&a, "a", "a");
	served_layer(&s, &a, PACK_GZIP);
	served_finish(&s, NULL);
	struct store_pull *one = begin(f, &s), *two = begin(f, &s);
	store_pull_lost(one, 0);
	do
		must(next_event(two, &e, &err), err);
	while (e.kind != STORE_PULL_EVENT_NEEDED);
	assert_int_equal(store_pull_open(one, 0, &offset, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	err_freep(&err);
	assert_int_equal(store_pull_layer(one, 0)->state, STORE_PULL_WAITING);
	must(pull_to_ready(two, &s, CHUNK, &err), err);
	must(commit_as(two, "two", &result, &err), err);
	store_pull_free(two);
	do
		must(next_event(one, &e, &err), err);
	while (e.kind != STORE_PULL_EVENT_READY);
	must(commit_as(one, "one", &result, &err), err);
	store_pull_free(one);
	served_free(&s);
}

static void pulls_that_need_each_others_layers_both_end(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served ab = {0}, ba = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	auto_buf a = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
	make_layer(&a, "a", "a");
	make_layer(&b, "b", "b");
	make_layer(&c, "c", "c");
	served_layer(&ab, &a, PACK_GZIP);
	served_layer(&ab, &b, PACK_GZIP);
	served_finish(&ab, NULL);
	served_layer(&ba, &b, PACK_GZIP);
	served_layer(&ba, &c, PACK_GZIP);
	served_layer(&ba, &a, PACK_GZIP);
	served_finish(&ba, NULL);
	struct store_pull *one = begin(f, &ab);
	struct store_pull *two = begin(f, &ba);
	store_pull_lost(one, 1); /* b passes to the second */
	struct store_pull_event e;
	do
		must(next_event(two, &e, &err), err);
	while (e.kind != STORE_PULL_EVENT_NEEDED);
	feed_layer(two, &ba, 0, (int64_t)ba.blobs[0].len);
	feed_layer(one, &ab, 0, (int64_t)ab.blobs[0].len);
	do
		must(next_event(one, &e, &err), err);
	while (e.kind != STORE_PULL_EVENT_DONE);
	must(pull_to_ready(two, &ba, CHUNK, &err), err);
	must(commit_as(two, "two", &result, &err), err);
	store_pull_free(two);
	store_pull_free(one);
	must(pull_served(f, &ab, "one", CHUNK, &result, &err), err);
	assert_int_equal(entries_of(f, "layers"), 4);
	served_free(&ab);
	served_free(&ba);
}

static void a_restarted_download_begins_at_zero(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	int64_t offset;
	serve(&s);
	struct store_pull *p = begin(f, &s);
	feed_layer(p, &s, 0, 40000);
	must(store_pull_restart(p, 0, &err), err);
	assert_int_equal(store_pull_layer(p, 0)->state, STORE_PULL_NEEDED);
	int fd = store_pull_open(p, 0, &offset, &err);
	must(fd, err);
	assert_int_equal(offset, 0);
	close(fd);
	must(pull_to_ready(p, &s, CHUNK, &err), err);
	must(commit_as(p, "x", &result, &err), err);
	store_pull_free(p);
	served_free(&s);
}

static void nothing_is_committed_before_everything_is_there(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	auto_err *err = NULL;
	struct store_pull_result result;
	serve(&s);
	struct store_pull *p = begin(f, &s);
	feed_layer(p, &s, 0, 40000);
	assert_int_equal(commit_as(p, "x", &result, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	store_pull_free(p);
	expect_only_downloads(f, 1);
	served_free(&s);
}

static void an_image_without_layers_is_pulled(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct err *err = NULL;
	served_finish(&s, NULL);
	must(pull_served(f, &s, "empty", CHUNK, NULL, &err), err);
	auto_store_image *image = store_image_find(f->store, "empty", NULL);
	assert_non_null(image);
	assert_int_equal(image->config->diff_id_count, 0);
	served_free(&s);
}

/* ---- documents ---- */

static void expect_begin_fails(struct fixture *f, const struct store_pull_spec *spec,
	enum err_kind kind, const char *needle)
{
	auto_err *err = NULL;
	struct store_pull *p = store_pull_begin(f->store, spec, &err);
	assert_null(p);
	if (!strstr(err_msg(err), needle))
		fail_msg("\"%s\" does not say \"%s\"", err_msg(err), needle);
	assert_int_equal(err->kind, kind);
	expect_empty(f);
}

static void documents_must_be_what_they_are_named(void **state)
{
	struct fixture *f = *state;
	struct served s = {0}, other = {0};
	struct digest wrong;
	add_layer(&s, "a", 100, PACK_GZIP);
	served_finish(&s, NULL);
	served_finish(&other, NULL);
	digest_of("x", 1, &wrong);
	struct store_pull_spec spec = served_spec(&s, false);
	spec.expect = &wrong;
	expect_begin_fails(f, &spec, ERR_INVALID, "manifest verification failed for digest");
	spec = served_spec(&s, true);
	spec.expect = &s.manifest_digest; /* the name meant the manifest, an index came */
	expect_begin_fails(f, &spec, ERR_INVALID, "manifest verification failed for digest");
	spec = served_spec(&s, true);
	spec.indexes[0] = served_spec(&other, true).indexes[0];
	expect_begin_fails(f, &spec, ERR_INVALID, "does not list it");
	spec = served_spec(&s, false);
	spec.config = served_spec(&other, false).config;
	expect_begin_fails(f, &spec, ERR_INVALID, "image config verification failed for digest");
	served_free(&s);
	served_free(&other);
}

/* An index that lists @listed, in @text; as a document. */
static struct store_document index_of(const struct store_document *listed, struct buf *text)
{
	struct digest d;
	digest_of(listed->data, listed->len, &d);
	buf_addf(text,
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX "\",\"manifests\":["
		"{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%zu}]}",
		listed->media_type, d.str, listed->len);
	return (struct store_document){text->data, text->len, OCI_TYPE_INDEX};
}

static void indexes_in_indexes_are_kept_and_the_first_is_what_the_name_stands_for(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served s = {0};
	struct store_blob_list list = {0};
	struct store_pull_result result;
	struct err *err = NULL;
	struct buf text[OCI_INDEX_DEPTH_MAX] = {{0}};
	struct digest outer;
	add_layer(&s, "a", 100, PACK_GZIP);
	served_finish(&s, NULL);
	struct store_pull_spec spec = served_spec(&s, true);
	size_t last = OCI_INDEX_DEPTH_MAX - 1;
	spec.indexes[last] = spec.indexes[0];
	for (size_t i = last; i-- > 0;)
		spec.indexes[i] = index_of(&spec.indexes[i + 1], &text[i]);
	digest_of(text[0].data, text[0].len, &outer);
	spec.expect = &outer;
	auto_store_pull *p = store_pull_begin(f->store, &spec, &err);
	must(p ? 0 : -1, err);
	assert_string_equal(store_pull_digest(p)->str, outer.str);
	must(pull_to_ready(p, &s, 1 << 20, &err), err);
	must(commit_as(p, "example.org/deep:1", &result, &err), err);
	must(store_image_blobs(f->store, &result.image, &list, &err), err);
	size_t indexes = 0;
	for (size_t i = 0; i < list.count; i++) {
		indexes += list.v[i].role == STORE_ROLE_INDEX;
		if (list.v[i].role == STORE_ROLE_MANIFEST)
			assert_string_equal(list.v[i].platform, "linux/amd64");
	}
	assert_int_equal(indexes, OCI_INDEX_DEPTH_MAX);
	store_blob_list_free(&list);
	for (size_t i = 0; i < last; i++)
		buf_free(&text[i]);
	served_free(&s);
}

static void each_index_has_to_list_the_next(void **state)
{
	struct fixture *f = *state;
	struct served s = {0}, other = {0};
	struct buf text = BUF_INIT;
	served_finish(&s, NULL);
	served_finish(&other, "other");
	struct store_pull_spec spec = served_spec(&s, true);
	struct store_document inner = spec.indexes[0];
	spec.indexes[1] = inner;
	spec.indexes[0] = served_spec(&other, true).indexes[0];
	expect_begin_fails(f, &spec, ERR_INVALID, "index verification failed for digest");
	spec.indexes[0] = index_of(&inner, &text);
	spec.expect = &s.index_digest; /* the name meant the inner one */
	expect_begin_fails(f, &spec, ERR_INVALID, "manifest verification failed for digest");
	spec.expect = NULL;
	struct store_document as = inner;
	as.media_type = DOCKER_TYPE_LIST;
	buf_free(&text);
	text = (struct buf)BUF_INIT;
	spec.indexes[0] = index_of(&as, &text);
	expect_begin_fails(f, &spec, ERR_INVALID, "its index says");
	buf_free(&text);
	served_free(&s);
	served_free(&other);
}

/* CVE-2021-41190 */
static void a_document_is_not_read_as_another_kind(void **state)
{
	struct fixture *f = *state;
	struct served s = {0};
	served_finish(&s, NULL);
	struct store_pull_spec spec = served_spec(&s, false);
	spec.manifest.media_type = OCI_TYPE_INDEX;
	expect_begin_fails(f, &spec, ERR_INVALID, "a manifest came as");
	spec.manifest.media_type = DOCKER_TYPE_MANIFEST;
	expect_begin_fails(f, &spec, ERR_INVALID, "says that it is");
	spec = served_spec(&s, true);
	spec.indexes[0].media_type = OCI_TYPE_MANIFEST;
	expect_begin_fails(f, &spec, ERR_INVALID, "an index came as");
	spec = served_spec(&s, false);
	spec.manifest = spec.config;
	spec.manifest.media_type = NULL;
	expect_begin_fails(f, &spec, ERR_INVALID, "manifest");
	auto_buf both = BUF_INIT;
	buf_addf(&both, "{\"manifests\":[],%s", s.manifest.data + 1);
	spec = served_spec(&s, false);
	spec.manifest.data = both.data;
	spec.manifest.len = both.len;
	expect_begin_fails(f, &spec, ERR_INVALID, "has the field \"manifests\" of an index");
	served_free(&s);
}

static void manifest_and_configuration_must_have_as_many_layers(void **state)
{
	struct fixture *f = *state;
	struct served s = {0};
	add_layer(&s, "a", 100, PACK_GZIP);
	s.count = 0;
	buf_free(&s.blobs[0]);
	served_finish(&s, NULL);
	auto_buf manifest = BUF_INIT;
	buf_add(&manifest, s.manifest.data, s.manifest.len - 2);
	buf_addf(&manifest, "{\"digest\":\"%s\",\"size\":3}]}", s.digests[0].str);
	struct store_pull_spec spec = served_spec(&s, false);
	spec.manifest.data = manifest.data;
	spec.manifest.len = manifest.len;
	expect_begin_fails(
		f, &spec, ERR_INVALID, "layers from manifest don't match image configuration");
	served_free(&s);
}

static void artifacts_and_encrypted_layers_are_named(void **state)
{
	struct fixture *f = *state;
	static const char config[] = "{}";
	struct digest d;
	digest_of(config, 2, &d);
	auto_free char *artifact =
		xasprintf("{\"schemaVersion\":2,\"artifactType\":\"application/x\",\"config\":"
			  "{\"mediaType\":\"application/vnd.oci.empty.v1+json\",\"digest\":\"%s\","
			  "\"size\":2},\"layers\":[]}",
			d.str);
	struct store_pull_spec spec = {
		.manifest = {artifact, strlen(artifact), OCI_TYPE_MANIFEST},
		.config = {config, 2, NULL},
	};
	expect_begin_fails(f, &spec, ERR_NOT_IMPLEMENTED,
		"Encountered remote \"application/vnd.oci.empty.v1+json\"(unknown) when fetching");
	auto_free char *secret = xasprintf(
		"{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":2},\"layers\":["
		"{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip+encrypted\","
		"\"digest\":\"%s\",\"size\":2}]}",
		d.str, d.str);
	spec.manifest.data = secret;
	spec.manifest.len = strlen(secret);
	expect_begin_fails(f, &spec, ERR_NOT_IMPLEMENTED, "is encrypted");
}

static void old_and_foreign_files_in_ingest_are_cleaned_up(void **state)
{
	struct fixture *f = *state;
	struct digest fresh, old;
	digest_of("fresh", 5, &fresh);
	digest_of("old", 3, &old);
	auto_free char *ingest = xasprintf("%s/ingest", f->root);
	auto_fd int dir = dir_open(AT_FDCWD, ingest, NULL);
	assert_int_equal(file_replace(dir, digest_hex(&fresh), "x", 1, 0600, false, NULL), 0);
	assert_int_equal(file_replace(dir, digest_hex(&old), "x", 1, 0600, false, NULL), 0);
	assert_int_equal(file_replace(dir, "strange", "x", 1, 0600, false, NULL), 0);
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = time(NULL) - 8 * 86400}};
	assert_int_equal(utimensat(dir, digest_hex(&old), times, 0), 0);
	fixture_reopen(f);
	assert_int_equal(entries_of(f, "ingest"), 1);
	assert_int_equal(faccessat(dir, digest_hex(&fresh), F_OK, 0), 0);
	assert_int_equal(utimensat(dir, digest_hex(&fresh), times, 0), 0);
	assert_int_equal(store_downloads_prune(f->store, time_now() - STORE_DOWNLOAD_KEEP_NS), 1);
	assert_int_equal(entries_of(f, "ingest"), 0);
}

static void a_prune_takes_what_no_pull_has(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct served left = {0}, s = {0};
	struct err *err = NULL;
	struct store_pull_result result;
	add_layer(&left, "z", 20000, PACK_GZIP);
	served_finish(&left, NULL);
	serve(&s);
	struct store_pull *p = begin(f, &left);
	feed_layer(p, &left, 0, 5000);
	store_pull_free(p);
	p = begin(f, &s);
	feed_layer(p, &s, 0, 30000);
	assert_int_equal(entries_of(f, "ingest"), 2);
	assert_int_equal(store_downloads_prune(f->store, time_now() - 3600 * TIME_NS_PER_SEC), 0);
	assert_int_equal(entries_of(f, "ingest"), 2);
	assert_int_equal(store_downloads_prune(f->store, INT64_MAX), 5000);
	assert_int_equal(entries_of(f, "ingest"), 1);
	must(pull_to_ready(p, &s, CHUNK, &err), err);
	assert_int_equal(store_downloads_prune(f->store, INT64_MAX), 0);
	must(commit_as(p, "x", &result, &err), err);
	store_pull_free(p);
	served_free(&left);
	served_free(&s);
}

/* As kist-registry has it: for appending, locked. It may outlive the daemon that started it.
 * Before the lock goes, a byte is sent to ended. */
static pid_t hold_download(
	struct fixture *f, const struct digest *blob, const char *append, int *ended)
{
	int done[2];
	auto_free char *path = xasprintf("%s/ingest/%s", f->root, digest_hex(blob));
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(pipe2(done, O_CLOEXEC | O_NONBLOCK), 0);
	pid_t pid = fork();
	if (pid == 0) {
		usleep(300000);
		_exit(fd_write_all(fd, append, strlen(append)) < 0 ||
			fd_write_all(done[1], "", 1) < 0);
	}
	close(fd);
	close(done[1]);
	*ended = done[0];
	return pid;
}

static int commit_held(struct fixture *f, const char *append, struct err **err)
{
	struct served s = {0};
	struct err *why = NULL;
	struct store_pull_result result;
	int status, ended;
	char byte;
	serve(&s);
	struct store_pull *pull = begin(f, &s);
	must(pull_to_ready(pull, &s, CHUNK, &why), why);
	pid_t pid = hold_download(f, &s.digests[0], append, &ended);
	int r = commit_as(pull, "x", &result, err);
	/* it ended before, not after */
	assert_int_equal(read(ended, &byte, 1), 1);
	close(ended);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	store_pull_free(pull);
	served_free(&s);
	return r;
}

static void a_blob_gets_no_name_while_somebody_may_write_to_it(void **state)
{
	need_root();
	struct err *err = NULL;
	must(commit_held(*state, "", &err), err);
}

static void a_blob_that_was_written_to_after_it_was_hashed_is_refused(void **state)
{
	need_root();
	auto_err *err = NULL;
	assert_int_equal(commit_held(*state, "more", &err), -1);
	assert_non_null(strstr(err->msg, "was changed while it was read"));
	assert_int_equal(entries_of(*state, "content/sha256"), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_image_is_pulled_with_all_its_blobs),
		T(every_compression_is_unpacked_and_kept_as_it_came),
		T(what_follows_a_compressed_layer_is_refused),
		T(a_bomb_is_refused),
		T(a_second_pull_changes_nothing),
		T(a_tag_moves_and_the_digest_stays),
		T(a_pull_by_digest_records_the_digest_alone),
		T(a_download_goes_on_where_it_stopped),
		T(zeroes_on_disk_are_downloaded_again_once),
		T(a_wrong_blob_is_refused_by_its_digest_and_removed),
		T(a_blob_that_is_no_layer_is_refused),
		T(with_a_layer_that_is_refused_the_others_go),
		T(another_diff_id_is_refused),
		T(a_known_blob_under_another_diff_id_is_refused_at_once),
		T(more_bytes_than_promised_are_refused),
		T(a_blob_that_comes_again_for_a_known_layer_is_kept_too),
		T(the_same_blob_twice_in_a_manifest_is_downloaded_once),
		T(what_one_pull_cannot_use_the_other_does_not_fetch_again),
		T(what_is_no_layer_of_one_image_may_be_one_of_another),
		T(a_layer_with_too_wide_a_window_is_refused_for_all_that_want_it),
		T(a_lie_to_one_pull_is_no_verdict_for_another),
		T(a_pull_that_goes_on_with_a_lie_begins_anew),
		T(a_download_without_a_byte_does_not_stay),
		T(two_pulls_share_one_download),
		T(both_pulls_may_commit),
		T(a_waiting_pull_takes_over),
		T(a_pull_whose_layer_was_taken_over_waits_for_it),
		T(pulls_that_need_each_others_layers_both_end),
		T(a_restarted_download_begins_at_zero),
		T(nothing_is_committed_before_everything_is_there),
		T(an_image_without_layers_is_pulled),
		T(documents_must_be_what_they_are_named),
		T(indexes_in_indexes_are_kept_and_the_first_is_what_the_name_stands_for),
		T(each_index_has_to_list_the_next),
		T(a_document_is_not_read_as_another_kind),
		T(manifest_and_configuration_must_have_as_many_layers),
		T(artifacts_and_encrypted_layers_are_named),
		T(old_and_foreign_files_in_ingest_are_cleaned_up),
		T(a_prune_takes_what_no_pull_has),
		T(a_blob_gets_no_name_while_somebody_may_write_to_it),
		T(a_blob_that_was_written_to_after_it_was_hashed_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
