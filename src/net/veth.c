#include "veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/veth.h>

#include "base/mem.h"
#include "base/str.h"
#include "netns.h"
#include "nl.h"

/* One queue each way is all that a veth uses; left to itself it makes one for every processor and
 * then waits for an RCU grace period to turn the others off. */
static void put_size(struct nlmsghdr *msg, const struct veth_place *place)
{
	mnl_attr_put_u32(msg, IFLA_MTU, place->mtu);
	mnl_attr_put_u32(msg, IFLA_NUM_TX_QUEUES, 1);
	mnl_attr_put_u32(msg, IFLA_NUM_RX_QUEUES, 1);
}

static void put_peer(struct nlmsghdr *msg, const struct veth_place *place, int netns,
	const struct net_endpoint *ep)
{
	struct nlattr *link = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "veth");
	struct nlattr *data = mnl_attr_nest_start(msg, IFLA_INFO_DATA);
	struct nlattr *peer = mnl_attr_nest_start(msg, VETH_INFO_PEER);
	/* The peer is described like a link of its own: header first, then attributes. */
	struct ifinfomsg *info = mnl_nlmsg_get_payload_tail(msg);
	memset(info, 0, sizeof(*info));
	msg->nlmsg_len += MNL_ALIGN(sizeof(*info));
	mnl_attr_put_strz(msg, IFLA_IFNAME, ep->container_if);
	mnl_attr_put(msg, IFLA_ADDRESS, sizeof(ep->mac), ep->mac);
	put_size(msg, place);
	mnl_attr_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)netns);
	mnl_attr_nest_end(msg, peer);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, link);
}

/* A port of a bridge needs no IPv6 address of its own, nor the packets that come with having one. Must
 * come before the interface is up, and the kernel refuses it at creation. */
static void add_no_ipv6_address(struct nl_batch *batch, const char *name)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(batch, RTM_NEWLINK, 0, "turn off IPv6 addresses", sizeof(*info), &info);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	struct nlattr *spec = mnl_attr_nest_start(msg, IFLA_AF_SPEC);
	struct nlattr *inet6 = mnl_attr_nest_start(msg, AF_INET6);
	mnl_attr_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(msg, inet6);
	mnl_attr_nest_end(msg, spec);
}

static void add_port_options(struct nl_batch *batch, const char *name, bool isolated, bool hairpin)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(batch, RTM_NEWLINK, 0, "set bridge port options", sizeof(*info), &info);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	struct nlattr *link = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_SLAVE_KIND, "bridge");
	struct nlattr *data = mnl_attr_nest_start(msg, IFLA_INFO_SLAVE_DATA);
	if (isolated)
		mnl_attr_put_u8(msg, IFLA_BRPORT_ISOLATED, 1);
	if (hairpin)
		mnl_attr_put_u8(msg, IFLA_BRPORT_MODE, 1);
	mnl_attr_nest_end(msg, data);
	mnl_attr_nest_end(msg, link);
}

/*
 * Where br_netfilter is active (Docker and Kubernetes load it), what a container sends to its own
 * published port is translated while still on the bridge and then forwarded there, which a bridge does
 * not do towards the port it came from, unless told to. Not set without need: it also gives senders
 * their own broadcasts back.
 */
static bool wants_hairpin(void)
{
	char value = '0';
	auto_fd int fd = open("/proc/sys/net/bridge/bridge-nf-call-iptables", O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, &value, 1) == 1 && value != '0';
}

/* The host end's way onto the bridge. */
static void add_plug_in(struct nl_batch *batch, const struct veth_place *place, const char *name)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(batch, RTM_NEWLINK, 0, "attach to bridge", sizeof(*info), &info);
	info->ifi_flags = info->ifi_change = IFF_UP;
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	mnl_attr_put_u32(msg, IFLA_MASTER, (uint32_t)place->bridge);
}

static int make_pair(int sock, const struct veth_place *place, int netns,
	const struct net_endpoint *ep, struct err **err)
{
	struct nl_batch batch = {0};
	struct ifinfomsg *info;
	struct nlmsghdr *msg = nl_add(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
		"make veth pair", sizeof(*info), &info);
	mnl_attr_put_strz(msg, IFLA_IFNAME, ep->host_if);
	put_size(msg, place);
	put_peer(msg, place, netns, ep);
	if (place->ipv6)
		add_no_ipv6_address(&batch, ep->host_if);
	add_plug_in(&batch, place, ep->host_if);
	bool hairpin = wants_hairpin();
	if (place->isolated || hairpin)
		add_port_options(&batch, ep->host_if, place->isolated, hairpin);
	return nl_run(sock, &batch, err);
}

