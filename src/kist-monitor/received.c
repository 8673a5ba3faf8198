#include "received.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/mem.h"

#define RECEIVED_MAX (64 * 1024 * 1024)

int received_map(struct received *r, int fd, struct err **err)
{
	const int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & needed) != needed || fstat(fd, &st) < 0)
		return err_set(err, ERR_INVALID, "what was sent is not a sealed memory file");
	if (st.st_size <= 0 || st.st_size > RECEIVED_MAX)
		return err_set(
			err, ERR_TOO_LARGE, "what was sent has %lld bytes", (long long)st.st_size);
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_sys(err, errno, "map what was sent");
	r->data = data;
	r->len = (size_t)st.st_size;
	return 0;
}

void received_unmap(struct received *r)
{
	if (r->data)
		munmap(r->data, r->len);
	*r = (struct received){0};
}

int received_plan(struct received_plan *p, int fd, struct err **err)
{
	struct received_plan got = {0};
	if (received_map(&got.bytes, fd, err) < 0)
		return -1;
	if (plan_decode(&got.plan, got.bytes.data, got.bytes.len, err) < 0) {
		received_unmap(&got.bytes);
		return -1;
	}
	*p = got;
	return 0;
}

void received_plan_free(struct received_plan *p)
{
	if (p->plan)
		plan_free(p->plan);
	received_unmap(&p->bytes);
	p->plan = NULL;
}
