#include "operation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>

#include "base/thread.h"
#include "core.h"

/* What is said to those who come later: each line, and each layer's last step. */
#define KEPT_MAX 1024
#define STACK_SIZE (256 << 10)

struct kept {
	int kind;
	char *id, *status;
	int64_t current, total;
};

struct image_watch {
	atomic_uint refs;
	struct image_listener listener;
	struct operation *op; /* counted */
	struct image_watch *next; /* op->lock */
	bool over; /* done() has been called, or is being called; op->lock */
};

struct operation {
	atomic_uint refs; /* the thread's, and each watch's */
	struct engine *engine;
	struct operations *all;
	struct operation *next; /* all->lock */
	char *key;
	operation_fn *run;
	void (*free_arg)(void *arg);
	void *arg;
	int cancel; /* eventfd */
	atomic_bool cancelled;
	pthread_mutex_t lock; /* guards all below; inside it listeners are called */
	struct image_watch *watches;
	struct registry_session *session;
	struct kept *kept;
	size_t nkept;
	bool ended;
};

struct operations {
	pthread_mutex_t lock; /* outside every operation's */
	pthread_cond_t ended;
	struct operation *first;
	bool closing;
};

/* ---- life ---- */

static void operation_unref(struct operation *op)
{
	if (atomic_fetch_sub(&op->refs, 1) != 1)
		return;
	for (size_t i = 0; i < op->nkept; i++) {
		free(op->kept[i].id);
		free(op->kept[i].status);
	}
	free(op->kept);
	fd_close(op->cancel);
	pthread_mutex_destroy(&op->lock);
	if (op->key)
		explicit_bzero(op->key, strlen(op->key)); /* credentials are part of it */
	free(op->key);
	free(op);
}

void image_watch_unref(struct image_watch *w)
{
	if (atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	operation_unref(w->op);
	free(w);
}

/* Nobody may join any more, either: a new request begins anew. With op->lock held. */
static void cancel(struct operation *op)
{
	uint64_t one = 1;
	if (atomic_exchange(&op->cancelled, true))
		return;
	ssize_t ignored = write(op->cancel, &one, sizeof(one));
	(void)ignored;
	if (op->session)
		registry_session_cancel(op->session);
}

/* Takes @w out of the operation; true if it was in. With op->lock held. */
static bool detach(struct operation *op, struct image_watch *w)
{
	for (struct image_watch **at = &op->watches; *at; at = &(*at)->next) {
		if (*at != w)
			continue;
		*at = w->next;
		w->over = true;
		return true;
	}
	return false;
}

static void tell_end(struct image_watch *w, const struct err *err)
{
	w->listener.done(w->listener.arg, err);
	image_watch_unref(w);
}

void image_watch_leave(struct image_watch *w)
{
	struct operation *op = w->op;
	auto_err *err = NULL;
	pthread_mutex_lock(&op->lock);
	bool left = detach(op, w);
	if (left && !op->watches && !op->ended)
		cancel(op);
	pthread_mutex_unlock(&op->lock);
	if (!left)
		return;
	err_set(&err, ERR_CANCELLED, "cancelled");
	tell_end(w, err);
}

/* Everybody who still listens; afterwards nobody does. */
static void finish(struct operation *op, const struct err *err)
{
	pthread_mutex_lock(&op->lock);
	struct image_watch *w = op->watches;
	op->watches = NULL;
	op->ended = true;
	for (struct image_watch *i = w; i; i = i->next)
		i->over = true;
	pthread_mutex_unlock(&op->lock);
	while (w) {
		struct image_watch *next = w->next;
		tell_end(w, err);
		w = next;
	}
}

static void forget(struct operation *op)
{
	struct operations *all = op->all;
	pthread_mutex_lock(&all->lock);
	for (struct operation **at = &all->first; *at; at = &(*at)->next) {
		if (*at == op) {
			*at = op->next;
			break;
		}
	}
	pthread_cond_broadcast(&all->ended);
	pthread_mutex_unlock(&all->lock);
}

static void *operation_thread(void *arg)
{
	struct operation *op = arg;
	auto_err *err = NULL;
	int rc = op->run(op, op->arg, &err);
	operation_session_close(op);
	op->free_arg(op->arg);
	/* whoever asks from now on begins anew, and finds what this one has brought */
	finish(op, rc < 0 ? err : NULL);
	forget(op);
	operation_unref(op);
	return NULL;
}

/* ---- who listens ---- */

static struct image_message message_of(const struct kept *k)
{
	return (struct image_message){.kind = k->kind,
		.id = k->id,
		.status = k->status,
		.current = k->current,
		.total = k->total};
}

/* NULL if the operation is over or about to be. */
static struct image_watch *join(struct operation *op, const struct image_listener *l)
{
	struct image_watch *w = NULL;
	pthread_mutex_lock(&op->lock);
	if (!op->ended && !op->cancelled) {
		w = xcalloc(1, sizeof(*w));
		w->refs = 2; /* the caller's and the list's */
		w->listener = *l;
		w->op = op;
		atomic_fetch_add(&op->refs, 1);
		for (size_t i = 0; i < op->nkept; i++) {
			struct image_message m = message_of(&op->kept[i]);
			l->message(l->arg, &m);
		}
		struct image_watch **at = &op->watches;
		while (*at)
			at = &(*at)->next;
		*at = w;
	}
	pthread_mutex_unlock(&op->lock);
	return w;
}

static struct operation *operation_new(struct engine *e, struct operations *all,
	const struct operation_spec *spec, struct err **err)
{
	auto_fd int cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cancel_fd < 0) {
		err_sys(err, errno, "create an eventfd");
		return NULL;
	}
	struct operation *op = xcalloc(1, sizeof(*op));
	*op = (struct operation){.refs = 1,
		.engine = e,
		.all = all,
		.key = xstrdup_null(spec->key),
		.run = spec->run,
		.free_arg = spec->free_arg,
		.arg = spec->arg,
		.cancel = steal_fd(&cancel_fd)};
	pthread_mutex_init(&op->lock, NULL);
	return op;
}

