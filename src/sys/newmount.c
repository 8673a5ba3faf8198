#include "sys/newmount.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

int newmount_fsopen(const char *fstype)
{
	return (int)syscall(SYS_fsopen, fstype, FSOPEN_CLOEXEC);
}

int newmount_option(int context, const char *key, const char *value)
{
	return (int)syscall(SYS_fsconfig, context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG,
		key, value, 0);
}

int newmount_option_fd(int context, const char *key, int fd)
{
	return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_FD, key, NULL, fd);
}

int newmount_pick(int mnt)
{
	return (int)syscall(SYS_fspick, mnt, "", FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
}

int newmount_reconfigure(int context)
{
	return (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
}

int newmount_create(int context)
{
	return (int)syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

int newmount_make(int context, uint64_t attr)
{
	if (newmount_create(context) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, (unsigned int)attr);
}

int newmount_simple(const char *fstype, const char *const *options, uint64_t attr)
{
	auto_fd int context = newmount_fsopen(fstype);
	if (context < 0)
		return -1;
	for (; options && options[0]; options += 2)
		if (newmount_option(context, options[0], options[1]) < 0)
			return -1;
	return newmount_make(context, attr);
}

int newmount_clone(int dir, const char *path, bool recursive)
{
	return (int)syscall(SYS_open_tree, dir, path,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH |
			(recursive ? AT_RECURSIVE : 0));
}

int newmount_move(int mnt, int target)
{
	return (int)syscall(SYS_move_mount, mnt, "", target, "",
		MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int newmount_move_to(int mnt, int dir, const char *name)
{
	return (int)syscall(SYS_move_mount, mnt, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH);
}

int newmount_setattr(int mnt, bool recursive, const struct newmount_attr *attr)
{
	if (!attr->set && !attr->clear && !attr->propagation)
		return 0;
	return (int)syscall(SYS_mount_setattr, mnt, "",
		AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), attr, sizeof(*attr));
}

int newmount_detach(int fd)
{
	if (fchdir(fd) < 0)
		return -1;
	return umount2(".", MNT_DETACH);
}

int newmount_log(int context, char *msg, unsigned int room)
{
	/* each read gives one message, "e <text>\n"; the last error is the one that matters */
	char line[512];
	msg[0] = 0;
	for (int i = 0; i < 16; i++) {
		ssize_t n = read(context, line, sizeof(line) - 1);
		if (n <= 2)
			break;
		if (line[n - 1] == '\n')
			n--;
		line[n] = 0;
		if (line[0] != 'e' || room < 2)
			continue;
		size_t len = (size_t)n - 2 < room - 1 ? (size_t)n - 2 : room - 1;
		memcpy(msg, line + 2, len);
		msg[len] = 0;
	}
	return (int)strlen(msg);
}
