/* events: OOM kills, and what the cgroup counts. */
#include <poll.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "state.h"
#include "usage_json.h"

struct events_options {
	struct option_number interval;
	bool stats;
};

static const struct option options[] = {
	{"interval", OPTION_DURATION, offsetof(struct events_options, interval),
		"time between two readings (default 5s)"},
	{"stats", OPTION_BOOL, offsetof(struct events_options, stats),
		"print what it uses once, and end"},
};

static void print_event(const char *type, const char *id, const char *data)
{
	auto_buf out = BUF_INIT;
	buf_addf(&out, "{\"type\":\"%s\",\"id\":", type);
	buf_add_json_string(&out, id, strlen(id));
	if (data)
		buf_addf(&out, ",\"data\":%s", data);
	buf_addc(&out, '}');
	puts(buf_str(&out));
	fflush(stdout);
}

static int print_stats(struct state *s, const struct cgroup *cg, struct err **err)
{
	auto_cgroup_usage usage;
	auto_buf data = BUF_INIT;
	if (cgroup_usage_read(cg, &usage, err) < 0)
		return -1;
	usage_json(&usage, &data);
	print_event("stats", s->id, buf_str(&data));
	return 0;
}

struct oom {
	int watch; /* -1: none */
	int64_t kills; /* reported so far */
};

/* v1 tells once each time and counts later; what is counted but was not told happened in a cgroup that the
 * container made. */
static void report_oom(struct oom *oom, struct state *s, const struct cgroup *cg)
{
	int64_t told = oom->watch < 0 ? 0 : cgroup_oom_told(cg, oom->watch);
	if (told < 0) {
		fd_close(oom->watch);
		oom->watch = -1;
	}
	for (; told > 0; told--, oom->kills++)
		print_event("oom", s->id, NULL);
	for (int64_t now = cgroup_oom_kills(cg); oom->kills < now; oom->kills++)
		print_event("oom", s->id, NULL);
}

/* Until the container ends. The counter is read once a second, too, for what nobody is told of. */
static int watch(struct state *s, const struct cgroup *cg, int64_t interval, struct err **err)
{
	auto_fd int pidfd = state_pidfd(s, err);
	if (pidfd < 0)
		return -1;
	struct oom oom = {.watch = cgroup_oom_watch(cg, NULL), .kills = cgroup_oom_kills(cg)};
	int64_t next = time_mono() + interval;
	int r = 0;
	for (bool ended = false; r == 0 && !ended;) {
		struct pollfd p[] = {
			{.fd = pidfd, .events = POLLIN}, {.fd = oom.watch, .events = POLLIN}};
		int64_t left = next - time_mono();
		int wait = left > TIME_NS_PER_SEC ? 1000 : left > 0 ? (int)(left / 1000000) + 1 : 0;
		if (poll(p, ARRAY_LEN(p), wait) < 0 && errno != EINTR) {
			r = err_sys(err, errno, "poll");
			break;
		}
		ended = p[0].revents;
		report_oom(&oom, s, cg);
		if (ended || time_mono() < next)
			continue;
		r = print_stats(s, cg, err);
		next += interval;
	}
	fd_close(oom.watch);
	return r;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct events_options *o = opts;
	auto_state *s = NULL;
	int64_t interval = o->interval.set ? o->interval.v : 5 * TIME_NS_PER_SEC;
	if (interval <= 0) {
		err_set(err, ERR_INVALID, "duration interval must be greater than 0");
		return 1;
	}
	if (state_open(&s, g, argv[0], LOCK_NONE, err) < 0)
		return 1;
	if (state_status(s) == STATUS_STOPPED) {
		err_set(err, ERR_CONFLICT, "container with id %s is not running", s->id);
		return 1;
	}
	struct cgroup *cg = state_cgroup_need(s, err);
	int r = -1;
	if (cg)
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
