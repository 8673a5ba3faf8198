#include "redirect.h"

#include "base/mem.h"
#include "base/str.h"

enum { REDIRECTS_MAX = 10 };

char *redirect_target(const struct http *h, unsigned before, bool with_user, struct err **err)
{
	const char *location = h->headers.location;
	auto_free char *from = http_shown(h->url);
	auto_free char *to = !location	 ? NULL
			     : with_user ? http_resolve_with_user(h->url, location)
					 : http_resolve(h->url, location);
	auto_free char *origin = to ? http_origin(to) : NULL;
	if (before >= REDIRECTS_MAX)
		err_set(err, ERR_INVALID, "%s: stopped after %d redirects", from, REDIRECTS_MAX);
	else if (!origin)
		err_set(err, ERR_INVALID, "%s: redirects to what is no HTTP URL", from);
	else if (str_starts(h->url, "https:") && !str_starts(origin, "https:"))
		err_set(err, ERR_INVALID, "%s: redirects from https to http (%s): refused", from,
			origin);
	else
		return steal_ptr(to);
	return NULL;
}
