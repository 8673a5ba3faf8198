/*
 * A container's files as bytes: what it changed as a layer, all of them as a tar, or the list of changes.
 *
 * kist-transfer reads them, confined, from read-only mounts without devices, and writes to a pipe. The container may
 * run meanwhile: what vanishes is left out, what changes its size is cut or filled up. One that must hold still is
 * paused by the caller.
 */
#ifndef KIST_STORE_PACK_H
#define KIST_STORE_PACK_H

#include "oci/image.h"
#include "store/store.h"

enum store_pack_kind {
	STORE_PACK_LAYER, /* the same files give the same bytes; that of no change is Docker's empty layer */
	STORE_PACK_WHOLE, /* as the container sees them, without its mounts */
	STORE_PACK_CHANGES, /* Engine API ContainerChanges as JSON; "null" for none */
	STORE_PACK_SIZE, /* bytes of the files that are changes, as decimal digits */
};

struct store_pack;

/** Starts packing container @id. ERR_NOT_FOUND if it has no file system. */
struct store_pack *store_pack_start(
	struct store *store, const char *id, enum store_pack_kind kind, struct err **err);
/** The pipe's reading end, blocking; it stays the pack's. Its end comes with the program's. */
int store_pack_fd(const struct store_pack *pack);
/** True once everything has been read from the container (not: from the pipe). Does not block. */
bool store_pack_done(struct store_pack *pack);
/** After the pipe's end: 0, or -1 and why what came through it is not whole. Does not block. */
int store_pack_result(struct store_pack *pack, struct err **err);
/** Ends the program if it still runs; reaps it. Hardly blocks: the program ends at once. NULL is allowed. */
void store_pack_free(struct store_pack *pack);
static inline void store_pack_freep(struct store_pack **p)
{
	store_pack_free(*p);
	*p = 0;
}
#define auto_store_pack __attribute__((cleanup(store_pack_freep))) struct store_pack

struct store_commit {
	const char *container; /* its id */
	const char *parent; /* image that it was made from, "sha256:..." */
	const char *name; /* full, with tag: "docker.io/library/busybox:latest"; NULL: none */
	const struct oci_image_config *config;
	const char *author, *comment; /* may be NULL */
	const char *created_by; /* for the history: the container's command */
	const char *docker_version; /* what the daemon calls itself */
	/** Called once, when the container's files have been read (or that has failed); may be NULL. */
	void (*packed)(void *arg);
	void *arg;
};

/**
 * `docker commit`: the container's changes become a layer on top of its image's, with a history entry. Without
 * changes there is no new layer, only the entry, as in dockerd. *moved_from as store_image_tag(). ERR_NOT_FOUND if
 * the parent has been removed.
 */
int store_commit(struct store *store, const struct store_commit *spec, struct digest *id,
	struct digest *moved_from, struct err **err);

#endif
