/*
 * Theory of operation.
 *
 * An archive of images is a tar, perhaps compressed: whoever reads it may be taken over by it. That is a confined child
 * (outer.c), which says of each member what it is called and what its bytes are; this process hashes those
 * bytes itself and hands them to children of the layer's own (pipeline.c):
 *
 *	input --> reads --> frames --> [hash] --> inflates --> [copy, hash] --> unpacks
 *
 * So the child may leave out, invent and rename members, as the archive's author could have, and no more: what is in a
 * document or a layer is what its digest says. It has no files, and no way to other children but through here.
 *
 * Frames have a size that is fixed and are read whole (frame.h). What does not fit ends the load.
 */
#include "load.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "frame.h"
#include "hash.h"
#include "name.h"
#include "oci/image.h"
#include "report.h"

#define INPUT STDIN_FILENO
#define PIPE_SIZE (1 << 20)
/* Of documents that are too large, what is read and dropped, in all. An honest reader gives at most 64 KiB of each. */
#define DROPPED_MAX ((uint64_t)TRANSFER_ITEMS_MAX << 16)
#define END_MS                                                                                     \
	(10 * 1000) /* from the end of its frames, which a child closes by ending, to its own */

struct load {
	struct source s; /* the present member's data */
	const struct pipeline_spec *spec;
	struct run *run;
	struct child child;
	int from; /* its frames; not blocking */
	uint64_t left; /* of the present DATA */
	bool ended; /* the member has */
	bool broken; /* frames do not fit: nothing more is read */
	bool closed; /* nothing more comes: the child has ended, or pretends to */
	uint64_t claimed, came; /* bytes of the input, as the child says; of members */
	uint64_t dropped; /* of documents that are too large */
};

/* ---- frames ---- */

static ssize_t break_off(struct load *l, struct err **err)
{
	l->broken = true;
	return err_set(err, ERR_SYSTEM, "reading the archive ended within a member");
}

static ssize_t hear(struct load *l, void *p, size_t n)
{
	ssize_t r = fd_read(l->from, p, n);
	l->closed = r == 0;
	return r;
}

static int take_frame(struct load *l, struct frame *f)
{
	ssize_t n = hear(l, f, sizeof(*f));
	if (n != (ssize_t)sizeof(*f))
		return n < 0 && errno == EAGAIN ? SOURCE_WAIT : (int)(n ? -1 : 0);
	/* it may say what it likes: more than it gave cannot have come */
	l->claimed = f->in;
	return 1;
}

/* Against bombs, by what is packed twice, too. */
static void count_input(struct load *l, size_t n)
{
	l->came += n;
	l->run->in = l->claimed < l->came ? l->claimed : l->came;
}

static ssize_t member_read(struct source *s, void *p, size_t n, struct err **err)
{
	struct load *l = (struct load *)s;
	struct frame f;
	while (!l->left && !l->ended) {
		int r = l->broken ? -1 : take_frame(l, &f);
		if (r == SOURCE_WAIT)
			return r;
		if (r != 1 || f.kind != FRAME_DATA)
			return break_off(l, err);
		l->left = f.size;
		l->ended = f.size == 0;
	}
	if (l->ended)
		return 0;
	ssize_t r = hear(l, p, l->left < n ? (size_t)l->left : n);
	if (r < 0 && errno == EAGAIN)
		return SOURCE_WAIT;
	if (r <= 0)
		return break_off(l, err);
	l->left -= (uint64_t)r;
	count_input(l, (size_t)r);
	return r;
}

static void begin_member(struct load *l)
{
	l->left = 0;
	l->ended = false;
}

static int wait_for(int fd, int ms)
{
	struct pollfd in = {fd, POLLIN, 0};
	int r;
	do
		r = poll(&in, 1, ms);
	while (r < 0 && errno == EINTR);
	return r;
}

/* Waits for a whole string and ends it; a NUL in it ends it earlier, which is as good. */
static int take_string(struct load *l, char out[NAME_ROOM], uint32_t n, struct err **err)
{
	size_t have = 0;
	while (n < NAME_ROOM && have < n) {
		ssize_t r = hear(l, out + have, n - have);
		if (r < 0 && errno == EAGAIN && wait_for(l->from, -1) >= 0)
			continue;
		if (r <= 0)
			break;
		have += (size_t)r;
	}
	if (have < n)
		return (int)break_off(l, err);
	out[have] = '\0';
	return 0;
}

