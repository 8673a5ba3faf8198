/* The image configuration: image-spec config.md, with Docker's additions. */
#include "oci/image.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "image_json.h"

#define WHAT "image configuration"

struct oci_image *oci_image_new(void)
{
	return xcalloc(1, sizeof(struct oci_image));
}

static void healthcheck_free(struct oci_healthcheck *h)
{
	if (!h)
		return;
	strv_free(h->test);
	free(h);
}

void oci_image_config_clear(struct oci_image_config *c)
{
	free(c->user);
	strv_free(c->exposed_ports);
	strv_free(c->env);
	strv_free(c->entrypoint);
	strv_free(c->cmd);
	strv_free(c->volumes);
	free(c->working_dir);
	oci_pairs_clear(&c->labels);
	free(c->stop_signal);
	strv_free(c->shell);
	strv_free(c->on_build);
	healthcheck_free(c->healthcheck);
	*c = (struct oci_image_config){0};
}

void oci_image_config_copy(struct oci_image_config *to, const struct oci_image_config *from)
{
	*to = (struct oci_image_config){
		.user = xstrdup_null(from->user),
		.exposed_ports = strv_copy(from->exposed_ports),
		.env = strv_copy(from->env),
		.entrypoint = strv_copy(from->entrypoint),
		.cmd = strv_copy(from->cmd),
		.volumes = strv_copy(from->volumes),
		.working_dir = xstrdup_null(from->working_dir),
		.stop_signal = xstrdup_null(from->stop_signal),
		.has_stop_timeout = from->has_stop_timeout,
		.stop_timeout = from->stop_timeout,
		.shell = strv_copy(from->shell),
		.on_build = strv_copy(from->on_build),
		.args_escaped = from->args_escaped,
	};
	for (size_t i = 0; i < from->labels.count; i++)
		oci_pair_add(&to->labels, from->labels.v[i].key, from->labels.v[i].value);
	if (from->healthcheck) {
		to->healthcheck = xmemdup(from->healthcheck, sizeof(*from->healthcheck));
		to->healthcheck->test = strv_copy(from->healthcheck->test);
	}
}

static void history_clear(struct oci_history *h)
{
	free(h->author);
	free(h->created_by);
	free(h->comment);
}

void oci_image_free(struct oci_image *image)
{
	if (!image)
		return;
	free(image->author);
	free(image->comment);
	free(image->docker_version);
	free(image->architecture);
	free(image->os);
	free(image->variant);
	free(image->os_version);
	oci_image_config_clear(&image->config);
	free(image->diff_ids);
	for (size_t i = 0; i < image->history_count; i++)
		history_clear(&image->history[i]);
	free(image->history);
	free(image);
}

static int get_time(
	const json_t *obj, const char *key, int64_t *out, const char *what, struct err **err)
{
	const char *s = NULL;
	if (json_get_str(obj, key, &s, what, err) < 0)
		return -1;
	if (!str_empty(s) && time_parse_rfc3339(s, out) < 0)
		return err_set(err, ERR_INVALID, "%s.%s: not a time: \"%.64s\"", what, key, s);
	return 0;
}

