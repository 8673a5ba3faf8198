/* The folders of a checkpoint: images, log, and the names of the standard streams. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/json.h"
#include "base/str.h"
#include "criu_private.h"

#define STREAMS_FILE "descriptors.json"
#define STREAMS_MAX (64u << 10)
#define LOG_MAX (64u << 20)
#define ERRORS_SHOWN 3
#define ERROR_LEN 300

static int open_images(const struct criu_options *o, bool make, struct err **err)
{
	if (str_empty(o->image_path))
		return err_set(err, ERR_INVALID, "--image-path must not be empty");
	if (make && dir_make(AT_FDCWD, o->image_path, 0700, err) < 0)
		return err_wrap(err, "--image-path");
	int fd = dir_open(AT_FDCWD, o->image_path, err);
	return fd < 0 ? err_wrap(err, "--image-path") : fd;
}

static int check_parent(int images, const struct criu_options *o, struct err **err)
{
	if (str_empty(o->parent_path))
		return 0;
	auto_fd int fd = dir_open(images, o->parent_path, err);
	return fd < 0 ? err_wrap(err, "--parent-path") : 0;
}

int criu_folders_open(struct criu_folders *f, const struct criu_options *o, const char *log_file,
	bool make, struct err **err)
{
	f->images = open_images(o, make, err);
	if (f->images < 0 || check_parent(f->images, o, err) < 0)
		return -1;
	if (!str_empty(o->work_path)) {
		if (dir_make(AT_FDCWD, o->work_path, 0700, err) < 0)
			return err_wrap(err, "--work-path");
		f->work = dir_open(AT_FDCWD, o->work_path, err);
		if (f->work < 0)
			return err_wrap(err, "--work-path");
	}
	f->images_path = realpath(o->image_path, NULL);
	if (f->images_path && f->work >= 0)
		f->work_path = realpath(o->work_path, NULL);
	if (!f->images_path || (f->work >= 0 && !f->work_path))
		return err_sys(err, errno, "find the path of %s",
			f->images_path ? o->work_path : o->image_path);
	f->log_path = xasprintf("%s/%s", f->work_path ? f->work_path : f->images_path, log_file);
	return 0;
}

static void reopen(int fd, const char *path, struct reporter *r)
{
	int again = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (again < 0 || dup3(again, fd, O_CLOEXEC) < 0)
		report_sys(r, "open %s for criu", path);
	close(again);
}

void criu_folders_reopen(struct criu_folders *f, struct reporter *r)
{
	reopen(f->images, f->images_path, r);
	if (f->work >= 0)
		reopen(f->work, f->work_path, r);
}

void criu_folders_close(struct criu_folders *f)
{
	fd_close(f->images);
	fd_close(f->work);
	free(f->images_path);
	free(f->work_path);
	free(f->log_path);
}

/* "(00.163732) Error (criu/files-reg.c:1790): Can't ..." */
static const char *error_text(const char *line, size_t n)
{
	const char *at = memmem(line, n, " Error (", 8);
	const char *end = at ? memmem(at, n - (size_t)(at - line), "): ", 3) : NULL;
	/* "Restoring FAILED." stands at the end of every failure */
	if (!end || (n > 7 && memcmp(line + n - 7, "FAILED.", 7) == 0))
		return NULL;
	return end + 3;
}

char *criu_log_errors(const char *text)
{
	struct {
		const char *at;
		size_t n;
	} last[ERRORS_SHOWN];
	size_t count = 0;
	while (*text) {
		size_t n = strcspn(text, "\n");
		const char *at = error_text(text, n);
		if (at) {
			last[count % ERRORS_SHOWN].at = at;
			last[count++ % ERRORS_SHOWN].n = n - (size_t)(at - text);
		}
		text += n + (text[n] == '\n');
	}
	auto_buf out = BUF_INIT;
	for (size_t i = count > ERRORS_SHOWN ? count - ERRORS_SHOWN : 0; i < count; i++) {
		size_t n = last[i % ERRORS_SHOWN].n;
		buf_adds(&out, out.len ? "; " : "");
		buf_add(&out, last[i % ERRORS_SHOWN].at, n > ERROR_LEN ? ERROR_LEN : n);
	}
	return buf_steal(&out);
}

