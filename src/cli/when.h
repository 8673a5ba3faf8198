/* --since and --until. */
#ifndef KIST_CLI_WHEN_H
#define KIST_CLI_WHEN_H

#include "cli.h"

/** Adds a point in time ("42m" ago, a date, seconds) as "seconds.nanoseconds"; NULL adds nothing. */
int url_add_when(struct buf *target, const char *name, const char *value, struct err **err);

#endif
