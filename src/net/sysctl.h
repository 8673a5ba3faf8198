/* Kernel settings below /proc/sys/net, of the calling thread's network namespace. */
#ifndef KIST_NET_SYSCTL_H
#define KIST_NET_SYSCTL_H

#include "base/err.h"

/** Writes net/<family>/conf/<ifname>/<key>. A family that the kernel does not have is success. */
int sysctl_if_set(const char *family, const char *ifname, const char *key, const char *value,
	struct err **err);
/** Writes net/ipv4/<key> unless it already reads @value (the file may be read-only then). */
int sysctl_ipv4_set(const char *key, const char *value, struct err **err);

#endif
