/*
 * Which cgroup hierarchies this machine has, where they are mounted and where we are in them.
 *
 * Parsing is pure: texts of /proc/self/mountinfo and /proc/self/cgroup (proc_pid_mountinfo(5),
 * cgroups(7)) go in, a layout comes out, so every shape is tested from fixtures.
 */
#ifndef KIST_RUNTIME_CGROUP_LAYOUT_H
#define KIST_RUNTIME_CGROUP_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/cgroup.h"

enum cgroup_controller {
	CTL_CPU,
	CTL_CPUACCT,
	CTL_CPUSET,
	CTL_MEMORY,
	CTL_DEVICES,
	CTL_FREEZER,
	CTL_BLKIO, /* "io" on v2 */
	CTL_PIDS,
	CTL_HUGETLB,
	CTL_NET_CLS,
	CTL_NET_PRIO,
	CTL_PERF_EVENT,
	CTL_RDMA,
	CTL_MISC,
	CTL_COUNT
};
#define CTL_BIT(c) (1u << (c))

/** One hierarchy. */
struct cgroup_mount {
	bool v2;
	uint32_t controllers; /* CTL_BIT()s; v2: filled in by cgroup_layout_load() */
	char *name; /* "cpu,cpuacct", "systemd" for name=systemd, "unified" for v2 */
	char *path; /* mount point */
	char *root; /* what of the hierarchy is mounted there: "/", or a subtree */
	char *own; /* our own cgroup, relative to the mount point; "/" if it is not below it */
};

struct cgroup_layout {
	enum cgroup_mode mode;
	struct cgroup_mount *v;
	size_t count;
};

/** Name of a controller as the kernel writes it on that version. */
const char *cgroup_controller_name(enum cgroup_controller c, bool v2);
/** Bit of one of "cpu", "io", ...; 0 if unknown. */
uint32_t cgroup_controller_bit(const char *name, size_t n, bool v2);
/** Bits of a list as in cgroup.controllers ("cpu io memory\n"). */
uint32_t cgroup_controller_list(const char *text, bool v2);

/** @mountinfo and @self are NUL-terminated. Lines that make no sense are skipped: the kernel wrote
 * them. ERR_UNAVAILABLE if no hierarchy is mounted. */
int cgroup_layout_parse(
	struct cgroup_layout *out, const char *mountinfo, const char *self, struct err **err);
/** The machine's own. Free with cgroup_layout_clear(). */
int cgroup_layout_load(struct cgroup_layout *out, struct err **err);
/** Fills in what is not written in any list: the mode, and where we are in hierarchies that do not say. */
void cgroup_layout_settle(struct cgroup_layout *layout);
/** Reads which controllers v2 has; the layout is cleared on failure. */
int cgroup_layout_read_v2(struct cgroup_layout *layout, struct err **err);
void cgroup_layout_clear(struct cgroup_layout *layout);
#define auto_cgroup_layout __attribute__((cleanup(cgroup_layout_clear))) struct cgroup_layout

/** The hierarchy that has controller @c, or NULL. */
const struct cgroup_mount *cgroup_layout_find(
	const struct cgroup_layout *layout, enum cgroup_controller c);

#endif
