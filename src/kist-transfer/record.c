#include "record.h"

#include <fcntl.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "name.h"
#include "recipe.h"

#define LEVEL 1
#define OUT_SIZE 65536
/* Beyond it what was fed is taken for literal, passed or not. */
#define TAIL_MAX (4u << 20)

struct recorder {
	int fd;
	uint64_t *written;
	ZSTD_CCtx *z;
	char *out; /* OUT_SIZE bytes, of which pos are waiting to be written */
	size_t out_pos;

	/* the stream from @done on: first what @tail keeps, then the last bytes fed */
	uint64_t done; /* everything before it has its operation */
	uint64_t tail_at;
	struct buf tail;
	const char *fed;
	size_t fed_len;

	/* operations not yet written; at most one of them is not empty */
	struct buf literal;
	uint64_t content_at, content_len;
	uint32_t content_crc;

	uint64_t id, last_id;
	bool announced; /* FROM has been written for the present file */
	char path[NAME_ROOM], last_path[NAME_ROOM];
};

struct recorder *recorder_new(int dir, uint64_t *written, struct err **err)
{
	auto_fd int fd = openat(
		dir, RECIPE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, RECIPE_MAGIC, strlen(RECIPE_MAGIC)) < 0) {
		err_sys(err, errno, "write a layer's recipe");
		return NULL;
	}
	struct recorder *r = xcalloc(1, sizeof(*r));
	r->fd = steal_fd(&fd);
	r->written = written;
	*written += strlen(RECIPE_MAGIC);
	r->out = xmalloc(OUT_SIZE);
	r->z = ZSTD_createCCtx();
	if (!r->z)
		abort();
	ZSTD_CCtx_setParameter(r->z, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(r->z, ZSTD_c_windowLog, RECIPE_WINDOW_LOG);
	ZSTD_CCtx_setParameter(r->z, ZSTD_c_checksumFlag, 1);
	return r;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	ZSTD_freeCCtx(r->z);
	fd_close(r->fd);
	buf_free(&r->tail);
	buf_free(&r->literal);
	free(r->out);
	free(r);
}

/* ---- operations to the file ---- */

static int spill(struct recorder *r, struct err **err)
{
	if (r->out_pos && fd_write_all(r->fd, r->out, r->out_pos) < 0)
		return err_sys(err, errno, "write a layer's recipe");
	*r->written += r->out_pos;
	r->out_pos = 0;
	return 0;
}

static int compress(
	struct recorder *r, const void *p, size_t n, ZSTD_EndDirective end, struct err **err)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;
	do {
		ZSTD_outBuffer out = {r->out, OUT_SIZE, r->out_pos};
		left = ZSTD_compressStream2(r->z, &out, &in, end);
		if (ZSTD_isError(left))
			return err_set(err, ERR_SYSTEM, "compress a layer's recipe: %s",
				ZSTD_getErrorName(left));
		r->out_pos = out.pos;
		if (r->out_pos == OUT_SIZE && spill(r, err) < 0)
			return -1;
	} while (in.pos < in.size || (end == ZSTD_e_end && left));
	return 0;
}

static size_t put_number(uint8_t *at, uint64_t v)
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		at[n++] = (uint8_t)(v | 0x80);
	at[n++] = (uint8_t)v;
	return n;
}

static int flush_literal(struct recorder *r, struct err **err)
{
	uint8_t head[16];
	if (!r->literal.len)
		return 0;
	head[0] = RECIPE_LITERAL;
	size_t n = 1 + put_number(head + 1, r->literal.len);
	if (compress(r, head, n, ZSTD_e_continue, err) < 0 ||
		compress(r, r->literal.data, r->literal.len, ZSTD_e_continue, err) < 0)
		return -1;
	r->literal.len = 0;
	return 0;
}

static int announce(struct recorder *r, struct err **err)
{
	uint8_t head[64];
	size_t shared = 0, len = strlen(r->path);
	if (r->announced)
		return 0;
	while (r->path[shared] && r->path[shared] == r->last_path[shared])
		shared++;
	uint64_t delta = r->id - r->last_id;
	head[0] = RECIPE_FROM;
	size_t n = 1 + put_number(head + 1, (delta << 1) ^ (0 - (delta >> 63)));
	n += put_number(head + n, shared);
	n += put_number(head + n, len - shared);
	if (compress(r, head, n, ZSTD_e_continue, err) < 0 ||
		compress(r, r->path + shared, len - shared, ZSTD_e_continue, err) < 0)
		return -1;
	r->announced = true;
	r->last_id = r->id;
	memcpy(r->last_path, r->path, len + 1);
	return 0;
}

static int flush_content(struct recorder *r, struct err **err)
{
	uint8_t op[32];
	if (!r->content_len)
		return 0;
	if (announce(r, err) < 0)
		return -1;
	op[0] = RECIPE_CONTENT;
	size_t n = 1 + put_number(op + 1, r->content_at);
	n += put_number(op + n, r->content_len);
	for (int i = 0; i < 4; i++)
		op[n++] = (uint8_t)(r->content_crc >> (8 * i));
	r->content_len = 0;
	return compress(r, op, n, ZSTD_e_continue, err);
}

