/* Reading recipes. */
#include "recipe.h"

#include <inttypes.h>
#include <isa-l/crc.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "name.h"

#define CHUNK 65536

void recipe_id_name(uint64_t id, char out[RECIPE_ID_ROOM])
{
	snprintf(out, RECIPE_ID_ROOM, "%" PRIx64, id);
}

uint32_t recipe_crc(uint32_t crc, const void *p, size_t n)
{
	/* lengths of the library are ints */
	while (n) {
		int part = n > (1u << 30) ? 1 << 30 : (int)n;
		crc = crc32_iscsi((unsigned char *)p, part, crc);
		p = (const char *)p + part;
		n -= (size_t)part;
	}
	return crc;
}

struct recipe_reader {
	int fd;
	ZSTD_DStream *z;
	ZSTD_inBuffer in;
	size_t hint; /* 0: the frame is complete */
	bool begun, ended;
	char *plain; /* decompressed bytes [at, len) */
	size_t at, len;
	char *literal; /* RECIPE_LITERAL_MAX bytes */
	uint64_t id;
	char path[NAME_ROOM];
	char chunk[CHUNK];
};

struct recipe_reader *recipe_reader_new(int fd)
{
	struct recipe_reader *r = xcalloc(1, sizeof(*r));
	r->fd = fd;
	r->hint = 1;
	r->plain = xmalloc(CHUNK);
	r->literal = xmalloc(RECIPE_LITERAL_MAX);
	r->z = ZSTD_createDStream();
	if (!r->z)
		abort();
	ZSTD_DCtx_setParameter(r->z, ZSTD_d_windowLogMax, RECIPE_WINDOW_LOG);
	return r;
}

void recipe_reader_free(struct recipe_reader *r)
{
	if (!r)
		return;
	ZSTD_freeDStream(r->z);
	free(r->plain);
	free(r->literal);
	free(r);
}

static int damaged(struct err **err, const char *how)
{
	return err_set(err, ERR_INVALID, "the layer's recipe is damaged: %s", how);
}

static int begin(struct recipe_reader *r, struct err **err)
{
	char magic[sizeof(RECIPE_MAGIC) - 1];
	r->begun = true;
	if (fd_read_full(r->fd, magic, sizeof(magic)) < 0)
		return damaged(err, "it has no beginning");
	if (memcmp(magic, RECIPE_MAGIC, sizeof(magic)) != 0)
		return damaged(err, "it begins with something else");
	return 0;
}

/* More decompressed bytes: 1, or 0 at the end. */
static int refill(struct recipe_reader *r, struct err **err)
{
	ZSTD_outBuffer out = {r->plain, CHUNK, 0};
	if (!r->begun && begin(r, err) < 0)
		return -1;
	r->at = r->len = 0;
	while (out.pos == 0 && r->hint) {
		bool end = false;
		if (r->in.pos == r->in.size) {
			ssize_t n = fd_read(r->fd, r->chunk, sizeof(r->chunk));
			if (n < 0)
				return err_sys(err, errno, "read the layer's recipe");
			end = n == 0;
			r->in = (ZSTD_inBuffer){r->chunk, (size_t)n, 0};
		}
		size_t h = ZSTD_decompressStream(r->z, &out, &r->in);
		if (ZSTD_isError(h))
			return damaged(err, ZSTD_getErrorName(h));
		r->hint = h;
		if (end && out.pos == 0 && h)
			return damaged(err, "it ends early");
	}
	r->len = out.pos;
	return r->len > 0;
}

static int take(struct recipe_reader *r, void *p, size_t n, struct err **err)
{
	for (char *to = p; n;) {
		if (r->at == r->len) {
			int more = refill(r, err);
			if (more <= 0)
				return more < 0 ? -1 : damaged(err, "it ends early");
		}
		size_t part = r->len - r->at < n ? r->len - r->at : n;
		memcpy(to, r->plain + r->at, part);
		r->at += part;
		to += part;
		n -= part;
	}
	return 0;
}

static int take_number(struct recipe_reader *r, uint64_t *out, struct err **err)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte;
		if (take(r, &byte, 1, err) < 0)
			return -1;
		if (shift == 63 && byte > 1)
			break;
		v |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*out = v;
			return 0;
		}
	}
	return damaged(err, "a number is too large");
}

static int take_literal(struct recipe_reader *r, struct recipe_op *op, struct err **err)
{
	if (take_number(r, &op->n, err) < 0)
		return -1;
	if (op->n > RECIPE_LITERAL_MAX)
		return damaged(err, "a literal is too long");
	op->bytes = r->literal;
	return take(r, r->literal, op->n, err);
}

static int take_from(struct recipe_reader *r, struct recipe_op *op, struct err **err)
{
	uint64_t delta, shared, n;
	char clean[NAME_ROOM];
	if (take_number(r, &delta, err) < 0 || take_number(r, &shared, err) < 0 ||
		take_number(r, &n, err) < 0)
		return -1;
	if (shared > strlen(r->path) || n >= NAME_ROOM - shared)
		return damaged(err, "a path is too long");
	if (take(r, r->path + shared, n, err) < 0)
		return -1;
	r->path[shared + n] = '\0';
	if (strlen(r->path) != shared + n || name_clean(r->path, clean, NULL) < 0 ||
		strcmp(r->path, clean) != 0 || !*clean)
		return damaged(err, "a path is none");
	r->id += (delta >> 1) ^ (0 - (delta & 1));
	op->id = r->id;
	op->path = r->path;
	return 0;
}

static int take_content(struct recipe_reader *r, struct recipe_op *op, struct err **err)
{
	uint8_t crc[4];
	if (take_number(r, &op->offset, err) < 0 || take_number(r, &op->n, err) < 0 ||
		take(r, crc, sizeof(crc), err) < 0)
		return -1;
	if (!*r->path)
		return damaged(err, "a content has no file");
	if (op->offset > INT64_MAX || op->n > INT64_MAX - op->offset)
		return damaged(err, "a content is too large");
	op->crc = (uint32_t)crc[0] | (uint32_t)crc[1] << 8 | (uint32_t)crc[2] << 16 |
		  (uint32_t)crc[3] << 24;
	return 0;
}

static int take_end(struct recipe_reader *r, struct recipe_op *op, struct err **err)
{
	if (take_number(r, &op->n, err) < 0)
		return -1;
	/* the frame's checksum is at its end */
	int more = r->at < r->len ? 1 : refill(r, err);
	r->ended = true;
	return more > 0 ? damaged(err, "something follows its end") : more;
}

int recipe_next(struct recipe_reader *r, struct recipe_op *op, struct err **err)
{
	uint8_t kind;
	*op = (struct recipe_op){0};
	if (r->ended)
		return damaged(err, "it was read beyond its end");
	if (take(r, &kind, 1, err) < 0)
		return -1;
	op->kind = kind;
	switch (kind) {
	case RECIPE_END:
		return take_end(r, op, err);
	case RECIPE_LITERAL:
		return take_literal(r, op, err);
	case RECIPE_FROM:
		return take_from(r, op, err);
	case RECIPE_CONTENT:
		return take_content(r, op, err);
	default:
		return damaged(err, "it has an unknown operation");
	}
}
