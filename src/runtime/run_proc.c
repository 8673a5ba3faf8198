/* What /proc says about, and takes for, a container's process. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "run_private.h"
#include "runtime/run.h"
#include "sys/procfs.h"

/* proc_pid_stat(5): *state is the letter of field 3. 0: there is no such process. */
static uint64_t read_stat(pid_t pid, char *state)
{
	char path[40], text[1024];
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	/* the name may hold spaces and parentheses: fields are counted from its last ")" */
	char *at = strrchr(text, ')');
	*state = at && at[1] ? at[2] : 0;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return 0;
	at++;
	at[strcspn(at, " \n")] = 0;
	uint64_t ticks = 0;
	return str_to_u64(at, &ticks) == 0 ? ticks : 0;
}

uint64_t run_start_ticks(pid_t pid)
{
	char state;
	return read_stat(pid, &state);
}

bool run_is_alive(pid_t pid, uint64_t start_ticks)
{
	char state = 0;
	return read_stat(pid, &state) == start_ticks && state && !strchr("ZXx", state);
}

int run_set_oom_score(int proc, pid_t pid, int value, struct err **err)
{
	char path[48], text[16];
	snprintf(path, sizeof(path), "%d/oom_score_adj", (int)pid);
	int n = snprintf(text, sizeof(text), "%d", value);
	if (procfs_write(proc, path, text, (size_t)n) == 0)
		return 0;
	int saved = errno;
	char now[16] = "";
	auto_fd int fd = procfs_openat(proc, path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : fd_read(fd, now, sizeof(now) - 1);
	if (got > 0) {
		now[strcspn(now, "\n")] = 0;
		if (str_eq(now, text))
			return 0;
	}
	if (saved == EACCES)
		return err_set(err, ERR_FORBIDDEN,
			"set oom_score_adj to %d: the engine may not lower it below its own (%s) "
			"without CAP_SYS_RESOURCE",
			value, now);
	return err_sys(err, saved, "set oom_score_adj to %d", value);
}

/* user_namespaces(7), uid_map as seen from ours; -1 if it is not mapped */
static int64_t outside(int proc, pid_t pid, uint32_t uid)
{
	char path[40], text[4096];
	snprintf(path, sizeof(path), "%d/uid_map", (int)pid);
	auto_fd int fd = procfs_openat(proc, path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = 0;
	auto_strv lines = strv_split(text, '\n');
	for (size_t i = 0; lines[i]; i++) {
		uint64_t v[3]; /* inside, outside, how many */
		if (str_numbers(lines[i], v, ARRAY_LEN(v)) == ARRAY_LEN(v) && uid >= v[0] &&
			uid - v[0] < v[2])
			return (int64_t)(v[1] + (uid - v[0]));
	}
	return -1;
}

void run_give_streams(
	int proc, pid_t pid, const struct plan_process *process, const struct run_io *io)
{
	const int streams[] = {io->in, io->out, io->err};
	if (process->user_spec || process->terminal)
		return;
	int64_t uid = outside(proc, pid, process->uid);
	for (size_t i = 0; uid >= 0 && i < ARRAY_LEN(streams); i++) {
		struct stat st;
		if (streams[i] >= 0 && fstat(streams[i], &st) == 0 && S_ISFIFO(st.st_mode) &&
			st.st_uid != (uid_t)uid && fchown(streams[i], (uid_t)uid, (gid_t)-1) < 0)
			return;
	}
}
