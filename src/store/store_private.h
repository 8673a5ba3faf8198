/* What the files of the store share. */
#ifndef KIST_STORE_PRIVATE_H
#define KIST_STORE_PRIVATE_H

#include <pthread.h>

#include "store/content.h"
#include "store/store.h"
#include "store/transfer.h"

/** A layer (by diffID) or blob that an operation counts on finding although no image has it. */
enum pin_kind { PIN_LAYER, PIN_BLOB };
struct pin {
	enum pin_kind kind;
	struct digest digest;
	struct pin *next;
};

struct store {
	int root, content, ingest, layers, recipes, containers, staging;
	char *root_path, *transfer_path;
	const struct store_driver *driver; /* of new containers */
	struct db *db;
	/* Held while files and rows of layers and blobs change together: putting one in place and
	 * taking one away must not meet. Taken before the database's lock, never after. */
	pthread_mutex_t lock;
	struct pin *pins;
	/* What pulls share; see pull_private.h. No other lock is taken under it. */
	pthread_mutex_t ingest_lock;
	struct ingest *ingests;
	struct store_pull *pulls;
};

/* schema.c */
int schema_migrate(struct db *db, struct err **err);

/* clean.c: what a killed process left; called by store_open() with nobody else there */
int store_clean(struct store *store, struct err **err);
/** Names in a folder, read whole before anything in it changes. */
int clean_list(int dir, char ***names, struct err **err);

/* ingest.c */
/** Removes partial downloads that are old or not needed any more; called by store_clean(). */
int ingest_clean(struct store *store, struct err **err);

/* staging.c */
/** A fresh locked folder below staging/; its name is copied to @name. Returns its descriptor. */
#define STAGING_NAME 40
int staging_make(struct store *store, char name[STAGING_NAME], struct err **err);
void staging_remove(struct store *store, const char *name);
/** Waits until no kist-transfer, nor a child of one that was killed, works in the folder; false after ten seconds. */
bool staging_unused(struct store *store, const char *name);
/** Moves @dir/@name below staging/, so that it is gone at once, and removes it there. */
int staging_trash(struct store *store, int dir, const char *name, struct err **err);
/** The first half of staging_trash(): only moves; *trash names it. Absence is success ("" then). */
int staging_move(
	struct store *store, int dir, const char *name, char trash[STAGING_NAME], struct err **err);

/* layer.c */
struct layer_row {
	int64_t id;
	int64_t size;
	bool opaque;
};
/** 1 and the row, 0 if there is none, -1. */
int layer_find(
	struct store *store, const struct digest *diff_id, struct layer_row *out, struct err **err);
/** chain[i] identifies layers 0..i together (image-spec config.md "Layer ChainID"). */
struct digest *layer_chains(const struct digest *diff_ids, size_t n);

/* layer_tar.c */
/** The folder @name as a mount of its own that cannot be written, and out of which nothing leads. */
int layer_lend(int dir, const char *name, struct err **err);

/* pin.c */
/** True, and it stays until pin_drop(), if the store has it. */
bool pin_take(struct store *store, enum pin_kind kind, const struct digest *digest);
/** The same for what is about to come, whether it is there or not. */
void pin_put(struct store *store, enum pin_kind kind, const struct digest *digest);
void pin_drop(struct store *store, enum pin_kind kind, const struct digest *digest);
/** With store->lock held. */
bool pin_holds(struct store *store, enum pin_kind kind, const char *digest);

/** What is held from now on, though it may not be there yet. */
void lease_expect(struct store_lease *lease, enum pin_kind kind, const struct digest *digest);
struct store *lease_store(struct store_lease *lease);

/* gc.c */
/** store_gc() when nothing but a container's row went: does not look at all blobs. */
void gc_after_container(struct store *store);

/* content.c */
/** Size of a blob that is in content/ and has its row: 1; 0; -1. */
int blob_find(struct store *store, const struct digest *digest, int64_t *size, struct err **err);

/** A row of image_blobs (present and its like do not matter), @added at that time; there already is success. */
int image_blob_insert(struct store *store, const struct digest *image,
	const struct store_blob *blob, int64_t added, struct err **err);

