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

#include "store/content.h"

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

/** What is to be fetched again. Borrowed during the call. */
struct store_wanted {
	struct digest digest;
	enum store_role role;
	int64_t size; /* -1: not known */
	int64_t max; /* bytes: more cannot be right, whatever the size */
	char *const *
		urls; /* of a foreign layer, beside the registry; NULL: none. No credentials go there */
	const char *
		url; /* one of those: ask for this alone, and nobody else; NULL: ask the registry first */
	const char *repo; /* "docker.io/library/busybox": an image that has it came by that name */
	bool no_mirrors; /* what came by way of mirrors was wrong: ask the registry itself */
};
/**
 * Appends the blob to @fd (empty, O_APPEND), into which nobody may write any more when it returns. What came is verified by
 * the caller. *mirrored (false so far): a mirror may have sent it. -1: why it cannot be had.
 */
typedef int store_fetch_fn(
	void *arg, const struct store_wanted *wanted, int fd, bool *mirrored, struct err **err);

struct store_check_spec {
	bool repair;
	int (*progress)(void *arg); /* called often; not 0 cancels; NULL: none */
	store_fetch_fn *fetch; /* NULL: what is not here cannot be had */
	void *arg;
};

/**
 * Checks everything; what comes or goes meanwhile is not waited for. Findings are no error: -1 means that the check itself
 * failed.
 *
 * With repair, of what is damaged and nothing else:
 * - a blob of an image that came from a registry is fetched again, and takes the damaged one's place when it was
 *   verified and is on disk; until then, and if it cannot be had, nothing changes;
 * - a blob of other images is dropped (they are used as before without), unless it is a configuration;
 * - a layer is unpacked anew from its compressed blob, if that is here and sound, else from one that is fetched; not
 *   while a container has it, running or not: the layers of a mounted file system must not change, and whoever reads a
 *   stopped container's must not find half of them;
 * - what belongs to nothing is removed, a container's lost folders are made again.
 */
int store_check_run(struct store *store, const struct store_check_spec *spec,
	struct store_check *out, struct err **err);

#endif
