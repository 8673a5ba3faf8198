#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "oci/platform.h"

static struct oci_platform make(const char *os, const char *arch, const char *variant)
{
	struct oci_platform p;
	oci_platform_make(&p, os, arch, variant);
	return p;
}

/* What @text becomes when it is parsed and written again. */
static void expect_parsed(const char *text, const char *want)
{
	struct oci_platform p;
	struct err *err = NULL;
	if (oci_platform_parse(text, &p, &err) < 0)
		fail_msg("%s: %s", text, err_msg(err));
	auto_free char *got = oci_platform_format(&p);
	assert_string_equal(got, want);
}

static void expect_refused(const char *text, const char *needle)
{
	struct oci_platform p;
	auto_err *err = NULL;
	assert_int_equal(oci_platform_parse(text, &p, &err), -1);
	if (!strstr(err_msg(err), needle))
		fail_msg("\"%s\" does not say \"%s\"", err_msg(err), needle);
	assert_int_equal(err->kind, ERR_INVALID);
}

static void names_are_read_as_containerd_reads_them(void **state)
{
	(void)state;
	expect_parsed("linux/s390x", "linux/s390x");
	expect_parsed("linux/arm64", "linux/arm64");
	expect_parsed("linux/arm64/v8", "linux/arm64/v8");
	expect_parsed("linux/aarch64", "linux/arm64");
	expect_parsed("Linux/X86_64", "linux/amd64");
	expect_parsed("linux/amd64/v1", "linux/amd64");
	expect_parsed("linux/amd64/v3", "linux/amd64/v3");
	expect_parsed("linux/arm", "linux/arm");
	expect_parsed("linux/armhf", "linux/arm");
	expect_parsed("linux/armel", "linux/arm/v6");
	expect_parsed("linux/arm/7", "linux/arm/v7");
	expect_parsed("arm64", "linux/arm64");
	expect_parsed("macos/arm64", "darwin/arm64");
	expect_parsed("windows/amd64", "windows/amd64");
}

static void what_is_no_platform_is_refused(void **state)
{
	(void)state;
	expect_refused("", "is an invalid component of");
	expect_refused("linux//v7", "is an invalid component of");
	expect_refused("linux/arm*", "wildcards not yet supported");
	expect_refused("linux/a/b/c", "cannot parse platform specifier");
	expect_refused("vax", "unknown operating system or architecture");
	expect_refused("linux/amd 64", "is an invalid component of");
}

static int score(const char *want, struct oci_platform have)
{
	struct oci_platform p;
	assert_int_equal(oci_platform_parse(want, &p, NULL), 0);
	return oci_platform_score(&p, &have);
}

static void arm_runs_older_variants_and_prefers_its_own(void **state)
{
	(void)state;
	int v7 = score("linux/arm/v7", make("linux", "arm", "v7"));
	int none = score("linux/arm/v7", make("linux", "arm", NULL));
	int v6 = score("linux/arm/v7", make("linux", "arm", "v6"));
	int v5 = score("linux/arm/v7", make("linux", "arm", "v5"));
	assert_true(v7 > v6 && v6 > v5 && v5 >= 0);
	assert_int_equal(v7, none);
	assert_int_equal(score("linux/arm/v7", make("linux", "arm", "v8")), -1);
	assert_int_equal(score("linux/arm/v6", make("linux", "arm", "v7")), -1);
}

static void arm64_falls_back_to_arm(void **state)
{
	(void)state;
	int own = score("linux/arm64", make("linux", "arm64", "v8"));
	int v8 = score("linux/arm64", make("linux", "arm", "v8"));
	int v5 = score("linux/arm64", make("linux", "arm", "v5"));
	assert_int_equal(own, score("linux/arm64/v8", make("linux", "arm64", NULL)));
	assert_true(own > v8 && v8 > v5 && v5 >= 0);
	assert_true(score("linux/arm64/v9", make("linux", "arm64", NULL)) >= 0);
	assert_int_equal(score("linux/arm64", make("linux", "arm64", "v9")), -1);
}

static void arm_is_what_the_kernel_calls_it_and_v7_at_most(void **state)
{
	(void)state;
	assert_string_equal(oci_platform_arm("v5l"), "v5");
	assert_string_equal(oci_platform_arm("v6l"), "v6");
	assert_string_equal(oci_platform_arm("v7l"), "v7");
	assert_string_equal(oci_platform_arm("v8l"), "v7");
	assert_null(oci_platform_arm("v4l"));
	assert_null(oci_platform_arm("aarch64"));
	assert_null(oci_platform_arm(NULL));
}

