/* The table of routes: dispatch, version checks, 501s and docs/api.md all come from it. */
#ifndef KIST_API_ROUTES_H
#define KIST_API_ROUTES_H

#include <stdbool.h>

#include "base/err.h"

struct request;
struct params;

#define API_MIN 124
#define API_MAX 151
#define API_MIN_TEXT "1.24"
#define API_MAX_TEXT "1.51"

typedef int handler_fn(struct request *req, struct err **err);

enum route_flags {
	ROUTE_INLINE = 1, /* never blocks: runs on the loop */
	ROUTE_STREAM_BODY = 2, /* the body is handed over as a descriptor while it comes */
	ROUTE_HIJACK = 4, /* the connection is given away; half-closing it is no farewell */
	ROUTE_LONG = 8, /* may keep its worker for long */
};

struct route {
	const char *method;
	const char *path; /* {name} is one segment, {name*} one or more */
	handler_fn *run;
	unsigned since; /* first API version that has it; 0: all we serve */
	unsigned flags;
	const char *note; /* for docs/api.md: what is not there yet */
};

/** The route of a decoded path without version, and the values of its {names}; NULL if there is
 * none. */
const struct route *route_find(const char *method, const char *path, struct params *vars);
const struct route *route_table(void);

/** "1.44" to 144: 0 or -1. */
int api_version_parse(const char *text, unsigned *out);
/** ERR_INVALID in dockerd's words for versions that are not served. */
int api_version_check(const char *text, unsigned *out, struct err **err);

/* handlers, by file */
handler_fn api_system_ping, api_system_version, api_system_info, api_system_events;
handler_fn api_container_list, api_container_inspect, api_container_create;
handler_fn api_container_start, api_container_stop, api_container_restart, api_container_kill,
	api_container_pause, api_container_unpause, api_container_rename, api_container_resize,
	api_container_export, api_container_changes, api_commit, api_container_remove,
	api_container_top;
handler_fn api_container_attach, api_container_wait, api_container_logs;
handler_fn api_exec_create, api_exec_start, api_exec_resize, api_exec_inspect;
handler_fn api_image_list, api_image_inspect, api_image_history, api_image_tag, api_image_remove,
	api_image_load, api_image_save, api_image_save_all, api_image_create, api_image_prune,
	api_image_search, api_image_push, api_auth, api_distribution, api_registry_tags,
	api_registry_catalog, api_registry_referrers;
handler_fn api_plugin_inspect;
handler_fn api_volume_list, api_volume_create, api_volume_inspect, api_volume_remove;
handler_fn api_network_list, api_network_inspect;
handler_fn api_kist_check;
handler_fn api_kist_image_files, api_kist_image_diff;
handler_fn api_system_df, api_kist_disk, api_container_prune, api_volume_prune, api_network_prune,
	api_build_prune;
handler_fn not_built, not_swarm;

#endif
