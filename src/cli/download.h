/* What the daemon streams, into a file or to standard output. */
#ifndef KIST_CLI_DOWNLOAD_H
#define KIST_CLI_DOWNLOAD_H

#include "cli.h"

/** Before anything is asked of the daemon: can @path (NULL or "": standard output) take bytes? */
int download_check(const char *path, const char *verb, struct err **err);
/**
 * Reads @conn (api_open()) to its end. A file appears under its name when it is whole, replacing one that is there;
 * on failure nothing is left.
 */
int download(struct http *conn, const char *path, struct err **err);

#endif
