/*
 * Reading an archive in one pass.
 *
 * Layers come before the documents that name them, or after, in any order: so each member is taken
 * for what its content says. What may be a (compressed) tar or a small JSON document is handed on, links between
 * members are noted, and the store finds out at the end what belongs to which image. Everything else is passed over.
 *
 * This runs in a confined child (confine_child.c): what it says is the archive's author's word at best. The supervisor
 * (load.c) takes its own digests of the bytes that it is given.
 */
#include "outer.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/jsonr.h"
#include "base/mem.h"
#include "base/str.h"
#include "frame.h"
#include "layer.h"
#include "name.h"
#include "oci/image.h"
#include "stream.h"

#define CHUNK (256u << 10)

struct outer {
	int out;
	uint64_t in, plain; /* bytes read; of the archive, decompressed */
	uint64_t given; /* of members, with their holes */
	uint64_t entries;
	const struct outer_limits *limits;
	struct archive *a;
	char chunk[CHUNK];
};

static bool is_json(const char *head, size_t n)
{
	size_t i = 0;
	while (i < n && isspace((unsigned char)head[i]))
		i++;
	return i < n && (head[i] == '{' || head[i] == '[');
}

/* ---- to the supervisor ---- */

static int hand_on(const struct outer *o, const void *p, size_t n, struct err **err)
{
	return fd_write_all(o->out, p, n) < 0 ? err_sys(err, errno, "hand on a member") : 0;
}

static int say(const struct outer *o, struct frame *f, const char *name, const char *text,
	struct err **err)
{
	f->name = (uint32_t)strlen(name);
	f->text = (uint32_t)strlen(text);
	f->in = o->in;
	if (hand_on(o, f, sizeof(*f), err) < 0 || hand_on(o, name, f->name, err) < 0)
		return -1;
	return hand_on(o, text, f->text, err);
}

static int say_data(const struct outer *o, const void *p, size_t n, struct err **err)
{
	struct frame f = {.kind = FRAME_DATA, .size = n, .in = o->in};
	return hand_on(o, &f, sizeof(f), err) < 0 ? -1 : hand_on(o, p, n, err);
}

/* ---- members ---- */

static int take_data(struct outer *o, struct stream *from, struct err **err)
{
	ssize_t n;
	do {
		n = stream_fill(from, o->chunk, CHUNK, err);
		/* none: its end */
		if (n < 0 || say_data(o, o->chunk, (size_t)n, err) < 0)
			return -1;
	} while (n > 0);
	return 0;
}

/* ---- how many layers an image says that it has ---- */

static size_t count_members(struct jsonr *r)
{
	size_t n = 0;
	if (jsonr_peek(r) != '[') {
		jsonr_skip(r);
		return 0;
	}
	jsonr_enter(r, '[');
	for (; jsonr_more(r, ']'); n++)
		jsonr_skip(r);
	return n;
}

/* The members of the list @field; where there is @outer, of that object's. */
static size_t count_field(struct jsonr *r, const char *outer, const char *field, struct buf *key)
{
	size_t n = 0;
	if (jsonr_peek(r) != '{') {
		jsonr_skip(r);
		return 0;
	}
	jsonr_enter(r, '{');
	while (jsonr_key(r, key))
		if (outer && str_eq(buf_str(key), outer))
			n = count_field(r, NULL, field, key);
		else if (!outer && str_eq(buf_str(key), field))
			n = count_members(r);
		else
			jsonr_skip(r);
	return n;
}

/* Too many for one image: said when the document comes, which may be before thousands of layers have been unpacked. What a
 * document is for, and whether it is whole, the store finds out. */
static int check_depth(const struct buf *doc, struct err **err)
{
	auto_buf key = BUF_INIT;
	struct jsonr r = jsonr_from(doc->data, doc->len);
	size_t n = 0;
	if (jsonr_peek(&r) == '{') { /* an image's configuration? */
		n = count_field(&r, "rootfs", "diff_ids", &key);
	} else if (jsonr_enter(&r, '[')) { /* manifest.json? */
		while (n <= OCI_LAYER_MAX && jsonr_more(&r, ']'))
			n = count_field(&r, NULL, "Layers", &key);
	}
	if (n <= OCI_LAYER_MAX)
		return 0;
	return err_set(err, ERR_INVALID, "image has %zu layers, at most %d are possible", n,
		OCI_LAYER_MAX);
}

/* Of one that is too large, as much as shows that. */
static int take_doc(struct outer *o, struct stream *from, struct err **err)
{
	auto_buf b = BUF_INIT;
	ssize_t n;
	do {
		n = stream_read(from, buf_reserve(&b, 65536), 65536, err);
		if (n < 0)
			return -1;
		b.len += (size_t)n;
	} while (n > 0 && b.len <= OCI_DOCUMENT_MAX);
	if (b.len <= OCI_DOCUMENT_MAX && check_depth(&b, err) < 0)
		return -1;
	if (b.len && say_data(o, b.data, b.len, err) < 0)
		return -1;
	return say_data(o, NULL, 0, err);
}

