#include "tarout.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define BLOCK 512
#define OUT_SIZE (256u << 10)

struct tar_out {
	int fd;
	size_t used;
	uint64_t written; /* in all: for tar_out_pad() */
	char buf[OUT_SIZE];
};

/* The ustar header (POSIX.1-2017, pax, "ustar Interchange Format"). */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag;
	char linkname[100], magic[6], version[2], uname[32], gname[32];
	char devmajor[8], devminor[8], prefix[155], rest[12];
};
static_assert(sizeof(struct ustar) == BLOCK, "a header is one block");

struct tar_out *tar_out_new(int fd)
{
	struct tar_out *t = xmalloc(sizeof(*t));
	t->fd = fd;
	t->used = 0;
	t->written = 0;
	return t;
}

void tar_out_free(struct tar_out *t)
{
	free(t);
}

int tar_out_flush(struct tar_out *t, struct err **err)
{
	if (t->used && fd_write_all(t->fd, t->buf, t->used) < 0)
		return errno == EPIPE ? err_set(err, ERR_CANCELLED, "nobody reads the archive")
				      : err_sys(err, errno, "write the archive");
	t->used = 0;
	return 0;
}

char *tar_out_room(struct tar_out *t, size_t *n, struct err **err)
{
	if (t->used == OUT_SIZE && tar_out_flush(t, err) < 0)
		return NULL;
	*n = OUT_SIZE - t->used;
	return t->buf + t->used;
}

void tar_out_filled(struct tar_out *t, size_t n)
{
	t->used += n;
	t->written += n;
}

int tar_out_data(struct tar_out *t, const void *p, size_t n, struct err **err)
{
	const char *from = p;
	while (n) {
		size_t room;
		char *to = tar_out_room(t, &room, err);
		if (!to)
			return -1;
		size_t step = n < room ? n : room;
		memcpy(to, from, step);
		tar_out_filled(t, step);
		from += step;
		n -= step;
	}
	return 0;
}

int tar_out_zeroes(struct tar_out *t, uint64_t n, struct err **err)
{
	while (n) {
		size_t room;
		char *to = tar_out_room(t, &room, err);
		if (!to)
			return -1;
		size_t step = n < room ? (size_t)n : room;
		memset(to, 0, step);
		tar_out_filled(t, step);
		n -= step;
	}
	return 0;
}

int tar_out_pad(struct tar_out *t, struct err **err)
{
	return tar_out_zeroes(t, (BLOCK - t->written % BLOCK) % BLOCK, err);
}

int tar_out_end(struct tar_out *t, struct err **err)
{
	return tar_out_zeroes(t, (uint64_t)2 * BLOCK, err) < 0 ? -1 : tar_out_flush(t, err);
}

/* ---- pax ---- */

static size_t digits(size_t n)
{
	size_t d = 1;
	for (; n >= 10; n /= 10)
		d++;
	return d;
}

void tar_pax_add(struct buf *pax, const char *key, const void *value, size_t n)
{
	size_t rest = strlen(key) + n + 3; /* blank, '=', newline */
	size_t len = rest + digits(rest);
	/* the length counts its own digits, of which there may be one more now */
	if (rest + digits(len) != len)
		len = rest + digits(len);
	buf_addf(pax, "%zu %s=", len, key);
	buf_add(pax, value, n);
	buf_addc(pax, '\n');
}

static void add_text(struct buf *pax, const char *key, const char *value)
{
	tar_pax_add(pax, key, value, strlen(value));
}

static void add_number(struct buf *pax, const char *key, int64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "%lld", (long long)value);
	add_text(pax, key, text);
}

/* ---- header ---- */

/* Octal with a NUL at its end, as far as it fits; what does not gets a pax record and 0 here. */
static bool put_octal(char *to, size_t room, uint64_t value)
{
	bool fits = value >> (3 * (room - 1)) == 0;
	snprintf(to, room, "%0*llo", (int)room - 1, (unsigned long long)(fits ? value : 0));
	return fits;
}

/* As "prefix/name", if that is possible. */
static bool put_path(struct ustar *h, const char *path, size_t len)
{
	if (len <= sizeof(h->name)) {
		memcpy(h->name, path, len);
		return true;
	}
	/* the earliest '/' that leaves a name of 100 bytes at most */
	size_t from = len > sizeof(h->name) + 1 ? len - sizeof(h->name) - 1 : 0;
	const char *slash = memchr(path + from, '/', len - from);
	size_t prefix = slash ? (size_t)(slash - path) : 0;
	if (!prefix || prefix > sizeof(h->prefix) || prefix + 1 == len)
		return false;
	memcpy(h->prefix, path, prefix);
	memcpy(h->name, slash + 1, len - prefix - 1);
	return true;
}

