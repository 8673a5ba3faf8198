/*
 * Kill, stop, restart.
 *
 * A stop is a small state machine on the loop's thread, so that waiting costs a timer and not a thread:
 *
 *   signal sent --(exit)--> stopped
 *        \--(time-out)--> SIGKILL --(exit)--> stopped
 *                             \--(10 s)--> error
 *
 * What blocks (asking the monitor, starting again) runs on the engine's workers.
 */
#include <signal.h>

#include "core.h"
#include "engine/exec.h"

#define STOP_TIMEOUT_DEFAULT 10
#define KILL_PATIENCE 10

/* A stop signal or SIGKILL to a paused container shall take effect. */
static void thaw_for(struct container *c)
{
	auto_free char *path = container_cgroup(c);
	struct cgroup *cg;

	pthread_mutex_lock(&c->lock);
	bool paused = c->state.status == CONTAINER_PAUSED;
	pthread_mutex_unlock(&c->lock);
	if (!paused || cgroup_open(&cg, path, NULL))
		return;
	if (!cgroup_freeze(cg, false, NULL)) {
		pthread_mutex_lock(&c->lock);
		if (c->state.status == CONTAINER_PAUSED)
			c->state.status = CONTAINER_RUNNING;
		pthread_mutex_unlock(&c->lock);
	}
	cgroup_free(cg);
}

static int stop_signal(const struct container *c)
{
	const char *name = c->doc->doc.config.stop_signal;
	int sig = str_empty(name) ? SIGTERM : signal_number(name);
	return sig > 0 ? sig : SIGTERM;
}

static int send_signal(struct container *c, int sig, struct err **err)
{
	auto_free char *number = xasprintf("%d", sig);
	const struct ring_attr attr = {"signal", number};
	auto_err *why = NULL;

	pthread_mutex_lock(&c->lock);
	bool alive = state_alive(c);
	struct monitor_client *m = alive && c->monitor ? monitor_client_ref(c->monitor) : NULL;
	bool ends = sig == SIGKILL || sig == stop_signal(c);
	if (ends)
		c->kills++;
	pthread_mutex_unlock(&c->lock);
	if (!alive)
		return not_running(c, err);
	int r = m ? monitor_kill(m, sig, &why) : 0;
	monitor_client_unref(m);
	/* a monitor that has gone is about to tell of the end: as good as killed */
	if (r && why->kind != ERR_UNAVAILABLE && why->kind != ERR_CONFLICT) {
		err_move(err, &why);
		return err_wrap(err, "Cannot kill container %s", container_id(c));
	}
	if (ends)
		thaw_for(c);
	event_container(c, "kill", &attr, 1);
	return 0;
}

int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err **err)
{
	int sig = str_empty(signal) ? SIGKILL : signal_number(signal);
	if (sig <= 0)
		return err_set(err, ERR_INVALID, "Invalid signal: %s", signal);
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return -1;
	if (!container_is_running(c)) {
		not_running(c, err);
		return err_wrap(err, "cannot kill container: %s", ref);
	}
	return send_signal(c, sig, err);
}

/* ---- stop and restart ---- */

struct stop {
	struct container *container; /* counted */
	struct container_wait *wait;
	struct loop_timer *timer;
	int64_t timeout; /* ns; negative: for ever */
	int sig;
	bool killed; /* SIGKILL has been sent */
	bool over; /* on the loop's thread: the outcome is known */
	bool restart;
	engine_done *done;
	void *arg;
	struct err *error;
};

static void stop_free(struct stop *s)
{
	engine_wait_cancel(s->wait);
	loop_timer_del(s->timer);
	container_unref(s->container);
	err_free(s->error);
	free(s);
}

/* Loop: tells the caller and ends. */
static void stop_finish(void *arg)
{
	struct stop *s = arg;
	s->done(s->arg, s->error);
	stop_free(s);
}

/* Worker: the second half of a restart. */
static void start_again(void *arg)
{
	struct stop *s = arg;
	struct container *c = s->container;

	if (!container_begin(c, &s->error)) {
		if (!container_start(c, &s->error))
			event_container(c, "restart", NULL, 0);
		else if (s->error->kind == ERR_NOT_MODIFIED)
			err_freep(&s->error);
		container_end(c);
	}
	loop_post(c->engine->loop, stop_finish, s);
}

/* Loop: the container runs no more. */
static void stop_over(struct stop *s)
{
	s->over = true;
	loop_timer_set(s->timer, -1);
	event_container(s->container, "stop", NULL, 0);
	if (s->restart)
		work_submit(s->container->engine->work, start_again, s);
	else
		stop_finish(s);
}