/* With all->lock held. */
static struct image_watch *join_same(
	struct operations *all, const char *key, const struct image_listener *l)
{
	for (struct operation *op = all->first; op && key; op = op->next) {
		struct image_watch *w = str_eq(op->key, key) ? join(op, l) : NULL;
		if (w)
			return w;
	}
	return NULL;
}

static struct image_watch *begin(struct engine *e, struct operations *all,
	const struct operation_spec *spec, const struct image_listener *l, struct err **err)
{
	struct operation *op = operation_new(e, all, spec, err);
	if (!op)
		return NULL;
	struct image_watch *w = join(op, l);
	if (thread_detached(operation_thread, op, STACK_SIZE) != 0) {
		err_set(err, ERR_UNAVAILABLE, "cannot start a thread for this operation");
		detach(op, w);
		image_watch_unref(w);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): join() counts two */
		image_watch_unref(w);
		operation_unref(op);
		return NULL;
	}
	op->next = all->first;
	all->first = op;
	return w;
}

struct image_watch *operation_start(struct engine *e, struct operations *all,
	const struct operation_spec *spec, const struct image_listener *l, struct err **err)
{
	pthread_mutex_lock(&all->lock);
	struct image_watch *w = join_same(all, spec->key, l);
	bool joined = w != NULL;
	if (!w && all->closing)
		err_set(err, ERR_UNAVAILABLE, "the daemon is shutting down");
	else if (!w)
		w = begin(e, all, spec, l, err);
	pthread_mutex_unlock(&all->lock);
	if (joined || !w)
		spec->free_arg(spec->arg);
	return w;
}

/* ---- the set ---- */

struct operations *operations_new(void)
{
	struct operations *all = xcalloc(1, sizeof(*all));
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->ended, NULL);
	return all;
}

void operations_free(struct operations *all)
{
	if (!all)
		return;
	pthread_mutex_lock(&all->lock);
	all->closing = true;
	for (struct operation *op = all->first; op; op = op->next) {
		pthread_mutex_lock(&op->lock);
		cancel(op);
		pthread_mutex_unlock(&op->lock);
	}
	while (all->first)
		pthread_cond_wait(&all->ended, &all->lock);
	pthread_mutex_unlock(&all->lock);
	pthread_cond_destroy(&all->ended);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- what run() says ---- */

static void keep(struct operation *op, const struct image_message *m)
{
	struct kept *k = NULL;
	for (size_t i = 0; m->kind == IMAGE_LAYER && i < op->nkept && !k; i++)
		if (op->kept[i].kind == IMAGE_LAYER && str_eq(op->kept[i].id, m->id))
			k = &op->kept[i];
	if (!k && op->nkept == KEPT_MAX)
		return;
	if (!k) {
		op->kept = xreallocarray(op->kept, op->nkept + 1, sizeof(*k));
		k = &op->kept[op->nkept++];
		*k = (struct kept){.kind = m->kind, .id = xstrdup_null(m->id)};
	}
	if (!str_eq(k->status, m->status))
		str_replace(&k->status, m->status);
	k->current = m->current;
	k->total = m->total;
}

void operation_say(struct operation *op, const struct image_message *m)
{
	pthread_mutex_lock(&op->lock);
	if (op->key && m->kind != IMAGE_PUSHED)
		keep(op, m);
	for (struct image_watch *w = op->watches; w; w = w->next)
		w->listener.message(w->listener.arg, m);
	pthread_mutex_unlock(&op->lock);
}

void operation_line(struct operation *op, const char *id, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *text = xvasprintf(fmt, ap);
	va_end(ap);
	operation_say(op, &(struct image_message){.kind = IMAGE_SAYS, .id = id, .status = text});
}

void operation_layer(struct operation *op, const char *id, const char *status)
{
	operation_say(op, &(struct image_message){.kind = IMAGE_LAYER, .id = id, .status = status});
}

struct engine *operation_engine(struct operation *op)
{
	return op->engine;
}

bool operation_cancelled(const struct operation *op)
{
	return atomic_load(&op->cancelled);
}

int operation_cancel_fd(const struct operation *op)
{
	return op->cancel;
}

/* ---- its session ---- */

struct registry_session *operation_session(
	struct operation *op, const struct registry_session_spec *spec, struct err **err)
{
	struct registry *r = engine_registry(op->engine, err);
	struct registry_session *s = r ? registry_session_open(r, spec, err) : NULL;
	if (!s)
		return NULL;
	pthread_mutex_lock(&op->lock);
	op->session = s;
	if (op->cancelled)
		registry_session_cancel(s);
	pthread_mutex_unlock(&op->lock);
	return s;
}

struct registry_session *operation_open_session(struct operation *op)
{
	return op->session; /* only its own thread sets it */
}

void operation_session_close(struct operation *op)
{
	pthread_mutex_lock(&op->lock);
	struct registry_session *s = steal_ptr(op->session);
	pthread_mutex_unlock(&op->lock);
	registry_session_close(s);
}
