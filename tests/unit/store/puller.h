/* A registry in memory, and the caller's half of a pull. */
#ifndef KIST_TESTS_STORE_PULLER_H
#define KIST_TESTS_STORE_PULLER_H

#include "fixture.h"
#include "store/content.h"
#include "store/pull.h"

#define SERVED_LAYERS_MAX 32

enum packing {
	PACK_PLAIN,
	PACK_GZIP,
	PACK_ZSTD,
	PACK_XZ, /* by the program xz */
	PACK_BZIP2, /* by bzip2 */
	PACK_GZIP_MEMBERS, /* three, then zeroes to a full block, as tools that seek write it */
	PACK_ZSTD_FRAMES, /* with frames to be skipped before, between and after: zstd:chunked */
};

/** What a registry has: one image. */
struct served {
	struct buf blobs[SERVED_LAYERS_MAX];
	struct digest digests[SERVED_LAYERS_MAX], diff_ids[SERVED_LAYERS_MAX];
	size_t count;
	struct buf config, manifest, index;
	struct digest config_digest, manifest_digest, index_digest;
};

void served_layer(struct served *s, const struct buf *tar, enum packing packing);
/** Writes the documents; after the last layer. @note makes images differ; may be NULL. */
void served_finish(struct served *s, const char *note);
void served_free(struct served *s);
/** The documents, with or without the index. */
struct store_pull_spec served_spec(const struct served *s, bool with_index);

/** Pulls @s to its end in pieces of @chunk bytes, and commits as @name (NULL: no name). 0 or -1. */
int pull_served(struct fixture *f, const struct served *s, const char *name, size_t chunk,
	struct store_pull_result *out, struct err **err);
/** Writes what is missing of layer @i up to @upto, and says so. */
void feed_layer(struct store_pull *pull, const struct served *s, size_t i, int64_t upto);
/** Where that may fail: 0 or -1. */
int try_feed_layer(
	struct store_pull *pull, const struct served *s, size_t i, int64_t upto, struct err **err);
/** Waits for the next event of any kind. 1, or -1. */
int next_event(struct store_pull *pull, struct store_pull_event *out, struct err **err);
/** Feeds whatever is asked for until READY: 0, or -1. */
int pull_to_ready(struct store_pull *pull, const struct served *s, size_t chunk, struct err **err);
int commit_as(
	struct store_pull *pull, const char *name, struct store_pull_result *out, struct err **err);

#endif
