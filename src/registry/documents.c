/* The blocking calls of a session. What the program hands over is checked here: digests, sizes, names. */
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/image.h"
#include "session.h"

#define SCHEMA1 "application/vnd.docker.distribution.manifest.v1+"

void registry_manifest_free(struct registry_manifest *m)
{
	buf_free(&m->bytes);
	free(m->media_type);
	free(m->etag);
	*m = (struct registry_manifest){0};
}

/* It becomes part of a URL. */
static int check_ref(const char *ref, struct err **err)
{
	if (reference_tag_valid(ref) || digest_valid(ref))
		return 0;
	return err_set(err, ERR_INVALID, "\"%s\" is neither a tag nor a digest", ref);
}

static int check_type(const char *type, struct err **err)
{
	if (!str_starts(type, SCHEMA1))
		return 0;
	return err_set(err, ERR_INVALID,
		"the registry offers a manifest of version 2, schema 1, only: that format is not "
		"supported");
}

/* The digest of what came, against the one asked for and the one named. */
static int check_digest(
	const char *ref, const char *named, const struct digest *is, struct err **err)
{
	const char *asked = strchr(ref, ':') ? ref : NULL;
	if (asked && !str_eq(asked, is->str))
		return err_set(err, ERR_INVALID,
			"manifest verification failed for digest %s: its bytes have %s", asked,
			is->str);
	/* other algorithms cannot be compared, and nothing hangs on it */
	if (str_starts(named, "sha256:") && !str_eq(named, is->str))
		return err_set(err, ERR_INVALID,
			"the registry says that the manifest %s is %s, but its bytes have %s", ref,
			named, is->str);
	return 0;
}

/* Of an answer with its bytes, which pass to @out. */
static int manifest_from(const char *ref, struct buf *bytes, struct answer *a,
	struct registry_manifest *out, struct err **err)
{
	struct digest is;
	digest_of(bytes->data ? bytes->data : "", bytes->len, &is);
	if (check_type(a->type, err) < 0 || check_digest(ref, a->digest, &is, err) < 0)
		return -1;
	*out = (struct registry_manifest){.bytes = *bytes,
		.media_type = steal_ptr(a->type),
		.digest = is,
		.size = (int64_t)bytes->len,
		.etag = steal_ptr(a->etag)};
	*bytes = (struct buf)BUF_INIT;
	return 0;
}

int registry_manifest_get(struct registry_session *s, const char *ref, enum registry_accept accept,
	struct registry_manifest *out, struct err **err)
{
	auto_answer a = {0};
	auto_buf bytes = BUF_INIT;
	struct record_request q = {REQUEST_MANIFEST_GET, accept, 0, ref, "", NULL};
	*out = (struct registry_manifest){0};
	if (check_ref(ref, err) < 0 ||
		session_ask(s, &q, NULL, REGISTRY_DOCUMENT_MAX, &bytes, &a, err) < 0)
		return -1;
	return manifest_from(ref, &bytes, &a, out, err);
}

int registry_manifest_head(struct registry_session *s, const char *ref, enum registry_accept accept,
	struct registry_manifest *out, struct err **err)
{
	auto_answer a = {0};
	auto_buf bytes = BUF_INIT; /* of an endpoint that knows GET alone */
	struct record_request q = {REQUEST_MANIFEST_HEAD, accept, 0, ref, "", NULL};
	*out = (struct registry_manifest){0};
	if (check_ref(ref, err) < 0 ||
		session_ask(s, &q, NULL, REGISTRY_DOCUMENT_MAX, &bytes, &a, err) < 0)
		return -1;
	if (bytes.len || !digest_valid(a.digest)) {
		int r = bytes.len ? manifest_from(ref, &bytes, &a, out, err)
				  : registry_manifest_get(s, ref, accept, out, err);
		buf_free(&out->bytes);
		return r;
	}
	if (check_type(a.type, err) < 0)
		return -1;
	if (strchr(ref, ':') && !str_eq(ref, a.digest))
		return err_set(err, ERR_INVALID, "the registry says that %s is %s", ref, a.digest);
	*out = (struct registry_manifest){.media_type = steal_ptr(a.type), .size = a.size};
	memcpy(out->digest.str, a.digest, DIGEST_STR_LEN + 1);
	return 0;
}

