/* What lies below a cgroup folder: processes and more folders (made by whoever has the cgroup mounted
 * writable inside the container). Depth is bounded: such a tree is hostile input. */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cgroup_private.h"

#define DEPTH_MAX 64
#define PROCS_MAX (64u << 20)
#define SUMMED_MAX 4096

struct pid_list {
	pid_t *v;
	size_t count, room;
};

static void pid_add(struct pid_list *list, pid_t pid)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 16;
		list->v = xreallocarray(list->v, list->room, sizeof(*list->v));
	}
	list->v[list->count++] = pid;
}

/* 0 stands for a process outside our pid namespace: not ours to name. */
static int read_procs(int dir, struct pid_list *list, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_err *why = NULL;
	if (file_read(dir, "cgroup.procs", PROCS_MAX, &text, &why) < 0) {
		/* removed meanwhile, or a threaded v2 subtree, whose processes are listed at its root */
		if (why->kind == ERR_NOT_FOUND || why->sys == ENODEV || why->sys == EOPNOTSUPP)
			return 0;
		return err_move(err, &why);
	}
	for (const char *at = buf_str(&text); *at;) {
		char *end;
		long pid = strtol(at, &end, 10);
		if (end == at)
			break;
		if (pid > 0)
			pid_add(list, (pid_t)pid);
		at = end + (*end == '\n');
	}
	return 0;
}

/* Calls @each for every folder inside @dir. */
static int each_child(int dir,
	int (*each)(int dir, const char *name, int depth, void *arg, struct err **err), int depth,
	void *arg, struct err **err)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		fd_close(fd);
		return err_sys(err, errno, "read a cgroup folder");
	}
	int r = 0;
	struct dirent *entry;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while (r == 0 && (entry = readdir(stream))) {
		if (entry->d_type == DT_DIR && !str_eq(entry->d_name, ".") &&
			!str_eq(entry->d_name, ".."))
			r = each(dir, entry->d_name, depth, arg, err);
	}
	closedir(stream);
	return r;
}

static int collect(int parent, const char *name, int depth, void *arg, struct err **err)
{
	auto_fd int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? 0 : err_sys(err, errno, "open cgroup %s", name);
	if (depth >= DEPTH_MAX)
		return err_set(err, ERR_TOO_LARGE, "cgroups nested deeper than %d", DEPTH_MAX);
	if (read_procs(dir, arg, err) < 0)
		return -1;
	return each_child(dir, collect, depth + 1, arg, err);
}

int cgroup_tree_pids(int dir, pid_t **pids, size_t *n, struct err **err)
{
	struct pid_list list = {0};
	if (collect(dir, ".", 0, &list, err) < 0) {
		free(list.v);
		return -1;
	}
	*pids = list.v;
	*n = list.count;
	return 0;
}

struct sum {
	const char *file, *key;
	int64_t total;
};

static int64_t key_at(int dir, const struct sum *sum)
{
	auto_buf text = BUF_INIT;
	if (file_read(dir, sum->file, SUMMED_MAX, &text, NULL) < 0)
		return -1;
	return cgroup_text_key(buf_str(&text), sum->key);
}

static int add_up(int parent, const char *name, int depth, void *arg, struct err **err)
{
	struct sum *sum = arg;
	auto_fd int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t value = dir < 0 ? -1 : key_at(dir, sum);
	if (value < 0 || depth >= DEPTH_MAX) /* going, or deeper than anyone means it */
		return 0;
	sum->total += value;
	return each_child(dir, add_up, depth + 1, arg, err);
}

int64_t cgroup_tree_sum(int dir, const char *file, const char *key)
{
	struct sum sum = {.file = file, .key = key};
	sum.total = key_at(dir, &sum);
	if (sum.total >= 0)
		each_child(dir, add_up, 1, &sum, NULL);
	return sum.total;
}

/* Of waiting alone: in the time that a busy machine keeps us from running nobody is killed, nor looked for. */
#define REMOVE_TIMEOUT_NS (5 * TIME_NS_PER_SEC)
#define EVENT_WAIT_MS 100

/* What counts of a wait of at most @most that began at @began; something always does. */
static int64_t waited(int64_t began, int64_t most)
{
	int64_t took = time_mono() - began;
	if (took > most)
		return most;
	return took > 1000000 ? took : 1000000;
}

/* Processes that were killed still occupy their cgroup until they have been torn down. v2 says when
 * the last has gone; v1 is asked again, from 0.2 ms to 20 ms apart. Returns how long it waited. */
static int64_t wait_for_exits(int dir, bool v2, long *wait_ns)
{
	int64_t began = time_mono(), most = *wait_ns;
	auto_fd int events = v2 ? openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC) : -1;
	char text[256];
	ssize_t n = events < 0 ? -1 : pread(events, text, sizeof(text) - 1, 0);
	if (n > 0) {
		text[n] = 0;
		struct pollfd p = {.fd = events, .events = POLLPRI};
		if (cgroup_text_key(text, "populated") == 1) {
			poll(&p, 1, EVENT_WAIT_MS);
			return waited(began, EVENT_WAIT_MS * INT64_C(1000000));
		}
	}
	nanosleep(&(struct timespec){.tv_nsec = *wait_ns}, NULL);
	if (*wait_ns < 20000000)
		*wait_ns *= 2;
	return waited(began, most);
}

struct removal {
	bool v2, kill;
	int64_t left; /* to be waited, ns */
};

/* Those who were on their way in when the others were killed. */
static void kill_latecomers(int dir)
{
	struct pid_list list = {0};
	if (file_write(dir, "cgroup.kill", "1", 1, NULL) == 0)
		return;
	read_procs(dir, &list, NULL);
	for (size_t i = 0; i < list.count; i++)
		kill(list.v[i], SIGKILL);
	free(list.v);
}

static int remove_folder(int parent, const char *name, int depth, void *arg, struct err **err)
{
	struct removal *job = arg;
	long wait_ns = 200000;
	for (;;) {
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return err_sys(err, errno, "remove cgroup %s", name);
		if (depth >= DEPTH_MAX)
			return err_set(
				err, ERR_TOO_LARGE, "cgroups nested deeper than %d", DEPTH_MAX);
		auto_fd int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return errno == ENOENT ? 0 : err_sys(err, errno, "open cgroup %s", name);
		if (each_child(dir, remove_folder, depth + 1, arg, err) < 0)
			return -1;
		if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (job->left <= 0)
			return err_sys(
				err, EBUSY, "remove cgroup %s: processes are still in it", name);
		job->left -= wait_for_exits(dir, job->v2, &wait_ns);
		if (job->kill)
			kill_latecomers(dir);
	}
}

bool cgroup_tree_remove_empty(const struct cgroup_dir *d)
{
	auto_free char *full = xasprintf("%s/%s", d->mount->path, d->rel);
	return rmdir(full) == 0 || errno == ENOENT;
}

int cgroup_tree_remove(const struct cgroup_dir *d, bool kill, struct err **err)
{
	if (cgroup_tree_remove_empty(d))
		return 0;
	auto_fd int base = open(d->mount->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return err_sys(err, errno, "open %s", d->mount->path);
	struct removal job = {.v2 = d->mount->v2, .kill = kill, .left = REMOVE_TIMEOUT_NS};
	if (remove_folder(base, d->rel, 0, &job, err) < 0)
		return err_wrap(err, "%s", d->mount->path);
	return 0;
}
