/* Base64 as RFC 4648 has it, and nothing more. */
#include "../cmocka_all.h"

#include "base/base64.h"

static const struct {
	const char *plain, *text;
} vectors[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};

static void vectors_of_the_rfc(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		auto_buf text = BUF_INIT, plain = BUF_INIT;
		base64_encode(vectors[i].plain, strlen(vectors[i].plain), false, &text);
		assert_string_equal(buf_str(&text), vectors[i].text);
		assert_int_equal(base64_decode(text.data, text.len, &plain), 0);
		assert_string_equal(buf_str(&plain), vectors[i].plain);
	}
}

static void alphabet_for_urls(void **state)
{
	auto_buf text = BUF_INIT, url = BUF_INIT, plain = BUF_INIT;
	base64_encode("\xfb\xff\xfe", 3, false, &text);
	base64_encode("\xfb\xff\xfe", 3, true, &url);
	assert_string_equal(text.data, "+//+");
	assert_string_equal(url.data, "-__-");
	assert_int_equal(base64_decode("-_/+", 4, &plain), 0);
	assert_memory_equal(plain.data, "\xfb\xff\xfe", 3);
}

static void padding_may_be_missing(void **state)
{
	auto_buf plain = BUF_INIT;
	assert_int_equal(base64_decode("Zm8", 3, &plain), 0);
	assert_int_equal(base64_decode("YmE=", 4, &plain), 0);
	assert_string_equal(plain.data, "foba");
}

static void nonsense_is_refused_and_leaves_no_trace(void **state)
{
	static const char *const bad[] = {
		"Z", "Zm9vY", "Zm 9", "Zg===", "=", "Zm9v\n", "Z*==", "===="};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		auto_buf plain = BUF_INIT;
		buf_adds(&plain, "x");
		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), &plain), -1);
		assert_string_equal(plain.data, "x");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_of_the_rfc),
		cmocka_unit_test(alphabet_for_urls),
		cmocka_unit_test(padding_may_be_missing),
		cmocka_unit_test(nonsense_is_refused_and_leaves_no_trace),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
