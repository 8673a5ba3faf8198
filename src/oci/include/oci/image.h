/*
 * The documents of the OCI image specification (1.1) and Docker's dialect of them as C structs:
 * image configuration, manifest, index, descriptor. Parse, validate, emit, free.
 *
 * Plain data, owned throughout by the outermost struct. Absent strings are NULL, absent lists are
 * NULL or have count 0. Everything parsed here comes from strangers: documents are bounded in size
 * (OCI_DOCUMENT_MAX) and in the counts of what they hold.
 */
#ifndef KIST_OCI_IMAGE_H
#define KIST_OCI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "oci/config.h" /* struct oci_pairs */

#define OCI_DOCUMENT_MAX (4u << 20) /* bytes of a config, manifest or index */
#define OCI_INDEX_DEPTH_MAX 5 /* indexes between a name and its manifest, one in the other */
#define OCI_LAYER_MAX 127 /* layers that one image may have */
#define OCI_IMAGE_LIST_MAX 8192 /* entries of Env, Labels and the like in an image's config */

#define OCI_TYPE_INDEX "application/vnd.oci.image.index.v1+json"
#define OCI_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define DOCKER_TYPE_LIST "application/vnd.docker.distribution.manifest.list.v2+json"
#define DOCKER_TYPE_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define DOCKER_TYPE_CONFIG "application/vnd.docker.container.image.v1+json"

/** Docker's Healthcheck; times in nanoseconds, 0: inherit the default. */
struct oci_healthcheck {
	char **test; /* {"NONE"}, {"CMD", ...} or {"CMD-SHELL", "..."} */
	int64_t interval, timeout, start_period, start_interval;
	int64_t retries;
};

/** The "config" object: what a container inherits (image-spec config.md, and Docker's additions). */
struct oci_image_config {
	char *user;
	char **exposed_ports; /* "80/tcp", sorted */
	char **env;
	char **entrypoint; /* NULL and {} (an empty vector) differ */
	char **cmd;
	char **volumes; /* paths, sorted */
	char *working_dir;
	struct oci_pairs labels;
	char *stop_signal;
	bool has_stop_timeout;
	int64_t stop_timeout;
	char **shell;
	char **on_build;
	bool args_escaped;
	struct oci_healthcheck *healthcheck; /* NULL: none */
};

struct oci_history {
	int64_t created; /* UTC nanoseconds, 0: not given */
	char *author, *created_by, *comment;
	bool empty_layer;
};

struct oci_image {
	int64_t created; /* UTC nanoseconds, 0: not given */
	char *author, *comment, *docker_version;
	char *architecture, *os, *variant, *os_version;
	struct oci_image_config config;
	struct digest *diff_ids; /* bottom first */
	size_t diff_id_count;
	struct oci_history *history;
	size_t history_count;
};

struct oci_image *oci_image_new(void);
void oci_image_free(struct oci_image *image);
static inline void oci_image_freep(struct oci_image **i)
{
	oci_image_free(*i);
	*i = 0;
}
#define auto_oci_image __attribute__((cleanup(oci_image_freep))) struct oci_image

/**
 * Parses and validates an image configuration. ERR_INVALID names the field. rootfs.type must be
 * "layers" with at most OCI_LAYER_MAX diff_ids. History that counts more layers than there are is
 * let through: what is here already has to be read.
 */
int oci_image_parse(struct oci_image **out, const void *json, size_t n, struct err **err);
/** Of an image that comes: has its history no more layers than it has? ERR_INVALID in dockerd's words. */
int oci_image_check_history(const struct oci_image *image, struct err **err);
/** The document, compact, appended to @out; what was parsed but is not in the struct is not there. */
void oci_image_emit(const struct oci_image *image, struct buf *out);

void oci_image_config_clear(struct oci_image_config *config);
void oci_image_config_copy(struct oci_image_config *to, const struct oci_image_config *from);

/**
 * Applies one Dockerfile instruction to a configuration, as `docker import --change` and `commit
 * --change` do: CMD ENTRYPOINT ENV EXPOSE LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR HEALTHCHECK.
 * ERR_INVALID with docker's words for anything else.
 */
int oci_image_config_change(
	struct oci_image_config *config, const char *instruction, struct err **err);

/** Several, as one Dockerfile; @changes may be NULL. An ENTRYPOINT takes the CMD away unless one came before it. */
int oci_image_config_changes(
	struct oci_image_config *config, char *const *changes, struct err **err);

struct oci_descriptor {
	char *media_type;
	struct digest digest;
	int64_t size;
	struct oci_pairs annotations;
	char *artifact_type;
	bool has_platform;
	char *os, *architecture, *variant, *os_version;
	char **urls;
};

struct oci_descriptor *oci_descriptor_copy(const struct oci_descriptor *d);
void oci_descriptor_free(struct oci_descriptor *d);

struct oci_manifest {
	char *media_type; /* may be NULL in OCI documents */
	struct oci_descriptor config;
	struct oci_descriptor *layers;
	size_t layer_count;
	struct oci_pairs annotations;
	char *artifact_type;
};

struct oci_index {
	char *media_type;
	struct oci_descriptor *manifests;
	size_t manifest_count;
	struct oci_pairs annotations;
};

/**
 * A document is either a manifest or an index, and its mediaType must fit its fields
 * (CVE-2021-41190): one that has "manifests" beside "config" or "layers" is refused.
 */
int oci_manifest_parse(struct oci_manifest **out, const void *json, size_t n, struct err **err);
void oci_manifest_free(struct oci_manifest *manifest);
int oci_index_parse(struct oci_index **out, const void *json, size_t n, struct err **err);
void oci_index_free(struct oci_index *index);
/** The first entry for @digest; NULL: it lists none. */
const struct oci_descriptor *oci_index_find(
	const struct oci_index *index, const struct digest *digest);
/** False for artifacts (a signature, a chart, an attestation), which are manifests as well. */
bool oci_manifest_is_image(const struct oci_manifest *manifest);
/** True if no layer is compressed: each blob is the tar that @config names. */
bool oci_manifest_is_plain(const struct oci_manifest *manifest, const struct oci_image *config);
static inline void oci_manifest_freep(struct oci_manifest **m)
{
	oci_manifest_free(*m);
	*m = 0;
}
static inline void oci_index_freep(struct oci_index **i)
{
	oci_index_free(*i);
	*i = 0;
}
#define auto_oci_manifest __attribute__((cleanup(oci_manifest_freep))) struct oci_manifest
#define auto_oci_index __attribute__((cleanup(oci_index_freep))) struct oci_index

/** True for the media types of an index (list), of a manifest. */
bool oci_type_is_index(const char *media_type);
bool oci_type_is_manifest(const char *media_type);
/** Value of a key, or NULL. */
const char *oci_pairs_get(const struct oci_pairs *pairs, const char *key);

#endif
