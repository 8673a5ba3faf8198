/*
 * The mounts of the plan, in order, below the root mount. Each target is resolved by the kernel
 * inside the root (CVE-2021-30465) and what is attached there is a descriptor: no path is looked at
 * twice.
 */
#include "setup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <linux/xattr.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "sys/child.h"
#include "sys/newmount.h"
#include "sys/procfs.h"
#include "sys/rootpath.h"

/* fsconfig(2) takes strings of up to 255 bytes. */
#define OPTION_MAX 256

static void option_failed(
	struct setup *s, int context, const struct plan_mount *m, const char *option)
{
	int saved = errno;
	char log[200];
	if (newmount_log(context, log, sizeof(log)) > 0)
		report_fail(&s->report, ERR_SYSTEM, saved, "mount %s at %s: %s (%s)", m->fstype,
			m->target, option, log);
	report_fail(
		&s->report, ERR_SYSTEM, saved, "mount %s at %s: %s", m->fstype, m->target, option);
}

bool mount_in_user_namespace(const struct setup *s)
{
	return (s->plan->ns_new & CLONE_NEWUSER) || s->ns[OCI_NS_USER] >= 0;
}

static void set_option(
	struct setup *s, int context, const struct plan_mount *m, const char *option, size_t n)
{
	char text[2 * OPTION_MAX];
	if (n >= sizeof(text))
		report_fail(&s->report, ERR_INVALID, 0, "mount %s at %s: an option is too long",
			m->fstype, m->target);
	memcpy(text, option, n);
	text[n] = 0;
	char *value = strchr(text, '=');
	if (value)
		*value++ = 0;
	bool tty_group = strcmp(m->fstype, "devpts") == 0 && strcmp(text, "gid") == 0;
	if (tty_group && s->no_tty_group)
		return;
	if (newmount_option(context, text, value) == 0)
		return;
	/* every config gives terminals to group 5, "tty", which a small user namespace does not have */
	if (tty_group && errno == EINVAL && mount_in_user_namespace(s))
		return;
	option_failed(s, context, m, text);
}

static bool is_type(const struct plan_mount *m, const char *type)
{
	return strcmp(m->fstype, type) == 0;
}

/* Of these there is one superblock for many mounts, or it is to be filled yet: read-only is the mount alone. */
static bool stays_writable(const struct plan_mount *m)
{
	static const char *const types[] = {"tmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup2",
		"bpf", "debugfs", "tracefs", "securityfs", "ramfs", "hugetlbfs"};
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (is_type(m, types[i]))
			return true;
	return false;
}

static void set_superblock_flags(struct setup *s, int context, const struct plan_mount *m)
{
	static const struct {
		uint32_t flag;
		const char *name;
	} flags[] = {
		{MS_SYNCHRONOUS, "sync"},
		{MS_DIRSYNC, "dirsync"},
		{MS_MANDLOCK, "mand"},
		{MS_LAZYTIME, "lazytime"},
	};
	/* a device that cannot be written must be opened so */
	if ((m->attr_set & MOUNT_ATTR_RDONLY) && !stays_writable(m) &&
		newmount_option(context, "ro", NULL) < 0)
		option_failed(s, context, m, "ro");
	/* only file systems that can do without know the word */
	if (m->sb_flags & MS_I_VERSION)
		newmount_option(context, "iversion", NULL);
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if ((m->sb_flags & flags[i].flag) &&
			newmount_option(context, flags[i].name, NULL) < 0)
			option_failed(s, context, m, flags[i].name);
}

/* A procfs shows the pid namespace of whoever opens it. A child is born into the one that is
 * joined; the descriptor table is common to both. */
static int open_proc_by_child(void)
{
	int pair[2], context = -1;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -1;
	auto_fd int in = pair[0], out = pair[1];
	struct child_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
	pid_t pid = child_clone(&args);
	if (pid == 0) {
		context = newmount_fsopen("proc");
		_exit(fd_write(out, &context, sizeof(context)) < 0 ? 1 : 0);
	}
	if (pid < 0)
		return -1;
	int status = proc_wait(pid);
	if (status == 0 && fd_read(in, &context, sizeof(context)) == sizeof(context))
		return context;
	errno = EPERM;
	return -1;
}

static int open_context(struct setup *s, const struct plan_mount *m)
{
	if (!s->hidden || strcmp(m->fstype, "proc") != 0)
		return newmount_fsopen(m->fstype);
	auto_fd int context = newmount_fsopen("proc");
	if (context < 0)
		return -1;
	/* Linux 6.17 */
	if (newmount_option_fd(context, "pidns", s->ns[OCI_NS_PID]) == 0)
		return steal_fd(&context);
	return open_proc_by_child();
}

