/* What the files of the pull share. */
#ifndef KIST_STORE_PULL_PRIVATE_H
#define KIST_STORE_PULL_PRIVATE_H

#include "store/pull.h"
#include "store_private.h"

/* ---- ingest.c: partial downloads, and who has them ---- */

/**
 * One blob that pulls of this process want: at most one of them, the owner, downloads and unpacks it; the others wait.
 * Everything but @store, @blob and @next is under store->ingest_lock, except that the owner alone uses @fd.
 */
struct ingest {
	struct store *store;
	struct digest blob;
	struct ingest *next;
	unsigned int refs; /* pulls that have it */
	struct store_pull *owner; /* NULL: nobody at the moment */
	int64_t there, size; /* bytes on disk, as the owner knows; of the blob, as it believes */
	int fd; /* for appending, locked (flock); -1 */
	bool resumed; /* the file begins with bytes that the owner has not seen being written */
	bool done; /* verified, and unpacked to @staged unless that was there already */
	struct err *
		refused; /* why it cannot be used as the layer @refused_as; the file goes with the last pull */
	struct digest refused_as;
	struct staged_layer
		staged; /* no folder: the owner had the layer, and only hashed the blob */
	char folder[STAGING_NAME]; /* what @staged lies in, below staging/; "" none */
	const char *compression;
};

/** Joins the pulls that want @blob; the caller owns it if nobody else does. */
struct ingest *ingest_join(
	struct store_pull *pull, const struct digest *blob, int64_t size, bool *mine);
/** Gives it up, and the ownership too. The last one removes the file if nothing will come of it. */
void ingest_leave(struct ingest *g, struct store_pull *pull);
/** True if the pull owns it now: nobody did. */
bool ingest_claim(struct ingest *g, struct store_pull *pull, int64_t size);
/** Lets somebody else own it. */
void ingest_release(struct ingest *g, struct store_pull *pull);
/** Owner: how many bytes are on disk already; 0 if it is not a file that can be gone on with. */
int64_t ingest_look(struct ingest *g);
/** Owner: opens the file for appending and locks it; *offset is its length. The descriptor stays the ingest's. */
int ingest_open(struct ingest *g, int64_t *offset, struct err **err);
/** Owner: opens it for reading. */
int ingest_read_fd(struct ingest *g, struct err **err);
/** Owner: removes the file. */
void ingest_discard(struct ingest *g);
/** Owner: notes progress and wakes those that wait. */
void ingest_grown(struct ingest *g, int64_t there);
/** Owner: it is done; those that wait find the result. */
void ingest_finish(struct ingest *g, const struct staged_layer *staged, const char *folder,
	const char *compression);
/** Owner: the blob, whose digest was verified, is no use as the layer @diff_id; those that wait for that layer are told so. */
void ingest_refuse(struct ingest *g, const struct digest *diff_id, const struct err *why);
/** As the layer @diff_id it was refused: 1 and *why, a copy; 0. */
int ingest_refused(struct ingest *g, const struct digest *diff_id, struct err **why);
/**
 * Waits until nobody can append to the file any more, not even a registry's program that outlived its daemon: what has
 * the size that was hashed then is what was hashed. A descriptor that keeps it so; INGEST_GONE if there is no file; -1.
 */
int ingest_settle(struct store *store, const struct digest *blob, struct err **err);
#define INGEST_GONE (-2)
/** Removes the file of a blob that is in content/ now, or is not kept. */
void ingest_forget_file(struct store *store, const struct digest *blob);

/* ---- follower.c: a kist-transfer that unpacks one blob after another ---- */

struct follower {
	struct store *store;
	char folder[STAGING_NAME];
	int dir, sock;
	pid_t pid; /* 0: not running */
	bool busy; /* with the blob @index */
	uint32_t index;
	int64_t size, sent, upto; /* of that blob; told; to be told */
};

