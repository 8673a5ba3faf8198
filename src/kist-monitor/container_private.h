/* What container.c, ending.c and exec.c share. */
#ifndef KIST_MONITOR_CONTAINER_PRIVATE_H
#define KIST_MONITOR_CONTAINER_PRIVATE_H

#include "container.h"
#include "oom.h"
#include "received.h"
#include "runtime/run.h"
#include "session.h"

struct exec {
	struct exec *next;
	struct container *container;
	char *id;
	pid_t pid; /* 0: reaped */
	int pidfd;
	struct session *session; /* NULL: over, kept only until somebody hears of it */
	int32_t code;
	bool heard; /* of its end, by a subscriber */
};

struct container {
	struct loop *loop;
	char *id;
	int disk, run_dir;
	struct container_owner owner;

	enum monitor_state state;
	bool configured, tty, open_stdin, stdin_once;
	struct logfile *log;
	struct session *session;
	struct received_plan plan; /* until START; longer if there are poststop hooks */
	struct run *run;
	struct oom_watch *oom;
	bool own_pids; /* a pid namespace of its own: with init everything in it dies */

	bool init_reaped, exited_sent, finished, session_deserted;
	struct monitor_exit exit;
	struct exec *execs;
};

/* exec.c */
/** True if @pid was an exec. */
bool exec_reaped(struct container *c, pid_t pid, int status);
struct exec *exec_find(struct container *c, const char *id);
/** The container is over: execs that have not ended are gone with it. */
void exec_end_all(struct container *c);
/** Have all execs ended and been read to the end? */
bool exec_all_over(const struct container *c);
/** Have all their clients gone? */
bool exec_all_deserted(const struct container *c);
void exec_free_all(struct container *c);

/* ending.c */
void container_init_ended(struct container *c, int status);
/** Goes on with the end as far as it may go now. */
void container_end_on(struct container *c);

#endif
