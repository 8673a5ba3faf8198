#include "bundle.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

static int open_file(const char *const *known, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int fd = open(known[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

static bool same_file(const struct stat *a, int fd)
{
	struct stat b;
	return fd >= 0 && fstat(fd, &b) == 0 && a->st_dev == b.st_dev && a->st_ino == b.st_ino;
}

/* The names of hashes beside the files themselves: links within the folder. */
static bool leads_beside(int dir, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	return n > 0 && !memchr(target, '/', (size_t)n);
}

static void add_file(int dir, const char *name, int file, struct buf *out)
{
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	auto_buf text = BUF_INIT;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || same_file(&st, file) ||
		fd_read_all(fd, BUNDLE_MAX, &text, name, NULL) < 0 ||
		out->len + text.len >= BUNDLE_MAX)
		return;
	buf_add(out, text.data, text.len);
	buf_addc(out, '\0');
}

/* What is neither is told apart by add_file(). Not every file system says it with the name. */
static bool is_link(int dir, const struct dirent *d)
{
	struct stat st;
	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_LNK;
	return fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* @links: those that lead elsewhere as well. */
static void add_folder(const char *path, int file, bool links, struct buf *out)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	while (dir && (d = readdir(dir))) {
		bool link = is_link(dirfd(dir), d);
		if (d->d_type == DT_DIR ||
			(link && (!links || leads_beside(dirfd(dir), d->d_name))))
			continue;
		add_file(dirfd(dir), d->d_name, file, out);
	}
	if (dir)
		closedir(dir);
}

int bundle_open(struct buf *folders)
{
	static const char *const files[] = {
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/pki/tls/cacert.pem",
		"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		"/etc/ssl/cert.pem",
	};
	const char *file = getenv("SSL_CERT_FILE");
	const char *dirs = getenv("SSL_CERT_DIR");
	bool named = !str_empty(file) || !str_empty(dirs);
	int fd = str_empty(file) ? open_file(files, ARRAY_LEN(files)) : open_file(&file, 1);
	auto_strv paths =
		strv_split(str_empty(dirs) ? "/etc/ssl/certs:/etc/pki/tls/certs" : dirs, ':');
	/* the links of the system's own folders lead to what its bundle holds, and there are hundreds */
	for (size_t i = 0; paths[i]; i++)
		add_folder(paths[i], fd, named || fd < 0, folders);
	return fd;
}
