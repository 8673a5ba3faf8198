#include "logfiles.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"

#define CHUNK 65536
/* No line of ours is longer: 16 KiB of text, each byte six in JSON, and what stands around it. */
#define LINE_MAX_BYTES (256 << 10)
#define FILES_MAX 1000
/* What one call looks at: of a long log that --since leaves out nearly all, nothing is given for a while, and
 * the caller has others to serve. */
#define LOOK_MAX (512 << 10)

static char *file_name(const struct log_files *f, unsigned i)
{
	return i ? xasprintf("%s.%u", f->name, i) : xstrdup(f->name);
}

static int open_file(const struct log_files *f, unsigned i)
{
	auto_free char *name = file_name(f, i);
	return openat(f->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static bool use_file(struct log_files *f, int fd, off_t offset)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		fd_close(fd);
		return false;
	}
	fd_close(f->fd);
	f->fd = fd;
	f->ino = st.st_ino;
	f->offset = offset;
	return true;
}

/* How many files there are: name, name.1, ... without a gap. */
static unsigned count_files(const struct log_files *f)
{
	unsigned n = 0;
	struct stat st;
	for (; n < FILES_MAX; n++) {
		auto_free char *name = file_name(f, n);
		if (fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW))
			break;
	}
	return n;
}

/* Where the last *@lines whole lines of @fd begin; *@lines is lowered by those that were found. */
static off_t tail_offset(int fd, int64_t *lines)
{
	auto_free char *chunk = xmalloc(CHUNK);
	struct stat st;
	off_t end;
	bool last = true; /* the newline that ends the file ends the last line and begins none */

	if (fstat(fd, &st))
		return 0;
	for (end = st.st_size; end > 0;) {
		size_t n = end < CHUNK ? (size_t)end : CHUNK;
		if (pread(fd, chunk, n, end - (off_t)n) != (ssize_t)n)
			return 0;
		for (size_t i = n; i > 0; i--) {
			if (chunk[i - 1] != '\n')
				continue;
			if (!last && --*lines == 0)
				return end - (off_t)(n - i);
			last = false;
		}
		end -= (off_t)n;
	}
	if (!last)
		--*lines;
	return 0;
}

static void seek_tail(struct log_files *f, int64_t tail)
{
	unsigned n = count_files(f);
	int64_t left = tail;

	for (unsigned i = 0; i < n && (left > 0 || !f->started); i++) {
		int fd = open_file(f, i);
		off_t at = 0;
		if (fd >= 0 && tail == 0)
			at = lseek(fd, 0, SEEK_END);
		else if (fd >= 0)
			at = tail_offset(fd, &left);
		if (use_file(f, fd, at))
			f->started = true;
		if (left <= 0)
			break;
	}
}

void log_files_open(struct log_files *f, int dir, const char *name, int64_t tail)
{
	*f = (struct log_files){.dir = dir, .name = xstrdup(name), .fd = -1};
	if (tail >= 0)
		seek_tail(f, tail);
}

void log_files_close(struct log_files *f)
{
	fd_close(f->fd);
	fd_close(f->dir);
	free(f->name);
	*f = (struct log_files){.dir = -1, .fd = -1};
}

/* The number of the file being read: 0 is the newest; -1 if it has been rotated out meanwhile. */
static int present_number(const struct log_files *f, unsigned n)
{
	struct stat st;
	for (unsigned i = 0; i < n; i++) {
		auto_free char *name = file_name(f, i);
		if (!fstatat(f->dir, name, &st, AT_SYMLINK_NOFOLLOW) && st.st_ino == f->ino)
			return (int)i;
	}
	return -1;
}

/* Has the writer gone on to another file? */
static bool superseded(const struct log_files *f)
{
	unsigned n = count_files(f);
	return n && present_number(f, n) != 0;
}

/* Opens the file that follows the one being read. */
static bool next_file(struct log_files *f)
{
	unsigned n = count_files(f);
	int i;

	if (!n)
		return false;
	if (f->fd < 0)
		return use_file(f, open_file(f, n - 1), 0);
	i = present_number(f, n);
	if (i < 0) /* rotated out while we were reading it: on with the oldest that is left */
		i = (int)n;
	return i ? use_file(f, open_file(f, (unsigned)i - 1), 0) : false;
}

