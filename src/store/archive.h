/* The two formats of archives, and how members of one are found; between archive*.c. */
#ifndef KIST_STORE_ARCHIVE_H
#define KIST_STORE_ARCHIVE_H

#include "oci/platform.h"
#include "store_private.h"

#define ARCHIVE_NAMES_MAX 16384 /* that one archive gives its images */
#define ARCHIVE_CONFIGS_MAX                                                                        \
	(16u << 20) /* bytes of the images' configurations together: they are held in memory */

/** Images being collected. */
struct collect {
	struct transfer *t;
	const struct oci_platform *want; /* NULL: what this machine runs */
	struct new_image *v;
	size_t count;
	size_t names; /* given so far */
	size_t bytes; /* of configurations read so far */
};

/** A member by name, links followed; NULL if there is none of that kind. */
const struct item *archive_member(struct transfer *t, const char *name, enum item_kind kind);
/** Content of a document, checked against the digest that kist-transfer told. */
int archive_doc(struct transfer *t, const char *name, struct buf *out, struct err **err);
/** A zeroed image at the end of the list. */
struct new_image *archive_add(struct collect *c);
/** Takes the last image off the list again. */
void archive_drop(struct collect *c);
/** One of the list by its id, or NULL. */
struct new_image *archive_known(const struct collect *c, const struct digest *id);
/** False if a platform is asked for and @image is for another. */
bool archive_is_wanted(const struct collect *c, const struct new_image *image);
/** Reads the configuration @name of @image, checks it, and makes room for its layers. */
int archive_config(struct collect *c, struct new_image *image, const char *name, struct err **err);
/** Takes @name, a member, as layer @i of @image; verifies its diffID. */
int archive_layer(
	struct collect *c, struct new_image *image, size_t i, const char *name, struct err **err);
/** "blobs/sha256/<hex>": the name is a promise; ERR_INVALID if @actual does not keep it. */
int archive_check_name(const char *name, const struct digest *actual, struct err **err);

/** index.json (OCI layout): images with their manifests and indexes. */
int archive_oci(struct collect *c, struct err **err);
/** manifest.json (docker save). An image that is in the list gets names alone; what it names is of that name
 * whatever was said before. */
int archive_docker(struct collect *c, struct err **err);

#endif
