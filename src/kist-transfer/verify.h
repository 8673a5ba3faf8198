/*
 * Is a layer what its recipe says?
 *
 * Theory of operation. The recipe gives the layer's tar, whose digest is verified, so what the tar says is how the layer
 * should be. How a tar becomes a layer only unpack.c knows (entries that replace others, whiteouts, names through symlinks),
 * so that unpacks it once more, into the staging folder, with everything but contents; then the two trees are compared
 * (compare.h). Contents were compared while the tar was written: each piece has a CRC in the recipe, so a file
 * whose content is another one is named.
 *
 * The recipe may keep a content itself, and knows nothing of holes: where the pieces that were compared are not all that
 * unpacking writes, or a file has holes, a second pass unpacks the contents, too, and every byte is compared.
 */
#ifndef KIST_TRANSFER_VERIFY_H
#define KIST_TRANSFER_VERIFY_H

#include "base/err.h"
#include "store/transfer.h"

/** Answers one request of the mode TRANSFER_VERIFY; @root is the empty staging folder. */
int verify_serve(int root, const struct transfer_message *request, struct err **err);

#endif
