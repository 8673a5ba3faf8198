/* Which inode of one tree is which of another: 16 bytes each, twice that while it grows. */
#ifndef KIST_TRANSFER_INODES_H
#define KIST_TRANSFER_INODES_H

#include <stddef.h>
#include <stdint.h>

#define INODES_MAX (1u << 22) /* 128 MiB; those beyond are not remembered */

struct inodes {
	struct inode_pair *v;
	size_t count, room;
};

void inodes_free(struct inodes *t);
/** The partner that @ino was given first; @partner now, if it had none. */
uint64_t inodes_partner(struct inodes *t, uint64_t ino, uint64_t partner);

#endif
