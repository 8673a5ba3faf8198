/* The network of one start: address, interface, ports; and how inspect shows it. */
#include "core.h"

#include <sched.h>

#include "base/digest.h"
#include "base/json.h"

enum net_mode net_mode(const char *mode)
{
	if (str_empty(mode) || str_eq(mode, "default") || str_eq(mode, "bridge"))
		return NET_MODE_BRIDGE;
	if (str_eq(mode, "host"))
		return NET_MODE_HOST;
	if (str_eq(mode, "none"))
		return NET_MODE_NONE;
	return str_starts(mode, "container:") ? NET_MODE_CONTAINER : NET_MODE_OTHER;
}

void hold_clear(struct net_hold *hold)
{
	free(hold->ports);
	*hold = (struct net_hold){0};
}

static void add_port(struct net_hold *hold, const struct net_port *p)
{
	hold->ports = xreallocarray(hold->ports, hold->port_count + 1, sizeof(*hold->ports));
	hold->ports[hold->port_count++] = *p;
}

static bool port_bound(const struct net_hold *hold, uint8_t proto, uint16_t port)
{
	for (size_t i = 0; i < hold->port_count; i++)
		if (hold->ports[i].proto == proto && hold->ports[i].container_port == port)
			return true;
	return false;
}

static int bound_ports(struct container *c, struct net_hold *hold, struct err **err)
{
	const struct host_config *h = &c->doc->doc.host;
	struct in_addr host_ip = net_info(c->engine->net)->host_ip;

	for (size_t i = 0; i < h->port_bindings.n; i++) {
		const struct port_map_entry *entry = &h->port_bindings.v[i];
		for (size_t k = 0; k < entry->bindings.n; k++) {
			struct net_port p;
			if (net_port_parse(entry->key, entry->bindings.v[k].host_ip,
				    entry->bindings.v[k].host_port, host_ip, &p, err))
				return -1;
			add_port(hold, &p);
		}
	}
	return 0;
}

/* -P: every exposed port that has no binding of its own gets a free one. */
static int exposed_ports(struct container *c, struct net_hold *hold, struct err **err)
{
	char **exposed = c->doc->doc.config.exposed_ports;
	struct in_addr host_ip = net_info(c->engine->net)->host_ip;

	for (size_t i = 0; exposed && exposed[i]; i++) {
		uint16_t first, last;
		uint8_t proto;
		if (net_expose_parse(exposed[i], &first, &last, &proto, err))
			return -1;
		for (uint32_t port = first; port <= last; port++) {
			struct net_port p = {.proto = proto,
				.host_ip = host_ip,
				.container_port = (uint16_t)port};
			if (!port_bound(hold, proto, (uint16_t)port))
				add_port(hold, &p);
		}
	}
	return 0;
}

static const char *wanted_mac(const struct container_doc *doc)
{
	for (size_t i = 0; i < doc->net.endpoints.n; i++)
		if (!str_empty(doc->net.endpoints.v[i].settings.mac_address))
			return doc->net.endpoints.v[i].settings.mac_address;
	return str_empty(doc->config.mac_address) ? NULL : doc->config.mac_address;
}

static int not_found(const char *network, struct err **err)
{
	return err_set(err, ERR_NOT_FOUND,
		"failed to set up container networking: network %s not found", network);
}

static int check_networks(const struct container_doc *doc, struct err **err)
{
	const char *mode = doc->host.network_mode;

	if (net_mode(mode) == NET_MODE_OTHER)
		return not_found(mode, err);
	for (size_t i = 0; i < doc->net.endpoints.n; i++) {
		const char *key = doc->net.endpoints.v[i].key;
		if (!str_eq(key, mode) && net_mode(key) == NET_MODE_OTHER)
			return not_found(key, err);
	}
	return 0;
}

int network_prepare(struct container *c, struct net_hold *hold, struct err **err)
{
	struct engine *e = c->engine;
	const struct container_doc *doc = &c->doc->doc;
	const char *mac_text = wanted_mac(doc);
	uint8_t mac[6];

	*hold = (struct net_hold){0};
	if (check_networks(doc, err))
		return -1;
	if (net_mode(doc->host.network_mode) != NET_MODE_BRIDGE || doc->config.network_disabled)
		return 0;
	/* --bridge none: a loopback and nothing else, as with dockerd */
	if (!e->net)
		return 0;
	if (mac_text && net_mac_parse(mac_text, mac))
		return err_set(err, ERR_INVALID, "invalid MAC address: %s", mac_text);
	if (net_endpoint_allocate(e->net, &hold->endpoint, NULL, mac_text ? mac : NULL, err))
		return -1;
	hold->has_endpoint = true;
	random_hex(hold->endpoint_id, 32);
	int r = bound_ports(c, hold, err);
	if (!r && doc->host.publish_all_ports)
		r = exposed_ports(c, hold, err);
	if (!r && hold->port_count) {
		r = net_publish(e->net, &hold->endpoint, hold->ports, hold->port_count, err);
		if (r)
			err_wrap(err,
				"failed to set up container networking: driver failed programming "
				"external connectivity on endpoint %s (%s)",
				c->name, hold->endpoint_id);
	}
	if (!r)
		return 0;
	net_release(e->net, &hold->endpoint);
	hold_clear(hold);
	return -1;
}

