/*
 * `system check`: is everything in the store what it is said to be?
 *
 * Every blob is hashed. Of every layer the tar is written again from its recipe (store/layer_tar.h) and hashed, which covers
 * each byte of its files' contents; what is on disk is compared with what that tar says of modes, owners, times, links, devices,
 * extended attributes and whiteouts, what is missing and what nobody brought is found (kist-transfer/compare.h). Every
 * image's configuration is read and compared with the rows that refer to its layers. Every row is to have its file, every
 * file its row, every container its folders.
 */
#ifndef KIST_STORE_CHECK_H
#define KIST_STORE_CHECK_H

#include "store/store.h"

/** A file of a layer that is not as it came. */
struct store_damage {
	char *path; /* below the layer's root, "" the root; control characters as \xNN */
	char *problem;
};

/** Something that is not as it should be. */
struct store_finding {
	enum store_finding_kind {
		STORE_FINDING_BLOB, /* digest: its own */
		STORE_FINDING_LAYER, /* diffID */
		STORE_FINDING_IMAGE, /* id */
		STORE_FINDING_CONTAINER, /* name: its id */
		STORE_FINDING_STRAY, /* name: below the data root; belongs to nothing */
		STORE_FINDING_KIND_COUNT
	} kind;
	struct digest digest; /* "" for CONTAINER and STRAY */
	char *name; /* NULL for the others */
	bool damaged; /* false: it cannot be verified */
	bool repaired;
	char *problem; /* what is wrong */
	char *remedy; /* what was done about it, or what can be */
	char **images; /* names, or ids, of the images that have it; NULL: none */
	struct store_damage *files; /* LAYER: the first of what is wrong */
	size_t file_count;
	uint64_t files_more; /* that are not among them */
};
struct store_check {
	size_t blobs, layers, images; /* that were looked at */
	struct store_finding *v;
	size_t count;
};
void store_check_free(struct store_check *check);

/**
 * Checks everything; what comes or goes meanwhile is not waited for. With @repair, a layer whose compressed blob is here and
 * sound is unpacked anew, unless a container has it, and a damaged blob is dropped, unless it is a configuration. A
 * return of @progress other than 0 cancels (NULL: none). Findings are no error: -1 means that the check itself failed.
 */
int store_check_run(struct store *store, bool repair, int (*progress)(void *arg), void *arg,
	struct store_check *out, struct err **err);

#endif