/* Docker's strslice: an array, or one string. */
static int get_args(
	const json_t *obj, const char *key, char ***out, const char *what, struct err **err)
{
	const json_t *v = json_object_get(obj, key);
	if (json_is_string(v)) {
		strv_add(out, json_string_value(v));
		return 0;
	}
	return json_get_strv(obj, key, out, what, err);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Go's set: an object whose values do not matter. */
static int get_set(
	const json_t *obj, const char *key, char ***out, const char *what, struct err **err)
{
	json_t *map;
	if (image_json_object(obj, key, &map, what, err) < 0)
		return -1;
	const char *name;
	json_t *value;
	json_object_foreach(map, name, value) strv_add(out, name);
	if (*out)
		qsort(*out, strv_len(*out), sizeof(char *), by_text);
	return 0;
}

static int get_healthcheck(const json_t *obj, struct oci_healthcheck **out, struct err **err)
{
	static const char what[] = WHAT ".config.Healthcheck";
	json_t *h;
	if (image_json_object(obj, "Healthcheck", &h, WHAT ".config", err) < 0)
		return -1;
	if (!h)
		return 0;
	*out = xcalloc(1, sizeof(**out));
	struct oci_healthcheck *to = *out;
	if (json_get_strv(h, "Test", &to->test, what, err) < 0 ||
		json_get_i64(h, "Interval", &to->interval, what, err) < 0 ||
		json_get_i64(h, "Timeout", &to->timeout, what, err) < 0 ||
		json_get_i64(h, "StartPeriod", &to->start_period, what, err) < 0 ||
		json_get_i64(h, "StartInterval", &to->start_interval, what, err) < 0 ||
		json_get_i64(h, "Retries", &to->retries, what, err) < 0)
		return -1;
	return 0;
}

/* Lists of a hostile image: what works on them later may take time by the square of their length. */
static int check_counts(const json_t *c, const char *what, struct err **err)
{
	static const char *const keys[] = {"ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes",
		"Labels", "Shell", "OnBuild"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const json_t *v = json_object_get(c, keys[i]);
		if (json_array_size(v) + json_object_size(v) > OCI_IMAGE_LIST_MAX)
			return err_set(err, ERR_INVALID, "%s.%s: more than %d entries", what,
				keys[i], OCI_IMAGE_LIST_MAX);
	}
	return 0;
}

static int parse_config(const json_t *root, struct oci_image_config *to, struct err **err)
{
	static const char what[] = WHAT ".config";
	json_t *c;
	if (image_json_object(root, "config", &c, WHAT, err) < 0)
		return -1;
	if (!c)
		return 0;
	if (check_counts(c, what, err) < 0 || image_json_str(c, "User", &to->user, what, err) < 0 ||
		get_set(c, "ExposedPorts", &to->exposed_ports, what, err) < 0 ||
		json_get_strv(c, "Env", &to->env, what, err) < 0 ||
		get_args(c, "Entrypoint", &to->entrypoint, what, err) < 0 ||
		get_args(c, "Cmd", &to->cmd, what, err) < 0 ||
		get_set(c, "Volumes", &to->volumes, what, err) < 0 ||
		image_json_str(c, "WorkingDir", &to->working_dir, what, err) < 0 ||
		image_json_pairs(c, "Labels", &to->labels, what, err) < 0 ||
		image_json_str(c, "StopSignal", &to->stop_signal, what, err) < 0 ||
		get_args(c, "Shell", &to->shell, what, err) < 0 ||
		json_get_strv(c, "OnBuild", &to->on_build, what, err) < 0 ||
		json_get_bool(c, "ArgsEscaped", &to->args_escaped, what, err) < 0 ||
		get_healthcheck(c, &to->healthcheck, err) < 0)
		return -1;
	const json_t *timeout = json_object_get(c, "StopTimeout");
	to->has_stop_timeout = timeout && !json_is_null(timeout);
	return json_get_i64(c, "StopTimeout", &to->stop_timeout, what, err);
}

static int parse_rootfs(const json_t *root, struct oci_image *to, struct err **err)
{
	json_t *rootfs;
	if (image_json_object(root, "rootfs", &rootfs, WHAT, err) < 0)
		return -1;
	if (!rootfs)
		return err_set(err, ERR_INVALID, WHAT ": rootfs is missing");
	const char *type = "layers";
	if (json_get_str(rootfs, "type", &type, WHAT ".rootfs", err) < 0)
		return -1;
	if (!str_eq(type, "layers"))
		return err_set(
			err, ERR_INVALID, WHAT ".rootfs.type: \"%.64s\" is not \"layers\"", type);
	json_t *ids;
	if (image_json_array(rootfs, "diff_ids", &ids, WHAT ".rootfs", err) < 0)
		return -1;
	size_t n = json_array_size(ids);
	if (n > OCI_LAYER_MAX)
		return err_set(err, ERR_INVALID, "image has %zu layers, at most %d are possible", n,
			OCI_LAYER_MAX);
	to->diff_ids = xcalloc(n + 1, sizeof(struct digest));
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(ids, i));
		if (!s)
			return err_set(err, ERR_INVALID,
				WHAT ".rootfs.diff_ids[%zu]: expected a string", i);
		if (digest_parse(s, &to->diff_ids[i], err) < 0)
			return err_wrap(err, WHAT ".rootfs.diff_ids[%zu]", i);
	}
	to->diff_id_count = n;
	return 0;
}

static int parse_history_entry(const json_t *from, struct oci_history *to, struct err **err)
{
	static const char what[] = WHAT ".history";
	if (!json_is_object(from))
		return err_set(err, ERR_INVALID, "%s: expected objects", what);
	if (get_time(from, "created", &to->created, what, err) < 0 ||
		image_json_str(from, "author", &to->author, what, err) < 0 ||
		image_json_str(from, "created_by", &to->created_by, what, err) < 0 ||
		image_json_str(from, "comment", &to->comment, what, err) < 0)
		return -1;
	return json_get_bool(from, "empty_layer", &to->empty_layer, what, err);
}

static int parse_history(const json_t *root, struct oci_image *to, struct err **err)
{
	json_t *list;
	if (image_json_array(root, "history", &list, WHAT, err) < 0)
		return -1;
	to->history = xcalloc(json_array_size(list) + 1, sizeof(struct oci_history));
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry)
	{
		to->history_count = i + 1;
		if (parse_history_entry(entry, &to->history[i], err) < 0)
			return -1;
	}
	return 0;
}

int oci_image_parse(struct oci_image **out, const void *json, size_t n, struct err **err)
{
	auto_json *root = image_json_parse(json, n, WHAT, err);
	if (!root)
		return -1;
	auto_oci_image *image = oci_image_new();
	if (get_time(root, "created", &image->created, WHAT, err) < 0 ||
		image_json_str(root, "author", &image->author, WHAT, err) < 0 ||
		image_json_str(root, "comment", &image->comment, WHAT, err) < 0 ||
		image_json_str(root, "docker_version", &image->docker_version, WHAT, err) < 0 ||
		image_json_str(root, "architecture", &image->architecture, WHAT, err) < 0 ||
		image_json_str(root, "os", &image->os, WHAT, err) < 0 ||
		image_json_str(root, "variant", &image->variant, WHAT, err) < 0 ||
		image_json_str(root, "os.version", &image->os_version, WHAT, err) < 0 ||
		parse_config(root, &image->config, err) < 0 || parse_rootfs(root, image, err) < 0 ||
		parse_history(root, image, err) < 0)
		return -1;
	*out = steal_ptr(image);
	return 0;
}

int oci_image_check_history(const struct oci_image *image, struct err **err)
{
	size_t layers = 0;
	for (size_t i = 0; i < image->history_count; i++)
		layers += !image->history[i].empty_layer;
	if (layers > image->diff_id_count)
		return err_set(err, ERR_INVALID,
			"too many non-empty layers in History section: %zu, and the image has %zu",
			layers, image->diff_id_count);
	return 0;
}
