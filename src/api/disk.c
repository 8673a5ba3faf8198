/* Disk usage, and prunes of everything but images. */
#include "engine/disk.h"

#include "base/mem.h"
#include "base/str.h"
#include "container_json.h"
#include "image_list.h"
#include "request.h"
#include "volume_json.h"

/* type=, from 1.42 on; without it everything is meant. */
static int read_types(
	struct request *req, struct disk_usage_want *want, bool *cache, struct err **err)
{
	auto_strv types = req->api >= 142 ? req_query_all(req, "type") : NULL;
	*cache = want->images = want->containers = want->volumes = !types;
	for (size_t i = 0; types && types[i]; i++) {
		if (str_eq(types[i], "image"))
			want->images = true;
		else if (str_eq(types[i], "container"))
			want->containers = true;
		else if (str_eq(types[i], "volume"))
			want->volumes = true;
		else if (str_eq(types[i], "build-cache"))
			*cache = true;
		else
			return err_set(err, ERR_INVALID, "unknown object type: %s", types[i]);
	}
	return 0;
}

static void write_images(struct jsonw *w, const struct disk_usage *u, bool wanted, unsigned api)
{
	if (!wanted) {
		jw_null(w, "Images");
		return;
	}
	jw_array(w, "Images");
	for (size_t i = 0; i < u->images.count; i++)
		image_summary_write(w, &u->images.v[i], api);
	jw_end_array(w);
}

static void write_containers(struct jsonw *w, const struct disk_usage *u, bool wanted, unsigned api)
{
	if (!wanted) {
		jw_null(w, "Containers");
		return;
	}
	jw_array(w, "Containers");
	for (size_t i = 0; i < u->container_count; i++)
		container_summary_write(w, u->containers[i], api);
	jw_end_array(w);
}

static void write_volumes(struct jsonw *w, const struct disk_usage *u, bool wanted)
{
	if (!wanted) {
		jw_null(w, "Volumes");
		return;
	}
	jw_array(w, "Volumes");
	for (size_t i = 0; i < u->volume_count; i++)
		volume_write(w, &u->volumes[i]);
	jw_end_array(w);
}

int api_system_df(struct request *req, struct err **err)
{
	struct disk_usage_want want;
	struct disk_usage u;
	bool cache;
	if (read_types(req, &want, &cache, err) < 0 ||
		engine_disk_usage(req_engine(req), &want, &u, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_i64(&w, "LayersSize", u.layers_size);
	write_images(&w, &u, want.images, req->api);
	write_containers(&w, &u, want.containers, req->api);
	write_volumes(&w, &u, want.volumes);
	jw_raw(&w, "BuildCache", cache ? "[]" : NULL); /* nothing builds yet */
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	disk_usage_free(&u);
	return 0;
}

/* kist's own: every file of the data root, by what it is for. */
int api_kist_disk(struct request *req, struct err **err)
{
	struct store_disk disk;
	if (store_disk_usage(engine_store(req_engine(req)), &disk, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_str(&w, "DataRoot", engine_data_root(req_engine(req)));
	jw_array(&w, "Parts");
	for (size_t i = 0; i < disk.count; i++) {
		jw_object(&w, NULL);
		jw_str(&w, "Name", disk.v[i].what);
		jw_i64(&w, "Files", disk.v[i].usage.files);
		jw_i64(&w, "Size", disk.v[i].usage.bytes);
		jw_i64(&w, "Disk", disk.v[i].usage.disk);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	return 0;
}

static void answer_pruned(struct request *req, const char *key, struct pruned *p)
{
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_strv(&w, key, p->names);
	jw_i64(&w, "SpaceReclaimed", p->reclaimed);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	pruned_free(p);
}

int api_container_prune(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct pruned p;
	if (req_filters(req, &filters, err) < 0 ||
		engine_container_prune(req_engine(req), &filters, &p, err) < 0)
		return -1;
	answer_pruned(req, "ContainersDeleted", &p);
	return 0;
}

int api_volume_prune(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct pruned p;
	/* until 1.42 volumes with a name went as well */
	if (req_filters(req, &filters, err) < 0 ||
		engine_volume_prune(req_engine(req), &filters, req->api < 142, &p, err) < 0)
		return -1;
	answer_pruned(req, "VolumesDeleted", &p);
	return 0;
}

/* There are no networks but bridge, host and none, which stay, and no build cache: docker's system prune
 * asks for these, too. */
int api_network_prune(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	if (req_filters(req, &filters, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_raw(&w, NULL, "{\"NetworksDeleted\":null}\n");
	return 0;
}

int api_build_prune(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	if (req_filters(req, &filters, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_raw(&w, NULL, "{\"CachesDeleted\":null,\"SpaceReclaimed\":0}\n");
	return 0;
}
