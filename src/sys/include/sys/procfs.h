/*
 * The kernel's own /proc and nothing that merely looks like it.
 *
 * Writes to sysctls and security labels go through a descriptor that was opened on the host and
 * proven to be the root of a procfs (CVE-2019-16884, CVE-2019-19921, CVE-2023-27561,
 * CVE-2025-52881). In such an instance "self", sys/net and sys/kernel answer for the namespaces of
 * the caller, wherever it has gone. All return -1 with errno; safe between clone and exec.
 */
#ifndef KIST_SYS_PROCFS_H
#define KIST_SYS_PROCFS_H

#include <stdbool.h>
#include <stddef.h>

/** O_PATH descriptor of /proc; ENODEV if that is not the root of a procfs. */
int procfs_open(void);
/** Is @fd on a procfs? */
bool procfs_is(int fd);
/** Opens @path below @proc, which must stay in that very mount; only the link "self" is followed.
 */
int procfs_openat(int proc, const char *path, int flags);
/** Writes with one write(2); a short write is EIO. */
int procfs_write(int proc, const char *path, const char *data, size_t n);

#endif
