/* What everything costs on disk, and making room. */
#ifndef KIST_ENGINE_DISK_H
#define KIST_ENGINE_DISK_H

#include "engine/container.h"
#include "engine/image.h"
#include "engine/volume.h"

struct disk_usage_want {
	bool images, containers, volumes;
};
/** What was asked for; the rest is empty. */
struct disk_usage {
	int64_t layers_size; /* bytes of all layers, each once */
	struct store_image_list images; /* with shared sizes and containers */
	struct container_snapshot **containers; /* with sizes */
	size_t container_count;
	struct volume_info *volumes; /* with sizes */
	size_t volume_count;
};
/** Engine API 1.51 SystemDataUsage. Walks the volumes and what the containers have written. */
int engine_disk_usage(struct engine *e, const struct disk_usage_want *want, struct disk_usage *out,
	struct err **err);
void disk_usage_free(struct disk_usage *usage);

/** Names of what was removed, and the bytes that became free. */
struct pruned {
	char **names; /* NULL: nothing */
	int64_t reclaimed;
};
void pruned_free(struct pruned *p);

/** Containers that do not run. Filters: label, label!, until. Event prune. */
int engine_container_prune(
	struct engine *e, const struct filters *filters, struct pruned *out, struct err **err);
/** Volumes that no container uses: those without a name of their own, @all: every one. Filters: label,
 * label!. Event prune. */
int engine_volume_prune(struct engine *e, const struct filters *filters, bool all,
	struct pruned *out, struct err **err);

#endif