static void amd64_takes_lower_levels_when_asked_for_a_high_one(void **state)
{
	(void)state;
	int v3 = score("linux/amd64/v3", make("linux", "amd64", "v3"));
	int v2 = score("linux/amd64/v3", make("linux", "amd64", "v2"));
	int v1 = score("linux/amd64/v3", make("linux", "amd64", NULL));
	int i386 = score("linux/amd64/v3", make("linux", "386", NULL));
	assert_true(v3 > v2 && v2 > v1 && v1 > i386 && i386 >= 0);
	assert_int_equal(score("linux/amd64/v3", make("linux", "amd64", "v4")), -1);
	assert_int_equal(score("linux/amd64", make("linux", "amd64", "v2")), -1);
	assert_int_equal(score("linux/amd64", make("windows", "amd64", NULL)), -1);
}

static void what_says_nothing_fits_worse_than_what_fits(void **state)
{
	(void)state;
	int vague = score("linux/amd64", make("linux", NULL, NULL));
	assert_true(vague >= 0 && vague < score("linux/amd64", make("linux", "386", NULL)));
}

#if defined(__x86_64__)
/* Whatever the processor is: containerd 1.6 and dockerd 20.10 find nothing in an index of v2 alone. */
static void this_machine_is_plain_amd64_as_for_containerd(void **state)
{
	(void)state;
	struct oci_platform plain = make("linux", "amd64", NULL);
	struct oci_platform v1 = make("linux", "amd64", "v1");
	struct oci_platform i386 = make("linux", "386", NULL);
	assert_true(oci_platform_score(NULL, &plain) > oci_platform_score(NULL, &i386));
	assert_int_equal(oci_platform_score(NULL, &v1), oci_platform_score(NULL, &plain));
	assert_true(oci_platform_score(NULL, &i386) >= 0);
	for (char level = '2'; level <= '4'; level++) {
		struct oci_platform p = make("linux", "amd64", (char[]){'v', level, '\0'});
		assert_int_equal(oci_platform_score(NULL, &p), -1);
	}
}
#endif

#define DIGEST "sha256:0123456789012345678901234567890123456789012345678901234567890123"
#define TYPED(type, platform)                                                                      \
	"{\"mediaType\":\"" type "\",\"digest\":\"" DIGEST "\",\"size\":1" platform "}"
#define ENTRY(platform) TYPED(OCI_TYPE_MANIFEST, platform)
#define PLATFORM(arch, variant)                                                                    \
	",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\",\"variant\":\"" variant "\"}"

/* @order: numbers of entries. */
static void expect_order(const char *text, const char *want, const int *order)
{
	auto_oci_index *x = NULL;
	auto_err *err = NULL;
	struct oci_platform p;
	assert_int_equal(oci_platform_parse(want, &p, NULL), 0);
	if (oci_index_parse(&x, text, strlen(text), &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_free const struct oci_descriptor **c = oci_index_candidates(x, &p);
	size_t n = 0;
	for (; order[n] >= 0; n++)
		assert_ptr_equal(c[n], &x->manifests[order[n]]);
	assert_null(c[n]);
}

static void an_index_gives_what_fits_the_best_first_then_what_tells_no_platform(void **state)
{
	(void)state;
	static const char text[] = "{\"schemaVersion\":2,\"manifests\":[" ENTRY("") "," TYPED(
		OCI_TYPE_INDEX, "") "," ENTRY(PLATFORM("arm", "v5")) "," TYPED(OCI_TYPE_INDEX,
		PLATFORM("arm", "v6")) "," ENTRY(PLATFORM("arm", "v6")) "," TYPED("application/x",
		PLATFORM("arm", "v7")) "," TYPED("application/x", "") "]}";
	expect_order(text, "linux/arm/v7", (int[]){3, 4, 2, 0, 1, -1});
	expect_order(text, "linux/s390x", (int[]){0, 1, -1});
	expect_order("{\"schemaVersion\":2,\"manifests\":[]}", "linux/arm", (int[]){-1});
}

static void that_there_is_none_is_said_as_docker_says_it(void **state)
{
	(void)state;
	struct oci_platform p;
	auto_err *err = NULL;
	oci_platform_parse("linux/s390x", &p, NULL);
	assert_int_equal(oci_index_no_match(&p, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_FOUND);
	assert_string_equal(
		err->msg, "no matching manifest for linux/s390x in the manifest list entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_as_containerd_reads_them),
		cmocka_unit_test(what_is_no_platform_is_refused),
		cmocka_unit_test(arm_runs_older_variants_and_prefers_its_own),
		cmocka_unit_test(arm64_falls_back_to_arm),
		cmocka_unit_test(arm_is_what_the_kernel_calls_it_and_v7_at_most),
		cmocka_unit_test(amd64_takes_lower_levels_when_asked_for_a_high_one),
		cmocka_unit_test(what_says_nothing_fits_worse_than_what_fits),
#if defined(__x86_64__)
		cmocka_unit_test(this_machine_is_plain_amd64_as_for_containerd),
#endif
		cmocka_unit_test(
			an_index_gives_what_fits_the_best_first_then_what_tells_no_platform),
		cmocka_unit_test(that_there_is_none_is_said_as_docker_says_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
