/* config.md "POSIX-platform Hooks". */
#include "base/mem.h"
#include "reader.h"

static const struct field hook_fields[] = {
	FIELD(struct oci_hook, "path", FIELD_STR, path),
	FIELD(struct oci_hook, "args", FIELD_STRV, args),
	FIELD(struct oci_hook, "env", FIELD_STRV, env),
	FIELD(struct oci_hook, "timeout", FIELD_I32, timeout),
};

static int parse_hook(const struct at *at, void *hook)
{
	struct oci_hook *h = hook;
	if (READ_FIELDS(at, hook_fields, h) < 0)
		return -1;
	if (!h->path || *h->path != '/')
		return at_bad(at, "path", "must be an absolute path");
	if (json_object_get(at->j, "timeout") && h->timeout <= 0)
		return at_bad(at, "timeout", "must be greater than zero");
	return 0;
}

int parse_hooks(const struct at *at, struct oci_hooks *out)
{
	const struct {
		const char *key;
		struct oci_hook_list *list;
	} lists[] = {
		{"prestart", &out->prestart},
		{"createRuntime", &out->create_runtime},
		{"createContainer", &out->create_container},
		{"startContainer", &out->start_container},
		{"poststart", &out->poststart},
		{"poststop", &out->poststop},
	};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (READ_LIST(at, lists[i].key, lists[i].list->v, lists[i].list->count,
			    parse_hook) < 0)
			return -1;
	}
	return 0;
}
