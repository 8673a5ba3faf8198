/* Environment variables and labels from flags and files, by docker's rules. */
#ifndef KIST_CLI_ENV_H
#define KIST_CLI_ENV_H

#include "base/err.h"

/** Files first, then single values; NAME alone takes the value from this process's environment. */
int env_collect(char *const *files, char *const *values, char ***out, struct err **err);
/** Same for labels: no look-up in the environment. */
int label_collect(char *const *files, char *const *values, char ***out, struct err **err);

#endif
