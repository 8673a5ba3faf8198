/* Descriptors, manifests and indexes: image-spec descriptor.md, manifest.md, image-index.md. */
#include "oci/image.h"

#include "base/mem.h"
#include "base/str.h"
#include "image_json.h"

bool oci_type_is_index(const char *t)
{
	return str_eq(t, OCI_TYPE_INDEX) || str_eq(t, DOCKER_TYPE_LIST);
}

bool oci_type_is_manifest(const char *t)
{
	return str_eq(t, OCI_TYPE_MANIFEST) || str_eq(t, DOCKER_TYPE_MANIFEST);
}

static void descriptor_clear(struct oci_descriptor *d)
{
	free(d->media_type);
	oci_pairs_clear(&d->annotations);
	free(d->artifact_type);
	free(d->os);
	free(d->architecture);
	free(d->variant);
	free(d->os_version);
	strv_free(d->urls);
}

struct oci_descriptor *oci_descriptor_copy(const struct oci_descriptor *from)
{
	struct oci_descriptor *d = xcalloc(1, sizeof(*d));
	d->media_type = xstrdup_null(from->media_type);
	d->digest = from->digest;
	d->size = from->size;
	for (size_t i = 0; i < from->annotations.count; i++)
		oci_pair_add(
			&d->annotations, from->annotations.v[i].key, from->annotations.v[i].value);
	d->artifact_type = xstrdup_null(from->artifact_type);
	d->has_platform = from->has_platform;
	d->os = xstrdup_null(from->os);
	d->architecture = xstrdup_null(from->architecture);
	d->variant = xstrdup_null(from->variant);
	d->os_version = xstrdup_null(from->os_version);
	d->urls = strv_copy(from->urls);
	return d;
}

void oci_descriptor_free(struct oci_descriptor *d)
{
	if (!d)
		return;
	descriptor_clear(d);
	free(d);
}

static int parse_platform(const json_t *from, struct oci_descriptor *to, struct err **err)
{
	json_t *p;
	if (image_json_object(from, "platform", &p, "descriptor", err) < 0)
		return -1;
	if (!p)
		return 0;
	to->has_platform = true;
	if (image_json_str(p, "os", &to->os, "platform", err) < 0 ||
		image_json_str(p, "architecture", &to->architecture, "platform", err) < 0 ||
		image_json_str(p, "variant", &to->variant, "platform", err) < 0 ||
		image_json_str(p, "os.version", &to->os_version, "platform", err) < 0)
		return -1;
	return 0;
}

static int parse_descriptor(const json_t *from, struct oci_descriptor *to, struct err **err)
{
	if (!json_is_object(from))
		return err_set(err, ERR_INVALID, "descriptor: expected an object");
	const char *digest = NULL;
	if (json_get_str(from, "digest", &digest, "descriptor", err) < 0)
		return -1;
	if (!digest)
		return err_set(err, ERR_INVALID, "descriptor: digest is missing");
	if (digest_parse(digest, &to->digest, err) < 0)
		return err_wrap(err, "descriptor");
	if (image_json_str(from, "mediaType", &to->media_type, "descriptor", err) < 0 ||
		image_json_str(from, "artifactType", &to->artifact_type, "descriptor", err) < 0 ||
		json_get_i64(from, "size", &to->size, "descriptor", err) < 0 ||
		image_json_pairs(from, "annotations", &to->annotations, "descriptor", err) < 0 ||
		json_get_strv(from, "urls", &to->urls, "descriptor", err) < 0 ||
		parse_platform(from, to, err) < 0)
		return -1;
	if (to->size < 0)
		return err_set(err, ERR_INVALID, "descriptor %s: negative size", to->digest.str);
	return 0;
}

static int parse_descriptors(const json_t *obj, const char *key, struct oci_descriptor **list,
	size_t *count, const char *what, struct err **err)
{
	json_t *array;
	if (image_json_array(obj, key, &array, what, err) < 0)
		return -1;
	*list = xcalloc(json_array_size(array) + 1, sizeof(**list));
	size_t i;
	json_t *item;
	json_array_foreach(array, i, item)
	{
		*count = i + 1;
		if (parse_descriptor(item, &(*list)[i], err) < 0)
			return err_wrap(err, "%s.%s[%zu]", what, key, i);
	}
	return 0;
}

