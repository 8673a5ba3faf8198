/* Reading containers' logs, and waking those who follow: one inotify descriptor for the whole engine, one
 * watch per container that is followed. */
#include "engine/logs.h"

#include <sys/inotify.h>

#include "core.h"
#include "logfiles.h"

struct log_reader {
	struct container *container; /* counted */
	struct log_files files;
	struct log_options options;
	void (*notify)(void *arg);
	void *arg;
	bool waiting; /* guarded by the container's lock: told LOG_WAIT and not woken since */
	struct log_reader *next, **link;
};

/* ---- the watcher ---- */

struct watched {
	int wd;
	struct container *container; /* counted */
	unsigned readers;
};

struct log_watcher {
	int fd;
	struct loop_source *source;
	pthread_mutex_t lock;
	struct watched *v;
	size_t n;
};

void logs_wake(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	for (struct log_reader *r = c->readers; r; r = r->next) {
		if (!r->waiting)
			continue;
		r->waiting = false;
		r->notify(r->arg);
	}
	pthread_mutex_unlock(&c->lock);
}

static struct container *watched_container(struct log_watcher *w, int wd)
{
	struct container *c = NULL;
	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n && !c; i++)
		if (w->v[i].wd == wd)
			c = container_ref(w->v[i].container);
	pthread_mutex_unlock(&w->lock);
	return c;
}

/* The kernel had more to tell than it keeps: anybody may have been written to. */
static void wake_all(struct log_watcher *w)
{
	pthread_mutex_lock(&w->lock);
	size_t n = w->n;
	struct container **all = xcalloc(n + 1, sizeof(struct container *));
	for (size_t i = 0; i < n; i++)
		all[i] = container_ref(w->v[i].container);
	pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < n; i++) {
		logs_wake(all[i]);
		container_unref(all[i]);
	}
	free(all);
}

static void on_inotify(struct loop_source *source, uint32_t events, void *arg)
{
	struct log_watcher *w = arg;
	char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(w->fd, room, sizeof(room))) > 0) {
		for (char *p = room; p < room + n;) {
			const struct inotify_event *ev = (const struct inotify_event *)p;
			auto_container *c = watched_container(w, ev->wd);
			if (ev->mask & IN_Q_OVERFLOW)
				wake_all(w);
			if (c)
				logs_wake(c);
			p += sizeof(*ev) + ev->len;
		}
	}
}

struct log_watcher *log_watcher_new(struct loop *loop, struct err **err)
{
	struct log_watcher *w = xcalloc(1, sizeof(*w));

	pthread_mutex_init(&w->lock, NULL);
	w->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->fd < 0)
		err_sys(err, errno, "inotify");
	else
		w->source = loop_add(loop, w->fd, EPOLLIN, on_inotify, w, err);
	if (w->source)
		return w;
	log_watcher_free(w);
	return NULL;
}

void log_watcher_free(struct log_watcher *w)
{
	if (!w)
		return;
	loop_del(w->source);
	fd_close(w->fd);
	for (size_t i = 0; i < w->n; i++)
		container_unref(w->v[i].container);
	free(w->v);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static int watch(struct container *c, struct err **err)
{
	struct log_watcher *w = c->engine->log_watcher;
	auto_free char *path = container_path(c, "");
	int r = 0;

	pthread_mutex_lock(&w->lock);
	int wd = inotify_add_watch(
		w->fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_ONLYDIR);
	size_t i = 0;
	while (i < w->n && w->v[i].wd != wd)
		i++;
	if (wd < 0) {
		r = err_sys(err, errno, "watch the log of container %s", container_id(c));
	} else if (i < w->n) {
		w->v[i].readers++;
	} else {
		w->v = xreallocarray(w->v, w->n + 1, sizeof(*w->v));
		w->v[w->n++] = (struct watched){wd, container_ref(c), 1};
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

static void unwatch(struct container *c)
{
	struct log_watcher *w = c->engine->log_watcher;
	bool last = false;

	pthread_mutex_lock(&w->lock);
	for (size_t i = 0; i < w->n; i++) {
		if (w->v[i].container != c)
			continue;
		last = --w->v[i].readers == 0;
		if (last) {
			inotify_rm_watch(w->fd, w->v[i].wd);
			w->v[i] = w->v[--w->n];
		}
		break;
	}
	pthread_mutex_unlock(&w->lock);
	if (last)
		container_unref(c);
}

/* ---- readers ---- */

static void join_readers(struct log_reader *r)
{
	struct container *c = r->container;
	pthread_mutex_lock(&c->lock);
	r->next = c->readers;
	r->link = &c->readers;
	if (r->next)
		r->next->link = &r->next;
	c->readers = r;
	pthread_mutex_unlock(&c->lock);
}

static int open_reader(struct log_reader *r, const struct log_options *o, struct err **err)
{
	struct container *c = r->container;
	auto_free char *name = xasprintf("%s" CONTAINER_LOG_SUFFIX, container_id(c));

	r->options = *o;
	r->options.raw = c->doc->doc.config.tty;
	if (str_eq(c->doc->doc.host.log.type, "none"))
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"configured logging driver does not support reading");
	/* what the container has written so far shall be there */
	struct monitor_client *m = container_monitor(c);
	if (m)
		monitor_log_sync(m, NULL);
	monitor_client_unref(m);
	int dir = container_disk_dir(c, err);
	if (dir < 0)
		return -1;
	log_files_open(&r->files, dir, name, o->tail);
	if (!o->follow)
		return 0;
	if (watch(c, err))
		return -1;
	join_readers(r);
	return 0;
}

struct log_reader *engine_logs_open(struct engine *e, const char *ref,
	const struct log_options *options, void (*notify)(void *arg), void *arg, bool *tty,
	struct err **err)
{
	if (!options->out && !options->err) {
		err_set(err, ERR_INVALID, "you must choose at least one stream");
		return NULL;
	}
	struct container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return NULL;
	struct log_reader *r = xcalloc(1, sizeof(*r));
	r->container = c;
	r->notify = notify;
	r->arg = arg;
	r->files.dir = r->files.fd = -1;
	if (open_reader(r, options, err)) {
		engine_logs_close(r);
		return NULL;
	}
	*tty = c->doc->doc.config.tty;
	return r;
}

/* May more be written? A container's last words are in its log before its state changes. */
static bool may_grow(struct log_reader *r)
{
	struct container *c = r->container;
	if (!r->options.follow)
		return false;
	pthread_mutex_lock(&c->lock);
	bool alive = state_alive(c) && !c->gone;
	/* before its first start docker waits, and so do we */
	if (c->state.status == CONTAINER_CREATED && !c->gone)
		alive = true;
	r->waiting = alive;
	pthread_mutex_unlock(&c->lock);
	return alive;
}

enum log_more engine_logs_read(struct log_reader *r, struct buf *out, size_t max)
{
	bool grows = may_grow(r);
	enum log_more more = log_files_read(&r->files, &r->options, out, max);

	if (more == LOG_WAIT && r->options.until && time_now() >= r->options.until)
		return LOG_END;
	return more == LOG_WAIT && !grows ? LOG_END : more;
}

void engine_logs_close(struct log_reader *r)
{
	if (!r)
		return;
	if (r->link) {
		pthread_mutex_lock(&r->container->lock);
		*r->link = r->next;
		if (r->next)
			r->next->link = r->link;
		pthread_mutex_unlock(&r->container->lock);
		unwatch(r->container);
	}
	log_files_close(&r->files);
	container_unref(r->container);
	free(r);
}
