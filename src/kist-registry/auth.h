/*
 * Who we are to whom (src/kist-registry/README.md, "Credentials").
 */
#ifndef KIST_REGISTRY_AUTH_H
#define KIST_REGISTRY_AUTH_H

#include "exchange.h"

/**
 * The Authorization header for the endpoint that @x asks, as far as it ever asked for one: 1 and *header
 * (NULL: none); 0 if a token is being fetched, exchange_resume() or exchange_fail() will follow; -1.
 */
int auth_header(struct exchange *x, const char *scope, char **header, struct err **err);
/**
 * @x's endpoint answered 401: keeps its challenge and forgets the token that did not do. 0 if there is something to
 * try; -1 with *err if credentials are missing, or without it if there is nothing (@again: name and password, or a
 * token that lacks a scope, are not tried twice).
 */
int auth_challenged(struct exchange *x, const struct http *h, bool again, struct err **err);
/** @x waits for nothing any more. */
void auth_forget(struct exchange *x);

#endif
