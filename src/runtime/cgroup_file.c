/* Reading and writing control files. */
#include <fcntl.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

#define CONTROL_FILE_MAX (1u << 20)

/* NULL for what could not be written back: a list that is changed line by line, or not at all readable. */
static char *present(const struct cgroup_dir *d, const char *file)
{
	auto_buf text = BUF_INIT;
	if (file_read(d->fd, file, 4096, &text, NULL) < 0)
		return NULL;
	const char *value = str_trim((char *)buf_str(&text));
	if (strpbrk(value, "\n:") || (!*value && !str_starts(file, "cpuset.")))
		return NULL;
	return xstrdup(value);
}

static void note(const struct cgroup_dir *d, const char *file, char *value)
{
	struct cgroup_undo *u = d->undo;
	u->v = xreallocarray(u->v, u->count + 1, sizeof(*u->v));
	u->v[u->count++] = (struct cgroup_before){.dir = d, .file = xstrdup(file), .value = value};
}

void cgroup_undo_clear(struct cgroup_undo *undo)
{
	for (size_t i = 0; i < undo->count; i++) {
		free(undo->v[i].file);
		free(undo->v[i].value);
	}
	free(undo->v);
	*undo = (struct cgroup_undo){0};
}

void cgroup_undo(struct cgroup_undo *undo)
{
	for (size_t i = undo->count; i > 0; i--) {
		const struct cgroup_before *b = &undo->v[i - 1];
		struct cgroup_dir quiet = *b->dir;
		auto_err *why = NULL;
		quiet.undo = NULL;
		if (cgroup_put(&quiet, b->file, &why, "%s\n", b->value) < 0)
			log_warn("%s", err_msg(why));
	}
	cgroup_undo_clear(undo);
}

int cgroup_put(const struct cgroup_dir *d, const char *file, struct err **err, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	auto_free char *value = xvasprintf(fmt, ap);
	va_end(ap);
	auto_free char *before = d->undo ? present(d, file) : NULL;
	auto_fd int fd = openat(d->fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, errno, "open %s/%s/%s to write \"%s\"", d->mount->path, d->rel,
			file, value);
	if (fd_write(fd, value, strlen(value)) < 0)
		return err_sys(err, errno, "write \"%s\" to %s/%s/%s", value, d->mount->path,
			d->rel, file);
	if (before)
		note(d, file, steal_ptr(before));
	return 0;
}

bool cgroup_file_exists(const struct cgroup_dir *d, const char *file)
{
	return faccessat(d->fd, file, F_OK, 0) == 0;
}

int64_t cgroup_get(const struct cgroup_dir *d, const char *file)
{
	auto_fd int fd = openat(d->fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[64];
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return -1;
	text[n] = 0;
	text[strcspn(text, " \n")] = 0;
	uint64_t value;
	if (str_eq(text, "max"))
		return INT64_MAX;
	if (str_to_u64(text, &value) < 0)
		return -1;
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

int64_t cgroup_text_key(const char *text, const char *key)
{
	size_t n = strlen(key);
	for (const char *at = text; *at;) {
		const char *end = at + strcspn(at, "\n");
		if (strncmp(at, key, n) == 0 && at[n] == ' ') {
			auto_free char *number = xstrndup(at + n + 1, (size_t)(end - at) - n - 1);
			int64_t value;
			return str_to_i64(number, &value) < 0 ? -1 : value;
		}
		at = end + (*end != 0);
	}
	return -1;
}

int64_t cgroup_get_key(const struct cgroup_dir *d, const char *file, const char *key)
{
	auto_buf text = BUF_INIT;
	if (file_read(d->fd, file, CONTROL_FILE_MAX, &text, NULL) < 0)
		return -1;
	return cgroup_text_key(buf_str(&text), key);
}
