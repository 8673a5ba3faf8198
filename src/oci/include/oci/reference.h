/*
 * Image references as Docker reads them: "[domain/]path[:tag][@digest]" (the grammar of
 * distribution/reference), with familiar names: "busybox" is docker.io/library/busybox:latest.
 */
#ifndef KIST_OCI_REFERENCE_H
#define KIST_OCI_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/err.h"

#define REFERENCE_NAME_MAX 255 /* bytes of domain and path together */
#define REFERENCE_TAG_MAX 128

/** Owned strings; reference_free() frees what is inside and zeroes. */
struct reference {
	char *domain; /* "docker.io", "localhost:5000" */
	char *path; /* "library/busybox" */
	char *tag; /* NULL: none given */
	bool has_digest;
	struct digest digest;
};

void reference_free(struct reference *ref);
#define auto_reference __attribute__((cleanup(reference_free))) struct reference

/**
 * Parses and normalises a name, as ParseNormalizedNamed does. ERR_INVALID with docker's words:
 * "invalid reference format", "invalid reference format: repository name (library/Foo) must be
 * lowercase", "repository name must not be more than 255 characters", and for 64 hex digits "invalid
 * repository name (<hex>), cannot specify 64-byte hexadecimal strings". ERR_NOT_IMPLEMENTED for a digest of another
 * algorithm (base/digest.h). No tag is added.
 */
int reference_parse(const char *text, struct reference *out, struct err **err);
/** Sets the tag "latest" if there is neither tag nor digest. */
void reference_default_tag(struct reference *ref);
/** Copies without tag and digest. */
void reference_copy_name(struct reference *to, const struct reference *from);
/** True if @tag alone is a valid tag. */
bool reference_tag_valid(const char *tag);

/* New strings. "docker.io/library/busybox"; "docker.io/library/busybox:latest"; "busybox";
 * "busybox:latest" and "busybox@sha256:...". A reference with tag and digest prints both. */
char *reference_name(const struct reference *ref);
char *reference_string(const struct reference *ref);
char *reference_familiar_name(const struct reference *ref);
char *reference_familiar_string(const struct reference *ref);

/** A name, or something that can only be an id. */
enum reference_kind { REFERENCE_NAMED, REFERENCE_ID };
/**
 * As ParseAnyReference: 64 hex digits or "sha256:<64 hex>" is REFERENCE_ID (out->digest set), all
 * else is parsed as a name. A short id is a valid name, too: look the name up first, then the id.
 */
int reference_parse_any(
	const char *text, struct reference *out, enum reference_kind *kind, struct err **err);

/** reference=PATTERN of `docker images`: Go's path.Match against the familiar name and the familiar
 * string. ERR_INVALID for a malformed pattern. Returns 1, 0 or -1. */
int reference_match(const char *pattern, const struct reference *ref, struct err **err);

#endif
