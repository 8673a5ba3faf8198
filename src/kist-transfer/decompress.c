/* Decompressors: gzip through ISA-L, zstd, and the rare ones through libarchive. */
#include "stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>
#include <string.h>
#include <zstd.h>

#include "base/mem.h"

#define CHUNK 65536
/* 32 MiB: what zstd's own --ultra levels reach; --long beyond it would break the memory bound */
#define ZSTD_WINDOW_LOG_MAX 25

enum compression stream_detect(const void *head, size_t n)
{
	static const struct {
		const char *magic;
		size_t len;
		enum compression how;
	} table[] = {
		{"\x1f\x8b", 2, GZIP},
		{"\x28\xb5\x2f\xfd", 4, ZSTD},
		{"\xfd"
		 "7zXZ",
			5, XZ},
		{"BZh", 3, BZIP2},
		{"\x5d\x00\x00", 3, LZMA},
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (n >= table[i].len && memcmp(head, table[i].magic, table[i].len) == 0)
			return table[i].how;
	/* zstd's skippable frames may come first */
	const unsigned char *p = head;
	if (n >= 4 && (p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)
		return ZSTD;
	return PLAIN;
}

const char *stream_compression_name(enum compression how)
{
	static const char *const names[COMPRESSION_COUNT] = {
		"", "gzip", "zstd", "xz", "bzip2", "lzma"};
	return names[how];
}

/* ---- gzip ---- */

struct gzip_stream {
	struct stream s;
	struct stream *from;
	bool input_end, done;
	struct inflate_state state;
	unsigned char in[CHUNK];
};

static int gzip_input(struct gzip_stream *g, struct err **err)
{
	if (g->state.avail_in || g->input_end)
		return 0;
	const void *in = g->in;
	ssize_t r = stream_borrow(g->from, g->in, sizeof(g->in), &in, err);
	if (r < 0)
		return -1;
	g->input_end = r == 0;
	g->state.next_in = (uint8_t *)in; /* only read; igzip has no const */
	g->state.avail_in = (uint32_t)r;
	return 0;
}

/* After a member: another one (pigz, bgzip and seekable formats write many), padding, or the end. */
static int gzip_next_member(struct gzip_stream *g, struct err **err)
{
	while (true) {
		if (gzip_input(g, err) < 0)
			return -1;
		if (g->state.avail_in == 0) {
			g->done = true;
			return 0;
		}
		if (*g->state.next_in != 0)
			break;
		g->state.next_in++;
		g->state.avail_in--;
	}
	isal_inflate_reset(&g->state);
	g->state.crc_flag = ISAL_GZIP;
	return 0;
}

static ssize_t gzip_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct gzip_stream *g = (struct gzip_stream *)s;
	g->state.next_out = p;
	g->state.avail_out = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	uint32_t room = g->state.avail_out;
	while (!g->done && g->state.avail_out == room) {
		if (g->state.block_state == ISAL_BLOCK_FINISH) {
			if (gzip_next_member(g, err) < 0)
				return -1;
			continue;
		}
		if (gzip_input(g, err) < 0)
			return -1;
		uint32_t before = g->state.avail_in;
		int r = isal_inflate(&g->state);
		if (r != ISAL_DECOMP_OK && r != ISAL_END_INPUT)
			return err_set(err, ERR_INVALID, "gzip data is damaged (%d)", r);
		if (g->input_end && before == 0 && g->state.avail_out == room &&
			g->state.block_state != ISAL_BLOCK_FINISH)
			return err_set(err, ERR_INVALID, "gzip data ends early");
	}
	return room - g->state.avail_out;
}

static const struct stream_ops gzip_ops = {gzip_read, NULL};

struct stream *stream_gzip(struct stream *from)
{
	struct gzip_stream *g = xcalloc(1, sizeof(*g));
	g->s.ops = &gzip_ops;
	g->from = from;
	isal_inflate_init(&g->state);
	g->state.crc_flag = ISAL_GZIP;
	return &g->s;
}

/* ---- zstd ---- */

struct zstd_stream {
	struct stream s;
	struct stream *from;
	ZSTD_DStream *z;
	ZSTD_inBuffer in;
	size_t hint; /* 0: between frames */
	bool input_end;
	char chunk[CHUNK];
};

static ssize_t zstd_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct zstd_stream *z = (struct zstd_stream *)s;
	ZSTD_outBuffer out = {p, n, 0};
	while (out.pos == 0) {
		if (z->in.pos == z->in.size && !z->input_end) {
			const void *in = z->chunk;
			ssize_t r = stream_borrow(z->from, z->chunk, sizeof(z->chunk), &in, err);
			if (r < 0)
				return -1;
			z->input_end = r == 0;
			z->in = (ZSTD_inBuffer){in, (size_t)r, 0};
		}
		if (z->in.pos == z->in.size && z->input_end && z->hint == 0)
			return 0;
		size_t in_before = z->in.pos;
		size_t r = ZSTD_decompressStream(z->z, &out, &z->in);
		if (ZSTD_isError(r))
			return err_set(
				err, ERR_INVALID, "zstd data is damaged: %s", ZSTD_getErrorName(r));
		z->hint = r;
		if (z->input_end && out.pos == 0 && z->in.pos == in_before && r != 0)
			return err_set(err, ERR_INVALID, "zstd data ends early");
	}
	return (ssize_t)out.pos;
}

