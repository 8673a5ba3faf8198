/* Writing an image configuration, in the field order that Docker's own have. */
#include "oci/image.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "image_json.h"

static void put_str(json_t *to, const char *key, const char *s)
{
	if (!str_empty(s))
		json_put_str(to, key, s);
}

static void put_set(json_t *to, const char *key, char *const *names)
{
	if (!names)
		return;
	json_t *map = json_object();
	for (size_t i = 0; names[i]; i++)
		json_put(map, names[i], json_object());
	json_put(to, key, map);
}

static void put_list(json_t *to, const char *key, char *const *list)
{
	json_put(to, key, list ? json_strv(list) : json_null());
}

static void put_time(json_t *to, const char *key, int64_t ns)
{
	char text[TIME_STR_LEN];
	json_put_str(to, key, time_rfc3339(ns, text));
}

static void put_number(json_t *to, const char *key, int64_t v)
{
	if (v)
		json_put(to, key, json_integer(v));
}

static json_t *healthcheck(const struct oci_healthcheck *h)
{
	json_t *to = json_object();
	if (h->test)
		json_put(to, "Test", json_strv(h->test));
	put_number(to, "Interval", h->interval);
	put_number(to, "Timeout", h->timeout);
	put_number(to, "StartPeriod", h->start_period);
	put_number(to, "StartInterval", h->start_interval);
	put_number(to, "Retries", h->retries);
	return to;
}

static json_t *config(const struct oci_image_config *c)
{
	json_t *to = json_object();
	put_str(to, "User", c->user);
	put_set(to, "ExposedPorts", c->exposed_ports);
	put_list(to, "Env", c->env);
	if (c->entrypoint)
		put_list(to, "Entrypoint", c->entrypoint);
	put_list(to, "Cmd", c->cmd);
	if (c->healthcheck)
		json_put(to, "Healthcheck", healthcheck(c->healthcheck));
	if (c->args_escaped)
		json_put(to, "ArgsEscaped", json_true());
	put_set(to, "Volumes", c->volumes);
	put_str(to, "WorkingDir", c->working_dir);
	if (c->on_build)
		put_list(to, "OnBuild", c->on_build);
	if (c->labels.count) {
		json_t *labels = json_object();
		for (size_t i = 0; i < c->labels.count; i++)
			json_put_str(labels, c->labels.v[i].key, c->labels.v[i].value);
		json_put(to, "Labels", labels);
	}
	put_str(to, "StopSignal", c->stop_signal);
	if (c->has_stop_timeout)
		json_put(to, "StopTimeout", json_integer(c->stop_timeout));
	if (c->shell)
		put_list(to, "Shell", c->shell);
	return to;
}

static json_t *history(const struct oci_image *image)
{
	json_t *list = json_array();
	for (size_t i = 0; i < image->history_count; i++) {
		const struct oci_history *h = &image->history[i];
		json_t *entry = json_object();
		if (h->created)
			put_time(entry, "created", h->created);
		put_str(entry, "author", h->author);
		put_str(entry, "created_by", h->created_by);
		put_str(entry, "comment", h->comment);
		if (h->empty_layer)
			json_put(entry, "empty_layer", json_true());
		json_array_append_new(list, entry);
	}
	return list;
}

static json_t *rootfs(const struct oci_image *image)
{
	json_t *to = json_object();
	json_t *ids = json_array();
	for (size_t i = 0; i < image->diff_id_count; i++)
		json_array_append_new(ids, json_string(image->diff_ids[i].str));
	json_put_str(to, "type", "layers");
	json_put(to, "diff_ids", ids);
	return to;
}

void oci_image_emit(const struct oci_image *image, struct buf *out)
{
	auto_json *root = json_object();
	json_put_str(root, "architecture", image->architecture);
	put_str(root, "variant", image->variant);
	put_str(root, "author", image->author);
	put_str(root, "comment", image->comment);
	json_put(root, "config", config(&image->config));
	put_time(root, "created", image->created);
	put_str(root, "docker_version", image->docker_version);
	json_put(root, "history", history(image));
	json_put_str(root, "os", image->os);
	put_str(root, "os.version", image->os_version);
	json_put(root, "rootfs", rootfs(image));
	json_write(root, out);
}
