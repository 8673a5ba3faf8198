/*
 * What an image came with, for those who want to see its other platforms: every manifest that its indexes list, here or not
 * (Docker's ImageManifestSummary, Engine API 1.47).
 */
#ifndef KIST_STORE_MANIFESTS_H
#define KIST_STORE_MANIFESTS_H

#include "store/content.h"
#include "store/store.h"

enum store_manifest_kind {
	STORE_MANIFEST_UNKNOWN, /* what it is cannot be told from what is here */
	STORE_MANIFEST_IMAGE,
	STORE_MANIFEST_ATTESTATION, /* BuildKit's, for another manifest of the index */
};

struct store_manifest {
	struct oci_descriptor *descriptor; /* as its index has it, else made from what is known */
	enum store_manifest_kind kind;
	bool available; /* it is here with all that it names */
	int64_t content; /* bytes of it, its configuration and layers in content/ */
	/* IMAGE: */
	struct digest image; /* its id, if it is here; else "" */
	int64_t unpacked; /* bytes of its layers, unpacked */
	struct oci_platform platform; /* the descriptor's, else the configuration's */
	char *os_version; /* or NULL */
	char **containers; /* ids of those made from it: for the engine to fill */
	/* ATTESTATION: */
	char *subject; /* digest of the manifest that it is about */
};

struct store_manifests {
	struct oci_descriptor
		*target; /* what the image's name stands for; NULL: it came with no manifest */
	struct store_manifest *v; /* in the indexes' order, each once */
	size_t count;
};
void store_manifests_free(struct store_manifests *m);
#define auto_store_manifests __attribute__((cleanup(store_manifests_free))) struct store_manifests

/** Reads the documents; at most STORE_MANIFESTS_MAX manifests, the others are left out. ERR_NOT_FOUND if there is no such image. */
int store_image_manifests(struct store *store, const struct digest *image,
	struct store_manifests *out, struct err **err);
#define STORE_MANIFESTS_MAX 1024

/** A document that may stand for an image. */
struct store_choice {
	const struct store_blob *blob; /* one of those given; manifest or index, present */
	const struct store_choice *in; /* the index by which the name leads to it; NULL: none */
	/* a manifest of plain tars that nothing but an archive is known to have had: made by a `save`, for which it was the
	 * way to write the image, not what somebody published */
	bool makeshift;
};
struct store_choices {
	struct store_choice *v; /* free() */
	size_t count;
};
/**
 * Which of an image's documents may stand for it under a name, best first: what the name came with; if that is an index,
 * the indexes in it, then the manifests in it; then the image's other manifests, those with a compressed layer before
 * those of plain tars, newest first. No name leads to an index that it did not come with.
 * @document: what the name came with, as struct store_image has it; "" if with none. @blobs: all of the image
 * (store_image_blobs()), which outlive @out. An index that cannot be read leads to nothing.
 */
void store_choose(struct store *store, const struct store_image *image,
	const struct digest *document, const struct store_blob_list *blobs,
	struct store_choices *out);

/**
 * Which of an image's blobs (store_image_blobs()) an index among them lists; what none does is what a name stood for.
 * list->count flags, for free(). Each index is read once; one that cannot be read lists nothing.
 */
bool *store_blobs_listed(struct store *store, const struct store_blob_list *list);

#endif
