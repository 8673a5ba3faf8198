/* The two formats of archives, and how members of one are found; between archive*.c. */
#ifndef KIST_STORE_ARCHIVE_H
#define KIST_STORE_ARCHIVE_H

#include "oci/platform.h"
#include "store_private.h"

/** Images being collected. */
struct collect {
	struct transfer *t;
	const struct oci_platform *want; /* NULL: what this machine runs */
	struct new_image *v;
	size_t count;
};

/** A member by name, links followed; NULL if there is none of that kind. */
const struct item *archive_member(struct transfer *t, const char *name, enum item_kind kind);
/** Content of a document, checked against the digest that kist-transfer told. */
int archive_doc(struct transfer *t, const char *name, struct buf *out, struct err **err);
/** A zeroed image at the end of the list. */
struct new_image *archive_add(struct collect *c);
/** Parses and checks image->json, and makes room for its layers. */
int archive_config(struct new_image *image, struct err **err);
/** Takes @name, a member, as layer @i of @image; verifies its diffID. */
int archive_layer(
	struct collect *c, struct new_image *image, size_t i, const char *name, struct err **err);
/** "blobs/sha256/<hex>": the name is a promise; ERR_INVALID if @actual does not keep it. */
int archive_check_name(const char *name, const struct digest *actual, struct err **err);

/** manifest.json (docker save), index.json (OCI layout). */
int archive_docker(struct collect *c, struct err **err);
int archive_oci(struct collect *c, struct err **err);

#endif
