/*
 * What the monitors say, and what follows.
 *
 * The loop's thread reads a monitor's events and only notes them; the work after an exit (network, row,
 * --rm) is an operation of the container on one of the engine's threads, so it comes after the start that it
 * may have overtaken.
 *
 * A monitor says EXITED when the exit record is on disk, then takes down cgroup and mounts, then closes.
 * One that closes without EXITED was killed: its container is killed, too.
 */
#include "core.h"

#include <signal.h>
#include <sys/wait.h>

#include "engine/exec.h"

/* ---- children ---- */

struct child {
	struct engine *engine;
	struct child *next, **link; /* the engine's list: the loop's thread only */
	struct loop_source *source;
	int pidfd;
};

static void child_free(struct child *child)
{
	if (child->link) {
		*child->link = child->next;
		if (child->next)
			child->next->link = child->link;
	}
	fd_close(child->pidfd);
	engine_unref(child->engine);
	free(child);
}

static void reap(struct loop_source *source, uint32_t events, void *arg)
{
	struct child *child = arg;
	siginfo_t info;

	if (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED | WNOHANG) && errno == EINTR)
		return;
	loop_del(source);
	child_free(child);
}

static void add_child(void *arg)
{
	struct child *child = arg;
	if (!child->engine->closed)
		child->source =
			loop_add(child->engine->loop, child->pidfd, EPOLLIN, reap, child, NULL);
	if (!child->source) {
		child_free(child);
		return;
	}
	child->next = child->engine->children;
	child->link = &child->engine->children;
	if (child->next)
		child->next->link = &child->next;
	child->engine->children = child;
}

void child_watch(struct engine *e, int pidfd)
{
	struct child *child = xcalloc(1, sizeof(*child));
	child->engine = engine_ref(e);
	child->pidfd = pidfd;
	loop_post(e->loop, add_child, child);
}

/* ---- exits ---- */

bool exit_note(struct container *c, const struct monitor_exit *x)
{
	bool mine = false;

	pthread_mutex_lock(&c->lock);
	if (!c->exit_known && x->generation == c->generation) {
		c->exit_known = mine = true;
		c->exit = *x;
	}
	pthread_mutex_unlock(&c->lock);
	if (mine)
		work_submit(c->engine->work, exit_work, container_ref(c));
	return mine;
}

static void event_die(struct container *c, const struct monitor_exit *x)
{
	auto_free char *code = xasprintf("%d", x->code);
	int64_t ran = x->started_at ? (x->finished_at - x->started_at) / TIME_NS_PER_SEC : 0;
	auto_free char *seconds = xasprintf("%lld", (long long)(ran > 0 ? ran : 0));
	const struct ring_attr attrs[] = {{"exitCode", code}, {"execDuration", seconds}};
	event_container(c, "die", attrs, ARRAY_LEN(attrs));
}

static void volumes_unmounted(struct container *c)
{
	const struct container_doc *doc = &c->doc->doc;
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct ring_attr attrs[] = {
			{"container", container_id(c)}, {"driver", "local"}};
		if (str_eq(doc->mounts.v[i].type, "volume"))
			event_other(c->engine, "volume", "unmount", doc->mounts.v[i].name, attrs,
				ARRAY_LEN(attrs));
	}
}

/* The network goes before the state changes, so that who has waited finds address and ports free. */
static void free_network(struct container *c, bool at_once)
{
	pthread_mutex_lock(&c->lock);
	struct net_hold hold = c->hold;
	c->hold = (struct net_hold){0};
	pthread_mutex_unlock(&c->lock);
	network_release(c->engine, &hold, at_once);
	network_left(c);
	container_set_net(c, network_view(c, &(struct net_hold){0}, false));
}

static void set_exited(struct container *c, const struct monitor_exit *x)
{
	pthread_mutex_lock(&c->lock);
	c->state.status = CONTAINER_EXITED;
	c->state.pid = 0;
	c->state.exit_code = x->code;
	c->state.oom_killed = x->oom;
	if (x->started_at)
		c->state.started_at = x->started_at;
	c->state.finished_at = x->finished_at;
	pthread_mutex_unlock(&c->lock);
}

