/* The networks there are: bridge, host and none. */
#ifndef KIST_ENGINE_NETWORK_H
#define KIST_ENGINE_NETWORK_H

#include "engine/engine.h"

struct network_member {
	char id[65]; /* container */
	char *name;
	char *endpoint; /* endpoint id */
	char *mac;
	char *ip4, *ip6; /* "172.17.0.2/16"; NULL where there is none */
};

struct network_info {
	char *id; /* 64 hex digits */
	char *name;
	int64_t created_at;
	char *driver; /* "bridge", "host", "null" */
	char *subnet, *gateway; /* NULL where there is none */
	char *bridge_name; /* NULL but for bridge networks */
	uint32_t mtu;
	bool icc, masquerade, default_bridge;
	struct network_member *members; /* running containers; filled by inspect only */
	size_t member_count;
};
void network_info_free(struct network_info *n);
void network_info_list_free(struct network_info *v, size_t n);

/** Filters: dangling, driver, id, label, name, scope, type. */
int engine_network_list(struct engine *e, const struct filters *filters, struct network_info **out,
	size_t *count, struct err **err);
/** By name, id or prefix of an id. ERR_NOT_FOUND "network x not found". */
int engine_network_inspect(
	struct engine *e, const char *ref, struct network_info **out, struct err **err);

#endif
