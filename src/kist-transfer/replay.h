/* Writing layers' tars again, by their recipes (recipe.h). */
#ifndef KIST_TRANSFER_REPLAY_H
#define KIST_TRANSFER_REPLAY_H

#include <stdbool.h>

#include "base/err.h"
#include "damage.h"
#include "ring.h"
#include "store/layer_tar.h"

struct replay_spec {
	int layer, side; /* folders: the layer, its recipe */
	int out; /* -1: only checked */
	enum layer_packing packing;
	struct digest diff_id; /* what has to come out */
	uint64_t tar_size;
	struct ring *onward; /* the tar goes there, too; NULL: nowhere */
	/* NULL: the first file that is damaged ends it. Else they are told, and zeroes take the place of what cannot be
	 * read; of files that are missing, too short or no files any more nothing is said: comparing trees finds them */
	struct damages *damages;
};

struct replay_result {
	struct digest blob; /* of what was written */
	uint64_t size; /* of the same */
	uint64_t content; /* bytes that came from files */
	bool same; /* the tar is the one it has to be; always, without damages to tell */
};

/**
 * Assembles one tar; a second thread hashes, compresses and writes it. ERR_INVALID names the file that is damaged, or
 * says that the tar is another one than it was.
 */
int replay_layer(const struct replay_spec *spec, struct replay_result *out, struct err **err);

/** Answers the store's WRITE requests until it closes the socket. */
int replay_serve(struct err **err);

#endif
