#include "options.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stddef.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define DEFAULT_CONFIG "/etc/kist/daemon.json"
enum { CONFIG_MAX = 1 << 20, TRANSFERS_MAX = 32, ATTEMPTS_MAX = 100, TIMEOUT_MAX = 3600 };

enum kind { STRING, LIST, BOOL, NUMBER };

/* In the order in which rows are read. */
struct setting { /* NOLINT(clang-analyzer-optin.performance.Padding) */
	const char *flag;
	char letter;
	const char *key; /* in daemon.json; NULL: a flag only */
	enum kind kind;
	size_t offset;
	const char *value; /* what --help calls it */
	const char *help; /* NULL: not shown */
};

#define S(member) offsetof(struct options, member)
static const struct setting settings[] = {
	{"bip", 0, "bip", STRING, S(bip), "address/prefix",
		"Address of the bridge and its subnet, such as 10.1.0.1/16"},
	{"bridge", 'b', "bridge", STRING, S(bridge), "name",
		"Bridge for containers (default kist0); none: no bridge, containers have a "
		"loopback only"},
	{"cgroup-parent", 0, "cgroup-parent", STRING, S(cgroup_parent), "path",
		"Parent of containers' cgroups (default /kist)"},
	{"certs-dir", 0, "certs-dir", STRING, S(certs_dir), "path",
		"Registries' certificates and hosts.toml (default /etc/kist/certs.d)"},
	{"config-file", 0, NULL, STRING, S(config_file), "path",
		"Settings as JSON (default " DEFAULT_CONFIG ")"},
	{"data-root", 0, "data-root", STRING, S(data_root), "path",
		"What lasts: images, containers, volumes (default /var/lib/kist)"},
	{"debug", 'D', "debug", BOOL, S(debug), NULL, "Log more"},
	{"default-gateway", 0, "default-gateway", STRING, S(default_gateway), "address",
		"Containers' default route (default: the bridge)"},
	{"exec-root", 0, "exec-root", STRING, S(exec_root), "path",
		"What does not outlive a reboot (default /run/kist)"},
	{"fixed-cidr", 0, "fixed-cidr", STRING, S(fixed_cidr), "subnet",
		"Range of containers' addresses"},
	{"group", 'G', "group", STRING, S(group), "name",
		"Group of the unix socket (default kist)"},
	{"help", 'h', NULL, BOOL, S(help), NULL, "Show this text"},
	{"host", 'H', "hosts", LIST, S(hosts), "address",
		"Where to listen: unix://PATH, fd://, tcp://ADDRESS:PORT (may repeat)"},
	{"http-proxy", 0, "proxies.http-proxy", STRING, S(http_proxy), "URL",
		"Proxy to registries on http (default: HTTP_PROXY)"},
	{"https-proxy", 0, "proxies.https-proxy", STRING, S(https_proxy), "URL",
		"Proxy to registries on https (default: HTTPS_PROXY)"},
	{"icc", 0, "icc", BOOL, S(icc), NULL, "Let containers reach each other (default true)"},
	{"init-path", 0, "init-path", STRING, S(init_path), "path",
		"Process 1 of containers with --init (default: kist-init)"},
	{"insecure-tcp", 0, "insecure-tcp", BOOL, S(insecure_tcp), NULL,
		"Serve tcp:// without TLS: whoever can connect is root on this machine"},
	{"insecure-registry", 0, "insecure-registries", LIST, S(insecure_registries), "registry",
		"HOST[:PORT] or subnet to be talked to without TLS, too (may repeat)"},
	{"ip", 0, "ip", STRING, S(ip), "address",
		"Where ports are published if no address is given (default 0.0.0.0)"},
	{"ip-forward", 0, "ip-forward", BOOL, S(ip_forward), NULL,
		"Turn on forwarding (default true)"},
	{"ip-masq", 0, "ip-masq", BOOL, S(ip_masq), NULL,
		"Masquerade what leaves the bridge (default true)"},
	{"iptables", 0, "iptables", BOOL, S(iptables), NULL,
		"Make firewall rules, an nftables table of our own (default true)"},
	{"list-settings", 0, NULL, BOOL, S(list_settings), NULL, NULL},
	{"live-restore", 0, "live-restore", BOOL, S(live_restore), NULL,
		"Containers outlive the daemon (always true)"},
	{"log-level", 'l', "log-level", STRING, S(log_level), "level",
		"debug, info, warn, error or fatal (default info)"},
	{"max-concurrent-downloads", 0, "max-concurrent-downloads", NUMBER, S(max_downloads),
		"count", "Layers that a pull downloads at a time (default 3)"},
	{"max-download-attempts", 0, "max-download-attempts", NUMBER, S(attempts), "count",
		"Attempts in a row, without progress, to fetch or send something (default 6)"},
	{"max-concurrent-uploads", 0, "max-concurrent-uploads", NUMBER, S(max_uploads), "count",
		"Layers that a push uploads at a time (default 5)"},
	{"mtu", 0, "mtu", NUMBER, S(mtu), "bytes",
		"MTU of containers' interfaces (default: the kernel's)"},
	{"no-proxy", 0, "proxies.no-proxy", STRING, S(no_proxy), "list",
		"Hosts and subnets without proxy (default: NO_PROXY)"},
	{"parked-monitors", 0, "parked-monitors", NUMBER, S(parked_monitors), "count",
		"Monitors kept ready for the next containers, 0 to 64 (default 2)"},
	{"pidfile", 'p', "pidfile", STRING, S(pidfile), "path",
		"File for the process id (default /run/kist.pid)"},
	{"registry-mirror", 0, "registry-mirrors", LIST, S(registry_mirrors), "URL",
		"Mirror of Docker Hub, asked first (may repeat)"},
	{"registry-timeout", 0, "registry-timeout", NUMBER, S(registry_timeout), "seconds",
		"How long a registry may be silent, for each attempt (default 60)"},
	{"seccomp-profile", 0, "seccomp-profile", STRING, S(seccomp_profile), "path",
		"Seccomp profile of containers that name none (default: the one installed)"},
	{"storage-driver", 's', "storage-driver", STRING, S(storage_driver), "name",
		"How containers get their files: overlay2, vfs (default: what works)"},
	{"tls", 0, "tls", BOOL, S(tls), NULL, "TLS for tcp:// without client certificates"},
	{"tlscacert", 0, "tlscacert", STRING, S(tlscacert), "path",
		"Clients' certificates are signed by this"},
	{"tlscert", 0, "tlscert", STRING, S(tlscert), "path", "Certificate of this server"},
	{"tlskey", 0, "tlskey", STRING, S(tlskey), "path", "Its key"},
	{"tlsverify", 0, "tlsverify", BOOL, S(tlsverify), NULL,
		"TLS for tcp://, clients must show a certificate"},
	{"version", 'v', NULL, BOOL, S(version), NULL, "Show the version"},
};
enum { SETTING_COUNT = ARRAY_LEN(settings) };

