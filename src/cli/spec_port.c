#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "spec.h"

int spec_port_range(const char *text, uint16_t *first, uint16_t *last)
{
	const char *dash = strchr(text, '-');
	auto_free char *start = dash ? xstrndup(text, (size_t)(dash - text)) : xstrdup(text);
	uint32_t a, b;
	if (str_to_u32(start, &a) < 0 || a > UINT16_MAX)
		return -1;
	b = a;
	if (dash && (str_to_u32(dash + 1, &b) < 0 || b > UINT16_MAX || b < a))
		return -1;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return 0;
}

struct port_spec {
	char *ip, *host, *container;
	const char *protocol;
};

static void port_spec_free(struct port_spec *p)
{
	free(p->ip);
	free(p->host);
	free(p->container);
}

/* Splits "ip:host:container" from the right, since an address may have colons of its own. */
static void split_parts(char *s, struct port_spec *p)
{
	char *colon = strrchr(s, ':');
	p->container = xstrdup(colon ? colon + 1 : s);
	if (!colon) {
		p->ip = xstrdup("");
		p->host = xstrdup("");
		return;
	}
	*colon = 0;
	colon = strrchr(s, ':');
	p->host = xstrdup(colon ? colon + 1 : s);
	if (colon)
		*colon = 0;
	size_t n = colon ? strlen(s) : 0;
	bool brackets = n >= 2 && s[0] == '[' && s[n - 1] == ']';
	p->ip = brackets ? xstrndup(s + 1, n - 2) : xstrndup(s, n);
}

static void add_binding(json_t *bindings, const char *port, const char *ip, const char *host)
{
	json_t *list = json_object_get(bindings, port);
	if (!list) {
		list = json_array();
		json_object_set_new(bindings, port, list);
	}
	json_array_append_new(list, json_pack("{s:s, s:s}", "HostIp", ip, "HostPort", host));
}

static int known_protocol(const char *protocol)
{
	return str_ieq(protocol, "tcp") || str_ieq(protocol, "udp") || str_ieq(protocol, "sctp");
}

static int publish(const struct port_spec *p, const char *value, json_t *exposed, json_t *bindings,
	struct err **err)
{
	uint16_t first, last, host_first = 0, host_last = 0;
	if (*p->ip && !spec_is_ip(p->ip))
		return err_set(err, ERR_INVALID, "invalid IP address: %s", p->ip);
	if (!*p->container)
		return err_set(err, ERR_INVALID, "no port specified: %s<empty>", value);
	if (spec_port_range(p->container, &first, &last) < 0)
		return err_set(err, ERR_INVALID, "invalid containerPort: %s", p->container);
	if (*p->host && spec_port_range(p->host, &host_first, &host_last) < 0)
		return err_set(err, ERR_INVALID, "invalid hostPort: %s", p->host);
	/* one port of the container may have a range on the host to choose from */
	bool choose = *p->host && first == last && host_first != host_last;
	if (*p->host && !choose && last - first != host_last - host_first)
		return err_set(err, ERR_INVALID,
			"invalid ranges specified for container and host Ports: %s and %s",
			p->container, p->host);
	if (!known_protocol(p->protocol))
		return err_set(err, ERR_INVALID, "invalid proto: %s", p->protocol);
	for (uint32_t port = first; port <= last; port++) {
		char name[32], host[16] = "";
		snprintf(name, sizeof(name), "%u/%.4s", port, p->protocol);
		for (char *c = name; *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c + ('a' - 'A'));
		if (choose)
			snprintf(host, sizeof(host), "%u-%u", host_first, host_last);
		else if (*p->host)
			snprintf(host, sizeof(host), "%u", host_first + (port - first));
		json_put(exposed, name, json_object());
		add_binding(bindings, name, p->ip, host);
	}
	return 0;
}

int spec_publish(const char *value, json_t *exposed, json_t *bindings, struct err **err)
{
	auto_free char *copy = xstrdup(value);
	char *slash = strchr(copy, '/');
	struct port_spec p = {.protocol = "tcp"};
	if (slash) {
		*slash = 0;
		p.protocol = slash + 1;
	}
	split_parts(copy, &p);
	int rc = publish(&p, value, exposed, bindings, err);
	port_spec_free(&p);
	return rc;
}

int spec_expose(const char *value, json_t *exposed, struct err **err)
{
	auto_free char *copy = xstrdup(value);
	char *slash = strchr(copy, '/');
	const char *protocol = slash ? slash + 1 : "tcp";
	uint16_t first, last;
	if (slash)
		*slash = 0;
	if (strchr(value, ':'))
		return err_set(err, ERR_INVALID, "invalid port format for --expose: %s", value);
	if (spec_port_range(copy, &first, &last) < 0)
		return err_set(err, ERR_INVALID,
			"invalid range format for --expose: %s, error: strconv.ParseUint: "
			"parsing \"%s\": invalid syntax",
			value, copy);
	if (!known_protocol(protocol))
		return err_set(err, ERR_INVALID, "invalid proto: %s", protocol);
	for (uint32_t port = first; port <= last; port++) {
		auto_free char *name = xasprintf("%u/%s", port, protocol);
		json_put(exposed, name, json_object());
	}
	return 0;
}
