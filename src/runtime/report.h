/*
 * What passes between a container's first process and the program that makes it, over one SEQPACKET
 * socket: reports one way, permissions the other. The child's half allocates nothing and takes no
 * lock.
 *
 * An error ends the child: code that runs there needs no return values, and a whole error (kind,
 * errno, text) reaches the caller of run_create(). The end of the socket after REPORT_EXEC means
 * that exec has happened; without it, that the child was killed.
 *
 * A process that joins a pid namespace can be traced by who is in there already, and its end of the socket be taken:
 * the parent believes no number, no descriptor and no order of what comes.
 */
#ifndef KIST_RUNTIME_REPORT_H
#define KIST_RUNTIME_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum report_type {
	REPORT_ERROR = 1, /* kind, sys, text; the child is gone */
	REPORT_PID, /* value: the process that goes on in place of the sender */
	REPORT_TTY, /* with the pty's master */
	REPORT_MOUNTED, /* the container's tree stands, pivot_root is next */
	REPORT_READY, /* everything but the last step is done */
	REPORT_EXEC, /* about to exec */
	REPORT_UNSHARED, /* the stage is in its new user namespace, which has no mappings yet */
	REPORT_IDMAP, /* with a detached mount whose owners are to be shifted: binds_idmap_next() */
	REPORT_LISTENER, /* the filter's listener: passed along, or value: its number in the sender */
};

/* Permissions, one packet each; they may come in any order. */
enum permit {
	PERMIT_MAPPED = 1, /* the user namespace has its mappings */
	/* the network namespace that was begun ahead is made: with it, or without if it is not. Never with a user
	 * namespace, and the byte is full */
	PERMIT_NET = PERMIT_MAPPED,
	PERMIT_SCORED =
		2, /* oom_score_adj and hard limits are set, where a stage is to inherit them */
	PERMIT_PIVOT = 4, /* hooks have run */
	PERMIT_GO = 8, /* the gate is open */
	PERMIT_KNOWN = 16, /* the parent has heard of the process that a stage has made */
	PERMIT_CGROUP =
		32, /* the container's v1 cgroups, or systemd's unit, are there, with the way in */
	PERMIT_HEARD = 64, /* the parent has the listener; has shifted the mount */
	PERMIT_RECORDED = 128, /* run_io.known has been called: others can find init */
};

#define REPORT_TEXT 512

struct report {
	uint32_t type;
	uint32_t kind; /* enum err_kind */
	int32_t sys;
	int32_t value;
	char text[REPORT_TEXT];
};

/** The child's end. */
struct reporter {
	int sock;
	uint32_t permits; /* received so far */
};

/**
 * Sends an error and ends the process. @fmt knows %s, %d, %u and %o. With @errnum the text of errno
 * is appended, as err_sysk() does.
 */
void report_fail(struct reporter *r, enum err_kind kind, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 4, 5), noreturn));
/** report_fail with ERR_SYSTEM and errno. */
#define report_sys(r, ...) report_fail(r, ERR_SYSTEM, errno, __VA_ARGS__)
void report_send(struct reporter *r, enum report_type type, int value);
void report_send_fd(struct reporter *r, enum report_type type, int fd);
/** Waits for @permit; ends the process quietly if the other side is gone. */
void report_wait(struct reporter *r, enum permit permit);
/** Waits for @permit as the next to come, with descriptors: up to *n; *n is how many came. */
void report_wait_fds(struct reporter *r, enum permit permit, int *fds, size_t *n);

/** Formats like report_fail; returns the length. */
int report_format(char *out, unsigned int room, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The parent's half. */

/** The next report: 1, 0 at the end, -1 with errno. @fd: a passed descriptor or -1. */
int report_receive(int sock, struct report *out, int *fd);
/** Waits until the child's end is closed, for @timeout_ms or -1. What it has said by then is for report_receive(). For
 * who has nothing to do before: not to be woken by every report is worth two switches of process. 0 if it is not. */
int report_await_end(int sock, int timeout_ms);
int report_permit(int sock, enum permit permit);
int report_permit_fds(int sock, enum permit permit, const int *fds, size_t n);
/** For one that may not come now: closes @fd. Returns -1. */
int report_unexpected(const struct report *report, int fd, struct err **err);
/** Sets *err from a REPORT_ERROR; returns -1. */
int report_to_err(const struct report *report, struct err **err);
/** After a fault of the parent's own in *err: if the child has already failed, what it says
 * replaces that, because it explains more. Never waits. Returns -1. */
int report_prefer(int sock, struct err **err);

#endif
