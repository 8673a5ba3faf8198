/* events: OOM kills, and what the cgroup counts. */
#include <poll.h>
#include <stdio.h>

#include "base/json.h"
#include "base/timefmt.h"
#include "state.h"

struct events_options {
	const char *interval;
	bool stats;
};

static const struct option options[] = {
	{"interval", OPTION_STR, offsetof(struct events_options, interval),
		"time between two readings (default 5s)"},
	{"stats", OPTION_BOOL, offsetof(struct events_options, stats),
		"print what it uses once, and end"},
};

static void put_count(json_t *j, const char *key, int64_t value)
{
	if (value >= 0)
		json_put(j, key, json_integer(value));
}

static json_t *cpu_json(const struct cgroup_stats *s)
{
	json_t *usage = json_object(), *throttling = json_object(), *cpu = json_object();
	put_count(usage, "total", s->cpu_usage_ns);
	put_count(usage, "kernel", s->cpu_system_ns);
	put_count(usage, "user", s->cpu_user_ns);
	put_count(throttling, "periods", s->periods);
	put_count(throttling, "throttledPeriods", s->throttled_periods);
	put_count(throttling, "throttledTime", s->throttled_ns);
	json_put(cpu, "usage", usage);
	json_put(cpu, "throttling", throttling);
	return cpu;
}

static json_t *memory_json(const struct cgroup_stats *s)
{
	json_t *usage = json_object(), *swap = json_object(), *memory = json_object();
	put_count(usage, "limit", s->memory_limit);
	put_count(usage, "usage", s->memory_usage);
	put_count(usage, "max", s->memory_peak);
	put_count(swap, "usage", s->swap_usage);
	json_put(memory, "usage", usage);
	json_put(memory, "swap", swap);
	return memory;
}

static void print_event(const char *type, const char *id, json_t *data)
{
	auto_json *event = json_object();
	auto_buf out = BUF_INIT;
	json_put_str(event, "type", type);
	json_put_str(event, "id", id);
	if (data)
		json_put(event, "data", data);
	json_write(event, &out);
	puts(buf_str(&out));
	fflush(stdout);
}

static int print_stats(const struct state *s, const struct cgroup *cg, struct err **err)
{
	struct cgroup_stats stats;
	if (cgroup_read_stats(cg, &stats, err) < 0)
		return -1;
	json_t *data = json_object(), *pids = json_object();
	put_count(pids, "current", stats.pids);
	if (stats.pids_limit != INT64_MAX)
		put_count(pids, "limit", stats.pids_limit);
	json_put(data, "cpu", cpu_json(&stats));
	json_put(data, "memory", memory_json(&stats));
	json_put(data, "pids", pids);
	print_event("stats", s->id, data);
	return 0;
}

/* Until the container ends. OOM kills are counted by the kernel, so that none is missed between two
 * readings; they are looked at once a second. */
static int watch(const struct state *s, const struct cgroup *cg, int64_t interval, struct err **err)
{
	auto_fd int pidfd = state_pidfd(s, err);
	if (pidfd < 0)
		return -1;
	int64_t kills = cgroup_oom_kills(cg), next = time_mono() + interval;
	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		int64_t left = next - time_mono();
		int wait = left > TIME_NS_PER_SEC ? 1000 : left > 0 ? (int)(left / 1000000) + 1 : 0;
		int ended = poll(&p, 1, wait);
		for (int64_t now = cgroup_oom_kills(cg); kills < now; kills++)
			print_event("oom", s->id, NULL);
		if (ended > 0)
			return 0;
		if (time_mono() < next)
			continue;
		if (print_stats(s, cg, err) < 0)
			return -1;
		next += interval;
	}
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct events_options *o = opts;
	auto_state *s = NULL;
	int64_t interval = 5 * TIME_NS_PER_SEC;
	if (!str_empty(o->interval) &&
		(time_parse_duration(o->interval, &interval) < 0 || interval <= 0)) {
		err_set(err, ERR_INVALID, "duration interval must be greater than 0");
		return 1;
	}
	if (state_open(&s, g, argv[0], false, err) < 0)
		return 1;
	if (state_status(s) == STATUS_STOPPED) {
		err_set(err, ERR_CONFLICT, "container with id %s is not running", s->id);
		return 1;
	}
	struct cgroup *cg = state_cgroup(s);
	int r;
	if (!cg)
		r = err_set(err, ERR_NOT_FOUND, "the container's cgroup is gone");
	else
		r = o->stats ? print_stats(s, cg, err) : watch(s, cg, interval, err);
	cgroup_free(cg);
	return r < 0;
}

const struct verb verb_events = {
	.name = "events",
	.usage = "<container-id>",
	.help = "print what a container uses as JSON, again and again, and when it runs out of "
		"memory",
	VERB_OPTIONS(options, struct events_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
