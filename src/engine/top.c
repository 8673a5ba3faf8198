/*
 * Top: the container's processes as ps(1) shows them. Docker runs the host's ps and keeps the lines whose
 * PID is in the container; so do we for other arguments than "-ef", which is answered from /proc, since
 * hosts small enough for kist may have no ps, or busybox's.
 */
#include <ctype.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <time.h>

#include "base/proc.h"
#include "core.h"

static void add_row(struct container_top *t, char **cells)
{
	t->rows = xreallocarray(t->rows, t->row_count + 1, sizeof(*t->rows));
	t->rows[t->row_count++] = cells;
}

void container_top_free(struct container_top *t)
{
	if (!t)
		return;
	strv_free(t->titles);
	for (size_t i = 0; i < t->row_count; i++)
		strv_free(t->rows[i]);
	free(t->rows);
	free(t);
}

/* ---- from /proc ---- */

struct stat_line {
	int ppid, tty;
	uint64_t utime, stime, start;
};

static int read_stat(int proc, struct stat_line *s)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = openat(proc, "stat", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 4096, &text, "stat", NULL))
		return -1;
	const char *p = strrchr(buf_str(&text), ')');
	int ppid, tty;
	unsigned long utime, stime;
	unsigned long long start;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote it */
	if (!p || sscanf(p + 2,
			  "%*c %d %*d %*d %d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d "
			  "%*d %llu",
			  &ppid, &tty, &utime, &stime, &start) != 5)
		return -1;
	*s = (struct stat_line){ppid, tty, utime, stime, start};
	return 0;
}

static char *command_line(int proc)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = openat(proc, "cmdline", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !fd_read_all(fd, 1 << 20, &text, "cmdline", NULL) && text.len) {
		for (size_t i = 0; i + 1 < text.len; i++)
			if (!text.data[i])
				text.data[i] = ' ';
		return buf_steal(&text);
	}
	auto_fd int comm = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	text.len = 0;
	if (comm < 0 || fd_read_all(comm, 256, &text, "comm", NULL))
		return xstrdup("?");
	return xasprintf("[%s]", str_trim(text.data));
}

/* Names of the host's users: the daemon's own name service is not asked, only the file. */
static char *user_name(uid_t uid)
{
	char *name = NULL;
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd entry = {0}, *p;
	char room[4096];
	while (f && !name && fgetpwent_r(f, &entry, room, sizeof(room), &p) == 0)
		if (p->pw_uid == uid)
			name = xstrdup(p->pw_name);
	if (f)
		fclose(f);
	return name ? name : xasprintf("%u", uid);
}

static char *start_time(uint64_t ticks)
{
	struct timespec up, now;
	struct tm tm, today;
	char text[16];

	clock_gettime(CLOCK_BOOTTIME, &up);
	clock_gettime(CLOCK_REALTIME, &now);
	time_t started = now.tv_sec - up.tv_sec + (time_t)(ticks / (uint64_t)sysconf(_SC_CLK_TCK));
	localtime_r(&started, &tm);
	localtime_r(&now.tv_sec, &today);
	bool same = tm.tm_year == today.tm_year && tm.tm_yday == today.tm_yday;
	strftime(text, sizeof(text), same ? "%H:%M" : "%b%d", &tm);
	return xstrdup(text);
}

static char *tty_name(int tty)
{
	int maj = (tty >> 8) & 0xfff, min = (tty & 0xff) | ((tty >> 12) & 0xfff00);
	if (maj >= 136 && maj <= 143)
		return xasprintf("pts/%d", (maj - 136) * 256 + min);
	return maj == 4 ? xasprintf("tty%d", min) : xstrdup("?");
}

/* Fails quietly: the process has ended since. */
static void add_process(struct container_top *t, pid_t pid)
{
	char path[32];
	struct stat st;
	struct stat_line s;
	char **cells = NULL;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	auto_fd int proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0 || fstat(proc, &st) || read_stat(proc, &s))
		return;
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), cpu = (s.utime + s.stime) / hz;
	strv_take(&cells, user_name(st.st_uid));
	strv_take(&cells, xasprintf("%d", (int)pid));
	strv_take(&cells, xasprintf("%d", s.ppid));
	strv_add(&cells, "0");
	strv_take(&cells, start_time(s.start));
	strv_take(&cells, tty_name(s.tty));
	strv_take(&cells, xasprintf("%02u:%02u:%02u", (unsigned)(cpu / 3600),
				  (unsigned)(cpu / 60 % 60), (unsigned)(cpu % 60)));
	strv_take(&cells, command_line(proc));
	add_row(t, cells);
}

