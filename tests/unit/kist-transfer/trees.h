/* What a container wrote and what is below it, for tests that pack it. */
#ifndef TEST_TRANSFER_TREES_H
#define TEST_TRANSFER_TREES_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "pack.h"

struct trees {
	char path[40];
	int top, upper, lower, spool;
};

/** Of each test: two empty trees. */
int make_trees(void **state);
int drop_trees(void **state);
#define PACK_TEST(f) cmocka_unit_test_setup_teardown(f, make_trees, drop_trees)

void need_root(void);
void put_file(int dir, const char *name, const char *text);

typedef int pack_fn(const struct pack_spec *spec, struct err **err);
/** Packs @upper over @lower; @room: of listings in memory. */
int try_pack(struct trees *t, pack_fn *fn, size_t room, struct buf *out, struct err **err);
void pack_to(struct trees *t, pack_fn *fn, struct buf *out);
/** Its members, as libarchive reads them: "TYPE NAME[ -> LINK]", one a line. */
char *listing(const struct buf *tar);

#endif
