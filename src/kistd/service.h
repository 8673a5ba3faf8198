/* Being a service: pid file, the service manager's notification, limits. */
#ifndef KIST_KISTD_SERVICE_H
#define KIST_KISTD_SERVICE_H

#include "base/err.h"

/** ERR_CONFLICT if the file names a process that lives. */
int pidfile_write(const char *path, struct err **err);
/** sd_notify(3) without libsystemd: @state as "READY=1"; nothing if nobody listens. */
void service_notify(const char *state);
/** Raises the soft limit of descriptors to the hard one; returns what it was. */
unsigned long service_raise_nofile(void);

#endif
