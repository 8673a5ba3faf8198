/*
 * The frames that the reader of an archive sends to the supervisor, which are hostile by design (frame.h). Children and
 * the socket are stood in for: the reader has said the input and ended, a layer is read to its end.
 * Whatever comes, each document is told with the digest and the size of what was written, each record can be read by the
 * store, and no member has more bytes than came.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "child.h"
#include "hash.h"
#include "load.h"
#include "report.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PIPE_ROOM 65536 /* what any pipe takes without a reader */

/* set once, before the first input */
static char base[64];
static int root = -1;

/* of the present input */
static const uint8_t *frames;
static size_t frames_size, layers_bytes;
static uint8_t mood;

static void need(bool is)
{
	if (!is)
		abort();
}

/* ---- the child ---- */

int child_start(struct child *c, const struct child_spec *spec, struct err **err)
{
	*c = CHILD_NONE;
	need(spec->kind == CHILD_READS);
	return fd_write_all(spec->out, frames, frames_size) < 0 ? err_sys(err, errno, "write") : 0;
}

int child_hear(struct child *c, struct err **err)
{
	return mood & 1 ? err_set(err, ERR_INVALID, "damaged archive") : 1;
}

void child_end(struct child *c)
{
}

/* ---- layers ---- */

int pipeline_stage(const struct pipeline_spec *spec, struct layer *layer, struct source *from,
	struct err **err)
{
	char room[4096];
	ssize_t n;
	do {
		n = from->read(from, room, 1 + (mood >> 4) * 273u, err);
		need(n != SOURCE_WAIT && n <= (ssize_t)sizeof(room)); /* the other end is closed */
		if (n < 0)
			return -1;
		layer->blob_size += (uint64_t)n;
	} while (n > 0);
	layers_bytes += layer->blob_size;
	need(layers_bytes <= frames_size && spec->run->in <= frames_size);
	need(layer->total <= INT64_MAX);
	layer->how = PLAIN;
	digest_of("", 0, &layer->blob);
	layer->diff_id = layer->blob;
	return mood & 2 ? err_set(err, ERR_INVALID, "damaged layer") : 0;
}

/* ---- the store ---- */

static void check_doc(const struct transfer_message *m)
{
	char name[32];
	struct digest is;
	auto_buf b = BUF_INIT;
	snprintf(name, sizeof(name), "doc.%u", m->index);
	need(file_read(root, name, PIPE_ROOM, &b, NULL) == 0 && b.len == m->size);
	digest_of(b.data, b.len, &is);
	need(strcmp(is.str, m->blob.str) == 0 && unlinkat(root, name, 0) == 0);
}

void report_send(const struct transfer_message *m)
{
	auto_buf b = BUF_INIT;
	struct transfer_message again;
	transfer_encode(m, &b);
	need(b.len <= TRANSFER_MESSAGE_MAX && transfer_decode(b.data, b.len, &again, NULL) == 0);
	need(again.kind == m->kind && strcmp(again.name, m->name) == 0);
	if (m->kind == TRANSFER_DOC)
		check_doc(m);
}

bool report_query(const struct digest *diff_id)
{
	return mood & 4;
}

/* ---- */

static void remove_base(void)
{
	tree_remove(AT_FDCWD, base, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	hash_init();
	snprintf(base, sizeof(base), "/tmp/kist-fuzz-XXXXXX");
	need(mkdtemp(base) && atexit(remove_base) == 0);
	root = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	need(root >= 0);
	return 0;
}

/* The first byte says how the child ends, what a layer turns out to be, and how much of it is read at once. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0 || size > PIPE_ROOM)
		return 0;
	mood = *data;
	frames = data + 1;
	frames_size = size - 1;
	layers_bytes = 0;
	struct run run = {.root = root, .limits = {1 << 20, 1000}, .max_ratio = 250};
	const struct pipeline_spec spec = {.run = &run, .stall_ms = 1000};
	auto_err *err = NULL;
	int r = load_archive(&spec, &err);
	need((r < 0) == (err != NULL));
	return 0;
}
