#include "links.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"

/* Inode numbers have 64 bits, and those near 2^64 are overlay's own; the tree goes into the offset's top bit. */
struct link_slot {
	uint64_t ino; /* 0: free */
	uint64_t at; /* offset in the spool, with TREE_BIT */
};
#define TREE_BIT (1ull << 63)

void links_init(struct links *l, int spool)
{
	*l = (struct links){.spool = spool};
}

void links_free(struct links *l)
{
	free(l->slots);
	*l = (struct links){.spool = -1};
}

/* The slot of the inode, or the free one where it belongs. */
static struct link_slot *slot_of(struct link_slot *slots, size_t room, uint64_t ino, uint64_t tree)
{
	size_t i = (size_t)((ino ^ tree) * 0x9e3779b97f4a7c15ull >> 20) & (room - 1);
	while (slots[i].ino && (slots[i].ino != ino || (slots[i].at & TREE_BIT) != tree))
		i = (i + 1) & (room - 1);
	return &slots[i];
}

static int grow(struct links *l, struct err **err)
{
	if (2 * (l->count + 1) <= l->room)
		return 0;
	if (l->count >= LINKS_MAX)
		return err_set(err, ERR_TOO_LARGE,
			"container has more than %u files with several names", LINKS_MAX);
	size_t room = l->room ? 2 * l->room : 64;
	struct link_slot *bigger = xcalloc(room, sizeof(*bigger));
	for (size_t i = 0; i < l->room; i++)
		if (l->slots[i].ino)
			*slot_of(bigger, room, l->slots[i].ino, l->slots[i].at & TREE_BIT) =
				l->slots[i];
	free(l->slots);
	l->slots = bigger;
	l->room = room;
	return 0;
}

/* The spool has, for each: how many names are still to come, length, name. */
struct spooled {
	uint32_t to_come;
	uint16_t len;
};

static int note(struct links *l, struct link_slot *slot, const struct stat *st, uint64_t tree,
	const char *path, struct err **err)
{
	char record[sizeof(struct spooled) + NAME_ROOM];
	uint64_t names = st->st_nlink - 1;
	struct spooled head = {
		names > UINT32_MAX ? UINT32_MAX : (uint32_t)names, (uint16_t)strlen(path)};
	memcpy(record, &head, sizeof(head));
	memcpy(record + sizeof(head), path, head.len);
	size_t n = sizeof(head) + head.len;
	if (pwrite(l->spool, record, n, (off_t)l->end) != (ssize_t)n)
		return err_sys(err, errno, "write a temporary file");
	*slot = (struct link_slot){st->st_ino, l->end | tree};
	l->end += n;
	l->count++;
	return 0;
}

static int bad_spool(struct err **err)
{
	return err_sys(err, errno, "read a temporary file");
}

/* Takes one away; the slots behind it that it had displaced move up. */
static void forget(struct links *l, struct link_slot *slot)
{
	size_t mask = l->room - 1, i = (size_t)(slot - l->slots);
	slot->ino = 0;
	l->count--;
	for (i = (i + 1) & mask; l->slots[i].ino; i = (i + 1) & mask) {
		struct link_slot moved = l->slots[i];
		l->slots[i].ino = 0;
		*slot_of(l->slots, l->room, moved.ino, moved.at & TREE_BIT) = moved;
	}
}

static int recall(struct links *l, struct link_slot *slot, char first[NAME_ROOM], struct err **err)
{
	struct spooled head;
	off_t at = (off_t)(slot->at & ~TREE_BIT);
	if (pread(l->spool, &head, sizeof(head), at) != sizeof(head) || head.len >= NAME_ROOM ||
		pread(l->spool, first, head.len, at + (off_t)sizeof(head)) != head.len)
		return bad_spool(err);
	first[head.len] = '\0';
	if (head.to_come <= 1) {
		forget(l, slot);
		return 1;
	}
	head.to_come--;
	if (pwrite(l->spool, &head, sizeof(head), at) != sizeof(head))
		return err_sys(err, errno, "write a temporary file");
	return 1;
}

int links_look(struct links *l, const struct stat *st, unsigned int tree, const char *path,
	char first[NAME_ROOM], struct err **err)
{
	uint64_t bit = tree ? TREE_BIT : 0;
	if (grow(l, err) < 0)
		return -1;
	struct link_slot *slot = slot_of(l->slots, l->room, st->st_ino, bit);
	return slot->ino ? recall(l, slot, first, err) : note(l, slot, st, bit, path, err);
}