static void set_options(struct setup *s, int context, const struct plan_mount *m)
{
	for (const char *at = m->data; at && *at;) {
		size_t n = strcspn(at, ",");
		if (n)
			set_option(s, context, m, at, n);
		at += n + (at[n] == ',');
	}
	set_superblock_flags(s, context, m);
}

/* A sysfs belongs to a network namespace, and the host's may not be mounted anew by a user namespace's root:
 * they get the one that is there. -1 with errno. */
static int clone_sysfs(const struct plan_mount *m)
{
	auto_fd int mnt = newmount_clone(AT_FDCWD, "/sys", true);
	struct newmount_attr all = {
		.set = m->attr_set | m->rec_attr_set, .propagation = MS_PRIVATE};
	if (all.set & MOUNT_ATTR__ATIME)
		all.clear = MOUNT_ATTR__ATIME;
	if (mnt < 0 || newmount_setattr(mnt, true, &all) < 0)
		return -1;
	return steal_fd(&mnt);
}

/* Read-only comes last where something is to be made in there: mounts_finish(). */
static bool is_filled(const struct plan_mount *m)
{
	return is_type(m, "tmpfs") || is_type(m, "mqueue") || strcmp(m->target, "/dev") == 0;
}

static bool is_read_only_late(const struct plan_mount *m)
{
	return is_filled(m) && ((m->attr_set | m->rec_attr_set) & MOUNT_ATTR_RDONLY);
}

/* proc and sysfs have labels by their files, a message queue takes none when it is mounted. */
bool mount_takes_label(const struct setup *s, const struct plan_mount *m)
{
	return s->plan->mount_label && !is_type(m, "proc") && !is_type(m, "sysfs") &&
	       !is_type(m, "mqueue");
}

static void label_queue(struct setup *s, const struct plan_mount *m, int mnt)
{
	if (!s->plan->mount_label || !is_type(m, "mqueue"))
		return;
	auto_fd int root = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0 || fsetxattr(root, XATTR_NAME_SELINUX, s->plan->mount_label,
				strlen(s->plan->mount_label), 0) < 0)
		report_sys(&s->report, "linux.mountLabel: label %s", m->target);
}

static int mount_file_system(struct setup *s, const struct plan_mount *m, const char *mode)
{
	auto_fd int context = open_context(s, m);
	if (context < 0 && errno == EPERM && is_type(m, "sysfs"))
		return clone_sysfs(m);
	if (context < 0)
		report_sys(&s->report, "mount %s at %s: fsopen", m->fstype, m->target);
	if (m->source && *m->source && newmount_option(context, "source", m->source) < 0)
		option_failed(s, context, m, "source");
	if (mode && newmount_option(context, "mode", mode) < 0)
		option_failed(s, context, m, "mode");
	/* as a value of its own: a label may hold commas */
	if (mount_takes_label(s, m) &&
		newmount_option(context, "context", s->plan->mount_label) < 0)
		option_failed(s, context, m, "context");
	set_options(s, context, m);
	uint64_t delayed = is_filled(m) ? MOUNT_ATTR_RDONLY : 0;
	int mnt = newmount_make(context, m->attr_set & ~delayed);
	if (mnt < 0 && errno == EPERM && is_type(m, "sysfs"))
		return clone_sysfs(m);
	/* before devpts had the new mount API it looked at its options here */
	if (mnt < 0 && errno == EINVAL && is_type(m, "devpts") && !s->no_tty_group &&
		mount_in_user_namespace(s)) {
		s->no_tty_group = true;
		return mount_file_system(s, m, mode);
	}
	struct newmount_attr all = {.set = m->rec_attr_set & ~delayed, .clear = m->rec_attr_clear};
	if (mnt < 0 || newmount_setattr(mnt, true, &all) < 0)
		option_failed(s, context, m, "create");
	label_queue(s, m, mnt);
	return mnt;
}

static bool kernel_interface(const struct plan_mount *m)
{
	return m->fstype && (strcmp(m->fstype, "proc") == 0 || strcmp(m->fstype, "sysfs") == 0);
}

/*
 * /proc and /sys only go to real folders: through a link of the image they would land elsewhere,
 * and masks and labels with them (CVE-2019-19921, CVE-2023-27561).
 */
