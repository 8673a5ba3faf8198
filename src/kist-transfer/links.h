/*
 * Files with several names: under which one each was written first.
 *
 * A table of 16 bytes an inode in memory, the names in a temporary file. An inode whose last name has come
 * is forgotten; one that has more than one name at a time at most LINKS_MAX others may have.
 */
#ifndef KIST_TRANSFER_LINKS_H
#define KIST_TRANSFER_LINKS_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "name.h"

#define LINKS_MAX (1u << 21) /* inodes with names still to come; 64 MiB of table at most */

struct links {
	int spool; /* an unnamed file, borrowed */
	uint64_t end; /* of what is in it */
	struct link_slot *slots;
	size_t count, room;
};

void links_init(struct links *l, int spool);
void links_free(struct links *l);
/**
 * Has this file of @tree (0, 1: inodes of different trees differ) come before? 1, and its first name in @first; 0, and
 * @path is noted as its first name; -1.
 */
int links_look(struct links *l, const struct stat *st, unsigned int tree, const char *path,
	char first[NAME_ROOM], struct err **err);

#endif
