/*
 * The "cgroup" mount of a config: on v2 the one hierarchy; on v1 and hybrid a tmpfs with a folder
 * per hierarchy, as the host has it. With a cgroup namespace each is a fresh mount, whose root then
 * is the container's own cgroup; without, each is a bind mount of the container's folder, so that a
 * container never sees other cgroups (CVE-2023-25809: and it is as read-only as the config says).
 */
#include "setup.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "sys/newmount.h"
#include "sys/rootpath.h"

static bool has_cgroup_namespace(const struct setup *s)
{
	return (s->plan->ns_new & CLONE_NEWCGROUP) || s->ns[OCI_NS_CGROUP] >= 0;
}

static int fresh_v2(uint64_t attr)
{
	return newmount_simple("cgroup2", NULL, attr);
}

/* "memory", "cpu,cpuacct" or the name of a hierarchy without controllers ("systemd") */
static int fresh_v1(const char *name, uint64_t attr)
{
	static const char *const controllers[] = {"cpuset", "cpu", "cpuacct", "blkio", "memory",
		"devices", "freezer", "net_cls", "perf_event", "net_prio", "hugetlb", "pids",
		"rdma", "misc", "debug"};
	auto_fd int context = newmount_fsopen("cgroup");
	if (context < 0)
		return -1;
	bool known = false;
	for (const char *at = name; *at;) {
		char word[64];
		size_t n = strcspn(at, ",");
		if (n >= sizeof(word)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(word, at, n);
		word[n] = 0;
		for (size_t i = 0; i < ARRAY_LEN(controllers); i++) {
			if (strcmp(word, controllers[i]) != 0)
				continue;
			known = true;
			if (newmount_option(context, word, NULL) < 0)
				return -1;
		}
		at += n + (at[n] == ',');
	}
	if (!known && (newmount_option(context, "none", NULL) < 0 ||
			      newmount_option(context, "name", name) < 0))
		return -1;
	return newmount_make(context, attr);
}

static int own_folder(const struct cgroup_hierarchy *h, uint64_t attr)
{
	auto_fd int mnt = newmount_clone(AT_FDCWD, h->folder, false);
	struct newmount_attr set = {.set = attr, .propagation = MS_PRIVATE};
	if (attr & MOUNT_ATTR__ATIME)
		set.clear = MOUNT_ATTR__ATIME;
	if (mnt < 0 || newmount_setattr(mnt, false, &set) < 0)
		return -1;
	return steal_fd(&mnt);
}

/* What an ordinary user's container sees in place of cgroups that it may not have: read-only, whatever is said
 * of /sys (CVE-2023-25809). */
static int empty_folder(void)
{
	static const char *const options[] = {
		"source", "tmpfs", "size", "0k", "nr_inodes", "1", "mode", "755", NULL};
	return newmount_simple("tmpfs", options,
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

static int hierarchy_mount(const struct setup *s, const struct cgroup_hierarchy *h, uint64_t attr)
{
	int mnt = -1;
	if (has_cgroup_namespace(s))
		mnt = h->v2 ? fresh_v2(attr) : fresh_v1(h->name, attr);
	if (mnt < 0 && (!has_cgroup_namespace(s) || mount_in_user_namespace(s)))
		mnt = own_folder(h, attr);
	return mnt < 0 && mount_in_user_namespace(s) ? empty_folder() : mnt;
}

/* The last part of the host's mount point: "memory", "cpu,cpuacct", "unified", "systemd". */
static const char *folder_name(const struct cgroup_hierarchy *h)
{
	const char *slash = strrchr(h->mount, '/');
	return slash ? slash + 1 : h->mount;
}

/* "cpu" -> "cpu,cpuacct", for programs that look for one controller */
static void controller_links(struct setup *s, int tmpfs, const char *name)
{
	if (!strchr(name, ','))
		return;
	for (const char *at = name; *at;) {
		char word[NAME_MAX + 1];
		size_t n = strcspn(at, ",");
		if (n < sizeof(word)) {
			memcpy(word, at, n);
			word[n] = 0;
			if (symlinkat(name, tmpfs, word) < 0 && errno != EEXIST)
				report_sys(&s->report, "link cgroup folder %s", word);
		}
		at += n + (at[n] == ',');
	}
}

static void v1_tree(struct setup *s, const struct plan_mount *m, uint64_t attr, int target)
{
	const char *const options[] = {"source", "tmpfs", "mode", "755",
		s->plan->mount_label ? "context" : NULL, s->plan->mount_label, NULL};
	auto_fd int tmpfs = newmount_simple("tmpfs", options, attr & ~(uint64_t)MOUNT_ATTR_RDONLY);
	if (tmpfs < 0 || newmount_move(tmpfs, target) < 0)
		report_sys(&s->report, "mount tmpfs at %s", m->target);
	for (size_t i = 0; i < s->hierarchy_count; i++) {
		const struct cgroup_hierarchy *h = &s->hierarchies[i];
		const char *name = folder_name(h);
		if (mkdirat(tmpfs, name, 0755) < 0)
			report_sys(&s->report, "make the folder of cgroup hierarchy %s", name);
		auto_fd int mnt = hierarchy_mount(s, h, attr);
		if (mnt < 0 || newmount_move_to(mnt, tmpfs, name) < 0)
			report_sys(&s->report, "mount cgroup hierarchy %s", name);
		controller_links(s, tmpfs, name);
	}
	struct newmount_attr readonly = {.set = attr & MOUNT_ATTR_RDONLY};
	if (newmount_setattr(tmpfs, false, &readonly) < 0)
		report_sys(&s->report, "make %s read-only", m->target);
	if (mount_propagate(tmpfs, m) < 0)
		report_sys(&s->report, "set the propagation of %s", m->target);
}

void mount_cgroup(struct setup *s, const struct plan_mount *m)
{
	/* "rro" and the like mean all that is mounted here, as those without "r" do */
	uint64_t attr = (m->attr_set & ~m->rec_attr_clear) | m->rec_attr_set;
	if (!s->hierarchy_count)
		return;
	/* or its folders are not there yet */
	if (has_cgroup_namespace(s) || s->cgroup_late)
		mount_need_cgroup(s);
	auto_fd int target = mount_target(s, m, true);
	mount_check_proc(s, m, NULL, target);
	if (s->hierarchy_count > 1 || !s->hierarchies[0].v2) {
		v1_tree(s, m, attr, target);
		return;
	}
	auto_fd int mnt = fresh_v2(attr);
	/* a user namespace may not mount it afresh without its own cgroup namespace: it gets its own
	 * folder then, and not everybody's */
	if (mnt < 0 && (errno == EPERM || errno == EBUSY))
		mnt = own_folder(&s->hierarchies[0], attr);
	/* ... or where there is no such folder nothing, above all not what the host has there */
	if (mnt < 0 && mount_in_user_namespace(s))
		mnt = empty_folder();
	if (mnt < 0 || newmount_move(mnt, target) < 0)
		report_sys(&s->report, "mount cgroup2 at %s", m->target);
	if (mount_propagate(mnt, m) < 0)
		report_sys(&s->report, "set the propagation of %s", m->target);
}