/* commit.c */
/** An unpacked layer in a staging folder. */
struct staged_layer {
	struct digest diff_id;
	int64_t size;
	bool opaque;
	int64_t tar_size, recipe_size; /* bytes of the tar; on disk, of the recipe */
	char folder[64]; /* below the staging folder; empty: the store must have it */
	char recipe[64]; /* the same for its recipe */
};
/** Folder and recipe were made by a confined program: are they folders? To be asked before they get their names. */
int staged_layer_check(int staging, const struct staged_layer *layer, struct err **err);
/** A blob besides the configuration: a document, or what a layer came as. */
struct new_blob {
	struct digest digest;
	enum store_role role;
	int64_t size;
	char *media_type, *platform; /* NULL: "" */
	/* The file to be renamed into content/, on disk (synced) and verified, below the folder @dir (borrowed). Name
	 * empty: it is there already, or it is a plain layer, of which only the digest is noted. */
	int dir;
	char file[DIGEST_HEX_LEN + 1];
	struct digest diff_id; /* LAYER */
	bool claimed; /* LAYER: a manifest says that it is that layer, nobody has unpacked it to see */
	const char *compression; /* LAYER: "", "gzip", "zstd", "xz", "bzip2"; outlives this */
};
/** What a tag came with. */
struct named_document {
	char *name; /* "docker.io/library/busybox:latest" */
	struct digest digest; /* manifest or index */
};
/** An image about to become visible. */
struct new_image {
	struct digest id;
	struct buf json;
	char *config_type; /* media type; NULL: Docker's */
	struct oci_image *config;
	struct staged_layer *layers; /* config->diff_id_count of them */
	char **names; /* "docker.io/library/busybox:latest" */
	struct digest parent; /* the image it was made from; empty string: none */
	char **digests; /* "docker.io/library/busybox@sha256:..." */
	bool move_digests; /* even if they name another image so far */
	struct new_blob *blobs;
	size_t blob_count;
	struct named_document *documents; /* of names that are the image's when all are given */
	size_t document_count;
};
void new_image_free(struct new_image *image);
/** A zeroed blob (dir -1) at the end of the image's list. */
struct new_blob *new_image_blob(struct new_image *image);
void new_image_document(struct new_image *image, const char *name, const struct digest *document);
/** A name that the commit took from another image. */
struct moved_name {
	char *name;
	struct digest from;
};
struct moved_names {
	struct moved_name *v;
	size_t count;
};
void moved_names_free(struct moved_names *moved);
/**
 * Puts layers and configurations in place and makes the images visible, all in one transaction. The
 * staged layers must be on disk (synced).
 */
int commit_images(struct store *store, int staging, struct new_image *images, size_t n,
	struct moved_names *moved, struct err **err);

/* names.c */
/** Points @name at @image in the running transaction; *from as store_image_tag(). A name that was another image's has no
 * document now. */
int name_set(struct store *store, const char *name, const struct digest *image, struct digest *from,
	struct err **err);
/** The document that @name leads to, if it is @image's. */
int name_set_document(struct store *store, const char *name, const struct digest *image,
	const struct digest *document, struct err **err);
/** All names (tags, then digests) of an image, as full strings. */
int names_of(struct store *store, const struct digest *image, char ***tags, char ***digests,
	struct err **err);

/** Makes full names what people write. */
void names_familiar(char **names);

/* image.c */
/** One image by id; NULL with ERR_NOT_FOUND worded for @ref. */
struct store_image *image_read(
	struct store *store, const struct digest *id, const char *ref, struct err **err);
/** *document as in struct store_image; may be NULL. */
int image_resolve(struct store *store, const char *ref, struct digest *id, struct digest *document,
	struct err **err);

/* list.c */
/** Labels as the images table has them: a JSON object. */
char *labels_text(const struct oci_pairs *labels);

/* snapshot.c */
/** 0, or -1 with ERR_NOT_FOUND. */
int snapshot_exists(struct store *store, const char *id, struct err **err);
/** Exact mode, whatever the umask; one that exists is taken. */
int folder_make_exact(int dir, const char *name, mode_t mode, struct err **err);

/* transfer.c */
/** Bytes that may be written at @dir: a little less than there is room for. */
int transfer_room(int dir, uint64_t *out, struct err **err);
/** One record, with a descriptor if @fd is one. */
int transfer_send(int sock, const struct transfer_message *m, int fd, struct err **err);
/** One TREE for each of them. */
int transfer_send_trees(int sock, const int *trees, size_t n, struct err **err);
/** Starts the program for the folder @dir, and asks for @mode; @input may be -1. */
int transfer_start(struct store *store, enum transfer_mode mode, int input, int dir, int *sock,
	pid_t *pid, struct err **err);
/** Ends it: all has been said. -1 and why it ended, unless it was @done. */
int transfer_stop(pid_t pid, bool done, struct err **err);
struct item {
	enum item_kind { ITEM_DOC, ITEM_LAYER, ITEM_LINK } kind;
	char *name;
	char *text; /* LINK: target; LAYER: why it cannot be used, or NULL */
	uint32_t index;
	struct digest blob, diff_id;
	uint64_t size, blob_size, tar_size, recipe_size;
	bool staged, opaque;
	bool kept; /* LAYER: as it came it is the file "blob.<index>" */
	char compression[8]; /* LAYER */
};
/** What came of one run of kist-transfer. */
struct transfer {
	struct store *store;
	char folder[STAGING_NAME];
	int dir;
	struct item *items;
	size_t count;
	struct digest *pinned;
	size_t pinned_count;
};
/** Runs the program over @fd to its end. transfer_end() in any case. */
int transfer_run(struct store *store, enum transfer_mode mode, int fd, store_progress_fn *progress,
	void *arg, struct transfer *out, struct err **err);
void transfer_end(struct transfer *t);
/** Copies layers (mounts, top first), merged, to the folder "root" in the staging folder @dir; synced. */
int transfer_copy(struct store *store, int dir, const int *layers, size_t n, struct err **err);

/* archive.c */
/** Finds the images for @want (NULL: this machine) in what was transferred, and checks them. */
int archive_images(struct transfer *t, const struct oci_platform *want, struct new_image **out,
	size_t *count, struct err **err);
/** What @it says of an unpacked layer, and where it lies. */
void staged_layer_take(struct staged_layer *layer, const struct item *it);

#endif
