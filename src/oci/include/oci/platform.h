/*
 * Platforms: "linux/arm64/v8", what this machine runs, and the choice of one manifest from an index
 * as containerd makes it (containerd's platforms: Normalize, Only): the platform itself, then what
 * its processor runs besides, the nearest first.
 */
#ifndef KIST_OCI_PLATFORM_H
#define KIST_OCI_PLATFORM_H

#include "oci/image.h"

#define OCI_PLATFORM_PART_MAX 32

/** Go's names ("amd64", not "x86_64"); plain data. */
struct oci_platform {
	char os[OCI_PLATFORM_PART_MAX];
	char architecture[OCI_PLATFORM_PART_MAX];
	/* "": none, or the usual one (v7 of arm, v8 of arm64) */
	char variant[OCI_PLATFORM_PART_MAX];
};

/**
 * "linux/arm/v7", "linux/amd64", or one part alone ("arm64", "linux"): what is missing is this
 * machine's. ERR_INVALID with containerd's words for anything else.
 */
int oci_platform_parse(const char *text, struct oci_platform *out, struct err **err);
/** This machine's. On 32-bit arm the variant is the processor's, at most v7, as containerd finds it in /proc/cpuinfo. */
void oci_platform_host(struct oci_platform *out);
/** The variant of arm for what the kernel calls the processor (AT_PLATFORM, "v7l"); NULL if it says nothing of use. */
const char *oci_platform_arm(const char *kernels);
/** From three fields that may be NULL or empty (then they stay empty), or too long (then they fit
 * nothing); other spellings become Go's. */
void oci_platform_make(
	struct oci_platform *out, const char *os, const char *architecture, const char *variant);
/** "linux/arm/v7", new. */
char *oci_platform_format(const struct oci_platform *p);

/**
 * How well an image for @have runs where @want is asked for (NULL: on this machine): -1 not at all,
 * more is better. Empty fields of @have fit anything, but worse than what says so; no variant is the usual one. On this machine
 * amd64 takes the plain variant, then 386; v2 to v4 only where they are asked for, whatever the processor is, as containerd.
 */
int oci_platform_score(const struct oci_platform *want, const struct oci_platform *have);
/** The same for an index's entry: what its platform says; 0 if it tells none, for it may be for any. */
int oci_descriptor_score(const struct oci_platform *want, const struct oci_descriptor *d);

/**
 * The entries of @index, manifests and indexes, that may lead to an image for @want (NULL: this machine), in the
 * order in which containerd would look at them: those whose platform fits, the best first, then those that
 * tell none (what they are for is known from the configuration, or from the index that they name). New, ends
 * with NULL; what it points to is @index's.
 */
const struct oci_descriptor **oci_index_candidates(
	const struct oci_index *index, const struct oci_platform *want);
/** Fails with ERR_NOT_FOUND "no matching manifest for linux/s390x in the manifest list entries". */
int oci_index_no_match(const struct oci_platform *want, struct err **err);

#endif
