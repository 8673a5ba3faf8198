/* A confined child that parses one blob, and what it says at its end. */
#ifndef KIST_TRANSFER_CHILD_H
#define KIST_TRANSFER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "confine_child.h"
#include "lane.h"
#include "outer.h"
#include "stream.h"
#include "unpack.h"

/** The work itself, done in the child: tests have others. Never in the supervisor. */
struct child_tools {
	/** Reads an archive from @in to its end, writes its members to @out (outer.h). */
	int (*read)(int in, int out, const struct outer_limits *limits, struct err **err);
	/** Reads a blob from @in to its end, writes the tar in it to @out. */
	int (*inflate)(struct lane *in, struct lane *out, enum compression how, struct err **err);
	/** Reads a tar from @in to its end; makes "layer.<index>" and "recipe.<index>" in the present root. */
	int (*unpack)(struct lane *in, uint32_t index, struct unpack_limits *limits,
		struct unpack_result *out, struct err **err);
};
extern const struct child_tools child_tools;

struct child_spec {
	const struct child_tools *tools;
	const struct confine_filters *filters;
	enum child_kind kind;
	int in, out; /* READS: what it reads, and the pipe that it writes; the caller closes its copies */
	const struct lane *from,
		*to; /* the others: the supervisor's ends of what it reads, and writes (INFLATES) */
	struct outer_limits outer; /* READS */
	enum compression how; /* INFLATES */
	int folder; /* UNPACKS: its root */
	uint32_t index; /* UNPACKS */
	struct unpack_limits limits; /* UNPACKS: what it may use */
};

/** What a child said: nothing of it is to be believed but for its own layer. */
struct child_outcome {
	uint8_t ok, kind; /* kind: enum err_kind */
	int32_t sys;
	struct unpack_result unpacked;
	uint64_t bytes, entries; /* of its limits, used */
	char text[3072];
};

struct child {
	enum child_kind kind;
	pid_t pid; /* 0: none (any more) */
	int report; /* readable when there is something to hear; -1 */
	bool done; /* it ended well: @said is whole */
	size_t got;
	struct child_outcome said;
};

#define CHILD_NONE ((struct child){.report = -1})

/** From a process with one thread. child_end() in any case. */
int child_start(struct child *c, const struct child_spec *spec, struct err **err);
/** Takes what there is; 1: it has ended, and well; 0: not yet; -1: it failed, or says so. Then it is gone. */
int child_hear(struct child *c, struct err **err);
/** Ends it, if it has not ended, and waits for that. What it said stays. */
void child_end(struct child *c);

#endif
