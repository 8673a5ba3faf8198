/* Config and NetworkingConfig of ContainerCreate. */
#include <string.h>

#include "base/json.h"
#include "env.h"
#include "run.h"
#include "spec.h"

static json_t *list_or_null(char *const *v)
{
	return v ? json_strv(v) : json_null();
}

static void put_given(json_t *j, const char *key, const struct args *a, const char *flag)
{
	json_put_str(j, key, flag_str(a, flag));
}

static bool attaches(const struct args *a, const char *stream)
{
	char *const *v = flag_list(a, "attach");
	for (size_t i = 0; v && v[i]; i++)
		if (str_ieq(v[i], stream))
			return true;
	return false;
}

/* Which streams: those of -a; without it stdout and stderr, and stdin with -i. */
static void put_streams(json_t *j, const struct args *a)
{
	bool explicit = flag_given(a, "attach"), interactive = flag_bool(a, "interactive");
	bool detached = a->flags == run_flags && flag_bool(a, "detach");
	bool in = explicit ? attaches(a, "stdin") : interactive && !detached;
	bool out = explicit ? attaches(a, "stdout") : !detached;
	bool errors = explicit ? attaches(a, "stderr") : !detached;
	json_put(j, "AttachStdin", json_boolean(in));
	json_put(j, "AttachStdout", json_boolean(out));
	json_put(j, "AttachStderr", json_boolean(errors));
	json_put(j, "Tty", json_boolean(flag_bool(a, "tty")));
	json_put(j, "OpenStdin", json_boolean(interactive));
	json_put(j, "StdinOnce", json_boolean(interactive && in));
}

static json_t *key_values(char *const *v)
{
	json_t *map = json_object();
	for (size_t i = 0; v && v[i]; i++) {
		const char *eq = strchr(v[i], '=');
		auto_free char *key = xstrndup(v[i], strcspn(v[i], "="));
		json_put_str(map, key, eq ? eq + 1 : "");
	}
	return map;
}

static int put_labels(json_t *j, const struct args *a, struct err **err)
{
	auto_strv labels = NULL;
	if (label_collect(flag_list(a, "label-file"), flag_list(a, "label"), &labels, err) < 0)
		return -1;
	json_put(j, "Labels", key_values(labels));
	return 0;
}

static int put_health(json_t *j, const struct args *a, struct err **err)
{
	static const struct {
		const char *flag, *field;
	} numbers[] = {
		{"health-interval", "Interval"},
		{"health-timeout", "Timeout"},
		{"health-start-period", "StartPeriod"},
		{"health-start-interval", "StartInterval"},
		{"health-retries", "Retries"},
	};
	json_t *health = json_object();
	bool custom = false;
	if (flag_given(a, "health-cmd")) {
		custom = true;
		json_put(health, "Test",
			json_pack("[s, s]", "CMD-SHELL", flag_str(a, "health-cmd")));
	}
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int64_t n = flag_int(a, numbers[i].flag, 0);
		if (n < 0) {
			json_decref(health);
			return err_set(
				err, ERR_INVALID, "--%s cannot be negative", numbers[i].flag);
		}
		if (n)
			json_put(health, numbers[i].field, json_integer(n));
		custom = custom || n;
	}
	bool none = flag_bool(a, "no-healthcheck");
	if (none && custom) {
		json_decref(health);
		return err_set(
			err, ERR_INVALID, "--no-healthcheck conflicts with --health-* options");
	}
	if (none)
		json_put(health, "Test", json_pack("[s]", "NONE"));
	if (none || custom)
		json_put(j, "Healthcheck", health);
	else
		json_decref(health);
	return 0;
}

static json_t *entrypoint(const struct args *a)
{
	const char *given = flag_str(a, "entrypoint");
	/* one empty word resets the image's entrypoint */
	return given ? json_pack("[s]", given) : json_null();
}

static char *const *networks(const struct args *a)
{
	return flag_given(a, "network") ? flag_list(a, "network") : flag_list(a, "net");
}

/* EndpointSettings with every field, as docker's client writes the struct. */
static json_t *endpoint(void)
{
	return json_pack(
		"{s:n, s:n, s:s, s:n, s:n, s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:n}",
		"IPAMConfig", "Links", "MacAddress", "", "Aliases", "DriverOpts", "NetworkID", "",
		"GwPriority", 0, "EndpointID", "", "Gateway", "", "IPAddress", "", "IPPrefixLen", 0,
		"IPv6Gateway", "", "GlobalIPv6Address", "", "GlobalIPv6PrefixLen", 0, "DNSNames");
}

