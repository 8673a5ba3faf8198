/* One v1 hierarchy: Documentation/admin-guide/cgroup-v1/ of the kernel. */
#include <fcntl.h>
#include <time.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cgroup_private.h"

/* Has the file more than a newline? -1: it cannot be read. */
static int has_value(int base, const char *path)
{
	auto_fd int fd = openat(base, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[2];
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text));
	return n < 0 ? -1 : n > 0 && text[0] != '\n';
}

/* A new cpuset has neither CPUs nor memory nodes, and no process may enter it until it has both: they
 * are copied from the level above. Levels that somebody has set up are left alone. */
static int inherit_cpuset(int base, const char *rel, const char *file, struct err **err)
{
	auto_free char *mine = xasprintf("%s/%s", rel, file);
	if (has_value(base, mine) > 0)
		return 0;
	const char *slash = strrchr(rel, '/');
	auto_free char *above =
		slash ? xasprintf("%.*s/%s", (int)(slash - rel), rel, file) : xstrdup(file);
	auto_buf value = BUF_INIT;
	if (file_read(base, above, 4096, &value, err) < 0)
		return -1;
	if (str_empty(str_trim((char *)buf_str(&value))))
		return err_set(err, ERR_SYSTEM, "%s is empty", above);
	return file_write(base, mine, value.data, value.len, err);
}

static int prepare(const struct cgroup_dir *d, int base, const char *rel, enum cgroup_level level,
	struct err **err)
{
	if (!cgroup_has(d, CTL_CPUSET))
		return 0; /* nothing else starts out unusable */
	if (inherit_cpuset(base, rel, "cpuset.cpus", err) < 0 ||
		inherit_cpuset(base, rel, "cpuset.mems", err) < 0)
		return err_wrap(err, "set up cpuset %s", rel);
	/* then the kernel does the same for what comes below, in mkdir(2) and without rebuilding scheduling
	 * domains twice */
	auto_free char *clone = xasprintf("%s/cgroup.clone_children", rel);
	if (level == CGROUP_LEVEL_NEW)
		file_write(base, clone, "1", 1, NULL);
	return 0;
}

/* From outside: the first such write on a quiet machine waits for an RCU grace period (some 9 ms).
 * cgroup_enter() is the way without. */
static int attach(const struct cgroup_dir *d, pid_t pid, struct err **err)
{
	return cgroup_put(d, "cgroup.procs", err, "%d", (int)pid);
}

static bool state_is(const struct cgroup_dir *d, const char *wanted)
{
	auto_buf state = BUF_INIT;
	if (file_read(d->fd, "freezer.state", 64, &state, NULL) < 0)
		return false;
	return str_eq(str_trim(state.data), wanted);
}

#define FREEZE_TIMEOUT_NS (10 * TIME_NS_PER_SEC)

/* v1 has no notification: the state is asked for, more and more rarely. A process that forks while it
 * is being frozen can hold the state at FREEZING; writing again picks up the newcomers. */
static int freeze(const struct cgroup_dir *d, bool frozen, struct err **err)
{
	const char *wanted = frozen ? "FROZEN" : "THAWED";
	int64_t end = time_mono() + FREEZE_TIMEOUT_NS;
	for (long wait_ns = 20000;; wait_ns = wait_ns < 10000000 ? wait_ns * 2 : wait_ns) {
		if (cgroup_put(d, "freezer.state", err, "%s", wanted) < 0)
			return -1;
		if (state_is(d, wanted))
			return 0;
		if (time_mono() > end)
			break;
		nanosleep(&(struct timespec){.tv_nsec = wait_ns}, NULL);
	}
	if (frozen)
		cgroup_put(d, "freezer.state", NULL, "THAWED");
	return err_set(err, ERR_SYSTEM, "cgroup %s/%s did not become %s in time", d->mount->path,
		d->rel, wanted);
}

/* Not for an ancestor's sake: that one has to be thawed. */
static bool frozen(const struct cgroup_dir *d)
{
	return state_is(d, "FROZEN") && cgroup_get(d, "freezer.self_freezing") != 0;
}

static bool stopped(const struct cgroup_dir *d)
{
	return !state_is(d, "THAWED");
}

/* v1 counts a kill for the group of the victim only. */
static int64_t oom_kills(const struct cgroup_dir *d)
{
	return cgroup_tree_sum(d->fd, "memory.oom_control", "oom_kill");
}

/* "Unlimited" on v1 is the largest multiple of the page size. */
static int64_t limit(int64_t value)
{
	return value >= INT64_MAX - 65536 ? INT64_MAX : value;
}

static void memory_stats(const struct cgroup_dir *d, struct cgroup_stats *out)
{
	out->memory_usage = cgroup_get(d, "memory.usage_in_bytes");
	out->memory_limit = limit(cgroup_get(d, "memory.limit_in_bytes"));
	out->memory_peak = cgroup_get(d, "memory.max_usage_in_bytes");
	int64_t both = cgroup_get(d, "memory.memsw.usage_in_bytes");
	if (both >= 0)
		out->swap_usage = both > out->memory_usage ? both - out->memory_usage : 0;
	out->memory_inactive_file = cgroup_get_key(d, "memory.stat", "total_inactive_file");
}

static void cpu_stats(const struct cgroup_dir *d, struct cgroup_stats *out)
{
	auto_buf text = BUF_INIT;
	if (file_read(d->fd, "cpu.stat", 4096, &text, NULL) < 0)
		return;
	out->periods = cgroup_text_key(text.data, "nr_periods");
	out->throttled_periods = cgroup_text_key(text.data, "nr_throttled");
	out->throttled_ns = cgroup_text_key(text.data, "throttled_time");
}

static void stats(const struct cgroup_dir *d, struct cgroup_stats *out)
{
	if (cgroup_has(d, CTL_MEMORY))
		memory_stats(d, out);
	if (cgroup_has(d, CTL_CPU))
		cpu_stats(d, out);
	if (cgroup_has(d, CTL_CPUACCT)) {
		out->cpu_usage_ns = cgroup_get(d, "cpuacct.usage");
		out->cpu_user_ns = cgroup_get(d, "cpuacct.usage_user");
		out->cpu_system_ns = cgroup_get(d, "cpuacct.usage_sys");
	}
	if (cgroup_has(d, CTL_PIDS)) {
		out->pids = cgroup_get(d, "pids.current");
		out->pids_limit = cgroup_get(d, "pids.max");
	}
}

const struct cgroup_ops cgroup_v1_ops = {
	.prepare = prepare,
	.set = cgroup_v1_set,
	.attach = attach,
	.freeze = freeze,
	.frozen = frozen,
	.stopped = stopped,
	.oom_kills = oom_kills,
	.stats = stats,
};
