#ifndef KIST_ENGINE_ATTACH_H
#define KIST_ENGINE_ATTACH_H

#include "core.h"

/** "ctrl-p,ctrl-q" as bytes, owned; NULL or "" gives that default. ERR_INVALID "Invalid detach keys (x)
 * provided". */
char *detach_keys(const char *text, struct err **err);

#endif
