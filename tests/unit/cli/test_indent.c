#include "../cmocka_all.h"

#include "indent.h"

static void check(const char *json, const char *expected)
{
	auto_buf out = BUF_INIT;
	json_indent(json, strlen(json), 0, &out);
	assert_string_equal(buf_str(&out), expected);
}

static void layout(void **state)
{
	check("[]", "[]");
	check("{\"a\":{},\"b\":[ ]}", "{\n    \"a\": {},\n    \"b\": []\n}");
	check("[{\"a\":1.50,\"b\":[true,null]}]",
		"[\n    {\n        \"a\": 1.50,\n        \"b\": [\n            true,\n            "
		"null\n        ]\n    }\n]");
	check("[\"x,{}[]:\\\"\\\\\",\"\\u003c\"]",
		"[\n    \"x,{}[]:\\\"\\\\\",\n    \"\\u003c\"\n]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
