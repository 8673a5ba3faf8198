/*
 * The store's half of a pull: from documents that somebody fetched, to a visible image.
 *
 * The caller (engine/pull.c) talks to the registry; the store decides which layers are needed,
 * gives a descriptor to write each into, follows what is written with kist-transfer (hashing,
 * inflating, hashing, unpacking at once), and commits. One struct store_pull is used from one
 * thread, and that thread must live until store_pull_free(): it is the parent of kist-transfer.
 * Nothing here waits for the network; store_pull_begin(), _open() and _commit() use the disk.
 *
 *	pull = store_pull_begin(store, &spec, &err);
 *	for (i...) if (store_pull_layer(pull, i)->state == STORE_PULL_NEEDED) download(i);
 *	poll(store_pull_fd(pull), the registry's) ...
 *		the registry wrote something:      store_pull_grown(pull, i, bytes_from_the_start)
 *		the registry gave up:              store_pull_lost(pull, i)
 *		while (store_pull_next(pull, &event, &err) == 1)
 *			NEEDED, RESTART: download(i);    READY: store_pull_commit(...)
 *	store_pull_free(pull);
 *
 *	download(i): fd = store_pull_open(pull, i, &offset, &err); let the registry write from
 * offset on; close(fd)
 *
 * A download in progress is the file ingest/<hex>, which survives everything: cancelling, errors of
 * the network, kill -9 of the daemon. The next pull that needs the blob goes on from where it ends;
 * what is in it is hashed again in any case. If that turns out to be damaged (a power cut leaves
 * zeroes), RESTART asks for it once more, from 0. Two pulls that need the same blob share one
 * download: the second gets WAITING, is told the progress, and gets NEEDED should the first one give
 * up.
 */
#ifndef KIST_STORE_PULL_H
#define KIST_STORE_PULL_H

#include "oci/platform.h"
#include "store/store.h"

struct store_pull;

/** Bytes of a document; borrowed for the call. */
struct store_document {
	const void *data;
	size_t len; /* at most OCI_DOCUMENT_MAX */
	const char *media_type; /* Content-Type without parameters; NULL or "": not told */
};

struct store_pull_spec {
	/* what the name named, then what that leads to: each lists the next, the last one the manifest.
	 * The first without data ends them: none if the name named a manifest */
	struct store_document indexes[OCI_INDEX_DEPTH_MAX];
	struct store_document manifest;
	struct store_document config;
	/* what the name asked for ("name@sha256:..."): digest of the first index, or of the manifest
	 * without one. NULL: any */
	const struct digest *expect;
};

enum store_pull_state {
	STORE_PULL_HERE, /* "Already exists" */
	STORE_PULL_WAITING, /* comes without the caller's doing: another pull downloads it, or it is
			     * on disk already and only has to be unpacked, or the same blob is an
			     * earlier layer of this manifest, too */
	STORE_PULL_NEEDED, /* to be downloaded by the caller */
	STORE_PULL_DOWNLOADING, /* store_pull_open() was called, and not store_pull_lost() */
	STORE_PULL_DONE, /* verified and unpacked: "Pull complete" */
};

/** One layer of the manifest, bottom first; belongs to the pull, valid until store_pull_free(). */
struct store_pull_layer {
	struct digest blob, diff_id;
	int64_t size; /* bytes of the blob */
	const char *media_type; /* "" if the descriptor has none */
	char *const *urls; /* of a foreign layer; NULL: none. No credentials go there */
	enum store_pull_state state;
};

/**
 * Verifies the documents and begins. Digests and sizes against the descriptors that name them,
 * media types against fields and against what the server said (CVE-2021-41190), platform "linux",
 * as many layers as the configuration has diff_ids, at most OCI_LAYER_MAX. Everything that the
 * store already has and counts on is held until store_pull_free(). ERR_INVALID with docker's words
 * ("manifest verification failed for digest sha256:...", "layers from manifest don't match image
 * configuration"); ERR_NOT_IMPLEMENTED for what is no image (an OCI artifact) or has encrypted
 * layers.
 */
struct store_pull *store_pull_begin(
	struct store *store, const struct store_pull_spec *spec, struct err **err);
/**
 * Ends it: cancels what has not been committed. Partial downloads stay on disk for the next pull
 * and pass to whoever waits for them. Nobody may write into a descriptor of store_pull_open() any
 * more: stop the registry's program first, and wait for its end. NULL is allowed.
 */
