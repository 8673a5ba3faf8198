/* Names of images. */
#include "store_private.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

int names_of(struct store *s, const struct digest *image, char ***tags, char ***digests,
	struct err **err)
{
	if (db_strings(s->db, "SELECT name FROM tags WHERE image = ? ORDER BY name", image->str,
		    tags, err) < 0)
		return -1;
	return db_strings(s->db, "SELECT name FROM repo_digests WHERE image = ? ORDER BY name",
		image->str, digests, err);
}

int name_set(struct store *s, const char *name, const struct digest *image, struct digest *from,
	struct err **err)
{
	auto_strv old = NULL;
	*from = (struct digest){0};
	if (db_strings(s->db, "SELECT image FROM tags WHERE name = ?", name, &old, err) < 0)
		return -1;
	if (old && !str_eq(old[0], image->str) && digest_parse(old[0], from, err) < 0)
		return -1;
	if (db_exec(s->db, err,
		    "INSERT INTO tags(name, image) VALUES(?, ?) "
		    "ON CONFLICT(name) DO UPDATE SET image = excluded.image, document = ''"
		    " WHERE image != excluded.image",
		    "ss", name, image->str) < 0)
		return -1;
	return db_exec(s->db, err, "UPDATE images SET last_tagged = ? WHERE id = ?", "is",
		       time_now(), image->str) < 0
		       ? -1
		       : 0;
}

int name_set_document(struct store *s, const char *name, const struct digest *image,
	const struct digest *document, struct err **err)
{
	return db_exec(s->db, err, "UPDATE tags SET document = ? WHERE name = ? AND image = ?",
		       "sss", document->str, name, image->str) < 0
		       ? -1
		       : 0;
}

static int tag_reference(const char *repo, const char *tag, struct reference *out, struct err **err)
{
	auto_reference ref = {0};
	if (reference_parse(repo, &ref, err) < 0)
		return -1;
	if (ref.has_digest)
		return err_set(
			err, ERR_INVALID, "refusing to create a tag with a digest reference");
	if (!str_empty(tag)) {
		if (!reference_tag_valid(tag))
			return err_set(err, ERR_INVALID, "invalid tag format");
		str_replace(&ref.tag, tag);
	}
	reference_default_tag(&ref);
	auto_free char *familiar = reference_familiar_name(&ref);
	if (str_eq(familiar, "sha256"))
		return err_set(err, ERR_INVALID,
			"refusing to create an ambiguous tag using digest algorithm as name");
	*out = ref;
	ref = (struct reference){0};
	return 0;
}

int store_image_tag(struct store *s, const char *image_ref, const char *repo, const char *tag,
	struct digest *moved_from, struct err **err)
{
	auto_reference ref = {0};
	struct digest id, from, document;
	if (tag_reference(repo, tag, &ref, err) < 0)
		return -1;
	auto_free char *name = reference_string(&ref);
	if (db_begin(s->db, err) < 0)
		return -1;
	if (image_resolve(s, image_ref, &id, &document, err) < 0 ||
		name_set(s, name, &id, &from, err) < 0 ||
		(*document.str && name_set_document(s, name, &id, &document, err) < 0)) {
		db_rollback(s->db);
		return -1;
	}
	if (moved_from)
		*moved_from = from;
	return db_commit(s->db, err);
}