static int plain_folder(struct setup *s, const struct plan_mount *m)
{
	int fd = path_openat2(
		s->root, m->target, O_PATH | O_DIRECTORY, 0, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	if (fd < 0 && errno == ENOENT) {
		fd_close(root_make_dir(s->root, m->target, 0755));
		fd = path_openat2(s->root, m->target, O_PATH | O_DIRECTORY, 0,
			RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
	}
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		report_fail(&s->report, ERR_INVALID, 0,
			"filesystem \"%s\" must be mounted on ordinary directory, and %s is none",
			m->fstype, m->target);
	if (fd < 0)
		report_sys(&s->report, "mount %s: open the folder %s", m->fstype, m->target);
	return fd;
}

static void mount_failed(struct setup *s, const struct plan_mount *m, const char *step)
{
	int saved = errno;
	report_fail(&s->report, ERR_SYSTEM, 0, "error mounting \"%s\" to rootfs at \"%s\": %s%s%s",
		m->source ? m->source : m->fstype, m->target, step, err_text(saved),
		saved == ENOTDIR ? ": Are you trying to mount a directory onto a file (or "
				   "vice-versa)? Check if "
				   "the specified host path exists and is the expected type"
				 : "");
}

int mount_target(struct setup *s, const struct plan_mount *m, bool is_dir)
{
	if (kernel_interface(m))
		return plain_folder(s, m);
	int fd = -1;
	if (m->links & PLAN_LINK_TARGET)
		fd = root_open(s->root, m->target, O_PATH | O_NOFOLLOW, 0);
	if (fd < 0)
		fd = is_dir ? root_make_dir(s->root, m->target, 0755)
			    : root_make_file(s->root, m->target);
	if (fd < 0)
		mount_failed(s, m, "make mount point: ");
	return fd;
}

/* Files of /proc that may be covered: those that lxcfs and the like provide (as runc has it). */
static bool proc_file_allowed(const char *target)
{
	static const char *const allowed[] = {
		"/proc/cpuinfo",
		"/proc/diskstats",
		"/proc/meminfo",
		"/proc/stat",
		"/proc/swaps",
		"/proc/uptime",
		"/proc/loadavg",
		"/proc/slabinfo",
		"/proc/net/dev",
		"/proc/sys/kernel/ns_last_pid",
	};
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (strcmp(target, allowed[i]) == 0)
			return true;
	return false;
}

/* Nothing may cover the container's /proc or what is in it, however its path is written. */
void mount_check_proc(
	struct setup *s, const struct plan_mount *m, const struct bind_source *b, int target)
{
	bool whole = strcmp(m->target, "/proc") == 0 || strcmp(m->target, "/proc/") == 0;
	if (b && b->is_proc && whole)
		return;
	if (kernel_interface(m) && m->fstype[0] == 'p')
		return;
	if (!whole && (!procfs_is(target) || proc_file_allowed(m->target)))
		return;
	report_fail(&s->report, ERR_INVALID, 0,
		"\"%s\" cannot be mounted because it is inside /proc", m->target);
}

int mount_propagate(int mnt, const struct plan_mount *m)
{
	for (size_t i = 0; i < m->propagation_count; i++) {
		uint32_t word = m->propagation[i];
		struct newmount_attr attr = {.propagation = word & ~(uint32_t)MS_REC};
		if (newmount_setattr(mnt, word & MS_REC, &attr) < 0)
			return -1;
	}
	return 0;
}

/* The kernel has one word, EINVAL, for many reasons; mount(2) tells this one apart. */
static bool kinds_differ(int mnt, int target)
{
	struct stat a, b;
	return fstat(mnt, &a) == 0 && fstat(target, &b) == 0 &&
	       S_ISDIR(a.st_mode) != S_ISDIR(b.st_mode);
}

static void attach(struct setup *s, const struct plan_mount *m, int mnt, int target)
{
	if (newmount_move(mnt, target) < 0) {
		int why = errno;
		errno = why == EINVAL && kinds_differ(mnt, target) ? ENOTDIR : why;
		mount_failed(s, m, "");
	}
	/* a peer group is made in place; binds have theirs from the host */
	if (m->kind != STEP_BIND && mount_propagate(mnt, m) < 0)
		report_sys(&s->report, "set the propagation of %s", m->target);
}

/* "copy-symlink": the link of the host is made in the container too. */
static void copy_link(struct setup *s, const struct plan_mount *m, int link)
{
	char text[PATH_MAX], there[PATH_MAX], name[NAME_MAX + 1];
	ssize_t n = readlinkat(link, "", text, sizeof(text) - 1);
	auto_fd int parent = root_open_parent(s->root, m->target, 1, name, sizeof(name));
	if (n < 0 || parent < 0)
		mount_failed(s, m, "copy the link: ");
	text[n] = 0;
	if (symlinkat(text, parent, name) == 0)
		return;
	bool same = errno == EEXIST && readlinkat(parent, name, there, sizeof(there)) == n &&
		    memcmp(text, there, (size_t)n) == 0;
	if (!same) {
		errno = EEXIST;
		mount_failed(s, m, "copy the link: ");
	}
}

static void bind(struct setup *s, size_t i)
{
	const struct plan_mount *m = &s->plan->mounts[i];
	struct bind_source *b = &s->binds[i];
	if (b->inside)
		bind_prepare_inside(s, i);
	if (b->is_link) {
		copy_link(s, m, b->mount);
		return;
	}
	auto_fd int target = mount_target(s, m, b->is_dir);
	mount_check_proc(s, m, b, target);
	attach(s, m, b->mount, target);
}

/* mount(8) "remount" without bind: the file system's own options too. */
static void reconfigure(struct setup *s, const struct plan_mount *m, int target)
{
	auto_fd int context = newmount_pick(target);
	if (context < 0)
		report_sys(&s->report, "remount %s", m->target);
	set_options(s, context, m);
	if (newmount_reconfigure(context) < 0)
		option_failed(s, context, m, "remount");
}

static void remount(struct setup *s, const struct plan_mount *m)
{
	const uint32_t of_superblock = MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME;
	auto_fd int target = root_open(s->root, m->target, O_PATH, 0);
	struct newmount_attr own = {.set = m->attr_set, .clear = m->attr_clear};
	struct newmount_attr all = {.set = m->rec_attr_set, .clear = m->rec_attr_clear};
	if (target < 0 || newmount_setattr(target, false, &own) < 0 ||
		newmount_setattr(target, true, &all) < 0 || mount_propagate(target, m) < 0)
		report_sys(&s->report, "remount %s", m->target);
	if (m->kind != STEP_BIND && (m->data || (m->sb_flags & of_superblock)))
		reconfigure(s, m, target);
}

/* A tmpfs that covers a folder has that one's mode, unless the config gives another. */
static const char *covered_mode(
	struct setup *s, const struct plan_mount *m, char *room, unsigned int n)
{
	struct stat st;
	if (!is_type(m, "tmpfs"))
		return NULL;
	auto_fd int there = root_open(s->root, m->target, O_PATH | O_DIRECTORY, 0);
	if (there < 0 || fstat(there, &st) < 0)
		return NULL;
	report_format(room, n, "%o", st.st_mode & 07777);
	return room;
}

static void file_system(struct setup *s, const struct plan_mount *m, int *keep)
{
	char room[16];
	const char *mode = covered_mode(s, m, room, sizeof(room));
	auto_fd int target = mount_target(s, m, true);
	mount_check_proc(s, m, NULL, target);
	auto_fd int mnt =
		mount_is_long(m) ? mount_classic(s, m, target) : mount_file_system(s, m, mode);
	if (mnt < 0)
		report_sys(&s->report, "mount %s at %s", m->fstype, m->target);
	if (m->copy_up) {
		mount_need_cgroup(s);
		copy_up(&s->report, target, mnt, m->target);
	}
	attach(s, m, mnt, target);
	if (is_type(m, "devpts")) {
		fd_close(s->devpts);
		s->devpts = steal_fd(&mnt);
	} else if (is_read_only_late(m) || kernel_interface(m)) {
		*keep = steal_fd(&mnt);
	}
}

void mounts_finish(struct setup *s)
{
	for (size_t i = 0; i < s->plan->mount_count; i++) {
		const struct plan_mount *m = &s->plan->mounts[i];
		struct newmount_attr attr = {.set = MOUNT_ATTR_RDONLY};
		if (m->kind == STEP_MOUNT && s->binds[i].mount >= 0 && is_read_only_late(m) &&
			newmount_setattr(s->binds[i].mount, false, &attr) < 0)
			report_sys(&s->report, "make %s read-only", m->target);
		/* the working folder may name descriptors */
		fd_closep(&s->binds[i].mount);
	}
}

void mount_need_cgroup(struct setup *s)
{
	if (s->cgroup_done)
		return;
	if (s->cgroup_late)
		setup_enter_late(s);
	if ((s->plan->ns_new & CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) < 0)
		report_sys(&s->report, "make the cgroup namespace");
	s->cgroup_done = true;
}

/* As the last mount it does not matter to the devices, which are made while the parent still makes cgroups. */
static void mount_cgroup_step(struct setup *s, size_t i)
{
	if (i + 1 == s->plan->mount_count && s->cgroup_late && !s->cgroup_done)
		devices_make(s);
	mount_cgroup(s, &s->plan->mounts[i]);
}

void mounts_make(struct setup *s)
{
	for (size_t i = 0; i < s->plan->mount_count; i++) {
		const struct plan_mount *m = &s->plan->mounts[i];
		if (m->sb_flags & MS_REMOUNT)
			remount(s, m);
		else if (m->kind == STEP_BIND)
			bind(s, i);
		else if (m->kind == STEP_CGROUP)
			mount_cgroup_step(s, i);
		else
			file_system(s, m, &s->binds[i].mount);
	}
}
