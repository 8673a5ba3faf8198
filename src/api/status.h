/* Kinds of errors as HTTP status codes: the one place that knows. */
#ifndef KIST_API_STATUS_H
#define KIST_API_STATUS_H

#include "base/err.h"

int status_of(enum err_kind kind);

#endif
