/* The sockets that the daemon listens on. */
#ifndef KIST_KISTD_LISTEN_H
#define KIST_KISTD_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct listening {
	int fd;
	bool tcp;
	char *path; /* of a unix socket that we made: to be removed at the end; else NULL */
};

struct listenings {
	struct listening *v;
	size_t n;
};

/**
 * Opens every host: unix://PATH, fd:// (what the service manager handed over), tcp://ADDRESS:PORT.
 * @group owns unix sockets; NULL: "kist", if there is one. ERR_INVALID names the host.
 */
int listen_open(
	struct listenings *out, char *const *hosts, const char *group, bool tls, struct err **err);
/** Closes what was not taken (fd -1) and removes our unix sockets. */
void listen_close(struct listenings *l);

#endif
