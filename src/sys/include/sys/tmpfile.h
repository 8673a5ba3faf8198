/* A file without a name. */
#ifndef KIST_SYS_TMPFILE_H
#define KIST_SYS_TMPFILE_H

/**
 * A new file on the file system of the folder @dir, for reading and writing and with @flags (O_APPEND), mode 0600, close-on-exec.
 * Where O_TMPFILE is not to be had (NFS, overlayfs of Linux 6.1) it has a name, ".spool.N", for a moment; kill -9 then leaves it.
 * -1 with errno.
 */
int tmpfile_open(int dir, int flags);

#endif
