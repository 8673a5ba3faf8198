/*
 * Who we are at which registry: in config.json, or with the credential helper that it names
 * (credsStore for all, credHelpers for single registries). What the daemon needs of it for one request
 * goes along in the header X-Registry-Auth; it keeps none.
 *
 * A server is a registry's host ("localhost:5000"); Docker Hub is CREDENTIALS_HUB.
 */
#ifndef KIST_CLI_CREDENTIALS_H
#define KIST_CLI_CREDENTIALS_H

#include "base/buf.h"
#include "config_file.h"
#include "oci/reference.h"

#define CREDENTIALS_HUB "https://index.docker.io/v1/"

struct credentials {
	char *user, *password; /* "" where there are none */
	char *token; /* identity token instead of a password; "" if none */
	char *registry_token; /* a ready bearer token; "" if none */
};
void credentials_clear(struct credentials *c);
#define auto_credentials __attribute__((cleanup(credentials_clear))) struct credentials

/** "https://host:5000/v2/" is "host:5000". Owned. */
char *credentials_host(const char *server);
/** The helper in charge of @server, NULL: config.json itself. Borrowed. */
const char *credentials_helper(const struct config_file *c, const char *server);

/** All "" where there are none. -1 if the helper or the file cannot say. */
int credentials_get(
	const struct config_file *c, const char *server, struct credentials *out, struct err **err);
/** Keeps @cred, on disk when it returns. */
int credentials_store(struct config_file *c, const char *server, const struct credentials *cred,
	struct err **err);
/** Forgets what there is. */
int credentials_erase(struct config_file *c, const char *server, struct err **err);
/** Servers with credentials; owned, NULL if none. Helpers that fail are left out. */
char **credentials_list(const struct config_file *c);

/** The server that a name leads to ("busybox": the hub). Owned. */
char *credentials_server_of(const struct reference *ref);
/** {"username": ..., "serveraddress": @server}, the body of POST /auth and, encoded, the header. */
json_t *credentials_json(const struct credentials *c, const char *server);
/**
 * The value of X-Registry-Auth for @server; owned. Where the credentials cannot be had it is that of
 * nobody, and a warning is printed.
 */
char *credentials_header(const char *server);

#endif