/* No bytes at all are a tar without entries, as for Docker; but not every empty file is a layer. */
static bool may_be_empty(const char *name)
{
	static const char digest[] =
		"blobs/sha256/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
	return str_ends(name, ".tar") || str_eq(name, digest);
}

static int take_member(struct outer *o, const char *name, uint64_t size, struct err **err)
{
	char head[STREAM_HEAD];
	auto_stream *entry = stream_entry(o->a);
	/* a sparse member of a few bytes may be as large as it likes */
	auto_stream *data =
		stream_guard(entry, &o->in, &o->given, o->limits->max_ratio, RATIO_FLOOR);
	ssize_t n = stream_fill(data, head, sizeof(head), err);
	if (n < 0)
		return -1;
	auto_stream *all = stream_head(head, (size_t)n, data);
	struct frame f = {.plain = stream_detect(head, (size_t)n) == PLAIN, .size = size};
	if ((n == 0 && may_be_empty(name)) || !f.plain || stream_is_tar(head, (size_t)n))
		f.kind = FRAME_LAYER;
	else if (is_json(head, (size_t)n))
		f.kind = FRAME_DOC;
	else
		return 0;
	if (say(o, &f, name, "", err) < 0)
		return -1;
	return f.kind == FRAME_DOC ? take_doc(o, all, err) : take_data(o, all, err);
}

static int take_link(struct outer *o, const char *name, const char *target, struct err **err)
{
	struct frame f = {.kind = FRAME_LINK};
	return say(o, &f, name, target, err);
}

static int take_entry(struct outer *o, struct archive_entry *e, struct err **err)
{
	char name[NAME_ROOM], target[NAME_ROOM];
	const char *raw = archive_entry_pathname(e);
	if (!raw || name_clean(raw, name, err) < 0)
		return raw ? -1 : err_set(err, ERR_INVALID, "an entry of the archive has no name");
	if (++o->entries > o->limits->max_entries)
		return err_set(err, ERR_TOO_LARGE, "archive has more than %llu files",
			(unsigned long long)o->limits->max_entries);
	const char *link = archive_entry_hardlink(e);
	if (link)
		return name_clean(link, target, err) < 0 ? -1 : take_link(o, name, target, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return take_member(o, name, (uint64_t)archive_entry_size(e), err);
	case AE_IFLNK:
		link = archive_entry_symlink(e);
		if (!link || name_clean_from(name, link, target, err) < 0)
			return link ? -1 : 0;
		return take_link(o, name, target, err);
	default:
		return 0;
	}
}

static int read_members(struct outer *o, struct err **err)
{
	struct archive_entry *e;
	bool any = false;
	for (;;) {
		int r = archive_read_next_header(o->a, &e);
		if (r == ARCHIVE_EOF)
			return any ? 0 : err_set(err, ERR_INVALID, "the archive is empty");
		/* ARCHIVE_RETRY means a damaged header that could be skipped: not here */
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return err_set(err, ERR_INVALID, "damaged archive: %s",
				archive_error_string(o->a));
		any = true;
		if (take_entry(o, e, err) < 0)
			return -1;
	}
}

static int read_archive(struct outer *o, struct stream *plain, struct err **err)
{
	auto_free struct archive_source *source = xcalloc(1, sizeof(*source));
	source->from = plain;
	o->a = archive_read_new();
	archive_read_support_format_tar(o->a);
	archive_read_support_format_empty(o->a);
	int r = archive_source_open(o->a, source, err);
	if (r == 0)
		r = read_members(o, err);
	archive_read_free(o->a);
	/* what libarchive calls a damaged archive may have been a failed read */
	if (r < 0 && source->err)
		err_move(err, &source->err);
	err_freep(&source->err);
	return r;
}

int outer_read(int in, int out, const struct outer_limits *limits, struct err **err)
{
	auto_free struct outer *o = xcalloc(1, sizeof(*o));
	char head[STREAM_HEAD];
	o->out = out;
	o->limits = limits;
	auto_stream *input = stream_fd(in, &o->in);
	ssize_t n = stream_fill(input, head, sizeof(head), err);
	if (n < 0)
		return -1;
	auto_stream *all = stream_head(head, (size_t)n, input);
	auto_stream *plain = stream_decompress(all, stream_detect(head, (size_t)n));
	auto_stream *guarded =
		stream_guard(plain, &o->in, &o->plain, limits->max_ratio, RATIO_FLOOR);
	return read_archive(o, guarded, err) < 0 ? -1 : stream_drain(all, err);
}