static int by_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return x < y ? -1 : x > y;
}

static void top_proc(struct container_top *t, pid_t *pids, size_t n)
{
	static const char *const titles[] = {
		"UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"};
	for (size_t i = 0; i < ARRAY_LEN(titles); i++)
		strv_add(&t->titles, titles[i]);
	for (size_t i = 0; i < n; i++)
		add_process(t, pids[i]);
}

/* ---- from ps ---- */

/* Splits into at most @max cells, the last one taking the rest of the line. */
static char **fields(const char *line, size_t max)
{
	char **v = NULL;
	for (size_t n = 0; *line; n++) {
		while (isspace((unsigned char)*line))
			line++;
		if (!*line)
			break;
		size_t len = n + 1 == max ? strlen(line) : strcspn(line, " \t");
		strv_take(&v, xstrndup(line, len));
		line += len;
	}
	return v;
}

static bool in_container(const char *text, const pid_t *pids, size_t n)
{
	int pid;
	if (str_to_int(text, &pid))
		return false;
	pid_t key = pid;
	return bsearch(&key, pids, n, sizeof(*pids), by_pid) != NULL;
}

static int parse_ps(
	struct container_top *t, const char *text, const pid_t *pids, size_t n, struct err **err)
{
	auto_strv lines = strv_split(text, '\n');
	t->titles = fields(lines[0], 64);
	int at = strv_index(t->titles, "PID");
	size_t columns = strv_len(t->titles);

	if (at < 0)
		return err_set(err, ERR_INVALID, "Couldn't find PID field in ps output");
	for (size_t i = 1; lines[i]; i++) {
		char **cells = fields(lines[i], columns);
		if (strv_len(cells) == columns && in_container(cells[at], pids, n))
			add_row(t, cells);
		else
			strv_free(cells);
	}
	return 0;
}

static int top_ps(
	struct container_top *t, const char *args, const pid_t *pids, size_t n, struct err **err)
{
	auto_buf out = BUF_INIT, errout = BUF_INIT;
	auto_strv argv = NULL;
	auto_strv words = fields(args, 64);

	strv_add(&argv, "ps");
	for (size_t i = 0; words && words[i]; i++)
		strv_add(&argv, words[i]);
	const char *path = access("/bin/ps", X_OK) ? "/usr/bin/ps" : "/bin/ps";
	const struct proc_spec spec = {.path = path, .argv = argv, .die_with_parent = false};
	int status = proc_run(&spec, NULL, 0, 16 << 20, &out, &errout, err);
	if (status < 0)
		return err_wrap(err, "Error running ps");
	if (status)
		return err_set(err, ERR_INVALID, "Error running ps: %s", buf_str(&errout));
	return parse_ps(t, buf_str(&out), pids, n, err);
}

static int container_pids(struct container *c, pid_t **pids, size_t *n, struct err **err)
{
	auto_free char *path = container_cgroup(c);
	struct cgroup *cg;
	if (cgroup_open(&cg, path, err))
		return -1;
	int r = cgroup_pids(cg, pids, n, err);
	cgroup_free(cg);
	if (!r && *n)
		qsort(*pids, *n, sizeof(**pids), by_pid);
	return r;
}

int engine_container_top(struct engine *e, const char *ref, const char *args,
	struct container_top **out, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	int r = 0;

	if (!c)
		return -1;
	if (!container_is_running(c))
		return not_running(c, err);
	if (container_pids(c, &pids, &n, err))
		return -1;
	struct container_top *t = xcalloc(1, sizeof(*t));
	if (str_empty(args) || str_eq(args, "-ef"))
		top_proc(t, pids, n);
	else
		r = top_ps(t, args, pids, n, err);
	if (r) {
		container_top_free(t);
		return -1;
	}
	event_container(c, "top", NULL, 0);
	*out = t;
	return 0;
}
