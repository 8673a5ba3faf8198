/*
 * Reads one HTTP/1.1 response from bytes as they arrive: head, then body of a known length, in chunks
 * or up to the end of the connection. The daemon is not trusted: http_parser bounds the head at 80 KB,
 * and this keeps at most RESPONSE_MAX_HEADERS headers of RESPONSE_MAX_VALUE bytes.
 */
#ifndef KIST_CLI_RESPONSE_H
#define KIST_CLI_RESPONSE_H

#include <http_parser.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define RESPONSE_MAX_HEADERS 64
#define RESPONSE_MAX_VALUE 4096

struct response {
	http_parser parser;
	bool hijack; /* asked to take the connection over: after 101 or 200 the rest is raw */
	bool head_only; /* answer to HEAD: no body comes, whatever its headers say */
	bool head_done; /* status and headers are there */
	bool done; /* the body is complete, or the connection is ours (hijacked) */
	bool hijacked;
	bool keep_alive; /* valid when done: the connection can carry another request */
	int status;
	char **headers; /* name, value, name, value... */
	struct buf body; /* decoded, not yet taken */
	struct buf name, value;
	bool in_value, ignore;
};

/** @head_only: the request was HEAD, so no body comes. */
void response_init(struct response *r, bool hijack, bool head_only);
/**
 * Takes bytes from the connection. Returns how many were used; fewer than @n only where done: what
 * remains is raw data of a hijacked connection (or junk after a response). -1 with ERR_UNAVAILABLE for
 * what is not HTTP.
 */
ssize_t response_feed(struct response *r, const char *p, size_t n, struct err **err);
/** The connection ended. -1 with ERR_UNAVAILABLE if that cuts the response short. */
int response_end(struct response *r, struct err **err);
/** Value of a header, any case; NULL if absent. */
const char *response_header(const struct response *r, const char *name);
void response_free(struct response *r);

#endif
