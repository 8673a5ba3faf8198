/*
 * What refers to what: manifests and indexes with a "subject" (image-spec 1.1 manifest.md, image-index.md), and the lists of
 * them that clients keep under a tag where a registry keeps none (distribution-spec 1.1 "Referrers Tag Schema").
 *
 * Pure. Both kinds of documents come from strangers, and are bounded as all of oci/image.h.
 */
#ifndef KIST_OCI_REFERRER_H
#define KIST_OCI_REFERRER_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "oci/image.h"

/** Owned. */
struct oci_referrer {
	char *subject; /* digest of what it is about, of any algorithm */
	char *tag; /* what the list of all that refer to the subject is called: "sha256-<hex>" */
	/* its own entry there: media type, digest, size; annotations as it has them; artifactType, for a manifest
	 * without one the media type of its config (NULL: neither) */
	struct oci_descriptor *self;
};
void oci_referrer_free(struct oci_referrer *r);
static inline void oci_referrer_freep(struct oci_referrer **r)
{
	oci_referrer_free(*r);
	*r = 0;
}
#define auto_oci_referrer __attribute__((cleanup(oci_referrer_freep))) struct oci_referrer

/** Reads a manifest or index of @media_type. 1 and *out; 0 if it has no subject; -1, ERR_INVALID, if that is no descriptor. */
int oci_referrer_parse(struct oci_referrer **out, const char *media_type, const void *json,
	size_t n, struct err **err);

/**
 * Adds @r to a list, an image index of @n bytes (@json NULL: there is none yet); whatever else is in it stays as it is.
 *
 * Returns 1 and the new list's text, appended to @out; 0 if it is listed already; -1: ERR_INVALID if this is no image
 * index, ERR_TOO_LARGE if it is more than OCI_DOCUMENT_MAX bytes, or would be.
 */
int oci_referrers_add(const void *json, size_t n, const struct oci_referrer *r, struct buf *out,
	struct err **err);

#endif
