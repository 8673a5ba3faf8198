/*
 * The daemon as the commands see it: JSON in, JSON out, errors in docker's words, API version settled
 * without a round trip of its own where the daemon is as new as this program.
 */
#ifndef KIST_CLI_API_H
#define KIST_CLI_API_H

#include <jansson.h>

#include "base/json.h"
#include "http.h"

#define API_VERSION "1.51"
#define API_MAX_ANSWER (256u << 20)
#define API_ANSWER "the daemon's answer" /* in messages */

struct api {
	char *host;
	char version[16]; /* used in paths; lowered when the daemon is older */
	struct http conn; /* kept alive between calls */
	int status; /* of the last answer; 0 if none came */
	bool pinged;
	char *registry_auth; /* sent as X-Registry-Auth with every request; NULL: none. Owned. */
};

void api_init(struct api *a, const char *host);
void api_free(struct api *a);

/**
 * One request with an optional JSON body; the answer's JSON in *@out (may be NULL to drop it; an empty
 * answer gives NULL). -1 with the daemon's message, prefixed "Error response from daemon: ", and the
 * kind from its status.
 */
int api_call(struct api *a, const char *method, const char *path, const json_t *body, json_t **out,
	struct err **err);
/** GET of @path: the answer as it comes, appended to @out. Errors as of api_call. */
int api_text(struct api *a, const char *path, struct buf *out, struct err **err);
/**
 * A request on a connection of its own, which the caller reads (http_read) and closes. An error status
 * is already turned into an error.
 */
int api_open(struct api *a, struct http *conn, const char *method, const char *path,
	const json_t *body, bool hijack, struct err **err);
/** As api_open for sending the data of a descriptor; settles the version first. */
int api_upload(struct api *a, struct http *conn, const char *path, const char *content_type, int fd,
	struct err **err);
/** The daemon's own message as an error, with nothing in it that steers a terminal. Always -1. */
int api_error(enum err_kind kind, const char *message, struct err **err);
/** HEAD /_ping; sets the version to use. */
int api_ping(struct api *a, struct err **err);
/** True if the version in use is at least @version ("1.42"). */
bool api_at_least(const struct api *a, const char *version);

#endif
