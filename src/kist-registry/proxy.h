/* Which proxy a URL goes through, by the rules of Go's http.ProxyFromEnvironment, which dockerd uses. */
#ifndef KIST_REGISTRY_PROXY_H
#define KIST_REGISTRY_PROXY_H

#include "client.h"

/** New string; "" for none. Loopback never goes through one. */
char *proxy_for(const struct settings *set, const char *url);

#endif
