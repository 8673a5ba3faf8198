/* What the files of check share. */
#ifndef KIST_STORE_CHECK_PRIVATE_H
#define KIST_STORE_CHECK_PRIVATE_H

#include "store/check.h"
#include "store/content.h"
#include "store_private.h"

struct checker {
	struct store *store;
	bool repair;
	const struct store_check_spec *spec;
	struct store_check *out;
	struct store_lease *lease;
};

/* check.c */
/** A finding at the end of the list; @digest or @name may be NULL. */
struct store_finding *check_find(struct checker *c, enum store_finding_kind kind,
	const struct digest *digest, const char *name, const char *problem);
/** ERR_CANCELLED if nobody wants to know any more. */
int check_tick(struct checker *c, struct err **err);
/** sha256 of a file from its position on. -1 with errno; also if nobody wants to know any more. */
int check_digest(struct checker *c, int fd, struct digest *out);

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

/* check_fetch.c */
/** A blob that was fetched, verified, on disk, without a name yet. */
struct fetched {
	int fd; /* for reading, at its beginning; -1 */
	char staged[STAGING_NAME]; /* below staging/ */
	char *from; /* a repository that has it, as people write it, or a URL */
	int64_t size;
};
void fetched_free(struct fetched *f);
#define auto_fetched __attribute__((cleanup(fetched_free))) struct fetched
/** Where images that have the blob came from; NULL: nowhere. */
char **fetch_repos(struct checker *c, const struct digest *blob);
/** ERR_NOT_FOUND if nobody knows where it came from. */
int fetch_blob(struct checker *c, const struct digest *blob, struct fetched *out, struct err **err);
/** Gives it its name in content/, in place of what is there. The row is made, or corrected. */
int fetch_place(struct checker *c, const struct digest *blob, struct fetched *f, struct err **err);

/* check_repair.c: what can be done about a finding is done, if asked, and said */
/** @whole: its bytes are right, and its row is wrong about their number, which is @size. */
void check_repair_blob(struct checker *c, struct store_finding *f, bool whole, int64_t size);
void check_repair_layer(struct checker *c, struct store_finding *f);

#endif
