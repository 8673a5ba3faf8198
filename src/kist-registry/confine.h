/* What the program gives up before it hears the first byte from the network (confine.c). */
#ifndef KIST_REGISTRY_CONFINE_H
#define KIST_REGISTRY_CONFINE_H

#include "base/err.h"

/** After the files that are needed have been opened. One thread only. */
int confine(struct err **err);

#endif
