#include "config.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "base/str.h"

#define DEFAULT_CERTS "/etc/kist/certs.d"
#define HOST_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]"

static const struct registry_limits default_limits = {
	.connect_ms = 30000,
	.answer_ms = 60000,
	.stall_ms = 60000,
	.pause_ms = 500,
	.attempts = 6,
};

/* ---- freeing ---- */

static void config_free(struct config *c)
{
	for (size_t i = 0; i < c->subnet_count; i++)
		free(c->subnets[i].text);
	free(c->subnets);
	strv_free(c->mirrors);
	strv_free(c->insecure_hosts);
	free(c->program);
	free(c->certs_dir);
	free(c->user_agent);
	free(c->http_proxy);
	free(c->https_proxy);
	free(c->no_proxy);
	free(c);
}

static void config_freep(struct config **c)
{
	if (*c)
		config_free(*c);
}

/* ---- options ---- */

/* As dockerd's ValidateMirror: a scheme, a host, nothing else. */
static int add_mirror(struct config *c, const char *text, struct err **err)
{
	const char *host = str_after(text, "https://");
	if (!host)
		host = str_after(text, "http://");
	if (!host)
		return err_set(err, ERR_INVALID,
			"invalid mirror: unsupported scheme in \"%s\" (http or https)", text);
	size_t n = strcspn(host, "/?#");
	if (host[n] && !str_eq(host + n, "/"))
		return err_set(err, ERR_INVALID,
			"invalid mirror: path, query, or fragment at end of the URI \"%s\"", text);
	auto_free char *name = xstrndup(host, n);
	if (strchr(name, '@'))
		return err_set(err, ERR_INVALID,
			"invalid mirror: username/password not allowed in URI \"%s\"", text);
	if (!str_all_of(name, HOST_CHARS, 1, 300))
		return err_set(err, ERR_INVALID, "invalid mirror: \"%s\" is not a valid URI", text);
	strv_take(&c->mirrors, xasprintf("%.*s/", (int)(host - text + (ptrdiff_t)n), text));
	return 0;
}

static void cut_host_bits(struct subnet *s)
{
	unsigned bytes = s->family == AF_INET ? 4 : 16;
	for (unsigned i = 0; i < bytes; i++) {
		unsigned left = s->bits > i * 8 ? s->bits - i * 8 : 0;
		if (left < 8)
			s->address[i] &= (unsigned char)(0xff00 >> left);
	}
}

/* Not a subnet: false. */
static bool add_subnet(struct config *c, const char *text)
{
	struct subnet s = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	char shown[INET6_ADDRSTRLEN];
	size_t n = strcspn(text, "/");
	auto_free char *address = xstrndup(text, n);
	if (!text[n] || inet_pton(s.family, address, s.address) != 1 ||
		str_to_u32(text + n + 1, &s.bits) < 0 || s.bits > (s.family == AF_INET ? 32 : 128))
		return false;
	cut_host_bits(&s);
	inet_ntop(s.family, s.address, shown, sizeof(shown));
	s.text = xasprintf("%s/%u", shown, s.bits);
	for (size_t i = 0; i < c->subnet_count; i++) {
		if (str_eq(c->subnets[i].text, s.text)) {
			free(s.text);
			return true;
		}
	}
	c->subnets = xreallocarray(c->subnets, c->subnet_count + 1, sizeof(*c->subnets));
	c->subnets[c->subnet_count++] = s;
	return true;
}

static int add_insecure(struct config *c, const char *text, struct err **err)
{
	const char *host = str_after(text, "http://");
	if (!host)
		host = str_after(text, "https://");
	if (!host)
		host = text;
	if (add_subnet(c, host))
		return 0;
	size_t n = strlen(host);
	auto_free char *name = xstrndup(host, n && host[n - 1] == '/' ? n - 1 : n);
	if (!str_all_of(name, HOST_CHARS, 1, 300) || *name == '-')
		return err_set(err, ERR_INVALID,
			"insecure registry %s is not valid: invalid host \"%s\"", text, host);
	if (strv_index(c->insecure_hosts, name) < 0)
		strv_add(&c->insecure_hosts, name);
	return 0;
}

static char *proxy_option(const char *given, const char *upper, const char *lower)
{
	const char *value = given ? given : getenv(upper);
	if (!value)
		value = getenv(lower);
	return xstrdup(value ? value : "");
}

static struct registry_limits limits_of(const struct registry_limits *given)
{
	struct registry_limits l = given ? *given : default_limits;
	l.connect_ms = l.connect_ms ? l.connect_ms : default_limits.connect_ms;
	l.answer_ms = l.answer_ms ? l.answer_ms : default_limits.answer_ms;
	l.stall_ms = l.stall_ms ? l.stall_ms : default_limits.stall_ms;
	l.pause_ms = l.pause_ms ? l.pause_ms : default_limits.pause_ms;
	l.attempts = l.attempts ? l.attempts : default_limits.attempts;
	return l;
}

