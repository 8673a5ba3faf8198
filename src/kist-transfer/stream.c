#include "stream.h"

#include <archive.h>
#include <fcntl.h>
#include <string.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "lane.h"

void stream_free(struct stream *s)
{
	if (!s)
		return;
	if (s->ops->free)
		s->ops->free(s);
	free(s);
}

ssize_t stream_fill(struct stream *s, void *p, size_t n, struct err **err)
{
	size_t have = 0;
	while (have < n) {
		ssize_t r = stream_read(s, (char *)p + have, n - have, err);
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		have += (size_t)r;
	}
	return (ssize_t)have;
}

ssize_t stream_borrow(struct stream *s, void *room, size_t n, const void **p, struct err **err)
{
	if (s->ops->borrow)
		return s->ops->borrow(s, p, err);
	*p = room;
	return stream_read(s, room, n, err);
}

int stream_drain(struct stream *s, struct err **err)
{
	auto_free char *chunk = xmalloc(65536);
	ssize_t r;
	do
		r = stream_read(s, chunk, 65536, err);
	while (r > 0);
	return r < 0 ? -1 : 0;
}

/* ---- a descriptor ---- */

struct fd_stream {
	struct stream s;
	int fd;
	uint64_t *count;
};

static ssize_t fd_stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct fd_stream *f = (struct fd_stream *)s;
	ssize_t r = fd_read(f->fd, p, n);
	if (r < 0)
		return err_sys(err, errno, "read the input");
	if (f->count)
		*f->count += (uint64_t)r;
	return r;
}

static const struct stream_ops fd_stream_ops = {fd_stream_read, NULL};

struct stream *stream_fd(int fd, uint64_t *count)
{
	struct fd_stream *f = xcalloc(1, sizeof(*f));
	f->s.ops = &fd_stream_ops;
	f->fd = fd;
	f->count = count;
	return &f->s;
}

/* ---- a lane ---- */

struct lane_stream {
	struct stream s;
	struct lane *lane;
	const char *at; /* taken, and not yet read */
	size_t left;
};

static ssize_t lane_stream_borrow(struct stream *s, const void **p, struct err **err)
{
	struct lane_stream *l = (struct lane_stream *)s;
	ssize_t n = (ssize_t)l->left;
	*p = l->at;
	l->left = 0;
	if (n == 0)
		n = lane_take(l->lane, p);
	return n < 0 ? err_sys(err, errno, "read the input") : n;
}

static ssize_t lane_stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct lane_stream *l = (struct lane_stream *)s;
	const void *at;
	ssize_t there = lane_stream_borrow(s, &at, err);
	if (there <= 0)
		return there;
	size_t part = (size_t)there < n ? (size_t)there : n;
	memcpy(p, at, part);
	l->at = (const char *)at + part;
	l->left = (size_t)there - part;
	return (ssize_t)part;
}

static const struct stream_ops lane_stream_ops = {lane_stream_read, NULL, lane_stream_borrow};

struct stream *stream_lane(struct lane *lane)
{
	struct lane_stream *l = xcalloc(1, sizeof(*l));
	l->s.ops = &lane_stream_ops;
	l->lane = lane;
	return &l->s;
}

/* ---- a member of an archive ---- */

struct entry_stream {
	struct stream s;
	struct archive *a;
};

static ssize_t entry_stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct archive *a = ((struct entry_stream *)s)->a;
	la_ssize_t r = archive_read_data(a, p, n);
	if (r < 0)
		return err_set(err, ERR_INVALID, "read archive: %s", archive_error_string(a));
	return r;
}

static const struct stream_ops entry_stream_ops = {entry_stream_read, NULL};

struct stream *stream_entry(struct archive *a)
{
	struct entry_stream *e = xcalloc(1, sizeof(*e));
	e->s.ops = &entry_stream_ops;
	e->a = a;
	return &e->s;
}

/* ---- bytes that were looked at before ---- */

struct head_stream {
	struct stream s;
	struct stream *rest;
	size_t at, len;
	char head[];
};

