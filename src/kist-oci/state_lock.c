#include "state_lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "sys/child.h"

#define BYTE_CHANGE 0
#define BYTE_MAKE 1

#define LOOK_AGAIN_NS 5000000
/* what a container's making and starting take by far, but for hooks that hang */
#define MAKER_NS (2 * TIME_NS_PER_SEC)
/* the other verbs', of which a delete may have hooks of its own */
#define OTHERS_NS (10 * TIME_NS_PER_SEC)

static int lock(int file, int command, enum state_lock how)
{
	struct flock bytes = {.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = BYTE_CHANGE,
		.l_len = how == LOCK_MAKE ? 2 : 1};
	int r;
	do
		r = fcntl(file, command, &bytes);
	while (r < 0 && errno == EINTR);
	return r;
}

/* Whose lock it is: a pid, 0 for nobody's, -1 for one of another pid namespace. */
static pid_t holder(int file, off_t byte)
{
	struct flock bytes = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
	if (fcntl(file, F_GETLK, &bytes) < 0 || bytes.l_type == F_UNLCK)
		return 0;
	return bytes.l_pid > 0 ? bytes.l_pid : -1;
}

/* 1, 0, or -1 where we may not look. */
static int has_open(pid_t pid, int file)
{
	char path[32];
	struct stat mine, theirs;
	bool found = false, refused = false;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = fstat(file, &mine) == 0 ? opendir(path) : NULL;
	if (!dir)
		return errno == EACCES || errno == EPERM ? -1 : 0;
	for (struct dirent *entry; !found && (entry = readdir(dir));) {
		if (fstatat(dirfd(dir), entry->d_name, &theirs, 0) == 0)
			found = theirs.st_ino == mine.st_ino && theirs.st_dev == mine.st_dev;
		else
			refused |= errno == EACCES || errno == EPERM;
	}
	closedir(dir);
	return found || !refused ? found : -1;
}

static int cannot(const char *what, pid_t pid, const char *id, struct err **err)
{
	return err_set(err, ERR_CONFLICT, "%s process %d, which makes or starts container %s: %s",
		what, (int)pid, id, err_text(errno));
}

/*
 * 1 if somebody has been killed; *hidden if we may not look whether it is the right one. Whatever it has made by then is on
 * record. A lock outlives its process by the time that a helper with the same descriptors takes to end, and the number may be
 * somebody else's then: nobody is killed who does not have the file.
 */
static int end_maker(int file, const char *id, bool *hidden, struct err **err)
{
	pid_t pid = holder(file, BYTE_MAKE);
	if (pid <= 0)
		return 0;
	auto_fd int pidfd = child_pidfd_open(pid);
	if (pidfd < 0)
		return errno == ESRCH ? 0 : cannot("open", pid, id, err);
	/* after it was opened: it is known then whose the descriptor is */
	int has = has_open(pid, file);
	*hidden = has < 0;
	if (has <= 0 || holder(file, BYTE_MAKE) != pid)
		return 0;
	log_debug("container %s: ending process %d, which makes or starts it", id, (int)pid);
	if (child_pidfd_signal(pidfd, SIGKILL) < 0)
		return errno == ESRCH ? 0 : cannot("end", pid, id, err);
	return 1;
}

static int give_up(int file, enum state_lock how, bool hidden, const char *id, struct err **err)
{
	pid_t maker = holder(file, BYTE_MAKE), other = holder(file, BYTE_CHANGE);
	if (maker > 0)
		return err_set(err, ERR_CONFLICT,
			"cannot delete container %s: it is being made or started by process %d%s",
			id, (int)maker,
			hidden		    ? ", which we may not look at"
			: how == LOCK_FORCE ? ""
					    : " (--force ends that)");
	if (other > 0)
		return err_set(err, ERR_CONFLICT,
			"cannot delete container %s: it is in use by process %d", id, (int)other);
	return err_set(err, ERR_CONFLICT,
		"cannot delete container %s: it is in use by another process", id);
}

static int wait_a_while(int file, enum state_lock how, const char *id, struct err **err)
{
	const struct timespec again = {.tv_nsec = LOOK_AGAIN_NS};
	int64_t begun = time_mono();
	bool ended = false, hidden = false;
	while (lock(file, F_SETLK, how) < 0) {
		if (errno != EAGAIN && errno != EACCES)
			return err_sys(err, errno, "lock container %s", id);
		int64_t waited = time_mono() - begun;
		bool maker = waited > MAKER_NS && !ended && holder(file, BYTE_MAKE);
		if ((maker && how == LOCK_DELETE) || waited > OTHERS_NS)
			return give_up(file, how, hidden, id, err);
		int now = maker ? end_maker(file, id, &hidden, err) : 0;
		if (now < 0)
			return -1;
		ended = ended || now;
		nanosleep(&again, NULL);
	}
	return 0;
}

int state_lock_take(int file, enum state_lock how, const char *id, struct err **err)
{
	if (how == LOCK_DELETE || how == LOCK_FORCE)
		return wait_a_while(file, how, id, err);
	return lock(file, F_SETLKW, how) < 0 ? err_sys(err, errno, "lock container %s", id) : 0;
}