int criu_explain(
	const struct criu_folders *f, const struct criu *c, const char *log_file, struct err **err)
{
	auto_buf log = BUF_INIT;
	if (!c->said || !err || !*err)
		return -1;
	auto_free char *errors = NULL;
	if (file_read(f->work >= 0 ? f->work : f->images, log_file, LOG_MAX, &log, NULL) == 0)
		errors = criu_log_errors(buf_str(&log));
	if (str_empty(errors)) {
		free(errors);
		errors = xstrndup(c->said, strcspn(c->said, "\n"));
	}
	return err_set(err, (*err)->kind, "%s%s%s; log file: %s", (*err)->msg, *errors ? ": " : "",
		errors, f->log_path);
}

#define PIPE "pipe:["
#define PLAIN "file["

char *criu_stream_name(int fd)
{
	char link[32], name[PATH_MAX];
	struct statx st;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_TYPE | STATX_INO | STATX_MNT_ID, &st) == 0 &&
		(S_ISREG(st.stx_mode) || (S_ISCHR(st.stx_mode) && !isatty(fd))))
		return xasprintf(PLAIN "%llx:%llx]", (unsigned long long)st.stx_mnt_id,
			(unsigned long long)st.stx_ino);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, name, sizeof(name) - 1);
	return xstrndup(name, n < 0 ? 0 : (size_t)n);
}

void criu_streams_external(struct criu_facts *facts, char *const *streams, struct arena *arena)
{
	size_t n = strv_len(streams);
	const char **v = arena_alloc(arena, facts->external_count + n + 1, sizeof(*v));
	for (size_t i = 0; i < facts->external_count; i++)
		v[i] = facts->external[i];
	for (size_t i = 0; i < n; i++)
		if (str_starts(streams[i], PLAIN) && strv_index(streams, streams[i]) == (int)i)
			v[facts->external_count++] = streams[i];
	facts->external = v;
}

int criu_streams_save(int images, char *const *streams, struct err **err)
{
	auto_json *list = json_strv(streams);
	auto_buf text = BUF_INIT;
	json_write(list, &text);
	return file_replace(images, STREAMS_FILE, text.data, text.len, 0600, false, err);
}

int criu_streams_parse(
	struct criu_facts *facts, const void *text, size_t n, struct arena *arena, struct err **err)
{
	static const Criu__Inherit none = CRIU__INHERIT__INIT;
	auto_json *list = json_parse(text, n, STREAMS_FILE, err);
	if (!list)
		return -1;
	/* null: a container with a terminal, or of a runtime that did not know */
	if (!json_is_array(list) && !json_is_null(list))
		return err_set(err, ERR_INVALID, STREAMS_FILE ": expected an array of strings");
	Criu__Inherit *v = arena_alloc(arena, json_array_size(list) + 1, sizeof(*v));
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = json_string_value(json_array_get(list, i));
		if (!name)
			return err_set(
				err, ERR_INVALID, STREAMS_FILE "[%zu]: expected a string", i);
		if (!str_starts(name, PIPE) && !str_starts(name, PLAIN))
			continue;
		if (i > STDERR_FILENO)
			return err_set(
				err, ERR_INVALID, STREAMS_FILE "[%zu]: there are three streams", i);
		v[facts->inherit_count] = none;
		v[facts->inherit_count].key = arena_strdup(arena, name);
		v[facts->inherit_count++].fd = (int)i;
	}
	facts->inherit = v;
	return 0;
}

int criu_streams_load(struct criu_facts *facts, int images, struct arena *arena, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (file_read(images, STREAMS_FILE, STREAMS_MAX, &text, err) < 0)
		return err_wrap(err, "--image-path holds no checkpoint");
	return criu_streams_parse(facts, text.data, text.len, arena, err);
}
