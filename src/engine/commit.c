/* commit: from a container to an image. */
#include "commit_config.h"
#include "core.h"
#include "engine/files.h"
#include "oci/reference.h"
#include "store/pack.h"

/* Full, with its tag; NULL in *out where none is asked for. */
static int name_of(const struct engine_commit *spec, char **full, char **familiar, struct err **err)
{
	auto_reference ref = {0};
	if (str_empty(spec->repo))
		return 0;
	if (reference_parse(spec->repo, &ref, err) < 0)
		return -1;
	if (ref.has_digest)
		return err_set(
			err, ERR_INVALID, "refusing to create a tag with a digest reference");
	if (!str_empty(spec->tag)) {
		if (!reference_tag_valid(spec->tag))
			return err_set(err, ERR_INVALID, "invalid tag format");
		str_replace(&ref.tag, spec->tag);
	}
	reference_default_tag(&ref);
	*full = reference_string(&ref);
	*familiar = reference_familiar_string(&ref);
	return 0;
}

static int check_state(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	enum container_status status = c->state.status;
	bool gone = c->gone;
	pthread_mutex_unlock(&c->lock);
	if (gone || status == CONTAINER_REMOVING)
		return err_set(err, ERR_CONFLICT,
			"You cannot commit container %s which is being removed", container_id(c));
	if (status == CONTAINER_DEAD)
		return err_set(err, ERR_CONFLICT, "You cannot commit container %s which is Dead",
			container_id(c));
	return 0;
}

static void go_on(void *container)
{
	pause_end(container);
}

static int commit(struct container *c, const struct engine_commit *spec,
	const struct oci_image_config *config, const char *name, struct digest *id,
	struct err **err)
{
	const struct container_doc *doc = &c->doc->doc;
	auto_free char *command = doc->config.cmd ? strv_join(doc->config.cmd, " ") : NULL;
	struct digest moved;
	int paused = spec->pause ? pause_begin(c, err) : 0;
	if (paused < 0)
		return -1;
	const struct store_commit s = {
		.container = container_id(c),
		.parent = doc->image_id,
		.name = name,
		.config = config,
		.author = spec->author,
		.comment = spec->comment,
		.created_by = command,
		.packed = paused ? go_on : NULL,
		.arg = c,
	};
	return store_commit(c->engine->store, &s, id, &moved, err);
}

int engine_container_commit(struct engine *e, const char *ref, const struct engine_commit *spec,
	struct digest *id, struct err **err)
{
	struct oci_image_config config = {0};
	auto_free char *name = NULL;
	auto_free char *familiar = NULL;
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c || check_state(c, err) || name_of(spec, &name, &familiar, err) ||
		commit_config_make(&config, &c->doc->doc.config, spec->config, spec->changes, err))
		return -1;
	int r = commit(c, spec, &config, name, id, err);
	oci_image_config_clear(&config);
	if (r)
		return -1;
	const struct ring_attr attrs[] = {
		{"comment", spec->comment ? spec->comment : ""},
		{"imageID", id->str},
		{"imageRef", familiar ? familiar : ""},
	};
	if (familiar) {
		const struct ring_attr tag = {"name", familiar};
		event_other(e, "image", "tag", id->str, &tag, 1);
	}
	event_container(c, "commit", attrs, ARRAY_LEN(attrs));
	return 0;
}
