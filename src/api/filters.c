/* The "filters" parameter: {"key": ["value"]}, or as old clients send it {"key": {"value": true}}. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "request.h"

static int add_values(struct filters *out, const char *key, json_t *values, struct err **err)
{
	size_t i;
	const char *name;
	json_t *item;
	if (json_is_array(values)) {
		json_array_foreach(values, i, item)
		{
			if (!json_is_string(item))
				return err_set(err, ERR_INVALID,
					"invalid filter '%s': values must be strings", key);
			filters_add(out, key, json_string_value(item));
		}
		return 0;
	}
	if (!json_is_object(values))
		return err_set(err, ERR_INVALID, "invalid filter '%s': values must be a list", key);
	json_object_foreach(values, name, item) if (json_is_true(item)) filters_add(out, key, name);
	return 0;
}

int req_filters(const struct request *req, struct filters *out, struct err **err)
{
	const char *text = req_query(req, "filters");
	if (str_empty(text))
		return 0;
	auto_json *doc = json_parse(text, strlen(text), "invalid filter", err);
	if (!doc)
		return -1;
	if (!json_is_object(doc))
		return err_set(err, ERR_INVALID, "invalid filter: must be a JSON object");
	const char *key;
	json_t *values;
	json_object_foreach(doc, key, values) if (add_values(out, key, values, err) < 0) return -1;
	return 0;
}
