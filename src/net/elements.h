/* The elements of the table's two maps: changing and reading them over nfnetlink, in one transaction. */
#ifndef KIST_NET_ELEMENTS_H
#define KIST_NET_ELEMENTS_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Keys: protocol . port for ports of every address, address . protocol . port for the others. */
#define MAP_ANY "any"
#define MAP_ONE "one"

/** One published port in the kernel's terms. Ports in host byte order. */
struct mapping {
	struct in_addr host_ip, to_ip;
	uint16_t host_port, to_port;
	uint8_t proto;
};

struct mapping_list {
	struct mapping *v;
	size_t count, room;
};
void mapping_add(struct mapping_list *list, const struct mapping *map);
void mapping_free(struct mapping_list *list);
#define auto_mappings __attribute__((cleanup(mapping_free))) struct mapping_list
/** Total order, by key first. */
int mapping_compare(const void *a, const void *b);

/*
 * @sock is a socket of nl_socket(NETLINK_NETFILTER), for one thread at a time. It should be kept: closing
 * one makes the kernel wait until what was deleted before is freed, 5 to 15 ms.
 */

/**
 * Removes @del and adds @add, all or nothing. Adding what is there already is success. err->sys is
 * ENOENT if a removed element or the table is missing, EBUSY or EEXIST if a key leads elsewhere.
 */
int elements_change(int sock, const char *table, const struct mapping_list *del,
	const struct mapping_list *add, struct err **err);

/** Everything that both maps hold. ENOENT in err->sys if there is no table. */
int elements_read(int sock, const char *table, struct mapping_list *out, struct err **err);

#endif
