/*
 * Descriptors: whole reads and writes, small files, atomic replacement, passing descriptors.
 * The one place that knows about EINTR. Everything opened here is CLOEXEC.
 */
#ifndef KIST_BASE_FDIO_H
#define KIST_BASE_FDIO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

/** read(2)/write(2) repeated over EINTR. Async-signal-safe. */
ssize_t fd_read(int fd, void *p, size_t n);
ssize_t fd_write(int fd, const void *p, size_t n);
/** Everything or -1 with errno; a blocking descriptor is expected (EAGAIN is waited out with poll). */
int fd_write_all(int fd, const void *p, size_t n);
/** Exactly @n bytes; -1 with errno, EPIPE at an early end. */
int fd_read_full(int fd, void *p, size_t n);

/** Whole file below @dir (AT_FDCWD allowed) into @out; ERR_TOO_LARGE beyond @max bytes. Follows no
 * symlink in the last component. */
int file_read(int dir, const char *name, size_t max, struct buf *out, struct err **err);
/** The same for a path that the user named: links are followed (/dev/stdin, /dev/fd/N), a pipe is waited for. */
int file_read_given(const char *path, size_t max, struct buf *out, struct err **err);
/** Same for a descriptor from its present offset. @what names it in messages. */
int fd_read_all(int fd, size_t max, struct buf *out, const char *what, struct err **err);
/** Writes an existing file (cgroup, procfs) with one write(2). */
int file_write(int dir, const char *name, const void *p, size_t n, struct err **err);
/**
 * Replaces @name below @dir: temporary file, write, fdatasync if @sync, rename. After kill -9 either
 * the old or the new content is there (and perhaps a ".tmp-*" beside it, which start-up removes).
 */
int file_replace(int dir, const char *name, const void *p, size_t n, mode_t mode, bool sync,
	struct err **err);
/** mkdir -p below @dir with @mode for each made; an existing directory is fine. */
int dir_make(int dir, const char *path, mode_t mode, struct err **err);
/** Opens a directory O_PATH-less (usable for reading and *at calls). */
int dir_open(int dir, const char *path, struct err **err);
/** Removes a tree below @dir without following symlinks or crossing mounts; absence is success. */
int tree_remove(int dir, const char *name, struct err **err);
/** The same, calling @before for each thing that is no folder before it goes; -1 with errno stops the removal. */
struct stat;
typedef int tree_file_fn(void *arg, int dir, const char *name, const struct stat *st);
int tree_remove_telling(
	int dir, const char *name, tree_file_fn *before, void *arg, struct err **err);

int fd_set_blocking(int fd, bool blocking);
int fd_set_cloexec(int fd, bool cloexec);

#define FD_PASS_MAX 16
/** One message over a SEQPACKET or STREAM unix socket with up to FD_PASS_MAX descriptors. 0, or -1
 * with errno (EAGAIN on a full non-blocking socket). SIGPIPE is suppressed. */
int fd_send(int sock, const void *p, size_t n, const int *fds, size_t nfds);
/**
 * Sends as send(2) does, with @flags; but no read at the other end of a unix socket gives any of it together with what
 * is sent later. For the HTTP answer in front of a stream: some clients (docker's Python SDK) read that through a buffer
 * and the stream from the socket below, and lose what one read gave them beyond the answer.
 */
ssize_t fd_send_apart(int sock, const void *p, size_t n, int flags);
/** Receives one message; *nfds is the room on entry and the count on return; descriptors arrive
 * CLOEXEC. Returns bytes, 0 at end, -1 with errno; EMSGSIZE if truncated (descriptors closed). */
ssize_t fd_recv(int sock, void *p, size_t n, int *fds, size_t *nfds);

/** Unix sockets at a path of any length: the folder is given as a descriptor. */
int unix_listen(int dir, const char *name, int type, mode_t mode, struct err **err);
int unix_connect(int dir, const char *name, int type, struct err **err);
/** The same where whoever listens may not take callers: neither this nor a later send takes longer than @seconds. */
int unix_connect_within(int dir, const char *name, int type, int seconds, struct err **err);

#endif
