/* A container's files: exported, listed as changes, made into an image. */
#ifndef KIST_ENGINE_FILES_H
#define KIST_ENGINE_FILES_H

#include "base/digest.h"
#include "engine/engine.h"
#include "model/container.h"

/** What comes through a descriptor while a program reads the container. */
struct engine_files;

/** The root file system as a tar, as the container sees it but without what is mounted. ERR_NOT_FOUND. */
struct engine_files *engine_files_export(struct engine *e, const char *ref, struct err **err);
/** Engine API ContainerChanges, as JSON. */
struct engine_files *engine_files_changes(struct engine *e, const char *ref, struct err **err);
/** Non-blocking; at its end engine_files_result() says whether that was all. */
int engine_files_fd(const struct engine_files *f);
/** Blocks until there is something to read (true), or the end is. */
bool engine_files_wait(const struct engine_files *f);
/** 0; or -1 and why what has come is not whole: the container was removed, say. Does not block. */
int engine_files_result(struct engine_files *f, struct err **err);
/** Ends it if it is under way. Callable on the loop. */
void engine_files_close(struct engine_files *f);

struct engine_commit {
	const struct container_config *config; /* the request's; NULL: the container's own */
	char *const *changes; /* Dockerfile instructions, as of `import --change` */
	const char *repo, *tag; /* NULL or "": no name; no tag: latest */
	const char *author, *comment;
	bool pause; /* while it is read, if it runs */
};
/** `docker commit`. Events: pause and unpause, tag, commit. */
int engine_container_commit(struct engine *e, const char *ref, const struct engine_commit *spec,
	struct digest *id, struct err **err);

#endif
