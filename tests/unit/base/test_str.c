#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"

static void numbers(void **state)
{
	int64_t i;
	uint64_t u;
	uint32_t w;
	assert_int_equal(str_to_i64("-9223372036854775808", &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(str_to_i64("9223372036854775808", &i), -1);
	assert_int_equal(str_to_u64("18446744073709551615", &u), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(str_to_u64("18446744073709551616", &u), -1);
	assert_int_equal(str_to_u32("4294967296", &w), -1);
	static const char *const bad[] = {"", " 1", "1 ", "+1", "1x", "0x1", "-", "--1", "1.0"};
	for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
		assert_int_equal(str_to_i64(bad[k], &i), -1);
		assert_int_equal(str_to_u64(bad[k], &u), -1);
	}
}

static void sizes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = {{"0", 0}, {"32", 32}, {"32b", 32}, {"1k", 1024}, {"1KB", 1024}, {"1kib", 1024},
		{"64m", 64 << 20}, {"1.5G", 3LL << 29}, {"2 g", 2LL << 30}, {"1tb", 1LL << 40}};
	static const char *const bad[] = {
		"", "k", "-1", "1x", "1kk", "1bb", "1mi b", ".", "9999999p"};
	int64_t v;
	for (size_t k = 0; k < ARRAY_LEN(good); k++) {
		assert_int_equal(str_to_size(good[k].text, &v), 0);
		assert_true(v == good[k].bytes);
	}
	for (size_t k = 0; k < ARRAY_LEN(bad); k++)
		assert_int_equal(str_to_size(bad[k], &v), -1);
	char buf[32];
	assert_string_equal(str_human_size(0, buf, sizeof(buf)), "0B");
	assert_string_equal(str_human_size(2139000, buf, sizeof(buf)), "2.14MB");
	assert_string_equal(str_human_size(999, buf, sizeof(buf)), "999B");
	assert_string_equal(str_human_size(1000, buf, sizeof(buf)), "1kB");
	assert_string_equal(str_bytes_size(67108864, buf, sizeof(buf)), "64MiB");
}

static void vectors(void **state)
{
	auto_strv v = NULL;
	for (int i = 0; i < 100; i++)
		strv_take(&v, xasprintf("%d", i));
	assert_int_equal(strv_len(v), 100);
	assert_string_equal(v[99], "99");
	assert_int_equal(strv_index(v, "77"), 77);
	assert_int_equal(strv_index(v, "x"), -1);
	auto_strv parts = strv_split("a,,b", ',');
	assert_int_equal(strv_len(parts), 3);
	assert_string_equal(parts[1], "");
	auto_free char *joined = strv_join(parts, "-");
	assert_string_equal(joined, "a--b");
	auto_strv env = strv_split("AB=1 A=2", ' ');
	assert_string_equal(strv_env(env, "A"), "2");
	assert_null(strv_env(env, "B"));
}

static void words(void **state)
{
	char text[] = " \t a b\n";
	assert_string_equal(str_trim(text), "a b");
	assert_true(str_starts("abc", "ab") && !str_starts("a", "ab"));
	assert_true(str_ends("abc", "bc") && !str_ends("c", "bc"));
	assert_true(str_ieq("AbC", "aBc") && !str_ieq("ab", "abc"));
	assert_string_equal(str_after("key=v", "key="), "v");
	assert_int_equal(str_distance("kitten", "sitting"), 3);
	assert_int_equal(str_distance("", "abc"), 3);
	bool yes;
	assert_int_equal(str_to_bool("T", &yes), 0);
	assert_true(yes);
	assert_int_equal(str_to_bool("yes", &yes), -1);
}

static void numbers_of_the_kernel(void **state)
{
	uint64_t v[3] = {9, 9, 9};
	assert_int_equal(str_numbers("         0     100000      65536", v, 3), 3);
	assert_true(v[0] == 0 && v[1] == 100000 && v[2] == 65536);
	assert_int_equal(str_numbers("8:16 Read 4096", v, 3), 2);
	assert_true(v[0] == 8 && v[1] == 16);
	assert_int_equal(str_numbers("1 2 3 4", v, 3), 3);
	assert_int_equal(str_numbers("", v, 3), 0);
	assert_int_equal(str_numbers("-1", v, 3), 0);
	assert_int_equal(str_numbers("7 18446744073709551616", v, 3), 1);
	assert_int_equal(str_numbers("18446744073709551615", v, 3), 1);
	assert_true(v[0] == UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_of_the_kernel),
		cmocka_unit_test(numbers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(vectors),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
