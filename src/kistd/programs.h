/* Where the other programs of kist and its data are. */
#ifndef KIST_KISTD_PROGRAMS_H
#define KIST_KISTD_PROGRAMS_H

#include "base/err.h"

/**
 * The path of a helper program: beside our own file (the build tree), below the prefix that our own
 * file lies in (an installed tree may have been moved), or where it was to be installed.
 * ERR_NOT_FOUND says where it was looked for. Owned.
 */
char *program_find(const char *name, struct err **err);
/** The same for a data file ("seccomp.json"). */
char *data_find(const char *name, struct err **err);

#endif
