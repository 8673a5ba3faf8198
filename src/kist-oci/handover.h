/* What the caller hands to a container, and what is handed back over the callers' sockets. */
#ifndef KIST_OCI_HANDOVER_H
#define KIST_OCI_HANDOVER_H

#include <stddef.h>

#include "base/err.h"
#include "oci/config.h"

/** Sockets that systemd passed to us (sd_listen_fds(3)): $LISTEN_FDS if $LISTEN_PID is our own. */
int listen_fds(void);
/** Tells the container's process of its @count sockets: LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES. */
void listen_env(struct oci_process *process, int count);

/** Descriptors 3.. that the caller hands on: @listen sockets and @extra more. Owned array; -1 if one is not
 * open. */
int preserved_fds(int listen, int extra, int **fds, size_t *count, struct err **err);

/** Connects to --pidfd-socket: the descriptor, or -1 with *err. */
int pidfd_connect(const char *path, struct err **err);
/** Sends @pidfd with the word that runc sends: "standard" for a container's init, "setns" for an exec. */
int pidfd_send(int sock, const char *kind, int pidfd, struct err **err);

#endif