static void *at(struct options *o, const struct setting *s)
{
	return (char *)o + s->offset;
}

void options_help(FILE *out)
{
	fputs("Usage: kistd [OPTIONS]\n\nThe daemon of kist, a container engine.\n\nOptions:\n",
		out);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = &settings[i];
		char left[64];
		if (!s->help)
			continue;
		snprintf(left, sizeof(left), "%c%c%s --%s %s", s->letter ? '-' : ' ',
			s->letter ? s->letter : ' ', s->letter ? "," : " ", s->flag,
			s->value ? s->value : "");
		fprintf(out, "  %-34s %s\n", left, s->help);
	}
}

void options_keys(FILE *out)
{
	static const char *const kinds[] = {[STRING] = "string",
		[LIST] = "list of strings",
		[BOOL] = "true or false",
		[NUMBER] = "number"};
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		const struct setting *s = &settings[i];
		/* "number of seconds": a flag names its unit as its value */
		bool unit = s->kind == NUMBER && !str_eq(s->value, "count");
		if (s->key)
			fprintf(out, "%s\t%s%s%s\t%s\n", s->key, kinds[s->kind], unit ? " of " : "",
				unit ? s->value : "", s->help);
	}
}

/* ---- flags ---- */

static int set_text(struct options *o, const struct setting *s, const char *text, struct err **err)
{
	switch (s->kind) {
	case STRING:
		str_replace(at(o, s), text);
		return 0;
	case LIST:
		strv_add(at(o, s), text);
		return 0;
	case NUMBER:
		if (str_to_i64(text, at(o, s)) == 0)
			return 0;
		return err_set(err, ERR_INVALID, "invalid argument \"%s\" for --%s: not a number",
			text, s->flag);
	case BOOL:
		if (str_to_bool(text, at(o, s)) == 0)
			return 0;
		return err_set(err, ERR_INVALID,
			"invalid argument \"%s\" for --%s: neither true nor false", text, s->flag);
	}
	return 0;
}

