/*
 * Content: documents and compressed layers by digest, as they came, and what keeps them from the
 * garbage collector.
 *
 * content/sha256/<hex> holds what was verified and nothing else: configurations, manifests,
 * indexes, and the compressed blobs of layers (gzip, zstd, xz, bzip2), so that an image that was
 * pulled is pushed and saved with identical digests. Uncompressed layer tars are not kept: they are
 * put together again from the layer itself.
 *
 * A blob lives as long as an image has it, or a lease holds it; the blob of a layer also as long as
 * containers alone hold that layer. Everything else is removed by store_gc() and by whatever takes
 * an image away.
 */
#ifndef KIST_STORE_CONTENT_H
#define KIST_STORE_CONTENT_H

#include "store/store.h"

enum store_role {
	STORE_ROLE_CONFIG, /* its digest is the image's id; every image has exactly one */
	STORE_ROLE_MANIFEST,
	STORE_ROLE_INDEX, /* whole, with the platforms that are not here */
	STORE_ROLE_LAYER,
	STORE_ROLE_COUNT
};

/** One blob of an image; plain data. */
struct store_blob {
	struct digest digest;
	enum store_role role;
	int64_t size; /* bytes; -1 if only the digest is known */
	char *media_type; /* as its descriptor has it; "" if it had none */
	char *platform; /* MANIFEST: "linux/arm64/v8" as its index says, else "" */
	bool present; /* in content/; false for plain layers */
};
struct store_blob_list {
	struct store_blob *v;
	size_t count;
};
void store_blob_list_free(struct store_blob_list *list);

/**
 * The blobs of @image: config, then indexes and manifests (newest first), then layers. One image
 * may have several manifests: the same configuration pushed with differently compressed layers.
 * Which layer belongs to which manifest says the manifest. An image that was imported, or loaded
 * from docker save's format, has its config alone. ERR_NOT_FOUND if there is no such image.
 */
int store_image_blobs(struct store *store, const struct digest *image, struct store_blob_list *out,
	struct err **err);
/**
 * The bytes that came as the compressed layer @diff_id, if some are in content/: one entry for each
 * blob, role LAYER.
 */
int store_layer_blobs(struct store *store, const struct digest *diff_id,
	struct store_blob_list *out, struct err **err);
/** Which layer a compressed (or plain) layer blob is: 1 and *diff_id, 0 if that is not known, -1.
 */
int store_blob_layer(
	struct store *store, const struct digest *blob, struct digest *diff_id, struct err **err);

/**
 * Opens a blob for reading; *size (may be NULL) is its length in bytes. The descriptor stays good
 * when the blob is removed. ERR_NOT_FOUND if it is not in content/. What was verified when it came
 * is not verified again.
 */
int store_blob_open(
	struct store *store, const struct digest *digest, int64_t *size, struct err **err);
/** A whole document (OCI_DOCUMENT_MAX), appended to @out and verified: ERR_SYSTEM if its digest is
 * another. */
int store_blob_read(
	struct store *store, const struct digest *digest, struct buf *out, struct err **err);
/** Bytes of everything in content/ (system df); -1 on error. */
int64_t store_content_size(struct store *store, struct err **err);

/* ---- leases ---- */

/**
 * What an operation (pull, push, save, check, a walk) counts on while it runs: the collector leaves it
 * alone until the lease ends, whatever becomes of names and images. Leases live in memory: they end
 * with the daemon, as the operation does (docs/decisions/0026). Used from one thread at a time. One
 * lease may hold any number of things, each any number of times.
 */
struct store_lease;
struct store_lease *store_lease_new(struct store *store);
/** Ends it and removes what it alone held. NULL is allowed. No lock of the store may be held. */
void store_lease_end(struct store_lease *lease);
static inline void store_lease_endp(struct store_lease **l)
{
	store_lease_end(*l);
	*l = 0;
}
#define auto_store_lease __attribute__((cleanup(store_lease_endp))) struct store_lease

/** Holds the image's layers and blobs, each that is there at the moment. ERR_NOT_FOUND if there is
 * no such image. */
int store_lease_image(struct store_lease *lease, const struct digest *image, struct err **err);
/** True, and it stays until the lease ends, if the store has it. */
bool store_lease_layer(struct store_lease *lease, const struct digest *diff_id);
bool store_lease_blob(struct store_lease *lease, const struct digest *digest);

/* ---- adding ---- */

/**
 * Adds a document, held by @lease: its bytes are hashed here and must give @digest (ERR_INVALID,
 * both named). It is on disk when this returns. Give it to an image with store_image_blob_add()
 * before the lease ends, or it goes.
 */
int store_blob_add(struct store_lease *lease, const struct digest *digest, const char *media_type,
	const void *p, size_t n, struct err **err);
/**
 * Notes that @image has the blob @digest as @role. A layer's blob that is not in content/ is noted
 * all the same (its size may be -1 then). @platform for MANIFEST, else NULL. Noting it again is
 * success.
 */
int store_image_blob_add(struct store *store, const struct digest *image, enum store_role role,
	const struct digest *digest, const char *media_type, const char *platform,
	struct err **err);
/** Notes that "repo@digest" names @image, as dockerd does after a push: kept if it names another
 * already. @repo as reference_name() gives it. */
int store_image_digest_add(struct store *store, const struct digest *image, const char *repo,
	const struct digest *digest, struct err **err);
/**
 * Notes that the tag @name (as reference_string() gives it) stands for the document @digest, if it names @image and stands
 * for none yet: what was pushed under it is pushed again, whatever else the image gets.
 */
int store_image_document_add(struct store *store, const struct digest *image, const char *name,
	const struct digest *digest, struct err **err);

/** Removes the layers and blobs that nothing holds, and returns their bytes (layers unpacked). Failures
 * are logged: the next run finds the same again. */
int64_t store_gc(struct store *store);
/** How long a download that was broken off is worth keeping, unless somebody asks for the room. */
#define STORE_DOWNLOAD_KEEP_NS (7 * 24 * 3600 * 1000000000ll)
/**
 * Removes the partial downloads that no pull of this process has and that were last written to at @until (UTC
 * nanoseconds; INT64_MAX: whenever that was) or before, besides those of what is here already, and returns their bytes.
 * Pulls may run and begin meanwhile. Failures are logged: the next run finds the same again.
 */
int64_t store_downloads_prune(struct store *store, int64_t until);

#endif
