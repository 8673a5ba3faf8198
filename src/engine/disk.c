/* What everything costs on disk (system df). */
#include "engine/disk.h"

#include "core.h"

void disk_usage_free(struct disk_usage *u)
{
	store_image_list_free(&u->images);
	container_snapshot_list_free(u->containers, u->container_count);
	volume_info_list_free(u->volumes, u->volume_count);
	*u = (struct disk_usage){0};
}

static int images_usage(struct engine *e, struct disk_usage *u, struct err **err)
{
	const struct image_list_options all = {.sizes = true, .containers = true};
	u->layers_size = store_layers_size(e->store, err);
	return u->layers_size < 0 ? -1 : engine_image_list(e, &all, &u->images, err);
}

static int containers_usage(struct engine *e, struct disk_usage *u, struct err **err)
{
	const struct container_list_options all = {.all = true, .size = true};
	return engine_container_list(e, &all, &u->containers, &u->container_count, err);
}

static int volumes_usage(struct engine *e, struct disk_usage *u, struct err **err)
{
	if (engine_volume_list(e, NULL, &u->volumes, &u->volume_count, err))
		return -1;
	for (size_t i = 0; i < u->volume_count; i++)
		u->volumes[i].size = volume_size(e, u->volumes[i].name);
	return 0;
}

int engine_disk_usage(struct engine *e, const struct disk_usage_want *want, struct disk_usage *out,
	struct err **err)
{
	*out = (struct disk_usage){0};
	if ((want->images && images_usage(e, out, err)) ||
		(want->containers && containers_usage(e, out, err)) ||
		(want->volumes && volumes_usage(e, out, err))) {
		disk_usage_free(out);
		return -1;
	}
	return 0;
}
