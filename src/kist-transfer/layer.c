#include "layer.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "hash.h"
#include "report.h"
#include "ring.h"

#define WORKER_STACK (512u << 10)
#define PROGRESS_STEP (4u << 20)

void run_init(struct run *run, int root, const struct transfer_message *request)
{
	*run = (struct run){
		.root = root,
		.limits = {.max_bytes = request->max_bytes, .max_entries = request->max_entries},
		.max_ratio = request->max_ratio,
	};
}

struct worker {
	pthread_t thread;
	bool running;
	int folder, side;
	struct ring *ring;
	struct run *run;
	struct layer *layer;
	int result;
	struct err *err;
};

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	const struct unpack_input input = {ring_take, w->ring};
	w->result = unpack_layer(w->folder, w->side, &input, UNPACK_KEEP, &w->run->limits,
		&w->layer->unpacked, &w->err);
	ring_leave(w->ring);
	return NULL;
}

static int worker_start(struct worker *w, struct err **err)
{
	w->folder = unpack_folder_make(w->run->root, "layer", w->layer->index, 0755, err);
	if (w->folder < 0)
		return -1;
	w->side = unpack_folder_make(w->run->root, "recipe", w->layer->index, 0700, err);
	if (w->side < 0)
		return -1;
	w->ring = ring_new();
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, WORKER_STACK);
	int r = pthread_create(&w->thread, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	if (r)
		return err_sys(err, r, "start a thread");
	w->running = true;
	return 0;
}

/* Waits for the thread; its failure goes before the caller's own. */
static int worker_stop(struct worker *w, bool whole, struct err **err)
{
	if (!w->running)
		return 0;
	ring_end(w->ring, whole);
	pthread_join(w->thread, NULL);
	w->running = false;
	if (w->result < 0 && whole)
		return err_move(err, &w->err);
	return 0;
}

static void worker_free(struct worker *w)
{
	fd_close(w->folder);
	fd_close(w->side);
	ring_free(w->ring);
	err_freep(&w->err);
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

/* Moves the tar through the hash and to the worker; without one, or when that has seen the end of
 * the tar, the rest is only hashed. */
static int pump(struct worker *w, struct stream *tar, struct hash *hash, struct err **err)
{
	auto_free char *spare = NULL;
	uint64_t told = 0;
	for (;;) {
		char *room = w->running ? ring_room(w->ring) : NULL;
		if (w->running && !room && worker_stop(w, true, err) < 0)
			return -1;
		if (!room) {
			if (!spare)
				spare = xmalloc(RING_SLOT_SIZE);
			room = spare;
		}
		ssize_t n = stream_fill(tar, room, RING_SLOT_SIZE, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return 0;
		if (hash)
			hash_add(hash, room, (size_t)n);
		if (w->running)
			ring_put(w->ring, (size_t)n);
		if (w->layer->blob_size - told >= PROGRESS_STEP) {
			told = w->layer->blob_size;
			layer_progress(w->layer);
		}
	}
}

int layer_stage(struct run *run, struct layer *layer, struct stream *raw, enum compression how,
	struct err **err)
{
	auto_hash *blob = hash_new();
	/* an uncompressed blob is its own tar: one hash serves both */
	auto_hash *diff = how == PLAIN ? NULL : hash_new();
	auto_stream *tapped = stream_tap(raw, blob, &layer->blob_size);
	auto_stream *plain = stream_decompress(tapped, how);
	auto_stream *tar = stream_guard(plain, &run->in, &run->inner, run->max_ratio, RATIO_FLOOR);
	struct worker w = {.folder = -1, .side = -1, .run = run, .layer = layer};
	int r = layer->unpack ? worker_start(&w, err) : 0;
	if (r == 0)
		r = pump(&w, tar, diff, err);
	if (r == 0)
		r = worker_stop(&w, true, err);
	else
		worker_stop(&w, false, NULL);
	worker_free(&w);
	if (r < 0 || stream_drain(tapped, err) < 0)
		return -1;
	hash_end(blob, &layer->blob);
	if (diff)
		hash_end(diff, &layer->diff_id);
	else
		layer->diff_id = layer->blob;
	layer->how = how;
	layer_progress(layer);
	return 0;
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
