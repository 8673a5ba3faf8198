#include "referrers.h"

#include "base/mem.h"
#include "base/str.h"

#define ATTEMPTS 5

/* 1 and the list if there is one, 0 if not. */
static int get_list(struct registry_session *s, const struct oci_referrer *r,
	struct registry_manifest *out, struct err **err)
{
	auto_err *why = NULL;
	/* any kind is asked for: to a registry that hides what was not, the tag would be free */
	if (registry_manifest_get(s, r->tag, REGISTRY_ANY_MANIFEST, out, &why) < 0)
		return why->kind == ERR_NOT_FOUND ? 0 : err_move(err, &why);
	if (!str_empty(out->media_type) && !str_eq(out->media_type, OCI_TYPE_INDEX))
		return err_set(err, ERR_INVALID, "the tag names no image index but \"%.128s\"",
			out->media_type);
	return 1;
}

static int add_once(struct registry_session *s, const struct oci_referrer *r, struct err **err)
{
	auto_registry_manifest list = {0};
	auto_buf text = BUF_INIT;
	int has = get_list(s, r, &list, err);
	if (has < 0)
		return -1;
	const char *old = !has ? NULL : list.bytes.data ? list.bytes.data : "";
	int added = oci_referrers_add(old, list.bytes.len, r, &text, err);
	if (added <= 0)
		return added;
	const struct registry_put put = {.ref = r->tag,
		.media_type = OCI_TYPE_INDEX,
		.p = text.data,
		.n = text.len,
		.etag = list.etag};
	return registry_manifest_put(s, &put, NULL, err);
}

int referrers_add(struct registry_session *s, const struct oci_referrer *r, struct err **err)
{
	for (int left = ATTEMPTS;;) {
		auto_err *why = NULL;
		if (add_once(s, r, &why) == 0)
			return 0;
		if (why->kind != ERR_CONFLICT || --left == 0)
			return err_move(err, &why);
	}
}
