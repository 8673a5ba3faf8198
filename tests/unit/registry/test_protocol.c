#include "../cmocka_all.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/protocol.h"

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void round_trip(const struct record *in, struct record *out, struct buf *b)
{
	auto_err *err = NULL;
	record_encode(in, b);
	assert_int_equal(record_decode(b->data, b->len, out, &err), 0);
	assert_int_equal(out->kind, in->kind);
	assert_int_equal(out->id, in->id);
}

static void test_setup(void **state)
{
	auto_buf b = BUF_INIT;
	auto_record r;
	struct record in = {
		.kind = RECORD_SETUP,
		.setup = {.repository = "library/x",
			.familiar = "x",
			.scope = "",
			.user_agent = "kist",
			.http_proxy = "",
			.https_proxy = "p",
			.no_proxy = "",
			.username = "u",
			.attempts = 6,
			.own_words = true},
	};
	round_trip(&in, &r, &b);
	assert_string_equal(r.setup.repository, "library/x");
	assert_string_equal(r.setup.https_proxy, "p");
	assert_string_equal(r.setup.username, "u");
	assert_null(r.setup.password);
	assert_int_equal(r.setup.attempts, 6);
	assert_true(r.setup.own_words);
}

static void test_transfers(void **state)
{
	auto_buf b = BUF_INIT;
	auto_record r;
	char *urls[] = {(char *)"https://a/", (char *)"https://b/", NULL};
	struct record in = {.kind = RECORD_DOWNLOAD,
		.id = 7,
		.download = {.digest = {DIGEST}, .size = -1, .offset = 12, .urls = urls}};
	round_trip(&in, &r, &b);
	assert_string_equal(r.download.digest.str, DIGEST);
	assert_int_equal(r.download.offset, 12);
	assert_string_equal(r.download.urls[1], "https://b/");
	assert_null(r.download.urls[2]);
}

static void test_download_of_a_url(void **state)
{
	auto_buf b = BUF_INIT;
	auto_record r;
	char *urls[] = {(char *)"https://a/", NULL};
	struct record in = {
		.kind = RECORD_DOWNLOAD, .id = 7, .download = {.size = -1, .urls = urls}};
	round_trip(&in, &r, &b);
	assert_string_equal(r.download.digest.str, "");
	assert_int_equal(r.download.size, -1);
	assert_string_equal(r.download.urls[0], "https://a/");
	assert_null(r.download.urls[1]);
}

static void test_progress(void **state)
{
	auto_buf b = BUF_INIT;
	auto_record r;
	struct record in = {.kind = RECORD_RETRYING,
		.id = 1,
		.progress = {.bytes = 5, .total = -1, .wait_ms = 100, .attempt = 2},
		.error = {.kind = ERR_UNAVAILABLE, .text = "gone"}};
	round_trip(&in, &r, &b);
	assert_int_equal(r.progress.attempt, 2);
	assert_string_equal(r.error.text, "gone");
}

/* A taken-over program must not make the daemon believe what cannot be. */
static void test_malformed(void **state)
{
	char *one[] = {(char *)"https://a/", NULL};
	char *two[] = {(char *)"https://a/", (char *)"https://b/", NULL};
	struct record bad[] = {
		{.kind = RECORD_DOWNLOAD, .download = {.digest = {"sha256:short"}}},
		{.kind = RECORD_DOWNLOAD, .download = {.size = -1}},
		{.kind = RECORD_DOWNLOAD, .download = {.size = -1, .urls = two}},
		{.kind = RECORD_DOWNLOAD, .download = {.size = 5, .urls = one}},
		{.kind = RECORD_DOWNLOAD, .download = {.size = -1, .offset = 5, .urls = one}},
		{.kind = RECORD_DOWNLOAD, .download = {.digest = {DIGEST}, .size = -2}},
		{.kind = RECORD_DOWNLOAD, .download = {.digest = {DIGEST}, .offset = -1}},
		{.kind = RECORD_UPLOAD, .upload = {.digest = "", .chunk = -1}},
		{.kind = RECORD_PROGRESS, .progress = {.bytes = -1}},
		{.kind = RECORD_DONE, .progress = {.digest = "sha256:x", .mounted_from = ""}},
		{.kind = RECORD_DONE, .progress = {.outcome = 3, .digest = "", .mounted_from = ""}},
		{.kind = RECORD_ERROR, .error = {.kind = ERR_KIND_COUNT, .text = ""}},
		{.kind = RECORD_ERROR, .error = {.kind = ERR_INVALID}},
		{.kind = RECORD_REQUEST,
			.request = {.what = REQUEST_WHAT_COUNT, .name = "", .type = ""}},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_buf b = BUF_INIT;
		auto_record r;
		auto_err *err = NULL;
		record_encode(&bad[i], &b);
		assert_int_equal(record_decode(b.data, b.len, &r, &err), -1);
		assert_string_equal(err_msg(err), "message of kist-registry is malformed");
	}
}

static void test_every_prefix_is_refused(void **state)
{
	auto_buf b = BUF_INIT;
	auto_record r;
	struct record in = {.kind = RECORD_REPLY,
		.reply = {.type = "t",
			.digest = DIGEST,
			.size = 3,
			.listed = true,
			.etag = "e",
			.text = "x"}};
	round_trip(&in, &r, &b);
	assert_true(r.reply.listed);
	assert_string_equal(r.reply.etag, "e");
	for (size_t n = 0; n < b.len; n++) {
		auto_record cut;
		assert_int_equal(record_decode(b.data, n, &cut, NULL), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_setup),
		cmocka_unit_test(test_transfers),
		cmocka_unit_test(test_download_of_a_url),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_every_prefix_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
