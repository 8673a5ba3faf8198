/*
 * The host's ports that are claimed by containers, and the sockets that hold them. Pure but for
 * port_hold(); the caller locks.
 */
#ifndef KIST_NET_PORTS_H
#define KIST_NET_PORTS_H

#include "elements.h"
#include "net/port.h"

#define PORTS_BUCKETS 1024

struct held {
	struct held *next;
	struct mapping map;
	int fd; /* the holding socket; -1 if there is none */
	bool ready; /* belongs in the kernel's table */
};

struct ports {
	struct held *bucket[PORTS_BUCKETS]; /* by protocol and host port */
	size_t count;
	uint16_t first, last; /* where ports are chosen from when none is asked for */
	uint32_t turn; /* moves on with every port chosen, as docker's does */
};

/** Reads the range from ip_local_port_range (docker's default where it cannot be read). */
void ports_init(struct ports *ports);
/** Closes all sockets. */
void ports_free(struct ports *ports);

/** Whether @port of @ip is claimed; 0.0.0.0 overlaps every address. */
bool ports_taken(const struct ports *ports, uint8_t proto, struct in_addr ip, uint16_t port);
/** Claims map->host_ip/host_port: NULL if taken. */
struct held *ports_claim(struct ports *ports, const struct mapping *map);
/** The first port from @from to @last that is not taken; 0 if there is none. */
uint16_t ports_next_free(
	const struct ports *ports, uint8_t proto, struct in_addr ip, uint32_t from, uint16_t last);
/** The claim with exactly this address, or NULL. */
struct held *ports_find(const struct ports *ports, uint8_t proto, struct in_addr ip, uint16_t port);
/** Takes the claim out of the table and frees it; closes its socket. */
void ports_drop(struct ports *ports, struct held *held);

/**
 * Binds a socket to the host port, so that no other program can take it. It answers nobody: what
 * the table did not translate is dropped before it is queued. Returns the descriptor; -1 with errno;
 * -2 if the kernel lacks the protocol (nobody can take the port then).
 */
int port_hold(uint8_t proto, struct in_addr ip, uint16_t port);

#endif
