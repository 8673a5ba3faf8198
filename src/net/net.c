/* Opening a network; its endpoints. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/digest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "bridge.h"
#include "nl.h"
#include "state.h"
#include "sysctl.h"
#include "table.h"

void net_options_init(struct net_options *options)
{
	*options = (struct net_options){
		.ip_forward = true, .icc = true, .ip_masq = true, .firewall = true};
}

static int init_pool(struct net *net, const struct net_options *options,
	const struct bridge *bridge, struct err **err)
{
	uint32_t address;
	uint8_t prefix;

	pool_init(&net->pool, bridge->address, bridge->prefix);
	pool_take(&net->pool, bridge->address);
	if (options->default_gateway) {
		if (net_addr_parse(options->default_gateway, &net->info.gateway) < 0 ||
			!pool_contains(&net->pool, ntohl(net->info.gateway.s_addr)))
			return err_set(err, ERR_INVALID,
				"default gateway \"%s\" is not an address of the bridge's subnet",
				options->default_gateway);
		pool_take(&net->pool, ntohl(net->info.gateway.s_addr));
	}
	if (!options->fixed_cidr)
		return 0;
	if (!pool_parse_cidr(options->fixed_cidr, &address, &prefix) ||
		!pool_restrict(&net->pool, address, prefix))
		return err_set(err, ERR_INVALID,
			"fixed CIDR \"%s\" is not a network within the bridge's subnet",
			options->fixed_cidr);
	return 0;
}

static int open_kernel_side(struct net *net, const struct net_options *options, struct err **err)
{
	struct net_info *info = &net->info;
	struct bridge bridge;

	if (bridge_open(info->bridge, options, &bridge, err) < 0)
		return -1;
	info->ours = bridge.ours;
	info->mtu = bridge.mtu;
	info->prefix = bridge.prefix;
	info->address.s_addr = info->gateway.s_addr = htonl(bridge.address);
	info->subnet.s_addr = htonl(bridge.address & pool_mask(bridge.prefix));
	net->place = (struct veth_place){.bridge = bridge.index,
		.mtu = bridge.mtu,
		.ipv6 = access("/proc/sys/net/ipv6/conf", F_OK) == 0,
		.isolated = !options->icc};
	if (init_pool(net, options, &bridge, err) < 0)
		return -1;
	if (options->ip_forward && sysctl_ipv4_set("ip_forward", "1", err) < 0)
		return err_wrap(err, "turn on IPv4 forwarding");
	if (!options->firewall)
		return 0;
	net->table_sock = nl_socket(NETLINK_NETFILTER, err);
	if (net->table_sock < 0)
		return -1;
	/* Without this the kernel refuses what comes back from a container to 127.0.0.1; the table
	 * drops everything else that such packets could be abused for. */
	if (table_load(&net->info, err) < 0)
		return -1;
	return sysctl_if_set("ipv4", info->bridge, "route_localnet", "1", err);
}

int net_open(struct net **out, const struct net_options *options, struct err **err)
{
	const char *name = options->bridge ? options->bridge : NET_BRIDGE_DEFAULT;

	if (!bridge_name_valid(name))
		return err_set(err, ERR_INVALID, "\"%s\" is no name for a bridge", name);
	if (options->mtu && (options->mtu < 68 || options->mtu > 65535))
		return err_set(err, ERR_INVALID, "MTU %u is not from 68 to 65535", options->mtu);
	struct net *net = xcalloc(1, sizeof(*net));
	pthread_mutex_init(&net->lock, NULL);
	pthread_mutex_init(&net->table_lock, NULL);
	net->table_sock = -1;
	ports_init(&net->ports);
	leavers_init(&net->leavers);
	snprintf(net->info.bridge, sizeof(net->info.bridge), "%s", name);
	net->info.icc = options->icc;
	net->info.ip_masq = options->ip_masq;
	net->info.firewall = options->firewall;
	net->info.host_ip = options->host_ip;
	if (options->firewall)
		snprintf(net->info.table, sizeof(net->info.table), "kist-%s", name);
	if (open_kernel_side(net, options, err) < 0) {
		net_close(net, false);
		return -1;
	}
	*out = net;
	return 0;
}

