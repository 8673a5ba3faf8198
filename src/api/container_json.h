/* What lists and inspections of containers have in common. */
#ifndef KIST_API_CONTAINER_JSON_H
#define KIST_API_CONTAINER_JSON_H

#include "base/jsonw.h"
#include "engine/container.h"

void write_mounts(struct jsonw *w, const struct container_doc *doc);
/** "Networks": {name: EndpointSettings}. */
void write_networks(struct jsonw *w, const struct container_network *net, unsigned api);

/** A container in a list. */
void container_summary_write(struct jsonw *w, const struct container_snapshot *c, unsigned api);

#endif
