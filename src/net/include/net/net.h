/*
 * Container networking on one bridge: the kernel's wiring and the allocation that goes with it.
 *
 * A struct net is one bridge with its subnet, its nftables table, the addresses handed out and the host
 * ports held. Nothing here is written to disk: the caller keeps endpoints and published ports with its
 * own records and hands them back after a restart (net_reserve, net_restore, then net_sync once). What
 * the kernel keeps survives kill -9 by itself: veth pairs live and die with the container's namespace,
 * and the table's elements are compared with what was handed back.
 *
 * Thread safety: every function may be called from any thread once net_open() has returned. One lock
 * guards the allocation tables and is never held across a kernel request.
 *
 * Networks "host", "none" and "container:X" need no struct net, only net_loopback_up() for "none".
 *
 * Specified by: Engine API 1.51 "NetworkSettings", "HostConfig.PortBindings"; dockerd's options of the
 * same names. Table and packet paths: docs/network.md.
 */
#ifndef KIST_NET_NET_H
#define KIST_NET_NET_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define NET_BRIDGE_DEFAULT "kist0"
#define NET_MAC_TEXT 18 /* "02:42:ac:11:00:02" and NUL */

struct net;

/** dockerd's options in brackets. Start from net_options_init(). */
struct net_options {
	const char *bridge; /* [--bridge] interface name; NULL: NET_BRIDGE_DEFAULT */
	/* The user named the bridge: if it exists and is not ours, use it and its address, and leave it
	 * when the daemon goes. Without this a foreign interface of that name is an error. */
	bool bridge_given;
	const char *bip; /* [--bip] "address/prefix" of the bridge; NULL: chosen */
	const char
		*fixed_cidr; /* [--fixed-cidr] containers get addresses from here only; NULL: all */
	const char *default_gateway; /* [--default-gateway] NULL: the bridge's address */
	uint32_t mtu; /* [--mtu] 0: the kernel's default */
	bool ip_forward; /* [--ip-forward] turn forwarding on */
	bool icc; /* [--icc] containers on the bridge reach each other */
	bool ip_masq; /* [--ip-masq] masquerade what leaves the bridge's subnet */
	bool firewall; /* [--iptables] make and use the table; false: no ports can be published */
	struct in_addr host_ip; /* [--ip] where a port without an address is published */
};

/** dockerd's defaults: all four switches on, host_ip 0.0.0.0. */
void net_options_init(struct net_options *options);

/**
 * Makes or adopts the bridge, the sysctls (ip_forward; route_localnet on the bridge) and the table.
 * Elements of published ports that a former daemon left stay in force until net_sync().
 * ERR_INVALID for options that contradict each other or the existing bridge, ERR_CONFLICT for a foreign
 * interface of that name or when no free subnet is left, ERR_SYSTEM otherwise.
 */
int net_open(struct net **out, const struct net_options *options, struct err **err);

/**
 * Frees the handle and the held port sockets. With @remove also the table and, if it is ours and no
 * interface is attached to it any more, the bridge; without, running containers keep their network.
 */
void net_close(struct net *net, bool remove);

/** What the network looks like, for inspect. Constant from net_open() on; owned by @net. */
struct net_info {
	char bridge[IFNAMSIZ];
	char table[32]; /* of nftables, family ip; "" without firewall */
	struct in_addr subnet, gateway,
		address; /* gateway of the containers; the bridge's own address */
	uint8_t prefix;
	uint32_t mtu;
	bool ours, icc, ip_masq, firewall;
	struct in_addr host_ip;
};
const struct net_info *net_info(const struct net *net);

/** One interface of a container. Plain data that the caller stores; text forms below. */
struct net_endpoint {
	struct in_addr address, gateway;
	uint8_t prefix;
	uint8_t mac[6];
	char host_if[IFNAMSIZ]; /* "kv" and random; unique on the host */
	char container_if[IFNAMSIZ]; /* "eth0" */
};

/**
 * Takes a free address (@wanted, if not NULL, else the lowest free one) and fills @ep. @mac NULL: the
 * locally administered 02:42 and the address, so that a reused address keeps its neighbour entries
 * right. ERR_CONFLICT "Address already in use" / "no available IPv4 addresses on this network's
 * address pools", ERR_INVALID for an address outside the subnet or a multicast @mac.
 */
int net_endpoint_allocate(struct net *net, struct net_endpoint *ep, const struct in_addr *wanted,
	const uint8_t mac[6], struct err **err);

/** After a restart: marks the address of a stored endpoint as taken. ERR_CONFLICT if it already is or
 * the subnet has changed. */
int net_reserve(struct net *net, const struct net_endpoint *ep, struct err **err);

/** Gives the address back. An address that is not taken is fine. */
void net_release(struct net *net, const struct net_endpoint *ep);

/**
 * Wires the network namespace @netns (a descriptor, e.g. of /proc/PID/ns/net; stays the caller's) to
 * the bridge: veth pair, MAC, name, MTU, loopback up, address, default route. IPv6 is off on the new
 * interface. May be done for a namespace ahead of time, before anything runs in it. Enters the
 * namespace with the calling thread for two system calls; if the way back fails the program aborts.
 * On failure nothing is left.
 */
int net_connect(struct net *net, int netns, const struct net_endpoint *ep, struct err **err);

/**
 * Removes the veth pair. The pair also goes with its namespace, so an absent one is success. For a
 * container that lives on: the kernel waits 10 to 30 ms in it. The address stays taken.
 */
int net_disconnect(struct net *net, const struct net_endpoint *ep, struct err **err);

/**
 * For a container that has ended: gives the address back as soon as the interfaces have gone with the
 * namespace, which the kernel does in the background; if somebody holds the namespace they are removed
 * after 200 ms. Returns at once. Instead of net_disconnect() and net_release().
 */
void net_leave(struct net *net, const struct net_endpoint *ep);

/** Whether the host end exists and is attached to the bridge (a start-up check). */
bool net_connected(struct net *net, const struct net_endpoint *ep);

/** Brings up "lo" in @netns: all that `--network none` has. Needs no struct net. */
int net_loopback_up(int netns, struct err **err);

char *net_mac_text(const uint8_t mac[6], char out[NET_MAC_TEXT]);
/** "02:42:ac:11:00:02", ':' or '-': 0 or -1. */
int net_mac_parse(const char *text, uint8_t mac[6]);
/** Returns @out, at least INET_ADDRSTRLEN. */
char *net_addr_text(struct in_addr addr, char *out);
/** Strict dotted quad: 0 or -1. */
int net_addr_parse(const char *text, struct in_addr *out);

#endif
