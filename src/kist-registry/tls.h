/* Whom we believe, and who we say we are. */
#ifndef KIST_REGISTRY_TLS_H
#define KIST_REGISTRY_TLS_H

#include "http.h"

/** The system's CA certificates, opened by name: before confinement. -1 if there are none. */
int tls_open_bundle(void);
/** All certificates of the endpoints can be read: ERR_INVALID names the endpoint's host. */
int tls_check(struct client *c, struct err **err);
/** Options of one request. */
void tls_prepare(struct http *h);

#endif