static void seal(struct ustar *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned int sum = 0;
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memset(h->chksum, ' ', sizeof(h->chksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += p[i];
	snprintf(h->chksum, sizeof(h->chksum), "%06o", sum);
}

static int put_pax(struct tar_out *t, const char *path, const struct buf *pax, struct err **err)
{
	struct ustar h = {0};
	const char *base = strrchr(path, '/');
	auto_free char *name = xasprintf("PaxHeaders.0/%.80s", base && base[1] ? base + 1 : path);
	memcpy(h.name, name, strlen(name));
	put_octal(h.mode, sizeof(h.mode), 0644);
	put_octal(h.uid, sizeof(h.uid), 0);
	put_octal(h.gid, sizeof(h.gid), 0);
	put_octal(h.size, sizeof(h.size), pax->len);
	put_octal(h.mtime, sizeof(h.mtime), 0);
	h.typeflag = 'x';
	seal(&h);
	if (tar_out_data(t, &h, sizeof(h), err) < 0 ||
		tar_out_data(t, pax->data, pax->len, err) < 0)
		return -1;
	return tar_out_pad(t, err);
}

/* Readers take pax strings for UTF-8 unless they are told; all of this entry's are then bytes. */
static bool is_utf8(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	while (*p) {
		unsigned int c = *p++;
		int more = c < 0x80		   ? 0
			   : c >= 0xc2 && c < 0xe0 ? 1
			   : c >= 0xe0 && c < 0xf0 ? 2
			   : c >= 0xf0 && c < 0xf5 ? 3
						   : -1;
		if (more < 0)
			return false;
		unsigned int low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
		unsigned int high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
		for (; more > 0; more--, low = 0x80, high = 0xbf)
			if (*p < low || *p++ > high)
				return false;
	}
	return true;
}

static void put_numbers(struct ustar *h, const struct tar_member *m, struct buf *pax)
{
	put_octal(h->mode, sizeof(h->mode), m->mode & 07777);
	if (!put_octal(h->uid, sizeof(h->uid), m->uid))
		add_number(pax, "uid", m->uid);
	if (!put_octal(h->gid, sizeof(h->gid), m->gid))
		add_number(pax, "gid", m->gid);
	if (!put_octal(h->size, sizeof(h->size), m->size))
		add_number(pax, "size", (int64_t)m->size);
	if (m->mtime < 0)
		put_octal(h->mtime, sizeof(h->mtime), 0);
	if (m->mtime < 0 || !put_octal(h->mtime, sizeof(h->mtime), (uint64_t)m->mtime))
		add_number(pax, "mtime", m->mtime);
	if (m->type == TAR_CHAR || m->type == TAR_BLOCK) {
		/* 21 bits hold every number that Linux has (12 and 20 bits) */
		put_octal(h->devmajor, sizeof(h->devmajor), m->major);
		put_octal(h->devminor, sizeof(h->devminor), m->minor);
	}
}

int tar_out_member(struct tar_out *t, const struct tar_member *m, struct err **err)
{
	struct ustar h = {.typeflag = (char)m->type};
	auto_buf pax = BUF_INIT;
	auto_free char *path = m->type == TAR_FOLDER ? xasprintf("%s/", m->path) : xstrdup(m->path);
	bool long_path = !put_path(&h, path, strlen(path));
	bool long_link = m->link && strlen(m->link) > sizeof(h.linkname);
	if ((long_path && !is_utf8(path)) || (long_link && !is_utf8(m->link)))
		add_text(&pax, "hdrcharset", "BINARY");
	if (long_path) {
		add_text(&pax, "path", path);
		memcpy(h.name, path, sizeof(h.name));
	}
	if (m->link) {
		size_t n = strlen(m->link);
		memcpy(h.linkname, m->link, long_link ? sizeof(h.linkname) : n);
	}
	if (long_link)
		add_text(&pax, "linkpath", m->link);
	put_numbers(&h, m, &pax);
	if (m->pax)
		buf_add(&pax, m->pax->data, m->pax->len);
	if (pax.len && put_pax(t, m->path, &pax, err) < 0)
		return -1;
	seal(&h);
	return tar_out_data(t, &h, sizeof(h), err);
}
