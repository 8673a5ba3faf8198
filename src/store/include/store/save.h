/*
 * `docker save`: images as an archive.
 *
 * Two forms. STORE_SAVE_DOCKER is what dockerd writes since version 25: an OCI image layout that has a manifest.json
 * beside, layers as plain tars, readable by every version of docker and by all that reads either. STORE_SAVE_OCI is an
 * OCI image layout alone; an image that came with manifests and compressed layers is written with those, byte for
 * byte, so that its digests stay.
 *
 * The bytes depend on nothing but the images, their names, and the form. Nothing is copied to disk before: layers are
 * put together while they are written (store/layer_tar.h).
 */
#ifndef KIST_STORE_SAVE_H
#define KIST_STORE_SAVE_H

#include "oci/platform.h"
#include "store/store.h"

enum store_save_form { STORE_SAVE_DOCKER, STORE_SAVE_OCI };

struct store_save;

/**
 * Finds the images and holds them. Each of @refs is a name with tag, a repository (all its tags), name@digest, or an
 * id, whole or short, which gives the image without a name. @platform: NULL, or what every image must be for.
 * ERR_NOT_FOUND "No such image: ..."; ERR_UNAVAILABLE if a layer was unpacked by a kist that could not write it again.
 */
struct store_save *store_save_new(struct store *store, char *const *refs, enum store_save_form form,
	const struct oci_platform *platform, struct err **err);
/** Writes the archive to @out (blocking); from any one thread. -1: what was written is of no use. */
int store_save_run(struct store_save *save, int out, struct err **err);
void store_save_free(struct store_save *save);
static inline void store_save_freep(struct store_save **s)
{
	store_save_free(*s);
	*s = 0;
}
#define auto_store_save __attribute__((cleanup(store_save_freep))) struct store_save

/** Ids of the images, for events; they belong to @save. */
const struct digest *store_save_images(const struct store_save *save, size_t *count);

#endif
