#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/wire.h"

static void fill(struct buf *b)
{
	static char *const words[] = {(char *)"one", (char *)"", NULL};
	wire_put_u8(b, 7);
	wire_put_u32(b, 0xdeadbeef);
	wire_put_i64(b, -5);
	wire_put_str(b, "text");
	wire_put_str(b, NULL);
	wire_put_strv(b, words);
	wire_put_blob(b, "\0\1", 2);
	wire_put_bool(b, true);
}

static int read_all(const void *p, size_t n, struct err **err)
{
	struct wire w = wire_from(p, n);
	size_t len;
	wire_u8(&w);
	wire_u32(&w);
	wire_i64(&w);
	wire_str(&w);
	wire_str(&w);
	free(wire_strv(&w));
	wire_blob(&w, &len);
	wire_bool(&w);
	return wire_done(&w, "record", err);
}

static void round_trip(void **state)
{
	auto_buf b = BUF_INIT;
	fill(&b);
	struct wire w = wire_from(b.data, b.len);
	size_t n;
	assert_int_equal(wire_u8(&w), 7);
	assert_true(wire_u32(&w) == 0xdeadbeef);
	assert_true(wire_i64(&w) == -5);
	assert_string_equal(wire_str(&w), "text");
	assert_null(wire_str(&w));
	auto_free char **v = wire_strv(&w);
	assert_string_equal(v[0], "one");
	assert_string_equal(v[1], "");
	assert_null(v[2]);
	assert_memory_equal(wire_blob(&w, &n), "\0\1", 2);
	assert_int_equal(n, 2);
	assert_true(wire_bool(&w));
	assert_int_equal(wire_done(&w, "record", NULL), 0);
}

static void every_truncation_is_refused(void **state)
{
	auto_buf b = BUF_INIT;
	fill(&b);
	for (size_t n = 0; n < b.len; n++) {
		auto_free char *exact = xmemdup(b.data, n);
		auto_err *err = NULL;
		assert_int_equal(read_all(exact, n, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
	buf_addc(&b, 0);
	assert_int_equal(read_all(b.data, b.len, NULL), -1);
}

static void huge_counts_are_refused(void **state)
{
	auto_buf b = BUF_INIT;
	wire_put_u32(&b, 0x40000000);
	struct wire w = wire_from(b.data, b.len);
	assert_null(wire_strv(&w));
	assert_true(w.bad);
	w = wire_from("\3\0\0\0a\0b", 7);
	assert_null(wire_str(&w)); /* a NUL inside, none at the end */
	assert_true(w.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(huge_counts_are_refused),
	};
	return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
