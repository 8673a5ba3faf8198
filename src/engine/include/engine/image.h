/*
 * Images, as the store keeps them, with what the engine adds: events, use by containers, filters,
 * and the instructions of `import --change`. Reading needs nothing of that: store_image_* on
 * engine_store().
 */
#ifndef KIST_ENGINE_IMAGE_H
#define KIST_ENGINE_IMAGE_H

#include "engine/engine.h"
#include "oci/platform.h"
#include "store/manifests.h"
#include "store/store.h"

struct store *engine_store(struct engine *e);

struct image_list_options {
	const struct filters
		*filters; /* before, dangling, label, label!, reference, since, until */
	bool all; /* also images without a name that others were made from */
	bool sizes; /* compute shared_size */
	bool containers; /* count containers */
};
/** Newest first. */
int engine_image_list(struct engine *e, const struct image_list_options *options,
	struct store_image_list *out, struct err **err);
/** store_image_find(). */
struct store_image *engine_image_inspect(struct engine *e, const char *ref, struct err **err);
/** The same for a platform (NULL: any): an image for another one is ERR_NOT_FOUND, in docker's words. */
struct store_image *engine_image_for(
	struct engine *e, const char *ref, const struct oci_platform *want, struct err **err);
/** store_image_manifests(), with the containers of each. */
int engine_image_manifests(struct engine *e, const struct digest *image,
	struct store_manifests *out, struct err **err);
int engine_image_tag(
	struct engine *e, const char *ref, const char *repo, const char *tag, struct err **err);
/** In docker's words and order; events untag and delete. @flags: enum store_remove_flags. */
int engine_image_remove(struct engine *e, const char *ref, unsigned flags,
	struct store_removed_list *out, struct err **err);
/**
 * Removes images that no container uses: those without a tag, with the filter dangling=false all. Filters:
 * dangling, label, label!, until. Without a filter for labels also downloads that were broken off, as far as no pull
 * has them now (until: when they were last written to). Event prune. out->reclaimed is what became free. ERR_CONFLICT
 * if another prune is under way.
 */
int engine_image_prune(struct engine *e, const struct filters *filters,
	struct store_removed_list *out, struct err **err);
/** Reads an archive from @fd to its end; event load for each image. @want may be NULL: this machine's. */
int engine_image_load(struct engine *e, int fd, const struct oci_platform *want,
	store_progress_fn *progress, void *arg, struct err **err);

struct engine_question;

struct image_import {
	int fd; /* where @url is NULL */
	/* http or https; without a scheme it is http. Downloaded by kist-registry into a file without a name, before
	 * anything of it is unpacked. No credentials go there */
	const char *url;
	struct engine_question *question; /* with @url: who waits for it (engine/transfer.h) */
	/* Bytes of what is at @full, which is @url with its scheme; first when the server has answered. @total: -1 unknown.
	 * Another return than 0 cancels. With @url only */
	int (*fetched)(void *arg, const char *full, int64_t current, int64_t total);
	const char *repo, *tag, *message; /* NULL where not given */
	char *const
		*changes; /* Dockerfile instructions: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD,
			       * STOPSIGNAL, USER, VOLUME, WORKDIR */
	const char *platform; /* "linux/amd64"; NULL: this machine's */
};
/** @arg: for @progress and @spec->fetched. Errors of a download: registry_download_url(). */
int engine_image_import(struct engine *e, const struct image_import *spec,
	store_progress_fn *progress, void *arg, struct digest *id, struct err **err);

#endif
