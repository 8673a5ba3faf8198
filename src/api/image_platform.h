/* The platform that a request asks for. */
#ifndef KIST_API_IMAGE_PLATFORM_H
#define KIST_API_IMAGE_PLATFORM_H

#include "base/err.h"
#include "oci/platform.h"

/** A value of platform= or platforms=, {"os": "linux", "architecture": "arm64", "variant": "v8"} or "linux/arm64/v8": 1, or 0 for NULL
 * and "" (any platform). -1 with ERR_INVALID for anything else. */
int platform_param(const char *text, struct oci_platform *out, struct err **err);

#endif