/* ---- members ---- */

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

/* What is too large is passed over, but not without end. */
static int drop_rest(struct load *l, struct buf *b, struct err **err)
{
	if (b->len <= OCI_DOCUMENT_MAX)
		return 0;
	l->dropped += b->len - OCI_DOCUMENT_MAX;
	b->len = OCI_DOCUMENT_MAX + 1;
	if (l->dropped > DROPPED_MAX)
		return err_set(
			err, ERR_TOO_LARGE, "reading the archive gave documents without end");
	return 0;
}

/* All of it, or as much as shows that it is too large. */
static int read_doc(struct load *l, struct buf *b, struct err **err)
{
	for (;;) {
		if (drop_rest(l, b, err) < 0)
			return -1;
		ssize_t n = member_read(&l->s, buf_reserve(b, 65536), 65536, err);
		if (n == SOURCE_WAIT && wait_for(l->from, -1) >= 0)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : 0;
		b->len += (size_t)n;
	}
}

static int take_doc(struct load *l, const char *name, struct err **err)
{
	struct run *run = l->run;
	auto_buf b = BUF_INIT;
	if (read_doc(l, &b, err) < 0)
		return -1;
	if (b.len > OCI_DOCUMENT_MAX)
		return report_unusable(run, name, "document is larger than 4 MiB", err);
	run->docs_bytes += b.len;
	if (run->docs_bytes > TRANSFER_DOCS_BYTES_MAX)
		return err_set(err, ERR_TOO_LARGE, "archive has more than %u MiB of documents",
			TRANSFER_DOCS_BYTES_MAX >> 20);
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
static bool known_by_name(const char *name, struct digest *claimed)
{
	const char *hex = str_after(name, "blobs/sha256/");
	auto_free char *text = hex ? xasprintf("sha256:%s", hex) : NULL;
	return text && digest_parse(text, claimed, NULL) == 0 && report_query(claimed);
}

static int take_layer(struct load *l, const char *name, const struct frame *f, struct err **err)
{
	struct digest claimed;
	auto_err *bad = NULL;
	/* for progress alone: what cannot be a file's length is not known */
	struct layer layer = {.name = name, .total = f->size <= INT64_MAX ? f->size : 0};
	if (++l->run->layers > TRANSFER_LAYERS_MAX)
		return err_set(
			err, ERR_TOO_LARGE, "archive has more than %d layers", TRANSFER_LAYERS_MAX);
	if (next_item(l->run, &layer.index, err) < 0)
		return -1;
	/* whether it is plain the child says, and only its own archive suffers if that is not so */
	layer.unpack = !f->plain || !known_by_name(name, &claimed);
	/* of an OCI layout: its digest is in a manifest */
	layer.keep = str_starts(name, "blobs/sha256/");
	if (pipeline_stage(l->spec, &layer, &l->s, &bad) == 0) {
		layer_report(&layer);
		return 0;
	}
	/* damaged or not a layer at all: others may be what the images need */
	if (!l->broken && bad->kind == ERR_INVALID)
		return report_unusable(l->run, name, bad->msg, err);
	return err_move(err, &bad);
}

static int take_link(struct load *l, const char *name, const char *target, struct err **err)
{
	struct transfer_message m = {.kind = TRANSFER_LINK, .name = name, .text = target};
	uint32_t index;
	if (next_item(l->run, &index, err) < 0)
		return -1;
	report_send(&m);
	return 0;
}

static int take_member(struct load *l, const struct frame *f, struct err **err)
{
	char name[NAME_ROOM], text[NAME_ROOM];
	if (take_string(l, name, f->name, err) < 0 || take_string(l, text, f->text, err) < 0)
		return -1;
	begin_member(l);
	switch (f->kind) {
	case FRAME_LINK:
		return take_link(l, name, text, err);
	case FRAME_DOC:
		return take_doc(l, name, err);
	case FRAME_LAYER:
		return take_layer(l, name, f, err);
	default:
		return (int)break_off(l, err);
	}
}

/* ---- the archive ---- */

/* How the child ended, which counts more than what it leaves behind: it speaks before it ends, and by that closes its
 * frames. One that goes on behind frames that do not fit has nothing to say. */
static int verdict(struct load *l, struct err **err)
{
	int ms = l->spec->stall_ms < END_MS ? l->spec->stall_ms : END_MS;
	while (l->closed) {
		int r = child_hear(&l->child, err);
		if (r)
			return r < 0 ? -1 : 0;
		if (wait_for(l->child.report, ms) == 0)
			return err_set(err, ERR_SYSTEM, "reading the archive stood still for %d s",
				ms / 1000);
	}
	return 0;
}

static int take_members(struct load *l, struct err **err)
{
	for (;;) {
		struct frame f;
		int r = take_frame(l, &f);
		if (r == SOURCE_WAIT && wait_for(l->from, -1) >= 0)
			continue;
		if (r == 0)
			return 0;
		if (r < 0)
			return (int)break_off(l, err);
		if (take_member(l, &f, err) < 0)
			return -1;
	}
}

static int start_reading(struct load *l, struct err **err)
{
	int pair[2];
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	auto_fd int out = pair[1];
	l->from = l->s.fd = pair[0];
	fcntl(l->from, F_SETPIPE_SZ, PIPE_SIZE); /* the machine may not have it */
	if (fd_set_blocking(l->from, false) < 0)
		return err_sys(err, errno, "make a pipe");
	const struct child_spec spec = {
		.tools = l->spec->tools,
		.filters = l->spec->filters,
		.kind = CHILD_READS,
		.in = INPUT,
		.out = out,
		.folder = -1,
		.outer = {l->run->limits.max_entries, l->run->max_ratio},
	};
	return child_start(&l->child, &spec, err);
}

int load_archive(const struct pipeline_spec *spec, struct err **err)
{
	struct load l = {
		.s = {member_read, -1, NULL},
		.spec = spec,
		.run = spec->run,
		.child = CHILD_NONE,
		.from = -1,
	};
	auto_err *why = NULL, *said = NULL;
	int r = start_reading(&l, err);
	if (r == 0) {
		r = take_members(&l, &why);
		/* a child that broke off says why itself */
		if ((r == 0 || l.broken) && verdict(&l, &said) < 0)
			r = err_move(err, &said);
		else if (r < 0)
			r = err_move(err, &why);
	}
	child_end(&l.child);
	fd_close(l.from);
	return r;
}

/* ---- one layer ---- */

struct input {
	struct source s;
	struct run *run;
	char head[STREAM_HEAD];
	size_t at, len; /* of head: given; there */
};

static ssize_t input_read(struct source *s, void *p, size_t n, struct err **err)
{
	struct input *in = (struct input *)s;
	ssize_t r = (ssize_t)(in->len - in->at < n ? in->len - in->at : n);
	if (r > 0) {
		memcpy(p, in->head + in->at, (size_t)r);
		in->at += (size_t)r;
	} else {
		if (wait_for(INPUT, 0) == 0)
			return SOURCE_WAIT;
		r = fd_read(INPUT, p, n);
	}
	if (r < 0)
		return err_sys(err, errno, "read the input");
	in->run->in += (uint64_t)r;
	return r;
}

int load_layer(const struct pipeline_spec *spec, struct err **err)
{
	struct input in = {.s = {input_read, INPUT, NULL}, .run = spec->run};
	struct layer layer = {.name = "", .unpack = true};
	auto_stream *input = stream_fd(INPUT, NULL);
	ssize_t n = stream_fill(input, in.head, sizeof(in.head), err);
	if (n < 0)
		return -1;
	in.len = (size_t)n;
	/* no bytes at all are a tar without entries, as for Docker */
	if (n > 0 && stream_detect(in.head, in.len) == PLAIN && !stream_is_tar(in.head, in.len))
		return err_set(err, ERR_INVALID, "the input is not a tar archive");
	if (pipeline_stage(spec, &layer, &in.s, err) < 0)
		return -1;
	layer_report(&layer);
	return 0;
}
