/*
 * The layers of a pull, all at once: kist-registry downloads, kist-transfer unpacks what is there
 * already. Both tell events; this passes on to each what it needs from the other, and to the client
 * what it is to see.
 */
#include <poll.h>

#include "core.h"
#include "operation.h"
#include "store/pull.h"
#include "transfer.h"

#define SAY_NS (TIME_NS_PER_SEC / 10) /* the least time between two figures for a layer */
#define SESSIONS_MAX 4 /* how often the program may die before we give up */

struct layer {
	char id[13];
	int transfer; /* the session's; -1: none */
	bool wanted; /* to be downloaded, when it is its turn */
	bool again; /* stop the transfer and begin anew */
	bool waits; /* "Waiting" was said */
	int64_t said; /* when a figure was */
};

struct fetch {
	struct operation *op;
	const struct registry_session_spec *again;
	struct registry_session *session; /* NULL: the program died */
	struct store_pull *pull;
	struct layer *v;
	size_t n;
	uint32_t max, running;
	unsigned sessions;
	bool ready;
};

static const struct store_pull_layer *store_layer(const struct fetch *f, size_t i)
{
	return store_pull_layer(f->pull, i);
}

/* ---- what is said ---- */

static void say(struct fetch *f, size_t i, const char *status)
{
	operation_layer(f->op, f->v[i].id, status);
}

static void say_bytes(struct fetch *f, size_t i, const char *status, int64_t current)
{
	int64_t now = time_mono(), total = store_layer(f, i)->size;
	if (now - f->v[i].said < SAY_NS && current < total)
		return;
	f->v[i].said = now;
	operation_say(f->op, &(struct image_message){.kind = IMAGE_LAYER,
				     .id = f->v[i].id,
				     .status = status,
				     .current = current,
				     .total = total});
}

static void begin(struct fetch *f)
{
	f->n = store_pull_layer_count(f->pull);
	f->v = xcalloc(f->n + 1, sizeof(*f->v));
	for (size_t i = 0; i < f->n; i++) {
		const struct store_pull_layer *l = store_layer(f, i);
		struct layer *own = &f->v[i];
		memcpy(own->id, digest_hex(&l->blob), 12);
		own->transfer = -1;
		own->wanted = l->state == STORE_PULL_NEEDED;
		bool here = l->state == STORE_PULL_HERE;
		say(f, i, here ? "Already exists" : "Pulling fs layer");
	}
}

/* ---- downloads ---- */

static int start_download(struct fetch *f, size_t i, struct err **err)
{
	const struct store_pull_layer *l = store_layer(f, i);
	int64_t offset;
	auto_err *why = NULL;
	auto_fd int fd = store_pull_open(f->pull, i, &offset, &why);
	if (fd < 0 && l->state == STORE_PULL_WAITING) {
		/* another pull has taken it over since our program died: its events are ours, too */
		f->v[i].wanted = f->v[i].waits = false;
		return 0;
	}
	if (fd < 0)
		return err_move(err, &why);
	const struct registry_download d = {
		.digest = l->blob, .size = l->size, .offset = offset, .fd = fd, .urls = l->urls};
	f->v[i].transfer = registry_download(f->session, &d, err);
	if (f->v[i].transfer < 0)
		return -1;
	f->v[i].wanted = f->v[i].waits = false;
	f->running++;
	return 0;
}

static int open_session(struct fetch *f, struct err **err)
{
	if (f->session)
		return 0;
	f->session = operation_session(f->op, f->again, err);
	return f->session ? 0 : -1;
}

static int start_downloads(struct fetch *f, struct err **err)
{
	for (size_t i = 0; i < f->n; i++) {
		if (!f->v[i].wanted)
			continue;
		if (f->running < f->max) {
			if (open_session(f, err) < 0 || start_download(f, i, err) < 0)
				return -1;
		} else if (!f->v[i].waits) {
			f->v[i].waits = true;
			say(f, i, "Waiting");
		}
	}
	return 0;
}

static int layer_of(const struct fetch *f, int transfer)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].transfer == transfer)
			return (int)i;
	return -1;
}

static int download_failed(struct fetch *f, size_t i, const struct err *why, struct err **err)
{
	f->v[i].transfer = -1;
	f->running--;
	if (!f->v[i].again)
		return err_set(err, why->kind, "%s", err_msg(why));
	f->v[i].again = false;
	f->v[i].wanted = true;
	return 0;
}

static int download_done(struct fetch *f, size_t i, int64_t bytes, struct err **err)
{
	f->v[i].transfer = -1;
	f->running--;
	say_bytes(f, i, "Downloading", bytes);
	if (f->v[i].again) {
		f->v[i].again = false;
		f->v[i].wanted = true;
		return 0;
	}
	say(f, i, "Verifying Checksum");
	if (store_pull_grown(f->pull, i, bytes, err) < 0)
		return -1;
	say(f, i, "Download complete");
	return 0;
}

