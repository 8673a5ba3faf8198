/* What has to be sent for an image, and how its manifest comes about. Private to the engine. */
#ifndef KIST_ENGINE_PUSH_PLAN_H
#define KIST_ENGINE_PUSH_PLAN_H

#include "send.h"
#include "store/content.h"

/** A manifest or index, to be put when the blobs are there. */
struct push_document {
	struct buf bytes;
	char *media_type;
	struct digest digest;
};

struct push_plan {
	struct digest image;
	struct send_item *items; /* layers, top first, then configurations */
	size_t item_count;
	/* In the order in which they are put; the last is what the tag names. None: it is made from the items
	 * when these have been sent (push_plan_manifest) */
	struct push_document *documents;
	size_t document_count;
};
void push_plan_free(struct push_plan *plan);
#define auto_push_plan __attribute__((cleanup(push_plan_free))) struct push_plan

/**
 * Plans. What the name that @image was found by came with is kept: an index if everything that this leads to is here (and
 * @single is not set), else the manifest. A name that came with none gets another manifest of the image (store_choose()).
 * Otherwise there will be a new one. What the plan names is held by @lease.
 */
int push_plan_make(struct push_plan *plan, struct store_lease *lease, struct store *store,
	const struct store_image *image, bool single, struct err **err);
/** Fills each layer's mount_from with repositories of @ref's registry that have it. */
void push_plan_mounts(struct push_plan *plan, struct store *store, const struct reference *ref);
/** Makes the manifest of an image that had none; blobs and sizes of all items are known now. */
void push_plan_manifest(struct push_plan *plan);

#endif
