#include "children.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"

int children_drain(int in, uint64_t *n)
{
	char room[4096];
	ssize_t r;
	*n = 0;
	while ((r = fd_read(in, room, sizeof(room))) > 0)
		*n += (uint64_t)r;
	return (int)r;
}

int children_make_empty(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	char name[32];
	snprintf(name, sizeof(name), "layer.%u", index);
	mkdirat(AT_FDCWD, name, 0755);
	snprintf(name, sizeof(name), "recipe.%u", index);
	mkdirat(AT_FDCWD, name, 0700);
	return children_drain(in, &out->tar_size);
}

int children_copy(int in, int out, enum compression how, struct err **err)
{
	char room[4096];
	ssize_t n;
	while ((n = fd_read(in, room, sizeof(room))) > 0)
		if (fd_write_all(out, room, (size_t)n) < 0)
			return err_sys(err, errno, "write");
	return 0;
}

int children_could(struct err **err, const char *what)
{
	return err_set(err, ERR_CONFLICT, "could %s", what);
}
