/*
 * One HTTP request on the wire, and its answer. No retries, no redirects, no authentication: exchange.h
 * has those. What it bounds is here: headers (64 KiB), bodies of failures (64 KiB), waiting, silence.
 */
#ifndef KIST_REGISTRY_HTTP_H
#define KIST_REGISTRY_HTTP_H

#include "client.h"

enum http_failure {
	HTTP_FINE, /* there is an answer, whatever its status */
	HTTP_UNREACHED, /* no connection: name, refusal, time, proxy */
	HTTP_UNTRUSTED, /* TLS, the server's certificate or the proxy's */
	HTTP_NO_TLS, /* the server speaks plain HTTP */
	HTTP_LOST, /* the connection ended or stalled */
	HTTP_NONSENSE, /* what came is not HTTP, or without end */
	HTTP_REFUSED, /* one of the callbacks said so; refusal has the reason */
};

/** Headers of the answer that matter; NULL: absent. */
struct http_headers {
	char *content_type, *location, *digest, *link, *range, *content_range, *retry_after,
		*chunk_min, *filters, *etag, *subject;
	char **challenges; /* WWW-Authenticate, each as it came */
	int64_t content_length; /* -1: not given */
};

struct http;
/** The head of an answer with status 2xx is there: 0, or -1 with *err to refuse it. May be NULL. */
typedef int http_begin_fn(void *arg, struct http *h, struct err **err);
/** Part of its body; likewise. NULL: bodies are thrown away. */
typedef int http_data_fn(void *arg, struct http *h, const char *p, size_t n, struct err **err);
/** Bytes of the request's body are on their way: @total of them so far. May be NULL. */
typedef void http_sent_fn(void *arg, int64_t total);
/** It is over; @h is freed after the call. */
typedef void http_done_fn(void *arg, struct http *h);

struct http_body {
	const void *p; /* in memory, or NULL: from fd. Must outlive the request */
	int fd;
	int64_t offset, size;
};

struct http_spec {
	const char *method, *url;
	char *const *headers;
	const struct endpoint
		*endpoint; /* whose certificates and time limits hold; NULL: the system's */
	bool own; /* the URL is at the endpoint's origin: its client certificates may be shown */
	bool document; /* the whole answer within answer_ms */
	struct http_body body;
	http_begin_fn *begin;
	http_data_fn *data;
	http_sent_fn *sent;
	http_done_fn *done;
	void *arg;
};

struct http {
	struct http_spec spec;
	struct client *c;
	struct http *next;
	CURL *easy;
	struct curl_slist *list;
	char *url;
	char message[CURL_ERROR_SIZE];
	/* the answer */
	long status; /* 0: none */
	char *reason; /* "404 Not Found" */
	struct http_headers headers;
	enum http_failure failure;
	char dialled
		[64]; /* the last IPv4 address and port that a connection was begun to, else the first IPv6 one's */
	bool absent; /* nobody listens there, or there is no such name */
	char *why; /* of a failure, in Go's words where it has some */
	struct err *refusal;
	struct buf error_body; /* of an answer that is not 2xx */
	/* inner workings */
	size_t head_size;
	bool begun, head_done;
	bool at_proxy; /* the last TLS handshake that was begun is the proxy's (tls.c) */
	int64_t body_sent;
	int64_t waiting_since, window_start, window_bytes, answer_start;
};

struct http *http_start(struct client *c, const struct http_spec *spec);
/** Ends it without calling done. */
void http_cancel(struct http *h);
/** What libcurl has finished, and what has been silent too long. */
void http_reap(struct client *c);

/** "https://host:port" of a URL, or NULL if it is neither http nor https. New string. */
char *http_origin(const char *url);
/** @reference resolved against @base; NULL if it is no URL. New string. */
char *http_resolve(const char *base, const char *reference);
/** The same with the user and the password of @reference, or of @base where @reference names no host, which are sent there. */
char *http_resolve_with_user(const char *base, const char *reference);
/** Without user, password, query and fragment: for messages. New string. */
char *http_shown(const char *url);

#endif
