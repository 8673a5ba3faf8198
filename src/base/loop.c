#include "base/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/timefmt.h"

enum { ROUND = 64, NOT_IN_HEAP = -1 };

struct loop_source {
	struct loop *loop;
	struct loop_source *prev, *next; /* live list, or only next: the list of the dead */
	int fd;
	uint32_t events;
	loop_fd_fn *fn; /* NULL once deleted */
	void *arg;
};

struct loop_timer {
	struct loop *loop;
	int64_t at;
	int slot; /* index in the heap */
	loop_timer_fn *fn;
	void *arg;
};

struct posted {
	loop_post_fn *fn;
	void *arg;
};

struct loop {
	int epoll;
	int wake; /* eventfd */
	atomic_bool stop;
	bool running;
	pthread_t thread;
	struct loop_source *live;
	struct loop_source
		*dead; /* freed at the end of the round: epoll_wait may have named them */
	struct loop_timer **heap;
	int timers, timer_room;
	pthread_mutex_t lock; /* guards the three below */
	struct posted *posts;
	size_t post_count, post_room;
};

/* ---- timers: a binary heap by time ---- */

static void heap_put(struct loop *loop, int slot, struct loop_timer *t)
{
	loop->heap[slot] = t;
	t->slot = slot;
}

static void heap_up(struct loop *loop, int slot, struct loop_timer *t)
{
	while (slot > 0 && loop->heap[(slot - 1) / 2]->at > t->at) {
		heap_put(loop, slot, loop->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	heap_put(loop, slot, t);
}

static void heap_down(struct loop *loop, int slot, struct loop_timer *t)
{
	for (;;) {
		int child = 2 * slot + 1;
		if (child >= loop->timers)
			break;
		if (child + 1 < loop->timers && loop->heap[child + 1]->at < loop->heap[child]->at)
			child++;
		if (loop->heap[child]->at >= t->at)
			break;
		heap_put(loop, slot, loop->heap[child]);
		slot = child;
	}
	heap_put(loop, slot, t);
}

static void heap_remove(struct loop *loop, struct loop_timer *t)
{
	int slot = t->slot;
	if (slot == NOT_IN_HEAP)
		return;
	t->slot = NOT_IN_HEAP;
	struct loop_timer *last = loop->heap[--loop->timers];
	if (last == t)
		return;
	if (slot > 0 && loop->heap[(slot - 1) / 2]->at > last->at)
		heap_up(loop, slot, last);
	else
		heap_down(loop, slot, last);
}

struct loop_timer *loop_timer_add(struct loop *loop, int64_t at, loop_timer_fn *fn, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t));
	*t = (struct loop_timer){.loop = loop, .slot = NOT_IN_HEAP, .fn = fn, .arg = arg};
	loop_timer_set(t, at);
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t at)
{
	struct loop *loop = t->loop;
	heap_remove(loop, t);
	if (at < 0)
		return;
	if (loop->timers == loop->timer_room) {
		loop->timer_room = loop->timer_room ? 2 * loop->timer_room : 16;
		loop->heap =
			xreallocarray(loop->heap, (size_t)loop->timer_room, sizeof(*loop->heap));
	}
	t->at = at;
	heap_up(loop, loop->timers++, t);
}

void loop_timer_del(struct loop_timer *t)
{
	if (!t)
		return;
	heap_remove(t->loop, t);
	free(t);
}

static int next_timeout(const struct loop *loop)
{
	if (loop->timers == 0)
		return -1;
	int64_t left = loop->heap[0]->at - time_mono();
	if (left <= 0)
		return 0;
	int64_t ms = (left + 999999) / 1000000; /* rounding down would spin */
	return ms > 3600000 ? 3600000 : (int)ms;
}

static void run_timers(struct loop *loop)
{
	int64_t now = time_mono();
	/* Those that are armed anew for "now" by a callback wait for the next round. */
	for (int left = loop->timers; left > 0 && loop->timers > 0; left--) {
		struct loop_timer *t = loop->heap[0];
		if (t->at > now)
			return;
		heap_remove(loop, t);
		t->fn(t, t->arg);
	}
}

/* ---- posted work ---- */

static void wake(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t n = write(loop->wake, &one, sizeof(one));
	(void)n; /* EAGAIN: the counter is full, so it is awake */
}

