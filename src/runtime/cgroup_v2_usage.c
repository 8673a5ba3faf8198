/* What v2 counts, in v1's terms. */
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_usage_private.h"

static uint64_t counter(const char *text, const char *key, uint64_t unit)
{
	int64_t value = cgroup_text_key(text, key);
	return value < 0 ? 0 : (uint64_t)value * unit;
}

/* There for every group, but for the throttling, which is the controller's. */
static void cpu(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	auto_buf text = BUF_INIT;
	if (usage_text(d, "cpu.stat", &text) < 0)
		return;
	const char *s = buf_str(&text);
	out->cpu_total = counter(s, "usage_usec", 1000);
	out->cpu_user = counter(s, "user_usec", 1000);
	out->cpu_kernel = counter(s, "system_usec", 1000);
	out->periods = counter(s, "nr_periods", 1);
	out->throttled_periods = counter(s, "nr_throttled", 1);
	out->throttled_time = counter(s, "throttled_usec", 1000);
}

static void memory(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	usage_raw_memory(d, out);
	for (size_t i = 0; i < out->raw_count; i++) {
		if (str_eq(out->raw[i].name, "file"))
			out->cache = out->raw[i].value;
	}
	out->memory.usage = usage_number(d, "memory.current");
	out->memory.limit = usage_number(d, "memory.max");
	out->memory.max = usage_number(d, "memory.peak");
	/* v1's swap is memory+swap; its peak cannot be told from the two */
	uint64_t limit = usage_number(d, "memory.swap.max");
	out->swap.usage = usage_number(d, "memory.swap.current") + out->memory.usage;
	out->swap.limit = limit == UINT64_MAX || out->memory.limit == UINT64_MAX
				  ? UINT64_MAX
				  : limit + out->memory.limit;
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" */
static void io(const struct cgroup_dir *d, struct cgroup_usage *out)
{
	static const struct {
		const char *key, *op;
		enum cgroup_io which;
	} kinds[] = {
		{"rbytes=", "Read", CGROUP_IO_BYTES},
		{"wbytes=", "Write", CGROUP_IO_BYTES},
		{"rios=", "Read", CGROUP_IO_SERVICED},
		{"wios=", "Write", CGROUP_IO_SERVICED},
	};
	auto_buf text = BUF_INIT;
	if (usage_text(d, "io.stat", &text) < 0)
		return;
	auto_strv lines = strv_split(buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++) {
		uint64_t device[2];
		if (str_numbers(lines[i], device, ARRAY_LEN(device)) < ARRAY_LEN(device))
			continue;
		auto_strv words = strv_split(lines[i], ' ');
		for (size_t w = 0; words[w]; w++) {
			for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
				const char *number = str_after(words[w], kinds[k].key);
				struct cgroup_io_entry e = {.major = device[0], .minor = device[1]};
				if (!number || str_to_u64(number, &e.value) < 0)
					continue;
				snprintf(e.op, sizeof(e.op), "%s", kinds[k].op);
				usage_add_io(&out->io[kinds[k].which], &e);
			}
		}
	}
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static void pressure_line(const char *text, const char *kind, struct cgroup_pressure_line *out)
{
	const struct {
		const char *key;
		double *to;
	} averages[] = {
		{" avg10=", &out->avg10}, {" avg60=", &out->avg60}, {" avg300=", &out->avg300}};
	const char *at = strstr(text, kind);
	at = at ? at + strlen(kind) : "";
	for (size_t i = 0; i < ARRAY_LEN(averages); i++) {
		const char *number = str_after(at, averages[i].key);
		char *end = NULL;
		if (!number)
			return;
		*averages[i].to = strtod(number, &end);
		at = end;
	}
	const char *total = str_after(at, " total=");
	if (total)
		str_numbers(total, &out->total, 1);
}

static void pressure(const struct cgroup_dir *d, const char *file, struct cgroup_pressure *out)
{
	auto_buf text = BUF_INIT;
	if (usage_text(d, file, &text) < 0) /* not in this kernel, or turned off */
		return;
	out->known = true;
	pressure_line(buf_str(&text), "some", &out->some);
	pressure_line(buf_str(&text), "full", &out->full);
}

static void huge_page(const struct cgroup_dir *d, struct cgroup_hugetlb_use *use)
{
	char rsvd[64];
	snprintf(rsvd, sizeof(rsvd), "hugetlb.%.32s.rsvd.current", use->size);
	use->usage = cgroup_file_exists(d, rsvd) ? usage_number(d, "%s", rsvd)
						 : usage_number(d, "hugetlb.%s.current", use->size);
	char events[64];
	snprintf(events, sizeof(events), "hugetlb.%.32s.events", use->size);
	int64_t refused = cgroup_get_key(d, events, "max");
	use->failcnt = refused < 0 ? 0 : (uint64_t)refused;
}

void cgroup_v2_usage(const struct cgroup_dir *d, bool alone, struct cgroup_usage *out)
{
	if (alone) {
		cpu(d, out);
		pressure(d, "cpu.pressure", &out->cpu_pressure);
		pressure(d, "memory.pressure", &out->memory_pressure);
		pressure(d, "io.pressure", &out->io_pressure);
	}
	if (cgroup_has(d, CTL_MEMORY))
		memory(d, out);
	if (cgroup_has(d, CTL_PIDS))
		usage_pids(d, out);
	if (cgroup_has(d, CTL_BLKIO))
		io(d, out);
	if (cgroup_has(d, CTL_HUGETLB))
		usage_hugetlb(d, ".max", huge_page, out);
}
