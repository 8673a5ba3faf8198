/*
 * A container's cgroups from the inside: one folder per hierarchy, each with the operations of its
 * version. Hybrid machines need no code of their own: some folders are v1, one is v2.
 */
#ifndef KIST_RUNTIME_CGROUP_PRIVATE_H
#define KIST_RUNTIME_CGROUP_PRIVATE_H

#include "cgroup_layout.h"
#include "runtime/systemd.h"

struct cgroup_dir {
	const struct cgroup_mount *mount;
	const struct cgroup_ops *ops;
	char *rel; /* below the mount point, no leading slash, never empty */
	int fd; /* the folder; -1 where it does not exist */
	bool foreign; /* somebody else's, met on the way: not to be removed */
	struct cgroup_undo *undo; /* cgroup_put() notes there what it replaces; or NULL */
};

/* What stood in files before they were written, in the order of writing. */
struct cgroup_undo {
	struct cgroup_before {
		const struct cgroup_dir *dir;
		char *file, *value;
	} * v;
	size_t count;
};

struct cgroup {
	char *path;
	struct cgroup_layout layout;
	struct cgroup_dir *dirs; /* one for each entry of the layout, same order */
	size_t count;
	int *entries; /* v1 "tasks" files, open for writing */
	size_t entry_count;
	bool in_part; /* not all folders that exist are open: cgroup_known.c */
	bool chosen; /* cgroup_descend() was here */
	struct cgroup_unit *unit; /* the systemd driver: cgroup_unit.c; else NULL */
};

enum cgroup_level {
	CGROUP_LEVEL_LEAF, /* the container's own folder */
	CGROUP_LEVEL_NEW, /* above it, just made */
	CGROUP_LEVEL_OLD, /* above it, found */
};

/** Paths and layout; nothing is made or opened. */
struct cgroup *cgroup_new(const char *path, struct err **err);
/** The same in @layout, which is taken. */
struct cgroup *cgroup_new_in(struct cgroup_layout *layout, const char *path, struct err **err);
/** Opens the folder of one hierarchy; false if there is none. */
bool cgroup_open_folder(struct cgroup_dir *d);
/** The folder of one hierarchy with all that it lies in; one that exists will do. */
int cgroup_make_folder(struct cgroup *cg, struct cgroup_dir *d, struct err **err);
/** cgroup_set() without telling systemd. */
int cgroup_write_limits(struct cgroup *cg, const struct oci_resources *res, struct err **err);

struct cgroup_ops {
	/** Prepares level @rel ("kist", "kist/id") below @base, a descriptor of the mount point: called
	 * from the top, after each mkdir. */
	int (*prepare)(const struct cgroup_dir *d, int base, const char *rel,
		enum cgroup_level level, struct err **err);
	/** Writes those of @res whose controller is on this hierarchy. */
	int (*set)(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err);
	int (*attach)(const struct cgroup_dir *d, pid_t pid, struct err **err);
	int (*freeze)(const struct cgroup_dir *d, bool frozen, struct err **err);
	bool (*frozen)(const struct cgroup_dir *d);
	/** Frozen, be it because one above is. */
	bool (*stopped)(const struct cgroup_dir *d);
	int64_t (*oom_kills)(const struct cgroup_dir *d);
	/** Adds what this hierarchy knows to @out. */
	void (*stats)(const struct cgroup_dir *d, struct cgroup_stats *out);
};

extern const struct cgroup_ops cgroup_v1_ops, cgroup_v2_ops;

/** @path below the mount point of @m, without a leading slash: owned, or NULL. cgroup_paths.c */
char *cgroup_path_in(const struct cgroup_mount *m, const char *path, struct err **err);

/** Folder of controller @c if it exists, else NULL. */
const struct cgroup_dir *cgroup_dir_of(const struct cgroup *cg, enum cgroup_controller c);
static inline bool cgroup_has(const struct cgroup_dir *d, enum cgroup_controller c)
{
	return d->mount->controllers & CTL_BIT(c);
}

/** ERR_INVALID naming the first controller that @res needs and @cg does not have. */
int cgroup_check_present(
	const struct cgroup *cg, const struct oci_resources *res, struct err **err);

/** Whether @res asks anything of a controller that is on this hierarchy. */
bool cgroup_asks_of(const struct cgroup_dir *d, const struct oci_resources *res);
/** Turns the hierarchy's controllers on all the way down to the folder. */
int cgroup_v2_enable(const struct cgroup_dir *d, struct err **err);

/* The limits, by version: cgroup_v1_limits.c, cgroup_v2_limits.c */
int cgroup_v1_set(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err);
int cgroup_v2_set(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err);
/** Changes devices.list to what the rules say: cgroup_v1_devices.c. */
int cgroup_v1_devices(
	const struct cgroup_dir *d, const struct oci_resources *res, struct err **err);
/** rdma.max is the same file on both. */
int cgroup_set_rdma(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err);
/** cpu.shares (2..262144) as cpu.weight (1..10000). */
uint64_t cgroup_weight_from_shares(uint64_t shares);
/** blkio weight (10..1000) as io.weight (1..10000). */
uint64_t cgroup_io_weight(uint16_t weight);
/** v1's limit on the kernel's memory for TCP buffers, deprecated since Linux 6.12; v2 has none. */
#define CGROUP_KERNEL_TCP "memory.kmem.tcp.limit_in_bytes"
/** What a runtime allows after the container's own rules (config-linux.md "Default Devices"). */
extern const struct oci_device_rule cgroup_default_devices[];
extern const size_t cgroup_default_device_count;
/** Replaces the device program of a v2 folder: cgroup_devices.c. */
int cgroup_v2_devices(
	const struct cgroup_dir *d, const struct oci_resources *res, struct err **err);

/* A unit of systemd's: cgroup_unit.c */
void cgroup_unit_free(struct cgroup_unit *u);
int cgroup_unit_set(struct cgroup *cg, const struct oci_resources *res, struct err **err);
/** The unit is ours: we started it, or it is on record as the container's. */
bool cgroup_unit_started(const struct cgroup *cg);
int cgroup_unit_remove(struct cgroup *cg, struct err **err);

/* Control files: cgroup_file.c. All messages name the whole path and what was written. */
int cgroup_put(const struct cgroup_dir *d, const char *file, struct err **err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/** Writes everything back, the last first, and forgets it. Lists, one device a line, are not noted. */
void cgroup_undo(struct cgroup_undo *undo);
void cgroup_undo_clear(struct cgroup_undo *undo);
bool cgroup_file_exists(const struct cgroup_dir *d, const char *file);
/** First number of a file; INT64_MAX for "max"; -1 if there is no such file or number. */
int64_t cgroup_get(const struct cgroup_dir *d, const char *file);
/** The number after "@key " at the start of a line of a flat keyed file; -1 if there is none. */
int64_t cgroup_get_key(const struct cgroup_dir *d, const char *file, const char *key);
/** A second reading of the same text, for files with many keys. */
int64_t cgroup_text_key(const char *text, const char *key);

/* Processes and folders below: cgroup_tree.c */
int cgroup_tree_pids(int dir, pid_t **pids, size_t *n, struct err **err);
/** The sum of a flat keyed file's number over a folder and those below; -1 if the folder itself has none. */
int64_t cgroup_tree_sum(int dir, const char *file, const char *key);
/** Whether the folder is gone: it is not while there are processes or folders in it. */
bool cgroup_tree_remove_empty(const struct cgroup_dir *d);
/** @kill: also processes that come in meanwhile. */
int cgroup_tree_remove(const struct cgroup_dir *d, bool kill, struct err **err);

#endif
