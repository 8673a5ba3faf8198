#include "download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define CHUNK 262144

static int refuse_terminal(const char *verb, struct err **err)
{
	return err_set(err, ERR_INVALID,
		"cowardly refusing to %s to a terminal. Use the -o flag or redirect", verb);
}

int download_check(const char *path, const char *verb, struct err **err)
{
	struct stat st;
	if (str_empty(path))
		return isatty(STDOUT_FILENO) ? refuse_terminal(verb, err) : 0;
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return err_set(err, ERR_INVALID,
				"failed to %s: invalid output path: \"%s\" must not be a directory",
				verb, path);
		auto_fd int fd =
			S_ISCHR(st.st_mode) ? open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC) : -1;
		return fd >= 0 && isatty(fd) ? refuse_terminal(verb, err) : 0;
	}
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	if (stat(dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID,
			"failed to %s: invalid output path: directory \"%s\" does not exist", verb,
			dir);
	return 0;
}

static int copy(struct http *conn, int to, const char *name, struct err **err)
{
	auto_free char *room = xmalloc(CHUNK);
	ssize_t n;
	while ((n = http_read(conn, room, CHUNK, err)) > 0)
		if (fd_write_all(to, room, (size_t)n) < 0)
			return err_sys(err, errno, "write %s", name);
	return n < 0 ? -1 : 0;
}

static int copy_to_file(struct http *conn, const char *path, struct err **err)
{
	char suffix[17];
	struct stat st;
	/* a device or a pipe is written to, not replaced */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? err_sys(err, errno, "open %s", path) : copy(conn, fd, path, err);
	}
	random_hex(suffix, 8);
	auto_free char *fresh = xasprintf("%s.tmp-%s", path, suffix);
	auto_fd int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(err, errno, "create %s", fresh);
	int r = copy(conn, fd, path, err);
	if (r == 0 && rename(fresh, path) < 0)
		r = err_sys(err, errno, "put %s in place", path);
	if (r < 0)
		unlink(fresh);
	return r;
}

int download(struct http *conn, const char *path, struct err **err)
{
	return str_empty(path) ? copy(conn, STDOUT_FILENO, "the output", err)
			       : copy_to_file(conn, path, err);
}
