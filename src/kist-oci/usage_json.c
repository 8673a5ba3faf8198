#include "usage_json.h"

#include <inttypes.h>
#include <string.h>

#include "base/mem.h"

static void key(struct buf *b, const char *name)
{
	char last = b->len ? b->data[b->len - 1] : '{';
	if (last != '{' && last != '[')
		buf_addc(b, ',');
	buf_add_json_string(b, name, strlen(name));
	buf_addc(b, ':');
}

static void number(struct buf *b, const char *name, uint64_t value)
{
	key(b, name);
	buf_addf(b, "%" PRIu64, value);
}

static void number_if(struct buf *b, const char *name, uint64_t value)
{
	if (value)
		number(b, name, value);
}

static void open_object(struct buf *b, const char *name)
{
	key(b, name);
	buf_addc(b, '{');
}

static void numbers(struct buf *b, const char *name, const struct cgroup_numbers *list)
{
	if (!list->count)
		return;
	key(b, name);
	for (size_t i = 0; i < list->count; i++)
		buf_addf(b, "%c%" PRIu64, i ? ',' : '[', list->v[i]);
	buf_addc(b, ']');
}

static void pressure_line(struct buf *b, const char *name, const struct cgroup_pressure_line *line)
{
	key(b, name);
	buf_addf(b, "{\"avg10\":%g,\"avg60\":%g,\"avg300\":%g,\"total\":%" PRIu64 "}", line->avg10,
		line->avg60, line->avg300, line->total);
}

static void pressure(struct buf *b, const struct cgroup_pressure *p)
{
	if (!p->known)
		return;
	open_object(b, "psi");
	pressure_line(b, "some", &p->some);
	pressure_line(b, "full", &p->full);
	buf_addc(b, '}');
}

static void cpu(struct buf *b, const struct cgroup_usage *u)
{
	open_object(b, "cpu");
	open_object(b, "usage");
	number_if(b, "total", u->cpu_total);
	numbers(b, "percpu", &u->percpu);
	numbers(b, "percpu_kernel", &u->percpu_kernel);
	numbers(b, "percpu_user", &u->percpu_user);
	number(b, "kernel", u->cpu_kernel);
	number(b, "user", u->cpu_user);
	buf_addc(b, '}');
	open_object(b, "throttling");
	number_if(b, "periods", u->periods);
	number_if(b, "throttledPeriods", u->throttled_periods);
	number_if(b, "throttledTime", u->throttled_time);
	buf_addc(b, '}');
	pressure(b, &u->cpu_pressure);
	buf_addc(b, '}');
}

static void cpuset(struct buf *b, const struct cgroup_usage *u)
{
	open_object(b, "cpuset");
	numbers(b, "cpus", &u->cpus);
	number(b, "cpu_exclusive", u->cpu_exclusive);
	numbers(b, "mems", &u->mems);
	number(b, "mem_hardwall", u->mem_hardwall);
	number(b, "mem_exclusive", u->mem_exclusive);
	number(b, "memory_migrate", u->memory_migrate);
	number(b, "memory_spread_page", u->memory_spread_page);
	number(b, "memory_spread_slab", u->memory_spread_slab);
	number(b, "memory_pressure", u->memory_pressure_level);
	number(b, "sched_load_balance", u->sched_load_balance);
	key(b, "sched_relax_domain_level");
	buf_addf(b, "%" PRId64 "}", u->sched_relax_domain_level);
}

static void memory_entry(struct buf *b, const char *name, const struct cgroup_memory_use *use)
{
	open_object(b, name);
	number(b, "limit", use->limit);
	number_if(b, "usage", use->usage);
	number_if(b, "max", use->max);
	number(b, "failcnt", use->failcnt);
	buf_addc(b, '}');
}

static void memory(struct buf *b, const struct cgroup_usage *u)
{
	open_object(b, "memory");
	number_if(b, "cache", u->cache);
	memory_entry(b, "usage", &u->memory);
	memory_entry(b, "swap", &u->swap);
	memory_entry(b, "kernel", &u->kernel);
	memory_entry(b, "kernelTCP", &u->kernel_tcp);
	if (u->raw_count) {
		open_object(b, "raw");
		for (size_t i = 0; i < u->raw_count; i++)
			number(b, u->raw[i].name, u->raw[i].value);
		buf_addc(b, '}');
	}
	pressure(b, &u->memory_pressure);
	buf_addc(b, '}');
}

static void io_list(struct buf *b, const char *name, const struct cgroup_io_list *list)
{
	if (!list->count)
		return;
	key(b, name);
	buf_addc(b, '[');
	for (size_t i = 0; i < list->count; i++) {
		const struct cgroup_io_entry *e = &list->v[i];
		buf_adds(b, i ? ",{" : "{");
		number_if(b, "major", e->major);
		number_if(b, "minor", e->minor);
		if (*e->op) {
			key(b, "op");
			buf_add_json_string(b, e->op, strlen(e->op));
		}
		number_if(b, "value", e->value);
		buf_addc(b, '}');
	}
	buf_addc(b, ']');
}

static void blkio(struct buf *b, const struct cgroup_usage *u)
{
	static const char *const names[CGROUP_IO_COUNT] = {
		[CGROUP_IO_BYTES] = "ioServiceBytesRecursive",
		[CGROUP_IO_SERVICED] = "ioServicedRecursive",
		[CGROUP_IO_QUEUED] = "ioQueueRecursive",
		[CGROUP_IO_SERVICE_TIME] = "ioServiceTimeRecursive",
		[CGROUP_IO_WAIT_TIME] = "ioWaitTimeRecursive",
		[CGROUP_IO_MERGED] = "ioMergedRecursive",
		[CGROUP_IO_TIME] = "ioTimeRecursive",
		[CGROUP_IO_SECTORS] = "sectorsRecursive",
	};
	open_object(b, "blkio");
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		io_list(b, names[i], &u->io[i]);
	pressure(b, &u->io_pressure);
	buf_addc(b, '}');
}

static void hugetlb(struct buf *b, const struct cgroup_usage *u)
{
	open_object(b, "hugetlb");
	for (size_t i = 0; i < u->hugetlb_count; i++) {
		open_object(b, u->hugetlb[i].size);
		number_if(b, "usage", u->hugetlb[i].usage);
		number_if(b, "max", u->hugetlb[i].max);
		number(b, "failcnt", u->hugetlb[i].failcnt);
		buf_addc(b, '}');
	}
	buf_addc(b, '}');
}

void usage_json(const struct cgroup_usage *u, struct buf *out)
{
	auto_buf b = BUF_INIT;
	buf_addc(&b, '{');
	cpu(&b, u);
	cpuset(&b, u);
	memory(&b, u);
	open_object(&b, "pids");
	number_if(&b, "current", u->pids);
	number_if(&b, "limit", u->pids_limit);
	buf_addc(&b, '}');
	blkio(&b, u);
	hugetlb(&b, u);
	/* of the veth pairs that runc once made itself */
	buf_adds(&b, ",\"intel_rdt\":{},\"network_interfaces\":null}");
	buf_add(out, b.data, b.len);
}
