/* docker save: manifest.json, a list of {Config, RepoTags, Layers}. */
#include "archive.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#define WHAT "manifest.json"
#define VALUES_MAX 200000 /* a thousand images of 40 layers */

/* Names in manifest.json may be written "./x"; members have clean names. */
static const char *clean(const char *name)
{
	while (str_starts(name, "./"))
		name += 2;
	return name;
}

static void drop_name(char ***names, const char *name)
{
	int at = strv_index(*names, name);
	if (at < 0)
		return;
	free((*names)[at]);
	for (; (*names)[at]; at++)
		(*names)[at] = (*names)[at + 1];
	if (**names)
		return;
	free(*names);
	*names = NULL; /* no names, not a list of none */
}

/* Taken from another image, if that had it by index.json or by an entry before. */
static void give_name(struct collect *c, struct new_image *image, char *name)
{
	for (size_t i = 0; i < c->count; i++)
		drop_name(&c->v[i].names, name);
	strv_take(&image->names, name);
}

static int add_names(
	struct collect *c, struct new_image *image, char *const *tags, struct err **err)
{
	for (size_t i = 0; tags && tags[i]; i++) {
		auto_reference ref = {0};
		if (++c->names > ARCHIVE_NAMES_MAX)
			return err_set(
				err, ERR_TOO_LARGE, WHAT ": more than %d names", ARCHIVE_NAMES_MAX);
		if (reference_parse(tags[i], &ref, err) < 0)
			return err_wrap(err, "RepoTags \"%.256s\"", tags[i]);
		if (!ref.tag || ref.has_digest)
			return err_set(err, ERR_INVALID, "invalid tag \"%.256s\"", tags[i]);
		give_name(c, image, reference_string(&ref));
	}
	return 0;
}

/* The configuration, parsed and checked, and all its layers. */
static int fill_image(struct collect *c, struct new_image *image, const char *config,
	char *const *layers, struct err **err)
{
	size_t n = strv_len(layers);
	if (archive_config(c, image, config, err) < 0)
		return -1;
	if (!archive_is_wanted(c, image))
		return 0;
	if (n != image->config->diff_id_count)
		return err_set(err, ERR_INVALID,
			"invalid manifest, layers length mismatch: expected %zu, got %zu", n,
			image->config->diff_id_count);
	for (size_t i = 0; i < n; i++)
		if (archive_layer(c, image, i, clean(layers[i]), err) < 0)
			return -1;
	return 1;
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
	config = clean(config);
	const struct item *it = archive_member(c->t, config, ITEM_DOC);
	struct new_image *image = it ? archive_known(c, &it->blob) : NULL;
	if (!image) {
		image = archive_add(c);
		int r = fill_image(c, image, config, layers, err);
		if (r == 0)
			archive_drop(c);
		if (r <= 0)
			return r;
	}
	return add_names(c, image, tags, err);
}

int archive_docker(struct collect *c, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (archive_doc(c->t, "manifest.json", &text, err) < 0)
		return -1;
	auto_json *root = json_parse_bounded(text.data, text.len, VALUES_MAX, WHAT, err);
	if (!root)
		return -1;
	if (!json_is_array(root))
		return err_set(err, ERR_INVALID, WHAT ": expected an array");
	size_t i;
	json_t *entry;
	json_array_foreach(root, i, entry)
	{
		if (take_image(c, entry, err) < 0)
			return -1;
	}
	return 0;
}
