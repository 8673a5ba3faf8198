#include "sys/tmpfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NAMES_MAX 1000 /* that others have at the same moment, or left */

static int open_named(int dir, int flags)
{
	char name[32];
	for (int i = 0; i < NAMES_MAX; i++) {
		snprintf(name, sizeof(name), ".spool.%d", i);
		int fd = openat(dir, name, O_CREAT | O_EXCL | O_NOFOLLOW | flags, 0600);
		if (fd >= 0)
			unlinkat(dir, name, 0);
		if (fd >= 0 || errno != EEXIST)
			return fd;
	}
	return -1;
}

int tmpfile_open(int dir, int flags)
{
	flags |= O_RDWR | O_CLOEXEC;
	int fd = openat(dir, ".", O_TMPFILE | flags, 0600);
	if (fd < 0 && errno == EOPNOTSUPP)
		return open_named(dir, flags);
	return fd;
}
