/* images --tree: images with the platforms that their indexes list. */
#ifndef KIST_CLI_IMAGES_TREE_H
#define KIST_CLI_IMAGES_TREE_H

#include <jansson.h>

#include "base/buf.h"

/** Draws @images, the answer to GET /images/json?manifests=1, as docker 28 does, without its colours. @columns: of the terminal; 0: none. */
void images_tree_draw(const json_t *images, unsigned columns, struct buf *out);

#endif
