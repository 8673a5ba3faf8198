#include "replay_sink.h"

#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zstd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "hash.h"

#define STACK (512u << 10)
#define OUT_SIZE (256u << 10)
#define GZIP_LEVEL 3
#define ZSTD_LEVEL 3

struct work {
	struct sink *sink;
	struct hash *tar, *blob; /* one for both if nothing is compressed */
	char *room; /* OUT_SIZE bytes of compressed output */
	struct isal_zstream gzip;
	unsigned char *gzip_level;
	ZSTD_CCtx *zstd;
};

/* A copy: the tar's buffers go back to where they came from. */
static void pass_on(struct ring *to, const char *p, size_t n)
{
	while (n) {
		size_t part = n < RING_SLOT_SIZE ? n : RING_SLOT_SIZE;
		void *room = ring_room(to);
		if (!room)
			return; /* it wants no more, and knows why */
		memcpy(room, p, part);
		ring_put(to, part);
		p += part;
		n -= part;
	}
}

static int emit(struct work *w, const void *p, size_t n, struct err **err)
{
	if (w->blob)
		hash_add(w->blob, p, n);
	w->sink->size += n;
	if (w->sink->onward)
		pass_on(w->sink->onward, p, n);
	if (w->sink->out >= 0 && fd_write_all(w->sink->out, p, n) < 0)
		return err_sys(err, errno, "write the layer");
	return 0;
}

static int gzip_put(struct work *w, const void *p, size_t n, bool end, struct err **err)
{
	w->gzip.next_in = (uint8_t *)p;
	w->gzip.avail_in = (uint32_t)n;
	w->gzip.end_of_stream = end;
	do {
		w->gzip.next_out = (uint8_t *)w->room;
		w->gzip.avail_out = OUT_SIZE;
		int r = isal_deflate(&w->gzip);
		if (r != COMP_OK)
			return err_set(err, ERR_SYSTEM, "compress the layer: ISA-L says %d", r);
		if (emit(w, w->room, OUT_SIZE - w->gzip.avail_out, err) < 0)
			return -1;
	} while (w->gzip.avail_out == 0 || w->gzip.avail_in ||
		 (end && w->gzip.internal_state.state != ZSTATE_END));
	return 0;
}

static int zstd_put(struct work *w, const void *p, size_t n, bool end, struct err **err)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;
	do {
		ZSTD_outBuffer out = {w->room, OUT_SIZE, 0};
		left = ZSTD_compressStream2(w->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
		if (ZSTD_isError(left))
			return err_set(
				err, ERR_SYSTEM, "compress the layer: %s", ZSTD_getErrorName(left));
		if (emit(w, w->room, out.pos, err) < 0)
			return -1;
	} while (in.pos < in.size || (end && left));
	return 0;
}

static int take(struct work *w, const void *p, size_t n, bool end, struct err **err)
{
	if (n)
		hash_add(w->tar, p, n);
	switch (w->sink->packing) {
	case LAYER_TAR_GZIP:
		return gzip_put(w, p, n, end, err);
	case LAYER_TAR_ZSTD:
		return zstd_put(w, p, n, end, err);
	default:
		return n ? emit(w, p, n, err) : 0;
	}
}

static int work(struct work *w, struct err **err)
{
	const void *p;
	for (;;) {
		long n = ring_take(w->sink->ring, &p);
		/* why it broke off is known on the other side */
		if (n < 0)
			return err_set(err, ERR_CANCELLED, "the layer broke off");
		if (take(w, p, (size_t)n, n == 0, err) < 0)
			return -1;
		if (n == 0)
			return 0;
	}
}

static void work_init(struct work *w)
{
	w->tar = hash_new();
	if (w->sink->packing == LAYER_TAR_PLAIN)
		return;
	w->blob = hash_new();
	w->room = xmalloc(OUT_SIZE);
	if (w->sink->packing == LAYER_TAR_GZIP) {
		isal_deflate_init(&w->gzip);
		w->gzip.gzip_flag = IGZIP_GZIP;
		w->gzip.level = GZIP_LEVEL;
		w->gzip.level_buf_size = ISAL_DEF_LVL3_DEFAULT;
		w->gzip_level = xcalloc(1, ISAL_DEF_LVL3_DEFAULT);
		w->gzip.level_buf = w->gzip_level;
		return;
	}
	w->zstd = ZSTD_createCCtx();
	if (!w->zstd)
		abort();
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	ZSTD_CCtx_setParameter(w->zstd, ZSTD_c_checksumFlag, 1);
}

static void work_end(struct work *w)
{
	struct sink *s = w->sink;
	if (s->result == 0) {
		hash_end(w->tar, &s->tar);
		s->blob = s->tar;
		if (w->blob)
			hash_end(w->blob, &s->blob);
	}
	hash_free(w->tar);
	hash_free(w->blob);
	free(w->room);
	free(w->gzip_level);
	ZSTD_freeCCtx(w->zstd);
	free(w);
}

static void *sink_main(void *arg)
{
	struct sink *s = arg;
	struct work *w = xcalloc(1, sizeof(*w));
	w->sink = s;
	work_init(w);
	s->result = work(w, &s->err);
	ring_leave(s->ring);
	work_end(w);
	return NULL;
}

struct ring *sink_start(struct sink *s, struct err **err)
{
	pthread_attr_t attr;
	s->ring = ring_new();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	int r = pthread_create(&s->thread, &attr, sink_main, s);
	pthread_attr_destroy(&attr);
	if (r == 0)
		return s->ring;
	ring_free(s->ring);
	err_sys(err, r, "start a thread");
	return NULL;
}

int sink_stop(struct sink *s, bool whole, struct err **err)
{
	ring_end(s->ring, whole);
	pthread_join(s->thread, NULL);
	ring_free(s->ring);
	if (s->result < 0 && whole)
		return err_move(err, &s->err);
	err_freep(&s->err);
	return s->result;
}
