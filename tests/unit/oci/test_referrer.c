#include "../cmocka_all.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/referrer.h"

#define HEX "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUBJECT "\"subject\":{\"mediaType\":\"m\",\"digest\":\"sha256:" HEX "\",\"size\":1}"
#define CONFIG "\"config\":{\"mediaType\":\"type/config\",\"digest\":\"sha256:" HEX "\",\"size\":2}"
#define ENTRY "\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"digest\":\"%s\",\"size\":%zu"

static int parse(struct oci_referrer **r, const char *text, struct err **err)
{
	return oci_referrer_parse(r, OCI_TYPE_MANIFEST, text, strlen(text), err);
}

/* The list after the manifest @text was added to @list (NULL: none). New string. */
static char *added(const char *list, const char *text)
{
	auto_oci_referrer *r = NULL;
	struct buf out = BUF_INIT;
	auto_err *err = NULL;
	assert_int_equal(parse(&r, text, &err), 1);
	if (oci_referrers_add(list, list ? strlen(list) : 0, r, &out, &err) != 1)
		fail_msg("%s: %s", text, err_msg(err));
	return buf_steal(&out);
}

static void expect_entry(const char *text, const char *more)
{
	struct digest d;
	auto_free char *got = added(NULL, text);
	digest_of(text, strlen(text), &d);
	auto_free char *want = xasprintf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX
					 "\",\"manifests\":[{" ENTRY "%s}]}",
		d.str, strlen(text), more);
	assert_string_equal(got, want);
}

static void what_has_no_subject_refers_to_nothing(void **state)
{
	auto_oci_referrer *r = NULL;
	assert_int_equal(parse(&r, "{" CONFIG "}", NULL), 0);
	assert_int_equal(parse(&r, "{\"subject\":null}", NULL), 0);
	assert_null(r);
}

static void the_type_is_the_artifacts_or_the_configs(void **state)
{
	expect_entry("{" SUBJECT "," CONFIG "}", ",\"artifactType\":\"type/config\"");
	expect_entry("{" SUBJECT "," CONFIG ",\"artifactType\":\"\"}",
		",\"artifactType\":\"type/config\"");
	expect_entry("{" SUBJECT "," CONFIG ",\"artifactType\":\"type/a\"}",
		",\"artifactType\":\"type/a\"");
	/* an index */
	expect_entry("{" SUBJECT ",\"manifests\":[]}", "");
	expect_entry("{" SUBJECT ",\"manifests\":[],\"artifactType\":\"type/a\"}",
		",\"artifactType\":\"type/a\"");
}

static void annotations_are_copied(void **state)
{
	expect_entry("{" SUBJECT "," CONFIG ",\"annotations\":{\"b\":\"\\u00e9\",\"a\":\"\"}}",
		",\"artifactType\":\"type/"
		"config\",\"annotations\":{\"b\":\"\xc3\xa9\",\"a\":\"\"}");
}

static void tags_are_digests_cut_short(void **state)
{
	static const struct {
		const char *digest, *tag;
	} known[] = {
		{"sha256:" HEX, "sha256-" HEX},
		{"sha512:" HEX HEX, "sha512-" HEX},
		{"test+algorithm+using+algorithm+separators+and+more:alsoSome=InTheEncodedSection",
			"test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSection"},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		auto_oci_referrer *r = NULL;
		auto_free char *text =
			xasprintf("{\"subject\":{\"digest\":\"%s\"}}", known[i].digest);
		assert_int_equal(parse(&r, text, NULL), 1);
		assert_string_equal(r->subject, known[i].digest);
		assert_string_equal(r->tag, known[i].tag);
	}
}