static void network_event(struct container *c, const char *action, enum net_mode mode)
{
	struct engine *e = c->engine;
	bool host = mode == NET_MODE_HOST, none = mode == NET_MODE_NONE;
	const struct ring_attr attrs[] = {{"container", container_id(c)},
		{"name", host	? "host"
			 : none ? "none"
				: "bridge"},
		{"type", host	? "host"
			 : none ? "null"
				: "bridge"}};
	if (mode == NET_MODE_CONTAINER || (mode == NET_MODE_BRIDGE && !e->net))
		return;
	event_other(e, "network", action,
		host   ? e->host_id
		: none ? e->none_id
		       : e->bridge_id,
		attrs, ARRAY_LEN(attrs));
}

int network_attach(struct container *c, const struct net_hold *hold, int netns, struct err **err)
{
	enum net_mode mode = net_mode(c->doc->doc.host.network_mode);
	int r = 0;

	if (hold->has_endpoint)
		r = net_connect(c->engine->net, netns, &hold->endpoint, err);
	else if (mode == NET_MODE_NONE || mode == NET_MODE_BRIDGE)
		r = net_loopback_up(netns, err);
	if (r)
		return err_wrap(err, "failed to set up container networking");
	network_event(c, "connect", mode);
	return 0;
}

void network_release(struct engine *e, struct net_hold *hold, bool at_once)
{
	if (hold->has_endpoint && e->net) {
		auto_err *err = NULL;
		net_unpublish(e->net, &hold->endpoint, hold->ports, hold->port_count);
		if (at_once && net_disconnect(e->net, &hold->endpoint, &err) == 0)
			net_release(e->net, &hold->endpoint);
		else
			net_leave(e->net, &hold->endpoint);
	}
	hold_clear(hold);
}

void network_left(struct container *c)
{
	network_event(c, "disconnect", net_mode(c->doc->doc.host.network_mode));
}

/* ---- what inspect shows ---- */

static int by_port(const void *a, const void *b)
{
	const struct container_port *x = a, *y = b;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	int r = strcmp(x->proto, y->proto);
	return r ? r : strcmp(x->host_ip ? x->host_ip : "", y->host_ip ? y->host_ip : "");
}

static void view_ports(
	struct container *c, const struct net_hold *hold, struct container_network *net)
{
	char **exposed = c->doc->doc.config.exposed_ports;
	char text[INET_ADDRSTRLEN];

	for (size_t i = 0; i < hold->port_count; i++) {
		struct container_port *p = model_list_add(&net->ports);
		p->port = hold->ports[i].container_port;
		p->proto = net_proto_name(hold->ports[i].proto);
		p->host_ip = xstrdup(net_addr_text(hold->ports[i].host_ip, text));
		p->host_port = hold->ports[i].host_first;
	}
	for (size_t i = 0; exposed && exposed[i]; i++) {
		uint16_t first, last;
		uint8_t proto;
		if (net_expose_parse(exposed[i], &first, &last, &proto, NULL))
			continue;
		for (uint32_t port = first; port <= last; port++) {
			if (port_bound(hold, proto, (uint16_t)port))
				continue;
			struct container_port *p = model_list_add(&net->ports);
			p->port = (uint16_t)port;
			p->proto = net_proto_name(proto);
		}
	}
	if (net->ports.n)
		qsort(net->ports.v, net->ports.n, sizeof(*net->ports.v), by_port);
}

/* What the daemon was told to do without: such a container is in no network at all. */
static bool bridge_missing(const struct container *c, const struct net_hold *hold)
{
	return net_mode(c->doc->doc.host.network_mode) == NET_MODE_BRIDGE && !c->engine->net &&
	       !hold->has_endpoint;
}

static void view_endpoint(struct container *c, const struct net_hold *hold, enum net_mode mode,
	bool running, struct endpoint_entry *out)
{
	const struct engine *e = c->engine;
	struct endpoint_settings *s = &out->settings;
	char text[INET_ADDRSTRLEN], mac[NET_MAC_TEXT];

	out->key = xstrdup(mode == NET_MODE_HOST    ? "host"
			   : mode == NET_MODE_NONE  ? "none"
			   : mode == NET_MODE_OTHER ? c->doc->doc.host.network_mode
						    : "bridge");
	if (!running || bridge_missing(c, hold))
		return;
	s->network_id = xstrdup(mode == NET_MODE_HOST	? e->host_id
				: mode == NET_MODE_NONE ? e->none_id
							: e->bridge_id);
	if (!hold->has_endpoint)
		return;
	s->endpoint_id = xstrdup(hold->endpoint_id);
	s->gateway = xstrdup(net_addr_text(hold->endpoint.gateway, text));
	s->ip_address = xstrdup(net_addr_text(hold->endpoint.address, text));
	s->ip_prefix_len = hold->endpoint.prefix;
	s->mac_address = xstrdup(net_mac_text(hold->endpoint.mac, mac));
}

