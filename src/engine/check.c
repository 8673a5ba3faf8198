/* Is what a create asks for sound, and is it built? In Docker's words where Docker has them. */
#include "create.h"

#include "net/files.h"
#include "spec.h"

static int check_restart(const struct host_config *h, struct err **err)
{
	const char *name = h->restart.name;
	bool no = str_empty(name) || str_eq(name, "no");
	bool known = no || str_eq(name, "always") || str_eq(name, "unless-stopped") ||
		     str_eq(name, "on-failure");

	if (!known)
		return err_set(err, ERR_INVALID,
			"invalid restart policy: unknown policy '%s'; use one of 'no', 'always', "
			"'on-failure', or 'unless-stopped'",
			name);
	if (!no && h->auto_remove)
		return err_set(err, ERR_INVALID,
			"can't create 'AutoRemove' container with restart policy");
	if (no && h->restart.max_retry)
		return err_set(err, ERR_INVALID,
			"invalid restart policy: maximum retry count can only be used with "
			"'on-failure'");
	if (!no)
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"restart policy '%s' is not implemented: use 'no'", name);
	return 0;
}

static int check_log(const struct log_config *log, struct err **err)
{
	static const char *const later[] = {"local", "journald", "syslog", "gelf", "fluentd",
		"awslogs", "gcplogs", "splunk", "logentries"};
	static const char *const options[] = {"max-size", "max-file", "mode", "max-buffer-size"};
	static const char *const options_later[] = {
		"compress", "labels", "labels-regex", "env", "env-regex", "tag"};

	for (size_t i = 0; i < ARRAY_LEN(later); i++)
		if (str_eq(log->type, later[i]))
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"log driver '%s' is not implemented: use json-file or none",
				log->type);
	if (str_eq(log->type, "none"))
		return 0;
	if (!str_empty(log->type) && !str_eq(log->type, "json-file"))
		return err_set(err, ERR_INVALID, "logger: no log driver named '%s' is registered",
			log->type);
	for (size_t i = 0; i < log->config.n; i++) {
		const char *key = log->config.v[i].key, *value = log->config.v[i].value;
		int64_t n;
		bool known = false, not_built = false;
		for (size_t k = 0; k < ARRAY_LEN(options); k++)
			known |= str_eq(key, options[k]);
		for (size_t k = 0; k < ARRAY_LEN(options_later); k++)
			not_built |= str_eq(key, options_later[k]);
		if (not_built && !str_empty(value) && !str_eq(value, "false"))
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"log option '%s' is not implemented", key);
		if (!known && !not_built)
			return err_set(err, ERR_INVALID,
				"unknown log opt '%s' for json-file log driver", key);
		if (str_eq(key, "max-size") && !str_eq(value, "-1") &&
			(str_to_size(value, &n) || n <= 0))
			return err_set(err, ERR_INVALID,
				"invalid value for max-size: invalid size: '%s'", value);
		if (str_eq(key, "max-file") && (str_to_i64(value, &n) || n < 1 || n > 1000))
			return err_set(err, ERR_INVALID,
				"invalid value for max-file: '%s' is not a number from 1 to 1000",
				value);
	}
	return 0;
}

static int bad_mode(const char *kind, const char *mode, struct err **err)
{
	return err_set(err, ERR_INVALID, "invalid %s mode: %s", kind, mode);
}

static bool mode_in(const char *mode, const char *const *v, size_t n)
{
	if (str_empty(mode))
		return true;
	for (size_t i = 0; i < n; i++)
		if (str_eq(mode, v[i]))
			return true;
	return false;
}

static bool mode_joins(const char *mode)
{
	const char *other = mode ? str_after(mode, "container:") : NULL;
	return !str_empty(other);
}

static int check_modes(const struct host_config *h, struct err **err)
{
	static const char *const ipc[] = {"host", "none", "private", "shareable"};
	static const char *const host[] = {"host"};
	static const char *const cgroupns[] = {"host", "private"};

	if (!mode_in(h->pid_mode, host, 1) && !mode_joins(h->pid_mode))
		return bad_mode("PID", h->pid_mode, err);
	if (!mode_in(h->ipc_mode, ipc, 4) && !mode_joins(h->ipc_mode))
		return bad_mode("IPC", h->ipc_mode, err);
	if (!mode_in(h->uts_mode, host, 1))
		return bad_mode("UTS", h->uts_mode, err);
	if (!mode_in(h->userns_mode, host, 1))
		return bad_mode("user namespace", h->userns_mode, err);
	if (!mode_in(h->cgroupns_mode, cgroupns, 2))
		return bad_mode("cgroup namespace", h->cgroupns_mode, err);
	return 0;
}

