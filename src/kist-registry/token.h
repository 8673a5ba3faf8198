/* The token service's answer. */
#ifndef KIST_REGISTRY_TOKEN_H
#define KIST_REGISTRY_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TOKEN_REPLY_MAX = 1 << 20, TOKEN_MAX = 1 << 16 };

/** Owned strings. */
struct token_reply {
	char *token; /* fit for a header: visible ASCII, at most TOKEN_MAX bytes */
	char *refresh; /* NULL: none */
	int64_t seconds; /* that it is good for, at least 60 as the specification says */
};

/** Docker's token authentication specification; OAuth 2.0 (RFC 6749 section 5.1). */
int token_parse(const void *p, size_t n, struct token_reply *out, struct err **err);
void token_reply_free(struct token_reply *t);

#endif
