#include "layer.h"

#include <errno.h>
#include <sys/vfs.h>

#include "report.h"
#include "stream.h"

int room_look(int root, struct room *out, struct err **err)
{
	struct statfs fs;
	if (fstatfs(root, &fs) < 0)
		return err_sys(err, errno, "ask for free space");
	/* blocks are of f_frsize, as in statvfs(3), by which the store counts; FUSE has another f_bsize */
	uint64_t block = (uint64_t)(fs.f_frsize ? fs.f_frsize : fs.f_bsize);
	*out = (struct room){
		.bytes = (uint64_t)fs.f_bavail * block,
		.files = fs.f_files ? fs.f_ffree : UINT64_MAX,
	};
	return 0;
}

int run_init(struct run *run, int root, const struct transfer_message *request, struct err **err)
{
	struct room now;
	if (room_look(root, &now, err) < 0)
		return -1;
	/* half of what the store leaves (transfer_room()): others write, too */
	uint64_t left = now.bytes > request->max_bytes ? now.bytes - request->max_bytes : 0;
	*run = (struct run){
		.root = root,
		.floor = {left / 2, now.files == UINT64_MAX ? 0 : now.files / 100},
		.limits = {.max_bytes = request->max_bytes, .max_entries = request->max_entries},
		.max_ratio = request->max_ratio,
	};
	return 0;
}

void layer_progress(const struct layer *layer)
{
	struct transfer_message m = {
		.kind = TRANSFER_PROGRESS,
		.name = layer->name,
		.size = layer->blob_size,
		.blob_size = layer->total,
	};
	report_send(&m);
}

void layer_report(const struct layer *layer)
{
	struct transfer_message m = {
		.kind = TRANSFER_LAYER,
		.index = layer->index,
		.name = layer->name,
		.blob = layer->blob,
		.diff_id = layer->diff_id,
		.size = layer->unpacked.size,
		.blob_size = layer->blob_size,
		.staged = layer->unpack,
		.kept = layer->keep,
		.opaque = layer->unpacked.opaque,
		.tar_size = layer->unpacked.tar_size,
		.recipe_size = layer->unpacked.recipe_size,
		.compression = stream_compression_name(layer->how),
	};
	report_send(&m);
}