static void zstd_free(struct stream *s)
{
	ZSTD_freeDStream(((struct zstd_stream *)s)->z);
}

static const struct stream_ops zstd_ops = {zstd_read, zstd_free};

struct stream *stream_zstd(struct stream *from)
{
	struct zstd_stream *z = xcalloc(1, sizeof(*z));
	z->s.ops = &zstd_ops;
	z->from = from;
	z->z = ZSTD_createDStream();
	if (!z->z)
		abort();
	ZSTD_DCtx_setParameter(z->z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	return &z->s;
}

/* ---- xz, bzip2, lzma ---- */

struct other_stream {
	struct stream s;
	struct archive *a;
	bool opened;
	struct archive_source source;
};

static int other_open(struct other_stream *o, struct err **err)
{
	struct archive_entry *entry;
	if (archive_source_open(o->a, &o->source, err) < 0)
		return -1;
	int r = archive_read_next_header(o->a, &entry);
	if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
		return err_set(err, ERR_INVALID, "decompress: %s", archive_error_string(o->a));
	o->opened = true;
	return 0;
}

static ssize_t other_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct other_stream *o = (struct other_stream *)s;
	if (!o->opened && other_open(o, err) < 0)
		return -1;
	la_ssize_t r = archive_read_data(o->a, p, n);
	if (r < 0) {
		if (o->source.err)
			return err_move(err, &o->source.err);
		return err_set(err, ERR_INVALID, "decompress: %s", archive_error_string(o->a));
	}
	return r;
}

static void other_free(struct stream *s)
{
	struct other_stream *o = (struct other_stream *)s;
	archive_read_free(o->a);
	err_freep(&o->source.err);
}

static const struct stream_ops other_ops = {other_read, other_free};

struct stream *stream_other(struct stream *from)
{
	struct other_stream *o = xcalloc(1, sizeof(*o));
	o->s.ops = &other_ops;
	o->source.from = from;
	o->a = archive_read_new();
	archive_read_support_filter_xz(o->a);
	archive_read_support_filter_lzma(o->a);
	archive_read_support_filter_bzip2(o->a);
	archive_read_support_format_raw(o->a);
	return &o->s;
}

struct stream *stream_decompress(struct stream *from, enum compression how)
{
	switch (how) {
	case GZIP:
		return stream_gzip(from);
	case ZSTD:
		return stream_zstd(from);
	case XZ:
	case BZIP2:
	case LZMA:
		return stream_other(from);
	case PLAIN:
	case COMPRESSION_COUNT:
		break;
	}
	return stream_through(from);
}