void store_pull_free(struct store_pull *pull);
static inline void store_pull_freep(struct store_pull **p)
{
	store_pull_free(*p);
	*p = 0;
}
#define auto_store_pull __attribute__((cleanup(store_pull_freep))) struct store_pull

/** Digest of the configuration; digest that the name stands for ("Digest: sha256:..."): that of the first
 * index, or of the manifest. */
const struct digest *store_pull_image(const struct store_pull *pull);
const struct digest *store_pull_digest(const struct store_pull *pull);
/** The parsed configuration; belongs to the pull. */
const struct oci_image *store_pull_config(const struct store_pull *pull);

size_t store_pull_layer_count(const struct store_pull *pull);
const struct store_pull_layer *store_pull_layer(const struct store_pull *pull, size_t i);

/**
 * Opens layer @i (NEEDED, DOWNLOADING, or after RESTART) for appending (O_APPEND). *offset is how many
 * bytes from the start are in it already, less than the layer's size: write what follows. The
 * descriptor is the caller's to close; only one party may write at a time, so that a retry calls this
 * again when the last attempt has stopped. State becomes DOWNLOADING. ERR_CONFLICT if the layer is not
 * needed, or another pull has taken it over: then it is WAITING (NEEDED comes again if that one gives up).
 */
int store_pull_open(struct store_pull *pull, size_t i, int64_t *offset, struct err **err);
/**
 * "Bytes up to @upto from the start are there." Not more than the layer's size (ERR_INVALID, which
 * is the server's lie); less than the last time is ignored. At the layer's size the download is
 * complete: close and forget it. Cheap: call it for every report.
 */
int store_pull_grown(struct store_pull *pull, size_t i, int64_t upto, struct err **err);
/** The server cannot go on from where we are (200 instead of 206): forget what is there. Nobody may
 * be writing. The next store_pull_open() gives offset 0. */
int store_pull_restart(struct store_pull *pull, size_t i, struct err **err);
/** The caller will not download this layer (any more): a waiting pull takes over. Nobody may be
 * writing. State becomes NEEDED, for a later store_pull_open(), which ERR_CONFLICT refuses while
 * another pull has it. */
void store_pull_lost(struct store_pull *pull, size_t i);

struct store_pull_event {
	enum {
		STORE_PULL_EVENT_NEEDED, /* was WAITING: download it now */
		STORE_PULL_EVENT_RESTART, /* what was on disk is damaged and gone: stop a download
					   * of this layer that still runs, then store_pull_open()
					   * it again */
		STORE_PULL_EVENT_DOWNLOAD, /* a layer that is WAITING: how far the other pull is */
		STORE_PULL_EVENT_UNPACK, /* bytes of the blob that were unpacked ("Extracting") */
		STORE_PULL_EVENT_DONE, /* verified and unpacked */
		STORE_PULL_EVENT_READY, /* all layers are there: commit. Told once, last */
	} kind;
	size_t layer;
	int64_t current, total; /* DOWNLOAD, UNPACK: bytes of the blob */
};

/** A descriptor that polls readable when store_pull_next() has something; belongs to the pull. */
int store_pull_fd(const struct store_pull *pull);
/**
 * The next event; never blocks. 1; 0: nothing now; -1: the pull failed, and only store_pull_free()
 * is left. A blob that is not what its digest says is ERR_INVALID "filesystem layer verification
 * failed for digest sha256:..."; its partial file is removed.
 */
int store_pull_next(struct store_pull *pull, struct store_pull_event *out, struct err **err);

struct store_pull_result {
	struct digest image; /* its id */
	bool updated; /* "Downloaded newer image"; false: "Image is up to date" */
	struct digest moved_from; /* the image that lost the tag; "" if none */
};
/**
 * Makes the image visible, on disk when this returns: layers, blobs, then one transaction. @ref
 * names it: a tag is moved here and "repo@digest" recorded beside it, as dockerd does; a reference
 * with a digest records that alone. NULL: no name. Blocks for a syncfs(2) if there is anything new.
 * ERR_CONFLICT before READY.
 */
int store_pull_commit(struct store_pull *pull, const struct reference *ref,
	struct store_pull_result *out, struct err **err);

#endif
