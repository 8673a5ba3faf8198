#include "sys/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/rootpath.h"

#define PROC_ROOT_INODE 1 /* PROC_ROOT_INO: the same since Linux 2.6 */

bool procfs_is(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int procfs_open(void)
{
	auto_fd int fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!procfs_is(fd) || st.st_ino != PROC_ROOT_INODE) {
		errno = ENODEV;
		return -1;
	}
	return steal_fd(&fd);
}

int procfs_openat(int proc, const char *path, int flags)
{
	return path_openat2(proc, path, (uint64_t)(unsigned int)flags, 0,
		RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

int procfs_write(int proc, const char *path, const char *data, size_t n)
{
	auto_fd int fd = procfs_openat(proc, path, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t put = write(fd, data, n);
	if (put >= 0 && (size_t)put != n) {
		errno = EIO;
		return -1;
	}
	return put < 0 ? -1 : 0;
}
