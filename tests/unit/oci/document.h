/* Documents for the tests: JSON with ' for ", and a whole config around a fragment. */
#ifndef KIST_TEST_OCI_DOCUMENT_H
#define KIST_TEST_OCI_DOCUMENT_H

#include "base/mem.h"
#include "base/str.h"
#include "oci/config.h"

static inline char *quoted(const char *text)
{
	char *copy = xstrdup(text);
	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	return copy;
}

#define PROCESS "'process':{'args':['true'],'cwd':'/'}"
/** A config that is sound but for what @fragment (members of the top level, or "") adds. */
static inline struct oci_config *config_with(const char *fragment, struct err **err)
{
	auto_free char *text = xasprintf("{'ociVersion':'1.0.2','root':{'path':'rootfs'}%s%s}",
		*fragment ? "," : "", fragment);
	auto_free char *json = quoted(text);
	struct oci_config *c = NULL;
	return oci_config_parse(&c, json, strlen(json), err) < 0 ? NULL : c;
}

/** Expects a refusal whose message begins with @start. */
#define assert_refused(fragment, start)                                                            \
	do {                                                                                       \
		auto_err *refusal = NULL;                                                          \
		assert_null(config_with(fragment, &refusal));                                      \
		assert_non_null(refusal);                                                          \
		if (!str_starts(refusal->msg, start))                                              \
			fail_msg("\"%s\" instead of \"%s\"", refusal->msg, start);                 \
		assert_int_equal(refusal->kind, ERR_INVALID);                                      \
	} while (0)

#endif
