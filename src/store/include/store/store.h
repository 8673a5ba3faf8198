/*
 * The store: images and layers by digest, names for them, and the root file systems of containers.
 *
 * One struct store per data root and process, safe for use from many threads. Its folders:
 *
 *	kist.db                  metadata (store/db.h)
 *	content/sha256/<hex>     image configurations and manifests, as they came
 *	layers/<diffid hex>/     one unpacked layer, shared by all images that have it
 *	recipes/<diffid hex>/    how the layer's tar is written again (store/layer_tar.h)
 *	layers/empty/            the layer of images that have none
 *	containers/<id>/upper, work
 *	staging/<random>/        what is being unpacked or thrown away; emptied by store_open()
 *
 * Untrusted bytes (archives) are only parsed by the program kist-transfer, in its confinement.
 * Everything is written so that a kill -9 of either program, or a power cut, at any moment leaves
 * whole images and layers or none: staged, synced, renamed, then made visible by one commit.
 *
 * Ids of images are digests of their configuration ("sha256:<hex>"), as Docker's are.
 */
#ifndef KIST_STORE_STORE_H
#define KIST_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/err.h"
#include "oci/image.h"
#include "store/db.h"
#include "sys/usage.h"
#include "oci/platform.h"
#include "oci/reference.h"

struct store;

struct store_options {
	const char *data_root; /* absolute; made (0710) if missing; any length */
	const char *transfer_path; /* absolute path of kist-transfer */
	const char *
		driver; /* of new containers, as Docker names it; NULL or "": the best that works there */
};

/**
 * Opens or makes a store, removes what a killed program left half done, and locks the data root:
 * ERR_CONFLICT if another process has it open.
 */
struct store *store_open(const struct store_options *options, struct err **err);
/** Name of the storage driver of new containers ("overlay2"), Docker's "Driver". */
const char *store_driver_name(const struct store *store);
/** All other calls must have returned. */
void store_close(struct store *store);

/** The database, for the engine's own tables. */
struct db *store_db(struct store *store);
/** Descriptors of the data root and of containers/, for *at calls; they belong to the store. */
int store_root_fd(struct store *store);
int store_containers_fd(struct store *store);

/* ---- images ---- */

/** One image as it was at the moment of the call; plain data for reading. */
struct store_image {
	struct digest id;
	char **repo_tags; /* familiar: "busybox:latest"; sorted; NULL: dangling */
	char **repo_digests; /* familiar: "busybox@sha256:..." */
	char *parent; /* id of the image it was made from here, or "" */
	int64_t size; /* bytes of all layers, unpacked */
	int64_t last_tagged; /* UTC nanoseconds; 0: never */
	struct oci_image *config;
	struct digest *chain_ids; /* config->diff_id_count of them, bottom first */
	/* what the name that it was found by came with: manifest or index; "": with none, or it was found by id */
	struct digest document;
};
void store_image_free(struct store_image *image);
static inline void store_image_freep(struct store_image **i)
{
	store_image_free(*i);
	*i = 0;
}
#define auto_store_image __attribute__((cleanup(store_image_freep))) struct store_image

/**
 * Finds an image by name (tag defaults to latest), name@digest, full id or unique prefix of an id
 * (with or without "sha256:"). ERR_NOT_FOUND "No such image: name:tag"; ERR_INVALID for a malformed
 * reference and for a prefix that several images share.
 */
struct store_image *store_image_find(struct store *store, const char *ref, struct err **err);
/** The configuration document, byte for byte. */
int store_image_config_json(
	struct store *store, const struct digest *id, struct buf *out, struct err **err);

/** All conditions hold (and within one list: any). NULL or zero: not asked. */
struct store_image_filter {
	char **reference; /* patterns; an image is listed with the matching names only */
	char **label; /* "key" or "key=value"; all must hold */
	char **label_not; /* label!=: none may hold */
	bool has_dangling, dangling;
	char **before, **since; /* images: created before, after this one */
	int64_t until; /* created before this time */
	bool all; /* also images without a name that others were made from */
	bool sizes; /* compute shared_size */
};
/** What a list shows of an image. */
struct store_image_summary {
	struct digest id;
	char **repo_tags, **repo_digests; /* as in struct store_image */
	char *parent; /* "" if none */
	char *labels; /* a JSON object; NULL: there are none */
	int64_t created, last_tagged; /* UTC nanoseconds; 0: not given, never */
	int64_t size;
	/* What removing this image alone would not free: layers that other images have too, and a layer's
	 * second place in the same image (a layer is kept once). -1 unless asked for. */
	int64_t shared_size;
	int64_t containers; /* for the engine to fill; -1 */
};
struct store_image_list {
	struct store_image_summary *v; /* newest first */
	size_t count;
};
void store_image_list_free(struct store_image_list *list);
/**
 * All images that fit @filter (may be NULL), read in one pass over the tables, whatever their number: no
 * configuration is opened. ERR_NOT_FOUND if an image of before or since is missing.
 */
