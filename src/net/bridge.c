#include "bridge.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "nl.h"
#include "pool.h"
#include "sysctl.h"

/* An interface alias is what marks a bridge as ours: it lives exactly as long as the bridge. */
#define BRIDGE_ALIAS "kist"

/* What docker takes its default networks from, in its order. */
static const struct {
	uint32_t first, step;
	uint8_t prefix, count;
} default_pools[] = {
	{0xac110000, 1U << 16, 16, 15}, /* 172.17.0.0/16 .. 172.31.0.0/16 */
	{0xc0a80000, 1U << 12, 20, 16}, /* 192.168.0.0/20 .. 192.168.240.0/20 */
};

bool bridge_name_valid(const char *name)
{
	return str_all_of(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
		       1, IFNAMSIZ - 1) &&
	       !str_eq(name, ".") && !str_eq(name, "..");
}

/* The addresses that an interface has (the first one counts), or the networks that routes lead to. */
struct ranges {
	int index; /* of the interface asked about */
	size_t count;
	struct range {
		uint32_t address;
		uint8_t prefix;
	} v[256];
};

static int address_attr(const struct nlattr *attr, void *data)
{
	struct range *out = data;
	if (mnl_attr_get_type(attr) == IFA_LOCAL)
		out->address = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static int address_message(const struct nlmsghdr *msg, void *data)
{
	struct ranges *out = data;
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(msg);
	struct range one = {.prefix = info->ifa_prefixlen};
	if (msg->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != out->index)
		return MNL_CB_OK;
	mnl_attr_parse(msg, sizeof(*info), address_attr, &one);
	if (one.address && out->count < ARRAY_LEN(out->v))
		out->v[out->count++] = one;
	return MNL_CB_OK;
}

static int addresses_of(int sock, int index, struct ranges *out, struct err **err)
{
	struct nl_batch batch = {0};
	struct ifaddrmsg *info;
	nl_add(&batch, RTM_GETADDR, NLM_F_DUMP, "list addresses", sizeof(*info), &info);
	info->ifa_family = AF_INET;
	*out = (struct ranges){.index = index};
	return nl_ask(sock, &batch, address_message, out, err);
}

static int route_attr(const struct nlattr *attr, void *data)
{
	struct range *out = data;
	if (mnl_attr_get_type(attr) == RTA_DST)
		out->address = ntohl(mnl_attr_get_u32(attr));
	return MNL_CB_OK;
}

static int route_message(const struct nlmsghdr *msg, void *data)
{
	struct ranges *out = data;
	const struct rtmsg *info = mnl_nlmsg_get_payload(msg);
	struct range one = {.prefix = info->rtm_dst_len};
	if (msg->nlmsg_type != RTM_NEWROUTE || info->rtm_type == RTN_BROADCAST)
		return MNL_CB_OK;
	mnl_attr_parse(msg, sizeof(*info), route_attr, &one);
	if (info->rtm_dst_len > 0 && out->count < ARRAY_LEN(out->v))
		out->v[out->count++] = one;
	return MNL_CB_OK;
}

static bool is_free(const struct ranges *used, uint32_t address, uint8_t prefix)
{
	for (size_t i = 0; i < used->count; i++) {
		uint8_t shorter = used->v[i].prefix < prefix ? used->v[i].prefix : prefix;
		if (!((used->v[i].address ^ address) & pool_mask(shorter)))
			return false;
	}
	return true;
}

static int choose_subnet(int sock, struct bridge *out, struct err **err)
{
	struct nl_batch batch = {0};
	struct rtmsg *info;
	auto_free struct ranges *used = xcalloc(1, sizeof(*used));
	nl_add(&batch, RTM_GETROUTE, NLM_F_DUMP, "list routes", sizeof(*info), &info);
	info->rtm_family = AF_INET;
	if (nl_ask(sock, &batch, route_message, used, err) < 0)
		return -1;
	for (size_t p = 0; p < ARRAY_LEN(default_pools); p++)
		for (uint32_t i = 0; i < default_pools[p].count; i++) {
			uint32_t subnet = default_pools[p].first + i * default_pools[p].step;
			if (!is_free(used, subnet, default_pools[p].prefix))
				continue;
			out->address = subnet + 1;
			out->prefix = default_pools[p].prefix;
			return 0;
		}
	return err_set(err, ERR_CONFLICT,
		"no free subnet for the bridge: every default one overlaps a route of this host; "
		"choose one with --bip");
}

static void add_bridge(struct nl_batch *batch, const char *name, uint32_t mtu)
{
	struct ifinfomsg *info;
	uint8_t mac[6] = {0x02, 0x42};
	char hex[9];
	struct nlmsghdr *msg = nl_add(
		batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, "make bridge", sizeof(*info), &info);

	/* A MAC of its own, or the bridge would change it with every interface that comes or goes. */
	random_hex(hex, 4);
	uint32_t low = (uint32_t)strtoul(hex, NULL, 16);
	memcpy(mac + 2, &low, 4);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	mnl_attr_put(msg, IFLA_ADDRESS, sizeof(mac), mac);
	if (mtu)
		mnl_attr_put_u32(msg, IFLA_MTU, mtu);
	struct nlattr *link = mnl_attr_nest_start(msg, IFLA_LINKINFO);
	mnl_attr_put_strz(msg, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(msg, link);
	/* The alias cannot be given at creation; in the same batch it cannot be missed either. */
	msg = nl_add(batch, RTM_NEWLINK, 0, "mark bridge", sizeof(*info), &info);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	mnl_attr_put_strz(msg, IFLA_IFALIAS, BRIDGE_ALIAS);
}

static void add_address(
	struct nl_batch *batch, uint16_t type, int index, uint32_t address, uint8_t prefix)
{
	struct ifaddrmsg *info;
	struct nlmsghdr *msg = nl_add(batch, type, type == RTM_NEWADDR ? NLM_F_CREATE : 0,
		type == RTM_NEWADDR ? "set bridge address" : "remove old bridge address",
		sizeof(*info), &info);
	info->ifa_family = AF_INET;
	info->ifa_prefixlen = prefix;
	info->ifa_index = (uint32_t)index;
	mnl_attr_put_u32(msg, IFA_LOCAL, htonl(address));
	if (type == RTM_NEWADDR)
		mnl_attr_put_u32(msg, IFA_BROADCAST, htonl(address | ~pool_mask(prefix)));
}

/* The address: what --bip says, else what the bridge has, else a free one. */
static int settle_address(int sock, const char *name, const struct net_options *options,
	struct bridge *out, struct err **err)
{
	struct nl_batch batch = {0};
	auto_free struct ranges *has = xcalloc(1, sizeof(*has));
	bool found = false;

	if (addresses_of(sock, out->index, has, err) < 0)
		return -1;
	if (options->bip && !pool_parse_cidr(options->bip, &out->address, &out->prefix))
		return err_set(err, ERR_INVALID,
			"--bip \"%s\" is no IPv4 address with a prefix "
			"length from 8 to 30",
			options->bip);
	if (!options->bip && has->count) {
		out->address = has->v[0].address;
		out->prefix = has->v[0].prefix;
	} else if (!options->bip) {
		if (!out->ours)
			return err_set(err, ERR_INVALID, "bridge %s has no IPv4 address", name);
		if (choose_subnet(sock, out, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < has->count; i++) {
		if (has->v[i].address == out->address && has->v[i].prefix == out->prefix)
			found = true;
		else if (out->ours && options->bip && batch.count < 8)
			add_address(&batch, RTM_DELADDR, out->index, has->v[i].address,
				has->v[i].prefix);
	}
	if (out->prefix < 8 || out->prefix > 30)
		return err_set(err, ERR_INVALID, "bridge %s: prefix length %u is not from 8 to 30",
			name, out->prefix);
	if (!found && !out->ours)
		return err_set(err, ERR_INVALID,
			"bridge %s was not made by kist and does not have "
			"the address %s of --bip",
			name, options->bip);
	if (!found)
		add_address(&batch, RTM_NEWADDR, out->index, out->address, out->prefix);
	return batch.count ? nl_run(sock, &batch, err) : 0;
}

static int bring_up(int sock, const char *name, uint32_t mtu, struct err **err)
{
	struct nl_batch batch = {0};
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(&batch, RTM_NEWLINK, 0, "bring bridge up", sizeof(*info), &info);
	info->ifi_flags = info->ifi_change = IFF_UP;
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	if (mtu)
		mnl_attr_put_u32(msg, IFLA_MTU, mtu);
	return nl_run(sock, &batch, err);
}

int bridge_open(
	const char *name, const struct net_options *options, struct bridge *out, struct err **err)
{
	struct nl_link link;
	auto_fd int sock = nl_socket(NETLINK_ROUTE, err);

	if (sock < 0 || nl_link_get(sock, name, &link, err) < 0)
		return -1;
	if (!link.index) {
		struct nl_batch batch = {0};
		add_bridge(&batch, name, options->mtu);
		if (nl_run(sock, &batch, err) < 0 || nl_link_get(sock, name, &link, err) < 0)
			return err_wrap(err, "bridge %s", name);
	}
	if (!str_eq(link.kind, "bridge"))
		return err_set(err, ERR_CONFLICT, "interface %s exists and is no bridge", name);
	*out = (struct bridge){.index = link.index, .ours = str_eq(link.alias, BRIDGE_ALIAS)};
	if (!out->ours && !options->bridge_given)
		return err_set(err, ERR_CONFLICT,
			"bridge %s exists and was not made by kist; name it "
			"with --bridge to use it as it is",
			name);
	/* IPv6 networks are not offered: neither may the host be reachable by link-local addresses. */
	if (out->ours && sysctl_if_set("ipv6", name, "disable_ipv6", "1", err) < 0)
		return err_wrap(err, "bridge %s", name);
	if (settle_address(sock, name, options, out, err) < 0 ||
		bring_up(sock, name, out->ours ? options->mtu : 0, err) < 0 ||
		nl_link_get(sock, name, &link, err) < 0)
		return err_wrap(err, "bridge %s", name);
	out->mtu = link.mtu;
	return 0;
}

struct ports_seen {
	int master, count;
};

static int count_port(const struct nlmsghdr *msg, void *data)
{
	struct ports_seen *seen = data;
	struct nlattr *attr;
	mnl_attr_for_each(attr, msg, sizeof(struct ifinfomsg))
	{
		if (mnl_attr_get_type(attr) == IFLA_MASTER &&
			(int)mnl_attr_get_u32(attr) == seen->master)
			seen->count++;
	}
	return MNL_CB_OK;
}

int bridge_remove(const char *name, struct err **err)
{
	struct nl_batch ask = {0}, batch = {0};
	struct ifinfomsg *info;
	struct nl_link link;
	auto_fd int sock = nl_socket(NETLINK_ROUTE, err);

	if (sock < 0 || nl_link_get(sock, name, &link, err) < 0)
		return -1;
	if (!link.index || !str_eq(link.kind, "bridge") || !str_eq(link.alias, BRIDGE_ALIAS))
		return 0;
	struct ports_seen seen = {.master = link.index};
	nl_add(&ask, RTM_GETLINK, NLM_F_DUMP, "list interfaces", sizeof(*info), &info);
	if (nl_ask(sock, &ask, count_port, &seen, err) < 0)
		return -1;
	if (seen.count)
		return 0;
	nl_add_link_delete(&batch, name);
	return nl_run(sock, &batch, err);
}
