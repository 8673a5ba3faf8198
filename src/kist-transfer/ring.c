#include "ring.h"

#include <pthread.h>

#include "base/mem.h"

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t first, count; /* of full slots */
	bool borrowed; /* the consumer still looks at the slot before first */
	bool ended, whole, left;
	size_t len[RING_SLOTS];
	char *slot[RING_SLOTS];
};

struct ring *ring_new(void)
{
	struct ring *r = xcalloc(1, sizeof(*r));
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->changed, NULL);
	for (size_t i = 0; i < RING_SLOTS; i++)
		r->slot[i] = xmalloc(RING_SLOT_SIZE);
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < RING_SLOTS; i++)
		free(r->slot[i]);
	pthread_cond_destroy(&r->changed);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void *ring_room(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->left && r->count + r->borrowed == RING_SLOTS)
		pthread_cond_wait(&r->changed, &r->lock);
	void *room = r->left ? NULL : r->slot[(r->first + r->count) % RING_SLOTS];
	pthread_mutex_unlock(&r->lock);
	return room;
}

void ring_put(struct ring *r, size_t n)
{
	pthread_mutex_lock(&r->lock);
	r->len[(r->first + r->count) % RING_SLOTS] = n;
	r->count++;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

void ring_end(struct ring *r, bool whole)
{
	pthread_mutex_lock(&r->lock);
	r->ended = true;
	r->whole = whole;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

long ring_take(void *ring, const void **p)
{
	struct ring *r = ring;
	long n;
	pthread_mutex_lock(&r->lock);
	r->borrowed = false;
	pthread_cond_signal(&r->changed);
	while (r->count == 0 && !r->ended)
		pthread_cond_wait(&r->changed, &r->lock);
	if (r->count) {
		*p = r->slot[r->first];
		n = (long)r->len[r->first];
		r->first = (r->first + 1) % RING_SLOTS;
		r->count--;
		r->borrowed = true;
	} else {
		n = r->whole ? 0 : -1;
	}
	pthread_mutex_unlock(&r->lock);
	return n;
}

void ring_leave(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	r->left = true;
	pthread_cond_signal(&r->changed);
	pthread_mutex_unlock(&r->lock);
}
