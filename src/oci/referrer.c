#include "oci/referrer.h"

#include "base/mem.h"
#include "base/str.h"
#include "image_json.h"
#include "oci/reference.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* As much of each half of a digest as goes into a tag. */
enum { ALGORITHM_MAX = 32, ENCODED_MAX = 64, DIGEST_MAX = 512 };

void oci_referrer_free(struct oci_referrer *r)
{
	if (!r)
		return;
	free(r->subject);
	free(r->tag);
	oci_descriptor_free(r->self);
	free(r);
}

/* ---- one ---- */

/* "algorithm:encoded", as descriptor.md "Digests" has it. */
static bool is_digest(const char *text)
{
	const char *colon = strchr(text, ':');
	if (!colon || strlen(text) > DIGEST_MAX)
		return false;
	if (str_starts(text, "sha256:"))
		return digest_valid(text);
	auto_free char *algorithm = xstrndup(text, (size_t)(colon - text));
	return strspn(algorithm, LOWER DIGITS) > 0 &&
	       str_all_of(algorithm, LOWER DIGITS "+._-", 1, DIGEST_MAX) &&
	       str_all_of(colon + 1, LOWER UPPER DIGITS "=_-", 1, DIGEST_MAX);
}

static char *tag_of(const char *digest)
{
	int algorithm = (int)strcspn(digest, ":");
	const char *encoded = digest + algorithm + 1;
	char *tag = xasprintf("%.*s-%.*s", algorithm < ALGORITHM_MAX ? algorithm : ALGORITHM_MAX,
		digest, ENCODED_MAX, encoded);
	for (char *p = tag; *p; p++)
		if (*p == '+' || *p == '=')
			*p = '-';
	return tag;
}

static int read_subject(const json_t *root, char **out, struct err **err)
{
	json_t *subject;
	if (image_json_object(root, "subject", &subject, "manifest", err) < 0)
		return -1;
	if (!subject)
		return 0;
	auto_free char *digest = NULL;
	if (image_json_str(subject, "digest", &digest, "manifest.subject", err) < 0)
		return -1;
	if (!digest || !is_digest(digest))
		return err_set(err, ERR_INVALID, "manifest.subject: the digest \"%.128s\" is none",
			digest ? digest : "");
	*out = steal_ptr(digest);
	return 1;
}

static int read_type(const json_t *root, char **out, struct err **err)
{
	json_t *config;
	if (image_json_str(root, "artifactType", out, "manifest", err) < 0 ||
		image_json_object(root, "config", &config, "manifest", err) < 0)
		return -1;
	if (!config || !str_empty(*out))
		return 0;
	return image_json_str(config, "mediaType", out, "manifest.config", err);
}

int oci_referrer_parse(struct oci_referrer **out, const char *media_type, const void *json,
	size_t n, struct err **err)
{
	auto_json *root = image_json_parse(json, n, "manifest", err);
	if (!root)
		return -1;
	auto_oci_referrer *r = xcalloc(1, sizeof(*r));
	int has = read_subject(root, &r->subject, err);
	if (has <= 0)
		return has;
	r->tag = tag_of(r->subject);
	r->self = xcalloc(1, sizeof(*r->self));
	r->self->media_type = xstrdup(media_type);
	r->self->size = (int64_t)n;
	digest_of(json, n, &r->self->digest);
	if (read_type(root, &r->self->artifact_type, err) < 0 ||
		image_json_pairs(root, "annotations", &r->self->annotations, "manifest", err) < 0)
		return -1;
	*out = steal_ptr(r);
	return 1;
}

/* ---- the list ---- */

static json_t *new_list(void)
{
	json_t *root = json_object();
	json_put(root, "schemaVersion", json_integer(2));
	json_put_str(root, "mediaType", OCI_TYPE_INDEX);
	json_put(root, "manifests", json_array());
	return root;
}

/* Entries of any algorithm are left alone, so this asks for less than oci_index_parse(). */
static int check_list(json_t *root, struct err **err)
{
	const char *type = NULL;
	int64_t version = 2;
	if (json_get_str(root, "mediaType", &type, "index", err) < 0 ||
		json_get_i64(root, "schemaVersion", &version, "index", err) < 0)
		return -1;
	if (type && !str_eq(type, OCI_TYPE_INDEX))
		return err_set(err, ERR_INVALID, "index has the media type \"%.128s\"", type);
	json_t *manifests = json_object_get(root, "manifests");
	if (version != 2 || !manifests || json_object_get(root, "config") ||
		json_object_get(root, "layers"))
		return err_set(err, ERR_INVALID, "not an image index");
	/* so Go writes a list that is empty */
	if (json_is_null(manifests))
		json_put(root, "manifests", json_array());
	else if (!json_is_array(manifests))
		return err_set(err, ERR_INVALID, "index.manifests: expected an array");
	return 0;
}

/* 1 if it is there. */
static int is_listed(const json_t *manifests, const struct digest *digest, struct err **err)
{
	size_t i;
	const json_t *entry;
	json_array_foreach(manifests, i, entry)
	{
		const char *has = NULL;
		if (!json_is_object(entry))
			return err_set(
				err, ERR_INVALID, "index.manifests[%zu]: expected an object", i);
		if (json_get_str(entry, "digest", &has, "index.manifests", err) < 0)
			return -1;
		if (str_eq(has, digest->str))
			return 1;
	}
	return 0;
}

static json_t *entry_of(const struct oci_descriptor *d)
{
	json_t *entry = json_object();
	json_put_str(entry, "mediaType", d->media_type);
	json_put_str(entry, "digest", d->digest.str);
	json_put(entry, "size", json_integer(d->size));
	if (!str_empty(d->artifact_type))
		json_put_str(entry, "artifactType", d->artifact_type);
	if (!d->annotations.count)
		return entry;
	json_t *annotations = json_object();
	for (size_t i = 0; i < d->annotations.count; i++)
		json_put_str(annotations, d->annotations.v[i].key, d->annotations.v[i].value);
	json_put(entry, "annotations", annotations);
	return entry;
}

int oci_referrers_add(
	const void *json, size_t n, const struct oci_referrer *r, struct buf *out, struct err **err)
{
	auto_json *root = json ? image_json_parse(json, n, "index", err) : new_list();
	if (!root || check_list(root, err) < 0)
		return -1;
	json_t *manifests = json_object_get(root, "manifests");
	int listed = is_listed(manifests, &r->self->digest, err);
	if (listed)
		return listed < 0 ? -1 : 0;
	auto_buf text = BUF_INIT;
	json_array_append_new(manifests, entry_of(r->self));
	json_write(root, &text);
	if (text.len > OCI_DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"with one entry more the index would be larger than %u MiB",
			OCI_DOCUMENT_MAX >> 20);
	buf_add(out, text.data, text.len);
	return 1;
}
