/* Publishing ports and taking them back; putting the table right. */
#include <arpa/inet.h>
#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "conntrack.h"
#include "state.h"
#include "table.h"

static int port_error(struct err **err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int port_error(struct err **err, int errnum, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	err_set(err, ERR_SYSTEM, "%s", text);
	if (err)
		(*err)->sys = errnum;
	return -1;
}

static int bind_error(const struct mapping *map, int errnum, struct err **err)
{
	char host[INET_ADDRSTRLEN], to[INET_ADDRSTRLEN];
	return port_error(err, errnum, "failed to bind host port for %s:%u:%s:%u/%s: %s",
		net_addr_text(map->host_ip, host), map->host_port, net_addr_text(map->to_ip, to),
		map->to_port, net_proto_name(map->proto), err_text(errnum));
}

/* Claims one particular port and holds it. Returns the claim or NULL; *errnum is EADDRINUSE and
 * *taken true if another container has it. */
static struct held *take_port(struct net *net, const struct mapping *map, int *errnum, bool *taken)
{
	pthread_mutex_lock(&net->lock);
	struct held *held = ports_claim(&net->ports, map);
	pthread_mutex_unlock(&net->lock);
	*taken = !held;
	*errnum = EADDRINUSE;
	if (!held)
		return NULL;
	int fd = port_hold(map->proto, map->host_ip, map->host_port);
	*errnum = errno;
	pthread_mutex_lock(&net->lock);
	if (fd == -1) {
		ports_drop(&net->ports, held);
		held = NULL;
	} else {
		held->fd = fd < 0 ? -1 : fd;
	}
	pthread_mutex_unlock(&net->lock);
	return held;
}

static int publish_fixed(struct net *net, struct mapping *map, struct err **err)
{
	char host[INET_ADDRSTRLEN];
	bool taken;
	int errnum;
	if (take_port(net, map, &errnum, &taken))
		return 0;
	if (!taken)
		return bind_error(map, errnum, err);
	return port_error(err, EADDRINUSE, "Bind for %s:%u failed: port is already allocated",
		net_addr_text(map->host_ip, host), map->host_port);
}

/* The first port of first..last, beginning at @start and around, that is free here and on the host. */
static int publish_first_free(struct net *net, struct mapping *map, uint16_t first, uint16_t last,
	uint16_t start, struct err **err)
{
	const uint16_t spans[2][2] = {{start, last}, {first, (uint16_t)(start - 1)}};
	for (int s = 0; s < (start > first ? 2 : 1); s++)
		for (uint32_t from = spans[s][0]; from <= spans[s][1]; from = map->host_port + 1U) {
			bool taken;
			int errnum;
			pthread_mutex_lock(&net->lock);
			map->host_port = ports_next_free(
				&net->ports, map->proto, map->host_ip, from, spans[s][1]);
			pthread_mutex_unlock(&net->lock);
			if (!map->host_port)
				break;
			if (take_port(net, map, &errnum, &taken))
				return 0;
			/* Somebody was faster, or another program has it: the next one. */
			if (errnum != EADDRINUSE)
				return bind_error(map, errnum, err);
		}
	return port_error(err, EADDRINUSE, "all ports are allocated");
}

static int publish_one(
	struct net *net, const struct net_endpoint *ep, struct net_port *port, struct err **err)
{
	struct mapping map = {.proto = port->proto,
		.host_ip = port->host_ip,
		.host_port = port->host_first,
		.to_ip = ep->address,
		.to_port = port->container_port};
	uint16_t first = port->host_first, last = port->host_last, start = first;
	int result;

	if (first && last <= first) {
		result = publish_fixed(net, &map, err);
	} else {
		if (!first) {
			pthread_mutex_lock(&net->lock);
			first = net->ports.first;
			last = net->ports.last;
			start = (uint16_t)(first + net->ports.turn++ % (last - first + 1U));
			pthread_mutex_unlock(&net->lock);
		}
		result = publish_first_free(net, &map, first, last, start, err);
	}
	if (result == 0)
		port->host_first = port->host_last = map.host_port;
	return result;
}

/* The claims of @ports that lead to @ep, marked; collects what to tell the kernel. */
static void mark(struct net *net, const struct net_endpoint *ep, const struct net_port *ports,
	size_t n, bool ready, struct mapping_list *out)
{
	pthread_mutex_lock(&net->lock);
	for (size_t i = 0; i < n; i++) {
		struct held *held = ports_find(
			&net->ports, ports[i].proto, ports[i].host_ip, ports[i].host_first);
		if (!held || held->map.to_ip.s_addr != ep->address.s_addr)
			continue;
		held->ready = ready;
		mapping_add(out, &held->map);
	}
	pthread_mutex_unlock(&net->lock);
}

/* Ends the claims. Their elements must be gone: the next container may take the port at once. */
static void drop(struct net *net, const struct mapping_list *list)
{
	pthread_mutex_lock(&net->lock);
	for (size_t i = 0; i < list->count; i++) {
		const struct mapping *map = &list->v[i];
		struct held *held =
			ports_find(&net->ports, map->proto, map->host_ip, map->host_port);
		if (held)
			ports_drop(&net->ports, held);
	}
	pthread_mutex_unlock(&net->lock);
}

static void forget_flows(struct net *net, const struct mapping_list *list)
{
	pthread_mutex_lock(&net->table_lock);
	for (size_t i = 0; i < list->count; i++)
		if (list->v[i].proto == IPPROTO_UDP)
			conntrack_forget_udp(net->table_sock, list->v[i].host_port);
	pthread_mutex_unlock(&net->table_lock);
}

/* Somebody flushed the table, or an element that we believed gone is there: repair as a whole. */
static bool worth_repair(const struct err *why)
{
	return why->sys == ENOENT || why->sys == EBUSY || why->sys == EEXIST;
}

static int change_once(struct net *net, const struct mapping_list *del,
	const struct mapping_list *add, struct err **err)
{
	pthread_mutex_lock(&net->table_lock);
	int result = elements_change(net->table_sock, net->info.table, del, add, err);
	pthread_mutex_unlock(&net->table_lock);
	return result;
}

static int change_table(struct net *net, const struct mapping_list *del,
	const struct mapping_list *add, struct err **err)
{
	auto_err *why = NULL;
	if (change_once(net, del, add, &why) == 0)
		return 0;
	return worth_repair(why) ? net_sync(net, err) : err_move(err, &why);
}

static int check_ports(
	const struct net *net, const struct net_port *ports, size_t n, struct err **err)
{
	if (n && !net->info.firewall)
		return err_set(err, ERR_UNAVAILABLE,
			"ports cannot be published: the packet filter is turned off");
	for (size_t i = 0; i < n; i++)
		if (!net_proto_name(ports[i].proto) || !ports[i].container_port)
			return err_set(err, ERR_INVALID, "invalid port to publish");
	return 0;
}

int net_publish(struct net *net, const struct net_endpoint *ep, struct net_port *ports, size_t n,
	struct err **err)
{
	auto_free struct net_port *taken = n ? xmemdup(ports, n * sizeof(*ports)) : NULL;
	auto_mappings list = {0};
	size_t done = 0;

	if (check_ports(net, ports, n, err) < 0)
		return -1;
	while (done < n && publish_one(net, ep, &taken[done], err) == 0)
		done++;
	if (done == n) {
		mark(net, ep, taken, n, true, &list);
		if (change_table(net, NULL, &list, err) == 0) {
			forget_flows(net, &list);
			if (n)
				memcpy(ports, taken, n * sizeof(*ports));
			return 0;
		}
	}
	mapping_free(&list);
	mark(net, ep, taken, done, false, &list);
	/* Normally the kernel has none of them; a repair that ran meanwhile may have added them. */
	if (done == n)
		change_once(net, &list, NULL, NULL);
	drop(net, &list);
	return -1;
}

void net_unpublish(
	struct net *net, const struct net_endpoint *ep, const struct net_port *ports, size_t n)
{
	auto_mappings list = {0};
	auto_err *why = NULL;

	mark(net, ep, ports, n, false, &list);
	if (!list.count)
		return;
	if (change_table(net, &list, NULL, &why) < 0)
		log_error("unpublish ports: %s", err_msg(why));
	drop(net, &list);
	forget_flows(net, &list);
}

int net_restore(struct net *net, const struct net_endpoint *ep, const struct net_port *ports,
	size_t n, struct err **err)
{
	if (check_ports(net, ports, n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct mapping map = {.proto = ports[i].proto,
			.host_ip = ports[i].host_ip,
			.host_port = ports[i].host_first,
			.to_ip = ep->address,
			.to_port = ports[i].container_port};
		char host[INET_ADDRSTRLEN];
		pthread_mutex_lock(&net->lock);
		struct held *held = map.host_port ? ports_claim(&net->ports, &map) : NULL;
		pthread_mutex_unlock(&net->lock);
		if (!held) {
			auto_mappings list = {0};
			mark(net, ep, ports, i, false, &list);
			drop(net, &list);
			return err_set(err, ERR_CONFLICT,
				"host port %s:%u belongs to another "
				"container",
				net_addr_text(map.host_ip, host), map.host_port);
		}
		int fd = port_hold(map.proto, map.host_ip, map.host_port);
		if (fd == -1)
			log_warn("host port %s:%u/%s of a running container is bound by another "
				 "program: %s",
				net_addr_text(map.host_ip, host), map.host_port,
				net_proto_name(map.proto), err_text(errno));
		pthread_mutex_lock(&net->lock);
		held->fd = fd < 0 ? -1 : fd;
		held->ready = true;
		pthread_mutex_unlock(&net->lock);
	}
	return 0;
}

/* What @a has and @b has not; both sorted. */
static void difference(
	const struct mapping_list *a, const struct mapping_list *b, struct mapping_list *out)
{
	for (size_t i = 0, j = 0; i < a->count; i++) {
		while (j < b->count && mapping_compare(&b->v[j], &a->v[i]) < 0)
			j++;
		if (j == b->count || mapping_compare(&b->v[j], &a->v[i]) != 0)
			mapping_add(out, &a->v[i]);
	}
}

static void sort(struct mapping_list *list)
{
	if (list->count)
		qsort(list->v, list->count, sizeof(*list->v), mapping_compare);
}

static int sync_locked(struct net *net, struct err **err)
{
	auto_mappings wanted = {0}, present = {0}, del = {0}, add = {0};
	auto_err *why = NULL;

	if (elements_read(net->table_sock, net->info.table, &present, &why) < 0) {
		if (why->sys != ENOENT)
			return err_move(err, &why);
		log_warn("packet filter table %s was removed, loading it again", net->info.table);
		mapping_free(&present);
		if (table_load(&net->info, err) < 0)
			return -1;
	}
	pthread_mutex_lock(&net->lock);
	for (size_t i = 0; i < PORTS_BUCKETS; i++)
		for (const struct held *h = net->ports.bucket[i]; h; h = h->next)
			if (h->ready)
				mapping_add(&wanted, &h->map);
	pthread_mutex_unlock(&net->lock);
	sort(&wanted);
	sort(&present);
	difference(&present, &wanted, &del);
	difference(&wanted, &present, &add);
	return elements_change(net->table_sock, net->info.table, &del, &add, err);
}

int net_sync(struct net *net, struct err **err)
{
	if (!net->info.firewall)
		return 0;
	pthread_mutex_lock(&net->table_lock);
	int result = sync_locked(net, err);
	pthread_mutex_unlock(&net->table_lock);
	return result;
}