int store_image_list(struct store *store, const struct store_image_filter *filter,
	struct store_image_list *out, struct err **err);
/** Number of images, for /info. */
int64_t store_image_count(struct store *store);

/** What rmi answers, in docker's order. */
struct store_removed {
	enum { STORE_UNTAGGED, STORE_DELETED } kind;
	char *what; /* "busybox:latest"; "sha256:<id>" of an image or a layer (chain id) */
	bool is_image; /* DELETED: an image, not a layer */
	bool silent; /* docker tells no event of it: a digest that went with the last tag of its name */
	struct digest image; /* the image that it belonged to, for events */
};
struct store_removed_list {
	struct store_removed *v;
	size_t count;
	int64_t reclaimed; /* bytes: layers, as their sizes count, their recipes, and blobs */
};
void store_removed_list_free(struct store_removed_list *list);

/** A container that uses an image; the engine gives them, the store words the conflict. */
struct store_user {
	const char *container_id;
	bool running;
};
/** Fills @out with up to @max containers that were made from the image; returns how many it put.
 * Called with no lock of the store held. A running one, if any, comes first. */
typedef size_t store_users_fn(
	void *arg, const struct digest *image, struct store_user *out, size_t max);

/**
 * Gives @image_ref another name, which leads to the same document as that one. @repo is a repository without
 * digest, @tag may be NULL (latest).
 * *moved_from (may be NULL) receives the image that had the name before, if another ("" if none).
 */
int store_image_tag(struct store *store, const char *image_ref, const char *repo, const char *tag,
	struct digest *moved_from, struct err **err);

enum store_remove_flags {
	STORE_REMOVE_FORCE = 1,
	STORE_REMOVE_KEEP_PARENTS = 2, /* noprune */
};
/**
 * `rmi`: removes a name, and the image with its last one, in docker's words and order; then the images
 * that it was made from, as far as nothing else needs them. ERR_CONFLICT when a container uses it (a
 * stopped one only without force) or another image was made from it. Containers keep their layers.
 * @users may be NULL.
 */
int store_image_remove(struct store *store, const char *ref, unsigned flags, store_users_fn *users,
	void *arg, struct store_removed_list *out, struct err **err);

/** One row of `docker history`, newest first. */
struct store_history {
	struct digest
		id; /* of the image, then of its parents; empty string elsewhere ("<missing>") */
	int64_t created;
	const char *created_by, *comment; /* borrowed from the image; never NULL */
	int64_t size;
	char **tags; /* of the image with that id */
};
void store_history_free(struct store_history *rows, size_t count);
/** Rows point into @image. ERR_INVALID if the history names more layers than there are. */
int store_image_history(struct store *store, const struct store_image *image,
	struct store_history **out, size_t *count, struct err **err);

/* ---- load, import ---- */

struct store_progress {
	enum {
		STORE_PROGRESS_LAYER, /* "Loading layer": current of total bytes (0: unknown) */
		STORE_PROGRESS_TEXT, /* a line for the user, with its newline: "Loaded image: ..." */
	} kind;
	const char *id; /* LAYER: 12 digits */
	int64_t current, total;
	const char *text;
};
/** Called from the thread that loads. A return other than 0 cancels (ERR_CANCELLED). */
typedef int store_progress_fn(void *arg, const struct store_progress *progress);

/** The ids of what came, for events; free() v. */
struct store_loaded {
	struct digest *v;
	size_t count;
};

/**
 * Reads a docker-archive or OCI layout (plain or compressed tar) from @fd, a pipe, socket or file,
 * to its end. Every digest is verified before anything becomes visible; images of an archive appear
 * together or not at all. Of an index the image for @want is taken (NULL: the best for this machine), and the
 * index, its manifest and the compressed layers of an OCI layout are kept as they came; artifacts that are
 * no images are passed over. Blocks; takes no lock while bytes are moved. @progress may be NULL.
 */
int store_load(struct store *store, int fd, const struct oci_platform *want,
	store_progress_fn *progress, void *arg, struct store_loaded *out, struct err **err);

