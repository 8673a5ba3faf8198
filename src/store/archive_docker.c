/* docker save: manifest.json, a list of {Config, RepoTags, Layers}. */
#include "archive.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/platform.h"

#define WHAT "manifest.json"

/* Names in manifest.json may be written "./x"; members have clean names. */
static const char *clean(const char *name)
{
	while (str_starts(name, "./"))
		name += 2;
	return name;
}

static int add_names(struct new_image *image, char *const *tags, struct err **err)
{
	for (size_t i = 0; tags && tags[i]; i++) {
		auto_reference ref = {0};
		if (reference_parse(tags[i], &ref, err) < 0)
			return err_wrap(err, "RepoTags \"%.256s\"", tags[i]);
		if (!ref.tag || ref.has_digest)
			return err_set(err, ERR_INVALID, "invalid tag \"%.256s\"", tags[i]);
		strv_take(&image->names, reference_string(&ref));
	}
	return 0;
}

/* As dockerd: whatever it is for, unless a platform is asked for. */
static bool is_wanted(const struct collect *c, const struct new_image *image)
{
	struct oci_platform have;
	oci_platform_make(
		&have, image->config->os, image->config->architecture, image->config->variant);
	return !c->want || oci_platform_score(c->want, &have) >= 0;
}

static int take_image(struct collect *c, const json_t *entry, struct err **err)
{
	auto_strv layers = NULL;
	auto_strv tags = NULL;
	const char *config = NULL;
	if (!json_is_object(entry))
		return err_set(err, ERR_INVALID, WHAT ": expected objects");
	if (json_get_str(entry, "Config", &config, WHAT, err) < 0 ||
		json_get_strv(entry, "Layers", &layers, WHAT, err) < 0 ||
		json_get_strv(entry, "RepoTags", &tags, WHAT, err) < 0)
		return -1;
	if (str_empty(config))
		return err_set(err, ERR_INVALID, WHAT ": Config is missing");
	struct new_image *image = archive_add(c);
	if (archive_doc(c->t, clean(config), &image->json, err) < 0 ||
		archive_config(image, err) < 0 || add_names(image, tags, err) < 0)
		return -1;
	if (!is_wanted(c, image)) {
		new_image_free(image);
		c->count--;
		return 0;
	}
	size_t n = strv_len(layers);
	if (n != image->config->diff_id_count)
		return err_set(err, ERR_INVALID,
			"invalid manifest, layers length mismatch: expected %zu, got %zu", n,
			image->config->diff_id_count);
	for (size_t i = 0; i < n; i++)
		if (archive_layer(c, image, i, clean(layers[i]), err) < 0)
			return -1;
	return 0;
}

int archive_docker(struct collect *c, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (archive_doc(c->t, "manifest.json", &text, err) < 0)
		return -1;
	auto_json *root = json_parse(text.data, text.len, WHAT, err);
	if (!root)
		return -1;
	if (!json_is_array(root))
		return err_set(err, ERR_INVALID, WHAT ": expected an array");
	size_t i;
	json_t *entry;
	json_array_foreach(root, i, entry) if (take_image(c, entry, err) < 0) return -1;
	return 0;
}
