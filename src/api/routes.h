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
	ROUTE_INLINE = 1,      /* never blocks: runs on the loop */
	ROUTE_STREAM_BODY = 2, /* the body is handed over as a descriptor while it comes */
	ROUTE_HIJACK = 4,      /* the connection is given away; half-closing it is no farewell */
	ROUTE_LONG = 8,	       /* may keep its worker for long */
};

struct route {
	const char *method;
	const char *path; /* {name} is one segment, {name*} one or more */
	handler_fn *run;
	unsigned since; /* first API version that has it; 0: all we serve */
	unsigned flags;
	const char *note; /* for docs/api.md: what is not there yet */
};

/** The route of a decoded path without version, and the values of its {names}; NULL if there is none. */
const struct route *route_find(const char *method, const char *path, struct params *vars);
const struct route *route_table(void);

/** "1.44" to 144: 0 or -1. */
int api_version_parse(const char *text, unsigned *out);
/** ERR_INVALID in dockerd's words for versions that are not served. */
int api_version_check(const char *text, unsigned *out, struct err **err);

/* handlers, by file */
handler_fn system_ping, system_version, system_info, system_events;
handler_fn container_list, container_inspect, container_create;
handler_fn container_start, container_stop, container_restart, container_kill, container_pause,
	container_unpause, container_rename, container_resize, container_remove, container_top;
handler_fn container_attach, container_wait, container_logs;
handler_fn exec_create, exec_start, exec_resize, exec_inspect;
handler_fn image_list, image_inspect, image_history, image_tag, image_remove, image_load,
	image_create;
handler_fn volume_list, volume_create, volume_inspect, volume_remove;
handler_fn network_list, network_inspect;
handler_fn not_built, not_swarm;

#endif
