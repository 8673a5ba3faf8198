#include "image_manifests.h"

#include "base/mem.h"
#include "base/str.h"

static void write_platform(struct jsonw *w, const char *key, const char *architecture,
	const char *os, const char *os_version, const char *variant)
{
	jw_object(w, key);
	jw_str(w, "architecture", architecture);
	jw_str(w, "os", os);
	if (!str_empty(os_version))
		jw_str(w, "os.version", os_version);
	if (!str_empty(variant))
		jw_str(w, "variant", variant);
	jw_end_object(w);
}

/* In the order of Go's type in image-spec. */
static void write_descriptor(struct jsonw *w, const struct oci_descriptor *d)
{
	jw_object(w, "Descriptor");
	jw_str(w, "mediaType", d->media_type);
	jw_str(w, "digest", d->digest.str);
	jw_i64(w, "size", d->size);
	if (d->urls)
		jw_strv(w, "urls", d->urls);
	if (d->annotations.count) {
		jw_object(w, "annotations");
		for (size_t i = 0; i < d->annotations.count; i++)
			jw_str(w, d->annotations.v[i].key, d->annotations.v[i].value);
		jw_end_object(w);
	}
	if (d->has_platform)
		write_platform(w, "platform", d->architecture, d->os, d->os_version, d->variant);
	if (!str_empty(d->artifact_type))
		jw_str(w, "artifactType", d->artifact_type);
	jw_end_object(w);
}

static void write_image_data(struct jsonw *w, const struct store_manifest *m)
{
	jw_object(w, "ImageData");
	write_platform(w, "Platform", m->platform.architecture, m->platform.os, m->os_version,
		m->platform.variant);
	jw_object(w, "Size");
	jw_i64(w, "Unpacked", m->unpacked);
	jw_end_object(w);
	jw_strv(w, "Containers", m->containers);
	jw_end_object(w);
}

static void write_manifest(struct jsonw *w, const struct store_manifest *m)
{
	static const char *const kinds[] = {
		[STORE_MANIFEST_UNKNOWN] = "unknown",
		[STORE_MANIFEST_IMAGE] = "image",
		[STORE_MANIFEST_ATTESTATION] = "attestation",
	};
	jw_object(w, NULL);
	jw_str(w, "ID", m->descriptor->digest.str);
	write_descriptor(w, m->descriptor);
	jw_bool(w, "Available", m->available);
	jw_object(w, "Size");
	jw_i64(w, "Content", m->content);
	jw_i64(w, "Total", m->content + m->unpacked);
	jw_end_object(w);
	jw_str(w, "Kind", kinds[m->kind]);
	if (m->kind == STORE_MANIFEST_IMAGE)
		write_image_data(w, m);
	if (m->kind == STORE_MANIFEST_ATTESTATION) {
		jw_object(w, "AttestationData");
		jw_str(w, "For", m->subject);
		jw_end_object(w);
	}
	jw_end_object(w);
}

int image_manifests_write(struct jsonw *w, struct engine *e, const struct digest *image,
	unsigned api, struct err **err)
{
	auto_store_manifests m = {0};
	if (engine_image_manifests(e, image, &m, err))
		return -1;
	if (m.target && api >= 148)
		write_descriptor(w, m.target);
	if (!m.count)
		return 0;
	jw_array(w, "Manifests");
	for (size_t i = 0; i < m.count; i++)
		write_manifest(w, &m.v[i]);
	jw_end_array(w);
	return 0;
}