static int check_version(const json_t *root, const char *what, struct err **err)
{
	int64_t version = 2;
	if (json_get_i64(root, "schemaVersion", &version, what, err) < 0)
		return -1;
	if (version != 2)
		return err_set(err, ERR_NOT_IMPLEMENTED, "%s: schema version %lld is not supported",
			what, (long long)version);
	return 0;
}

void oci_manifest_free(struct oci_manifest *m)
{
	if (!m)
		return;
	free(m->media_type);
	descriptor_clear(&m->config);
	for (size_t i = 0; i < m->layer_count; i++)
		descriptor_clear(&m->layers[i]);
	free(m->layers);
	oci_pairs_clear(&m->annotations);
	free(m->artifact_type);
	free(m);
}

int oci_manifest_parse(struct oci_manifest **out, const void *json, size_t n, struct err **err)
{
	auto_json *root = image_json_parse(json, n, "manifest", err);
	if (!root || check_version(root, "manifest", err) < 0)
		return -1;
	auto_oci_manifest *m = xcalloc(1, sizeof(*m));
	if (image_json_str(root, "mediaType", &m->media_type, "manifest", err) < 0)
		return -1;
	if (json_object_get(root, "manifests"))
		return err_set(
			err, ERR_INVALID, "manifest has the field \"manifests\" of an index");
	if (m->media_type && !oci_type_is_manifest(m->media_type))
		return err_set(
			err, ERR_INVALID, "manifest has the media type \"%.128s\"", m->media_type);
	const json_t *config = json_object_get(root, "config");
	if (!config)
		return err_set(err, ERR_INVALID, "manifest: config is missing");
	if (parse_descriptor(config, &m->config, err) < 0)
		return err_wrap(err, "manifest.config");
	if (parse_descriptors(root, "layers", &m->layers, &m->layer_count, "manifest", err) < 0 ||
		image_json_pairs(root, "annotations", &m->annotations, "manifest", err) < 0 ||
		image_json_str(root, "artifactType", &m->artifact_type, "manifest", err) < 0)
		return -1;
	*out = steal_ptr(m);
	return 0;
}

void oci_index_free(struct oci_index *x)
{
	if (!x)
		return;
	free(x->media_type);
	for (size_t i = 0; i < x->manifest_count; i++)
		descriptor_clear(&x->manifests[i]);
	free(x->manifests);
	oci_pairs_clear(&x->annotations);
	free(x);
}

int oci_index_parse(struct oci_index **out, const void *json, size_t n, struct err **err)
{
	auto_json *root = image_json_parse(json, n, "index", err);
	if (!root || check_version(root, "index", err) < 0)
		return -1;
	auto_oci_index *x = xcalloc(1, sizeof(*x));
	if (image_json_str(root, "mediaType", &x->media_type, "index", err) < 0)
		return -1;
	if (json_object_get(root, "layers") || json_object_get(root, "config"))
		return err_set(err, ERR_INVALID, "index has fields of a manifest");
	if (x->media_type && !oci_type_is_index(x->media_type))
		return err_set(
			err, ERR_INVALID, "index has the media type \"%.128s\"", x->media_type);
	if (!json_object_get(root, "manifests"))
		return err_set(err, ERR_INVALID, "index: manifests is missing");
	if (parse_descriptors(root, "manifests", &x->manifests, &x->manifest_count, "index", err) <
			0 ||
		image_json_pairs(root, "annotations", &x->annotations, "index", err) < 0)
		return -1;
	*out = steal_ptr(x);
	return 0;
}

const struct oci_descriptor *oci_index_find(const struct oci_index *x, const struct digest *digest)
{
	for (size_t i = 0; i < x->manifest_count; i++)
		if (str_eq(x->manifests[i].digest.str, digest->str))
			return &x->manifests[i];
	return NULL;
}

bool oci_manifest_is_image(const struct oci_manifest *m)
{
	const char *type = m->config.media_type;
	return !m->artifact_type && (str_empty(type) || str_eq(type, OCI_TYPE_CONFIG) ||
					    str_eq(type, DOCKER_TYPE_CONFIG));
}

bool oci_manifest_is_plain(const struct oci_manifest *m, const struct oci_image *config)
{
	if (m->layer_count != config->diff_id_count)
		return false;
	for (size_t i = 0; i < m->layer_count; i++)
		if (!str_eq(m->layers[i].digest.str, config->diff_ids[i].str))
			return false;
	return true;
}
