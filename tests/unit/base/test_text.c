/* buf, digest, json, timefmt: everything that reads or writes text. */
#include "../cmocka_all.h"

#include <time.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/str.h"
#include "base/timefmt.h"

static void buffers(void **state)
{
	auto_buf b = BUF_INIT;
	assert_string_equal(buf_str(&b), "");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%d,", i);
	assert_int_equal(b.len, 3890);
	buf_consume(&b, 2);
	assert_memory_equal(b.data, "1,2,", 4);
	buf_consume(&b, 100000);
	assert_int_equal(b.len, 0);
}

static void json_strings_are_go_s(void **state)
{
	auto_buf b = BUF_INIT;
	static const char raw[] = "a\"\\\n\t\x01<&>\xc3\xa9\xff\xe2\x80\xa8\xed\xa0\x80z\0";
	buf_add_json_string(&b, raw, sizeof(raw) - 1);
	assert_string_equal(b.data,
		"\"a\\\"\\\\\\n\\t\\u0001\\u003c\\u0026\\u003e\xc3\xa9\\ufffd\\u2028"
		"\\ufffd\\ufffd\\ufffdz\\u0000\"");
}

static void json_documents(void **state)
{
	auto_err *err = NULL;
	auto_free char *deep = xmalloc(200);
	memset(deep, '[', 200);
	assert_null(json_parse(deep, 200, "body", &err));
	assert_int_equal(err->kind, ERR_INVALID);
	assert_null(json_parse("{\"a\":}", 6, "body", &err));
	assert_null(json_parse("{} x", 4, "body", &err));
	static const char text[] = "{\"s\":\"v\",\"n\":null,\"i\":3,\"l\":[\"a\",\"b\"]}";
	auto_json *j = json_parse(text, sizeof(text) - 1, "body", NULL);
	assert_non_null(j);
	const char *s = "default";
	int64_t i = 0;
	auto_strv list = NULL;
	assert_int_equal(json_get_str(j, "n", &s, "body", NULL), 0);
	assert_string_equal(s, "default");
	assert_int_equal(json_get_str(j, "s", &s, "body", NULL), 0);
	assert_string_equal(s, "v");
	assert_int_equal(json_get_i64(j, "i", &i, "body", NULL), 0);
	assert_int_equal(i, 3);
	assert_int_equal(json_get_strv(j, "l", &list, "body", NULL), 0);
	assert_int_equal(strv_len(list), 2);
	assert_int_equal(json_get_str(j, "i", &s, "body", &err), -1);
	assert_string_equal(err_msg(err), "body.i: expected a string");
}

static void digests(void **state)
{
	struct digest d;
	digest_of("", 0, &d);
	assert_string_equal(
		d.str, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_true(digest_valid(d.str));
	assert_false(digest_valid("sha256:../../etc/passwd"));
	assert_false(digest_valid(
		"sha256:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
	auto_err *err = NULL;
	assert_int_equal(
		digest_parse("sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf6"
			     "3f6e1da274edebfe76f65fbd51ad2f14898b95b",
			&d, &err),
		-1);
	assert_int_equal(err->kind, ERR_NOT_IMPLEMENTED);
	err_freep(&err);
	assert_int_equal(digest_parse("sha512:abc", &d, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	char a[33], b[33];
	random_hex(a, 16);
	random_hex(b, 16);
	assert_int_equal(strlen(a), 32);
	assert_string_not_equal(a, b);
}

/* From 1678 to 2262, the years that 64 bits of nanoseconds have. */
static void every_day_is_written_with_libc_s_date(void **state)
{
	(void)state;
	for (int64_t day = -106700; day <= 106700; day++) {
		char buf[TIME_STR_LEN], libcs[TIME_STR_LEN];
		time_t t = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
		struct tm tm;
		gmtime_r(&t, &tm);
		strftime(libcs, sizeof(libcs), "%Y-%m-%dT%H:%M:%S.000000000Z", &tm);
		assert_string_equal(time_rfc3339_fixed(t * TIME_NS_PER_SEC, buf), libcs);
	}
}

static void times(void **state)
{
	char buf[TIME_STR_LEN];
	int64_t ns;
	assert_string_equal(time_rfc3339(0, buf), "0001-01-01T00:00:00Z");
	assert_string_equal(time_rfc3339(1700000000120000000, buf), "2023-11-14T22:13:20.12Z");
	assert_string_equal(time_rfc3339(1700000000000000000, buf), "2023-11-14T22:13:20Z");
	assert_string_equal(
		time_rfc3339_fixed(1700000000120000000, buf), "2023-11-14T22:13:20.120000000Z");
	assert_int_equal(time_parse_rfc3339("2023-11-14T23:13:20.5+01:00", &ns), 0);
	assert_true(ns == 1700000000500000000);
	assert_int_equal(time_parse_rfc3339("0001-01-01T00:00:00Z", &ns), 0);
	assert_true(ns == 0);
	static const char *const bad[] = {"", "2023", "2023-13-01T00:00:00Z", "2023-11-14T22:13:20",
		"2023-11-14T22:13:20.Z", "2023-11-14T22:13:20+1:00", "9999-01-01T00:00:00Z"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(time_parse_rfc3339(bad[i], &ns), -1);
	assert_int_equal(time_parse_timestamp("1700000000.5", 0, &ns), 0);
	assert_true(ns == 1700000000500000000);
	assert_int_equal(time_parse_timestamp("10m", 700 * TIME_NS_PER_SEC, &ns), 0);
	assert_true(ns == 100 * TIME_NS_PER_SEC);
	assert_int_equal(time_parse_timestamp("2023-11-14", 0, &ns), 0);
	assert_int_equal(time_parse_timestamp("soon", 0, &ns), -1);
	assert_int_equal(time_parse_timestamp("-2500000h", INT64_MAX - 5, &ns), -1);
}

static void durations(void **state)
{
	int64_t ns;
	char buf[64];
	assert_int_equal(time_parse_duration("1h2m3.5s", &ns), 0);
	assert_true(ns == 3723500000000);
	assert_int_equal(time_parse_duration("-300ms", &ns), 0);
	assert_true(ns == -300000000);
	assert_int_equal(time_parse_duration("1", &ns), -1);
	assert_int_equal(time_parse_duration("", &ns), -1);
	assert_int_equal(time_parse_duration("1x", &ns), -1);
	static const struct {
		int64_t seconds;
		const char *text;
	} human[] = {{0, "Less than a second"}, {1, "1 second"}, {59, "59 seconds"},
		{60, "About a minute"}, {120, "2 minutes"}, {3600, "About an hour"},
		{7200, "2 hours"}, {47 * 3600, "47 hours"}, {3 * 86400, "3 days"},
		{14 * 86400, "2 weeks"}, {60 * 86400, "2 months"}, {800 * 86400, "2 years"}};
	for (size_t i = 0; i < ARRAY_LEN(human); i++)
		assert_string_equal(
			time_human(human[i].seconds * TIME_NS_PER_SEC, buf, sizeof(buf)),
			human[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers),
		cmocka_unit_test(json_strings_are_go_s),
		cmocka_unit_test(json_documents),
		cmocka_unit_test(digests),
		cmocka_unit_test(times),
		cmocka_unit_test(every_day_is_written_with_libc_s_date),
		cmocka_unit_test(durations),
	};
	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
