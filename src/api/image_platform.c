#include "image_platform.h"

#include <stdio.h>

#include "base/json.h"
#include "base/str.h"

int platform_param(const char *text, struct oci_platform *out, struct err **err)
{
	static const char *const keys[] = {"os", "architecture", "variant"};
	const size_t room = sizeof(out->os);
	char *parts[] = {out->os, out->architecture, out->variant};
	if (str_empty(text))
		return 0;
	/* as people write it: kist's own client */
	if (*text != '{')
		return oci_platform_parse(text, out, err) < 0 ? -1 : 1;
	auto_json *j = json_parse(text, strlen(text), "platform", err);
	if (!j)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *value = NULL;
		if (json_get_str(j, keys[i], &value, "platform", err) < 0)
			return -1;
		if (value && strlen(value) >= room)
			return err_set(err, ERR_INVALID, "platform: %s is too long", keys[i]);
		snprintf(parts[i], room, "%s", value ? value : "");
	}
	if (!*out->os || !*out->architecture)
		return err_set(err, ERR_INVALID,
			"both OS and Architecture must be provided in the platform");
	return 1;
}
