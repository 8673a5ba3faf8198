/* What went wrong, in words: of libcurl, and of registries that refuse. */
#ifndef KIST_REGISTRY_FAILURE_H
#define KIST_REGISTRY_FAILURE_H

#include "http.h"

/** Sets failure and why of a request that libcurl gave up. */
void failure_explain(struct http *h, CURLcode code);
/** 'Get "https://host/v2/..."', as Go's net/http begins its errors. New string. */
char *failure_asked(const char *method, const char *url);
/** That (@asked; NULL: for this request), and why. Returns -1. */
int failure_set(const struct http *h, const char *asked, struct err **err);

/** Bytes of strangers for a message: one line of at most @max, no control characters. New string. */
char *failure_tame(const char *text, size_t max);

/** What a registry said that did not do as it was asked. */
struct complaint {
	char *code; /* "MANIFEST_UNKNOWN", upper case; "" if it gave none */
	char *text; /* "manifest unknown: manifest unknown" */
	bool formal; /* text comes from a registry's error document */
};
void complaint_read(const struct http *h, struct complaint *out);
void complaint_free(struct complaint *c);

#endif