void net_close(struct net *net, bool remove)
{
	if (!net)
		return;
	leavers_free(net);
	if (remove) {
		auto_err *why = NULL;
		if (net->info.firewall && table_remove(&net->info, &why) < 0)
			log_warn("network %s: %s", net->info.bridge, err_msg(why));
		if (net->info.ours && bridge_remove(net->info.bridge, &why) < 0)
			log_warn("network %s: %s", net->info.bridge, err_msg(why));
	}
	ports_free(&net->ports);
	pool_free(&net->pool);
	fd_close(net->table_sock);
	pthread_mutex_destroy(&net->table_lock);
	pthread_mutex_destroy(&net->lock);
	free(net);
}

const struct net_info *net_info(const struct net *net)
{
	return &net->info;
}

static int take_address(
	struct net *net, const struct in_addr *wanted, uint32_t *address, struct err **err)
{
	char text[INET_ADDRSTRLEN];
	if (wanted && !pool_contains(&net->pool, ntohl(wanted->s_addr)))
		return err_set(err, ERR_INVALID,
			"invalid address %s: It does not belong to any of this network's subnets",
			net_addr_text(*wanted, text));
	pthread_mutex_lock(&net->lock);
	do {
		if (!wanted)
			*address = pool_take_any(&net->pool);
		else if (pool_take(&net->pool, ntohl(wanted->s_addr)))
			*address = ntohl(wanted->s_addr);
		else
			*address = 0;
	} while (!*address && leavers_hurry(net));
	pthread_mutex_unlock(&net->lock);
	if (*address)
		return 0;
	return err_set(err, ERR_CONFLICT,
		wanted ? "Address already in use"
		       : "no available IPv4 addresses on this network's address pools: bridge (%s)",
		net->info.bridge);
}

int net_endpoint_allocate(struct net *net, struct net_endpoint *ep, const struct in_addr *wanted,
	const uint8_t mac[6], struct err **err)
{
	uint32_t address = 0;
	char hex[10];

	if (mac && (mac[0] & 1))
		return err_set(
			err, ERR_INVALID, "a multicast MAC address cannot be an interface's");
	if (take_address(net, wanted, &address, err) < 0)
		return -1;
	*ep = (struct net_endpoint){.address.s_addr = htonl(address),
		.gateway = net->info.gateway,
		.prefix = net->info.prefix,
		.mac = {0x02, 0x42}};
	memcpy(ep->mac + 2, &ep->address, 4);
	if (mac)
		memcpy(ep->mac, mac, sizeof(ep->mac));
	random_hex(hex, 4);
	snprintf(ep->host_if, sizeof(ep->host_if), "kv%s", hex);
	snprintf(ep->container_if, sizeof(ep->container_if), "eth0");
	return 0;
}

int net_reserve(struct net *net, const struct net_endpoint *ep, struct err **err)
{
	char text[INET_ADDRSTRLEN];
	uint32_t address = ntohl(ep->address.s_addr);

	if (!pool_contains(&net->pool, address) || ep->prefix != net->info.prefix)
		return err_set(err, ERR_CONFLICT, "address %s/%u is not of the subnet of bridge %s",
			net_addr_text(ep->address, text), ep->prefix, net->info.bridge);
	pthread_mutex_lock(&net->lock);
	bool taken = pool_take(&net->pool, address);
	pthread_mutex_unlock(&net->lock);
	if (!taken)
		return err_set(err, ERR_CONFLICT, "address %s is taken already",
			net_addr_text(ep->address, text));
	return 0;
}

void net_release(struct net *net, const struct net_endpoint *ep)
{
	uint32_t address = ntohl(ep->address.s_addr);
	/* Never the bridge's own, whatever a damaged record says. */
	if (!address || ep->address.s_addr == net->info.address.s_addr ||
		ep->address.s_addr == net->info.gateway.s_addr)
		return;
	pthread_mutex_lock(&net->lock);
	pool_give(&net->pool, address);
	pthread_mutex_unlock(&net->lock);
}

int net_connect(struct net *net, int netns, const struct net_endpoint *ep, struct err **err)
{
	if (veth_connect(&net->place, netns, ep, err) < 0)
		return err_wrap(err, "connect to bridge %s", net->info.bridge);
	return 0;
}

int net_disconnect(struct net *net, const struct net_endpoint *ep, struct err **err)
{
	if (!ep->host_if[0])
		return 0;
	return veth_remove(ep->host_if, err);
}

bool net_connected(struct net *net, const struct net_endpoint *ep)
{
	struct nl_link link;
	auto_fd int sock = nl_socket(NETLINK_ROUTE, NULL);
	return sock >= 0 && nl_link_get(sock, ep->host_if, &link, NULL) == 0 && link.index &&
	       link.master == net->place.bridge;
}
