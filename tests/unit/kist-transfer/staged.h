/* A supervisor that stages one layer, with children of a test's own. Needs root. */
#ifndef TEST_TRANSFER_STAGED_H
#define TEST_TRANSFER_STAGED_H

#include "base/digest.h"
#include "child.h"

#define GZIP_MAGIC "\x1f\x8b"
#define SIBLING "layer.7" /* another layer of the same pull */

struct fixture {
	char dir[64];
	int staging;
	int stall_ms; /* STALL_MS unless a test says otherwise */
};

/** What the supervisor said. */
struct verdict {
	int r;
	enum err_kind kind;
	struct digest blob, diff_id;
	uint64_t tar_size;
	struct unpack_limits limits;
	char text[512];
};

/** Of each test: a folder, with SIBLING in it. */
int staged_setup(void **state);
int staged_teardown(void **state);

/** Stages @n bytes as layer 1, in a process of its own, as it is confined for good. */
struct verdict stage(struct fixture *f, const struct child_tools *tools, const char *bytes,
	size_t n, bool unpack);
/** The first @first bytes come at once, the rest only when the unpacking child has ended, which keeps a fifo "alive" open. */
struct verdict stage_late(struct fixture *f, const struct child_tools *tools, const char *bytes,
	size_t n, bool unpack, size_t first);
void expect_sibling_untouched(struct fixture *f);
void expect_no_layer(struct fixture *f);

#endif
