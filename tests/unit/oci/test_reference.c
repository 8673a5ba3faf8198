#include "../cmocka_all.h"
#include "base/mem.h"
#include "oci/reference.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void normalises(void **state)
{
	(void)state;
	static const struct {
		const char *text, *full, *familiar;
	} cases[] = {
		{"busybox", "docker.io/library/busybox", "busybox"},
		{"busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"},
		{"user/app", "docker.io/user/app", "user/app"},
		{"docker.io/busybox", "docker.io/library/busybox", "busybox"},
		{"index.docker.io/busybox", "docker.io/library/busybox", "busybox"},
		{"docker.io/library/a/b", "docker.io/library/a/b", "library/a/b"},
		{"localhost/x", "localhost/x", "localhost/x"},
		{"localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"},
		{"ghcr.io/A-b", NULL, NULL},
		{"Foo/bar", "Foo/bar", "Foo/bar"}, /* an upper-case first part is a domain */
		{"[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x"},
		{"a__b/c-d.e--f", "docker.io/a__b/c-d.e--f", "a__b/c-d.e--f"},
		{"x@sha256:" HEX64, "docker.io/library/x@sha256:" HEX64, "x@sha256:" HEX64},
		{"x:t@sha256:" HEX64, "docker.io/library/x:t@sha256:" HEX64, "x:t@sha256:" HEX64},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_reference ref = {0};
		int r = reference_parse(cases[i].text, &ref, NULL);
		if (!cases[i].full) {
			assert_int_equal(r, -1);
			continue;
		}
		assert_int_equal(r, 0);
		auto_free char *full = reference_string(&ref);
		auto_free char *familiar = reference_familiar_string(&ref);
		assert_string_equal(full, cases[i].full);
		assert_string_equal(familiar, cases[i].familiar);
	}
}

static void refuses(void **state)
{
	(void)state;
	char *long_name = xmalloc(400);
	memset(long_name, 'a', 399);
	long_name[399] = 0;
	const struct {
		const char *text, *says;
	} cases[] = {
		{"", "invalid reference format"},
		{"Foo", "invalid reference format: repository name (library/Foo) must be "
			"lowercase"},
		{"a..b", "invalid reference format"},
		{"a___b", "invalid reference format"},
		{"-a", "invalid reference format"},
		{"a/", "invalid reference format"},
		{"a//b", "invalid reference format"},
		{"/a", "invalid reference format"},
		{"../etc/passwd", "invalid reference format"},
		{"a:", "invalid reference format"},
		{"a:-x", "invalid reference format"},
		{"a:b/c", "invalid reference format"},
		{"a@sha256:12", "invalid reference format"},
		{"a@sha512:12", "invalid reference format"},
		{"a b", "invalid reference format"},
		{"a\nb", "invalid reference format"},
		{HEX64, "invalid repository name (" HEX64
			"), cannot specify 64-byte hexadecimal strings"},
		{long_name, "repository name must not be more than 255 characters"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_reference ref = {0};
		struct err *err = NULL;
		assert_int_equal(reference_parse(cases[i].text, &ref, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_string_equal(err->msg, cases[i].says);
		err_free(err);
	}
	free(long_name);
}

static void refuses_other_algorithms_in_their_name(void **state)
{
	(void)state;
	auto_reference ref = {0};
	auto_err *err = NULL;
	assert_int_equal(reference_parse("a@sha512:" HEX64 HEX64, &ref, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_IMPLEMENTED);
	assert_string_equal(
		err->msg, "digest \"sha512:" HEX64 HEX64 "\": only sha256 is implemented");
}

static void tells_ids_from_names(void **state)
{
	(void)state;
	enum reference_kind kind;
	auto_reference a = {0}, b = {0}, c = {0};
	assert_int_equal(reference_parse_any(HEX64, &a, &kind, NULL), 0);
	assert_int_equal(kind, REFERENCE_ID);
	assert_int_equal(reference_parse_any("sha256:" HEX64, &b, &kind, NULL), 0);
	assert_int_equal(kind, REFERENCE_ID);
	assert_string_equal(b.digest.str, "sha256:" HEX64);
	assert_int_equal(reference_parse_any("0123456789ab", &c, &kind, NULL), 0);
	assert_int_equal(kind, REFERENCE_NAMED);
}

static void matches_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *name;
		int r;
	} cases[] = {
		{"busybox", "busybox:1", 1},
		{"busy*", "busybox:1", 1},
		{"busybox:1", "busybox:1", 1},
		{"*", "busybox:1", 1},
		{"*", "a/b:1", 0},
		{"*/*", "a/b:1", 1},
		{"*/*:2", "a/b:1", 0},
		{"b[a-z]sybox", "busybox:1", 1},
		{"b[^u]sybox", "busybox:1", 0},
		{"[", "busybox:1", -1},
		{"a\\", "busybox:1", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_reference ref = {0};
		assert_int_equal(reference_parse(cases[i].name, &ref, NULL), 0);
		assert_int_equal(reference_match(cases[i].pattern, &ref, NULL), cases[i].r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(normalises),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_other_algorithms_in_their_name),
		cmocka_unit_test(tells_ids_from_names),
		cmocka_unit_test(matches_patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