/* In the container's operation. */
static void after_exit(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	struct monitor_exit x = c->exit;
	bool alive = state_alive(c);
	bool restarts = c->keep_once;
	bool remove = c->doc->doc.host.auto_remove && !restarts;
	c->keep_once = false;
	pthread_mutex_unlock(&c->lock);
	auto_err *err = NULL;

	if (!alive)
		return; /* a start that failed has tidied up itself */
	exec_container_ended(c);
	event_die(c, &x);
	free_network(c, restarts);
	volumes_unmounted(c);
	set_exited(c, &x);
	if (!remove && rows_save_state(c, &err))
		log_error("container %s: its exit is not recorded: %s", container_id(c),
			err_msg(err));
	pthread_mutex_lock(&c->lock);
	pthread_cond_broadcast(&c->changed);
	wait_fire(c, WAIT_NOT_RUNNING, x.code, NULL);
	pthread_mutex_unlock(&c->lock);
	logs_wake(c);
	if (remove && container_remove_ended(c, &err))
		log_error("container %s: cannot be removed: %s", container_id(c), err_msg(err));
}

void exit_work(void *container)
{
	auto_container *c = container;
	if (container_begin(c, NULL))
		return;
	after_exit(c);
	container_end(c);
	parking_refill(c->engine);
}

/* ---- monitors ---- */

/* The monitor was killed. Its init may live on without anybody to record its end: it goes, too. */
static void lost_work(void *container)
{
	auto_container *c = container;
	struct monitor_exit x = {0};
	auto_err *err = NULL;

	auto_fd int disk = container_disk_dir(c, NULL);
	bool recorded =
		disk >= 0 && !monitor_exit_read(disk, &x, NULL) && x.generation == c->generation;
	container_sweep(c);
	if (!recorded)
		x = (struct monitor_exit){.generation = c->generation,
			.code = 128 + SIGKILL,
			.signal = SIGKILL,
			.finished_at = time_now()};
	exit_note(c, &x);
}

struct watch {
	struct container *container; /* counted */
	struct loop_source *source;
	struct monitor_client *client; /* counted */
};

static void watch_free(struct watch *w)
{
	loop_del(w->source);
	if (w->container->watch == w)
		w->container->watch = NULL;
	monitor_client_unref(w->client);
	container_unref(w->container);
	free(w);
}

static void monitor_gone(struct watch *w)
{
	struct container *c = w->container;
	bool lost;

	pthread_mutex_lock(&c->lock);
	if (c->monitor == w->client) {
		c->monitor = NULL;
		monitor_client_unref(w->client); /* the container's */
	}
	lost = state_alive(c) && !c->exit_known;
	if (!lost)
		c->exit_known = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
	if (lost) {
		log_warn("container %s: its monitor has gone", container_id(c));
		work_submit(c->engine->work, lost_work, container_ref(c));
	}
	watch_free(w);
}

void monitor_lost_early(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	bool lost = state_alive(c) && !c->monitor && c->exit.generation != c->generation;
	pthread_mutex_unlock(&c->lock);
	if (lost)
		work_submit(c->engine->work, lost_work, container_ref(c));
}

/* Attached before any start, and the client has left: nobody needs an idle monitor. */
static void idle_work(void *container)
{
	auto_container *c = container;
	struct monitor_status status;

	if (container_begin(c, NULL))
		return;
	struct monitor_client *m = container_monitor(c);
	if (m && !container_is_running(c) && !monitor_status(m, &status, NULL) &&
		status.state == MONITOR_IDLE && !status.clients && !monitor_quit(m, NULL))
		monitor_wait_gone(c, 5); /* what comes next finds none, instead of a dying one */
	monitor_client_unref(m);
	container_end(c);
}

static void monitor_says(struct container *c, const struct monitor_event *ev)
{
	switch (ev->type) {
	case MONITOR_EXITED:
		exit_note(c, &ev->exit);
		break;
	case MONITOR_EXEC_EXITED:
		exec_ended(c, ev->exec_id, ev->code);
		break;
	case MONITOR_OOM:
		event_container(c, "oom", NULL, 0);
		break;
	case MONITOR_DETACHED:
		if (ev->exec_id[0])
			event_container(c, "exec_detach", NULL, 0);
		else if (!container_is_running(c))
			work_submit(c->engine->work, idle_work, container_ref(c));
		break;
	default:
		break;
	}
}

static void on_monitor(struct loop_source *source, uint32_t events, void *arg)
{
	struct watch *w = arg;
	struct monitor_event ev;
	int r;

	while ((r = monitor_client_event(w->client, &ev, NULL)) > 0)
		monitor_says(w->container, &ev);
	if (r < 0)
		monitor_gone(w);
}

