/* An image in a list, in Docker's JSON. */
#ifndef KIST_API_IMAGE_LIST_H
#define KIST_API_IMAGE_LIST_H

#include "base/jsonw.h"
#include "engine/image.h"

/** Image summary (Engine API 1.51), in the shape of the client's version. */
void image_summary_write(struct jsonw *w, const struct store_image_summary *i, unsigned api);
/** The same without the closing brace, for members of the caller's. */
void image_summary_begin(struct jsonw *w, const struct store_image_summary *i, unsigned api);

#endif
