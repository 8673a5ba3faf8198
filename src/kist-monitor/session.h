/*
 * The stdio of one process of the container, its init or an exec: where its output goes, where its input
 * comes from.
 *
 * Theory of operation. Output is read as it comes and handed to the log and to each attached client, which
 * have a queue of at most SESSION_QUEUE_MAX bytes. A client that does not read fills its queue; then the
 * stream is not read any more and the process blocks in its write, as with Docker: an attached client gets
 * everything or slows the container down. A client that goes (EPOLLHUP, or EPIPE on TCP) frees the stream
 * at once. The log never blocks.
 *
 * Input is read from a client only while the process takes it, so back-pressure reaches the client's socket.
 * When a client's input ends: with stdin_once and without a terminal the process's stdin is closed and the
 * client goes on reading output; otherwise the client is let go (moby does the same).
 *
 * When the process has ended, session_end(): what it wrote is read to the end; if others still hold the other end
 * (an exec's children, containers without a pid namespace of their own) until the grace time is over. Clients get all
 * of it and are then closed, after their own reading end: SHUT_WR first and close when they have closed or after
 * a while, because closing a socket with unread input makes the peer lose what it has not read yet.
 *
 * A client may come before there is a process: it then waits.
 */
#ifndef KIST_MONITOR_SESSION_H
#define KIST_MONITOR_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "runtime/monitor.h"
#include "runtime/run.h"
#include "logfile.h"

#define SESSION_QUEUE_MAX (256 * 1024)

struct session;

/** What the owner hears, always from the loop, never from inside a session_ function; each may free the
 * session. */
struct session_owner {
	/** All output of the ended process has been read and logged. The clients are still there: the owner says what
	 * it has to say about the end, then lets them go with session_detach_all(). */
	void (*drained)(void *arg);
	/** The last client of a drained session has gone. */
	void (*deserted)(void *arg);
	/** A client left by its detach keys. */
	void (*detached)(void *arg);
	/** A client hung up while there was no process yet. */
	void (*left)(void *arg);
	void *arg;
};

struct session *session_new(struct loop *loop, const struct session_owner *owner);
/** Before session_open(). @log may be NULL; it is borrowed. */
void session_configure(
	struct session *s, bool tty, bool open_stdin, bool stdin_once, struct logfile *log);
/** Takes @conn on success only. It must be a stream socket. */
int session_attach(
	struct session *s, const struct monitor_attach *attach, int conn, struct err **err);
uint32_t session_clients(const struct session *s);

/** Makes the pipes; @io gets the process's ends, which session_run() or session_abort() closes. */
int session_open(struct session *s, struct run_io *io, struct err **err);
/** The process exists. @tty_master (-1 without a terminal) becomes the session's. */
void session_run(struct session *s, int tty_master);
/** It could not be made: everything is closed, clients too; session_open() may be called again. */
void session_abort(struct session *s);

int session_resize(struct session *s, uint32_t h, uint32_t w, struct err **err);
/** Reads what is there now, so that it is in the log when this returns. */
void session_sync(struct session *s);
void session_detach_all(struct session *s);
/** The process has ended: see above. @grace in nanoseconds. */
void session_end(struct session *s, int64_t grace);
bool session_drained(const struct session *s);
/** Closes everything without ceremony. NULL is allowed. */
void session_free(struct session *s);

#endif
