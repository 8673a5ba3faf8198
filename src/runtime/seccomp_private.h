/* The parts of runtime/seccomp.h: compiling, the ENOSYS stub, and the cache. */
#ifndef KIST_RUNTIME_SECCOMP_PRIVATE_H
#define KIST_RUNTIME_SECCOMP_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/seccomp.h"

/** The token (SCMP_ARCH_*) of "SCMP_ARCH_X86_64"; 0 if libseccomp does not know it. */
uint32_t seccomp_arch_token(const char *name);

/**
 * Instructions that go in front of the filter: system calls newer than any that @profile names give ENOSYS
 * instead of the default action, so that a C library that tries a new call falls back as on an older
 * kernel. Nothing for profiles whose default lets calls through.
 */
void seccomp_enosys_stub(const struct oci_seccomp *profile, struct buf *bpf);

/** Everything that the filter for @profile depends on, as bytes. */
void seccomp_cache_key(const struct oci_seccomp *profile, struct buf *key);
#define SECCOMP_CACHE_NAME 17
/** The file that a filter of @key is in, if any is. */
void seccomp_cache_name(const struct buf *key, char name[SECCOMP_CACHE_NAME]);
/** 0 and @bpf filled, or -1 if the cache has nothing that can be trusted. */
int seccomp_cache_load(const char *cache, const struct buf *key, struct buf *bpf);
/** Best effort: a filter that is not kept is compiled again. Takes away what the folder has too many of. */
void seccomp_cache_store(const char *cache, const struct buf *key, const struct buf *bpf);

#endif
