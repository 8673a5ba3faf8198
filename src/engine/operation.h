/*
 * An operation with a registry: a thread, who listens to it, what it has said. Private to the engine.
 */
#ifndef KIST_ENGINE_OPERATION_H
#define KIST_ENGINE_OPERATION_H

#include "engine/transfer.h"

struct operation;
/** All operations of an engine. */
struct operations;

struct operations *operations_new(void);
/** Cancels all, waits for their threads, frees. */
void operations_free(struct operations *all);

/** What the thread does. @arg is freed by free_arg() when it has returned. */
typedef int operation_fn(struct operation *op, void *arg, struct err **err);
struct operation_spec {
	const char *key; /* two of the same are one; NULL: never shared. Copied */
	operation_fn *run;
	void (*free_arg)(void *arg);
	void *arg; /* taken over in any case */
};
/** Begins one, or joins the one with the same key. NULL with ERR_UNAVAILABLE if the engine closes, or there are
 * no more threads. */
struct image_watch *operation_start(struct engine *e, struct operations *all,
	const struct operation_spec *spec, const struct image_listener *l, struct err **err);

/* ---- for run() ---- */

struct engine *operation_engine(struct operation *op);
/** Tells all who listen. */
void operation_say(struct operation *op, const struct image_message *m);
/** A line for all; @id may be NULL. */
void operation_line(struct operation *op, const char *id, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** A layer's step without bytes. */
void operation_layer(struct operation *op, const char *id, const char *status);
bool operation_cancelled(const struct operation *op);
/** Readable once the operation is cancelled. */
int operation_cancel_fd(const struct operation *op);
/** Opens a session, which a cancellation ends. At most one at a time. */
struct registry_session *operation_session(
	struct operation *op, const struct registry_session_spec *spec, struct err **err);
/** The one that is open, or NULL. */
struct registry_session *operation_open_session(struct operation *op);
/** Closes it, if there is one. */
void operation_session_close(struct operation *op);

#endif
