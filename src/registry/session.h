/* One running kist-registry. */
#ifndef KIST_REGISTRY_SESSION_H
#define KIST_REGISTRY_SESSION_H

#include <sys/types.h>

#include "config.h"

/* A blob under way. */
struct transfer {
	int id;
	bool upload;
	struct digest digest; /* of an upload whose digest is known; else str[0] is 0 */
};

/* An event that came while something else was waited for, or is to be taken. */
struct queued {
	struct queued *next;
	struct registry_event event;
	char *mounted_from;
	struct err *err;
};

struct registry_session {
	int sock, wake, ready; /* to the program; eventfd of cancel; epoll of both */
	int cancel; /* struct registry_patience */
	int64_t silence, until, end; /* ns; of time_mono(): without a word; at all. 0: no limit */
	pid_t pid;
	bool mirrored;
	char *domain;
	char *room; /* for one record */
	uint32_t next_id;
	struct transfer transfers[REGISTRY_TRANSFERS_MAX];
	size_t transfer_count;
	struct queued *first, *last, *taken; /* taken: what the caller looks at */
	size_t queue_length;
	struct err *broken; /* the program has gone, or must not be believed any more */
};

/** A session with places found by the caller. @familiar: what messages call it. */
struct session_start {
	const struct config *config;
	const struct places *places;
	const char *domain, *repository, *familiar, *scope;
	const struct registry_auth *auth;
	const struct registry_patience *patience;
	bool own_words;
};
struct registry_session *session_start(const struct session_start *s, struct err **err);

int session_send(struct registry_session *s, const struct record *r, int fd, struct err **err);
/** The next record, in the session's room: 1; 0 if there is none and @wait is false; -1. */
int session_receive(struct registry_session *s, bool wait, struct record *out, struct err **err);
/** Keeps what a record says of a transfer; -1 if it makes no sense. */
int session_keep(struct registry_session *s, const struct record *r, struct err **err);
/** The program broke the protocol: nothing it says counts any more. Returns -1. */
int session_break(struct registry_session *s, struct err **err, const char *what);

/** Sends a request, waits for its answer. @data: bytes of a document to send, NULL: none. What comes as DATA
 * goes to @out, at most @max bytes. Strings of *reply are the caller's to free: they are copies. */
struct answer {
	char *type, *digest, *text, *etag;
	int64_t size;
	bool found, listed;
};
int session_ask(struct registry_session *s, const struct record_request *request, const void *data,
	size_t max, struct buf *out, struct answer *answer, struct err **err);
void answer_free(struct answer *a);
#define auto_answer __attribute__((cleanup(answer_free))) struct answer

#endif