static int on_registry(struct fetch *f, const struct registry_event *e, struct err **err)
{
	int i = layer_of(f, e->id);
	char text[48];
	if (i < 0)
		return 0;
	switch (e->kind) {
	case REGISTRY_PROGRESS:
		if (f->v[i].again)
			return 0;
		say_bytes(f, (size_t)i, "Downloading", e->bytes);
		return store_pull_grown(f->pull, (size_t)i, e->bytes, err);
	case REGISTRY_RETRYING:
		snprintf(text, sizeof(text), "Retrying in %u second%s", (e->wait_ms + 999) / 1000,
			e->wait_ms > 1000 ? "s" : "");
		say(f, (size_t)i, text);
		return 0;
	case REGISTRY_DONE:
		return download_done(f, (size_t)i, e->bytes, err);
	case REGISTRY_FAILED:
		return download_failed(f, (size_t)i, e->err, err);
	}
	return 0;
}

/* The program died: what it had under way is begun again, from where it is, by another. */
static int session_ended(struct fetch *f, struct err **cause, struct err **err)
{
	bool idle = f->running == 0;
	if (operation_cancelled(f->op) || (!idle && ++f->sessions >= SESSIONS_MAX))
		return err_move(err, cause);
	operation_session_close(f->op);
	f->session = NULL;
	f->running = 0;
	for (size_t i = 0; i < f->n; i++) {
		if (f->v[i].transfer < 0)
			continue;
		store_pull_lost(f->pull, i);
		f->v[i].transfer = -1;
		f->v[i].again = false;
		/* all its bytes may have been there, and unpacked */
		f->v[i].wanted = store_layer(f, i)->state == STORE_PULL_NEEDED;
	}
	return 0;
}

static int registry_events(struct fetch *f, struct err **err)
{
	struct registry_event e;
	auto_err *cause = NULL;
	int rc = 0;
	while (f->session && (rc = registry_event(f->session, &e, &cause)) == 1)
		if (on_registry(f, &e, err) < 0)
			return -1;
	return f->session && rc < 0 ? session_ended(f, &cause, err) : 0;
}

/* ---- the store ---- */

/* What is on disk was damaged. A transfer that still runs must end before the file is opened anew. */
static int restart(struct fetch *f, size_t i, struct err **err)
{
	if (f->v[i].transfer < 0) {
		f->v[i].wanted = true;
		return 0;
	}
	f->v[i].again = true;
	return registry_transfer_stop(f->session, f->v[i].transfer, err);
}

static int on_store(struct fetch *f, const struct store_pull_event *e, struct err **err)
{
	switch (e->kind) {
	case STORE_PULL_EVENT_NEEDED:
		f->v[e->layer].wanted = true;
		return 0;
	case STORE_PULL_EVENT_RESTART:
		return restart(f, e->layer, err);
	case STORE_PULL_EVENT_DOWNLOAD:
		say_bytes(f, e->layer, "Downloading", e->current);
		return 0;
	case STORE_PULL_EVENT_UNPACK:
		/* while bytes still come, their number says more */
		if (f->v[e->layer].transfer < 0 && !f->v[e->layer].wanted)
			say_bytes(f, e->layer, "Extracting", e->current);
		return 0;
	case STORE_PULL_EVENT_DONE:
		say(f, e->layer, "Pull complete");
		return 0;
	case STORE_PULL_EVENT_READY:
		f->ready = true;
		return 0;
	}
	return 0;
}

static int store_events(struct fetch *f, struct err **err)
{
	struct store_pull_event e;
	int rc = 0;
	while (!f->ready && (rc = store_pull_next(f->pull, &e, err)) == 1)
		if (on_store(f, &e, err) < 0)
			return -1;
	return rc;
}

/* ---- both ---- */

static int await(struct fetch *f, struct err **err)
{
	struct pollfd p[3] = {
		{operation_cancel_fd(f->op), POLLIN, 0},
		{store_pull_fd(f->pull), POLLIN, 0},
		{f->session ? registry_session_fd(f->session) : -1, POLLIN, 0},
	};
	if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
		return err_sys(err, errno, "wait for a pull");
	if (operation_cancelled(f->op))
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

/* Is there something to begin that no event will remind of? */
static bool pending(const struct fetch *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].wanted && f->running < f->max)
			return true;
	return false;
}

static int work(struct fetch *f, struct err **err)
{
	for (;;) {
		if (registry_events(f, err) < 0 || store_events(f, err) < 0)
			return -1;
		if (f->ready)
			return 0;
		if (start_downloads(f, err) < 0)
			return -1;
		/* starting may have brought events along, which no descriptor tells of */
		if (registry_events(f, err) < 0 || (!pending(f) && await(f, err) < 0))
			return -1;
	}
}

int fetch_layers(struct operation *op, const struct registry_session_spec *again,
	struct store_pull *pull, uint32_t max, struct err **err)
{
	struct fetch f = {.op = op,
		.again = again,
		.session = operation_open_session(op),
		.pull = pull,
		.max = max ? max : 1};
	begin(&f);
	int rc = work(&f, err);
	free(f.v);
	return rc;
}
