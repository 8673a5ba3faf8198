/* POST /kist/check: whether everything in the store is what it is said to be; kist's own. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/image.h"
#include "request.h"
#include "store/check.h"

static void write_files(struct jsonw *w, const struct store_finding *f)
{
	if (!f->file_count)
		return;
	jw_array(w, "Files");
	for (size_t i = 0; i < f->file_count; i++) {
		jw_object(w, NULL);
		jw_str(w, "Path", f->files[i].path);
		jw_str(w, "Problem", f->files[i].problem);
		jw_end_object(w);
	}
	jw_end_array(w);
	jw_u64(w, "MoreFiles", f->files_more);
}

static void write_finding(struct jsonw *w, const struct store_finding *f)
{
	static const char *const kinds[] = {
		[STORE_FINDING_BLOB] = "blob",
		[STORE_FINDING_LAYER] = "layer",
		[STORE_FINDING_IMAGE] = "image",
		[STORE_FINDING_CONTAINER] = "container",
		[STORE_FINDING_STRAY] = "stray",
	};
	static char *const none[] = {NULL};
	jw_object(w, NULL);
	jw_str(w, "Kind", kinds[f->kind]);
	if (f->name)
		jw_str(w, "Name", f->name);
	else
		jw_str(w, "Digest", f->digest.str);
	jw_bool(w, "Damaged", f->damaged);
	jw_bool(w, "Repaired", f->repaired);
	jw_str(w, "Problem", f->problem);
	jw_str(w, "Remedy", f->remedy);
	jw_strv(w, "Images", f->images ? f->images : none);
	write_files(w, f);
	jw_end_object(w);
}

int api_kist_check(struct request *req, struct err **err)
{
	struct store_check check;
	bool repair = req_bool(req, "repair", false);
	if (store_check_run(engine_store(req_engine(req)), repair, NULL, NULL, &check, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_u64(&w, "Blobs", check.blobs);
	jw_u64(&w, "Layers", check.layers);
	jw_u64(&w, "Images", check.images);
	jw_array(&w, "Findings");
	for (size_t i = 0; i < check.count; i++)
		write_finding(&w, &check.v[i]);
	jw_end_array(&w);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	store_check_free(&check);
	return 0;
}
