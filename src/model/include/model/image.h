/*
 * An image's configuration: image-spec config.md, with what Docker adds to it. The document's bytes
 * are the image's identity, so the store keeps them as they came; this is for reading them and for
 * writing those of images made here.
 */
#ifndef KIST_MODEL_IMAGE_H
#define KIST_MODEL_IMAGE_H

#include "model/container.h"

struct image_history {
	char *created; /* RFC 3339 or NULL */
	char *author, *created_by, *comment;
	bool empty_layer;
};

struct image_rootfs {
	char *type; /* "layers" */
	char **diff_ids; /* bottom first */
};

struct image_config {
	char *architecture, *variant, *os, *os_version;
	char **os_features;
	char *created; /* RFC 3339 or NULL */
	char *author, *comment, *docker_version;
	struct container_config config;
	struct image_rootfs rootfs;
	MODEL_LIST(struct image_history) history; /* bottom first */
};

/** Docker's record of the container that an image was committed from, which later versions do without. */
struct image_origin {
	char *container; /* its id, or NULL */
	struct container_config config;
};

extern const struct model_type model_image_config, model_image_origin;
/** For writing the `config` member without what is empty (image inspect since API 1.50). */
extern const struct model_type model_image_run_config;

static inline void image_config_clear(struct image_config *c)
{
	model_clear(&model_image_config, c);
}

static inline void image_origin_clear(struct image_origin *o)
{
	model_clear(&model_image_origin, o);
}

#endif
