#include "proxy.h"

#include <arpa/inet.h>

#include "base/mem.h"
#include "base/str.h"

struct where {
	char *host; /* without brackets */
	char *port;
	bool https;
	int family; /* 0: a name */
	unsigned char addr[16];
};

static int parse_url(const char *url, struct where *w)
{
	CURLU *u = curl_url();
	char *scheme = NULL;
	char *host = NULL;
	char *port = NULL;
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
		curl_url_get(u, CURLUPART_HOST, &host, 0);
		curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	}
	if (scheme && host && port) {
		size_t n = strlen(host);
		bool brackets = n > 1 && host[0] == '[' && host[n - 1] == ']';
		*w = (struct where){
			.host = brackets ? xstrndup(host + 1, n - 2) : xstrdup(host),
			.port = xstrdup(port),
			.https = str_ieq(scheme, "https"),
		};
		if (inet_pton(AF_INET, w->host, w->addr) == 1)
			w->family = AF_INET;
		else if (inet_pton(AF_INET6, w->host, w->addr) == 1)
			w->family = AF_INET6;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(u);
	return w->host ? 0 : -1;
}

static bool loopback(const struct where *w)
{
	static const unsigned char one[16] = {[15] = 1};
	if (w->family == AF_INET)
		return w->addr[0] == 127;
	if (w->family == AF_INET6)
		return memcmp(w->addr, one, sizeof(one)) == 0;
	return str_ieq(w->host, "localhost");
}

static bool in_subnet(const struct where *w, const char *subnet, const char *slash)
{
	unsigned char net[16];
	uint32_t bits;
	auto_free char *address = xstrndup(subnet, (size_t)(slash - subnet));
	if (!w->family || inet_pton(w->family, address, net) != 1 ||
		str_to_u32(slash + 1, &bits) < 0 || bits > (w->family == AF_INET ? 32 : 128))
		return false;
	if (memcmp(net, w->addr, bits / 8) != 0)
		return false;
	unsigned char mask = (unsigned char)(0xff00 >> (bits % 8));
	return bits % 8 == 0 || (net[bits / 8] & mask) == (w->addr[bits / 8] & mask);
}

static bool name_matches(const struct where *w, const char *name)
{
	bool only_below = str_starts(name, "*.") || *name == '.';
	const char *domain = name + (*name == '*' ? 2 : *name == '.' ? 1 : 0);
	size_t host = strlen(w->host);
	size_t n = strlen(domain);
	if (!n || host < n || !str_ieq(w->host + host - n, domain))
		return false;
	return host == n ? !only_below : !w->family && w->host[host - n - 1] == '.';
}

/* One entry of NO_PROXY; it is changed. */
static bool entry_matches(const struct where *w, char *entry)
{
	if (!*entry)
		return false;
	if (str_eq(entry, "*"))
		return true;
	char *slash = strchr(entry, '/');
	if (slash)
		return in_subnet(w, entry, slash);
	char *colon = strrchr(entry, ':');
	if (colon && (strchr(entry, ':') == colon || colon[-1] == ']')) {
		if (!str_eq(colon + 1, w->port))
			return false;
		*colon = '\0';
	}
	size_t n = strlen(entry);
	if (n > 1 && entry[0] == '[' && entry[n - 1] == ']') {
		entry[n - 1] = '\0';
		entry++;
	}
	return name_matches(w, entry);
}

static bool excepted(const struct settings *set, const struct where *w)
{
	auto_strv entries = strv_split(set->no_proxy, ',');
	for (char **e = entries; *e; e++)
		if (entry_matches(w, str_trim(*e)))
			return true;
	return false;
}

char *proxy_for(const struct settings *set, const char *url)
{
	struct where w = {0};
	if (parse_url(url, &w) < 0)
		return xstrdup("");
	const char *proxy = w.https ? set->https_proxy : set->http_proxy;
	bool direct = loopback(&w) || excepted(set, &w);
	free(w.host);
	free(w.port);
	return xstrdup(direct ? "" : proxy);
}
