/* --filter key=value to the API's filters parameter. */
#ifndef KIST_CLI_FILTER_H
#define KIST_CLI_FILTER_H

#include <jansson.h>

#include "base/err.h"

int check_filter(const char *value, struct err **err);
/** {"key": {"value": true}} as text for the query, NULL if there are no filters; for free(). */
char *filter_text(char *const *values);

#endif