struct net_ref *network_view(struct container *c, const struct net_hold *hold, bool running)
{
	struct net_ref *n = net_ref_new();
	enum net_mode mode = net_mode(c->doc->doc.host.network_mode);

	if (mode != NET_MODE_CONTAINER)
		view_endpoint(c, hold, mode, running, model_list_add(&n->net.endpoints));
	if (running && mode != NET_MODE_HOST && mode != NET_MODE_CONTAINER &&
		!bridge_missing(c, hold))
		view_ports(c, hold, &n->net);
	if (running) {
		n->net.sandbox_id = xstrdup(container_id(c));
		n->net.sandbox_key = mode == NET_MODE_HOST
					     ? xstrdup("/proc/1/ns/net")
					     : xasprintf("/proc/%d/ns/net", (int)c->state.pid);
	}
	return n;
}

/* ---- as text, for the row ---- */

static void put_addr(json_t *j, const char *key, struct in_addr a)
{
	char text[INET_ADDRSTRLEN];
	json_put_str(j, key, net_addr_text(a, text));
}

char *hold_to_json(const struct net_hold *hold)
{
	auto_json *j = json_object();
	auto_buf text = BUF_INIT;
	char mac[NET_MAC_TEXT];
	json_t *ports = json_array();

	json_put(j, "endpoint", json_boolean(hold->has_endpoint));
	json_put_str(j, "id", hold->endpoint_id);
	put_addr(j, "address", hold->endpoint.address);
	put_addr(j, "gateway", hold->endpoint.gateway);
	json_put(j, "prefix", json_integer(hold->endpoint.prefix));
	json_put_str(j, "mac", net_mac_text(hold->endpoint.mac, mac));
	json_put_str(j, "host_if", hold->endpoint.host_if);
	json_put_str(j, "container_if", hold->endpoint.container_if);
	for (size_t i = 0; i < hold->port_count; i++) {
		const struct net_port *p = &hold->ports[i];
		json_t *o = json_object();
		json_put(o, "proto", json_integer(p->proto));
		put_addr(o, "ip", p->host_ip);
		json_put(o, "host", json_integer(p->host_first));
		json_put(o, "port", json_integer(p->container_port));
		json_array_append_new(ports, o);
	}
	json_put(j, "ports", ports);
	json_write(j, &text);
	return buf_steal(&text);
}

static int get_addr(const json_t *j, const char *key, struct in_addr *out, struct err **err)
{
	const char *s = NULL;
	if (json_get_str(j, key, &s, "network", err))
		return -1;
	if (!s || net_addr_parse(s, out))
		return err_set(err, ERR_INVALID, "network.%s: not an address", key);
	return 0;
}

static int get_name(const json_t *j, const char *key, char *out, size_t room, struct err **err)
{
	const char *s = NULL;
	if (json_get_str(j, key, &s, "network", err))
		return -1;
	if (!s || strlen(s) >= room)
		return err_set(err, ERR_INVALID, "network.%s: missing or too long", key);
	memcpy(out, s, strlen(s) + 1);
	return 0;
}

static int port_from_json(const json_t *o, struct net_port *p, struct err **err)
{
	int64_t proto = 0, host = 0, port = 0;
	if (json_get_i64(o, "proto", &proto, "port", err) || get_addr(o, "ip", &p->host_ip, err) ||
		json_get_i64(o, "host", &host, "port", err) ||
		json_get_i64(o, "port", &port, "port", err))
		return -1;
	p->proto = (uint8_t)proto;
	p->host_first = p->host_last = (uint16_t)host;
	p->container_port = (uint16_t)port;
	return 0;
}

int hold_from_json(struct net_hold *hold, const char *text, struct err **err)
{
	auto_json *j = json_parse(text, strlen(text), "network", err);
	struct net_endpoint *ep = &hold->endpoint;
	int64_t prefix = 0;
	char mac[NET_MAC_TEXT];
	json_t *o;
	size_t i;

	if (!j || json_get_bool(j, "endpoint", &hold->has_endpoint, "network", err) ||
		get_name(j, "id", hold->endpoint_id, sizeof(hold->endpoint_id), err) ||
		get_addr(j, "address", &ep->address, err) ||
		get_addr(j, "gateway", &ep->gateway, err) ||
		json_get_i64(j, "prefix", &prefix, "network", err) ||
		get_name(j, "mac", mac, sizeof(mac), err) ||
		get_name(j, "host_if", ep->host_if, sizeof(ep->host_if), err) ||
		get_name(j, "container_if", ep->container_if, sizeof(ep->container_if), err))
		return -1;
	ep->prefix = (uint8_t)prefix;
	if (net_mac_parse(mac, ep->mac))
		return err_set(err, ERR_INVALID, "network.mac: not a MAC address");
	json_array_foreach(json_object_get(j, "ports"), i, o)
	{
		struct net_port p = {0};
		if (port_from_json(o, &p, err))
			return -1;
		add_port(hold, &p);
	}
	return 0;
}
