/* Blobs on their way to a registry. Private to the engine. */
#ifndef KIST_ENGINE_SEND_H
#define KIST_ENGINE_SEND_H

#include "operation.h"
#include "store/layer_tar.h"

/** A blob that a manifest needs. */
struct send_item {
	char id[13]; /* as the client is told; "": it is told nothing */
	struct digest blob; /* "": not known before it is packed */
	struct digest diff_id; /* of a layer; "": none known */
	int64_t size; /* of the blob; -1: not known yet */
	char *media_type; /* owned */
	bool pack; /* not in content/: made from the layer */
	enum layer_packing packing;
	bool foreign; /* somewhere else, and not ours to distribute */
	char **mount_from; /* paths of repositories that have it; owned */
};
void send_items_free(struct send_item *items, size_t n);

/**
 * Sends all items that the repository does not have, at most @max at a time, and says so. When it
 * returns 0 each item's blob and size are known. Items with the same blob, or of the same layer, are sent once.
 * On failure the operation's session is closed.
 */
int send_blobs(
	struct operation *op, struct send_item *items, size_t n, uint32_t max, struct err **err);

#endif
