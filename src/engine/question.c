/* Questions to registries that a client waits for: whoever asked may leave, and the daemon may stop. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

#include "base/fdio.h"
#include "core.h"
#include "transfer.h"

struct engine_question {
	atomic_uint refs;
	struct engine *engine;
	int cancel; /* eventfd */
	struct engine_question *next; /* questions->lock, until engine_question_end() */
};

struct questions {
	pthread_mutex_t lock;
	struct engine_question *first;
	atomic_bool closing;
};

struct questions *questions_new(void)
{
	struct questions *all = xcalloc(1, sizeof(*all));
	pthread_mutex_init(&all->lock, NULL);
	return all;
}

void questions_free(struct questions *all)
{
	if (!all)
		return;
	pthread_mutex_destroy(&all->lock);
	free(all);
}

struct engine_question *engine_question_begin(struct engine *e, struct err **err)
{
	struct questions *all = e->questions;
	auto_fd int cancel = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (cancel < 0) {
		err_sys(err, errno, "create an eventfd");
		return NULL;
	}
	struct engine_question *q = NULL;
	pthread_mutex_lock(&all->lock);
	if (all->closing) {
		err_set(err, ERR_UNAVAILABLE, "the daemon is shutting down");
	} else {
		q = xcalloc(1, sizeof(*q));
		*q = (struct engine_question){
			.refs = 2, .engine = e, .cancel = steal_fd(&cancel), .next = all->first};
		all->first = q;
	}
	pthread_mutex_unlock(&all->lock);
	return q;
}

void engine_question_unref(void *arg)
{
	struct engine_question *q = arg;
	if (atomic_fetch_sub(&q->refs, 1) != 1)
		return;
	close(q->cancel);
	free(q);
}

void engine_question_cancel(void *arg)
{
	struct engine_question *q = arg;
	static const uint64_t one = 1;
	fd_write(q->cancel, &one, sizeof(one)); /* full is as good */
}

void engine_question_end(struct engine_question *q)
{
	if (!q)
		return;
	struct questions *all = q->engine->questions;
	pthread_mutex_lock(&all->lock);
	for (struct engine_question **at = &all->first; *at; at = &(*at)->next)
		if (*at == q) {
			*at = q->next;
			break;
		}
	pthread_mutex_unlock(&all->lock);
	engine_question_unref(q);
}

void engine_questions_stop(struct engine *e)
{
	pthread_mutex_lock(&e->questions->lock);
	e->questions->closing = true;
	for (struct engine_question *q = e->questions->first; q; q = q->next)
		engine_question_cancel(q);
	pthread_mutex_unlock(&e->questions->lock);
}

struct engine *question_engine(const struct engine_question *q)
{
	return q->engine;
}

int question_cancel_fd(const struct engine_question *q)
{
	return q->cancel;
}
