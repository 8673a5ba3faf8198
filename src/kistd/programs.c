#include "programs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

/* The folder of our own program. */
static char *own_folder(struct err **err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0) {
		err_sys(err, errno, "read /proc/self/exe");
		return NULL;
	}
	path[n] = '\0';
	char *slash = strrchr(path, '/');
	return xstrndup(path, slash > path ? (size_t)(slash - path) : 1);
}

/* Takes @places over. */
static char *first_of(char **places, const char *name, int mode, struct err **err)
{
	auto_strv owned = places;
	for (char **p = places; *p; p++) {
		struct stat st;
		if (access(*p, mode) == 0 && stat(*p, &st) == 0 && S_ISREG(st.st_mode))
			return xstrdup(*p);
	}
	auto_free char *list = strv_join(places, ", ");
	err_set(err, ERR_NOT_FOUND, "%s not found: looked for %s", name, list);
	return NULL;
}

char *program_find(const char *name, struct err **err)
{
	auto_free char *own = own_folder(err);
	if (!own)
		return NULL;
	char **places = NULL;
	strv_take(&places, xasprintf("%s/%s", own, name));
	strv_take(&places, xasprintf("%s/../" KIST_LIBEXECDIR_IN_PREFIX "/%s", own, name));
	strv_take(&places, xasprintf(KIST_LIBEXECDIR "/%s", name));
	return first_of(places, name, X_OK, err);
}

char *data_find(const char *name, struct err **err)
{
	auto_free char *own = own_folder(err);
	if (!own)
		return NULL;
	char **places = NULL;
	strv_take(&places, xasprintf("%s/%s", own, name));
	strv_take(&places, xasprintf("%s/../" KIST_DATADIR_IN_PREFIX "/%s", own, name));
	strv_take(&places, xasprintf("%s/../share/%s", own, name)); /* the build tree */
	strv_take(&places, xasprintf(KIST_DATADIR "/%s", name));
	return first_of(places, name, R_OK, err);
}
