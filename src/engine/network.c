/* The three networks there are, as inspect and list show them. */
#include "engine/network.h"

#include "core.h"

enum which { BRIDGE, HOST, NONE, NETWORKS };

static const char *const names[] = {[BRIDGE] = "bridge", [HOST] = "host", [NONE] = "none"};
static const char *const drivers[] = {[BRIDGE] = "bridge", [HOST] = "host", [NONE] = "null"};

void network_info_list_free(struct network_info *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].id);
		free(v[i].name);
		free(v[i].driver);
		free(v[i].subnet);
		free(v[i].gateway);
		free(v[i].bridge_name);
		for (size_t k = 0; k < v[i].member_count; k++) {
			free(v[i].members[k].name);
			free(v[i].members[k].endpoint);
			free(v[i].members[k].mac);
			free(v[i].members[k].ip4);
			free(v[i].members[k].ip6);
		}
		free(v[i].members);
	}
	free(v);
}

void network_info_free(struct network_info *n)
{
	if (n)
		network_info_list_free(n, 1);
}

static const char *id_of(const struct engine *e, enum which w)
{
	return w == HOST ? e->host_id : w == NONE ? e->none_id : e->bridge_id;
}

static void fill(struct engine *e, enum which w, struct network_info *n)
{
	char text[INET_ADDRSTRLEN];

	*n = (struct network_info){.id = xstrdup(id_of(e, w)),
		.name = xstrdup(names[w]),
		.driver = xstrdup(drivers[w]),
		.created_at = e->opened_at};
	if (w != BRIDGE || !e->net)
		return;
	const struct net_info *i = net_info(e->net);
	n->subnet = xasprintf("%s/%u", net_addr_text(i->subnet, text), i->prefix);
	n->gateway = xstrdup(net_addr_text(i->gateway, text));
	n->bridge_name = xstrdup(i->bridge);
	n->mtu = i->mtu;
	n->icc = i->icc;
	n->masquerade = i->ip_masq;
	n->default_bridge = true;
}

static bool is_member(const struct container *c, enum which w)
{
	enum net_mode m = net_mode(c->doc->doc.host.network_mode);
	return (w == BRIDGE && m == NET_MODE_BRIDGE) || (w == HOST && m == NET_MODE_HOST) ||
	       (w == NONE && m == NET_MODE_NONE);
}

static void add_member(struct container *c, struct network_info *n)
{
	char text[INET_ADDRSTRLEN], mac[NET_MAC_TEXT];
	struct network_member *m;

	pthread_mutex_lock(&c->lock);
	if (state_alive(c)) {
		n->members = xreallocarray(n->members, n->member_count + 1, sizeof(*n->members));
		m = &n->members[n->member_count++];
		*m = (struct network_member){.name = xstrdup(c->name)};
		memcpy(m->id, container_id(c), sizeof(m->id));
		m->endpoint = xstrdup(c->hold.endpoint_id);
		if (c->hold.has_endpoint) {
			m->mac = xstrdup(net_mac_text(c->hold.endpoint.mac, mac));
			m->ip4 = xasprintf("%s/%u", net_addr_text(c->hold.endpoint.address, text),
				c->hold.endpoint.prefix);
		}
	}
	pthread_mutex_unlock(&c->lock);
}

static bool network_exists(const struct engine *e, enum which w)
{
	return w != BRIDGE || e->net;
}

int engine_network_list(struct engine *e, const struct filters *f, struct network_info **out,
	size_t *count, struct err **err)
{
	static const char *const known[] = {
		"dangling", "driver", "id", "label", "name", "scope", "type", NULL};
	bool dangling;

	if (filters_check(f, known, err) || filters_bool(f, "dangling", false, &dangling, err))
		return -1;
	char **types = filters_get(f, "type");
	for (size_t i = 0; types && types[i]; i++)
		if (!str_eq(types[i], "builtin") && !str_eq(types[i], "custom"))
			return err_set(err, ERR_INVALID, "invalid filter: 'type'='%s'", types[i]);
	*out = xcalloc(NETWORKS, sizeof(**out));
	*count = 0;
	for (enum which w = BRIDGE; w < NETWORKS; w++) {
		/* the built-in ones are never "dangling": nothing may remove them */
		if (!network_exists(e, w) || (filters_get(f, "dangling") && dangling) ||
			!filters_fuzzy(f, "name", names[w]) ||
			!filters_exact(f, "driver", drivers[w]) ||
			!filters_prefix(f, "id", id_of(e, w)) ||
			!filters_exact(f, "scope", "local") || filters_get(f, "label") ||
			!filters_exact(f, "type", "builtin"))
			continue;
		fill(e, w, &(*out)[(*count)++]);
	}
	return 0;
}

int engine_network_inspect(
	struct engine *e, const char *ref, struct network_info **out, struct err **err)
{
	enum which w = NETWORKS;

	for (enum which i = BRIDGE; i < NETWORKS; i++)
		if (network_exists(e, i) &&
			(str_eq(ref, names[i]) || (*ref && str_starts(id_of(e, i), ref))))
			w = i;
	if (w == NETWORKS)
		return err_set(err, ERR_NOT_FOUND, "network %s not found", ref);
	struct network_info *n = xcalloc(1, sizeof(*n));
	fill(e, w, n);
	size_t total;
	struct container **all = roster_all(&e->roster, &total);
	for (size_t i = 0; i < total; i++) {
		if (is_member(all[i], w))
			add_member(all[i], n);
		container_unref(all[i]);
	}
	free(all);
	*out = n;
	return 0;
}