struct config *config_make(const struct registry_options *o, struct err **err)
{
	__attribute__((cleanup(config_freep))) struct config *c = xcalloc(1, sizeof(*c));
	c->program = xstrdup_null(o->program);
	c->certs_dir = xstrdup(o->certs_dir ? o->certs_dir : DEFAULT_CERTS);
	c->user_agent = xstrdup(o->user_agent ? o->user_agent : "kist");
	c->http_proxy = proxy_option(o->http_proxy, "HTTP_PROXY", "http_proxy");
	c->https_proxy = proxy_option(o->https_proxy, "HTTPS_PROXY", "https_proxy");
	c->no_proxy = proxy_option(o->no_proxy, "NO_PROXY", "no_proxy");
	c->limits = limits_of(o->limits);
	for (char *const *m = o->mirrors; m && *m; m++)
		if (add_mirror(c, *m, err) < 0)
			return NULL;
	for (char *const *i = o->insecure; i && *i; i++)
		if (add_insecure(c, *i, err) < 0)
			return NULL;
	add_subnet(c, "127.0.0.0/8");
	add_subnet(c, "::1/128");
	if (str_empty(c->program) || c->certs_dir[0] != '/') {
		err_set(err, ERR_INVALID,
			"the paths of kist-registry and of certs.d must be absolute");
		return NULL;
	}
	return steal_ptr(c);
}

/* ---- the registry client ---- */

struct registry *registry_open(const struct registry_options *options, struct err **err)
{
	struct config *c = config_make(options, err);
	if (!c)
		return NULL;
	struct registry *r = xcalloc(1, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	r->config = c;
	c->references = 1;
	return r;
}

void registry_close(struct registry *r)
{
	if (!r)
		return;
	config_put(r, r->config);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct config *config_get(struct registry *r)
{
	pthread_mutex_lock(&r->lock);
	struct config *c = r->config;
	c->references++;
	pthread_mutex_unlock(&r->lock);
	return c;
}

void config_put(struct registry *r, struct config *c)
{
	pthread_mutex_lock(&r->lock);
	unsigned left = --c->references;
	pthread_mutex_unlock(&r->lock);
	if (!left)
		config_free(c);
}

int registry_reconfigure(
	struct registry *r, const struct registry_options *options, struct err **err)
{
	struct config *c = config_make(options, err);
	if (!c)
		return -1;
	c->references = 1;
	pthread_mutex_lock(&r->lock);
	struct config *old = r->config;
	r->config = c;
	pthread_mutex_unlock(&r->lock);
	config_put(r, old);
	return 0;
}

/* ---- what it says ---- */

static bool in_subnet(const struct subnet *s, int family, const unsigned char *address)
{
	if (s->family != family || memcmp(s->address, address, s->bits / 8) != 0)
		return false;
	unsigned char mask = (unsigned char)(0xff00 >> (s->bits % 8));
	return s->bits % 8 == 0 ||
	       (s->address[s->bits / 8] & mask) == (address[s->bits / 8] & mask);
}

/* The host without port and brackets. New string. */
static char *without_port(const char *host)
{
	if (*host == '[')
		return xstrndup(host + 1, strcspn(host + 1, "]"));
	return xstrndup(host, strcspn(host, ":"));
}

bool config_insecure(const struct config *c, const char *host)
{
	unsigned char address[16] = {127, 0, 0, 1};
	if (strv_index(c->insecure_hosts, host) >= 0)
		return true;
	auto_free char *name = without_port(host);
	int family = inet_pton(AF_INET6, name, address) == 1 ? AF_INET6 : AF_INET;
	if (family == AF_INET && !str_ieq(name, "localhost") &&
		inet_pton(AF_INET, name, address) != 1)
		return false;
	for (size_t i = 0; i < c->subnet_count; i++)
		if (in_subnet(&c->subnets[i], family, address))
			return true;
	return false;
}

/* "http://user:secret@proxy" without user and secret (either may be a token), as dockerd; NULL for none. */
static char *masked(const char *proxy)
{
	if (!*proxy)
		return NULL;
	const char *start = strstr(proxy, "://");
	start = start ? start + 3 : proxy;
	const char *at = strrchr(start, '@');
	if (!at)
		return xstrdup(proxy);
	return xasprintf("%.*sxxxxx:xxxxx%s", (int)(start - proxy), proxy, at);
}

void registry_info(struct registry *r, struct registry_info *out)
{
	struct config *c = config_get(r);
	*out = (struct registry_info){
		.mirrors = strv_copy(c->mirrors),
		.insecure_hosts = strv_copy(c->insecure_hosts),
		.http_proxy = masked(c->http_proxy),
		.https_proxy = masked(c->https_proxy),
		.no_proxy = *c->no_proxy ? xstrdup(c->no_proxy) : NULL,
	};
	for (size_t i = 0; i < c->subnet_count; i++)
		strv_add(&out->insecure_cidrs, c->subnets[i].text);
	config_put(r, c);
}

void registry_info_free(struct registry_info *info)
{
	strv_free(info->mirrors);
	strv_free(info->insecure_cidrs);
	strv_free(info->insecure_hosts);
	free(info->http_proxy);
	free(info->https_proxy);
	free(info->no_proxy);
	*info = (struct registry_info){0};
}