static const struct setting *by_flag(const char *name, size_t n)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (strlen(settings[i].flag) == n && strncmp(settings[i].flag, name, n) == 0)
			return &settings[i];
	return NULL;
}

static const struct setting *by_letter(char letter)
{
	for (size_t i = 0; letter && i < SETTING_COUNT; i++)
		if (settings[i].letter == letter)
			return &settings[i];
	return NULL;
}

static const struct setting *by_key(const char *key)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
		if (str_eq(settings[i].key, key))
			return &settings[i];
	return NULL;
}

/* One argument, and the next one if it is the value. */
static int read_flag(struct options *o, char ***argv, const char **given, struct err **err)
{
	const char *arg = *(*argv)++;
	const char *value = NULL;
	const struct setting *s;
	if (arg[0] != '-' || !arg[1])
		return err_set(
			err, ERR_INVALID, "unexpected argument \"%s\": see kistd --help", arg);
	if (arg[1] == '-') {
		size_t n = strcspn(arg + 2, "=");
		s = by_flag(arg + 2, n);
		value = arg[2 + n] ? arg + 3 + n : NULL;
	} else {
		s = by_letter(arg[1]);
		value = arg[2] ? arg + 2 + (arg[2] == '=') : NULL;
	}
	if (!s)
		return err_set(err, ERR_INVALID, "unknown flag: %s: see kistd --help", arg);
	if (!value && s->kind == BOOL)
		value = "true";
	if (!value)
		value = **argv ? *(*argv)++ : NULL;
	if (!value)
		return err_set(err, ERR_INVALID, "flag needs an argument: --%s", s->flag);
	given[s - settings] = value;
	return set_text(o, s, value, err);
}

/* ---- the file ---- */

/* Go's names of JSON's types, as encoding/json has them in its errors; a fraction with its digits. */
static char *kind_of(const json_t *v)
{
	if (json_is_real(v))
		return xasprintf("number %.15g", json_real_value(v));
	return xstrdup(json_is_string(v)    ? "string"
		       : json_is_boolean(v) ? "bool"
		       : json_is_integer(v) ? "number"
		       : json_is_array(v)   ? "array"
		       : json_is_object(v)  ? "object"
					    : "null");
}

/* In dockerd's words, which scripts and people's searches know. */
static int wrong_type(
	const struct setting *s, const json_t *v, const char *wanted, struct err **err)
{
	auto_free char *kind = kind_of(v);
	return err_set(err, ERR_INVALID,
		"json: cannot unmarshal %s into Go struct field Config.%s of type %s", kind, s->key,
		wanted);
}

static int set_list(struct options *o, const struct setting *s, const json_t *v, struct err **err)
{
	for (size_t i = 0; i < json_array_size(v); i++) {
		const json_t *item = json_array_get(v, i);
		if (!json_is_string(item) && !json_is_null(item))
			return wrong_type(s, item, "string", err);
		strv_add(at(o, s), json_is_string(item) ? json_string_value(item) : "");
	}
	return 0;
}

static int set_json(struct options *o, const struct setting *s, const json_t *v, struct err **err)
{
	static const char *const wanted[] = {
		[STRING] = "string", [LIST] = "[]string", [BOOL] = "bool", [NUMBER] = "int"};
	bool good = (s->kind == STRING && json_is_string(v)) ||
		    (s->kind == BOOL && json_is_boolean(v)) ||
		    (s->kind == NUMBER && json_is_integer(v)) ||
		    (s->kind == LIST && json_is_array(v));
	if (json_is_null(v))
		return 0; /* as if it was not there */
	if (!good)
		return wrong_type(s, v, wanted[s->kind], err);
	if (s->kind == LIST)
		return set_list(o, s, v, err);
	if (s->kind == BOOL)
		*(bool *)at(o, s) = json_is_true(v);
	else if (s->kind == NUMBER)
		*(int64_t *)at(o, s) = json_integer_value(v);
	else
		str_replace(at(o, s), json_string_value(v));
	return 0;
}

