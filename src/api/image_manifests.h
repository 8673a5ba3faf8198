/* What an image's indexes list, in Docker's JSON. */
#ifndef KIST_API_IMAGE_MANIFESTS_H
#define KIST_API_IMAGE_MANIFESTS_H

#include "base/jsonw.h"
#include "engine/image.h"

/**
 * Writes the members that manifests=1 adds to an image, Manifests and (from 1.48 on) Descriptor; neither for an image that came
 * with no manifest, as in an archive of Docker's before 25. Engine API 1.47, ImageManifestSummary.
 */
int image_manifests_write(struct jsonw *w, struct engine *e, const struct digest *image,
	unsigned api, struct err **err);

#endif
