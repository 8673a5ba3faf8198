/*
 * All that the kernel counts for a container, in the terms of v1: what `events --stats` of runc prints, field for
 * field (runc's types/events.go). The short form that the engine needs is struct cgroup_stats.
 */
#ifndef KIST_RUNTIME_CGROUP_USAGE_H
#define KIST_RUNTIME_CGROUP_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/cgroup.h"

struct cgroup_numbers {
	uint64_t *v;
	size_t count;
};

struct cgroup_memory_use { /* bytes; no limit: UINT64_MAX on v2, what the kernel says on v1 */
	uint64_t limit, usage, max, failcnt;
};

struct cgroup_pressure_line {
	double avg10, avg60, avg300; /* percent */
	uint64_t total; /* microseconds */
};

/** PSI: v2 only. */
struct cgroup_pressure {
	bool known;
	struct cgroup_pressure_line some, full;
};

struct cgroup_io_entry {
	uint64_t major, minor, value;
	char op[16]; /* "Read", ...; empty where the kernel does not tell them apart */
};

struct cgroup_io_list {
	struct cgroup_io_entry *v;
	size_t count;
};

/** The counters of block I/O; which of them there are depends on the scheduler. */
enum cgroup_io {
	CGROUP_IO_BYTES,
	CGROUP_IO_SERVICED,
	CGROUP_IO_QUEUED,
	CGROUP_IO_SERVICE_TIME,
	CGROUP_IO_WAIT_TIME,
	CGROUP_IO_MERGED,
	CGROUP_IO_TIME,
	CGROUP_IO_SECTORS,
	CGROUP_IO_COUNT
};

struct cgroup_hugetlb_use {
	char *size; /* "2MB" */
	uint64_t usage, max, failcnt;
};

struct cgroup_counter {
	char *name;
	uint64_t value;
};

/** Nanoseconds and bytes; zero or empty where the machine does not say. */
struct cgroup_usage {
	uint64_t cpu_total, cpu_kernel, cpu_user;
	struct cgroup_numbers percpu, percpu_kernel, percpu_user; /* v1 */
	uint64_t periods, throttled_periods, throttled_time;
	struct cgroup_pressure cpu_pressure;

	struct cgroup_numbers cpus, mems; /* v1 */
	uint64_t cpu_exclusive, mem_hardwall, mem_exclusive, memory_migrate, memory_spread_page,
		memory_spread_slab, memory_pressure_level, sched_load_balance;
	int64_t sched_relax_domain_level;

	uint64_t cache;
	struct cgroup_memory_use memory, swap /* memory+swap */, kernel, kernel_tcp;
	struct cgroup_counter *raw; /* memory.stat */
	size_t raw_count;
	struct cgroup_pressure memory_pressure;

	uint64_t pids, pids_limit; /* limit 0: none */

	struct cgroup_io_list io[CGROUP_IO_COUNT];
	struct cgroup_pressure io_pressure;

	struct cgroup_hugetlb_use *hugetlb;
	size_t hugetlb_count;
};

/** Reads all of it; what is not there is left out. ERR_NOT_FOUND if the cgroup is gone. */
int cgroup_usage_read(const struct cgroup *cg, struct cgroup_usage *out, struct err **err);
void cgroup_usage_clear(struct cgroup_usage *u);
#define auto_cgroup_usage __attribute__((cleanup(cgroup_usage_clear))) struct cgroup_usage

#endif
