/* Decompressors: gzip through ISA-L, zstd, xz and lzma through liblzma, bzip2 through libarchive. */
#include "stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/mem.h"

#define CHUNK 65536
/* 128 MiB: what `zstd -d` takes unless told otherwise, and what --ultra -22 and --long make. It must fit into
 * CONFINE_CHILD_MEMORY. */
#define ZSTD_WINDOW_LOG_MAX 27
/* Of a frame's header, as far as the window's size. */
#define ZSTD_HEAD 18
/* A dictionary of 192 MiB, the largest that CONFINE_CHILD_MEMORY leaves room for, and what else liblzma needs. */
#define LZMA_MEMORY_MAX (200ul << 20)

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

/* ---- what is refused because of the memory that it takes ---- */

static unsigned long long mebibytes(uint64_t n)
{
	return (n >> 20) + (n % (1u << 20) != 0);
}

/* ---- zstd ---- */

struct zstd_stream {
	struct stream s;
	struct stream *from;
	ZSTD_DStream *z;
	ZSTD_inBuffer in;
	size_t hint; /* 0: between frames */
	bool input_end;
	unsigned char head[ZSTD_HEAD]; /* how this frame began */
	size_t head_len;
	char chunk[CHUNK];
};

/* RFC 8878, 3.1.1.1; 0: not all of it is there. Without a window of its own a frame needs its content's size. */
static uint64_t zstd_window(const struct zstd_stream *z)
{
	static const unsigned char id_bytes[] = {0, 1, 2, 4}, size_bytes[] = {1, 2, 4, 8};
	const unsigned char *head = z->head;
	if (z->head_len < ZSTD_HEAD / 3)
		return 0;
	if (!(head[4] & 0x20)) {
		uint64_t base = 1ull << (10 + (head[5] >> 3));
		return base + base / 8 * (head[5] & 7);
	}
	size_t at = 5 + id_bytes[head[4] & 3], n = size_bytes[head[4] >> 6];
	uint64_t size = 0;
	for (size_t i = 0; at + n <= z->head_len && i < n; i++)
		size |= (uint64_t)head[at + i] << (8 * i);
	return size;
}

static int zstd_failed(const struct zstd_stream *z, size_t r, struct err **err)
{
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_frameParameter_windowTooLarge:
		return err_set(err, ERR_TOO_LARGE,
			"zstd data needs a window of %llu MiB, more than the %llu MiB that are "
			"allowed",
			mebibytes(zstd_window(z)), mebibytes(1ull << ZSTD_WINDOW_LOG_MAX));
	case ZSTD_error_memory_allocation:
		return err_sys(err, ENOMEM, "decompress zstd data");
	default:
		return err_set(err, ERR_INVALID, "zstd data is damaged: %s", ZSTD_getErrorName(r));
	}
}

/* For a message: a header that came in parts has taken all of one before the next one comes. */
static void zstd_note_head(struct zstd_stream *z)
{
	if (z->hint == 0)
		z->head_len = 0;
	size_t room = ZSTD_HEAD - z->head_len, n = z->in.size - z->in.pos;
	n = n < room ? n : room;
	memcpy(z->head + z->head_len, (const char *)z->in.src + z->in.pos, n);
	z->head_len += n;
}

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
		zstd_note_head(z);
		size_t r = ZSTD_decompressStream(z->z, &out, &z->in);
		if (ZSTD_isError(r))
			return zstd_failed(z, r, err);
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

/* ---- xz, lzma ---- */

struct lzma_reader {
	struct stream s;
	struct stream *from;
	enum compression how;
	lzma_stream z;
	bool input_end, done;
	uint8_t chunk[CHUNK];
};

static int lzma_failed(const struct lzma_reader *l, lzma_ret r, struct err **err)
{
	const char *name = stream_compression_name(l->how);
	switch (r) {
	case LZMA_MEMLIMIT_ERROR:
		return err_set(err, ERR_TOO_LARGE,
			"%s data needs %llu MiB of memory to be decompressed, more than the %llu "
			"MiB that are allowed",
			name, mebibytes(lzma_memusage(&l->z)), mebibytes(LZMA_MEMORY_MAX));
	case LZMA_MEM_ERROR:
		return err_sys(err, ENOMEM, "decompress %s data", name);
	case LZMA_BUF_ERROR:
		return err_set(err, ERR_INVALID, "%s data ends early", name);
	case LZMA_OPTIONS_ERROR:
		return err_set(err, ERR_INVALID, "%s data has options that are not known", name);
	default:
		return err_set(err, ERR_INVALID, "%s data is damaged (%d)", name, (int)r);
	}
}

