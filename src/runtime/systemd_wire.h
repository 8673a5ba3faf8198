/*
 * The protocol with kist-systemd: one SEQPACKET socket (SYSTEMD_FD in that program), one answer to each request, in
 * order. The helper connects to the bus at the first one and ends with the socket; a unit that it has made and was
 * not told to keep is stopped then.
 *
 *	request  u32 SYSTEMD_MAGIC, u32 op, u8 user's manager, str unit, str slice, u32 pid, properties
 *	answer   u32 SYSTEMD_MAGIC, u32 error kind + 1 (0: none), str text (the path; the error's message)
 *
 * in the encoding of base/wire.h. A property is: str name, str type, u32 since, values by its type.
 */
#ifndef KIST_RUNTIME_SYSTEMD_WIRE_H
#define KIST_RUNTIME_SYSTEMD_WIRE_H

#include "base/wire.h"
#include "runtime/systemd.h"

#define SYSTEMD_FD 3
#define SYSTEMD_MAGIC 0x6b736431u /* "ksd1" */
#define SYSTEMD_MESSAGE_MAX (128u << 10)

enum systemd_op {
	SYSTEMD_OP_PATH, /* answer: where the unit's cgroup is or will be */
	SYSTEMD_OP_START, /* the transient unit, with the pid and the properties */
	SYSTEMD_OP_ATTACH, /* the pid into the unit */
	SYSTEMD_OP_SET, /* the properties */
	SYSTEMD_OP_STOP,
	SYSTEMD_OP_KEEP, /* the unit made last is on record: it stays when the socket ends */
	SYSTEMD_OP_COUNT
};

struct systemd_request {
	enum systemd_op op;
	bool user;
	const char *unit, *slice; /* borrowed, never NULL once decoded */
	uint32_t pid;
	struct systemd_props props; /* owned once decoded */
};

void systemd_request_encode(const struct systemd_request *r, struct buf *out);
/** Trusts nothing: types are those of struct systemd_prop, counts fit them. Free @out->props. */
int systemd_request_decode(
	struct systemd_request *out, const void *bytes, size_t n, struct err **err);

/** @failed NULL: it was done. */
void systemd_answer_encode(const struct err *failed, const char *text, struct buf *out);
/** -1 also for an answer that is an error, with that error. *text: owned. */
int systemd_answer_decode(char **text, const void *bytes, size_t n, struct err **err);

#endif