static void on_exit_posted(void *arg)
{
	struct stop *s = arg;
	if (!s->over)
		stop_over(s);
}

static void on_exit_seen(void *arg, int32_t code, const char *error)
{
	struct stop *s = arg;
	loop_post(s->container->engine->loop, on_exit_posted, s);
}

/* What a worker sends for a stop; counted by the container, since the stop may end meanwhile. */
static void kill_work(void *arg)
{
	auto_container *c = arg;
	send_signal(c, SIGKILL, NULL);
}

static void on_stop_timer(struct loop_timer *timer, void *arg)
{
	struct stop *s = arg;

	if (s->over)
		return;
	if (!s->killed) {
		s->killed = true;
		work_submit(s->container->engine->work, kill_work, container_ref(s->container));
		loop_timer_set(timer, time_mono() + KILL_PATIENCE * TIME_NS_PER_SEC);
		return;
	}
	s->over = true;
	err_set(&s->error, ERR_SYSTEM,
		"cannot stop container: %s: tried to kill container, but did not receive an exit "
		"event",
		container_id(s->container));
	/* An exit seen in this moment may have posted on_exit_posted() already: after the cancellation nobody
	 * can any more, and the end comes behind it. */
	engine_wait_cancel(s->wait);
	s->wait = NULL;
	loop_post(s->container->engine->loop, stop_finish, s);
}

/* Loop: arms the timer and registers for the exit. From here on the loop owns the stop. */
static void stop_begin(void *arg)
{
	struct stop *s = arg;
	struct engine *e = s->container->engine;

	if (e->closed) {
		err_set(&s->error, ERR_UNAVAILABLE, "the engine is closing");
		stop_finish(s);
		return;
	}
	int64_t at = s->timeout < 0 ? -1 : time_mono() + s->timeout;

	s->timer = loop_timer_add(e->loop, at, on_stop_timer, s);
	s->wait = engine_container_wait(
		e, container_id(s->container), WAIT_NOT_RUNNING, on_exit_seen, s, NULL);
	if (!s->wait) /* removed meanwhile: it has ended */
		stop_over(s);
}

static int64_t stop_timeout(const struct container *c, const struct stop_options *o)
{
	int64_t seconds = STOP_TIMEOUT_DEFAULT;
	if (c->doc->doc.config.stop_timeout.set)
		seconds = c->doc->doc.config.stop_timeout.v;
	if (o && o->has_timeout)
		seconds = o->timeout;
	if (seconds > INT64_MAX / TIME_NS_PER_SEC / 4)
		seconds = INT64_MAX / TIME_NS_PER_SEC / 4;
	return seconds < 0 ? -1 : seconds * TIME_NS_PER_SEC;
}

static int options_signal(const struct container *c, const struct stop_options *o, struct err **err)
{
	if (!o || str_empty(o->signal))
		return stop_signal(c);
	int sig = signal_number(o->signal);
	return sig > 0 ? sig : err_set(err, ERR_INVALID, "Invalid signal: %s", o->signal);
}

/* Sends the first signal and hands the rest to the loop. @s is taken. */
static int stop_launch(struct stop *s, struct err **err)
{
	auto_err *why = NULL;
	struct container *c = s->container;

	pthread_mutex_lock(&c->lock);
	c->stop_asked = true;
	c->keep_once = s->restart;
	pthread_mutex_unlock(&c->lock);
	/* one that has ended by itself in this moment is stopped, too */
	if (send_signal(c, s->sig, &why) && why->kind != ERR_CONFLICT) {
		err_move(err, &why);
		stop_free(s);
		return -1;
	}
	loop_post(c->engine->loop, stop_begin, s);
	return 0;
}

static struct stop *stop_new(struct container *c, const struct stop_options *options, int sig,
	engine_done *done, void *arg)
{
	struct stop *s = xcalloc(1, sizeof(*s));
	s->container = container_ref(c);
	s->timeout = stop_timeout(c, options);
	s->sig = sig;
	s->done = done;
	s->arg = arg;
	return s;
}

int engine_container_stop(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	int sig = c ? options_signal(c, options, err) : -1;
	if (sig < 0)
		return -1;
	if (!container_is_running(c))
		return err_set(
			err, ERR_NOT_MODIFIED, "container %s is already stopped", container_id(c));
	return stop_launch(stop_new(c, options, sig, done, arg), err);
}

int engine_container_restart(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	int sig = c ? options_signal(c, options, err) : -1;
	if (sig < 0)
		return -1;
	struct stop *s = stop_new(c, options, sig, done, arg);
	s->restart = true;
	if (container_is_running(c))
		return stop_launch(s, err);
	s->over = true;
	work_submit(e->work, start_again, s);
	return 0;
}
