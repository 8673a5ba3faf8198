/* What a name stands for at its registry: indexes perhaps, a manifest, its configuration. Private to the engine. */
#ifndef KIST_ENGINE_DOCUMENTS_H
#define KIST_ENGINE_DOCUMENTS_H

#include "oci/image.h"
#include "oci/platform.h"
#include "registry/registry.h"
#include "store/content.h"

struct documents {
	struct registry_manifest indexes[OCI_INDEX_DEPTH_MAX]; /* the outermost first */
	size_t index_count;
	struct registry_manifest
		manifest; /* documents_get(): what the name stands for, an index perhaps */
	struct buf config;
};
void documents_free(struct documents *d);
#define auto_documents __attribute__((cleanup(documents_free))) struct documents

/**
 * Goes from @d->manifest, which was fetched, to the image for @want (NULL: this machine): through indexes, and those in
 * them, as containerd does, but where one leads to nothing, the next that may is looked at. A configuration that is in
 * @store is not asked for again. Blocks. ERR_NOT_FOUND if there is no image for the platform, ERR_TOO_LARGE where
 * indexes lie deeper than OCI_INDEX_DEPTH_MAX or lead to too much.
 */
int documents_get(struct documents *d, struct registry_session *s, struct store *store,
	const struct oci_platform *want, struct err **err);

/** True if @image, whose blobs @list has, is what documents_get() would come to from @digest, going by what is here. */
bool documents_lead_to(struct store *store, const struct digest *digest,
	const struct oci_platform *want, const struct store_image *image,
	const struct store_blob_list *list);

#endif
