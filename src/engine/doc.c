/* A container's document as text, for the database. Docker's own parts are written by their tables. */
#include "core.h"

#include "base/json.h"
#include "mounts.h"

static void put_model(json_t *obj, const char *key, const struct model_type *type, const void *part)
{
	auto_buf text = BUF_INIT;
	model_write(type, part, 0, &text);
	json_put(obj, key, json_loadb(text.data, text.len, 0, NULL));
}

static void put_opt(json_t *obj, const char *key, const char *value)
{
	if (value)
		json_put_str(obj, key, value);
}

static json_t *mount_to_json(const struct mount_point *m)
{
	json_t *j = json_object();
	json_put_str(j, "type", m->type);
	json_put_str(j, "destination", m->destination);
	put_opt(j, "name", m->name);
	put_opt(j, "source", m->source);
	put_opt(j, "driver", m->driver);
	put_opt(j, "mode", m->mode);
	put_opt(j, "propagation", m->propagation);
	json_put(j, "rw", json_boolean(m->rw));
	json_put(j, "anonymous", json_boolean(m->anonymous));
	json_put(j, "hidden", json_boolean(m->hidden));
	json_put(j, "copy_up", json_boolean(m->copy_up));
	json_put(j, "make_source", json_boolean(m->make_source));
	json_put(j, "options", json_strv(m->options));
	return j;
}

char *doc_to_json(const struct container_doc *doc)
{
	auto_json *j = json_object();
	auto_buf text = BUF_INIT;

	json_put_str(j, "id", doc->id);
	json_put(j, "created", json_integer(doc->created));
	json_put_str(j, "path", doc->path);
	json_put(j, "args", json_strv(doc->args));
	json_put_str(j, "image", doc->image_id);
	json_put_str(j, "platform", doc->platform);
	put_model(j, "config", &model_container_config, &doc->config);
	put_model(j, "host", &model_host_config, &doc->host);
	put_model(j, "net", &model_networking_config, &doc->net);
	json_t *mounts = json_array();
	for (size_t i = 0; i < doc->mounts.n; i++)
		json_array_append_new(mounts, mount_to_json(&doc->mounts.v[i]));
	json_put(j, "mounts", mounts);
	json_write(j, &text);
	return buf_steal(&text);
}

static int get_str(const json_t *j, const char *key, char **out, struct err **err)
{
	const char *s = NULL;
	if (json_get_str(j, key, &s, "container", err))
		return -1;
	*out = xstrdup_null(s);
	return 0;
}

static int mount_from_json(struct mount_point *m, const json_t *j, struct err **err)
{
	if (get_str(j, "type", &m->type, err) || get_str(j, "destination", &m->destination, err) ||
		get_str(j, "name", &m->name, err) || get_str(j, "source", &m->source, err) ||
		get_str(j, "driver", &m->driver, err) || get_str(j, "mode", &m->mode, err) ||
		get_str(j, "propagation", &m->propagation, err) ||
		json_get_bool(j, "rw", &m->rw, "mount", err) ||
		json_get_bool(j, "anonymous", &m->anonymous, "mount", err) ||
		json_get_bool(j, "hidden", &m->hidden, "mount", err) ||
		json_get_bool(j, "copy_up", &m->copy_up, "mount", err) ||
		json_get_bool(j, "make_source", &m->make_source, "mount", err) ||
		json_get_strv(j, "options", &m->options, "mount", err))
		return -1;
	if (!m->type || !m->destination)
		return err_set(
			err, ERR_INVALID, "a mount of the container lacks type or destination");
	return 0;
}

static int get_model(const json_t *j, const char *key, const struct model_type *type, void *out,
	struct err **err)
{
	const json_t *part = json_object_get(j, key);
	if (!json_is_object(part))
		return err_set(err, ERR_INVALID, "container.%s: expected an object", key);
	return model_decode(type, part, out, key, err);
}

static int get_fixed(struct container_doc *doc, const json_t *j, struct err **err)
{
	const char *id = NULL;
	if (json_get_str(j, "id", &id, "container", err) ||
		json_get_i64(j, "created", &doc->created, "container", err) ||
		get_str(j, "path", &doc->path, err) || get_str(j, "image", &doc->image_id, err) ||
		get_str(j, "platform", &doc->platform, err) ||
		json_get_strv(j, "args", &doc->args, "container", err))
		return -1;
	if (!id || strlen(id) != CONTAINER_ID_LEN || !doc->path || !doc->image_id)
		return err_set(err, ERR_INVALID, "the container's record is incomplete");
	memcpy(doc->id, id, sizeof(doc->id));
	return 0;
}

int doc_from_json(struct container_doc *doc, const char *text, struct err **err)
{
	auto_json *j = json_parse(text, strlen(text), "container", err);
	json_t *item;
	size_t i;

	if (!j || get_fixed(doc, j, err) ||
		get_model(j, "config", &model_container_config, &doc->config, err) ||
		get_model(j, "host", &model_host_config, &doc->host, err) ||
		get_model(j, "net", &model_networking_config, &doc->net, err))
		return -1;
	json_array_foreach(json_object_get(j, "mounts"), i, item)
	{
		struct mount_point *m = model_list_add(&doc->mounts);
		if (mount_from_json(m, item, err))
			return -1;
	}
	return 0;
}

void doc_clear(struct container_doc *doc)
{
	free(doc->path);
	strv_free(doc->args);
	free(doc->image_id);
	free(doc->platform);
	container_config_clear(&doc->config);
	host_config_clear(&doc->host);
	networking_config_clear(&doc->net);
	for (size_t i = 0; i < doc->mounts.n; i++)
		mount_point_clear(&doc->mounts.v[i]);
	free(doc->mounts.v);
	*doc = (struct container_doc){0};
}