/* What a container that lives in another's network, or in the host's, cannot have. */
static int check_network(
	const struct container_config *c, const struct host_config *h, struct err **err)
{
	bool joined = net_mode(h->network_mode) == NET_MODE_CONTAINER;
	const char *what = NULL;

	if (str_eq(h->uts_mode, "host") && !str_empty(c->hostname))
		return err_set(err, ERR_INVALID, "conflicting options: hostname and the UTS mode");
	if (joined && !str_empty(c->hostname))
		what = "hostname and the network mode";
	else if (joined && strv_len(h->links))
		what = "container type network can't be used with links. This would result in "
		       "undefined behavior";
	else if (joined && strv_len(h->dns))
		what = "dns and the network mode";
	else if (joined && strv_len(h->extra_hosts))
		what = "custom host-to-IP mapping and the network mode";
	else if (joined && (h->port_bindings.n || h->publish_all_ports))
		what = "port publishing and the container type network mode";
	else if (joined && strv_len(c->exposed_ports))
		what = "port exposing and the container type network mode";
	if (what)
		return err_set(err, ERR_INVALID, "conflicting options: %s", what);
	for (size_t i = 0; h->extra_hosts && h->extra_hosts[i]; i++)
		if (net_hosts_check(h->extra_hosts[i], err))
			return -1;
	for (size_t i = 0; h->port_bindings.v && i < h->port_bindings.n; i++) {
		const struct port_map_entry *p = &h->port_bindings.v[i];
		struct net_port port;
		for (size_t k = 0; k < p->bindings.n; k++)
			if (net_port_parse(p->key, p->bindings.v[k].host_ip,
				    p->bindings.v[k].host_port, (struct in_addr){0}, &port, err))
				return -1;
	}
	for (size_t i = 0; c->exposed_ports && c->exposed_ports[i]; i++) {
		uint16_t first, last;
		uint8_t proto;
		if (net_expose_parse(c->exposed_ports[i], &first, &last, &proto, err))
			return -1;
	}
	return 0;
}

static int check_process(
	const struct container_config *c, const struct host_config *h, struct err **err)
{
	uint64_t caps;
	struct spec_security security;

	if (!str_empty(c->working_dir) && c->working_dir[0] != '/')
		return err_set(err, ERR_INVALID,
			"the working directory '%s' is invalid, it needs to be an absolute path",
			c->working_dir);
	for (size_t i = 0; c->env && c->env[i]; i++)
		if (c->env[i][0] == '=' || !c->env[i][0])
			return err_set(
				err, ERR_INVALID, "invalid environment variable: %s", c->env[i]);
	if (!str_empty(c->stop_signal) && signal_number(c->stop_signal) < 0)
		return err_set(err, ERR_INVALID, "Invalid signal: %s", c->stop_signal);
	if (h->oom_score_adj < -1000 || h->oom_score_adj > 1000)
		return err_set(err, ERR_INVALID,
			"Invalid value %lld, range for oom score adj is [-1000, 1000]",
			(long long)h->oom_score_adj);
	if (h->shm_size < 0)
		return err_set(err, ERR_INVALID, "SHM size can not be less than 0");
	if (!str_empty(h->runtime) && !str_eq(h->runtime, "kist") && !str_eq(h->runtime, "runc") &&
		!str_eq(h->runtime, "io.containerd.runc.v2"))
		return err_set(err, ERR_INVALID, "unknown or invalid runtime name: %s", h->runtime);
	if (!str_empty(h->volume_driver) && !str_eq(h->volume_driver, "local"))
		return err_set(err, ERR_NOT_FOUND,
			"error looking up volume plugin %s: plugin \"%s\" not found",
			h->volume_driver, h->volume_driver);
	return spec_caps(&caps, h->cap_add, h->cap_drop, false, 0, err) ||
			       spec_security(&security, h, err)
		       ? -1
		       : 0;
}

int config_check(struct engine *e, const struct container_config *c, const struct host_config *h,
	struct err **err)
{
	if (check_process(c, h, err) || check_restart(h, err) || check_log(&h->log, err) ||
		check_modes(h, err))
		return -1;
	return check_network(c, h, err);
}

static void default_mode(char **slot, const char *value)
{
	if (str_empty(*slot))
		str_replace(slot, value);
}

void host_defaults(struct engine *e, struct host_config *h)
{
	if (str_empty(h->network_mode) || str_eq(h->network_mode, "default"))
		str_replace(&h->network_mode, "bridge");
	default_mode(&h->ipc_mode, "private");
	default_mode(&h->cgroupns_mode, e->cgroup_v2 && !h->privileged ? "private" : "host");
	default_mode(&h->log.type, "json-file");
	default_mode(&h->restart.name, "no");
	default_mode(&h->runtime, "kist");
	spec_hidden_defaults(h);
	if (!h->shm_size)
		h->shm_size = 64 << 20;
	if (h->res.memory > 0 && !h->res.memory_swap)
		h->res.memory_swap = h->res.memory * 2;
	if (h->res.memory_swappiness.set && h->res.memory_swappiness.v == -1)
		h->res.memory_swappiness.set = false;
	if (h->res.oom_kill_disable == TRI_NULL && !e->cgroup_v2)
		h->res.oom_kill_disable = TRI_FALSE;
}