static char *const *aliases(const struct args *a)
{
	return flag_given(a, "network-alias") ? flag_list(a, "network-alias")
					      : flag_list(a, "net-alias");
}

static void put_endpoint_flags(json_t *e, const struct args *a, bool user_defined)
{
	const char *ip = flag_str(a, "ip"), *ip6 = flag_str(a, "ip6");
	if (aliases(a))
		json_put(e, "Aliases", json_strv(aliases(a)));
	if (flag_given(a, "link") && user_defined)
		json_put(e, "Links", json_strv(flag_list(a, "link")));
	if (flag_given(a, "mac-address"))
		put_given(e, "MacAddress", a, "mac-address");
	if (ip || ip6) {
		json_t *ipam = json_object();
		if (ip)
			json_put_str(ipam, "IPv4Address", ip);
		if (ip6)
			json_put_str(ipam, "IPv6Address", ip6);
		json_put(e, "IPAMConfig", ipam);
	}
}

static bool is_user_defined(const char *name)
{
	return !str_eq(name, "default") && !str_eq(name, "bridge") && !str_eq(name, "host") &&
	       !str_eq(name, "none") && !str_starts(name, "container:");
}

static int put_network(json_t *j, const struct args *a, struct err **err)
{
	json_t *endpoints = json_object();
	char *const *all = networks(a);
	if (flag_given(a, "mac-address") && check_mac(flag_str(a, "mac-address"), err) < 0) {
		json_decref(endpoints);
		return -1;
	}
	json_put(j, "NetworkingConfig", json_pack("{s:o}", "EndpointsConfig", endpoints));
	for (size_t i = 0; i < (all ? strv_len(all) : 1); i++) {
		struct spec_network n;
		if (spec_network(all ? all[i] : "default", &n, err) < 0) {
			spec_network_free(&n);
			return -1;
		}
		bool user_defined = is_user_defined(n.name);
		if (i == 0 && aliases(a) && !user_defined) {
			spec_network_free(&n);
			return err_set(err, ERR_INVALID,
				"network-scoped aliases are only supported "
				"for user-defined networks");
		}
		if (user_defined || str_eq(n.name, "default")) {
			json_t *e = endpoint();
			if (i == 0)
				put_endpoint_flags(e, a, user_defined);
			json_object_update(e, n.endpoint);
			json_put(endpoints, n.name, e);
		}
		spec_network_free(&n);
	}
	return 0;
}

static int put_config(json_t *j, const struct args *a, struct err **err)
{
	auto_strv env = NULL;
	if (env_collect(flag_list(a, "env-file"), flag_list(a, "env"), &env, err) < 0)
		return -1;
	put_given(j, "Hostname", a, "hostname");
	put_given(j, "Domainname", a, "domainname");
	put_given(j, "User", a, "user");
	put_streams(j, a);
	json_put(j, "ExposedPorts", json_object());
	json_put(j, "Env", list_or_null(env));
	json_put(j, "Cmd", list_or_null(a->nrest > 1 ? a->rest + 1 : NULL));
	if (put_health(j, a, err) < 0)
		return -1;
	json_put_str(j, "Image", a->rest[0]);
	json_put(j, "Volumes", json_object());
	put_given(j, "WorkingDir", a, "workdir");
	json_put(j, "Entrypoint", entrypoint(a));
	json_put(j, "OnBuild", json_null());
	if (put_labels(j, a, err) < 0)
		return -1;
	if (flag_given(a, "stop-signal"))
		put_given(j, "StopSignal", a, "stop-signal");
	if (flag_given(a, "stop-timeout"))
		json_put(j, "StopTimeout", json_integer(flag_int(a, "stop-timeout", 0)));
	return 0;
}

json_t *run_body(const struct args *a, struct err **err)
{
	auto_json *j = json_object();
	if (put_config(j, a, err) < 0)
		return NULL;
	json_t *host = run_host_config(a, j, err);
	if (!host)
		return NULL;
	json_put(j, "HostConfig", host);
	if (!json_object_size(json_object_get(j, "ExposedPorts")))
		json_object_del(j, "ExposedPorts");
	if (put_network(j, a, err) < 0)
		return NULL;
	return json_incref(j);
}
