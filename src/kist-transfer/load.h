/* What kist-transfer does with its input: the two modes. */
#ifndef KIST_TRANSFER_LOAD_H
#define KIST_TRANSFER_LOAD_H

#include "base/err.h"
#include "store/transfer.h"

/** Reads an archive of layers and documents from descriptor 0 to its end; stages and reports each. */
int load_archive(int root, const struct transfer_message *request, struct err **err);
/** The same for an input that is one layer. */
int load_layer(int root, const struct transfer_message *request, struct err **err);

#endif
