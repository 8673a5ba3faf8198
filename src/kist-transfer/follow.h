/* Unpacking layers while they are being downloaded. */
#ifndef KIST_TRANSFER_FOLLOW_H
#define KIST_TRANSFER_FOLLOW_H

#include "base/err.h"
#include "pipeline.h"

/**
 * Takes one layer after another from the store (BLOB, with the descriptor of a file that grows), stages and reports
 * each (LAYER, or BAD), until the store closes the socket: then it ends the program. Returns only with an error that
 * ends everything.
 */
int follow_layers(const struct pipeline_spec *spec, struct err **err);

#endif
