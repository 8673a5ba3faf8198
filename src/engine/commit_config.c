#include "commit_config.h"
#include "core.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static char **copy(char *const *v)
{
	return v ? strv_copy(v) : NULL;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sets are kept sorted. */
static char **copy_set(char *const *v)
{
	char **set = copy(v);
	if (set)
		qsort(set, strv_len(set), sizeof(*set), by_text);
	return set;
}

static int64_t number(const json_t *from, const char *key)
{
	return json_integer_value(json_object_get(from, key));
}

static struct oci_healthcheck *healthcheck(const json_t *from)
{
	if (!json_is_object(from))
		return NULL;
	struct oci_healthcheck *h = xcalloc(1, sizeof(*h));
	const json_t *test = json_object_get(from, "Test");
	for (size_t i = 0; i < json_array_size(test); i++)
		if (json_is_string(json_array_get(test, i)))
			strv_add(&h->test, json_string_value(json_array_get(test, i)));
	h->interval = number(from, "Interval");
	h->timeout = number(from, "Timeout");
	h->start_period = number(from, "StartPeriod");
	h->start_interval = number(from, "StartInterval");
	h->retries = number(from, "Retries");
	return h;
}

void commit_config_from(struct oci_image_config *to, const struct container_config *from)
{
	*to = (struct oci_image_config){
		.user = xstrdup_null(from->user),
		.exposed_ports = copy_set(from->exposed_ports),
		.env = copy(from->env),
		.entrypoint = copy(from->entrypoint),
		.cmd = copy(from->cmd),
		.volumes = copy_set(from->volumes),
		.working_dir = xstrdup_null(from->working_dir),
		.stop_signal = xstrdup_null(from->stop_signal),
		.has_stop_timeout = from->stop_timeout.set,
		.stop_timeout = from->stop_timeout.v,
		.shell = copy(from->shell),
		.on_build = copy(from->on_build),
		.args_escaped = from->args_escaped,
		.healthcheck = healthcheck(from->healthcheck),
	};
	for (size_t i = 0; i < from->labels.n; i++)
		oci_pair_add(&to->labels, from->labels.v[i].key, from->labels.v[i].value);
}

/* ---- the container's under it ---- */

static void add_missing(char ***set, char *const *more)
{
	for (size_t i = 0; more && more[i]; i++)
		if (strv_index(*set, more[i]) < 0)
			strv_add(set, more[i]);
	if (*set)
		qsort(*set, strv_len(*set), sizeof(**set), by_text);
}

static bool env_has(char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=");
	for (size_t i = 0; env && env[i]; i++)
		if (strcspn(env[i], "=") == n && !memcmp(env[i], entry, n))
			return true;
	return false;
}

static void default_str(char **slot, const char *value)
{
	if (str_empty(*slot) && !str_empty(value))
		str_replace(slot, value);
}

static void merge_command(struct oci_image_config *to, const struct oci_image_config *under)
{
	if (strv_len(to->entrypoint))
		return;
	if (!strv_len(to->cmd)) {
		strv_free(to->cmd);
		to->cmd = copy(under->cmd);
	}
	if (!to->entrypoint)
		to->entrypoint = copy(under->entrypoint);
}

static void default_number(int64_t *slot, int64_t value)
{
	if (!*slot)
		*slot = value;
}

static void merge_healthcheck(struct oci_image_config *to, const struct oci_image_config *under)
{
	const struct oci_healthcheck *u = under->healthcheck;
	if (!u)
		return;
	if (!to->healthcheck)
		to->healthcheck = xcalloc(1, sizeof(*to->healthcheck));
	struct oci_healthcheck *h = to->healthcheck;
	if (!strv_len(h->test)) {
		strv_free(h->test);
		h->test = copy(u->test);
	}
	default_number(&h->interval, u->interval);
	default_number(&h->timeout, u->timeout);
	default_number(&h->start_period, u->start_period);
	default_number(&h->start_interval, u->start_interval);
	default_number(&h->retries, u->retries);
}

static void merge(struct oci_image_config *to, const struct oci_image_config *under)
{
	default_str(&to->user, under->user);
	add_missing(&to->exposed_ports, under->exposed_ports);
	for (size_t i = 0; under->env && under->env[i]; i++)
		if (!env_has(to->env, under->env[i]))
			strv_add(&to->env, under->env[i]);
	for (size_t i = 0; i < under->labels.count; i++)
		if (!oci_pairs_get(&to->labels, under->labels.v[i].key))
			oci_pair_add(&to->labels, under->labels.v[i].key, under->labels.v[i].value);
	merge_command(to, under);
	merge_healthcheck(to, under);
	default_str(&to->working_dir, under->working_dir);
	add_missing(&to->volumes, under->volumes);
	default_str(&to->stop_signal, under->stop_signal);
}

int commit_config_change(struct oci_image_config *config, char *const *changes, struct err **err)
{
	auto_free char *before = xstrdup_null(config->stop_signal);
	if (oci_image_config_changes(config, changes, err) < 0)
		return -1;
	/* what the container had before is not looked at: dockerd does not either */
	const char *now = config->stop_signal;
	if (!now || str_eq(now, before) || signal_number(now) > 0)
		return 0;
	return err_set(err, ERR_INVALID, "Invalid signal: %.64s", now);
}

int commit_config_make(struct oci_image_config *to, const struct container_config *container,
	const struct container_config *request, char *const *changes, struct err **err)
{
	struct oci_image_config under;
	commit_config_from(to, request ? request : container);
	if (commit_config_change(to, changes, err) < 0) {
		oci_image_config_clear(to);
		return -1;
	}
	commit_config_from(&under, container);
	merge(to, &under);
	oci_image_config_clear(&under);
	return 0;
}
