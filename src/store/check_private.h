/* What the files of check share. */
#ifndef KIST_STORE_CHECK_PRIVATE_H
#define KIST_STORE_CHECK_PRIVATE_H

#include "store/check.h"
#include "store/content.h"
#include "store_private.h"

struct checker {
	struct store *store;
	bool repair;
	int (*progress)(void *arg);
	void *arg;
	struct store_check *out;
	struct store_lease *lease;
};

/* check.c */
/** A finding at the end of the list; @digest or @name may be NULL. */
struct store_finding *check_find(struct checker *c, enum store_finding_kind kind,
	const struct digest *digest, const char *name, const char *problem);
/** ERR_CANCELLED if nobody wants to know any more. */
int check_tick(struct checker *c, struct err **err);

/* check_layer.c */
/** What is wrong with a layer. */
struct layer_verdict {
	struct store_damage *files; /* at most TRANSFER_DAMAGES_MAX */
	size_t count;
	uint64_t total;
	int64_t size; /* as the layer's row should have them */
	bool opaque;
};
void layer_verdict_free(struct layer_verdict *v);
/** Compares the layer on disk with its recipe: 0 and the verdict. -1: that was not possible; ERR_NOT_FOUND: layer or recipe
 * are missing; ERR_UNAVAILABLE: it was unpacked by a kist that made no recipes. */
int layer_verify(struct checker *c, const struct digest *diff_id, struct layer_verdict *out,
	struct err **err);

/* check_rows.c */
/** Files without rows, containers without folders. */
int check_rows(struct checker *c, struct err **err);

/* check_repair.c: what can be done about a finding is done, if asked, and said */
void check_repair_blob(struct checker *c, struct store_finding *f);
void check_repair_layer(struct checker *c, struct store_finding *f);

#endif
