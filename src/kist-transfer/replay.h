/* Writing layers' tars again, by their recipes (recipe.h). */
#ifndef KIST_TRANSFER_REPLAY_H
#define KIST_TRANSFER_REPLAY_H

#include "base/err.h"
#include "store/layer_tar.h"

struct replay_spec {
	int layer, side; /* folders: the layer, its recipe */
	int out; /* -1: only checked */
	enum layer_packing packing;
	struct digest diff_id; /* what has to come out */
	uint64_t tar_size;
};

struct replay_result {
	struct digest blob; /* of what was written */
	uint64_t size; /* of the same */
};

/**
 * Assembles one tar; a second thread hashes, compresses and writes it. ERR_INVALID names the file that is damaged, or
 * says that the tar is another one than it was.
 */
int replay_layer(const struct replay_spec *spec, struct replay_result *out, struct err **err);

/** Answers the store's WRITE requests until it closes the socket. */
int replay_serve(struct err **err);

#endif