void loop_post(struct loop *loop, loop_post_fn *fn, void *arg)
{
	pthread_mutex_lock(&loop->lock);
	if (loop->post_count == loop->post_room) {
		loop->post_room = loop->post_room ? 2 * loop->post_room : 16;
		loop->posts = xreallocarray(loop->posts, loop->post_room, sizeof(*loop->posts));
	}
	bool first = loop->post_count == 0;
	loop->posts[loop->post_count++] = (struct posted){fn, arg};
	pthread_mutex_unlock(&loop->lock);
	if (first)
		wake(loop);
}

/* Returns whether anything was run. Work posted meanwhile waits for the next round. */
static bool run_posts(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	struct posted *posts = steal_ptr(loop->posts);
	size_t count = loop->post_count;
	loop->post_count = loop->post_room = 0;
	pthread_mutex_unlock(&loop->lock);
	for (size_t i = 0; i < count; i++)
		posts[i].fn(posts[i].arg);
	free(posts);
	return count > 0;
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->stop, true);
	wake(loop);
}

/* ---- descriptors ---- */

struct loop_source *loop_add(
	struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg, struct err **err)
{
	struct loop_source *s = xcalloc(1, sizeof(*s));
	*s = (struct loop_source){.loop = loop, .fd = fd, .events = events, .fn = fn, .arg = arg};
	struct epoll_event ev = {.events = events, .data.ptr = s};
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		err_sys(err, errno, "watch descriptor %d", fd);
		free(s);
		return NULL;
	}
	s->next = loop->live;
	if (s->next)
		s->next->prev = s;
	loop->live = s;
	return s;
}

void loop_mod(struct loop_source *s, uint32_t events)
{
	if (s->events == events)
		return;
	struct epoll_event ev = {.events = events, .data.ptr = s};
	epoll_ctl(s->loop->epoll, EPOLL_CTL_MOD, s->fd, &ev);
	s->events = events;
}

void loop_del(struct loop_source *s)
{
	if (!s)
		return;
	struct loop *loop = s->loop;
	epoll_ctl(loop->epoll, EPOLL_CTL_DEL, s->fd, NULL);
	s->fn = NULL;
	if (s->prev)
		s->prev->next = s->next;
	else
		loop->live = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->next = loop->dead;
	loop->dead = s;
}

int loop_source_fd(const struct loop_source *s)
{
	return s->fd;
}

static void bury(struct loop *loop)
{
	while (loop->dead) {
		struct loop_source *s = loop->dead;
		loop->dead = s->next;
		free(s);
	}
}

/* ---- the loop ---- */

struct loop *loop_new(struct err **err)
{
	auto_fd int epoll = epoll_create1(EPOLL_CLOEXEC);
	auto_fd int wakefd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = NULL};
	if (epoll < 0 || wakefd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, wakefd, &ev) < 0) {
		err_sys(err, errno, "make an event loop");
		return NULL;
	}
	struct loop *loop = xcalloc(1, sizeof(*loop));
	loop->epoll = steal_fd(&epoll);
	loop->wake = steal_fd(&wakefd);
	pthread_mutex_init(&loop->lock, NULL);
	return loop;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	while (run_posts(loop))
		;
	while (loop->live)
		loop_del(loop->live);
	bury(loop);
	for (int i = 0; i < loop->timers; i++)
		free(loop->heap[i]);
	free(loop->heap);
	pthread_mutex_destroy(&loop->lock);
	fd_close(loop->wake);
	fd_close(loop->epoll);
	free(loop);
}

bool loop_is_mine(const struct loop *loop)
{
	return loop->running && pthread_equal(loop->thread, pthread_self());
}

static void dispatch(struct loop *loop, const struct epoll_event *ev)
{
	struct loop_source *s = ev->data.ptr;
	if (s) {
		if (s->fn)
			s->fn(s, ev->events, s->arg);
		return;
	}
	uint64_t count;
	ssize_t n = read(loop->wake, &count, sizeof(count));
	(void)n;
	run_posts(loop);
}

int loop_run(struct loop *loop, struct err **err)
{
	struct epoll_event ready[ROUND];
	loop->thread = pthread_self();
	loop->running = true;
	int rc = 0;
	while (!atomic_load(&loop->stop)) {
		int n = epoll_wait(loop->epoll, ready, ROUND, next_timeout(loop));
		if (n < 0 && errno != EINTR) {
			rc = err_sys(err, errno, "wait for events");
			break;
		}
		for (int i = 0; i < n; i++)
			dispatch(loop, &ready[i]);
		run_timers(loop);
		bury(loop);
	}
	loop->running = false;
	atomic_store(&loop->stop, false);
	return rc;
}