static void add_up(struct nl_batch *batch, const char *name, const char *what)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg = nl_add(batch, RTM_NEWLINK, 0, what, sizeof(*info), &info);
	info->ifi_flags = info->ifi_change = IFF_UP;
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
}

static void add_address(struct nl_batch *batch, int index, const struct net_endpoint *ep)
{
	struct ifaddrmsg *info;
	struct nlmsghdr *msg = nl_add(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
		"set container address", sizeof(*info), &info);
	uint32_t host_bits = ep->prefix < 32 ? ~0U >> ep->prefix : 0;
	info->ifa_family = AF_INET;
	info->ifa_prefixlen = ep->prefix;
	info->ifa_index = (uint32_t)index;
	mnl_attr_put_u32(msg, IFA_LOCAL, ep->address.s_addr);
	mnl_attr_put_u32(msg, IFA_BROADCAST, ep->address.s_addr | htonl(host_bits));
}

static void add_default_route(struct nl_batch *batch, int index, const struct net_endpoint *ep)
{
	struct rtmsg *info;
	struct nlmsghdr *msg = nl_add(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
		"set default route", sizeof(*info), &info);
	info->rtm_family = AF_INET;
	info->rtm_table = RT_TABLE_MAIN;
	info->rtm_protocol = RTPROT_BOOT;
	info->rtm_scope = RT_SCOPE_UNIVERSE;
	info->rtm_type = RTN_UNICAST;
	mnl_attr_put_u32(msg, RTA_GATEWAY, ep->gateway.s_addr);
	mnl_attr_put_u32(msg, RTA_OIF, (uint32_t)index);
}

/*
 * An interface that got its carrier carries nothing until a kernel worker has seen to it, and the
 * container's first packet would be lost. Asking for a single interface makes the kernel do that work
 * first (Linux 6.8; before, the worker merely has to be faster than an exec, as for everybody else).
 */
static void add_settle(struct nl_batch *batch, const char *name, int index)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(batch, RTM_GETLINK, 0, "settle interface", sizeof(*info), &info);
	info->ifi_index = index;
	if (name)
		mnl_attr_put_strz(msg, IFLA_IFNAME, name);
}

static int configure_inside(int netns, const struct net_endpoint *ep, struct err **err)
{
	struct nl_batch batch = {0};
	struct nl_link link;
	auto_fd int sock = netns_socket(netns, ep->container_if, err);
	if (sock < 0 || nl_link_get(sock, ep->container_if, &link, err) < 0)
		return -1;
	if (!link.index)
		return err_set(err, ERR_SYSTEM, "interface %s is gone", ep->container_if);
	add_up(&batch, "lo", "bring loopback up");
	add_up(&batch, ep->container_if, "bring container interface up");
	add_address(&batch, link.index, ep);
	if (ep->gateway.s_addr)
		add_default_route(&batch, link.index, ep);
	add_settle(&batch, NULL, link.index);
	return nl_run(sock, &batch, err);
}

static int configure_both(int sock, const struct veth_place *place, int netns,
	const struct net_endpoint *ep, struct err **err)
{
	struct nl_batch batch = {0};
	if (configure_inside(netns, ep, err) < 0)
		return -1;
	add_settle(&batch, ep->host_if, 0);
	/* The bridge has its carrier from its ports: this may be the first. */
	add_settle(&batch, NULL, place->bridge);
	return nl_run(sock, &batch, err);
}

int veth_connect(
	const struct veth_place *place, int netns, const struct net_endpoint *ep, struct err **err)
{
	auto_err *why = NULL;
	auto_fd int sock = nl_socket(NETLINK_ROUTE, err);
	if (sock < 0)
		return -1;
	if (make_pair(sock, place, netns, ep, &why) == 0) {
		if (configure_both(sock, place, netns, ep, err) == 0)
			return 0;
		veth_remove(ep->host_if, NULL);
		return -1;
	}
	/* EEXIST: a name was taken, here or inside, and nothing was made; what has our name is not ours. */
	if (why->sys != EEXIST)
		veth_remove(ep->host_if, NULL);
	return err_move(err, &why);
}

int veth_remove(const char *name, struct err **err)
{
	struct nl_batch batch = {0};
	auto_err *why = NULL;
	auto_fd int sock = nl_socket(NETLINK_ROUTE, err);
	if (sock < 0)
		return -1;
	nl_add_link_delete(&batch, name);
	if (nl_run(sock, &batch, &why) == 0 || why->sys == ENODEV)
		return 0;
	return err_move(err, &why);
}

int net_loopback_up(int netns, struct err **err)
{
	struct nl_batch batch = {0};
	auto_fd int sock = netns_socket(netns, NULL, err);
	if (sock < 0)
		return -1;
	add_up(&batch, "lo", "bring loopback up");
	return nl_run(sock, &batch, err);
}
