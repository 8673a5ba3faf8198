/* Whom we believe, and who we say we are. */
#ifndef KIST_REGISTRY_TLS_H
#define KIST_REGISTRY_TLS_H

#include "http.h"

/** All certificates of the endpoints can be read: ERR_INVALID names the endpoint's host. */
int tls_check(struct client *c, struct err **err);
/** Options of one request. */
void tls_prepare(struct http *h);
/** X509_V_*: what was found of the certificate that the last handshake of @h was about, the server's or the proxy's. */
long tls_verdict(const struct http *h);

#endif
