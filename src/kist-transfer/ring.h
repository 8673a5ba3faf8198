/*
 * A bounded queue of buffers between the thread that decompresses and the thread that unpacks.
 *
 * The producer fills a slot in place and puts it; the consumer borrows the oldest one until it takes
 * the next. RING_SLOTS * RING_SLOT_SIZE bounds the memory, whatever the layer's size.
 */
#ifndef KIST_TRANSFER_RING_H
#define KIST_TRANSFER_RING_H

#include <stdbool.h>
#include <stddef.h>

#define RING_SLOTS 16
#define RING_SLOT_SIZE (256u << 10)

struct ring;

struct ring *ring_new(void);
/** Both threads must have stopped using it. */
void ring_free(struct ring *r);

/** Producer: room of RING_SLOT_SIZE bytes; NULL if the consumer is gone. */
void *ring_room(struct ring *r);
/** Producer: hands over the room with @n bytes in it. */
void ring_put(struct ring *r, size_t n);
/** Producer: nothing more comes; @whole is false when the stream broke off. */
void ring_end(struct ring *r, bool whole);

/** Consumer (struct unpack_input): the next bytes, valid until the next call; 0 at the end, -1 if the stream broke off. */
long ring_take(void *ring, const void **p);
/** Consumer: wants no more; the producer's ring_room() gives NULL from now on. */
void ring_leave(struct ring *r);

#endif
