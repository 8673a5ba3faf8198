#include "staged.h"

#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "children.h"
#include "confine.h"
#include "hash.h"
#include "pipeline.h"

int staged_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->stall_ms = STALL_MS;
	snprintf(f->dir, sizeof(f->dir), "/tmp/kist-pipeline-XXXXXX");
	if (!mkdtemp(f->dir))
		return -1;
	f->staging = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->staging < 0 || mkdirat(f->staging, SIBLING, 0755) < 0 ||
		file_replace(f->staging, SIBLING "/file", "theirs", 6, 0644, false, NULL) < 0)
		return -1;
	*state = f;
	return 0;
}

int staged_teardown(void **state)
{
	struct fixture *f = *state;
	close(f->staging);
	int r = tree_remove(AT_FDCWD, f->dir, NULL);
	free(f);
	return r;
}

struct memory {
	struct source s;
	const char *bytes;
	size_t n, at;
};

static ssize_t memory_read(struct source *s, void *p, size_t n, struct err **err)
{
	struct memory *m = (struct memory *)s;
	size_t part = m->n - m->at < n ? m->n - m->at : n;
	memcpy(p, m->bytes + m->at, part);
	m->at += part;
	return (ssize_t)part;
}

/* The first @first bytes come at once, the rest only when the unpacking child has ended. */
struct late {
	struct memory m;
	size_t first;
	int root;
	bool over;
};

/* The child has the fifo open (keep_fifo_open()). */
static bool child_has_ended(int root)
{
	auto_fd int fifo = openat(root, "work.1/alive", O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return fifo < 0 && errno == ENXIO;
}

static ssize_t late_read(struct source *s, void *p, size_t n, struct err **err)
{
	struct late *l = (struct late *)s;
	size_t room = l->first - l->m.at;
	if (l->m.at < l->first)
		return memory_read(s, p, n < room ? n : room, err);
	l->over = l->over || child_has_ended(l->root);
	return l->over ? memory_read(s, p, n, err) : SOURCE_WAIT;
}

static int late_hear(struct source *s, struct err **err)
{
	return 0;
}

/* A descriptor that is always readable. */
static int readable(void)
{
	int pair[2];
	return pipe2(pair, O_CLOEXEC) < 0 || write(pair[1], "", 1) != 1 ? -1 : pair[0];
}

static void supervise(const struct fixture *f, const struct child_tools *tools, const char *bytes,
	size_t n, bool unpack, size_t first, struct verdict *v)
{
	auto_err *err = NULL;
	hash_init();
	signal(SIGPIPE, SIG_IGN);
	struct confine_filters *filters = confine_filters_new(&err);
	int staging = fcntl(f->staging, F_DUPFD_CLOEXEC, 3);
	auto_fd int root = filters ? confine_supervising(staging, &err) : -1;
	struct run run = {
		.root = root,
		.floor = {1u << 20, 50},
		.limits = {.max_bytes = 1u << 30, .max_entries = 1000},
		.max_ratio = 250,
	};
	struct layer layer = {
		.name = "sha256:test", .index = 1, .unpack = unpack, .keep = !unpack, .total = n};
	const struct pipeline_spec spec = {
		.tools = tools, .filters = filters, .run = &run, .stall_ms = f->stall_ms};
	struct late l = {.m = {.s = {.read = memory_read, .fd = -1}, .bytes = bytes, .n = n},
		.first = first,
		.root = root};
	if (first)
		l.m.s = (struct source){late_read, readable(), late_hear};
	v->r = root < 0 ? -1 : pipeline_stage(&spec, &layer, &l.m.s, &err);
	v->blob = layer.blob;
	v->diff_id = layer.diff_id;
	v->tar_size = layer.unpacked.tar_size;
	v->limits = run.limits;
	if (v->r < 0) {
		v->kind = err->kind;
		snprintf(v->text, sizeof(v->text), "%s", err_msg(err));
	}
	confine_filters_free(filters);
}

struct verdict stage_late(struct fixture *f, const struct child_tools *tools, const char *bytes,
	size_t n, bool unpack, size_t first)
{
	int pair[2];
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct verdict v = {0};
		supervise(f, tools, bytes, n, unpack, first, &v);
		_exit(fd_write_all(pair[1], &v, sizeof(v)) < 0);
	}
	struct verdict v = {0};
	close(pair[1]);
	assert_int_equal(fd_read_full(pair[0], &v, sizeof(v)), 0);
	close(pair[0]);
	assert_int_equal(proc_wait(pid), 0);
	return v;
}

struct verdict stage(struct fixture *f, const struct child_tools *tools, const char *bytes,
	size_t n, bool unpack)
{
	return stage_late(f, tools, bytes, n, unpack, 0);
}

void expect_sibling_untouched(struct fixture *f)
{
	auto_buf b = BUF_INIT;
	struct stat st;
	assert_int_equal(file_read(f->staging, SIBLING "/file", 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "theirs");
	assert_int_equal(fstatat(f->staging, SIBLING "/new", &st, 0), -1);
}

void expect_no_layer(struct fixture *f)
{
	struct stat st;
	assert_int_equal(fstatat(f->staging, "layer.1", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstatat(f->staging, "work.1", &st, AT_SYMLINK_NOFOLLOW), -1);
}
