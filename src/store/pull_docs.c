/*
 * The documents of a pull, which strangers wrote: each must be what its digest, its descriptor, its media type and the
 * document that names it say. Worded as dockerd does where it has words.
 */
#include "base/mem.h"
#include "base/str.h"
#include "pull_private.h"

void pull_docs_free(struct pull_docs *d)
{
	for (size_t i = 0; i < d->index_count; i++) {
		buf_free(&d->indexes[i].text);
		free(d->indexes[i].media_type);
	}
	buf_free(&d->manifest);
	buf_free(&d->config);
	oci_manifest_free(d->m);
	oci_image_free(d->image);
	free(d->manifest_type);
	free(d->platform);
	*d = (struct pull_docs){0};
}

static int take(struct buf *to, struct digest *digest, const struct store_document *from,
	const char *what, struct err **err)
{
	if (from->len > OCI_DOCUMENT_MAX)
		return err_set(err, ERR_TOO_LARGE, "%s has %zu bytes, more than %u MiB", what,
			from->len, OCI_DOCUMENT_MAX >> 20);
	buf_add(to, from->data, from->len);
	digest_of(from->data, from->len, digest);
	return 0;
}

/* The server's word (its Content-Type, perhaps none) against the document's own. */
static int media_type(
	const char *told, const char *own, const char *what, char **out, struct err **err)
{
	if (!str_empty(told) && !str_empty(own) && !str_eq(told, own))
		return err_set(err, ERR_INVALID,
			"%s came as \"%.128s\" and says that it is \"%.128s\"", what, told, own);
	*out = xstrdup(!str_empty(own) ? own : told ? told : "");
	return 0;
}

static int check_expected(
	const struct digest *expect, const struct digest *actual, struct err **err)
{
	if (!expect || str_eq(expect->str, actual->str))
		return 0;
	return err_set(err, ERR_INVALID,
		"manifest verification failed for digest %s: what came has the digest %s",
		expect->str, actual->str);
}

/* A document that an index lists: manifest, or index. */
struct listed {
	const char *what;
	const struct digest *digest;
	size_t len;
	const char *type; /* "" if unknown */
};

static int check_listed(struct pull_docs *d, const struct oci_index *x, const struct digest *by,
	const struct listed *l, struct err **err)
{
	const struct oci_descriptor *m = oci_index_find(x, l->digest);
	if (!m)
		return err_set(err, ERR_INVALID,
			"%s verification failed for digest %s: index %s does not list it", l->what,
			l->digest->str, by->str);
	if ((uint64_t)m->size != l->len)
		return err_set(err, ERR_INVALID, "%s %s has %zu bytes, its index says %lld",
			l->what, l->digest->str, l->len, (long long)m->size);
	if (!str_empty(m->media_type) && !str_empty(l->type) && !str_eq(m->media_type, l->type))
		return err_set(err, ERR_INVALID, "%s %s is \"%.128s\", its index says \"%.128s\"",
			l->what, l->digest->str, l->type, m->media_type);
	if (!m->has_platform || *d->platform)
		return 0;
	struct oci_platform p;
	oci_platform_make(&p, m->os, m->architecture, m->variant);
	free(d->platform);
	d->platform = oci_platform_format(&p);
	return 0;
}

/* @next: what this one has to list. */
static int read_index(struct pull_docs *d, struct pull_index *to, const struct store_document *from,
	const struct listed *next, struct err **err)
{
	auto_oci_index *x = NULL;
	const char *told = from->media_type;
	if (take(&to->text, &to->digest, from, "index", err) < 0)
		return -1;
	if (!str_empty(told) && !oci_type_is_index(told))
		return err_set(err, ERR_INVALID, "an index came as \"%.128s\"", told);
	if (oci_index_parse(&x, to->text.data, to->text.len, err) < 0 ||
		media_type(told, x->media_type, "index", &to->media_type, err) < 0)
		return -1;
	return check_listed(d, x, &to->digest, next, err);
}