bool log_line_parse(const char *p, size_t n, struct log_line *out)
{
	json_t *j = json_loadb(p, n, JSON_ALLOW_NUL, NULL);
	const json_t *text = json_object_get(j, "log");
	const char *stream = json_string_value(json_object_get(j, "stream"));
	const char *time = json_string_value(json_object_get(j, "time"));

	*out = (struct log_line){.json = j};
	if (!text || !json_is_string(text) || !time || time_parse_rfc3339(time, &out->time)) {
		log_line_free(out);
		return false;
	}
	out->text = json_string_value(text);
	out->len = json_string_length(text);
	out->is_err = str_eq(stream, "stderr");
	return true;
}

void log_line_free(struct log_line *l)
{
	json_decref(l->json);
	l->json = NULL;
}

static void add_details(const json_t *attrs, struct buf *out)
{
	const char *key;
	json_t *value;
	bool first = true;

	json_object_foreach((json_t *)(uintptr_t)attrs, key, value)
	{
		buf_addf(out, "%s%s=%s", first ? "" : ",", key,
			json_is_string(value) ? json_string_value(value) : "");
		first = false;
	}
	buf_addc(out, ' ');
}

void log_line_write(const struct log_line *l, const struct log_options *o, struct buf *out)
{
	char stamp[TIME_STR_LEN];
	size_t start = out->len;

	if (!o->raw)
		buf_add(out, "\0\0\0\0\0\0\0\0", 8);
	if (o->timestamps) {
		buf_adds(out, time_rfc3339_fixed(l->time, stamp));
		buf_addc(out, ' ');
	}
	if (o->details)
		add_details(json_object_get(l->json, "attrs"), out);
	buf_add(out, l->text, l->len);
	if (o->raw)
		return;
	uint32_t n = (uint32_t)(out->len - start - 8);
	uint8_t *head = (uint8_t *)out->data + start;
	head[0] = l->is_err ? 2 : 1;
	head[4] = (uint8_t)(n >> 24);
	head[5] = (uint8_t)(n >> 16);
	head[6] = (uint8_t)(n >> 8);
	head[7] = (uint8_t)n;
}

/* One line: false when it lies behind the end that was asked for. */
static bool give_line(const char *p, size_t n, const struct log_options *o, struct buf *out)
{
	struct log_line l;

	if (!log_line_parse(p, n, &l))
		return true;
	bool past = o->until && l.time > o->until;
	if (!past && l.time >= o->since && (l.is_err ? o->err : o->out))
		log_line_write(&l, o, out);
	log_line_free(&l);
	return !past;
}

/* Lines of the present file: LOG_MORE, LOG_END, or LOG_WAIT at its end for now. */
static enum log_more read_file(
	struct log_files *f, const struct log_options *o, struct buf *out, size_t max)
{
	size_t room = CHUNK;
	auto_free char *chunk = xmalloc(room);
	struct stat st;

	/* a log of one file is rotated by emptying it */
	if (!fstat(f->fd, &st) && st.st_size < f->offset)
		f->offset = 0;
	for (off_t stop = f->offset + LOOK_MAX; out->len < max && f->offset < stop;) {
		ssize_t n = pread(f->fd, chunk, room, f->offset);
		if (n <= 0)
			return LOG_WAIT;
		char *p = chunk, *end = chunk + n, *newline;
		for (; out->len < max && (newline = memchr(p, '\n', (size_t)(end - p)));
			p = newline + 1)
			if (!give_line(p, (size_t)(newline - p), o, out))
				return LOG_END;
		f->offset += p - chunk;
		if (p > chunk)
			continue;
		if ((size_t)n < room) /* a line that is still being written */
			return LOG_WAIT;
		if (room >= LINE_MAX_BYTES)
			f->offset += n; /* no log of ours; look for a line further on */
		else
			chunk = xrealloc(chunk, room *= 2);
	}
	return LOG_MORE;
}

enum log_more log_files_read(
	struct log_files *f, const struct log_options *o, struct buf *out, size_t max)
{
	if (f->fd < 0 && !next_file(f))
		return LOG_WAIT;
	for (;;) {
		/* looked at first: nothing is added to a file after it has been left */
		bool left = superseded(f);
		enum log_more more = read_file(f, o, out, max);
		if (more != LOG_WAIT || !left || !next_file(f))
			return more;
	}
}
