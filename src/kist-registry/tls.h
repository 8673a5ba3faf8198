/* Whom we believe, and who we say we are. */
#ifndef KIST_REGISTRY_TLS_H
#define KIST_REGISTRY_TLS_H

#include "http.h"

/** All certificates of the endpoints can be read: ERR_INVALID names the endpoint's host. */
int tls_check(struct client *c, struct err **err);
/** Options of one request. */
void tls_prepare(struct http *h);

#endif
