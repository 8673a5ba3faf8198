#include "filter.h"

#include <string.h>

#include "base/json.h"
#include "base/str.h"

int check_filter(const char *value, struct err **err)
{
	if (!strchr(value, '='))
		return err_set(err, ERR_INVALID, "bad format of filter (expected name=value)");
	return 0;
}

char *filter_text(char *const *values)
{
	if (!values)
		return NULL;
	auto_json *all = json_object();
	struct buf text = BUF_INIT;
	for (size_t i = 0; values[i]; i++) {
		auto_free char *copy = xstrdup(values[i]);
		char *eq = strchr(copy, '=');
		*eq = 0;
		char *key = str_trim(copy), *value = str_trim(eq + 1);
		for (char *c = key; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + ('a' - 'A'));
		json_t *set = json_object_get(all, key);
		if (!set) {
			set = json_object();
			json_object_set_new(all, key, set);
		}
		json_object_set_new(set, value, json_true());
	}
	json_write(all, &text);
	return buf_steal(&text);
}
