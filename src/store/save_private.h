/* What the files of save share. */
#ifndef KIST_STORE_SAVE_PRIVATE_H
#define KIST_STORE_SAVE_PRIVATE_H

#include "store/content.h"
#include "store/save.h"
#include "store_private.h"

/** One member of the archive below blobs/sha256/. */
struct save_blob {
	struct digest digest;
	int64_t size;
	enum {
		SAVE_BYTES,
		SAVE_CONTENT,
		SAVE_LAYER
	} kind; /* in memory; in content/; written from its recipe */
	struct buf bytes;
};

/** What index.json says of an image under one of its names. */
struct save_entry {
	struct digest document; /* what the name came with, as in struct store_image */
	struct digest target; /* manifest or index that stands for the image */
	int64_t size;
	char *media_type;
};

/** An image and the names that it is saved under. */
struct save_image {
	struct store_image *image;
	char **names; /* full: "docker.io/library/busybox:latest" */
	struct save_entry
		*entries; /* one for each name, in that order; a single one if there are none */
	size_t entry_count;
};

struct store_save {
	struct store *store;
	enum store_save_form form;
	struct store_lease *lease;
	struct save_image *images;
	size_t count;
	struct digest *ids; /* of the images */
	struct save_blob *blobs; /* sorted once all are there; each digest once */
	size_t blob_count;
};

/* save_names.c */
void save_entry_add(struct save_image *image, const struct digest *document);
/** Finds what @refs name; each image once. */
int save_find(struct store_save *s, char *const *refs, const struct oci_platform *platform,
	struct err **err);

/* save_tar.c */
struct save_tar {
	int out;
	struct layer_packer *packer; /* NULL until a layer needs it */
};
int save_tar_folder(struct save_tar *t, const char *name, struct err **err);
int save_tar_file(struct save_tar *t, const char *name, const void *p, size_t n, struct err **err);
int save_tar_blob(
	struct save_tar *t, struct store *store, const struct save_blob *b, struct err **err);
int save_tar_end(struct save_tar *t, struct err **err);

#endif
