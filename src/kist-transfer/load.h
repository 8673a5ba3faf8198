/* What comes as one input: an archive of images, or one layer. */
#ifndef KIST_TRANSFER_LOAD_H
#define KIST_TRANSFER_LOAD_H

#include "base/err.h"
#include "pipeline.h"

/**
 * Reads an archive of layers and documents from descriptor 0 to its end, by a child of @spec's tools; stages and reports
 * each. The process has one thread.
 */
int load_archive(const struct pipeline_spec *spec, struct err **err);
/** The same for an input that is one layer, which is read here and parsed by children. */
int load_layer(const struct pipeline_spec *spec, struct err **err);

#endif