static ssize_t head_stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct head_stream *h = (struct head_stream *)s;
	if (h->at == h->len)
		return stream_read(h->rest, p, n, err);
	size_t part = h->len - h->at < n ? h->len - h->at : n;
	memcpy(p, h->head + h->at, part);
	h->at += part;
	return (ssize_t)part;
}

static const struct stream_ops head_stream_ops = {head_stream_read, NULL};

struct stream *stream_head(const void *head, size_t n, struct stream *rest)
{
	struct head_stream *h = xcalloc(1, sizeof(*h) + n);
	h->s.ops = &head_stream_ops;
	h->rest = rest;
	h->len = n;
	memcpy(h->head, head, n);
	return &h->s;
}

/* ---- as it is ---- */

struct through_stream {
	struct stream s;
	struct stream *from;
};

static ssize_t through_stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	return stream_read(((struct through_stream *)s)->from, p, n, err);
}

static const struct stream_ops through_stream_ops = {through_stream_read, NULL};

struct stream *stream_through(struct stream *from)
{
	struct through_stream *t = xcalloc(1, sizeof(*t));
	t->s.ops = &through_stream_ops;
	t->from = from;
	return &t->s;
}

/* ---- against bombs ---- */

struct guard_stream {
	struct stream s;
	struct stream *from;
	const uint64_t *in;
	uint64_t *out, floor;
	uint32_t ratio;
};

static ssize_t guard_stream_read(struct stream *s, void *p, size_t n, struct err **err)
{
	struct guard_stream *g = (struct guard_stream *)s;
	ssize_t r = stream_read(g->from, p, n, err);
	if (r <= 0)
		return r;
	*g->out += (uint64_t)r;
	if (*g->out > g->floor && *g->out / g->ratio > *g->in)
		return err_set(err, ERR_TOO_LARGE,
			"archive unpacks to more than %u times its size: refused as a "
			"decompression bomb",
			g->ratio);
	return r;
}

static const struct stream_ops guard_stream_ops = {guard_stream_read, NULL};

struct stream *stream_guard(
	struct stream *from, const uint64_t *in, uint64_t *out, uint32_t ratio, uint64_t floor)
{
	struct guard_stream *g = xcalloc(1, sizeof(*g));
	g->s.ops = &guard_stream_ops;
	g->from = from;
	g->in = in;
	g->out = out;
	g->ratio = ratio ? ratio : 1;
	g->floor = floor;
	return &g->s;
}

/* ---- what is in it ---- */

/* A tar header's checksum counts its own eight bytes as blanks. */
bool stream_is_tar(const void *p, size_t n)
{
	const unsigned char *head = p;
	if (n < STREAM_HEAD)
		return false;
	unsigned long sum = 0, any = 0, want = 0;
	for (size_t i = 0; i < STREAM_HEAD; i++) {
		any |= head[i];
		sum += i >= 148 && i < 156 ? ' ' : head[i];
	}
	if (!any)
		return true; /* an empty tar is zeroes alone */
	size_t i = 148;
	while (i < 156 && head[i] == ' ')
		i++;
	for (; i < 156 && head[i] >= '0' && head[i] <= '7'; i++)
		want = want * 8 + (head[i] - '0');
	return want == sum;
}

/* ---- for libarchive ---- */

static la_ssize_t source_read(struct archive *a, void *data, const void **out)
{
	struct archive_source *source = data;
	*out = source->chunk;
	ssize_t r = stream_borrow(
		source->from, source->chunk, sizeof(source->chunk), out, &source->err);
	if (r < 0) {
		archive_set_error(a, EIO, "%s", err_msg(source->err));
		return ARCHIVE_FATAL;
	}
	return r;
}

int archive_source_open(struct archive *a, struct archive_source *source, struct err **err)
{
	if (archive_read_open2(a, source, NULL, source_read, NULL, NULL) != ARCHIVE_OK) {
		if (source->err)
			return err_move(err, &source->err);
		return err_set(err, ERR_INVALID, "read archive: %s", archive_error_string(a));
	}
	return 0;
}
