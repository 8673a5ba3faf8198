#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/str.h"

static int sysctl_set(const char *path, const char *value, struct err **err)
{
	auto_buf now = BUF_INIT;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	if (fd_read_all(fd, 256, &now, path, err) < 0)
		return -1;
	if (now.len && str_eq(str_trim(now.data), value))
		return 0;
	return file_write(AT_FDCWD, path, value, strlen(value), err);
}

int sysctl_if_set(const char *family, const char *ifname, const char *key, const char *value,
	struct err **err)
{
	char path[128];
	auto_err *why = NULL;
	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", family, ifname, key);
	/* Written without a look at what is there: these belong to interfaces of our own, and opening
	 * such a file costs 50 us. */
	if (file_write(AT_FDCWD, path, value, strlen(value), &why) == 0)
		return 0;
	if (why->sys == ENOENT && access("/proc/sys/net", F_OK) == 0) {
		snprintf(path, sizeof(path), "/proc/sys/net/%s", family);
		if (access(path, F_OK) < 0)
			return 0;
	}
	return err_move(err, &why);
}

int sysctl_ipv4_set(const char *key, const char *value, struct err **err)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/%s", key);
	return sysctl_set(path, value, err);
}
