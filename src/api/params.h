/* Lists of names and values: queries, headers, path variables. */
#ifndef KIST_API_PARAMS_H
#define KIST_API_PARAMS_H

#include "request.h"

/** Takes both over. */
void params_add(struct params *p, char *key, char *value);
void params_free(struct params *p);
/** First value of @key or NULL. */
const char *params_get(const struct params *p, const char *key);
/** "a=1&b=2", percent-encoded, '+' is a space: 0, or -1 with ERR_INVALID in Go's words. */
int params_parse(struct params *p, const char *text, struct err **err);
/** Decodes %XX in n bytes; a decoded NUL is refused. NULL with ERR_INVALID. */
char *percent_decode(const char *s, size_t n, bool plus, struct err **err);

#endif
