/* Which images `save` means, and under which names. */
#include "save_private.h"

#include "base/mem.h"
#include "base/str.h"

static struct save_image *add_image(struct store_save *s, struct store_image *image)
{
	for (size_t i = 0; i < s->count; i++) {
		if (!str_eq(s->images[i].image->id.str, image->id.str))
			continue;
		store_image_free(image);
		return &s->images[i];
	}
	s->images = xreallocarray(s->images, s->count + 1, sizeof(*s->images));
	s->images[s->count] = (struct save_image){.image = image};
	return &s->images[s->count++];
}

void save_entry_add(struct save_image *image, const struct digest *document)
{
	image->entries =
		xreallocarray(image->entries, image->entry_count + 1, sizeof(*image->entries));
	image->entries[image->entry_count++] = (struct save_entry){.document = *document};
}

static int add(struct store_save *s, const char *ref, const char *name,
	const struct oci_platform *platform, struct err **err)
{
	auto_store_image *image = store_image_find(s->store, ref, err);
	if (!image)
		return -1;
	struct oci_platform have;
	oci_platform_make(
		&have, image->config->os, image->config->architecture, image->config->variant);
	if (platform && oci_platform_score(platform, &have) < 0) {
		auto_free char *want = oci_platform_format(platform);
		auto_free char *got = oci_platform_format(&have);
		return err_set(err, ERR_NOT_FOUND,
			"image with reference %s was found but does not provide the specified "
			"platform: wanted %s, actual: %s",
			ref, want, got);
	}
	struct digest document = image->document;
	struct save_image *to = add_image(s, steal_ptr(image));
	if (name && strv_index(to->names, name) < 0) {
		strv_add(&to->names, name);
		save_entry_add(to, &document);
	}
	return 0;
}

/* Names with tags that @repo has. */
static int tags_of(struct store_save *s, const char *repo, char ***out, struct err **err)
{
	auto_free char *prefix = xasprintf("%s:", repo);
	auto_db_stmt *q = db_query(s->store->db,
		"SELECT name FROM tags WHERE substr(name, 1, ?) = ? ORDER BY name", err);
	if (!q)
		return -1;
	db_bind_i64(q, 1, (int64_t)strlen(prefix));
	db_bind_str(q, 2, prefix);
	return db_step_strings(q, out, err);
}

static int find_one(struct store_save *s, const char *text, const struct oci_platform *platform,
	struct err **err)
{
	auto_reference ref = {0};
	auto_strv tags = NULL;
	enum reference_kind kind;
	if (reference_parse_any(text, &ref, &kind, NULL) < 0 || kind == REFERENCE_ID ||
		ref.has_digest)
		return add(s, text, NULL, platform, err);
	if (ref.tag) {
		auto_free char *name = reference_string(&ref);
		return add(s, text, name, platform, err);
	}
	auto_free char *repo = reference_name(&ref);
	if (tags_of(s, repo, &tags, err) < 0)
		return -1;
	/* not a repository: perhaps a short id */
	if (!tags)
		return add(s, text, NULL, platform, err);
	for (size_t i = 0; tags[i]; i++)
		if (add(s, tags[i], tags[i], platform, err) < 0)
			return -1;
	return 0;
}

int save_find(struct store_save *s, char *const *refs, const struct oci_platform *platform,
	struct err **err)
{
	for (size_t i = 0; refs && refs[i]; i++)
		if (find_one(s, refs[i], platform, err) < 0)
			return -1;
	if (!s->count)
		return err_set(err, ERR_INVALID, "no image is given to save");
	return 0;
}
