#include "workers.h"

#include <pthread.h>
#include <time.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

enum {
	IDLE_SECONDS = 10,
	/* Reserved, not resident: what a handler does not touch costs nothing. */
	STACK_SIZE = 512 << 10,
};

struct job {
	struct job *next;
	void (*fn)(void *arg);
	void *arg;
};

struct queue {
	struct job *first, **last;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t work, ended;
	struct queue jobs, long_jobs;
	size_t max, threads, idle, queued, busy_long;
	bool closing;
};

struct workers *workers_new(size_t max)
{
	struct workers *w = xcalloc(1, sizeof(*w));
	w->max = max;
	w->jobs.last = &w->jobs.first;
	w->long_jobs.last = &w->long_jobs.first;
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->work, &attr);
	pthread_cond_init(&w->ended, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

static void put(struct queue *q, struct job *job)
{
	*q->last = job;
	q->last = &job->next;
}

static struct job *get(struct queue *q)
{
	struct job *job = q->first;
	if (!job)
		return NULL;
	q->first = job->next;
	if (!q->first)
		q->last = &q->first;
	return job;
}

static bool long_allowed(const struct workers *w)
{
	return w->busy_long < w->max - w->max / 4;
}

/* Under the lock. */
static struct job *next_job(struct workers *w, bool *is_long)
{
	*is_long = false;
	struct job *job = get(&w->jobs);
	if (!job && w->long_jobs.first && long_allowed(w)) {
		*is_long = true;
		job = get(&w->long_jobs);
	}
	w->queued -= job != NULL;
	return job;
}

/* Waits for work; NULL when the thread should end. Under the lock. */
static struct job *wait_job(struct workers *w, bool *is_long)
{
	struct timespec until;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	for (;;) {
		struct job *job = next_job(w, is_long);
		if (job || w->closing)
			return job;
		w->idle++;
		int late = pthread_cond_timedwait(&w->work, &w->lock, &until);
		w->idle--;
		if (late)
			return next_job(w, is_long);
	}
}

static void *work(void *arg)
{
	struct workers *w = arg;
	bool is_long;
	struct job *job;
	pthread_mutex_lock(&w->lock);
	while ((job = wait_job(w, &is_long))) {
		w->busy_long += is_long;
		pthread_mutex_unlock(&w->lock);
		job->fn(job->arg);
		free(job);
		pthread_mutex_lock(&w->lock);
		w->busy_long -= is_long;
	}
	w->threads--;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Signals are the loop's, through its signalfd. Under the lock. */
static void add_thread(struct workers *w)
{
	int rc = thread_detached(work, w, STACK_SIZE);
	if (rc == 0)
		w->threads++;
	else if (w->threads == 0)
		log_error("cannot make a worker thread: %s", err_text(rc));
}

void workers_submit(struct workers *w, void (*fn)(void *arg), void *arg, bool is_long)
{
	struct job *job = xmalloc(sizeof(*job));
	*job = (struct job){.fn = fn, .arg = arg};
	pthread_mutex_lock(&w->lock);
	put(is_long ? &w->long_jobs : &w->jobs, job);
	/* An idle thread that has been signalled still counts as idle until it wakes. */
	if (++w->queued > w->idle && w->threads < w->max)
		add_thread(w);
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->lock);
}

void workers_free(struct workers *w)
{
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_broadcast(&w->work);
	while (w->threads > 0)
		pthread_cond_wait(&w->ended, &w->lock);
	pthread_mutex_unlock(&w->lock);
	pthread_cond_destroy(&w->work);
	pthread_cond_destroy(&w->ended);
	pthread_mutex_destroy(&w->lock);
	free(w);
}