/* From the manifest outwards: each has to list what was read before it. */
static int read_indexes(struct pull_docs *d, const struct store_pull_spec *spec, struct err **err)
{
	struct listed next = {"manifest", &d->manifest_digest, d->manifest.len, d->manifest_type};
	while (d->index_count < OCI_INDEX_DEPTH_MAX && spec->indexes[d->index_count].data)
		d->index_count++;
	for (size_t i = d->index_count; i-- > 0;) {
		struct pull_index *x = &d->indexes[i];
		if (read_index(d, x, &spec->indexes[i], &next, err) < 0)
			return -1;
		next = (struct listed){"index", &x->digest, x->text.len, x->media_type};
	}
	return d->index_count ? check_expected(spec->expect, &d->indexes[0].digest, err) : 0;
}

/* What dockerd takes for the configuration of an image, besides its own and OCI's: the types of early
 * versions and of registries that guess. */
static bool is_image_config(const char *type)
{
	static const char *const known[] = {DOCKER_TYPE_CONFIG, OCI_TYPE_CONFIG,
		"application/octet-stream", "application/json", "text/html"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(type, known[i]))
			return true;
	return str_empty(type);
}

static int check_layers(const struct oci_manifest *m, struct err **err)
{
	for (size_t i = 0; i < m->layer_count; i++) {
		const char *type = m->layers[i].media_type;
		if (type && strstr(type, "+encrypted"))
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"layer %s is encrypted (%.128s): not implemented",
				m->layers[i].digest.str, type);
	}
	return 0;
}

static int read_manifest(struct pull_docs *d, const struct store_pull_spec *spec, struct err **err)
{
	const char *told = spec->manifest.media_type;
	if (take(&d->manifest, &d->manifest_digest, &spec->manifest, "manifest", err) < 0)
		return -1;
	if (!spec->indexes[0].data && check_expected(spec->expect, &d->manifest_digest, err) < 0)
		return -1;
	if (!str_empty(told) && !oci_type_is_manifest(told))
		return err_set(err, ERR_INVALID, "a manifest came as \"%.128s\"", told);
	if (oci_manifest_parse(&d->m, d->manifest.data, d->manifest.len, err) < 0 ||
		media_type(told, d->m->media_type, "manifest", &d->manifest_type, err) < 0)
		return -1;
	if (is_image_config(d->m->config.media_type))
		return check_layers(d->m, err);
	bool plugin = str_eq(d->m->config.media_type, "application/vnd.docker.plugin.v1+json");
	return err_set(err, ERR_NOT_IMPLEMENTED, "Encountered remote \"%.128s\"(%s) when fetching",
		d->m->config.media_type, plugin ? "plugin config" : "unknown");
}

static int read_config(struct pull_docs *d, const struct store_pull_spec *spec, struct err **err)
{
	const struct oci_descriptor *c = &d->m->config;
	if (take(&d->config, &d->config_digest, &spec->config, "image configuration", err) < 0)
		return -1;
	if (!str_eq(d->config_digest.str, c->digest.str))
		return err_set(err, ERR_INVALID,
			"image config verification failed for digest %s: what came has the digest "
			"%s",
			c->digest.str, d->config_digest.str);
	if ((uint64_t)c->size != d->config.len)
		return err_set(err, ERR_INVALID,
			"image configuration %s has %zu bytes, its manifest says %lld",
			c->digest.str, d->config.len, (long long)c->size);
	if (oci_image_parse(&d->image, d->config.data, d->config.len, err) < 0)
		return -1;
	if (oci_image_check_history(d->image, err) < 0)
		return err_wrap(err, "image configuration %s", c->digest.str);
	if (!str_empty(d->image->os) && !str_eq(d->image->os, "linux"))
		return err_set(err, ERR_INVALID,
			"image operating system \"%.64s\" cannot be used on this platform",
			d->image->os);
	if (d->image->diff_id_count != d->m->layer_count)
		return err_set(err, ERR_INVALID,
			"layers from manifest don't match image configuration: %zu and %zu",
			d->m->layer_count, d->image->diff_id_count);
	return 0;
}

int pull_docs_read(struct pull_docs *d, const struct store_pull_spec *spec, struct err **err)
{
	d->platform = xstrdup("");
	if (read_manifest(d, spec, err) < 0)
		return -1;
	if (read_indexes(d, spec, err) < 0)
		return -1;
	return read_config(d, spec, err);
}
