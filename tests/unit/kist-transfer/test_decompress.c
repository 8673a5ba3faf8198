/* Decompressors: what comes in pieces, what is damaged, and how much memory somebody else may ask for. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "stream.h"

#define MIB (1ul << 20)
#define ROOM MIB

/* ---- bytes ---- */

struct pieces {
	struct stream s;
	const struct buf *all;
	size_t at, piece;
};

static ssize_t pieces_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct pieces *it = (struct pieces *)s;
	size_t left = it->all->len - it->at, part = it->piece < n ? it->piece : n;
	part = part < left ? part : left;
	memcpy(p, it->all->data + it->at, part);
	it->at += part;
	return (ssize_t)part;
}

static const struct stream_ops pieces_ops = {pieces_read, NULL};

struct result {
	struct buf out; /* of no more than ROOM, the beginning */
	uint64_t size;
	bool failed;
	enum err_kind kind;
	char text[256];
};

static struct result decompress(const struct buf *in, size_t piece)
{
	struct result r = {.out = BUF_INIT};
	auto_err *err = NULL;
	auto_free char *chunk = xmalloc(65536);
	struct pieces from = {{&pieces_ops}, in, 0, piece};
	auto_stream *s = stream_decompress(&from.s, stream_detect(in->data, in->len));
	ssize_t n;
	while ((n = stream_read(s, chunk, 65536, &err)) > 0) {
		r.size += (uint64_t)n;
		if (r.out.len + (size_t)n <= ROOM)
			buf_add(&r.out, chunk, (size_t)n);
	}
	r.failed = n < 0;
	if (r.failed) {
		r.kind = err->kind;
		snprintf(r.text, sizeof(r.text), "%s", err_msg(err));
	}
	return r;
}

static void expect_content(const struct buf *in, const struct buf *want)
{
	static const size_t pieces[] = {1, 7, 65536};
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct result r = decompress(in, pieces[i]);
		assert_string_equal(r.text, "");
		assert_int_equal(r.size, want->len);
		assert_memory_equal(r.out.data, want->data, want->len);
		buf_free(&r.out);
	}
}

static void expect_refused(const struct buf *in, enum err_kind kind, const char *text)
{
	static const size_t pieces[] = {1, 65536};
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct result r = decompress(in, pieces[i]);
		assert_true(r.failed);
		assert_string_equal(r.text, text);
		assert_int_equal(r.kind, kind);
		buf_free(&r.out);
	}
}

static void some_text(struct buf *out)
{
	for (int i = 0; i < 20000; i++)
		buf_addf(out, "%d, and %d\n", i, i * i % 1013);
}

/* ---- compressors ---- */

/* As a stream: without the content's size, the window is what the header says. */
static void zstd_windowed(const struct buf *in, int window_log, struct buf *out)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(in->len) + 64;
	ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log);
	ZSTD_outBuffer to = {buf_reserve(out, room), room, 0};
	ZSTD_inBuffer from = {in->data, in->len, 0}, none = {NULL, 0, 0};
	assert_int_equal(ZSTD_compressStream2(z, &to, &from, ZSTD_e_flush), 0);
	assert_int_equal(ZSTD_compressStream2(z, &to, &none, ZSTD_e_end), 0);
	out->len += to.pos;
	ZSTD_freeCCtx(z);
}