/* ---- catching up ---- */

/* Shared by the asker and the loop, which may never come to it: the daemon may be stopping. */
struct catch_up {
	struct container *container;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	int holders;
};

static void catch_up_drop(struct catch_up *k)
{
	pthread_mutex_lock(&k->lock);
	bool last = --k->holders == 0;
	pthread_mutex_unlock(&k->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->cond);
	container_unref(k->container);
	free(k);
}

static void catch_up_posted(void *arg)
{
	struct catch_up *k = arg;

	if (k->container->watch)
		on_monitor(NULL, 0, k->container->watch);
	pthread_mutex_lock(&k->lock);
	k->done = true;
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->lock);
	catch_up_drop(k);
}

void monitor_catch_up(struct container *c)
{
	struct catch_up *k = xcalloc(1, sizeof(*k));
	struct timespec until;

	k->container = container_ref(c);
	k->holders = 2;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->cond, NULL);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 2;
	loop_post(c->engine->loop, catch_up_posted, k);
	pthread_mutex_lock(&k->lock);
	while (!k->done && pthread_cond_timedwait(&k->cond, &k->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&k->lock);
	catch_up_drop(k);
}

static void add_watch(void *arg)
{
	struct watch *w = arg;
	struct engine *e = w->container->engine;
	auto_err *err = NULL;

	if (!e->closed)
		w->source = loop_add(e->loop, monitor_client_event_fd(w->client),
			EPOLLIN | EPOLLRDHUP, on_monitor, w, &err);
	if (w->source) {
		w->container->watch = w;
		return;
	}
	if (!e->closed)
		log_error("container %s: cannot watch its monitor: %s", container_id(w->container),
			err_msg(err));
	watch_free(w);
}

void watches_drop(struct engine *e)
{
	size_t n;
	for (struct child *child = e->children, *next; child; child = next) {
		next = child->next;
		loop_del(child->source);
		child_free(child);
	}
	struct container **all = roster_all(&e->roster, &n);
	for (size_t i = 0; i < n; i++) {
		if (all[i]->watch)
			watch_free(all[i]->watch);
		container_unref(all[i]);
	}
	free(all);
}

void monitor_watch(struct container *c, struct monitor_client *client)
{
	struct watch *w = xcalloc(1, sizeof(*w));

	w->container = container_ref(c);
	w->client = client;
	pthread_mutex_lock(&c->lock);
	c->monitor = monitor_client_ref(client);
	c->exit_known = false;
	pthread_mutex_unlock(&c->lock);
	loop_post(c->engine->loop, add_watch, w);
}

/* On the stack of whoever waits. A container that is removed is in no roster any more, but its monitor may still be
 * waited for: so the end of the daemon looks here. */
struct monitor_wait {
	struct container *container;
	struct monitor_wait *next;
};

static void waiting_add(struct engine *e, struct monitor_wait *w)
{
	pthread_mutex_lock(&e->waiting_lock);
	w->next = e->waiting;
	e->waiting = w;
	pthread_mutex_unlock(&e->waiting_lock);
}

static void waiting_remove(struct engine *e, struct monitor_wait *w)
{
	pthread_mutex_lock(&e->waiting_lock);
	struct monitor_wait **at = &e->waiting;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	pthread_mutex_unlock(&e->waiting_lock);
}

void monitor_wait_stop(struct engine *e)
{
	pthread_mutex_lock(&e->waiting_lock);
	for (struct monitor_wait *w = e->waiting; w; w = w->next) {
		pthread_mutex_lock(&w->container->lock);
		pthread_cond_broadcast(&w->container->changed);
		pthread_mutex_unlock(&w->container->lock);
	}
	pthread_mutex_unlock(&e->waiting_lock);
}

int monitor_wait_gone(struct container *c, int seconds)
{
	struct monitor_wait wait = {.container = c};
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += seconds;
	waiting_add(c->engine, &wait);
	pthread_mutex_lock(&c->lock);
	while (c->monitor && r != ETIMEDOUT && !c->engine->stopping)
		r = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	r = c->monitor ? -1 : 0;
	pthread_mutex_unlock(&c->lock);
	waiting_remove(c->engine, &wait);
	return r;
}