static ssize_t lzma_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct lzma_reader *l = (struct lzma_reader *)s;
	l->z.next_out = p;
	l->z.avail_out = n;
	while (!l->done && l->z.avail_out == n) {
		if (l->z.avail_in == 0 && !l->input_end) {
			const void *in = l->chunk;
			ssize_t r = stream_borrow(l->from, l->chunk, sizeof(l->chunk), &in, err);
			if (r < 0)
				return -1;
			l->input_end = r == 0;
			l->z.next_in = in;
			l->z.avail_in = (size_t)r;
		}
		lzma_ret r = lzma_code(&l->z, l->input_end ? LZMA_FINISH : LZMA_RUN);
		l->done = r == LZMA_STREAM_END;
		if (r != LZMA_OK && !l->done)
			return lzma_failed(l, r, err);
	}
	return (ssize_t)(n - l->z.avail_out);
}

static void lzma_free(struct stream *s)
{
	lzma_end(&((struct lzma_reader *)s)->z);
}

static const struct stream_ops lzma_ops = {lzma_read, lzma_free};

struct stream *stream_lzma(struct stream *from, enum compression how)
{
	struct lzma_reader *l = xcalloc(1, sizeof(*l));
	l->s.ops = &lzma_ops;
	l->from = from;
	l->how = how;
	/* parallel compressors write several streams one after the other */
	lzma_ret r = how == XZ ? lzma_stream_decoder(&l->z, LZMA_MEMORY_MAX, LZMA_CONCATENATED)
			       : lzma_alone_decoder(&l->z, LZMA_MEMORY_MAX);
	if (r != LZMA_OK)
		abort();
	return &l->s;
}

/* ---- bzip2 ---- */

struct bzip2_stream {
	struct stream s;
	struct archive *a;
	bool opened;
	struct archive_source source;
};

static int bzip2_failed(struct bzip2_stream *b, struct err **err)
{
	if (b->source.err)
		return err_move(err, &b->source.err);
	return err_set(err, ERR_INVALID, "bzip2 data is damaged: %s", archive_error_string(b->a));
}

static int bzip2_open(struct bzip2_stream *b, struct err **err)
{
	struct archive_entry *entry;
	if (archive_source_open(b->a, &b->source, err) < 0)
		return -1;
	int r = archive_read_next_header(b->a, &entry);
	b->opened = true;
	return r == ARCHIVE_OK || r == ARCHIVE_WARN ? 0 : bzip2_failed(b, err);
}

static ssize_t bzip2_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct bzip2_stream *b = (struct bzip2_stream *)s;
	if (!b->opened && bzip2_open(b, err) < 0)
		return -1;
	la_ssize_t r = archive_read_data(b->a, p, n);
	return r < 0 ? bzip2_failed(b, err) : r;
}

static void bzip2_free(struct stream *s)
{
	struct bzip2_stream *b = (struct bzip2_stream *)s;
	archive_read_free(b->a);
	err_freep(&b->source.err);
}

static const struct stream_ops bzip2_ops = {bzip2_read, bzip2_free};

struct stream *stream_bzip2(struct stream *from)
{
	struct bzip2_stream *b = xcalloc(1, sizeof(*b));
	b->s.ops = &bzip2_ops;
	b->source.from = from;
	b->a = archive_read_new();
	archive_read_support_filter_bzip2(b->a);
	archive_read_support_format_raw(b->a);
	return &b->s;
}

struct stream *stream_decompress(struct stream *from, enum compression how)
{
	switch (how) {
	case GZIP:
		return stream_gzip(from);
	case ZSTD:
		return stream_zstd(from);
	case XZ:
	case LZMA:
		return stream_lzma(from, how);
	case BZIP2:
		return stream_bzip2(from);
	case PLAIN:
	case COMPRESSION_COUNT:
		break;
	}
	return stream_through(from);
}
