/*
 * A connection to the daemon: requests one after another over a kept-alive unix or TCP socket, bodies
 * that stream in either direction, and taking the connection over (hijack) for attach and exec.
 * Blocking; one thread.
 */
#ifndef KIST_CLI_HTTP_H
#define KIST_CLI_HTTP_H

#include "response.h"

struct http {
	int fd;
	struct response response; /* of the last request */
	struct buf raw; /* bytes after the response: a hijacked connection's first */
	bool used; /* has carried a request before */
};

struct http_request {
	const char *method;
	const char *target; /* path and query, already escaped */
	const char *content_type;
	const char *registry_auth; /* X-Registry-Auth; NULL: none */
	const void *body;
	size_t body_len;
	int body_fd; /* where body is NULL: a descriptor to stream in chunks, -1 for none */
	bool hijack;
	void (*progress)(void *data, size_t sent);
	void *progress_data;
};

/**
 * Connects to @host: unix:///path, tcp://name:port. ERR_UNAVAILABLE in docker's words if nobody
 * answers, ERR_NOT_IMPLEMENTED for a scheme that is not built, ERR_INVALID for nonsense.
 */
int http_connect(struct http *h, const char *host, struct err **err);
/** Sends a request and reads the response up to the end of its head. */
int http_start(struct http *h, const struct http_request *request, struct err **err);
/** Reads decoded body: bytes, 0 at its end, -1. */
ssize_t http_read(struct http *h, void *p, size_t n, struct err **err);
/** Reads the whole rest of the body; ERR_TOO_LARGE beyond @max. */
int http_read_all(struct http *h, size_t max, struct buf *out, struct err **err);
/** True if the connection can carry another request. */
bool http_reusable(const struct http *h);
void http_close(struct http *h);

/** Appends "?name=value" or "&name=value" to a target, escaped. NULL @value: nothing. */
void url_add(struct buf *target, const char *name, const char *value);
/** Appends "name:tag" as repo and tag. */
void url_add_reference(struct buf *target, const char *reference);
/** Appends a path segment, escaped. */
void url_add_segment(struct buf *target, const char *segment);

#endif
