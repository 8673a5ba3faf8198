#include "idmap.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/mem.h"
#include "base/proc.h"
#include "sys/child.h"
#include "sys/newmount.h"
#include "sys/procfs.h"
#include "usermap.h"

/* Until @parent kills us, or is killed itself. */
static void hold_namespace(pid_t parent) __attribute__((noreturn));
static void hold_namespace(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != parent)
		_exit(1);
	for (;;)
		pause();
}

/* A user namespace needs a process to be made; it only has to live until its descriptor is open. */
static int user_namespace(const struct id_maps *maps, struct err **err)
{
	auto_fd int proc = procfs_open();
	if (proc < 0)
		return err_sys(err, errno, "open /proc");
	struct child_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t parent = getpid(), pid = child_clone(&args);
	if (pid == 0)
		hold_namespace(parent);
	if (pid < 0)
		return err_sys(err, errno, "make a user namespace");
	int fd = -1;
	if (usermap_write(proc, pid, maps, err) == 0) {
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

/* One that the container is yet to make cannot be asked for; another with the same mappings does. */
static int open_namespace(const struct plan_mount *m, const struct setup *s, struct err **err)
{
	const struct plan *plan = s->plan;
	struct id_maps own = {m->uid_map, m->uid_map_count, m->gid_map, m->gid_map_count};
	struct id_maps common = {
		plan->uid_map, plan->uid_map_count, plan->gid_map, plan->gid_map_count};
	if (m->uid_map_count)
		return user_namespace(&own, err);
	if (s->ns[OCI_NS_USER] < 0)
		return user_namespace(&common, err);
	int fd = fcntl(s->ns[OCI_NS_USER], F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_sys(err, errno, "open the user namespace") : fd;
}

int idmap_mount(int mnt, const struct plan_mount *m, const struct setup *s, struct err **err)
{
	auto_fd int ns = open_namespace(m, s, err);
	if (ns < 0)
		return err_wrap(err, "mount %s", m->target);
	struct newmount_attr attr = {.set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)ns};
	if (newmount_setattr(mnt, m->idmap == PLAN_IDMAP_TREE, &attr) < 0)
		return err_sys(err, errno, "mount %s: shift its owners (idmap)", m->target);
	return 0;
}
