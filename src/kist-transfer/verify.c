#include "verify.h"

#include <pthread.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "compare.h"
#include "replay.h"
#include "report.h"
#include "ring.h"
#include "unpack.h"

#define STACK (512u << 10)

struct shadow {
	pthread_t thread;
	int folder, side;
	enum unpack_how how;
	struct ring *ring;
	struct unpack_limits limits;
	struct unpack_result unpacked;
	int result;
	struct err *err;
};

static void *shadow_main(void *arg)
{
	struct shadow *s = arg;
	const struct unpack_input input = {ring_take, s->ring};
	s->result =
		unpack_layer(s->folder, s->side, &input, s->how, &s->limits, &s->unpacked, &s->err);
	ring_leave(s->ring);
	return NULL;
}

static int shadow_start(struct shadow *s, int root, struct err **err)
{
	pthread_attr_t attr;
	s->folder = unpack_folder_make(root, "layer", s->how, 0755, err);
	if (s->folder < 0)
		return -1;
	s->side = unpack_folder_make(root, "recipe", s->how, 0700, err);
	if (s->side < 0)
		return -1;
	s->ring = ring_new();
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	int r = pthread_create(&s->thread, &attr, shadow_main, s);
	pthread_attr_destroy(&attr);
	return r ? err_sys(err, r, "start a thread") : 0;
}

/* After the tar was written, whole or not. */
static int shadow_join(struct shadow *s, bool whole, struct err **err)
{
	ring_end(s->ring, whole);
	pthread_join(s->thread, NULL);
	if (whole && s->result < 0)
		return err_move(err, &s->err);
	return 0;
}

static void shadow_free(struct shadow *s)
{
	fd_close(s->folder);
	fd_close(s->side);
	ring_free(s->ring);
	err_freep(&s->err);
}

/* One pass: the tar is written, unpacked, and the trees compared. 1: that was not enough to compare all contents. */
static int pass(int root, const struct transfer_message *request, struct replay_spec *spec,
	enum unpack_how how, struct unpack_result *unpacked, struct err **err)
{
	struct replay_result replayed;
	struct shadow s = {
		.folder = -1,
		.side = -1,
		.how = how,
		.limits = {.max_bytes = request->max_bytes, .max_entries = request->max_entries},
	};
	auto_err *why = NULL;
	int r = shadow_start(&s, root, err);
	if (r == 0) {
		spec->onward = s.ring;
		int whole = replay_layer(spec, &replayed, &why);
		r = shadow_join(&s, whole == 0, err);
		/* a recipe that is damaged says nothing of the files */
		if (whole < 0 && why->kind == ERR_INVALID)
			damage_tell(spec->damages, "", "%s", err_msg(why));
		else if (whole < 0)
			r = err_move(err, &why);
		else if (r == 0)
			r = compare_layer(
				s.folder, spec->layer, how == UNPACK_WHOLE, spec->damages, err);
		if (r == 0 && whole == 0 && !replayed.same && !spec->damages->count)
			damage_tell(spec->damages, "",
				"its tar comes out with another digest: its recipe is damaged, or "
				"a content "
				"that is kept beside it");
		*unpacked = s.unpacked;
		if (r == 0 && whole == 0 && how == UNPACK_HOLLOW)
			r = s.unpacked.holes || s.unpacked.content != replayed.content;
	}
	shadow_free(&s);
	return r;
}

static int verify(int root, const struct transfer_message *request, struct replay_spec *spec,
	struct unpack_result *unpacked, struct err **err)
{
	int r = pass(root, request, spec, UNPACK_HOLLOW, unpacked, err);
	if (r <= 0 || spec->damages->count)
		return r < 0 ? -1 : 0;
	return pass(root, request, spec, UNPACK_WHOLE, unpacked, err);
}

int verify_serve(int root, const struct transfer_message *request, struct err **err)
{
	char room[512];
	int fds[FD_PASS_MAX];
	size_t nfds = ARRAY_LEN(fds);
	struct transfer_message m;
	ssize_t n = fd_recv(TRANSFER_FD_CONTROL, room, sizeof(room), fds, &nfds);
	if (n < 0)
		return err_sys(err, errno, "hear from the store");
	if (n == 0 || transfer_decode(room, (size_t)n, &m, err) < 0 || m.kind != TRANSFER_WRITE ||
		nfds != 2)
		return err && *err ? -1 : err_set(err, ERR_INVALID, "kist-transfer: no layer came");
	struct damages damages = {0};
	struct unpack_result unpacked = {0};
	struct replay_spec spec = {
		.layer = fds[0],
		.side = fds[1],
		.out = -1,
		.packing = LAYER_TAR_PLAIN,
		.diff_id = m.diff_id,
		.tar_size = m.size,
		.damages = &damages,
	};
	if (verify(root, request, &spec, &unpacked, err) < 0)
		return -1;
	struct transfer_message answer = {
		.kind = TRANSFER_VERIFIED,
		.size = unpacked.size,
		.opaque = unpacked.opaque,
		.damages = damages.count,
	};
	report_send(&answer);
	return 0;
}
