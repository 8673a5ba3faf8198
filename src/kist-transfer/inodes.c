#include "inodes.h"

#include "base/mem.h"

struct inode_pair {
	uint64_t ino, partner; /* ino 0: free */
};

void inodes_free(struct inodes *t)
{
	free(t->v);
	*t = (struct inodes){0};
}

static struct inode_pair *slot_of(struct inode_pair *v, size_t room, uint64_t ino)
{
	size_t i = (size_t)(ino * 0x9e3779b97f4a7c15ull >> 20) & (room - 1);
	while (v[i].ino && v[i].ino != ino)
		i = (i + 1) & (room - 1);
	return &v[i];
}

static void grow(struct inodes *t)
{
	size_t room = t->room ? 2 * t->room : 64;
	struct inode_pair *bigger = xcalloc(room, sizeof(*bigger));
	for (size_t i = 0; i < t->room; i++)
		if (t->v[i].ino)
			*slot_of(bigger, room, t->v[i].ino) = t->v[i];
	free(t->v);
	t->v = bigger;
	t->room = room;
}

uint64_t inodes_partner(struct inodes *t, uint64_t ino, uint64_t partner)
{
	if (!t->room)
		grow(t);
	struct inode_pair *p = slot_of(t->v, t->room, ino);
	if (p->ino)
		return p->partner;
	if (t->count == INODES_MAX)
		return partner;
	if (2 * (t->count + 1) > t->room) {
		grow(t);
		p = slot_of(t->v, t->room, ino);
	}
	*p = (struct inode_pair){ino, partner};
	t->count++;
	return partner;
}
