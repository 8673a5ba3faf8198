/* What session.c, client.c and input.c share. */
#ifndef KIST_MONITOR_SESSION_PRIVATE_H
#define KIST_MONITOR_SESSION_PRIVATE_H

#include "detach.h"
#include "session.h"

enum stream_kind { STREAM_OUT = 1, STREAM_ERR = 2 }; /* as in Docker's frames */

struct stream {
	struct session *session;
	enum stream_kind kind;
	int fd; /* read end or terminal; -1: ended or not there yet */
	struct loop_source *source;
	bool paused; /* a client's queue is full */
	struct log_stream log;
};

struct client {
	struct client *next; /* stays when it is dropped, for whoever walks the list just then */
	struct client *grave; /* next of the dropped ones */
	struct session *session;
	int fd; /* -1: dropped */
	struct loop_source *source; /* NULL once the peer has closed altogether */
	bool in, out, err, raw;
	bool input_over; /* nothing more comes from it */
	bool deaf; /* it reads no more */
	bool leaving; /* is closed when its queue is empty */
	bool shut; /* SHUT_WR done, waiting for the peer's close */
	struct loop_timer *linger;
	struct buf queue; /* what it has not taken yet, from queue_at on */
	size_t queue_at;
	struct buf early; /* input that came with the request */
	struct detach detach;
};

struct session {
	struct loop *loop;
	struct session_owner owner;
	struct logfile *log;
	struct run_io io; /* the process's ends while it is being made */

	bool tty, open_stdin, stdin_once; /* as configured */
	bool running; /* session_run() has been called */
	bool ended, drained;
	bool in_closing; /* stdin is closed when pending is empty */
	bool settling; /* settle is armed */
	bool tell_drained, tell_left;
	unsigned int tell_detached;

	struct loop_timer *grace;
	struct loop_timer
		*later; /* buries clients and tells the owner, outside of everything else */
	struct loop_timer *settle;

	int in; /* write end of stdin, or the terminal again; -1 */
	int tty_peer; /* the terminal's other side, held so that it never hangs up; -1 */
	struct loop_source *in_source;
	struct buf pending; /* input the process has not taken yet */

	struct stream streams[2];
	struct client *clients;
	struct client *graves;
};

/* client.c. Dropping closes and unlinks a client; its memory goes later, so a caller may look at fd < 0. */
struct client *client_new(
	struct session *s, const struct monitor_attach *a, int conn, struct err **err);
/** After it is in the session's list: sends the head, listens. */
void client_begin(struct client *c);
/** Sends or queues; never blocks. */
void client_send(struct client *c, enum stream_kind kind, const char *p, size_t n);
bool client_wants(const struct client *c, enum stream_kind kind);
bool client_has_room(const struct client *c);
/** Closes as soon as everything is sent. */
void client_leave(struct client *c);
/** Closes now. */
void client_drop(struct client *c);
/** Recomputes what is watched on it. */
void client_watch(struct client *c);
/** Takes input from it while the process has room for it. */
void client_pull(struct client *c);
void client_free(struct client *c);

/* input.c */
/** May a client's input be read now? */
bool input_has_room(const struct session *s);
void input_write(struct session *s, const char *p, size_t n);
/** A client's input is over. */
void input_client_done(struct session *s, struct client *c);
void input_start(struct session *s, int fd);
void input_close(struct session *s);
/** Lets every client give what there is room for. */
void input_pull(struct session *s);

/* session.c */
void session_client_gone(struct session *s, struct client *c);
/** A client has room again, or has gone. */
void session_resume(struct session *s);
void session_client_detached(struct session *s);

#endif