static void zstd_skipped(struct buf *out)
{
	buf_add(out, "\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
}

static void lzma_windowed(
	const struct buf *in, enum compression how, uint32_t dictionary, struct buf *out)
{
	lzma_options_lzma options;
	lzma_stream z = LZMA_STREAM_INIT;
	assert_false(lzma_lzma_preset(&options, 0));
	options.dict_size = dictionary;
	const lzma_filter filters[] = {
		{LZMA_FILTER_LZMA2, &options}, {.id = LZMA_VLI_UNKNOWN, .options = NULL}};
	assert_int_equal(how == XZ ? lzma_stream_encoder(&z, filters, LZMA_CHECK_CRC64)
				   : lzma_alone_encoder(&z, &options),
		LZMA_OK);
	size_t room = in->len + 65536;
	z.next_in = (const uint8_t *)in->data;
	z.avail_in = in->len;
	z.next_out = (uint8_t *)buf_reserve(out, room);
	z.avail_out = room;
	assert_int_equal(lzma_code(&z, LZMA_FINISH), LZMA_STREAM_END);
	out->len += room - z.avail_out;
	lzma_end(&z);
}

/* ---- tests ---- */

static void what_is_compressed_comes_out_in_whatever_pieces_it_came(void **state)
{
	auto_buf text = BUF_INIT, zstd = BUF_INIT, xz = BUF_INIT, lzma = BUF_INIT;
	(void)state;
	some_text(&text);
	zstd_windowed(&text, 20, &zstd);
	expect_content(&zstd, &text);
	lzma_windowed(&text, XZ, MIB, &xz);
	expect_content(&xz, &text);
	lzma_windowed(&text, LZMA, MIB, &lzma);
	expect_content(&lzma, &text);
}

static void several_frames_and_streams_are_one(void **state)
{
	auto_buf text = BUF_INIT, twice = BUF_INIT, zstd = BUF_INIT, xz = BUF_INIT;
	(void)state;
	some_text(&text);
	buf_add(&twice, text.data, text.len);
	buf_add(&twice, text.data, text.len);
	zstd_skipped(&zstd);
	zstd_windowed(&text, 20, &zstd);
	zstd_skipped(&zstd);
	zstd_windowed(&text, 27, &zstd);
	expect_content(&zstd, &twice);
	lzma_windowed(&text, XZ, MIB, &xz);
	buf_add(&xz, "\0\0\0\0", 4);
	lzma_windowed(&text, XZ, 8 * MIB, &xz);
	expect_content(&xz, &twice);
}

static void nothing_compressed_is_nothing(void **state)
{
	auto_buf none = BUF_INIT, zstd = BUF_INIT, xz = BUF_INIT;
	(void)state;
	buf_add(&none, "", 0);
	zstd_windowed(&none, 20, &zstd);
	expect_content(&zstd, &none);
	lzma_windowed(&none, XZ, MIB, &xz);
	expect_content(&xz, &none);
}

static void what_is_cut_off_or_damaged_is_said_to_be(void **state)
{
	auto_buf text = BUF_INIT, zstd = BUF_INIT, xz = BUF_INIT, lzma = BUF_INIT;
	(void)state;
	some_text(&text);
	zstd_windowed(&text, 20, &zstd);
	lzma_windowed(&text, XZ, MIB, &xz);
	lzma_windowed(&text, LZMA, MIB, &lzma);
	size_t whole = xz.len;
	zstd.len--, xz.len -= 100, lzma.len /= 2;
	expect_refused(&zstd, ERR_INVALID, "zstd data ends early");
	expect_refused(&xz, ERR_INVALID, "xz data ends early");
	expect_refused(&lzma, ERR_INVALID, "lzma data ends early");
	xz.len = whole;
	xz.data[whole / 2] ^= 1;
	expect_refused(&xz, ERR_INVALID, "xz data is damaged (9)");
}

static void a_window_beyond_the_limit_is_refused_by_its_size(void **state)
{
	/* 2 TiB; the content in one piece, of 129 MiB and a byte, with the number of a dictionary before that */
	static const char huge[] = "\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00",
			  single[] = "\x28\xb5\x2f\xfd\xa1\x00\x01\x00\x10\x08\x01\x00\x00";
	auto_buf text = BUF_INIT, ok = BUF_INIT, more = BUF_INIT, b = BUF_INIT, c = BUF_INIT;
	(void)state;
	some_text(&text);
	zstd_windowed(&text, 27, &ok);
	expect_content(&ok, &text);
	zstd_windowed(&text, 28, &more);
	expect_refused(&more, ERR_TOO_LARGE,
		"zstd data needs a window of 256 MiB, more than the 128 MiB that are allowed");
	/* behind what is good */
	zstd_skipped(&ok);
	zstd_windowed(&text, 29, &ok);
	expect_refused(&ok, ERR_TOO_LARGE,
		"zstd data needs a window of 512 MiB, more than the 128 MiB that are allowed");
	buf_add(&b, huge, sizeof(huge) - 1);
	expect_refused(&b, ERR_TOO_LARGE,
		"zstd data needs a window of 2097152 MiB, more than the 128 MiB that are allowed");
	buf_add(&c, single, sizeof(single) - 1);
	expect_refused(&c, ERR_TOO_LARGE,
		"zstd data needs a window of 130 MiB, more than the 128 MiB that are allowed");
}

static void a_dictionary_beyond_the_limit_is_refused_by_its_size(void **state)
{
	auto_buf text = BUF_INIT, ok = BUF_INIT, more = BUF_INIT, lzma = BUF_INIT;
	(void)state;
	some_text(&text);
	lzma_windowed(&text, XZ, 192 * MIB, &ok);
	expect_content(&ok, &text);
	lzma_windowed(&text, XZ, 256 * MIB, &more);
	expect_refused(&more, ERR_TOO_LARGE,
		"xz data needs 257 MiB of memory to be decompressed, more than the 200 MiB that "
		"are "
		"allowed");
	lzma_windowed(&text, LZMA, 256 * MIB, &lzma);
	expect_refused(&lzma, ERR_TOO_LARGE,
		"lzma data needs 257 MiB of memory to be decompressed, more than the 200 MiB that "
		"are allowed");
}

/* ---- memory ---- */

static size_t resident(void)
{
	auto_fd int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128] = "";
	unsigned long size, here;
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_int_equal(sscanf(text, "%lu %lu", &size, &here), 2);
	return here * (size_t)sysconf(_SC_PAGESIZE);
}

/* Most that it took, reading all. */
static size_t cost(const struct buf *in)
{
	char chunk[4096];
	size_t before = resident(), most = before;
	struct pieces from = {{&pieces_ops}, in, 0, 65536};
	auto_stream *s = stream_decompress(&from.s, stream_detect(in->data, in->len));
	while (stream_read(s, chunk, sizeof(chunk), NULL) > 0) {
		size_t now = resident();
		most = now > most ? now : most;
	}
	return most - before;
}

static void a_window_that_is_only_announced_costs_next_to_nothing(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	auto_buf text = BUF_INIT, zstd = BUF_INIT, xz = BUF_INIT;
	(void)state;
	some_text(&text);
	zstd_windowed(&text, 27, &zstd);
	lzma_windowed(&text, XZ, 192 * MIB, &xz);
	assert_in_range(cost(&zstd), 0, 4 * MIB);
	assert_in_range(cost(&xz), 0, 4 * MIB);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_compressed_comes_out_in_whatever_pieces_it_came),
		cmocka_unit_test(several_frames_and_streams_are_one),
		cmocka_unit_test(nothing_compressed_is_nothing),
		cmocka_unit_test(what_is_cut_off_or_damaged_is_said_to_be),
		cmocka_unit_test(a_window_beyond_the_limit_is_refused_by_its_size),
		cmocka_unit_test(a_dictionary_beyond_the_limit_is_refused_by_its_size),
		cmocka_unit_test(a_window_that_is_only_announced_costs_next_to_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