int follower_start(struct follower *f, struct store *store, struct err **err);
/** Hands over one blob; @known: only hash it. Not while busy. @fd stays the caller's. */
int follower_blob(struct follower *f, const struct store_pull_layer *layer, bool known, int fd,
	struct err **err);
/** "Bytes up to @upto are there": sent at once, or when there is room. */
int follower_grown(struct follower *f, int64_t upto, struct err **err);
int follower_abandon(struct follower *f, struct err **err);
/** The next message about the present blob, or about the program: 1; 0: none now; -1. @room of TRANSFER_MESSAGE_MAX
 * holds what @m borrows. */
int follower_next(struct follower *f, struct transfer_message *m, char *room, struct err **err);
/** Is there something that did not fit into the socket? */
bool follower_full(const struct follower *f);
/** Moves what was unpacked for the present blob to a staging folder of its own. */
int follower_take(struct follower *f, struct staged_layer *layer, char folder[STAGING_NAME],
	struct err **err);
void follower_end(struct follower *f);

/* ---- pull_docs.c: what the documents say ---- */

/** One that leads to others. */
struct pull_index {
	struct buf text;
	struct digest digest;
	char *media_type; /* "" if unknown */
};

struct pull_docs {
	struct pull_index indexes[OCI_INDEX_DEPTH_MAX]; /* as in struct store_pull_spec */
	size_t index_count;
	struct buf manifest, config;
	struct digest manifest_digest, config_digest;
	struct oci_manifest *m;
	struct oci_image *image;
	char *manifest_type; /* media type; "" if unknown */
	char *platform; /* as the indexes say, the innermost that does; "" */
};
/** Verifies and copies. pull_docs_free() in any case. */
int pull_docs_read(struct pull_docs *docs, const struct store_pull_spec *spec, struct err **err);
void pull_docs_free(struct pull_docs *docs);

/* ---- pull.c ---- */

enum pull_pending {
	PULL_PENDING_NEEDED = 1,
	PULL_PENDING_RESTART = 2,
	PULL_PENDING_DOWNLOAD = 4,
	PULL_PENDING_UNPACK = 8,
	PULL_PENDING_DONE = 16,
};

struct pull_layer {
	struct store_pull_layer pub;
	size_t same_as; /* an earlier layer of the same blob; its own number: none */
	struct ingest *ingest; /* NULL: nothing to download */
	bool mine; /* this pull owns the ingest */
	bool known; /* the layer is here: the blob is hashed only */
	bool from_content; /* the blob is here, the layer is not */
	int64_t there; /* bytes of the blob that can be read */
	int64_t unpacked;
	unsigned int pending; /* enum pull_pending */
	struct staged_layer staged;
	char folder[STAGING_NAME]; /* from_content: what it lies in; else the ingest has it */
	const char *compression; /* known once it is DONE */
};

struct store_pull {
	struct store *store;
	struct store_pull *next; /* store->pulls; under store->ingest_lock */
	struct pull_docs docs;
	struct store_lease *lease;
	struct pull_layer *layers;
	size_t count;
	struct follower follower;
	size_t active; /* the layer that the follower is busy with */
	int epoll, wake;
	int disk; /* for syncfs(2): each open descriptor is told of a failed write once, so one for each pull */
	bool fresh; /* something came that was not there */
	bool ready; /* READY was told */
	bool hopeless; /* one of its layers cannot be used, and will not be: what it downloaded goes */
	struct err *failed; /* told by the next store_pull_next() */
	char *room;
};

/** Any thread, with store->ingest_lock held: has the pull look again. */
void pull_wake(struct store_pull *pull);
/** This pull owns layer @i now: to be unpacked from the disk, or downloaded. */
void pull_own(struct store_pull *pull, size_t i);
/** Gives the follower something to do if it has nothing. */
int pull_feed(struct store_pull *pull, struct err **err);
/** Layer @i is verified and unpacked. */
void pull_layer_done(struct store_pull *pull, size_t i);

#endif
