#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "pool.h"

static void lowest_free_first(void **state)
{
	struct pool pool;
	pool_init(&pool, 0xac110001, 16);
	assert_true(pool_take(&pool, 0xac110001));
	assert_int_equal(pool_take_any(&pool), 0xac110002);
	assert_int_equal(pool_take_any(&pool), 0xac110003);
	pool_give(&pool, 0xac110002);
	assert_int_equal(pool_take_any(&pool), 0xac110002);
	assert_int_equal(pool_take_any(&pool), 0xac110004);
	pool_free(&pool);
}

static void exhausted(void **state)
{
	struct pool pool;
	pool_init(&pool, 0x0a000000, 29); /* six hosts */
	for (uint32_t i = 1; i <= 6; i++)
		assert_int_equal(pool_take_any(&pool), 0x0a000000 + i);
	assert_int_equal(pool_take_any(&pool), 0);
	pool_give(&pool, 0x0a000004);
	assert_int_equal(pool_take_any(&pool), 0x0a000004);
	pool_free(&pool);
}

static void all_of_a_large_one(void **state)
{
	struct pool pool;
	uint32_t n = 0;
	pool_init(&pool, 0x0a000000, 16);
	while (pool_take_any(&pool))
		n++;
	assert_int_equal(n, 65534);
	pool_free(&pool);
}

static void wanted(void **state)
{
	struct pool pool;
	pool_init(&pool, 0x0a000001, 24);
	assert_true(pool_take(&pool, 0x0a000064));
	assert_false(pool_take(&pool, 0x0a000064));
	assert_false(pool_take(&pool, 0x0a000000)); /* network */
	assert_false(pool_take(&pool, 0x0a0000ff)); /* broadcast */
	assert_false(pool_take(&pool, 0x0a000101)); /* another subnet */
	pool_give(&pool, 0x0a000000);
	assert_false(pool_take(&pool, 0x0a000000));
	pool_free(&pool);
}

static void restricted(void **state)
{
	struct pool pool;
	pool_init(&pool, 0x0a000001, 16);
	assert_false(pool_restrict(&pool, 0x0b000000, 24));
	assert_false(pool_restrict(&pool, 0x0a000000, 8));
	assert_true(pool_restrict(&pool, 0x0a000500, 30));
	assert_int_equal(pool_take_any(&pool), 0x0a000500);
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(pool_take_any(&pool), 0);
	assert_int_equal(pool_take_any(&pool), 0);
	assert_true(pool_take(&pool, 0x0a000001)); /* by name still */
	pool_free(&pool);
}

static void cidr(void **state)
{
	static const char *const bad[] = {"", "1.2.3.4", "1.2.3.4/", "1.2.3.4/7", "1.2.3.4/31",
		"1.2.3.4/+8", "1.2.3/16", "1.2.3.4/16 ", "::1/64", "1.2.3.400/16",
		"1111111111111111111111111/8"};
	uint32_t address;
	uint8_t prefix;
	assert_true(pool_parse_cidr("172.18.0.1/16", &address, &prefix));
	assert_int_equal(address, 0xac120001);
	assert_int_equal(prefix, 16);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(pool_parse_cidr(bad[i], &address, &prefix));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lowest_free_first),
		cmocka_unit_test(exhausted), cmocka_unit_test(all_of_a_large_one),
		cmocka_unit_test(wanted), cmocka_unit_test(restricted), cmocka_unit_test(cidr)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
