#include "tarmake.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

static void octal(char *field, size_t width, uint64_t v)
{
	char text[32];
	snprintf(text, sizeof(text), "%0*llo", (int)width - 1, (unsigned long long)v);
	/* too large for the field: base 256, as GNU and star write it */
	if (strlen(text) < width) {
		memcpy(field, text, width);
		return;
	}
	for (size_t i = width; i-- > 0; v >>= 8)
		field[i] = (char)(v & 0xff);
	field[0] |= (char)0x80;
}

static void header(
	struct buf *out, const struct tar_entry *e, const char *name, const char *link, size_t size)
{
	char h[512] = {0};
	snprintf(h, 100, "%s", name);
	octal(h + 100, 8, e->mode);
	octal(h + 108, 8, e->uid);
	octal(h + 116, 8, e->gid);
	octal(h + 124, 12, size);
	octal(h + 136, 12, (uint64_t)e->mtime);
	memset(h + 148, ' ', 8);
	h[156] = e->type;
	if (link)
		snprintf(h + 157, 100, "%s", link);
	memcpy(h + 257,
		"ustar\0"
		"00",
		8);
	octal(h + 329, 8, e->major);
	octal(h + 337, 8, e->minor);
	unsigned int sum = 0;
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	h[155] = ' ';
	buf_add(out, h, sizeof(h));
}

static void padded(struct buf *out, const void *data, size_t len)
{
	static const char zero[512];
	buf_add(out, data, len);
	if (len % 512)
		buf_add(out, zero, 512 - len % 512);
}

static void record(struct buf *pax, const char *key, const void *value, size_t len)
{
	size_t body = strlen(key) + len + 3, total = body;
	char digits[24];
	do
		total = body + (size_t)snprintf(digits, sizeof(digits), "%zu", total);
	while (total != body + (size_t)snprintf(digits, sizeof(digits), "%zu", total));
	buf_addf(pax, "%zu %s=", total, key);
	buf_add(pax, value, len);
	buf_addc(pax, '\n');
}

static void extended(struct buf *out, const struct tar_entry *e)
{
	auto_buf pax = BUF_INIT;
	if (strlen(e->name) >= 100)
		record(&pax, "path", e->name, strlen(e->name));
	if (e->link && strlen(e->link) >= 100)
		record(&pax, "linkpath", e->link, strlen(e->link));
	if (e->xattr) {
		auto_free char *key = xasprintf("SCHILY.xattr.%s", e->xattr);
		record(&pax, key, e->value, e->value_len ? e->value_len : strlen(e->value));
	}
	if (!pax.len)
		return;
	struct tar_entry x = {.type = 'x', .mode = 0644};
	header(out, &x, "PaxHeaders/x", NULL, pax.len);
	padded(out, pax.data, pax.len);
}

void tar_put(struct buf *out, const struct tar_entry *entry)
{
	struct tar_entry e = *entry;
	if (!e.type)
		e.type = '0';
	if (!e.mode)
		e.mode = e.type == '5' ? 0755 : 0644;
	if (e.data && !e.len)
		e.len = strlen(e.data);
	extended(out, &e);
	header(out, &e, e.name, e.link, e.len);
	padded(out, e.data ? e.data : "", e.len);
}

void tar_end(struct buf *out)
{
	static const char zero[1024];
	buf_add(out, zero, sizeof(zero));
}

void tar_file(struct buf *out, const char *name, const char *data)
{
	tar_put(out, &(struct tar_entry){.name = name, .data = data});
}

void tar_dir(struct buf *out, const char *name)
{
	tar_put(out, &(struct tar_entry){.name = name, .type = '5'});
}

void tar_link(struct buf *out, char type, const char *name, const char *target)
{
	tar_put(out, &(struct tar_entry){.name = name, .type = type, .link = target, .mode = 0777});
}

void tar_blob(struct buf *out, const char *name, const void *data, size_t len)
{
	struct tar_entry e = {.name = name, .type = '0', .mode = 0644};
	header(out, &e, name, NULL, len);
	padded(out, data, len);
}

void gzip(const struct buf *in, struct buf *out)
{
	z_stream z = {.next_in = (Bytef *)in->data, .avail_in = (uInt)in->len};
	deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
	size_t room = deflateBound(&z, in->len) + 64;
	z.next_out = (Bytef *)buf_reserve(out, room);
	z.avail_out = (uInt)room;
	deflate(&z, Z_FINISH);
	out->len += room - z.avail_out;
	deflateEnd(&z);
}

void zstd(const struct buf *in, struct buf *out)
{
	size_t room = ZSTD_compressBound(in->len);
	out->len += ZSTD_compress(buf_reserve(out, room), room, in->data, in->len, 3);
}