struct store_import {
	int fd; /* the root file system as a tar, plain or compressed */
	const char *repo; /* NULL or "": no name */
	const char *tag; /* NULL: latest */
	const char *message; /* NULL: "Imported from -" */
	const struct oci_image_config *config; /* result of --change; NULL: none */
	const char *os, *architecture, *variant; /* NULL: this machine's */
	const char *docker_version; /* what the daemon calls itself; may be NULL */
};
/** `docker import`: one layer and a new configuration. */
int store_import(struct store *store, const struct store_import *spec, store_progress_fn *progress,
	void *arg, struct digest *id, struct err **err);
/** Whether the image may have that name: what store_import() would say of it before it reads anything. */
int store_import_check(const struct store_import *spec, struct err **err);
/** A file without a name, open for reading and appending, for what is to be imported; it is gone with its descriptor.
 * @room: how many bytes it may grow to. */
int store_spool(struct store *store, uint64_t *room, struct err **err);

/* ---- containers' root file systems ---- */

/**
 * Makes containers/<id>/ (0710) with upper (0755, as Docker) and work, and notes which layers it
 * uses: they stay until store_snapshot_remove(), whatever becomes of the image. Nothing is mounted.
 * Call it inside the transaction that inserts the container: a folder without a row is removed by
 * the next store_open(). ERR_CONFLICT if the id is taken. @id is 64 hex digits.
 */
int store_snapshot_create(
	struct store *store, const char *id, const struct digest *image, struct err **err);
/** Removes the row alone, for a transaction that removes the container's own with it: one commit instead
 * of two. store_snapshot_remove() has to follow; after a crash store_open() does its work. */
int store_snapshot_forget(struct store *store, const char *id, struct err **err);
/** Removes the row, then the folder containers/<id> with everything in it. Absence is success. Not
 * inside a transaction: the folder is moved away only when the row is gone for good. */
int store_snapshot_remove(struct store *store, const char *id, struct err **err);
/** Ids of all snapshots (the engine removes those that it has no container for). */
int store_snapshot_list(struct store *store, char ***ids, struct err **err);

/** Would a new container take this setting of the storage driver (--storage-opt)? -1 with the reason in Docker's words. */
int store_snapshot_option(
	struct store *store, const char *key, const char *value, struct err **err);
/**
 * Copies what the driver has to copy, if it is one that does: not in a transaction, as it may take long. Without
 * this call it is done by the first one that needs it.
 */
int store_snapshot_fill(struct store *store, const char *id, struct err **err);

/** What a container's root is to be mounted from; absolute paths, owned. */
struct store_snapshot {
	const char *driver; /* by which it was made; static */
	enum {
		STORE_ROOT_OVERLAY, /* lower, upper and work */
		STORE_ROOT_FOLDER, /* folder, which is the root */
	} kind;
	char **lower; /* top first; at least one, each once; for sys/overlay.h, which takes any length */
	char *upper, *work;
	char *folder;
};
void store_snapshot_free(struct store_snapshot *snapshot);
/** ERR_NOT_FOUND if there is none. @make: what a power cut has taken, or was not copied yet, is made anew. */
int store_snapshot_describe(struct store *store, const char *id, bool make,
	struct store_snapshot *out, struct err **err);
/**
 * A detached mount of the container's root file system (for cp, export, copy-up: the caller
 * holds that container's lock, because two overlays with one upper folder are undefined). Returns the mount's
 * descriptor; closing it unmounts. Read-only mounts leave it untouched.
 */
int store_snapshot_mount(struct store *store, const char *id, bool read_only, struct err **err);
/** SizeRw: bytes of the files that the container made or changed. Walks folders. -1 on error. */
int64_t store_snapshot_size_rw(struct store *store, const char *id, struct err **err);
/** Bytes of the layers below (SizeRootFs is this plus SizeRw). -1 on error. */
int64_t store_snapshot_size_lower(struct store *store, const char *id, struct err **err);

/** Bytes of all layers on disk, each once (system df, /info). -1 on error. */
int64_t store_layers_size(struct store *store, struct err **err);

/** What lies in the data root, by what it is; every file is in exactly one part. */
#define STORE_DISK_PARTS 10
struct store_disk {
	struct {
		const char *what; /* "layers", "recipes" (layers' tars without the files), "blobs",
				   * "downloads" (unfinished), "staging", "containers" (what they wrote),
				   * "logs" (and their other files), "volumes", "database", "other" */
		struct usage usage;
	} v[STORE_DISK_PARTS];
	size_t count;
};
/** Walks the whole data root. */
int store_disk_usage(struct store *store, struct store_disk *out, struct err **err);

#endif
