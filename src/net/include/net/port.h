/*
 * Published ports: -p on the host's side.
 *
 * A published port is an element {protocol, host address, host port -> container address, port} of one
 * of the two maps in the network's nftables table, and a socket that the daemon holds bound, so that no
 * other program can take the port and so that a port that somebody else has is noticed. Traffic never
 * passes through the daemon: while it is down or restarting, ports work.
 *
 * IPv4 only: an address in IPv6 form is ERR_NOT_IMPLEMENTED at the parser.
 */
#ifndef KIST_NET_PORT_H
#define KIST_NET_PORT_H

#include "net/net.h"

/** One binding of one container port. Plain data. */
struct net_port {
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
	struct in_addr host_ip; /* 0.0.0.0: every address of the host */
	uint16_t
		host_first; /* 0: any free one of 32768..60999 (the system's ip_local_port_range) */
	uint16_t host_last; /* more than host_first: the first free one of the range */
	uint16_t container_port; /* never 0 */
};

/**
 * Publishes @n ports of @ep: all of them or none. On success host_first == host_last is the port taken
 * in each. Errors in Docker's words, all ERR_SYSTEM (Docker answers 500), with errno EADDRINUSE:
 *   "Bind for 0.0.0.0:8080 failed: port is already allocated"      held by another container
 *   "failed to bind host port for 0.0.0.0:80:172.17.0.2:80/tcp: address already in use"
 *   "all ports are allocated"                                     range exhausted
 * ERR_INVALID for contradictory ports; ERR_UNAVAILABLE when the network was opened without firewall.
 */
int net_publish(struct net *net, const struct net_endpoint *ep, struct net_port *ports, size_t n,
	struct err **err);

/** Takes back what net_publish() returned; an unknown one is ignored. Never fails for the caller:
 * elements that cannot be removed are logged and go at the next net_sync(). */
void net_unpublish(
	struct net *net, const struct net_endpoint *ep, const struct net_port *ports, size_t n);

/**
 * After a restart: ports of a container that still runs, as net_publish() returned them. A port that
 * another program has bound meanwhile is logged and kept in the table, since the container uses it.
 * Nothing changes in the kernel until net_sync(). ERR_CONFLICT if two stored containers claim one port.
 */
int net_restore(struct net *net, const struct net_endpoint *ep, const struct net_port *ports,
	size_t n, struct err **err);

/** Makes the table hold exactly what was restored and published, in one transaction: elements of
 * containers that are gone go, missing ones come back. Call once after start-up, or after somebody has
 * flushed the table. */
int net_sync(struct net *net, struct err **err);

/** "tcp", "udp", "sctp" (any case): the number, or -1. */
int net_proto_parse(const char *name);
const char *net_proto_name(uint8_t proto);

/**
 * Parses one PortBindings entry: key "80/tcp" (protocol optional) or "80", HostIp and HostPort
 * ("", "8080", "8000-8010"). Empty HostIp gives @default_ip. ERR_INVALID in Docker's words
 * ("invalid port specification: ..."); IPv6 addresses ERR_NOT_IMPLEMENTED.
 */
int net_port_parse(const char *key, const char *host_ip, const char *host_port,
	struct in_addr default_ip, struct net_port *out, struct err **err);

/** Parses "80", "80/udp", "80-90/tcp" as in ExposedPorts: first and last port. ERR_INVALID. */
int net_expose_parse(
	const char *key, uint16_t *first, uint16_t *last, uint8_t *proto, struct err **err);

#endif
