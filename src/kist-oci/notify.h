/*
 * sd_notify(3) across a container's border: the container has a socket of its own at /run/notify/notify.sock,
 * and what it says there is told to the $NOTIFY_SOCKET that we were started with. Systemd would not listen to
 * the container's processes, and their numbers mean something else to it.
 *
 * The socket lies in the container's entry below --root. "run" listens from before the container's start to
 * its end, or if detached until it is ready; "start" listens until it is ready or has ended, as runc does.
 */
#ifndef KIST_OCI_NOTIFY_H
#define KIST_OCI_NOTIFY_H

#include <sys/types.h>

#include "base/err.h"
#include "oci/config.h"

struct notify {
	int sock; /* the container's; -1: nobody asked for it */
	const char *host; /* $NOTIFY_SOCKET */
	pid_t pid; /* the container's init, for MAINPID */
	bool ready; /* the container has said so */
};
#define NOTIFY_INIT                                                                                \
	{                                                                                          \
		.sock = -1                                                                         \
	}

/** Puts the mount and the variable into @config if there is a $NOTIFY_SOCKET. @folder: the container's entry,
 * absolute. Returns whether there is. */
bool notify_configure(struct oci_config *config, const char *folder);
/** Makes the folder that is mounted, below @dir, the container's entry. */
int notify_make(int dir, struct err **err);
/** Starts to listen, if there is a $NOTIFY_SOCKET and create has known of one. */
int notify_listen(struct notify *n, int dir, struct err **err);
/** Takes what is there from n->sock and tells it on. Never blocks. */
void notify_forward(struct notify *n);
/** Forwards until the container is ready or @pidfd has ended. */
void notify_wait(struct notify *n, int pidfd);
void notify_close(struct notify *n);

#endif
