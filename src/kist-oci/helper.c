#include "helper.h"

#include <sys/stat.h>

static bool is_program(const char *path)
{
	struct stat st;
	return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* The folder in $PATH that has @name; NULL if none. */
static char *folder_in_path(const char *name)
{
	const char *list = getenv("PATH");
	auto_strv folders = strv_split(list ? list : "", ':');
	for (size_t i = 0; folders[i]; i++) {
		auto_free char *path = xasprintf("%s/%s", folders[i], name);
		if (*folders[i] == '/' && is_program(path))
			return xstrdup(folders[i]);
	}
	return NULL;
}

static char *own_folder(const char *program)
{
	const char *slash = strrchr(program, '/');
	if (!slash)
		return folder_in_path(program);
	return xstrndup(program, slash > program ? (size_t)(slash - program) : 1);
}

char *helper_find(const struct globals *g, const char *name)
{
	auto_free char *own = g->program ? own_folder(g->program) : NULL;
	auto_strv places = NULL;
	if (own) {
		strv_take(&places, xasprintf("%s/%s", own, name));
		strv_take(&places, xasprintf("%s/../" KIST_LIBEXECDIR_IN_PREFIX "/%s", own, name));
	}
	strv_take(&places, xasprintf(KIST_LIBEXECDIR "/%s", name));
	for (size_t i = 0; places[i]; i++) {
		if (is_program(places[i]))
			return xstrdup(places[i]);
	}
	return NULL;
}
