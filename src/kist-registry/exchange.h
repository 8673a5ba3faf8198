/*
 * One request to a registry, with everything that may lie between it and its answer: endpoints in their
 * order, challenges and tokens, redirects, pauses and repetitions.
 */
#ifndef KIST_REGISTRY_EXCHANGE_H
#define KIST_REGISTRY_EXCHANGE_H

#include "http.h"

struct exchange;
/** One more header for the next attempt ("Range: ..."), or NULL. New string. May be NULL. */
typedef char *exchange_prepare_fn(void *arg, struct exchange *x);
/** It is over: x->err, or the answer in x->http. @x is freed after the call. */
typedef void exchange_done_fn(void *arg, struct exchange *x);
/** There will be another attempt. May be NULL. */
typedef void exchange_retry_fn(
	void *arg, const struct err *why, uint32_t wait_ms, uint32_t attempt);

struct exchange_spec {
	const char *method;
	const char *path; /* "/library/busybox/tags/list", for endpoints in their order */
	const char *url; /* instead: this one, at @endpoint (NULL: nobody's; no credentials) */
	struct endpoint *endpoint;
	uint32_t capability; /* endpoints that have this flag are asked */
	const char *scope; /* of the token; NULL: the session's */
	const char *shown; /* "busybox:latest", for "manifest for ... not found" */
	char *const *headers;
	bool document;
	bool once; /* the caller repeats by itself */
	bool get_too; /* of a HEAD: where an endpoint refuses it, GET is asked there instead */
	bool optional; /* a refusal is an answer as well, unless who we are or how busy it is may be why */
	bool with_user; /* the URL's own user and password go to its host, as Go's client sends them */
	struct http_body body;
	int also[4]; /* answers beside 2xx */
	exchange_prepare_fn *prepare;
	http_begin_fn *begin;
	http_data_fn *data;
	http_sent_fn *sent;
	exchange_retry_fn *retry;
	exchange_done_fn *done;
	void *arg;
};

struct exchange {
	struct exchange_spec spec; /* its strings are copies */
	struct client *c;
	struct endpoint *endpoint; /* being asked; NULL for a foreign URL */
	struct http *http;
	struct err *err;
	bool lost; /* err may go away if it is tried again */
	int64_t gained; /* for the caller to count what it got: such an attempt was not in vain */
	/* inner workings */
	bool getting; /* the endpoint has refused HEAD */
	char *url; /* being asked */
	unsigned redirects;
	uint32_t attempt;
	unsigned challenges; /* that this attempt has answered */
	bool over;
	char **headers;
	struct exchange *next_waiting;
};

struct exchange *exchange_start(struct client *c, const struct exchange_spec *spec);
/** Ends it without calling done. NULL is allowed. */
void exchange_cancel(struct exchange *x);

/* For auth.c: a token came, or could not be had. */
void exchange_resume(struct exchange *x);
void exchange_fail(struct exchange *x, struct err *err);

/** Its session is a push's, with all that a push asks before it sends anything. */
bool exchange_pushes(const struct exchange *x);
/** "host[:port]" that is being asked, for messages. New string. */
char *exchange_host(const struct exchange *x);

#endif
