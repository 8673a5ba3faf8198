/* containerd's hosts.toml (docs/hosts.md of containerd 1.6 and later). */
#include "config.h"

#include <fcntl.h>
#include <strings.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "toml.h"

#define EVERYTHING (ENDPOINT_PULL | ENDPOINT_RESOLVE | ENDPOINT_PUSH)

/* What a table is read for. */
struct hosts {
	const char *file, *domain;
	int dir;
	struct err **err;
};

/* @key: "" where the table itself is wrong. */
static int wrong(const struct hosts *h, const char *url, const char *key, const char *problem)
{
	return err_set(h->err, ERR_INVALID, "%s: host \"%s\": %s%s%s", h->file, url, key,
		*key ? " " : "", problem);
}

/* ---- URLs ---- */

/* "https://host[:port]/path" or "host[:port]", with "/v2" unless told otherwise. NULL if malformed. */
static char *make_url(const char *text, bool override_path)
{
	const char *host = str_after(text, "https://");
	bool plain = !host && str_after(text, "http://");
	if (!host)
		host = plain ? text + 7 : text;
	size_t n = strcspn(host, "/");
	size_t path = strcspn(host + n, "?#");
	if (!n || host[n + path] || strchr(host, '@') || strstr(host, "://") ||
		strpbrk(host, " \t\r\n\"<>\\^`{|}"))
		return NULL;
	while (path && host[n + path - 1] == '/')
		path--;
	auto_free char *base = xasprintf("http%s://%.*s", plain ? "" : "s", (int)(n + path), host);
	return xasprintf("%s%s", base, override_path || str_ends(base, "/v2") ? "" : "/v2");
}

/* Credentials are for the registry itself, under whichever entry it stands. */
static bool is_home(const char *url, const char *domain)
{
	auto_free char *home = registry_home(domain);
	const char *host = strstr(url, "://") + 3;
	const char *name = strstr(home, "://") + 3;
	size_t n = strlen(name);
	return strncasecmp(host, name, n) == 0 && (host[n] == '/' || !host[n]);
}

/* ---- members ---- */

static int read_capabilities(
	const struct hosts *h, const char *url, const json_t *v, uint32_t *flags)
{
	size_t i;
	const json_t *item;
	*flags = v && json_array_size(v) ? 0 : EVERYTHING;
	if (v && !json_is_array(v))
		return wrong(h, url, "capabilities", "must be a list");
	json_array_foreach(v, i, item)
	{
		const char *name = json_is_string(item) ? json_string_value(item) : "";
		if (strcasecmp(name, "pull") == 0)
			*flags |= ENDPOINT_PULL;
		else if (strcasecmp(name, "resolve") == 0)
			*flags |= ENDPOINT_RESOLVE;
		else if (strcasecmp(name, "push") == 0)
			*flags |= ENDPOINT_PUSH;
		else
			return wrong(h, url, "capabilities", "may be pull, resolve and push");
	}
	return 0;
}

static int read_bool(
	const struct hosts *h, const char *url, const json_t *table, const char *key, bool *out)
{
	const json_t *v = json_object_get(table, key);
	*out = json_is_true(v);
	return !v || json_is_boolean(v) ? 0 : wrong(h, url, key, "must be true or false");
}

/* Names are relative to the folder of hosts.toml. */
static int read_file(const struct hosts *h, const char *url, const json_t *name, struct buf *to)
{
	if (!json_is_string(name))
		return wrong(h, url, "ca and client", "must name files");
	if (certs_read(h->dir, json_string_value(name), to, h->err) < 0)
		return err_wrap(h->err, "%s: host \"%s\"", h->file, url);
	return 0;
}

static int read_ca(const struct hosts *h, const json_t *v, struct place *p)
{
	size_t i;
	const json_t *item;
	if (!v)
		return 0;
	if (!json_is_array(v))
		return read_file(h, p->url, v, &p->ca);
	json_array_foreach(v, i, item) if (read_file(h, p->url, item, &p->ca) < 0) return -1;
	return 0;
}

/* "file with both", or ["certificate", "key"]. */
static int add_client(const struct hosts *h, const json_t *v, struct place *p)
{
	size_t i;
	const json_t *item;
	p->clients = xreallocarray(p->clients, p->client_count + 1, sizeof(*p->clients));
	struct buf *pem = &p->clients[p->client_count++];
	*pem = (struct buf)BUF_INIT;
	if (!json_is_array(v))
		return read_file(h, p->url, v, pem);
	if (json_array_size(v) > 2)
		return wrong(h, p->url, "client", "has pairs of certificate and key");
	json_array_foreach(v, i, item)
	{
		/* ["both", ""] is a file with both */
		if (i && str_empty(json_string_value(item)) && json_is_string(item))
			continue;
		if (read_file(h, p->url, item, pem) < 0)
			return -1;
	}
	return 0;
}

static int read_client(const struct hosts *h, const json_t *v, struct place *p)
{
	size_t i;
	const json_t *item;
	if (!v)
		return 0;
	if (!json_is_array(v))
		return add_client(h, v, p);
	json_array_foreach(v, i, item) if (add_client(h, item, p) < 0) return -1;
	return 0;
}

