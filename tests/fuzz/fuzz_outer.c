/*
 * Walking an archive of images, as the child does that reads one. Whatever is in it, what it hands on are whole frames in
 * an order that the supervisor takes (frame.h): names without a NUL and of less than NAME_ROOM bytes, and
 * data in a member alone, which ends unless the archive is refused.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "frame.h"
#include "name.h"
#include "outer.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TAKEN_MAX (8u << 20) /* of one input: a bomb may give a GiB before it is called one */

struct reader {
	int from;
	uint64_t taken;
	bool in_member; /* it has begun, and not ended */
	bool left; /* it was too much, so that the rest was not read */
};

static void need(bool is)
{
	if (!is)
		abort();
}

static void take(struct reader *r, void *p, size_t n)
{
	need(fd_read_full(r->from, p, n) == 0);
}

static void take_name(struct reader *r, uint32_t n)
{
	char name[NAME_ROOM];
	need(n < NAME_ROOM);
	take(r, name, n);
	need(!memchr(name, '\0', n));
}

static void take_data(struct reader *r, uint64_t n)
{
	char room[65536];
	need(r->in_member);
	r->in_member = n > 0;
	r->taken += n;
	r->left = r->taken > TAKEN_MAX;
	while (n && !r->left) {
		size_t part = n < sizeof(room) ? (size_t)n : sizeof(room);
		take(r, room, part);
		n -= part;
	}
}

static void take_frame(struct reader *r, const struct frame *f)
{
	if (f->kind == FRAME_DATA) {
		need(f->name == 0 && f->text == 0);
		take_data(r, f->size);
		return;
	}
	need(f->kind < FRAME_DATA && !r->in_member);
	take_name(r, f->name);
	take_name(r, f->text);
	r->in_member = f->kind != FRAME_LINK;
}

static void *reader_main(void *arg)
{
	struct reader *r = arg;
	struct frame f;
	while (!r->left) {
		ssize_t n = fd_read(r->from, &f, sizeof(f));
		if (n == 0)
			break;
		need(n == (ssize_t)sizeof(f));
		take_frame(r, &f);
	}
	fd_close(r->from);
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2];
	pthread_t thread;
	auto_err *err = NULL;
	const struct outer_limits limits = {.max_entries = 1000, .max_ratio = 250};
	auto_fd int in = memfd_create("in", MFD_CLOEXEC);
	need(in >= 0 && fd_write_all(in, data, size) == 0 && lseek(in, 0, SEEK_SET) == 0);
	need(pipe2(pair, O_CLOEXEC) == 0);
	struct reader r = {.from = pair[0]};
	need(pthread_create(&thread, NULL, reader_main, &r) == 0);
	int ended = outer_read(in, pair[1], &limits, &err);
	close(pair[1]);
	need(pthread_join(thread, NULL) == 0);
	need((ended < 0) == (err != NULL));
	need(ended < 0 || !r.in_member);
	return 0;
}
