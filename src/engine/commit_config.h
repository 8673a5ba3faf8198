/* The configuration of an image that is made from a container. Pure. */
#ifndef KIST_ENGINE_COMMIT_CONFIG_H
#define KIST_ENGINE_COMMIT_CONFIG_H

#include "model/container.h"
#include "oci/image.h"

/** What of a container's configuration an image keeps; not its hostname and streams, as Docker's since 25. */
void commit_config_from(struct oci_image_config *to, const struct container_config *from);
/** Applies --change instructions. ERR_INVALID for one that is none, and for a STOPSIGNAL that names no signal. */
int commit_config_change(struct oci_image_config *config, char *const *changes, struct err **err);
/**
 * dockerd's commit: @request (NULL: the container's own) changed by @changes, and where that says nothing, as the
 * container has it. ERR_INVALID for a change that is none.
 */
int commit_config_make(struct oci_image_config *to, const struct container_config *container,
	const struct container_config *request, char *const *changes, struct err **err);

#endif
