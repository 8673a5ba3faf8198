/* The daemon's configuration, checked; and what follows from it for one registry. */
#ifndef KIST_REGISTRY_CONFIG_H
#define KIST_REGISTRY_CONFIG_H

#include <netinet/in.h>
#include <pthread.h>

#include "registry/protocol.h"
#include "registry/registry.h"

struct subnet {
	int family;
	unsigned char address[16];
	unsigned bits;
	char *text; /* "127.0.0.0/8" */
};

/** Never changed once made; sessions hold a reference while they start. */
struct config {
	unsigned references; /* under the registry's lock */
	char *program, *certs_dir, *user_agent;
	char **mirrors; /* "https://mirror.example/" */
	struct subnet *subnets;
	size_t subnet_count;
	char **insecure_hosts;
	char *http_proxy, *https_proxy, *no_proxy; /* never NULL */
	struct registry_limits limits;
};

struct registry {
	pthread_mutex_t lock;
	struct config *config;
};

struct config *config_make(const struct registry_options *options, struct err **err);
/** A reference to the present configuration. */
struct config *config_get(struct registry *r);
void config_put(struct registry *r, struct config *c);

/** May "host[:port]" be spoken to without TLS, or with any certificate? */
bool config_insecure(const struct config *c, const char *host);

/** One place to ask, with what it takes; owned. */
struct place {
	char *url;
	uint32_t flags; /* enum endpoint_flag */
	uint32_t connect_ms;
	char **headers;
	struct buf ca; /* PEM, all together */
	struct buf *clients;
	size_t client_count;
};
struct places {
	struct place *v;
	size_t count;
};
void places_free(struct places *p);
#define auto_places __attribute__((cleanup(places_free))) struct places
/** Appends an empty one. */
struct place *places_add(struct places *p, char *url, uint32_t flags);

/** Leaves the registry itself, for what is no mirror's business: login, search, push. Nothing changes if hosts.toml
 * has put another server in its place. */
void places_only_home(struct places *p);
/** In the order in which to ask: from hosts.toml if there is one, else from the options. */
int places_find(const struct config *c, const char *domain, struct places *out, struct err **err);
/** hosts.toml's text; @dir: its folder, for relative names of certificates. Where it names no server, the registry itself
 * follows from the options, and @home gets one place: what the file says of it besides (certificates, headers,
 * ENDPOINT_SKIP_VERIFY, time). */
int hosts_parse(const char *text, size_t n, const char *file, int dir, const char *domain,
	struct places *out, struct places *home, struct err **err);
/** docker's certs.d/<host>: *.crt, *.cert with *.key. Without the folder: success, nothing. */
int certs_load(const struct config *c, const char *host, struct place *to, struct err **err);
/** Appends a file, at most REGISTRY_PEM_MAX bytes together. */
int certs_read(int dir, const char *name, struct buf *to, struct err **err);
/** Folder of a host's configuration: 1 and its descriptor, 0 if there is none. */
int certs_open(const struct config *c, const char *host, int *dir, struct err **err);

/** "https://registry-1.docker.io" for docker.io, else "https://<domain>": where the repository is, mirrors aside. */
char *registry_home(const char *domain);

#endif
