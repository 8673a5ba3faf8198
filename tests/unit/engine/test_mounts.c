/* -v, --mount and --tmpfs. */
#include "../cmocka_all.h"

#include "mounts.h"

static void test_clean(void **state)
{
	static const char *const pairs[][2] = {{"/a//b/../c/", "/a/c"}, {"/", "/"}, {"/..", "/"},
		{"/a/./b", "/a/b"}, {"/../../etc", "/etc"}, {"//", "/"}, {"/a/..", "/"}};
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		auto_free char *clean = mount_clean(pairs[i][0]);
		assert_string_equal(clean, pairs[i][1]);
	}
}

static struct mount_point parse(const char *spec)
{
	struct mount_point m = {0};
	auto_err *err = NULL;
	assert_int_equal(mount_parse_bind(spec, &m, &err), 0);
	return m;
}

static void test_bind(void **state)
{
	struct mount_point m = parse("/host/dir:/in:ro,z");
	assert_string_equal(m.type, "bind");
	assert_string_equal(m.source, "/host/dir");
	assert_string_equal(m.destination, "/in");
	assert_string_equal(m.mode, "ro,z");
	assert_string_equal(m.propagation, "rprivate");
	assert_false(m.rw);
	assert_true(m.make_source);
	assert_true(strv_index(m.options, "rbind") >= 0 && strv_index(m.options, "rro") >= 0);
	mount_point_clear(&m);
}

static void test_volume(void **state)
{
	struct mount_point m = parse("data:/in:nocopy");
	assert_string_equal(m.type, "volume");
	assert_string_equal(m.name, "data");
	assert_string_equal(m.driver, "local");
	assert_true(m.rw);
	assert_false(m.copy_up);
	mount_point_clear(&m);
	m = parse("data:/in");
	assert_string_equal(m.mode, "z");
	assert_true(m.copy_up);
	mount_point_clear(&m);
}

static void test_bad_binds(void **state)
{
	static const char *const bad[][2] = {
		{"", "invalid volume specification: ''"},
		{"/only", "invalid volume specification: '/only'"},
		{":/x", "invalid volume specification: ':/x'"},
		{"/a:", "invalid volume specification: '/a:'"},
		{"/a:ro", "invalid volume specification: '/a:ro'"},
		{"/a:/b:ro:z", "invalid volume specification: '/a:/b:ro:z'"},
		{"/a:b", "mount path must be absolute"},
		{"/a:/", "destination can't be '/'"},
		{"/a:/..", "destination can't be '/'"},
		{"/a:/b:nonsense", "invalid mode: nonsense"},
		{"/a:/b:ro,rw", "invalid mode: ro,rw"},
		{"/a:/b:shared,private", "invalid mode: shared,private"},
		{"./rel:/b", "includes invalid characters for a local volume name"},
		{"a/../b:/x", "includes invalid characters"},
		{"v:/b:\x01", "invalid mode"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct mount_point m = {0};
		auto_err *err = NULL;
		assert_int_equal(mount_parse_bind(bad[i][0], &m, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_non_null(strstr(err->msg, bad[i][1]));
		mount_point_clear(&m);
	}
}

static void expect_spec(struct mount_spec *s, enum err_kind kind, const char *text)
{
	struct mount_point m = {0};
	auto_err *err = NULL;
	assert_int_equal(mount_parse_spec(s, &m, &err), -1);
	assert_int_equal(err->kind, kind);
	assert_non_null(strstr(err->msg, text));
	mount_point_clear(&m);
}

static void test_specs(void **state)
{
	char bind[] = "bind", volume[] = "volume", tmpfs[] = "tmpfs", image[] = "image",
	     odd[] = "odd";
	char target[] = "/t", root[] = "/", relative[] = "t", gone[] = "/no/such/source",
	     tmp[] = "/tmp";
	struct mount_spec s = {.type = bind, .source = gone, .target = target};

	expect_spec(&s, ERR_INVALID, "bind source path does not exist: /no/such/source");
	s.target = root;
	expect_spec(&s, ERR_INVALID, "destination can't be '/'");
	s.target = relative;
	expect_spec(&s, ERR_INVALID, "mount path must be absolute");
	s.target = NULL;
	expect_spec(&s, ERR_INVALID, "field Target must not be empty");
	s = (struct mount_spec){.type = bind, .target = target};
	expect_spec(&s, ERR_INVALID, "field Source must not be empty");
	s = (struct mount_spec){.type = tmpfs, .target = target, .source = tmp};
	expect_spec(&s, ERR_INVALID, "field Source must not be specified");
	s = (struct mount_spec){.type = odd, .target = target};
	expect_spec(&s, ERR_INVALID, "mount type unknown: \"odd\"");
	s = (struct mount_spec){.type = image, .target = target};
	expect_spec(&s, ERR_NOT_IMPLEMENTED, "image");

	struct mount_point m = {0};
	auto_err *err = NULL;
	s = (struct mount_spec){.type = volume, .target = target, .read_only = true};
	assert_int_equal(mount_parse_spec(&s, &m, &err), 0);
	assert_null(m.name);
	assert_false(m.rw);
	mount_point_clear(&m);
	struct tmpfs_options t = {.size_bytes = 4096, .mode = 01770};
	s = (struct mount_spec){.type = tmpfs, .target = target, .tmpfs = &t};
	assert_int_equal(mount_parse_spec(&s, &m, &err), 0);
	assert_true(strv_index(m.options, "size=4096") >= 0);
	assert_true(strv_index(m.options, "mode=1770") >= 0);
	mount_point_clear(&m);
}

static void test_tmpfs(void **state)
{
	struct mount_point m = {0};
	auto_err *err = NULL;
	assert_int_equal(mount_parse_tmpfs("/t", "exec,size=1m", &m, &err), 0);
	assert_true(m.hidden && strv_index(m.options, "size=1m") > strv_index(m.options, "noexec"));
	mount_point_clear(&m);
	assert_int_equal(mount_parse_tmpfs("/t", "colour=red", &m, &err), -1);
	mount_point_clear(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_bind),
		cmocka_unit_test(test_volume),
		cmocka_unit_test(test_bad_binds),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_tmpfs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
