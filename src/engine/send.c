/*
 * Uploads, several at once. A blob that is in content/ is sent from its file; a layer without one is
 * written again by kist-transfer into a pipe that kist-registry reads: neither passes through here. The
 * packer blocks, so each has a thread.
 */
#include "send.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>

#include "core.h"
#include "store/content.h"

#define SAY_NS (TIME_NS_PER_SEC / 10)
#define PATIENCE_S 30 /* for a packer that nobody listens to any more */
#define UNREAD "kist-registry does not read a layer that it says it is done with"

/* A layer that is being written again. */
struct packing {
	pthread_t thread;
	struct store *store;
	struct digest diff_id;
	enum layer_packing how;
	int out; /* the pipe's end; the thread closes it */
	_Atomic int64_t current, total; /* bytes of the tar */
	atomic_bool stop;
	struct layer_packed packed;
	struct err *err;
	int rc;
};

struct upload {
	int transfer; /* the session's; -1: not running */
	bool done;
	size_t same; /* the item whose upload is this one's, too; itself if none */
	struct packing *packing;
	int64_t said;
};

struct send {
	struct operation *op;
	struct registry_session *session;
	struct send_item *items;
	struct upload *v;
	size_t n;
	uint32_t max, running;
};

void send_items_free(struct send_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(items[i].media_type);
		strv_free(items[i].mount_from);
	}
	free(items);
}

/* ---- packing ---- */

static int on_packed(void *arg, int64_t current, int64_t total)
{
	struct packing *p = arg;
	p->current = current;
	p->total = total;
	return p->stop;
}

static void *pack(void *arg)
{
	struct packing *p = arg;
	struct layer_packer *packer = layer_packer_open(p->store, &p->err);
	p->rc = packer ? layer_packer_write(packer, &p->diff_id, p->out, p->how, on_packed, p,
				 &p->packed, &p->err)
		       : -1;
	fd_closep(&p->out);
	layer_packer_close(packer);
	return NULL;
}

static struct packing *packing_start(
	struct store *store, const struct send_item *item, int out, struct err **err)
{
	struct packing *p = xcalloc(1, sizeof(*p));
	p->store = store;
	p->diff_id = item->diff_id;
	p->how = item->packing;
	p->out = out;
	p->total = layer_tar_size(store, &item->diff_id, NULL);
	int rc = pthread_create(&p->thread, NULL, pack, p);
	if (rc == 0)
		return p;
	fd_close(out);
	free(p);
	err_sys(err, rc, "start a thread to pack a layer");
	return NULL;
}

/*
 * Waits for its end. The reader has had all, or is gone, says kist-registry: if that is not true, the packer
 * waits for ever, so the program is ended (operation_open_session() is NULL then).
 */
static int packing_end(
	struct operation *op, struct packing **slot, struct layer_packed *packed, struct err **err)
{
	struct packing *p = steal_ptr(*slot);
	struct timespec until;
	int rc;
	if (!p)
		return 0;
	p->stop = true;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	bool stuck = pthread_timedjoin_np(p->thread, NULL, &until) != 0;
	if (stuck) {
		operation_session_close(op);
		pthread_join(p->thread, NULL);
	}
	rc = stuck ? -1 : p->rc;
	if (packed)
		*packed = p->packed;
	if (stuck)
		err_set(err, ERR_SYSTEM, UNREAD);
	else if (rc < 0)
		err_move(err, &p->err);
	err_free(p->err);
	free(p);
	return rc;
}

/* ---- what is said ---- */

static void say(struct send *s, size_t i, const char *status)
{
	if (s->items[i].id[0])
		operation_layer(s->op, s->items[i].id, status);
}

static void say_bytes(struct send *s, size_t i, const struct registry_event *e)
{
	struct upload *u = &s->v[i];
	int64_t now = time_mono(), current = e->bytes, total = s->items[i].size;
	if (u->packing) {
		current = u->packing->current;
		total = u->packing->total;
	}
	if (!s->items[i].id[0] || now - u->said < SAY_NS || total <= 0)
		return;
	u->said = now;
	operation_say(s->op, &(struct image_message){.kind = IMAGE_LAYER,
				     .id = s->items[i].id,
				     .status = "Pushing",
				     .current = current,
				     .total = total});
}

