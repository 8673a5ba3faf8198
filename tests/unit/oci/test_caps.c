#include "../cmocka_all.h"

#include <linux/capability.h>

#include "oci/config.h"

static void names_and_numbers(void **state)
{
	assert_int_equal(oci_cap_number("CAP_CHOWN"), CAP_CHOWN);
	assert_int_equal(oci_cap_number("cap_net_raw"), CAP_NET_RAW);
	assert_int_equal(oci_cap_number("sys_admin"), CAP_SYS_ADMIN);
	assert_int_equal(oci_cap_number("CAP_"), -1);
	assert_int_equal(oci_cap_number(""), -1);
	assert_int_equal(oci_cap_number("CAP_CHOWNS"), -1);
	assert_string_equal(oci_cap_name(CAP_CHECKPOINT_RESTORE), "CAP_CHECKPOINT_RESTORE");
	assert_null(oci_cap_name(-1));
	assert_null(oci_cap_name(OCI_CAP_LAST + 1));
	for (int i = 0; i <= OCI_CAP_LAST; i++)
		assert_int_equal(oci_cap_number(oci_cap_name(i)), i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(names_and_numbers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
