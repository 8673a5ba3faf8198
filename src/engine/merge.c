/* The image's configuration under the user's. */
#include "create.h"

static bool env_has(char *const *env, const char *entry)
{
	size_t n = strcspn(entry, "=");
	for (size_t i = 0; env && env[i]; i++)
		if (strcspn(env[i], "=") == n && !memcmp(env[i], entry, n))
			return true;
	return false;
}

static void add_missing(char ***v, char *const *more)
{
	for (size_t i = 0; more && more[i]; i++)
		if (strv_index(*v, more[i]) < 0)
			strv_add(v, more[i]);
}

static void merge_command(struct container_config *c, const struct oci_image_config *image)
{
	if (strv_len(c->entrypoint))
		return;
	if (!strv_len(c->cmd)) {
		strv_free(c->cmd);
		c->cmd = image->cmd ? strv_copy(image->cmd) : NULL;
		c->args_escaped = image->args_escaped;
	}
	if (!c->entrypoint && image->entrypoint)
		c->entrypoint = strv_copy(image->entrypoint);
}

static void default_str(char **slot, const char *value)
{
	if (str_empty(*slot) && !str_empty(value))
		str_replace(slot, value);
}

void config_merge(struct container_config *c, const struct oci_image_config *image)
{
	default_str(&c->user, image->user);
	add_missing(&c->exposed_ports, image->exposed_ports);
	for (size_t i = 0; image->env && image->env[i]; i++)
		if (!env_has(c->env, image->env[i]))
			strv_add(&c->env, image->env[i]);
	for (size_t i = 0; i < image->labels.count; i++)
		if (!str_map_get(&c->labels, image->labels.v[i].key))
			str_map_set(&c->labels, image->labels.v[i].key, image->labels.v[i].value);
	merge_command(c, image);
	default_str(&c->working_dir, image->working_dir);
	add_missing(&c->volumes, image->volumes);
	default_str(&c->stop_signal, image->stop_signal);
	if (!c->stop_timeout.set && image->has_stop_timeout) {
		c->stop_timeout.set = true;
		c->stop_timeout.v = image->stop_timeout;
	}
	if (!c->shell && image->shell)
		c->shell = strv_copy(image->shell);
}

int config_command(struct container_doc *doc, struct err **err)
{
	struct container_config *c = &doc->config;
	auto_strv all = NULL;

	/* --entrypoint "" takes the image's away */
	if (strv_len(c->entrypoint) == 1 && str_empty(c->entrypoint[0])) {
		strv_free(c->entrypoint);
		c->entrypoint = NULL;
	}
	for (size_t i = 0; c->entrypoint && c->entrypoint[i]; i++)
		strv_add(&all, c->entrypoint[i]);
	for (size_t i = 0; c->cmd && c->cmd[i]; i++)
		strv_add(&all, c->cmd[i]);
	if (!all || !all[0])
		return err_set(err, ERR_INVALID, "no command specified");
	doc->path = xstrdup(all[0]);
	doc->args = strv_copy(all + 1);
	if (!doc->args)
		doc->args = xcalloc(1, sizeof(char *));
	return 0;
}