/* ---- one upload ---- */

static int upload_file(struct send *s, size_t i, struct err **err)
{
	struct send_item *item = &s->items[i];
	int64_t size;
	auto_fd int fd = store_blob_open(operation_engine(s->op)->store, &item->blob, &size, err);
	if (fd < 0)
		return -1;
	item->size = size;
	const struct registry_upload u = {
		.digest = item->blob, .size = size, .fd = fd, .mount_from = item->mount_from};
	s->v[i].transfer = registry_upload(s->session, &u, err);
	return s->v[i].transfer < 0 ? -1 : 0;
}

static int upload_packed(struct send *s, size_t i, struct err **err)
{
	struct send_item *item = &s->items[i];
	int pipes[2];
	if (pipe2(pipes, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	auto_fd int in = pipes[0];
	fcntl(in, F_SETPIPE_SZ, 1 << 20);
	s->v[i].packing = packing_start(operation_engine(s->op)->store, item, pipes[1], err);
	if (!s->v[i].packing)
		return -1;
	const struct registry_upload u = {
		.digest = item->blob, .size = -1, .fd = in, .mount_from = item->mount_from};
	s->v[i].transfer = registry_upload(s->session, &u, err);
	return s->v[i].transfer < 0 ? -1 : 0;
}

static void finished(struct send *s, size_t i, const char *how)
{
	s->v[i].done = true;
	say(s, i, how);
}

/* What would have to be packed is asked for first: packing is what costs. 1 if it is there. */
static int is_there(struct send *s, size_t i, struct err **err)
{
	struct send_item *item = &s->items[i];
	int64_t size = -1;
	int there = item->pack && item->blob.str[0]
			    ? registry_blob_head(s->session, &item->blob, &size, err)
			    : 0;
	if (there == 1 && item->size < 0)
		item->size = size;
	return there == 1 && item->size < 0 ? 0 : there;
}

static int start(struct send *s, size_t i, struct err **err)
{
	struct send_item *item = &s->items[i];
	if (item->foreign) {
		finished(s, i, "Skipped foreign layer");
		return 0;
	}
	int there = is_there(s, i, err);
	if (there < 0)
		return -1;
	if (there) {
		finished(s, i, "Layer already exists");
		return 0;
	}
	if ((item->pack ? upload_packed(s, i, err) : upload_file(s, i, err)) < 0)
		return -1;
	s->running++;
	return 0;
}

/* ---- its end ---- */

static int check_packed(struct send *s, size_t i, const struct registry_event *e, struct err **err)
{
	struct send_item *item = &s->items[i];
	struct layer_packed packed;
	if (packing_end(s->op, &s->v[i].packing, &packed, err) < 0)
		return -1;
	if (!str_eq(packed.blob.str, e->digest.str))
		return err_set(err, ERR_SYSTEM, "layer %s: the registry was sent %s instead of %s",
			item->diff_id.str, e->digest.str, packed.blob.str);
	if (item->blob.str[0] && !str_eq(item->blob.str, packed.blob.str))
		return err_set(err, ERR_UNAVAILABLE,
			"layer %s cannot be compressed to the blob %s that its manifest names: it "
			"became %s",
			item->diff_id.str, item->blob.str, packed.blob.str);
	item->blob = packed.blob;
	item->size = packed.size;
	return 0;
}

static int on_done(struct send *s, size_t i, const struct registry_event *e, struct err **err)
{
	auto_free char *from = NULL;
	s->v[i].transfer = -1;
	s->running--;
	from = xasprintf("Mounted from %s", e->mounted_from ? e->mounted_from : "");
	if (e->outcome == REGISTRY_TRANSFERRED) {
		if (s->v[i].packing && check_packed(s, i, e, err) < 0)
			return -1;
		finished(s, i, "Pushed");
		return 0;
	}
	packing_end(s->op, &s->v[i].packing, NULL, NULL); /* for nothing */
	if (!operation_open_session(s->op))
		return err_set(err, ERR_SYSTEM, UNREAD);
	if (!s->items[i].blob.str[0])
		return err_set(err, ERR_SYSTEM,
			"layer %s: kist-registry found what had no digest yet",
			s->items[i].diff_id.str);
	if (s->items[i].size < 0)
		s->items[i].size = e->bytes;
	finished(s, i, e->outcome == REGISTRY_EXISTED ? "Layer already exists" : from);
	return 0;
}

/* A packer that failed is why the upload did, or the other way round: its own error says more, unless the
 * reader left. */
static int on_failed(struct send *s, size_t i, const struct registry_event *e, struct err **err)
{
	auto_err *packing = NULL;
	err_set(err, e->err->kind, "%s", err_msg(e->err));
	if (packing_end(s->op, &s->v[i].packing, NULL, &packing) < 0 && packing->sys != EPIPE &&
		packing->kind != ERR_CANCELLED)
		err_move(err, &packing);
	return -1;
}

static int on_event(struct send *s, const struct registry_event *e, struct err **err)
{
	size_t i = 0;
	while (i < s->n && s->v[i].transfer != e->id)
		i++;
	if (i == s->n)
		return 0;
	switch (e->kind) {
	case REGISTRY_PROGRESS:
		say_bytes(s, i, e);
		return 0;
	case REGISTRY_RETRYING: {
		char text[48];
		snprintf(text, sizeof(text), "Retrying in %u second%s", (e->wait_ms + 999) / 1000,
			e->wait_ms > 1000 ? "s" : "");
		say(s, i, text);
		return 0;
	}
	case REGISTRY_DONE:
		return on_done(s, i, e, err);
	case REGISTRY_FAILED:
		return on_failed(s, i, e, err);
	}
	return 0;
}

/* ---- all ---- */

/* An image may have a layer twice; two images of an index share layers. */
static bool same(const struct send_item *a, const struct send_item *b)
{
	if (a->blob.str[0] && b->blob.str[0])
		return str_eq(a->blob.str, b->blob.str);
	return a->diff_id.str[0] && str_eq(a->diff_id.str, b->diff_id.str);
}

static void begin(struct send *s)
{
	for (size_t i = 0; i < s->n; i++) {
		s->v[i].transfer = -1;
		s->v[i].same = i;
		for (size_t k = 0; k < i && s->v[i].same == i; k++)
			if (same(&s->items[i], &s->items[k]))
				s->v[i].same = k;
		if (s->v[i].same == i)
			say(s, i, "Preparing");
	}
}

static int start_some(struct send *s, struct err **err)
{
	for (size_t i = 0; i < s->n && s->running < s->max; i++) {
		struct upload *u = &s->v[i];
		if (u->same == i && !u->done && u->transfer < 0 && start(s, i, err) < 0)
			return -1;
	}
	return 0;
}

static bool all_done(const struct send *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->v[s->v[i].same].done)
			return false;
	return true;
}

static int events(struct send *s, struct err **err)
{
	struct registry_event e;
	int rc;
	while ((rc = registry_event(s->session, &e, err)) == 1)
		if (on_event(s, &e, err) < 0)
			return -1;
	return rc;
}

static int await(struct send *s, struct err **err)
{
	struct pollfd p[2] = {{operation_cancel_fd(s->op), POLLIN, 0},
		{registry_session_fd(s->session), POLLIN, 0}};
	if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
		return err_sys(err, errno, "wait for a push");
	if (operation_cancelled(s->op))
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

static int work(struct send *s, struct err **err)
{
	for (;;) {
		if (start_some(s, err) < 0 || events(s, err) < 0)
			return -1;
		if (all_done(s))
			return 0;
		if (s->running == s->max || s->running > 0) {
			if (await(s, err) < 0)
				return -1;
		}
	}
}

int send_blobs(
	struct operation *op, struct send_item *items, size_t n, uint32_t max, struct err **err)
{
	struct send s = {.op = op,
		.session = operation_open_session(op),
		.items = items,
		.v = xcalloc(n + 1, sizeof(struct upload)),
		.n = n,
		.max = max ? max : 1};
	begin(&s);
	int rc = work(&s, err);
	if (rc < 0)
		operation_session_close(op); /* packers see that their readers are gone */
	for (size_t i = 0; i < n; i++) {
		packing_end(op, &s.v[i].packing, NULL, NULL);
		items[i].blob = items[s.v[i].same].blob;
		items[i].size = items[s.v[i].same].size;
	}
	free(s.v);
	return rc;
}