static char *conflict(const char *key, const char *flag, const json_t *value)
{
	auto_buf text = BUF_INIT;
	if (json_is_string(value))
		buf_adds(&text, json_string_value(value));
	else
		json_write(value, &text);
	return xasprintf("%s: (from flag: %s, from file: %s)", key, flag, buf_str(&text));
}

/* Every unknown key and every conflict is named, not only the first. @given: the flags' texts. */
static int check_keys(const json_t *doc, const char *const *given, struct err **err)
{
	auto_strv unknown = NULL;
	auto_strv twice = NULL;
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)doc, key, value)
	{
		const struct setting *s = by_key(key);
		if (!s)
			strv_add(&unknown, key);
		else if (given[s - settings])
			strv_take(&twice, conflict(key, given[s - settings], value));
	}
	auto_free char *names = strv_join(unknown ? unknown : twice, ", ");
	if (unknown)
		return err_set(err, ERR_INVALID,
			"the following directives don't match any configuration option: %s", names);
	if (twice)
		return err_set(err, ERR_INVALID,
			"the following directives are specified both as a flag and in the "
			"configuration file: %s",
			names);
	return 0;
}

/* dockerd has its proxies in an object: {"proxies": {"http-proxy": ...}} is the key "proxies.http-proxy" here. */
static int unfold_proxies(json_t *doc, struct err **err)
{
	const char *key;
	json_t *value;
	auto_json *proxies = json_incref(json_object_get(doc, "proxies"));
	if (!proxies)
		return 0;
	if (!json_is_object(proxies))
		return err_set(err, ERR_INVALID, "proxies: must be an object");
	json_object_del(doc, "proxies");
	json_object_foreach(proxies, key, value)
	{
		auto_free char *name = xasprintf("proxies.%s", key);
		json_object_set(doc, name, value);
	}
	return 0;
}

static int read_file(struct options *o, const char *const *given, bool must_exist, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_err *e = NULL;
	if (file_read_given(o->config_file, CONFIG_MAX, &text, &e) < 0) {
		if (!must_exist && (e->sys == ENOENT || e->kind == ERR_NOT_FOUND))
			return 0;
		return err_move(err, &e);
	}
	auto_json *doc = json_parse(text.data, text.len, o->config_file, err);
	if (!doc)
		return -1;
	if (!json_is_object(doc)) {
		auto_free char *kind = kind_of(doc);
		return err_set(err, ERR_INVALID,
			"unable to configure the daemon with file %s: json: cannot unmarshal %s "
			"into "
			"Go value of type map[string]interface {}",
			o->config_file, kind);
	}
	if (unfold_proxies(doc, err) < 0 || check_keys(doc, given, err) < 0)
		return err_wrap(err, "unable to configure the daemon with file %s", o->config_file);
	const char *key;
	json_t *value;
	json_object_foreach(
		doc, key, value) if (set_json(o, by_key(key), value, err) < 0) return err_wrap(err,
		"unable to configure the daemon with file %s", o->config_file);
	return 0;
}

/* ---- together ---- */

static void set_defaults(struct options *o)
{
	*o = (struct options){.icc = true,
		.ip_forward = true,
		.ip_masq = true,
		.iptables = true,
		.parked_monitors = 2,
		.max_downloads = 3,
		.max_uploads = 5,
		.attempts = 6,
		.registry_timeout = 60,
		.live_restore = true};
	o->config_file = xstrdup(DEFAULT_CONFIG);
	o->data_root = xstrdup("/var/lib/kist");
	o->exec_root = xstrdup("/run/kist");
	o->pidfile = xstrdup("/run/kist.pid");
	o->log_level = xstrdup("info");
}

static int check_path(const char *name, const char *path, struct err **err)
{
	if (path && path[0] != '/')
		return err_set(err, ERR_INVALID, "%s: \"%s\" is not an absolute path", name, path);
	return 0;
}

static int check_address(const char *name, const char *text, struct err **err)
{
	struct in_addr address;
	if (text && inet_pton(AF_INET, text, &address) != 1)
		return err_set(err, ERR_INVALID, "%s: \"%s\" is not an IPv4 address", name, text);
	return 0;
}

/* "address/prefix" */
static int check_subnet(const char *name, const char *text, struct err **err)
{
	if (!text)
		return 0;
	size_t n = strcspn(text, "/");
	auto_free char *address = xstrndup(text, n);
	struct in_addr ignored;
	uint32_t prefix;
	if (text[n] != '/' || inet_pton(AF_INET, address, &ignored) != 1 ||
		str_to_u32(text + n + 1, &prefix) < 0 || prefix > 32)
		return err_set(err, ERR_INVALID, "%s: invalid CIDR address \"%s\"", name, text);
	return 0;
}

