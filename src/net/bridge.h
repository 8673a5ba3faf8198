/* Making, adopting and removing the bridge interface. */
#ifndef KIST_NET_BRIDGE_H
#define KIST_NET_BRIDGE_H

#include "net/net.h"

/** What was found or made. Addresses in host byte order. */
struct bridge {
	int index;
	uint32_t mtu;
	uint32_t address;
	uint8_t prefix;
	bool ours; /* made by kist (now or earlier) */
};

/** See net_open(). @name is valid. */
int bridge_open(
	const char *name, const struct net_options *options, struct bridge *out, struct err **err);
/** Deletes the bridge if it is ours and has no port. */
int bridge_remove(const char *name, struct err **err);
/** Letters, digits, "_", "-" and "."; 1 to 15 of them; not "." or "..". */
bool bridge_name_valid(const char *name);

#endif
