/* What is mounted where: -v, --mount, --tmpfs, VOLUME and --volumes-from become mount points, at create. */
#ifndef KIST_ENGINE_MOUNTS_H
#define KIST_ENGINE_MOUNTS_H

#include "core.h"

/** A volume that has to exist before the container: the point at the same index of doc->mounts. */
struct volume_need {
	size_t point;
	bool anonymous;
	struct str_map labels; /* borrowed from the request */
};
struct volume_needs {
	struct volume_need *v;
	size_t n;
};

/** Parses one "source:target[:mode]" of Binds. Pure; ERR_INVALID in Docker's words. */
int mount_parse_bind(const char *spec, struct mount_point *m, struct err **err);
/** One of HostConfig.Mounts. Looks whether a bind's source exists. */
int mount_parse_spec(const struct mount_spec *spec, struct mount_point *m, struct err **err);
/** A tmpfs of --tmpfs. */
int mount_parse_tmpfs(
	const char *target, const char *options, struct mount_point *m, struct err **err);
/** All of them into @doc->mounts; volumes get names and sources (@volumes: the folder's path). */
int mounts_resolve(
	struct engine *e, struct container_doc *doc, struct volume_needs *needs, struct err **err);
/** "/a//b/../c" to "/a/c", owned; textual, as Go's path.Clean. */
char *mount_clean(const char *path);
void mount_point_clear(struct mount_point *m);

/* copyup.c */
/** Fills the volumes of @c that are empty and asked for it with the image's content at their place. */
int mounts_copy_up(struct container *c, struct err **err);

#endif
