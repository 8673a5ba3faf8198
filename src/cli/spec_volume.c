#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "spec.h"

/* Lexical, like Go's filepath.Clean on an absolute path: links are the daemon's business. */
char *spec_absolute(const char *path)
{
	char cwd[PATH_MAX] = "/";
	char **parts = NULL;
	if (*path != '/' && !getcwd(cwd, sizeof(cwd)))
		strcpy(cwd, "/");
	auto_free char *whole = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", cwd, path);
	auto_strv all = strv_split(whole, '/');
	for (size_t i = 0; all[i]; i++) {
		size_t n = strv_len(parts);
		if (!*all[i] || str_eq(all[i], "."))
			continue;
		if (!str_eq(all[i], "..")) {
			strv_add(&parts, all[i]);
		} else if (parts && n) {
			free(parts[n - 1]);
			parts[n - 1] = NULL;
		}
	}
	auto_free char *joined = strv_join(parts, "/");
	strv_free(parts);
	return xasprintf("/%s", joined);
}

int spec_volume(const char *value, char **bind, struct err **err)
{
	size_t n = strlen(value);
	*bind = NULL;
	if (!n)
		return err_set(err, ERR_INVALID, "invalid empty volume spec");
	if (!strchr(value, ':'))
		return 0;
	if (*value == ':' || value[n - 1] == ':' || strstr(value, "::"))
		return err_set(
			err, ERR_INVALID, "invalid spec: %s: empty section between colons", value);
	const char *colon = strchr(value, ':');
	auto_free char *host = xstrndup(value, (size_t)(colon - value));
	if (*host == '.') {
		auto_free char *absolute = spec_absolute(host);
		*bind = xasprintf("%s%s", absolute, colon);
	} else {
		*bind = xstrdup(value);
	}
	return 0;
}
