#include "service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

enum { NOFILE_ENOUGH = 1 << 20 };

/* A pid is used again soon, and a killed daemon may wait as a zombie for its parent: neither is a
 * reason not to start. /proc/PID/stat: "PID (comm) STATE ...". */
static bool is_daemon(int pid)
{
	char path[32];
	auto_buf text = BUF_INIT;
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return false;
	const char *name = strstr(buf_str(&text), "(kistd)");
	return name && name[7] == ' ' && name[8] != 'Z' && name[8] != 'X';
}

/* The daemon named in the file, if it lives and is not us; else 0. */
static pid_t living_owner(const char *path)
{
	auto_buf text = BUF_INIT;
	int pid;
	if (file_read(AT_FDCWD, path, 64, &text, NULL) < 0 || !text.data)
		return 0;
	if (str_to_int(str_trim(text.data), &pid) < 0 || pid <= 0 || pid == getpid())
		return 0;
	return is_daemon(pid) ? pid : 0;
}

int pidfile_write(const char *path, struct err **err)
{
	pid_t owner = living_owner(path);
	if (owner)
		return err_set(err, ERR_CONFLICT,
			"pid file %s names the running process %d: is another daemon running? If "
			"not, delete the file",
			path, (int)owner);
	const char *slash = strrchr(path, '/');
	if (slash && slash != path) {
		auto_free char *folder = xstrndup(path, (size_t)(slash - path));
		if (dir_make(AT_FDCWD, folder, 0755, err) < 0)
			return -1;
	}
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)getpid());
	return file_replace(AT_FDCWD, path, text, (size_t)n, 0644, false, err);
}

void service_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	size_t n = strlen(path);
	memcpy(address.sun_path, path, n);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	auto_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_warn("cannot notify the service manager: %s", err_text(errno));
}

unsigned long service_raise_nofile(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 0;
	unsigned long before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max < NOFILE_ENOUGH ? limit.rlim_max : NOFILE_ENOUGH;
	if (limit.rlim_cur <= before)
		return before;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("cannot raise the limit of descriptors: %s", err_text(errno));
	return before;
}