static void subjects_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"{\"subject\":1}", "{\"subject\":{}}",
		"{\"subject\":{\"digest\":7}}", "{\"subject\":{\"digest\":\"x\"}}",
		"{\"subject\":{\"digest\":\":x\"}}", "{\"subject\":{\"digest\":\"x:\"}}",
		"{\"subject\":{\"digest\":\"sha256:aa\"}}",
		"{\"subject\":{\"digest\":\"+a:../../x\"}}",
		"{\"subject\":{\"digest\":\"md5:../x\"}}",
		"{" SUBJECT ",\"annotations\":{\"a\":1}}", "{" SUBJECT ",\"artifactType\":{}}",
		"{" SUBJECT ",\"config\":[]}", "[]", ""};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_oci_referrer *r = NULL;
		auto_err *err = NULL;
		assert_int_equal(parse(&r, bad[i], &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_null(r);
	}
}

static void a_list_keeps_what_is_in_it(void **state)
{
	static const char other[] = "{\"digest\":\"sha512:" HEX HEX "\",\"x\":{\"y\":[1]}}";
	auto_free char *list =
		xasprintf("{\"manifests\":[%s],\"z\":1.5,\"annotations\":{\"k\":\"v\"}}", other);
	static const char text[] = "{" SUBJECT "}";
	struct digest d;
	auto_free char *got = added(list, text);
	digest_of(text, strlen(text), &d);
	auto_free char *want = xasprintf("{\"manifests\":[%s,{" ENTRY
					 "}],\"z\":1.5,\"annotations\":{\"k\":\"v\"}}",
		other, d.str, strlen(text));
	assert_string_equal(got, want);
	/* as Go writes an empty one */
	auto_free char *first = added("{\"manifests\":null}", text);
	assert_non_null(strstr(first, d.str));
}

static void nothing_is_listed_twice(void **state)
{
	static const char text[] = "{" SUBJECT "}";
	auto_oci_referrer *r = NULL;
	auto_buf out = BUF_INIT;
	auto_free char *list = added(NULL, text);
	assert_int_equal(parse(&r, text, NULL), 1);
	assert_int_equal(oci_referrers_add(list, strlen(list), r, &out, NULL), 0);
	assert_int_equal(out.len, 0);
}

static void what_is_no_index_is_refused(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"manifests\":{}}",
		"{\"manifests\":[1]}", "{\"manifests\":[{\"digest\":1}]}",
		"{\"manifests\":[],\"config\":{}}", "{\"manifests\":[],\"layers\":[]}",
		"{\"manifests\":[],\"schemaVersion\":1}", "{\"manifests\":[],\"mediaType\":1}",
		"{\"manifests\":[],\"mediaType\":\"" DOCKER_TYPE_LIST "\"}"};
	auto_oci_referrer *r = NULL;
	assert_int_equal(parse(&r, "{" SUBJECT "}", NULL), 1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_buf out = BUF_INIT;
		auto_err *err = NULL;
		assert_int_equal(oci_referrers_add(bad[i], strlen(bad[i]), r, &out, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
		assert_int_equal(out.len, 0);
	}
}

static void a_list_does_not_outgrow_a_document(void **state)
{
	auto_oci_referrer *r = NULL;
	auto_buf list = BUF_INIT;
	auto_buf out = BUF_INIT;
	auto_err *err = NULL;
	auto_free char *filler = xmalloc(OCI_DOCUMENT_MAX);
	memset(filler, 'x', OCI_DOCUMENT_MAX);
	buf_addf(&list, "{\"manifests\":[],\"x\":\"%.*s\"}", (int)OCI_DOCUMENT_MAX - 100, filler);
	assert_int_equal(parse(&r, "{" SUBJECT "}", NULL), 1);
	assert_int_equal(oci_referrers_add(list.data, list.len, r, &out, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_has_no_subject_refers_to_nothing),
		cmocka_unit_test(the_type_is_the_artifacts_or_the_configs),
		cmocka_unit_test(annotations_are_copied),
		cmocka_unit_test(tags_are_digests_cut_short),
		cmocka_unit_test(subjects_that_are_none_are_refused),
		cmocka_unit_test(a_list_keeps_what_is_in_it),
		cmocka_unit_test(nothing_is_listed_twice),
		cmocka_unit_test(what_is_no_index_is_refused),
		cmocka_unit_test(a_list_does_not_outgrow_a_document),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
