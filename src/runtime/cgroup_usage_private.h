/* Between cgroup_usage.c and what it reads on either version. */
#ifndef KIST_RUNTIME_CGROUP_USAGE_PRIVATE_H
#define KIST_RUNTIME_CGROUP_USAGE_PRIVATE_H

#include "base/buf.h"
#include "cgroup_private.h"
#include "runtime/cgroup_usage.h"

/** Adds what this hierarchy counts. */
void cgroup_v1_usage(const struct cgroup_dir *d, struct cgroup_usage *out);
/** @pressure: PSI too, which a hybrid machine's v2 does not stand for. */
void cgroup_v2_usage(const struct cgroup_dir *d, bool pressure, struct cgroup_usage *out);

/** The number in the file that @fmt makes; UINT64_MAX for "max", 0 where there is none. */
uint64_t usage_number(const struct cgroup_dir *d, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int usage_text(const struct cgroup_dir *d, const char *file, struct buf *out);
void usage_add_number(struct cgroup_numbers *list, uint64_t value);
void usage_ranges(const struct cgroup_dir *d, const char *file, struct cgroup_numbers *out);
void usage_raw_memory(const struct cgroup_dir *d, struct cgroup_usage *out);
void usage_add_io(struct cgroup_io_list *list, const struct cgroup_io_entry *entry);
void usage_pids(const struct cgroup_dir *d, struct cgroup_usage *out);
void usage_hugetlb(const struct cgroup_dir *d, const char *suffix,
	void (*read)(const struct cgroup_dir *, struct cgroup_hugetlb_use *),
	struct cgroup_usage *out);

#endif
