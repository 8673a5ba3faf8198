#include "base/mem.h"
#include "base/str.h"
#include "registry/registry.h"

#define HUB_KEY "https://index.docker.io/v1/"

char *registry_auth_key(const char *domain)
{
	if (str_eq(domain, "docker.io") || str_eq(domain, "index.docker.io"))
		return xstrdup(HUB_KEY);
	return xstrdup(domain);
}
