#include "../cmocka_all.h"

#include "base/json.h"
#include "base/jsonr.h"

/* The document as compact text again, read value by value. */
static void copy_value(struct jsonr *r, struct buf *out)
{
	auto_buf text = BUF_INIT;
	const char *comma = "";
	int64_t n = 0;
	switch (jsonr_peek(r)) {
	case '{':
		buf_addc(out, '{');
		jsonr_enter(r, '{');
		for (; jsonr_key(r, &text); comma = ",") {
			buf_adds(out, comma);
			buf_add_json_string(out, text.data, text.len);
			buf_addc(out, ':');
			copy_value(r, out);
		}
		buf_addc(out, '}');
		return;
	case '[':
		buf_addc(out, '[');
		jsonr_enter(r, '[');
		for (; jsonr_more(r, ']'); comma = ",") {
			buf_adds(out, comma);
			copy_value(r, out);
		}
		buf_addc(out, ']');
		return;
	case '"':
		if (jsonr_str(r, &text))
			buf_add_json_string(out, text.data, text.len);
		return;
	case 't':
	case 'f':
	case 'n':
		jsonr_skip(r);
		buf_adds(out, "null");
		return;
	default:
		if (jsonr_i64(r, &n))
			buf_addf(out, "%lld", (long long)n);
	}
}

static void same(const char *text, const char *expected)
{
	auto_buf out = BUF_INIT;
	struct jsonr r = jsonr_from(text, strlen(text));
	copy_value(&r, &out);
	assert_int_equal(jsonr_end(&r, "text", NULL), 0);
	assert_string_equal(buf_str(&out), expected);
	r = jsonr_from(text, strlen(text));
	assert_true(jsonr_skip(&r));
	assert_int_equal(jsonr_end(&r, "text", NULL), 0);
}

static void values_are_read_as_they_were_written(void **state)
{
	same("[]", "[]");
	same(" { } ", "{}");
	same("\t[ 1 ,\n-2, 9223372036854775807,-9223372036854775808 ]\r\n",
		"[1,-2,9223372036854775807,-9223372036854775808]");
	same("{\"a\":{\"b\":[[],{}]},\"c\":\"\"}", "{\"a\":{\"b\":[[],{}]},\"c\":\"\"}");
	same("[true,null]", "[null,null]");
}

static void strings_are_unescaped(void **state)
{
	same("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "\"a\\\"\\\\/\\u0008\\u000c\\n\\r\\tz\"");
	same("\"\\u0041\\u00e9\\u20AC\"", "\"A\xc3\xa9\xe2\x82\xac\"");
	same("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"");
	/* halves of a pair */
	same("\"\\ud83d\"", "\"\xef\xbf\xbd\"");
	same("\"\\ude00x\"", "\"\xef\xbf\xbdx\"");
	same("\"\\ud83d\\u0041\"", "\"\xef\xbf\xbd"
				   "A\"");
}

static void null_is_an_empty_string_and_leaves_numbers(void **state)
{
	auto_buf s = BUF_INIT;
	int64_t n = 7;
	buf_adds(&s, "before");
	struct jsonr r = jsonr_from("[null,null]", 11);
	jsonr_enter(&r, '[');
	assert_true(jsonr_more(&r, ']') && jsonr_str(&r, &s));
	assert_true(jsonr_more(&r, ']') && jsonr_i64(&r, &n));
	assert_false(jsonr_more(&r, ']'));
	assert_int_equal(jsonr_end(&r, "text", NULL), 0);
	assert_string_equal(buf_str(&s), "");
	assert_int_equal(n, 7);
}

static void refused(const char *text, size_t n)
{
	auto_buf out = BUF_INIT;
	auto_err *err = NULL;
	struct jsonr r = jsonr_from(text, n);
	copy_value(&r, &out);
	assert_int_equal(jsonr_end(&r, "text", &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const wrong[] = {"", " ", "[", "]", "{", "[1", "[1,", "[1,]", "[,1]",
		"[1 2]", "[1]]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{1:2}",
		"{\"a\":1]", "[1}", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
		"\"a\nb\"", "1.5", "1e3", "-", "9223372036854775808", "[1]x", "{\"a\":\"b\"",
		"{null:1}"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		refused(wrong[i], strlen(wrong[i]));
}

static void every_truncation_is_refused(void **state)
{
	static const char text[] = "[{\"a\":[\"x\\u00e9\\n\",-12,null,{}],\"b\":{\"c\":\"\"}}]";
	same(text, "[{\"a\":[\"x\xc3\xa9\\n\",-12,null,{}],\"b\":{\"c\":\"\"}}]");
	for (size_t n = 0; n + 1 < sizeof(text); n++) {
		auto_free char *copy = xmemdup(text, n + 1);
		copy[n] = 0;
		refused(copy, n);
	}
}

static void nesting_is_bounded(void **state)
{
	auto_buf deep = BUF_INIT;
	for (int i = 0; i < 64; i++)
		buf_addc(&deep, '[');
	for (int i = 0; i < 64; i++)
		buf_addc(&deep, ']');
	same(deep.data, deep.data);
	auto_free char *deeper = xasprintf("[%s]", deep.data);
	refused(deeper, strlen(deeper));
	struct jsonr r = jsonr_from(deeper, strlen(deeper));
	assert_false(jsonr_skip(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_as_they_were_written),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(null_is_an_empty_string_and_leaves_numbers),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(nesting_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