static int add_header(const struct hosts *h, struct place *p, const char *name, const json_t *v)
{
	const char *value = json_string_value(v);
	if (!value || strpbrk(value, "\r\n") || strpbrk(name, " \t\r\n:") || !*name)
		return wrong(h, p->url, "header", "must be one line of text");
	strv_take(&p->headers, xasprintf("%s: %s", name, value));
	return 0;
}

static int read_headers(const struct hosts *h, json_t *v, struct place *p)
{
	const char *name;
	json_t *value;
	if (v && !json_is_object(v))
		return wrong(h, p->url, "header", "must be a table");
	json_object_foreach(v, name, value)
	{
		size_t i;
		const json_t *item;
		if (!json_is_array(value) && add_header(h, p, name, value) < 0)
			return -1;
		json_array_foreach(value, i, item) if (add_header(h, p, name, item) < 0) return -1;
	}
	return 0;
}

static int read_timeout(const struct hosts *h, const json_t *v, struct place *p)
{
	int64_t ns;
	if (!v)
		return 0;
	if (time_parse_duration(json_is_string(v) ? json_string_value(v) : "", &ns) < 0 ||
		ns < 1000000 || ns > 3600 * TIME_NS_PER_SEC)
		return wrong(h, p->url, "dial_timeout", "must be a duration such as \"5s\"");
	p->connect_ms = (uint32_t)(ns / 1000000);
	return 0;
}

static int check_keys(const struct hosts *h, const char *url, json_t *table, bool root)
{
	static const char *const known[] = {"capabilities", "ca", "client", "skip_verify", "header",
		"override_path", "dial_timeout"};
	const char *key;
	json_t *v;
	json_object_foreach(table, key, v)
	{
		bool good = root && (str_eq(key, "server") || str_eq(key, "host"));
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			good |= str_eq(key, known[i]);
		if (!good)
			return wrong(h, url, key, "is not known here");
	}
	return 0;
}

/* ---- hosts ---- */

/* What a table says of @p, whose URL and flags are there. */
static int describe(const struct hosts *h, json_t *table, struct place *p)
{
	bool skip_verify;
	if (read_bool(h, p->url, table, "skip_verify", &skip_verify) < 0 ||
		read_ca(h, json_object_get(table, "ca"), p) < 0 ||
		read_client(h, json_object_get(table, "client"), p) < 0 ||
		read_headers(h, json_object_get(table, "header"), p) < 0)
		return -1;
	p->flags |= skip_verify ? ENDPOINT_SKIP_VERIFY : 0;
	return read_timeout(h, json_object_get(table, "dial_timeout"), p);
}

static int add_place(
	const struct hosts *h, const char *text, json_t *table, bool server, struct places *out)
{
	bool override_path;
	uint32_t flags;
	if (!json_is_object(table))
		return wrong(h, text, "", "must be a table");
	if (check_keys(h, text, table, server) < 0 ||
		read_bool(h, text, table, "override_path", &override_path) < 0 ||
		read_capabilities(h, text, json_object_get(table, "capabilities"), &flags) < 0)
		return -1;
	char *url = make_url(text, override_path);
	if (!url)
		return wrong(h, text, "", "is not a URL of http or https");
	return describe(h, table,
		places_add(out, url,
			flags | (server ? 0 : ENDPOINT_MIRROR) |
				(is_home(url, h->domain) ? ENDPOINT_CREDENTIALS : 0)));
}

/* Without a server, what stands outside the hosts' tables is about the registry itself, which takes everything. */
static int add_home(const struct hosts *h, json_t *root, struct places *home)
{
	bool ignored;
	uint32_t flags;
	auto_free char *url = registry_home(h->domain);
	if (check_keys(h, url, root, true) < 0 ||
		read_bool(h, url, root, "override_path", &ignored) < 0 ||
		read_capabilities(h, url, json_object_get(root, "capabilities"), &flags) < 0)
		return -1;
	return describe(h, root, places_add(home, steal_ptr(url), 0));
}

int hosts_parse(const char *text, size_t n, const char *file, int dir, const char *domain,
	struct places *out, struct places *home, struct err **err)
{
	struct hosts h = {file, domain, dir, err};
	auto_json *root = toml_parse(text, n, file, err);
	const char *name;
	json_t *table;
	if (!root)
		return -1;
	json_t *hosts = json_object_get(root, "host");
	const json_t *s = json_object_get(root, "server");
	if (hosts && !json_is_object(hosts))
		return err_set(err, ERR_INVALID, "%s: host must be tables", file);
	if (s && !json_is_string(s))
		return err_set(err, ERR_INVALID, "%s: server must be a string", file);
	if (json_object_size(hosts) > REGISTRY_ENDPOINTS_MAX)
		return err_set(err, ERR_INVALID, "%s: too many hosts", file);
	json_object_foreach(
		hosts, name, table) if (add_place(&h, name, table, false, out) < 0) return -1;
	if (!s || str_empty(json_string_value(s)))
		return add_home(&h, root, home);
	return add_place(&h, json_string_value(s), root, true, out);
}
