/* A volume in Docker's JSON. */
#ifndef KIST_API_VOLUME_JSON_H
#define KIST_API_VOLUME_JSON_H

#include "base/jsonw.h"
#include "engine/volume.h"

/** With UsageData if its size is known. */
void volume_write(struct jsonw *w, const struct volume_info *v);

#endif