static int add_literal(struct recorder *r, const char *p, size_t n, struct err **err)
{
	if (n && flush_content(r, err) < 0)
		return -1;
	while (n) {
		size_t room = RECIPE_LITERAL_MAX - r->literal.len;
		size_t part = n < room ? n : room;
		buf_add(&r->literal, p, part);
		p += part;
		n -= part;
		if (r->literal.len == RECIPE_LITERAL_MAX && flush_literal(r, err) < 0)
			return -1;
	}
	return 0;
}

static int add_content(
	struct recorder *r, const void *p, size_t n, uint64_t offset, struct err **err)
{
	if (flush_literal(r, err) < 0)
		return -1;
	if (r->content_len && r->content_at + r->content_len != offset && flush_content(r, err) < 0)
		return -1;
	if (!r->content_len) {
		r->content_at = offset;
		r->content_crc = 0;
	}
	r->content_len += n;
	r->content_crc = recipe_crc(r->content_crc, p, n);
	return 0;
}

/* ---- the stream ---- */

static uint64_t fed_at(const struct recorder *r)
{
	return r->tail_at + r->tail.len;
}

static uint64_t fed_end(const struct recorder *r)
{
	return fed_at(r) + r->fed_len;
}

/* The stream's bytes from @pos on, as many as lie together; *n 0 where they are gone or have not come. */
static const char *window(const struct recorder *r, uint64_t pos, size_t *n)
{
	*n = 0;
	if (pos < r->tail_at || pos >= fed_end(r))
		return NULL;
	if (pos < fed_at(r)) {
		*n = (size_t)(fed_at(r) - pos);
		return r->tail.data + (pos - r->tail_at);
	}
	*n = (size_t)(fed_end(r) - pos);
	return r->fed + (pos - fed_at(r));
}

int recorder_passed(struct recorder *r, uint64_t pos, struct err **err)
{
	while (r->done < pos) {
		size_t n;
		const char *p = window(r, r->done, &n);
		if (!n)
			break;
		if (n > pos - r->done)
			n = (size_t)(pos - r->done);
		if (add_literal(r, p, n, err) < 0)
			return -1;
		r->done += n;
	}
	return 0;
}

/* Of what was fed last, that which is not done. */
static void keep_rest(struct recorder *r)
{
	uint64_t end = fed_end(r);
	uint64_t gone = r->done > r->tail_at ? r->done - r->tail_at : 0;
	size_t drop = gone < r->tail.len ? (size_t)gone : r->tail.len;
	buf_consume(&r->tail, drop);
	r->tail_at += drop;
	size_t skip = 0;
	if (!r->tail.len) {
		skip = r->done < end ? (size_t)(r->done - r->tail_at) : r->fed_len;
		r->tail_at += skip;
	}
	buf_add(&r->tail, r->fed + skip, r->fed_len - skip);
}

void recorder_keep(struct recorder *r)
{
	if (r->fed_len)
		keep_rest(r);
	r->fed = NULL;
	r->fed_len = 0;
}

int recorder_feed(struct recorder *r, const void *p, size_t n, struct err **err)
{
	r->fed = p;
	r->fed_len = n;
	return r->tail.len > TAIL_MAX ? recorder_passed(r, fed_at(r), err) : 0;
}

int recorder_file(struct recorder *r, uint64_t id, const char *path, struct err **err)
{
	if (flush_content(r, err) < 0)
		return -1;
	r->id = id;
	r->announced = false;
	memcpy(r->path, path, strlen(path) + 1);
	return 0;
}

/* True if the stream has the same bytes there. */
static bool same(const struct recorder *r, uint64_t pos, const char *p, size_t n)
{
	while (n) {
		size_t part;
		const char *raw = window(r, pos, &part);
		if (!part)
			return false;
		if (part > n)
			part = n;
		if (raw != p && memcmp(raw, p, part) != 0)
			return false;
		p += part;
		pos += part;
		n -= part;
	}
	return true;
}

int recorder_content(struct recorder *r, uint64_t pos, const void *p, size_t n, uint64_t offset,
	struct err **err)
{
	if (pos < r->done || !n || !same(r, pos, p, n))
		return 0;
	if (recorder_passed(r, pos, err) < 0 || add_content(r, p, n, offset, err) < 0)
		return -1;
	r->done = pos + n;
	return 0;
}

int recorder_end(struct recorder *r, uint64_t *tar_size, struct err **err)
{
	uint8_t op[16] = {RECIPE_END};
	*tar_size = fed_end(r);
	if (recorder_passed(r, *tar_size, err) < 0 || flush_content(r, err) < 0 ||
		flush_literal(r, err) < 0)
		return -1;
	size_t n = 1 + put_number(op + 1, *tar_size);
	if (compress(r, op, n, ZSTD_e_end, err) < 0)
		return -1;
	return spill(r, err);
}
