/* What the parsers of image documents share. */
#ifndef KIST_OCI_IMAGE_JSON_H
#define KIST_OCI_IMAGE_JSON_H

#include "base/json.h"
#include "oci/image.h"

/** json_parse with the bounds of image documents (size, number of values); the root is an object. */
json_t *image_json_parse(const void *json, size_t n, const char *what, struct err **err);
/** Owned copy of a string field; absent leaves NULL. */
int image_json_str(
	const json_t *obj, const char *key, char **out, const char *what, struct err **err);
/** An object of strings. */
int image_json_pairs(const json_t *obj, const char *key, struct oci_pairs *out, const char *what,
	struct err **err);
/** An object-valued field or NULL when absent; another type is an error (-1). */
int image_json_object(
	const json_t *obj, const char *key, json_t **out, const char *what, struct err **err);
/** As image_json_object for arrays. */
int image_json_array(
	const json_t *obj, const char *key, json_t **out, const char *what, struct err **err);
void oci_pairs_clear(struct oci_pairs *pairs);

#endif
