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
	struct layer_packer *packer; /* NULL until a layer needs it */
};

/* check_repair.c: what can be done about a finding is done, if asked, and said */
void check_repair_blob(struct checker *c, struct store_finding *f);
void check_repair_layer(struct checker *c, struct store_finding *f);

#endif
