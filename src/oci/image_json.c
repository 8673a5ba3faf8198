#include "image_json.h"

#include "base/str.h"

/* Real documents have a few hundred. */
#define VALUES_MAX 100000

json_t *image_json_parse(const void *json, size_t n, const char *what, struct err **err)
{
	if (n > OCI_DOCUMENT_MAX) {
		err_set(err, ERR_TOO_LARGE, "%s is larger than %u MiB", what,
			OCI_DOCUMENT_MAX >> 20);
		return NULL;
	}
	json_t *root = json_parse_bounded(json, n, VALUES_MAX, what, err);
	if (root && !json_is_object(root)) {
		json_decref(root);
		err_set(err, ERR_INVALID, "%s is not a JSON object", what);
		return NULL;
	}
	return root;
}

int image_json_str(
	const json_t *obj, const char *key, char **out, const char *what, struct err **err)
{
	const char *s = NULL;
	if (json_get_str(obj, key, &s, what, err) < 0)
		return -1;
	if (s) {
		free(*out);
		*out = xstrdup(s);
	}
	return 0;
}

int image_json_object(
	const json_t *obj, const char *key, json_t **out, const char *what, struct err **err)
{
	json_t *v = json_object_get(obj, key);
	*out = NULL;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_object(v))
		return err_set(err, ERR_INVALID, "%s.%s: expected an object", what, key);
	*out = v;
	return 0;
}

int image_json_array(
	const json_t *obj, const char *key, json_t **out, const char *what, struct err **err)
{
	json_t *v = json_object_get(obj, key);
	*out = NULL;
	if (!v || json_is_null(v))
		return 0;
	if (!json_is_array(v))
		return err_set(err, ERR_INVALID, "%s.%s: expected an array", what, key);
	*out = v;
	return 0;
}

int image_json_pairs(const json_t *obj, const char *key, struct oci_pairs *out, const char *what,
	struct err **err)
{
	json_t *map;
	if (image_json_object(obj, key, &map, what, err) < 0)
		return -1;
	const char *name;
	json_t *value;
	json_object_foreach(map, name, value)
	{
		if (!json_is_string(value) && !json_is_null(value))
			return err_set(
				err, ERR_INVALID, "%s.%s.%s: expected a string", what, key, name);
		oci_pair_add(out, name, json_is_string(value) ? json_string_value(value) : "");
	}
	return 0;
}

void oci_pairs_clear(struct oci_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->v[i].key);
		free(pairs->v[i].value);
	}
	free(pairs->v);
	*pairs = (struct oci_pairs){0};
}

const char *oci_pairs_get(const struct oci_pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->count; i++)
		if (str_eq(pairs->v[i].key, key))
			return pairs->v[i].value;
	return NULL;
}
