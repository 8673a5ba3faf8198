#include "lane.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fdio.h"

#define SIZE ((size_t)LANE_SLOTS * LANE_SLOT)

/* ---- the supervisor's end ---- */

/* What the child writes we only look at. What it reads it can never write: the mapping it makes comes after the seal, ours
 * came before, and stays here (Linux 5.1). */
static int map_memory(struct lane *l)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	if (ftruncate(l->memory, (off_t)SIZE) < 0)
		return -1;
	char *p = mmap(NULL, SIZE, l->writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		l->memory, 0);
	if (p == MAP_FAILED)
		return -1;
	l->slots = p;
	if (l->writes)
		seals |= F_SEAL_FUTURE_WRITE;
	return madvise(p, SIZE, MADV_DONTFORK) < 0 ? -1 : fcntl(l->memory, F_ADD_SEALS, seals);
}

int lane_make(struct lane *l, bool writes, struct err **err)
{
	*l = LANE_NONE;
	l->writes = writes;
	l->memory = memfd_create("lane", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (l->memory < 0 || map_memory(l) < 0)
		return err_sys(err, errno, "share memory with a child");
	return 0;
}

int lane_connect(struct lane *l, struct err **err)
{
	int full[2] = {-1, -1}, back[2] = {-1, -1};
	int r = pipe2(full, O_CLOEXEC) < 0 ? -1 : pipe2(back, O_CLOEXEC);
	l->full = full[l->writes];
	l->child_full = full[!l->writes];
	l->back = back[!l->writes];
	l->child_back = back[l->writes];
	if (r < 0 || fd_set_blocking(l->full, false) < 0 || fd_set_blocking(l->back, false) < 0)
		return err_sys(err, errno, "make a pipe");
	return 0;
}

static void close_one(int *fd)
{
	fd_close(*fd);
	*fd = -1;
}

void lane_started(struct lane *l)
{
	close_one(&l->memory);
	close_one(&l->child_full);
	close_one(&l->child_back);
}

void lane_close(struct lane *l)
{
	close_one(&l->full);
	close_one(&l->back);
}

void lane_free(struct lane *l)
{
	lane_close(l);
	lane_started(l);
	if (l->slots)
		munmap(l->slots, SIZE);
	l->slots = NULL;
}

/* ---- the child's end ---- */

int lane_join(struct lane *child, const struct lane *l, int full, int back, struct err **err)
{
	*child = LANE_NONE;
	child->writes = !l->writes;
	char *p = mmap(NULL, SIZE, child->writes ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED,
		l->memory, 0);
	if (p == MAP_FAILED)
		return err_sys(err, errno, "share memory with the supervisor");
	child->slots = p;
	child->full = full;
	child->back = back;
	return 0;
}

/* ---- both ---- */

static int lies(void)
{
	errno = EPROTO;
	return -1;
}

static char *slot(const struct lane *l, size_t i)
{
	return l->slots + i % LANE_SLOTS * LANE_SLOT;
}

void *lane_room(struct lane *l)
{
	char back[LANE_SLOTS + 1];
	if (l->busy == LANE_SLOTS) {
		ssize_t n = fd_read(l->back, back, sizeof(back));
		if (n == 0)
			errno = EPIPE;
		if (n <= 0)
			return NULL;
		if ((size_t)n > l->busy) {
			lies();
			return NULL;
		}
		l->busy -= (size_t)n;
	}
	return slot(l, l->next);
}

int lane_put(struct lane *l, size_t n)
{
	uint32_t said = (uint32_t)n;
	if (n == 0 || n > LANE_SLOT || l->busy == LANE_SLOTS) {
		errno = EINVAL;
		return -1;
	}
	/* a pipe takes so few lengths, unless slots were given back that nobody has heard of */
	ssize_t put = fd_write(l->full, &said, sizeof(said));
	if (put != (ssize_t)sizeof(said))
		return put < 0 && errno != EAGAIN ? -1 : lies();
	l->next++;
	l->busy++;
	return 0;
}

/* The next length: 1; 0 at the end; -1. */
static int hear(struct lane *l)
{
	while (l->got < sizeof(l->said)) {
		ssize_t n = fd_read(l->full, l->said + l->got, sizeof(l->said) - l->got);
		if (n == 0)
			return l->got ? lies() : 0;
		if (n < 0)
			return -1;
		l->got += (size_t)n;
	}
	l->got = 0;
	return 1;
}

ssize_t lane_take(struct lane *l, const void **p)
{
	uint32_t said;
	int r = lane_give_back(l) < 0 ? -1 : hear(l);
	if (r <= 0)
		return r;
	memcpy(&said, l->said, sizeof(said));
	if (said == 0 || said > LANE_SLOT)
		return lies();
	*p = slot(l, l->next++);
	l->busy = 1;
	return said;
}

int lane_give_back(struct lane *l)
{
	if (!l->busy)
		return 0;
	l->busy = 0;
	/* a writer that waits for its slots never lets the pipe fill up */
	if (fd_write(l->back, "", 1) < 0 && errno != EPIPE)
		return errno == EAGAIN ? lies() : -1;
	return 0;
}
