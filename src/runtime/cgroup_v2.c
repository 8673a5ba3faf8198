/* The v2 hierarchy: Documentation/admin-guide/cgroup-v2.rst of the kernel. */
#include <fcntl.h>
#include <poll.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cgroup_private.h"

/* Turns on for the children of @rel what @rel has and its children lack. All at once, and where that
 * fails (a level with processes of its own refuses domain controllers, EBUSY) one by one: a limit that
 * then cannot be set is reported when it is asked for. */
static int enable_below(int base, const char *rel, struct err **err)
{
	auto_fd int dir = dir_open(base, rel, err);
	auto_buf have = BUF_INIT, on = BUF_INIT, change = BUF_INIT;
	if (dir < 0 || file_read(dir, "cgroup.controllers", 4096, &have, err) < 0 ||
		file_read(dir, "cgroup.subtree_control", 4096, &on, err) < 0)
		return -1;
	uint32_t missing = cgroup_controller_list(buf_str(&have), true) &
			   ~cgroup_controller_list(buf_str(&on), true);
	if (!missing)
		return 0;
	for (int c = 0; c < CTL_COUNT; c++) {
		if (missing & CTL_BIT(c))
			buf_addf(&change, "%s+%s", change.len ? " " : "",
				cgroup_controller_name(c, true));
	}
	if (file_write(dir, "cgroup.subtree_control", change.data, change.len, NULL) == 0)
		return 0;
	auto_strv list = strv_split(buf_str(&change), ' ');
	for (size_t i = 0; list[i]; i++)
		file_write(dir, "cgroup.subtree_control", list[i], strlen(list[i]), NULL);
	return 0;
}

static int prepare(const struct cgroup_dir *d, int base, const char *rel, enum cgroup_level level,
	struct err **err)
{
	if (level != CGROUP_LEVEL_LEAF)
		return enable_below(base, rel, err);
	/* Below a cgroup with processes, or in a threaded tree, a new one is no domain and takes no process. As
	 * part of the threads' tree it does; what then cannot be limited is an error when it is asked for. */
	auto_free char *type = xasprintf("%s/cgroup.type", rel);
	auto_buf now = BUF_INIT;
	if (file_read(base, type, 64, &now, NULL) < 0 ||
		!str_eq(str_trim(now.data), "domain invalid"))
		return 0;
	return file_write(base, type, "threaded", strlen("threaded"), err);
}

int cgroup_v2_enable(const struct cgroup_dir *d, struct err **err)
{
	auto_fd int base = open(d->mount->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return err_sys(err, errno, "open %s", d->mount->path);
	if (enable_below(base, ".", err) < 0)
		return -1;
	auto_free char *rel = xstrdup(d->rel);
	for (char *slash = strchr(rel, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (enable_below(base, rel, err) < 0)
			return -1;
		*slash = '/';
	}
	return 0;
}

/* A process that was cloned into its cgroup is there already, and a write would only cost the lock. */
static int attach(const struct cgroup_dir *d, pid_t pid, struct err **err)
{
	auto_free char *file = xasprintf("/proc/%d/cgroup", (int)pid);
	auto_buf text = BUF_INIT;
	auto_free char *line = xasprintf("0::/%s\n", d->rel);
	if (str_eq(d->mount->root, "/") && file_read(AT_FDCWD, file, 1u << 20, &text, NULL) == 0) {
		const char *at = strstr(buf_str(&text), line);
		if (at && (at == text.data || at[-1] == '\n'))
			return 0;
	}
	return cgroup_put(d, "cgroup.procs", err, "%d", (int)pid);
}

#define FREEZE_TIMEOUT_MS 10000

static bool event_is(int fd, const char *key, int64_t wanted)
{
	char text[256];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return false;
	text[n] = 0;
	return cgroup_text_key(text, key) == wanted;
}

/* cgroup.events wakes poll(2) with POLLPRI when it changes. */
static int freeze(const struct cgroup_dir *d, bool frozen, struct err **err)
{
	auto_fd int events = openat(d->fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (events < 0)
		return err_sys(err, errno, "open %s/%s/cgroup.events", d->mount->path, d->rel);
	if (cgroup_put(d, "cgroup.freeze", err, "%d", frozen) < 0)
		return -1;
	int64_t end = time_mono() + FREEZE_TIMEOUT_MS * 1000000LL;
	while (!event_is(events, "frozen", frozen)) {
		int64_t left = (end - time_mono()) / 1000000;
		if (left <= 0) {
			cgroup_put(d, "cgroup.freeze", NULL, "0");
			return err_set(err, ERR_SYSTEM, "cgroup %s/%s was not %s in time",
				d->mount->path, d->rel, frozen ? "frozen" : "thawed");
		}
		struct pollfd p = {.fd = events, .events = POLLPRI};
		poll(&p, 1, (int)left);
	}
	return 0;
}

/* Not for an ancestor's sake: that one has to be thawed. */
static bool frozen(const struct cgroup_dir *d)
{
	return cgroup_get(d, "cgroup.freeze") == 1 &&
	       cgroup_get_key(d, "cgroup.events", "frozen") == 1;
}

static bool stopped(const struct cgroup_dir *d)
{
	return cgroup_get_key(d, "cgroup.events", "frozen") == 1;
}

static int64_t oom_kills(const struct cgroup_dir *d)
{
	return cgroup_get_key(d, "memory.events", "oom_kill");
}

static int64_t scaled(const char *text, const char *key)
{
	int64_t usec = cgroup_text_key(text, key);
	return usec < 0 ? -1 : usec * 1000;
}

static void cpu_stats(const struct cgroup_dir *d, struct cgroup_stats *out)
{
	auto_buf text = BUF_INIT;
	if (file_read(d->fd, "cpu.stat", 65536, &text, NULL) < 0)
		return;
	const char *s = buf_str(&text);
	out->cpu_usage_ns = scaled(s, "usage_usec");
	out->cpu_user_ns = scaled(s, "user_usec");
	out->cpu_system_ns = scaled(s, "system_usec");
	if (!cgroup_has(d, CTL_CPU))
		return;
	out->periods = cgroup_text_key(s, "nr_periods");
	out->throttled_periods = cgroup_text_key(s, "nr_throttled");
	out->throttled_ns = scaled(s, "throttled_usec");
}

static void stats(const struct cgroup_dir *d, struct cgroup_stats *out)
{
	if (cgroup_has(d, CTL_MEMORY)) {
		out->memory_usage = cgroup_get(d, "memory.current");
		out->memory_limit = cgroup_get(d, "memory.max");
		out->memory_peak = cgroup_get(d, "memory.peak");
		out->swap_usage = cgroup_get(d, "memory.swap.current");
		out->memory_inactive_file = cgroup_get_key(d, "memory.stat", "inactive_file");
	}
	if (out->cpu_usage_ns < 0) /* on a hybrid machine cpuacct knows better */
		cpu_stats(d, out);
	if (cgroup_has(d, CTL_PIDS)) {
		out->pids = cgroup_get(d, "pids.current");
		out->pids_limit = cgroup_get(d, "pids.max");
	}
}

const struct cgroup_ops cgroup_v2_ops = {
	.prepare = prepare,
	.set = cgroup_v2_set,
	.attach = attach,
	.freeze = freeze,
	.frozen = frozen,
	.stopped = stopped,
	.oom_kills = oom_kills,
	.stats = stats,
};
