/* Named and anonymous volumes of the local driver. */
#ifndef KIST_ENGINE_VOLUME_H
#define KIST_ENGINE_VOLUME_H

#include "engine/engine.h"

struct volume_label {
	char *key, *value;
};

struct volume_info {
	char *name;
	char *mountpoint;
	int64_t created_at;
	bool anonymous;
	struct volume_label *labels;
	size_t label_count;
	struct volume_label *options;
	size_t option_count;
	uint32_t uses; /* containers that mount it */
	int64_t size; /* bytes of its files; -1 unless engine_disk_usage() gave it */
};
void volume_info_free(struct volume_info *v);
void volume_info_list_free(struct volume_info *v, size_t n);

struct volume_spec {
	const char *name; /* NULL or "": 64 random hex digits */
	const char *driver; /* NULL, "" or "local" */
	const struct volume_label *labels;
	size_t label_count;
	const struct volume_label *options; /* any: ERR_NOT_IMPLEMENTED */
	size_t option_count;
};

/** An existing one of that name is success, as in Docker. */
int engine_volume_create(struct engine *e, const struct volume_spec *spec, struct volume_info **out,
	struct err **err);
/** ERR_NOT_FOUND "get x: no such volume". */
int engine_volume_inspect(
	struct engine *e, const char *name, struct volume_info **out, struct err **err);
/** Filters: dangling, driver, label, name. Sorted by name. */
int engine_volume_list(struct engine *e, const struct filters *filters, struct volume_info **out,
	size_t *count, struct err **err);
/** ERR_CONFLICT "remove x: volume is in use - [id]". @force: absence is success. */
int engine_volume_remove(struct engine *e, const char *name, bool force, struct err **err);

#endif
