/*
 * The program's state: what the library said about the session, and what is under way.
 *
 * One thread. libcurl's multi interface drives all connections; whoever starts something gets a
 * callback when it ends. Nothing blocks but reads of files that are being uploaded.
 */
#ifndef KIST_REGISTRY_CLIENT_H
#define KIST_REGISTRY_CLIENT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "registry/protocol.h"

struct challenge;
struct op;
struct exchange;
struct http;
struct out_record;
struct timer;
struct token;

/** Certificates of one endpoint. */
struct trust {
	struct buf ca; /* PEM, beside the system's */
	struct buf *clients; /* PEM: certificates and key, one pair each */
	size_t client_count;
	void *store; /* X509_STORE, made when first needed (tls.c) */
	long verdict; /* X509_V_*: of the chain that was checked last (tls.c) */
};

/** Where a repository may be found, in the order in which to ask. */
struct endpoint { /* NOLINT(clang-analyzer-optin.performance.Padding) */
	char *url; /* without a final "/" */
	char *origin; /* "https://host:port", the port always there: what credentials are good for */
	bool plain; /* http */
	uint32_t flags;
	uint32_t connect_ms;
	char **headers;
	struct trust trust;
	bool answered; /* something, in this session */
	bool dead; /* could not be reached: the others come first */
	struct challenge
		*challenge; /* what it asked for when it was last asked without; NULL: nothing */
	bool token_pending; /* a token is being fetched, exchanges wait for it */
};

struct settings {
	char *repository, *familiar, *scope, *user_agent;
	char *http_proxy, *https_proxy, *no_proxy;
	char *username, *password, *identity_token, *registry_token;
	uint32_t connect_ms, answer_ms, stall_ms, pause_ms, attempts;
	bool own_words;
};

struct client {
	struct settings set;
	struct endpoint *endpoints;
	size_t endpoint_count;
	int control;
	struct out_record *out_first, *out_last; /* waiting for room in the socket */
	CURLM *multi;
	struct http *active; /* requests on the wire */
	struct timer *timers;
	struct exchange *waiting; /* for a token */
	struct token *tokens;
	struct op *ops;
	bool answered; /* somebody has answered something in this session */
	bool login; /* tokens are asked for with a refresh token */
	char *login_token; /* that refresh token */
	int bundle; /* the system's CA certificates, opened before confinement; -1 (bundle.h) */
	struct buf bundle_folders; /* and what lies beside them */
	void *authorities; /* what is in it, once needed (tls.c) */
	struct trust system; /* for hosts that are no endpoint's */
	struct err *broken; /* a certificate that cannot be read: the answer to everything */
};

#endif
