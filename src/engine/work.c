/*
 * The engine's own threads: what follows an exit must never queue behind requests that wait for that exit,
 * so it does not run on the API's workers. Threads come as needed, up to a few, and go when idle.
 */
#include "base/thread.h"
#include "core.h"

#define WORK_THREADS 8
#define WORK_IDLE_SECONDS 10

struct item {
	void (*fn)(void *arg);
	void *arg;
	struct item *next;
};

struct work {
	pthread_mutex_t lock;
	pthread_cond_t some; /* an item, or the end */
	pthread_cond_t none; /* a thread has gone */
	struct item *first, **last;
	unsigned threads, idle, queued;
	bool ending;
};

struct work *work_new(void)
{
	struct work *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->some, &attr);
	pthread_cond_init(&w->none, &attr);
	pthread_condattr_destroy(&attr);
	w->last = &w->first;
	return w;
}

/* The next item, or NULL when this thread shall go. With the lock held. */
static struct item *next_item(struct work *w)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += WORK_IDLE_SECONDS;
	while (!w->first) {
		if (w->ending)
			return NULL;
		w->idle++;
		int r = pthread_cond_timedwait(&w->some, &w->lock, &until);
		w->idle--;
		if (r == ETIMEDOUT && !w->first)
			return NULL;
	}
	struct item *i = w->first;
	w->first = i->next;
	w->queued--;
	if (!w->first)
		w->last = &w->first;
	return i;
}

static void *work_thread(void *arg)
{
	struct work *w = arg;
	struct item *i;

	pthread_mutex_lock(&w->lock);
	while ((i = next_item(w))) {
		pthread_mutex_unlock(&w->lock);
		i->fn(i->arg);
		free(i);
		pthread_mutex_lock(&w->lock);
	}
	w->threads--;
	pthread_cond_broadcast(&w->none);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void work_submit(struct work *w, void (*fn)(void *arg), void *arg)
{
	struct item *i = xcalloc(1, sizeof(*i));

	i->fn = fn;
	i->arg = arg;
	pthread_mutex_lock(&w->lock);
	*w->last = i;
	w->last = &i->next;
	w->queued++;
	if (w->idle >= w->queued) {
		pthread_cond_signal(&w->some);
	} else if (w->threads < WORK_THREADS) {
		if (thread_detached(work_thread, w, 256 << 10) == 0)
			w->threads++;
		else if (!w->threads)
			log_error("cannot start a worker thread; work waits for the next attempt");
	}
	pthread_mutex_unlock(&w->lock);
}

void work_free(struct work *w)
{
	pthread_mutex_lock(&w->lock);
	w->ending = true;
	pthread_cond_broadcast(&w->some);
	while (w->threads)
		pthread_cond_wait(&w->none, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&w->some);
	pthread_cond_destroy(&w->none);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