static int check(const struct options *o, struct err **err)
{
	enum log_level level;
	if (log_level_parse(o->log_level, &level) < 0)
		return err_set(err, ERR_INVALID, "invalid log-level: \"%s\"", o->log_level);
	if (check_path("data-root", o->data_root, err) < 0 ||
		check_path("exec-root", o->exec_root, err) < 0 ||
		check_path("certs-dir", o->certs_dir, err) < 0 ||
		check_path("init-path", o->init_path, err) < 0 ||
		check_path("seccomp-profile", o->seccomp_profile, err) < 0 ||
		check_subnet("bip", o->bip, err) < 0 ||
		check_subnet("fixed-cidr", o->fixed_cidr, err) < 0 ||
		check_address("default-gateway", o->default_gateway, err) < 0 ||
		check_address("ip", o->ip, err) < 0)
		return -1;
	if (o->mtu < 0 || o->mtu > 65535)
		return err_set(err, ERR_INVALID, "mtu: %lld is out of range", (long long)o->mtu);
	if (o->parked_monitors < 0 || o->parked_monitors > 64)
		return err_set(err, ERR_INVALID, "parked-monitors: must be between 0 and 64");
	if (o->max_downloads < 1 || o->max_downloads > TRANSFERS_MAX)
		return err_set(err, ERR_INVALID,
			"max-concurrent-downloads: must be between 1 and %d", TRANSFERS_MAX);
	if (o->max_uploads < 1 || o->max_uploads > TRANSFERS_MAX)
		return err_set(err, ERR_INVALID, "max-concurrent-uploads: must be between 1 and %d",
			TRANSFERS_MAX);
	if (o->attempts < 1 || o->attempts > ATTEMPTS_MAX)
		return err_set(err, ERR_INVALID, "max-download-attempts: must be between 1 and %d",
			ATTEMPTS_MAX);
	if (o->registry_timeout < 1 || o->registry_timeout > TIMEOUT_MAX)
		return err_set(err, ERR_INVALID, "registry-timeout: must be between 1 and %d",
			TIMEOUT_MAX);
	if (!o->live_restore)
		return err_set(err, ERR_INVALID,
			"live-restore: containers always outlive the daemon; false is not "
			"possible");
	return 0;
}

int options_load(struct options *o, char **argv, struct err **err)
{
	const char *given[SETTING_COUNT] = {NULL};
	set_defaults(o);
	for (argv++; *argv;)
		if (read_flag(o, &argv, given, err) < 0)
			return -1;
	if (o->help || o->version || o->list_settings)
		return 0;
	bool must_exist = given[by_flag("config-file", strlen("config-file")) - settings] != NULL;
	if (read_file(o, given, must_exist, err) < 0)
		return -1;
	return check(o, err);
}

static void swap_text(char **a, char **b)
{
	char *was = *a;
	*a = *b;
	*b = was;
}

static void swap_list(char ***a, char ***b)
{
	char **was = *a;
	*a = *b;
	*b = was;
}

static void swap_number(int64_t *a, int64_t *b)
{
	int64_t was = *a;
	*a = *b;
	*b = was;
}

void options_exchange(struct options *a, struct options *b)
{
	bool debug = a->debug;
	a->debug = b->debug;
	b->debug = debug;
	swap_number(&a->max_downloads, &b->max_downloads);
	swap_number(&a->max_uploads, &b->max_uploads);
	swap_number(&a->attempts, &b->attempts);
	swap_number(&a->registry_timeout, &b->registry_timeout);
	swap_text(&a->log_level, &b->log_level);
	swap_text(&a->certs_dir, &b->certs_dir);
	swap_text(&a->http_proxy, &b->http_proxy);
	swap_text(&a->https_proxy, &b->https_proxy);
	swap_text(&a->no_proxy, &b->no_proxy);
	swap_list(&a->registry_mirrors, &b->registry_mirrors);
	swap_list(&a->insecure_registries, &b->insecure_registries);
}

void options_free(struct options *o)
{
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		if (settings[i].kind == STRING)
			mem_freep(at(o, &settings[i]));
		else if (settings[i].kind == LIST)
			strv_freep(at(o, &settings[i]));
	}
}
