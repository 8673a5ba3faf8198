#include "idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/proc.h"
#include "sys/child.h"
#include "sys/newmount.h"
#include "sys/procfs.h"

static int write_map(int proc, pid_t pid, const char *file, const struct oci_id_map *maps,
	size_t count, struct err **err)
{
	auto_buf text = BUF_INIT;
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%u %u %u\n", maps[i].container, maps[i].host, maps[i].size);
	char path[64];
	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	if (procfs_write(proc, path, buf_str(&text), text.len) < 0)
		return err_sys(err, errno, "write the user namespace's %s", file);
	return 0;
}

int idmap_write(int proc, pid_t pid, const struct oci_id_map *uids, size_t uid_count,
	const struct oci_id_map *gids, size_t gid_count, struct err **err)
{
	if (write_map(proc, pid, "gid_map", gids, gid_count, err) < 0)
		return -1;
	return write_map(proc, pid, "uid_map", uids, uid_count, err);
}

/* A user namespace needs a process to be made; it only has to live until its descriptor is open. */
static int user_namespace(const struct plan_mount *m, struct err **err)
{
	auto_fd int proc = procfs_open();
	if (proc < 0)
		return err_sys(err, errno, "open /proc");
	struct child_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t pid = child_clone(&args);
	if (pid == 0)
		for (;;)
			pause();
	if (pid < 0)
		return err_sys(err, errno, "make a user namespace");
	int fd = -1;
	if (idmap_write(proc, pid, m->uid_map, m->uid_map_count, m->gid_map, m->gid_map_count,
		    err) == 0) {
		char path[64];
		snprintf(path, sizeof(path), "%d/ns/user", (int)pid);
		fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			err_sys(err, errno, "open the user namespace");
	}
	kill(pid, SIGKILL);
	proc_wait(pid);
	return fd;
}

int idmap_mount(int mnt, const struct plan_mount *m, struct err **err)
{
	auto_fd int ns = user_namespace(m, err);
	if (ns < 0)
		return err_wrap(err, "mount %s", m->target);
	struct newmount_attr attr = {.set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns};
	if (newmount_setattr(mnt, m->recursive, &attr) < 0)
		return err_sys(err, errno, "mount %s: shift its owners (idmap)", m->target);
	return 0;
}
