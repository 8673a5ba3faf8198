/*
 * Reading an archive in one pass.
 *
 * Layers come before the documents that name them, or after, in any order: so each member is taken
 * for what its content says. A (compressed) tar is unpacked to a folder of its own at once, a small
 * JSON document is kept, links between members are noted, and the store finds out at the end what
 * belongs to which image. Everything else is passed over.
 */
#include "load.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/jsonr.h"
#include "base/str.h"
#include "hash.h"
#include "layer.h"
#include "name.h"
#include "oci/image.h"
#include "report.h"

#define HEAD 512

/* A tar header's checksum counts its own eight bytes as blanks. */
static bool is_tar(const unsigned char *head, size_t n)
{
	if (n < HEAD)
		return false;
	unsigned long sum = 0, any = 0, want = 0;
	for (size_t i = 0; i < HEAD; i++) {
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

static bool is_json(const char *head, size_t n)
{
	size_t i = 0;
	while (i < n && isspace((unsigned char)head[i]))
		i++;
	return i < n && (head[i] == '{' || head[i] == '[');
}

static int next_item(struct run *run, uint32_t *index, struct err **err)
{
	if (run->items >= TRANSFER_ITEMS_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"archive has more than %d layers, documents and links", TRANSFER_ITEMS_MAX);
	*index = run->items++;
	return 0;
}

static const struct digest *no_digest(struct digest *d)
{
	static const uint8_t zeroes[32];
	digest_from_raw(zeroes, d);
	return d;
}

/* A member that cannot be used; it matters only if an image turns out to need it. */
static int report_unusable(struct run *run, const char *name, const char *why, struct err **err)
{
	struct transfer_message m = {.kind = TRANSFER_LAYER, .name = name};
	if (next_item(run, &m.index, err) < 0)
		return -1;
	no_digest(&m.blob);
	no_digest(&m.diff_id);
	auto_free char *text = xstrndup(why, 4096);
	m.text = text;
	report_send(&m);
	return 0;
}

static int save_doc(
	struct run *run, struct transfer_message *m, const struct buf *b, struct err **err)
{
	char file[32];
	snprintf(file, sizeof(file), "doc.%u", m->index);
	auto_fd int fd = openat(run->root, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write_all(fd, b->data, b->len) < 0)
		return err_sys(err, errno, "write %s", file);
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

static int take_doc(struct run *run, const char *name, struct stream *from, struct err **err)
{
	auto_buf b = BUF_INIT;
	ssize_t n;
	do {
		n = stream_read(from, buf_reserve(&b, 65536), 65536, err);
		if (n < 0)
			return -1;
		b.len += (size_t)n;
		if (b.len > OCI_DOCUMENT_MAX)
			return report_unusable(run, name, "document is larger than 4 MiB", err);
	} while (n > 0);
	run->docs_bytes += b.len;
	if (run->docs_bytes > TRANSFER_DOCS_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "archive has more than %u MiB of documents",
			TRANSFER_DOCS_BYTES_MAX >> 20);
	if (check_depth(&b, err) < 0)
		return -1;
	struct transfer_message m = {.kind = TRANSFER_DOC, .name = name, .size = b.len};
	if (next_item(run, &m.index, err) < 0)
		return -1;
	auto_hash *hash = hash_new();
	hash_add(hash, b.data, b.len);
	hash_end(hash, &m.blob);
	if (save_doc(run, &m, &b, err) < 0)
		return -1;
	report_send(&m);
	return 0;
}

/* True if the store has this layer already, as far as its name can be believed. */
static bool known_by_name(const char *name, enum compression how, struct digest *claimed)
{
	const char *hex = str_after(name, "blobs/sha256/");
	auto_free char *text = hex && how == PLAIN ? xasprintf("sha256:%s", hex) : NULL;
	return text && digest_parse(text, claimed, NULL) == 0 && report_query(claimed);
}

static int stage_and_report(struct run *run, struct layer *layer, struct stream *from,
	enum compression how, struct err **err)
{
	auto_err *bad = NULL;
	if (layer_stage(run, layer, from, how, &bad) < 0) {
		/* damaged or not a layer at all: others may be what the images need */
		if (bad->kind == ERR_INVALID)
			return report_unusable(run, layer->name, bad->msg, err);
		return err_move(err, &bad);
	}
	layer_report(layer);
	return 0;
}

static int take_layer(struct run *run, const char *name, uint64_t size, struct stream *from,
	enum compression how, struct err **err)
{
	struct digest claimed;
	struct layer layer = {.name = name, .total = size};
	if (++run->layers > TRANSFER_LAYERS_MAX)
		return err_set(
			err, ERR_TOO_LARGE, "archive has more than %d layers", TRANSFER_LAYERS_MAX);
	if (next_item(run, &layer.index, err) < 0)
		return -1;
	layer.unpack = !known_by_name(name, how, &claimed);
	/* of an OCI layout: its digest is in a manifest */
	layer.keep = how != PLAIN && str_starts(name, "blobs/sha256/");
	if (!layer.keep)
		return stage_and_report(run, &layer, from, how, err);
	char file[32];
	snprintf(file, sizeof(file), "blob.%u", layer.index);
	auto_fd int fd = openat(run->root, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "write %s", file);
	auto_stream *tee = stream_tee(from, fd);
	return stage_and_report(run, &layer, tee, how, err);
}

static int take_member(
	struct run *run, const char *name, uint64_t size, struct archive *a, struct err **err)
{
	char head[HEAD];
	auto_stream *data = stream_entry(a);
	ssize_t n = stream_fill(data, head, sizeof(head), err);
	if (n <= 0)
		return (int)n;
	auto_stream *all = stream_head(head, (size_t)n, data);
	enum compression how = stream_detect(head, (size_t)n);
	if (how != PLAIN || is_tar((unsigned char *)head, (size_t)n))
		return take_layer(run, name, size, all, how, err);
	if (is_json(head, (size_t)n))
		return take_doc(run, name, all, err);
	return 0;
}

static int take_link(struct run *run, const char *name, const char *target, struct err **err)
{
	struct transfer_message m = {.kind = TRANSFER_LINK, .name = name, .text = target};
	uint32_t index;
	if (next_item(run, &index, err) < 0)
		return -1;
	report_send(&m);
	return 0;
}

static int take_entry(struct run *run, struct archive *a, struct archive_entry *e, struct err **err)
{
	char name[NAME_ROOM], target[NAME_ROOM];
	const char *raw = archive_entry_pathname(e);
	if (!raw || name_clean(raw, name, err) < 0)
		return raw ? -1 : err_set(err, ERR_INVALID, "an entry of the archive has no name");
	if (++run->limits.entries > run->limits.max_entries)
		return err_set(err, ERR_TOO_LARGE, "archive has more than %llu files",
			(unsigned long long)run->limits.max_entries);
	const char *link = archive_entry_hardlink(e);
	if (link)
		return name_clean(link, target, err) < 0 ? -1 : take_link(run, name, target, err);
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return take_member(run, name, (uint64_t)archive_entry_size(e), a, err);
	case AE_IFLNK:
		link = archive_entry_symlink(e);
		if (!link || name_clean_from(name, link, target, err) < 0)
			return link ? -1 : 0;
		return take_link(run, name, target, err);
	default:
		return 0;
	}
}

static int walk(struct run *run, struct archive *a, struct err **err)
{
	struct archive_entry *e;
	bool any = false;
	for (;;) {
		int r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_EOF)
			return any ? 0 : err_set(err, ERR_INVALID, "the archive is empty");
		/* ARCHIVE_RETRY means a damaged header that could be skipped: not here */
		if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
			return err_set(
				err, ERR_INVALID, "damaged archive: %s", archive_error_string(a));
		any = true;
		if (take_entry(run, a, e, err) < 0)
			return -1;
	}
}

int load_archive(int root, const struct transfer_message *request, struct err **err)
{
	struct run run;
	run_init(&run, root, request);
	char head[HEAD];
	auto_stream *input = stream_fd(0, &run.in);
	ssize_t n = stream_fill(input, head, sizeof(head), err);
	if (n < 0)
		return -1;
	auto_stream *all = stream_head(head, (size_t)n, input);
	auto_stream *plain = stream_decompress(all, stream_detect(head, (size_t)n));
	auto_stream *guarded = stream_guard(plain, &run.in, &run.outer, run.max_ratio, RATIO_FLOOR);
	auto_free struct archive_source *source = xcalloc(1, sizeof(*source));
	source->from = guarded;
	struct archive *a = archive_read_new();
	archive_read_support_format_tar(a);
	archive_read_support_format_empty(a);
	int r = archive_source_open(a, source, err);
	if (r == 0)
		r = walk(&run, a, err);
	archive_read_free(a);
	/* what libarchive calls a damaged archive may have been a failed read */
	if (r < 0 && source->err)
		err_move(err, &source->err);
	err_freep(&source->err);
	return r < 0 ? -1 : stream_drain(all, err);
}

int load_layer(int root, const struct transfer_message *request, struct err **err)
{
	struct run run;
	run_init(&run, root, request);
	char head[HEAD];
	auto_stream *input = stream_fd(0, &run.in);
	ssize_t n = stream_fill(input, head, sizeof(head), err);
	if (n < 0)
		return -1;
	enum compression how = stream_detect(head, (size_t)n);
	if (how == PLAIN && !is_tar((unsigned char *)head, (size_t)n))
		return err_set(err, ERR_INVALID, "the input is not a tar archive");
	auto_stream *all = stream_head(head, (size_t)n, input);
	struct layer layer = {.name = "", .unpack = true};
	if (layer_stage(&run, &layer, all, how, err) < 0)
		return -1;
	layer_report(&layer);
	return 0;
}
