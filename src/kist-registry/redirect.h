/* Where a redirect leads to. */
#ifndef KIST_REGISTRY_REDIRECT_H
#define KIST_REGISTRY_REDIRECT_H

#include "http.h"

/**
 * The URL that the answer of @h, a 3xx, sends us to; @before: redirects that were followed on the way to it. With @with_user the
 * user and the password that are in it, as http_resolve_with_user() has them.
 *
 * Returns a new string; NULL with ERR_INVALID if that is no HTTP URL, leads from https to http, or was one too many.
 */
char *redirect_target(const struct http *h, unsigned before, bool with_user, struct err **err);

#endif
