/* --platform OS[/ARCH[/VARIANT]] as the API wants it. */
#ifndef KIST_CLI_PLATFORM_H
#define KIST_CLI_PLATFORM_H

#include "base/buf.h"
#include "base/err.h"

/** Check of a flag. "linux/arm64/v8", "arm64", "linux": one to three parts of letters, digits, '_', '.' and '-'. */
int check_platform(const char *value, struct err **err);
/** Appends @name={"os": ..., "architecture": ...} to a target; what @value leaves out is this machine's. NULL: nothing. */
void url_add_platform(struct buf *target, const char *name, const char *value);

#endif
