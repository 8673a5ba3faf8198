/* WWW-Authenticate (RFC 7235 section 4.1), as far as registries use it. */
#ifndef KIST_REGISTRY_CHALLENGE_H
#define KIST_REGISTRY_CHALLENGE_H

#include <stdbool.h>

enum challenge_scheme { CHALLENGE_BASIC, CHALLENGE_BEARER };

/** Owned strings, "" if not given. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm, *service, *scope, *error;
};

/** The first challenge of that scheme in the headers' values (NULL: none); 0, or -1 if there is none that is well-formed. */
int challenge_find(char *const *headers, enum challenge_scheme scheme, struct challenge *out);
void challenge_free(struct challenge *c);

#endif