int registry_manifest_put(
	struct registry_session *s, const struct registry_put *put, bool *listed, struct err **err)
{
	auto_answer a = {0};
	struct digest is;
	struct record_request q = {
		REQUEST_MANIFEST_PUT, 0, put->n, put->ref, put->media_type, put->etag};
	if (put->n > REGISTRY_DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE, "a manifest of more than 4 MiB");
	if (strpbrk(put->media_type, "\r\n") || (put->etag && strpbrk(put->etag, "\r\n")))
		return err_set(err, ERR_INVALID, "a media type or an ETag of several lines");
	digest_of(put->p, put->n, &is);
	if (check_ref(put->ref, err) < 0 || session_ask(s, &q, put->p, 0, NULL, &a, err) < 0)
		return -1;
	if (listed)
		*listed = a.listed;
	return check_digest(put->ref, a.digest, &is, err);
}

int registry_document(struct registry_session *s, const struct digest *digest, int64_t size,
	struct buf *out, struct err **err)
{
	auto_answer a = {0};
	auto_buf bytes = BUF_INIT;
	struct digest is;
	if (!digest_valid(digest->str))
		return err_set(err, ERR_INVALID, "not a digest");
	if (size > (int64_t)REGISTRY_DOCUMENT_MAX)
		return err_set(
			err, ERR_TOO_LARGE, "%s: a document of more than 4 MiB", digest->str);
	size_t max = size < 0 ? REGISTRY_DOCUMENT_MAX : (size_t)size;
	struct record_request q = {REQUEST_DOCUMENT, 0, max, digest->str, "", NULL};
	if (session_ask(s, &q, NULL, max, &bytes, &a, err) < 0)
		return -1;
	digest_of(bytes.data ? bytes.data : "", bytes.len, &is);
	if (!str_eq(is.str, digest->str) || (size >= 0 && bytes.len != (size_t)size))
		return err_set(err, ERR_INVALID,
			"image config verification failed for digest %s: the registry sent %zu "
			"bytes with digest %s",
			digest->str, bytes.len, is.str);
	buf_free(out);
	*out = bytes;
	bytes = (struct buf)BUF_INIT;
	return 0;
}

int registry_blob_head(
	struct registry_session *s, const struct digest *digest, int64_t *size, struct err **err)
{
	auto_answer a = {0};
	struct record_request q = {REQUEST_BLOB_HEAD, 0, 0, digest->str, "", NULL};
	if (!digest_valid(digest->str))
		return err_set(err, ERR_INVALID, "not a digest");
	if (session_ask(s, &q, NULL, 0, NULL, &a, err) < 0)
		return -1;
	if (size)
		*size = a.size < 0 ? -1 : a.size;
	return a.found;
}

/* ---- lists ---- */

static int ask_list(
	struct registry_session *s, enum request_what what, char ***out, struct err **err)
{
	auto_answer a = {0};
	auto_buf text = BUF_INIT;
	struct record_request q = {what, 0, 0, "", "", NULL};
	if (session_ask(s, &q, NULL, REGISTRY_LIST_MAX + (16u << 20), &text, &a, err) < 0)
		return -1;
	size_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += text.data[i] == '\n';
	char **v = xcalloc(count + 1, sizeof(*v));
	const char *p = text.data;
	for (size_t i = 0; i < count; i++) {
		size_t n = strcspn(p, "\n");
		v[i] = xstrndup(p, n);
		p += n + 1;
	}
	*out = v;
	return 0;
}

int registry_tags(struct registry_session *s, char ***out, struct err **err)
{
	return ask_list(s, REQUEST_TAGS, out, err);
}

int registry_catalog(struct registry_session *s, char ***out, struct err **err)
{
	return ask_list(s, REQUEST_CATALOG, out, err);
}

int registry_referrers(struct registry_session *s, const struct digest *digest,
	const char *artifact_type, struct buf *out, struct err **err)
{
	auto_answer a = {0};
	struct record_request q = {
		REQUEST_REFERRERS, 0, 0, digest->str, artifact_type ? artifact_type : "", NULL};
	if (!digest_valid(digest->str))
		return err_set(err, ERR_INVALID, "not a digest");
	return session_ask(s, &q, NULL, REGISTRY_LIST_MAX + (16u << 20), out, &a, err);
}
