/*
 * Seccomp filters: OCI document to BPF with libseccomp (CTL_OPTIMIZE=2), cached as bytes.
 *
 * Links libseccomp: used by kistd and kist-oci, never by the monitor. The cache is a folder that only root
 * may write; a file has all that its filter depends on (document, architecture, libseccomp version), compared on load,
 * and a sum of it all; anything that does not fit is compiled anew.
 *
 * System calls newer than any that the profile names get ENOSYS, unless its default lets calls through.
 */
#ifndef KIST_RUNTIME_SECCOMP_H
#define KIST_RUNTIME_SECCOMP_H

#include "base/buf.h"
#include "base/err.h"
#include "oci/config.h"

/** Compiles @profile into @bpf (array of struct sock_filter) and *flags (SECCOMP_FILTER_FLAG_*;
 * NEW_LISTENER where a rule has SCMP_ACT_NOTIFY).
 * @cache may be NULL. System calls that libseccomp does not know are skipped. */
int seccomp_compile(const struct oci_seccomp *profile, const char *cache, struct buf *bpf,
	uint32_t *flags, struct err **err);

/** Does this libseccomp know the architecture "SCMP_ARCH_..."? */
bool seccomp_has_architecture(const char *name);

#endif
