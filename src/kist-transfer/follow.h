/* Unpacking layers while they are being downloaded. */
#ifndef KIST_TRANSFER_FOLLOW_H
#define KIST_TRANSFER_FOLLOW_H

#include "base/err.h"
#include "confine_child.h"
#include "store/transfer.h"

/**
 * Takes one layer after another from the store (BLOB, with the descriptor of a file that grows), stages and reports
 * each (LAYER, or BAD), until the store closes the socket: then it ends the program. Returns only with an error that
 * ends everything.
 */
int follow_layers(int root, const struct confine_filters *filters,
	const struct transfer_message *request, struct err **err);

#endif
