/* The pure parts of the systemd driver: names, properties from annotations and limits, the wire. */
#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "oci/config.h"
#include "runtime/systemd.h"
#include "systemd_wire.h"

static void test_slices_nest_by_their_dashes(void **state)
{
	static const struct {
		const char *slice, *path;
	} good[] = {
		{"system.slice", "/system.slice"},
		{"a-b-c.slice", "/a.slice/a-b.slice/a-b-c.slice"},
		{"user-1000.slice", "/user.slice/user-1000.slice"},
		{"-.slice", ""},
		{"-", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		auto_err *err = NULL;
		auto_free char *path = systemd_slice_path(good[i].slice, &err);
		assert_string_equal(path, good[i].path);
		assert_null(err);
	}
}

static void test_what_is_no_slice_is_refused(void **state)
{
	static const char *const bad[] = {"", ".slice", "a", "a.scope", "-a.slice", "a-.slice",
		"a--b.slice", "a/b.slice", "/a.slice", "a b.slice", "../a.slice"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_err *err = NULL;
		assert_null(systemd_slice_path(bad[i], &err));
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

static void test_a_cgroups_path_names_unit_and_slice(void **state)
{
	static const struct {
		const char *path, *id;
		bool user;
		const char *slice, *name;
	} good[] = {
		{NULL, "x", false, "system.slice", "kist-x.scope"},
		{"", "x", true, "user.slice", "kist-x.scope"},
		{"", "a+b", false, "system.slice", "kist-a\\x2bb.scope"},
		{"system.slice:docker:12", "x", false, "system.slice", "docker-12.scope"},
		{"machine-a.slice::12", "x", true, "machine-a.slice", "-12.scope"},
		{":p:n", "x", false, "system.slice", "p-n.scope"},
		{"-:p:n", "x", false, "-.slice", "p-n.scope"},
		{"a.slice:p:a-b.slice", "x", false, "a.slice", "a-b.slice"},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct systemd_unit unit;
		assert_int_equal(
			systemd_unit_parse(&unit, good[i].path, good[i].id, good[i].user, NULL), 0);
		assert_string_equal(unit.slice, good[i].slice);
		assert_string_equal(unit.name, good[i].name);
		assert_int_equal(systemd_unit_is_slice(&unit), str_ends(good[i].name, ".slice"));
		systemd_unit_clear(&unit);
	}
}

static void test_other_cgroups_paths_are_refused(void **state)
{
	static const char *const bad[] = {"/a/b", "a:b", "a:b:c:d", "a.scope:b:c", "a/b.slice:c:d",
		":a/b:c", ":a:b c", "a.slice:b:a/b.slice", ":a:-.slice"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct systemd_unit unit;
		auto_err *err = NULL;
		assert_int_equal(systemd_unit_parse(&unit, bad[i], "x", false, &err), -1);
		assert_non_null(strstr(err->msg, "linux.cgroupsPath"));
	}
}

static void test_numbers_and_booleans_have_their_types(void **state)
{
	static const struct {
		const char *text, *type;
		uint64_t value;
	} good[] = {
		{"true", "b", 1},
		{" false ", "b", 0},
		{"boolean true", "b", 1},
		{"5", "i", 5},
		{"-5", "i", (uint64_t)-5},
		{"0x10", "i", 16},
		{"uint32 4294967295", "u", UINT32_MAX},
		{"uint64 18446744073709551615", "t", UINT64_MAX},
		{"int64 -9223372036854775808", "x", 1ull << 63},
		{"byte 255", "y", 255},
		{"@t 7", "t", 7},
		{"int16 -32768", "n", (uint64_t)-32768},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		auto_systemd_props props = {0};
		assert_int_equal(systemd_prop_parse(&props, "Foo", good[i].text, NULL), 0);
		assert_string_equal(props.v[0].type, good[i].type);
		assert_int_equal(props.v[0].count, 1);
		assert_true(props.v[0].numbers[0] == good[i].value);
		assert_string_equal(props.v[0].name, "Foo");
	}
}

static void test_strings_and_arrays(void **state)
{
	auto_systemd_props props = {0};
	assert_int_equal(systemd_prop_parse(&props, "One", "'a\\'b\\n\\u00e4'", NULL), 0);
	assert_string_equal(props.v[0].type, "s");
	assert_string_equal(props.v[0].strings[0], "a'b\n\xc3\xa4");
	assert_int_equal(systemd_prop_parse(&props, "Two", "[ \"x\" , 'y' ]", NULL), 0);
	assert_string_equal(props.v[1].type, "as");
	assert_int_equal(props.v[1].count, 2);
	assert_string_equal(props.v[1].strings[1], "y");
	assert_int_equal(systemd_prop_parse(&props, "Three", "@as []", NULL), 0);
	assert_string_equal(props.v[2].type, "as");
	assert_int_equal(props.v[2].count, 0);
	assert_int_equal(systemd_prop_parse(&props, "Four", "[uint64 1, 2]", NULL), 0);
	assert_string_equal(props.v[3].type, "at");
	assert_int_equal(props.v[3].numbers[1], 2);
	assert_int_equal(systemd_prop_parse(&props, "Five", "1.5", NULL), 0);
	assert_string_equal(props.v[4].type, "d");
}

static void test_seconds_become_microseconds(void **state)
{
	static const struct {
		const char *name, *text, *becomes;
		uint64_t value;
	} good[] = {
		{"TimeoutStopSec", "5", "TimeoutStopUSec", 5000000},
		{"TimeoutStopSec", "uint64 7", "TimeoutStopUSec", 7000000},
		{"RuntimeMaxSec", "0.25", "RuntimeMaxUSec", 250000},
		{"TimeoutStopUSec", "uint64 5", "TimeoutStopUSec", 5},
	};
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		auto_systemd_props props = {0};
		assert_int_equal(systemd_prop_parse(&props, good[i].name, good[i].text, NULL), 0);
		assert_string_equal(props.v[0].name, good[i].becomes);
		assert_string_equal(props.v[0].type, "t");
		assert_true(props.v[0].numbers[0] == good[i].value);
	}
}

static void test_what_is_no_value_is_refused_by_its_annotation(void **state)
{
	static const struct {
		const char *name, *text;
	} bad[] = {
		{"Foo", ""},
		{"Foo", "nonsense"},
		{"Foo", "'open"},
		{"Foo", "'a\\"},
		{"Foo", "'\\u12'"},
		{"Foo", "'\\u0000'"},
		{"Foo", "[1, 'a']"},
		{"Foo", "[1, 2"},
		{"Foo", "[]"},
		{"Foo", "[[1]]"},
		{"Foo", "uint32 -1"},
		{"Foo", "byte 256"},
		{"Foo", "int32 2147483648"},
		{"Foo", "uint64 18446744073709551616"},
		{"Foo", "uint32 'x'"},
		{"Foo", "1 2"},
		{"Foo", "{'a': 1}"},
		{"Foo", "('a', 1)"},
		{"Foo", "true1"},
		{"Foo", "@as 'x'"},
		{"Foo", "@z 1"},
		{"WaitSec", "'x'"},
		{"WaitSec", "-1"},
		{"WaitSec", "uint64 18446744073709551615"},
		{"WaitSec", "1e300"},
		{"Fo", "1"},
		{"Foo1", "1"},
		{"Foo.Bar", "1"},
		{"", "1"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_systemd_props props = {0};
		auto_err *err = NULL;
		assert_int_equal(systemd_prop_parse(&props, bad[i].name, bad[i].text, &err), -1);
		assert_non_null(strstr(err->msg, "annotations.org.systemd.property."));
	}
}

static const struct systemd_prop *find(const struct systemd_props *p, const char *name)
{
	const struct systemd_prop *found = NULL;
	for (size_t i = 0; i < p->count; i++)
		if (str_eq(p->v[i].name, name))
			found = &p->v[i];
	return found;
}

static uint64_t number(const struct systemd_props *p, const char *name)
{
	const struct systemd_prop *prop = find(p, name);
	assert_non_null(prop);
	return prop->numbers[0];
}

static void test_limits_become_properties(void **state)
{
	auto_systemd_props p = {0};
	struct oci_resources r = {0};
	r.memory.limit.set = r.memory.swap.set = r.cpu.quota.set = r.cpu.period.set = true;
	r.memory.limit.v = 1000;
	r.memory.swap.v = 1500;
	r.cpu.quota.v = 12345;
	r.cpu.period.v = 50000;
	r.pids_limit.set = true;
	r.pids_limit.v = -1;
	r.cpu.cpus = (char *)"0-2,9";
	assert_int_equal(systemd_props_limits(&p, &r, true, NULL), 0);
	assert_int_equal(number(&p, "MemoryMax"), 1000);
	assert_int_equal(number(&p, "MemorySwapMax"), 500);
	assert_int_equal(number(&p, "CPUQuotaPerSecUSec"), 250000); /* 24.69 % rounded up */
	assert_int_equal(number(&p, "CPUQuotaPeriodUSec"), 50000);
	assert_true(number(&p, "TasksMax") == UINT64_MAX);
	const struct systemd_prop *cpus = find(&p, "AllowedCPUs");
	assert_int_equal(cpus->count, 2);
	assert_int_equal(cpus->numbers[0], 0x07);
	assert_int_equal(cpus->numbers[1], 0x02);
	assert_null(find(&p, "DevicePolicy"));
}

static void test_v1_has_other_names_for_limits(void **state)
{
	auto_systemd_props p = {0};
	struct oci_resources r = {0};
	r.memory.limit.set = r.cpu.shares.set = true;
	r.memory.limit.v = 1000;
	r.cpu.shares.v = 512;
	assert_int_equal(systemd_props_limits(&p, &r, false, NULL), 0);
	assert_int_equal(number(&p, "MemoryLimit"), 1000);
	assert_int_equal(number(&p, "CPUShares"), 512);
	assert_null(find(&p, "MemoryMax"));
}

static void test_device_rules_become_a_list_that_allows_no_less(void **state)
{
	auto_systemd_props p = {0}, any = {0};
	struct oci_device_rule rules[] = {
		{.type = 'a', .major = -1, .minor = -1, .read = true, .write = true, .mknod = true},
		{.type = 'c', .major = 10, .minor = 201, .allow = true, .read = true},
	};
	struct oci_resources r = {.devices = rules, .device_count = 2};
	assert_int_equal(systemd_props_limits(&p, &r, true, NULL), 0);
	assert_string_equal(find(&p, "DevicePolicy")->strings[0], "strict");
	const struct systemd_prop *list = find(&p, "DeviceAllow");
	assert_string_equal(list->strings[0], "/dev/char/10:201");
	assert_string_equal(list->strings[1], "r");
	assert_true(list->count > 2); /* what every container has */
	/* a whole major: systemd cannot say that, so its list must not forbid it */
	rules[1].minor = -1;
	assert_int_equal(systemd_props_limits(&any, &r, true, NULL), 0);
	assert_string_equal(find(&any, "DevicePolicy")->strings[0], "auto");
	assert_int_equal(find(&any, "DeviceAllow")->count, 0);
}

static void test_unified_files_become_properties(void **state)
{
	struct oci_pair pairs[] = {
		{(char *)"memory.high", (char *)"max"},
		{(char *)"memory.min", (char *)" 4096\n"},
		{(char *)"pids.max", (char *)"0"},
		{(char *)"cpu.max", (char *)"20000"},
		{(char *)"io.max", (char *)"8:0 rbps=1"},
	};
	struct oci_resources r = {.unified = {pairs, ARRAY_LEN(pairs)}};
	auto_systemd_props p = {0}, bad = {0};
	auto_err *err = NULL;
	assert_int_equal(systemd_props_limits(&p, &r, true, NULL), 0);
	assert_true(number(&p, "MemoryHigh") == UINT64_MAX);
	assert_int_equal(number(&p, "MemoryMin"), 4096);
	assert_int_equal(number(&p, "TasksMax"), 1);
	assert_int_equal(number(&p, "CPUQuotaPerSecUSec"), 200000);
	pairs[0].value = (char *)"much";
	assert_int_equal(systemd_props_limits(&bad, &r, true, &err), -1);
	assert_non_null(strstr(err->msg, "linux.resources.unified.memory.high"));
}

static void test_a_scope_that_is_killed_as_a_whole_is_started_so(void **state)
{
	struct oci_pair pair = {(char *)"memory.oom.group", (char *)"1\n"};
	struct oci_resources r = {.unified = {&pair, 1}};
	struct systemd_unit scope = {.name = (char *)"a.scope"},
			    slice = {.name = (char *)"a.slice"};
	auto_systemd_props p = {0}, q = {0}, none = {0}, later = {0};
	systemd_props_at_start(&p, &scope, &r);
	assert_string_equal(find(&p, "OOMPolicy")->strings[0], "kill");
	assert_int_equal(find(&p, "OOMPolicy")->since, 253);
	pair.value = (char *)"0";
	systemd_props_at_start(&q, &scope, &r);
	assert_string_equal(find(&q, "OOMPolicy")->strings[0], "continue");
	systemd_props_at_start(&none, &slice, &r);
	assert_int_equal(none.count, 0);
	/* the manager would refuse all that comes with it */
	assert_int_equal(systemd_props_limits(&later, &r, true, NULL), 0);
	assert_int_equal(later.count, 0);
}

static void test_a_scope_is_delegated_and_a_slice_is_not(void **state)
{
	struct systemd_unit scope = {.name = (char *)"a.scope", .slice = (char *)"system.slice"};
	struct systemd_unit slice = {.name = (char *)"a-b.slice", .slice = (char *)"a.slice"};
	struct oci_pair notes[] = {
		{(char *)"org.systemd.property.CollectMode", (char *)"'inactive'"},
		{(char *)"other", (char *)"["},
	};
	auto_systemd_props p = {0}, q = {0};
	assert_int_equal(systemd_props_base(&p, &scope, "x", notes, 2, NULL), 0);
	assert_int_equal(number(&p, "Delegate"), 1);
	assert_string_equal(find(&p, "Slice")->strings[0], "system.slice");
	assert_string_equal(find(&p, "CollectMode")->strings[0], "inactive");
	assert_int_equal(systemd_props_base(&q, &slice, "x", NULL, 0, NULL), 0);
	assert_null(find(&q, "Delegate"));
	assert_string_equal(find(&q, "Wants")->strings[0], "a.slice");
}

static void example(struct buf *out)
{
	auto_systemd_props p = {0};
	systemd_add_number(&p, "A", 't', 77, 240);
	systemd_add_string(&p, "B", "text", 0);
	systemd_add(&p, "C", "a(ss)", 0);
	systemd_prop_string(&p.v[2], "x");
	systemd_prop_string(&p.v[2], "y");
	systemd_add(&p, "D", "as", 0);
	struct systemd_request r = {.op = SYSTEMD_OP_START,
		.user = true,
		.unit = "u.scope",
		.slice = "s.slice",
		.pid = 12,
		.props = p};
	systemd_request_encode(&r, out);
}

static void test_a_request_arrives_as_it_was_sent(void **state)
{
	auto_buf bytes = BUF_INIT;
	struct systemd_request r;
	example(&bytes);
	assert_int_equal(systemd_request_decode(&r, bytes.data, bytes.len, NULL), 0);
	assert_int_equal(r.op, SYSTEMD_OP_START);
	assert_true(r.user);
	assert_string_equal(r.unit, "u.scope");
	assert_string_equal(r.slice, "s.slice");
	assert_int_equal(r.pid, 12);
	assert_int_equal(r.props.count, 4);
	assert_int_equal(r.props.v[0].numbers[0], 77);
	assert_int_equal(r.props.v[0].since, 240);
	assert_string_equal(r.props.v[1].strings[0], "text");
	assert_string_equal(r.props.v[2].strings[1], "y");
	assert_int_equal(r.props.v[3].count, 0);
	systemd_props_clear(&r.props);
}

static void test_a_damaged_request_is_refused(void **state)
{
	auto_buf bytes = BUF_INIT;
	example(&bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		struct systemd_request r;
		assert_int_equal(systemd_request_decode(&r, bytes.data, n, NULL), -1);
	}
	for (size_t i = 0; i < bytes.len; i++) {
		struct systemd_request r;
		char kept = bytes.data[i];
		bytes.data[i] = (char)(kept ^ 0xff);
		if (systemd_request_decode(&r, bytes.data, bytes.len, NULL) == 0)
			systemd_props_clear(&r.props);
		bytes.data[i] = kept;
	}
}

static void test_an_answer_carries_text_or_error(void **state)
{
	auto_buf good = BUF_INIT, bad = BUF_INIT;
	auto_err *sent = NULL, *err = NULL;
	auto_free char *text = NULL, *none = NULL;
	systemd_answer_encode(NULL, "/a/b", &good);
	assert_int_equal(systemd_answer_decode(&text, good.data, good.len, NULL), 0);
	assert_string_equal(text, "/a/b");
	err_set(&sent, ERR_CONFLICT, "it exists");
	systemd_answer_encode(sent, NULL, &bad);
	assert_int_equal(systemd_answer_decode(&none, bad.data, bad.len, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
	assert_string_equal(err->msg, "it exists");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slices_nest_by_their_dashes),
		cmocka_unit_test(test_what_is_no_slice_is_refused),
		cmocka_unit_test(test_a_cgroups_path_names_unit_and_slice),
		cmocka_unit_test(test_other_cgroups_paths_are_refused),
		cmocka_unit_test(test_numbers_and_booleans_have_their_types),
		cmocka_unit_test(test_strings_and_arrays),
		cmocka_unit_test(test_seconds_become_microseconds),
		cmocka_unit_test(test_what_is_no_value_is_refused_by_its_annotation),
		cmocka_unit_test(test_limits_become_properties),
		cmocka_unit_test(test_v1_has_other_names_for_limits),
		cmocka_unit_test(test_device_rules_become_a_list_that_allows_no_less),
		cmocka_unit_test(test_unified_files_become_properties),
		cmocka_unit_test(test_a_scope_that_is_killed_as_a_whole_is_started_so),
		cmocka_unit_test(test_a_scope_is_delegated_and_a_slice_is_not),
		cmocka_unit_test(test_a_request_arrives_as_it_was_sent),
		cmocka_unit_test(test_a_damaged_request_is_refused),
		cmocka_unit_test(test_an_answer_carries_text_or_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
