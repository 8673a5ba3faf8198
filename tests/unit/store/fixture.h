/* A store in a folder of its own, and archives for it. */
#ifndef KIST_TESTS_STORE_FIXTURE_H
#define KIST_TESTS_STORE_FIXTURE_H

#include "base/buf.h"
#include "store/store.h"
#include "tarmake.h"

struct fixture {
	char *base; /* removed at the end */
	char *root; /* the data root */
	struct store *store;
	struct buf said; /* texts of the last load */
};

/** cmocka set-up and tear-down; the state is a struct fixture. Skips nothing: tests call need_root(). */
int fixture_setup(void **state);
int fixture_teardown(void **state);
/** Closes and opens the store, as a daemon that starts again. */
void fixture_reopen(struct fixture *f);
/** The storage driver that the tests run with: KIST_TEST_DRIVER, or overlay2. */
const char *test_driver(void);
/** skip() without root. */
void need_root(void);

/** One image to be put into an archive. */
struct test_image {
	struct buf *layers; /* uncompressed tars */
	size_t count;
	const char *tag; /* or NULL */
	const char *created;
	const char *config; /* content of "config", or NULL */
	bool compressed; /* OCI: layers with gzip; docker: the same */
	/* faults */
	bool wrong_diff_id; /* of the last layer */
	size_t extra_history; /* entries of layers that are not there */
	int extra_layers; /* in the manifest only */
	const char *claim; /* OCI: digest that the manifest gives all layers, which are left out */
};
/** A docker save archive (old layout: N/layer.tar) or an OCI layout, appended whole to @out. */
void make_docker_archive(struct buf *out, const struct test_image *images, size_t n);
void make_oci_archive(struct buf *out, const struct test_image *image);
/** What docker 25 and later write: an OCI layout with a manifest.json that names @tag. */
void make_both_forms(struct buf *out, const struct test_image *image, const char *tag);
/** A layer with one file. */
void make_layer(struct buf *out, const char *name, const char *data);

/** Loads from memory; 0 or -1. *err as store_load(). */
int load(struct fixture *f, const struct buf *archive, struct err **err);
/** Loads an image "t:1" with a compressed layer, whose file "file" has @content; *layer is its diffID. */
struct digest load_compressed(struct fixture *f, const char *content, struct digest *layer);
/** Loads one layer as an image named "t" and returns its folder below the data root (owned). */
char *load_layer_folder(struct fixture *f, const struct buf *layer, struct err **err);
/** The same, expecting a refusal that says @needle. Nothing may be left. */
void refuse_layer(struct fixture *f, const struct buf *layer, const char *needle);
/** Number of entries in a folder of the data root. */
size_t entries_of(struct fixture *f, const char *folder);
/** No images, layers, blobs, nothing staged. */
void expect_empty(struct fixture *f);

#endif
