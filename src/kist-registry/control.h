/* The socket to the library: records in, records out. Sending never blocks and never fails: what has no
 * room waits in memory, and a library that has gone ends the program. */
#ifndef KIST_REGISTRY_CONTROL_H
#define KIST_REGISTRY_CONTROL_H

#include "client.h"

void control_send(struct client *c, const struct record *r);
/** Something waits for room. */
bool control_full(const struct client *c);
void control_flush(struct client *c);
/** The next record into @room (REGISTRY_RECORD_MAX bytes) and *out, its descriptor or -1 into *fd. 1; 0 if
 * there is none now and the socket does not block. Ends the program when the library has gone. */
int control_receive(struct client *c, char *room, struct record *out, int *fd);

/** A document's bytes, in parts. */
void control_data(struct client *c, uint32_t id, const char *p, size_t n);
void control_error(struct client *c, uint32_t id, const struct err *err);

#endif
