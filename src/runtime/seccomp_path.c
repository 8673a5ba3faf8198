/* Finding the default profile. */
#include <limits.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "runtime/seccomp.h"

#define PROFILE "seccomp.json"

/* Beside the program, so that a copied or unpacked installation works, and a build tree. */
static char *beside_program(void)
{
	static const char *const places[] = {"../share/kist/" PROFILE, "../share/" PROFILE};
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n <= 0)
		return NULL;
	exe[n] = 0;
	char *slash = strrchr(exe, '/');
	if (!slash)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		auto_free char *path = xasprintf("%.*s/%s", (int)(slash - exe), exe, places[i]);
		if (access(path, R_OK) == 0)
			return steal_ptr(path);
	}
	return NULL;
}

char *seccomp_default_path(void)
{
	const char *named = getenv("KIST_SECCOMP_PROFILE");
	if (!str_empty(named))
		return xstrdup(named);
	char *path = beside_program();
	return path ? path : xstrdup(KIST_DATADIR "/" PROFILE);
}
