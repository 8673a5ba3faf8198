/*
 * A supervisor with children that were taken over: whatever they do stays within their own layer, and the digests are
 * those of the bytes. Needs root.
 */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "children.h"
#include "confine.h"
#include "hash.h"
#include "pipeline.h"

#define GZIP_MAGIC "\x1f\x8b"
#define SIBLING "layer.7" /* another layer of the same pull */

struct fixture {
	char dir[64];
	int staging;
};

/** What the supervisor said. */
struct verdict {
	int r;
	enum err_kind kind;
	struct digest blob, diff_id;
	uint64_t tar_size;
	struct unpack_limits limits;
	char text[512];
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
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

static int teardown(void **state)
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

static void supervise(int staging, const struct child_tools *tools, const char *bytes, size_t n,
	bool unpack, size_t first, struct verdict *v)
{
	auto_err *err = NULL;
	hash_init();
	signal(SIGPIPE, SIG_IGN);
	struct confine_filters *filters = confine_filters_new(&err);
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
		.tools = tools, .filters = filters, .run = &run, .stall_ms = 1000};
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

/* In a process of its own, as it is confined for good. */
static struct verdict stage_late(struct fixture *f, const struct child_tools *tools,
	const char *bytes, size_t n, bool unpack, size_t first)
{
	int pair[2];
	if (geteuid() != 0)
		skip();
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct verdict v = {0};
		int staging = fcntl(f->staging, F_DUPFD_CLOEXEC, 3);
		supervise(staging, tools, bytes, n, unpack, first, &v);
		_exit(fd_write_all(pair[1], &v, sizeof(v)) < 0);
	}
	struct verdict v = {0};
	close(pair[1]);
	assert_int_equal(fd_read_full(pair[0], &v, sizeof(v)), 0);
	close(pair[0]);
	assert_int_equal(proc_wait(pid), 0);
	return v;
}

static struct verdict stage(struct fixture *f, const struct child_tools *tools, const char *bytes,
	size_t n, bool unpack)
{
	return stage_late(f, tools, bytes, n, unpack, 0);
}

static void expect_sibling_untouched(struct fixture *f)
{
	auto_buf b = BUF_INIT;
	struct stat st;
	assert_int_equal(file_read(f->staging, SIBLING "/file", 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "theirs");
	assert_int_equal(fstatat(f->staging, SIBLING "/new", &st, 0), -1);
}

static void expect_no_layer(struct fixture *f)
{
	struct stat st;
	assert_int_equal(fstatat(f->staging, "layer.1", &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(fstatat(f->staging, "work.1", &st, AT_SYMLINK_NOFOLLOW), -1);
}

static struct digest sha256(const char *bytes, size_t n)
{
	struct digest d;
	digest_of(bytes, n, &d);
	return d;
}

/* ---- children ---- */

/* ---- what a child can reach ---- */

static int try_everybody(struct err **err)
{
	struct iovec io = {(void *)err, 1};
	pid_t other = getppid();
	if (syscall(SYS_kill, other, 0) == 0 || syscall(SYS_tgkill, other, other, 0) == 0 ||
		syscall(SYS_tgkill, getpid(), gettid(), 0) == 0)
		return children_could(err, "signal");
	if (syscall(SYS_ptrace, PTRACE_ATTACH, other, 0, 0) == 0 ||
		syscall(SYS_process_vm_writev, other, &io, 1, &io, 1, 0) >= 0)
		return children_could(err, "write to another's memory");
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0)
		return children_could(err, "make a socket");
	/* the kernel would say EINVAL to the others */
	if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
		syscall(SYS_clone, CLONE_THREAD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
		syscall(SYS_clone3, NULL, 0) >= 0 || errno != EPERM)
		return children_could(err, "make a process or a thread");
	/* of no bytes: nothing happens if it is possible */
	if (madvise(NULL, 0, MADV_HWPOISON) == 0 || errno != EPERM)
		return children_could(err, "take memory away from the machine");
#if !defined(__SANITIZE_ADDRESS__)
	if (write(STDERR_FILENO, "x", 1) >= 0 || errno != EBADF)
		return children_could(err, "write to the daemon's log");
#endif
	for (int fd = 5; fd < 64; fd++)
		if (syscall(SYS_read, fd, NULL, 0) >= 0 || errno != EBADF)
			return children_could(err, "keep a descriptor");
	return 0;
}

static int try_files(struct err **err)
{
	static const char *const outside[] = {"../" SIBLING "/new", "/../" SIBLING "/new",
		"/" SIBLING "/new", "/proc/1/root/new", "/staging/new", "/tmp/new"};
	for (size_t i = 0; i < ARRAY_LEN(outside); i++)
		if (openat(4, outside[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ||
			openat(AT_FDCWD, outside[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
			return children_could(err, outside[i]);
	if (linkat(4, "../" SIBLING "/file", 4, "mine", 0) == 0 ||
		renameat(4, "../" SIBLING, 4, "mine") == 0)
		return children_could(err, "take a sibling's files");
	struct stat up, here;
#if !defined(__SANITIZE_ADDRESS__)
	struct stat in, other;
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
		if (fstat(0, &in) < 0 || fstat(fd, &other) < 0 || in.st_ino != other.st_ino ||
			in.st_dev != other.st_dev)
			return children_could(err, "change a file of the host's");
#endif
	if (fstatat(4, "..", &up, 0) < 0 || fstatat(4, ".", &here, 0) < 0 ||
		up.st_ino != here.st_ino)
		return children_could(err, "go up");
	if (syscall(SYS_chroot, ".") == 0 || syscall(SYS_fchdir, 4) == 0)
		return children_could(err, "change its root");
	if (syscall(SYS_mount, "none", "/", "tmpfs", 0, NULL) == 0 ||
		syscall(SYS_open_by_handle_at, 4, err, 0) >= 0)
		return children_could(err, "reach another file system");
	return 0;
}

static int attack_files(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	if (try_files(err) < 0 || try_everybody(err) < 0)
		return -1;
	return children_make_empty(in, index, limits, out, err);
}

static void an_unpacking_child_reaches_its_own_folder_alone(void **state)
{
	struct fixture *f = *state;
	const struct child_tools tools = {.inflate = children_copy, .unpack = attack_files};
	struct verdict v = stage(f, &tools, "plain", 5, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
	expect_sibling_untouched(f);
}

/* Whether bytes in the pipe could be changed, or lost, after they were hashed. */
static int attack_pipe(int in, int out, enum compression how, struct err **err)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec io = {page, 4096};
	int on = 1;
	if (vmsplice(out, &io, 1, SPLICE_F_GIFT) >= 0)
		return children_could(err, "vmsplice");
	if (splice(in, NULL, out, NULL, 1, 0) >= 0 || tee(in, out, 1, 0) >= 0 ||
		syscall(SYS_sendfile, out, in, NULL, 1) >= 0)
		return children_could(err, "splice");
	if (fcntl(out, F_SETFL, O_DIRECT) == 0 || ioctl(out, FIONBIO, &on) == 0)
		return children_could(err, "make packets");
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		return children_could(err, "share memory");
	if (openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM)
		return children_could(err, "open a file");
	return try_everybody(err) < 0 ? -1 : children_copy(in, out, how, err);
}

static void an_inflating_child_cannot_change_what_was_hashed(void **state)
{
	struct fixture *f = *state;
	const struct child_tools tools = {.inflate = attack_pipe, .unpack = children_make_empty};
	struct verdict v = stage(f, &tools, GZIP_MAGIC "bytes", 7, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
	expect_sibling_untouched(f);
}

/* ---- what a child says ---- */

static char big[3000000];

/* Says one thing and writes another. */
static int write_other(int in, int out, enum compression how, struct err **err)
{
	uint64_t n;
	children_drain(in, &n);
	return fd_write_all(out, big, sizeof(big)) < 0 ? err_sys(err, errno, "write") : 0;
}

static void digests_are_of_what_came_and_of_what_was_unpacked(void **state)
{
	const struct child_tools tools = {.inflate = write_other, .unpack = children_make_empty};
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 4096);
	struct digest in = sha256(GZIP_MAGIC "x", 3), out = sha256(big, sizeof(big));
	for (int unpack = 0; unpack < 2; unpack++) {
		struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, unpack);
		assert_string_equal(v.text, "");
		assert_string_equal(v.blob.str, in.str);
		assert_string_equal(v.diff_id.str, out.str);
		assert_int_equal(v.tar_size, unpack ? sizeof(big) : 0);
	}
	struct verdict v = stage(*state, &tools, big, sizeof(big), false);
	assert_string_equal(v.blob.str, out.str);
	assert_string_equal(v.diff_id.str, out.str);
}

static int claim_more(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	children_make_empty(in, index, limits, out, err);
	out->tar_size++;
	return 0;
}

static void another_length_than_was_hashed_is_refused(void **state)
{
	const struct child_tools tools = {.inflate = children_copy, .unpack = claim_more};
	struct verdict v = stage(*state, &tools, "plain", 5, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	expect_no_layer(*state);
}

/* As if it had used up what all layers have together, and more than numbers can say. */
static int claim_limits(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	limits->bytes = UINT64_MAX;
	limits->entries = UINT64_MAX - 1;
	return children_make_empty(in, index, limits, out, err);
}

static void what_a_child_has_used_never_exceeds_what_there_was(void **state)
{
	const struct child_tools tools = {.inflate = children_copy, .unpack = claim_limits};
	struct verdict v = stage(*state, &tools, "plain", 5, true);
	assert_string_equal(v.text, "");
	assert_int_equal(v.limits.bytes, v.limits.max_bytes);
	assert_int_equal(v.limits.entries, v.limits.max_entries);
}

/* Has seen the end of what is compressed before that of the blob. */
static int inflate_some(int in, int out, enum compression how, struct err **err)
{
	char some[16];
	if (fd_read_full(in, some, sizeof(some)) < 0 || fd_write_all(out, "tar", 3) < 0)
		return err_sys(err, errno, "inflate");
	return 0;
}

static int keep_fifo_open(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	if (mknodat(AT_FDCWD, "fifo", S_IFIFO | 0600, 0) < 0 ||
		openat(AT_FDCWD, "fifo", O_RDWR | O_CLOEXEC) < 0 ||
		renameat(AT_FDCWD, "fifo", AT_FDCWD, "alive") < 0)
		return err_sys(err, errno, "make a fifo");
	return children_make_empty(in, index, limits, out, err);
}

static void what_follows_the_compressed_stream_may_come_after_the_layer_is_unpacked(void **state)
{
	static const char blob[] = GZIP_MAGIC "compressed bytes, then something else";
	const struct child_tools tools = {.inflate = inflate_some, .unpack = keep_fifo_open};
	struct verdict v = stage_late(*state, &tools, blob, sizeof(blob), true, 20);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
	assert_string_equal(v.blob.str, sha256(blob, sizeof(blob)).str);
	assert_string_equal(v.diff_id.str, sha256("tar", 3).str);
}

static int leave_early(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	return 0;
}

static void a_child_that_ends_before_its_input_is_refused(void **state)
{
	const struct child_tools tools = {.inflate = write_other, .unpack = leave_early};
	struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	expect_no_layer(*state);
	v = stage(*state, &tools, big, sizeof(big), true);
	assert_int_equal(v.r, -1);
	expect_no_layer(*state);
}

static int die_half_way(int in, int out, enum compression how, struct err **err)
{
	if (fd_write_all(out, "half", 4) < 0)
		return -1;
	signal(SIGILL, SIG_DFL); /* cmocka's handler */
	__builtin_trap();
}

static void a_stream_that_broke_off_is_never_a_whole_layer(void **state)
{
	const struct child_tools tools = {.inflate = die_half_way, .unpack = children_make_empty};
	struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	assert_non_null(strstr(v.text, "decompressing the layer was ended by signal"));
	expect_no_layer(*state);
}

/* Neither reads nor ends. */
static int stop_unpacking(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	while (sched_yield() == 0)
		;
	return -1;
}

static int stop_inflating(int in, int out, enum compression how, struct err **err)
{
	while (sched_yield() == 0)
		;
	return -1;
}

static void a_child_that_stands_still_is_ended(void **state)
{
	static const struct child_tools unpacks = {.inflate = children_copy,
						.unpack = stop_unpacking},
					inflates = {.inflate = stop_inflating,
						.unpack = children_make_empty};
	struct fixture *f = *state;
	struct verdict v = stage(f, &unpacks, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	assert_string_equal(v.text, "unpacking layer sha256:test stood still for 1 s");
	expect_no_layer(f);
	v = stage(f, &inflates, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.r, -1);
	assert_string_equal(v.text, "decompressing layer sha256:test stood still for 1 s");
	expect_no_layer(f);
}

/* ---- what a child can use up ---- */

static int take_memory(int in, int out, enum compression how, struct err **err)
{
	static const size_t piece = 1u << 20;
	size_t n = 0;
	while (n < 2048 && mmap(NULL, piece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				   -1, 0) != MAP_FAILED)
		n++;
	return err_set(err, ERR_CONFLICT, "%s",
		n << 20 <= CONFINE_CHILD_MEMORY ? "bounded" : "not bounded");
}

static void the_memory_of_a_child_is_bounded(void **state)
{
#if defined(__SANITIZE_ADDRESS__)
	skip();
#endif
	const struct child_tools tools = {.inflate = take_memory, .unpack = children_make_empty};
	struct verdict v = stage(*state, &tools, GZIP_MAGIC "x", 3, true);
	assert_int_equal(v.kind, ERR_CONFLICT);
	assert_string_equal(v.text, "bounded");
}

/* Reads nothing, says nothing, and does not end. */
static int fill_disk(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	static char piece[1 << 16];
	int fd = openat(AT_FDCWD, "rubbish", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, piece, sizeof(piece)) > 0)
		;
	return stop_unpacking(in, index, limits, out, err);
}

static int fill_inodes(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	char name[32];
	for (int i = 0; snprintf(name, sizeof(name), "rubbish%d", i) > 0; i++)
		if (mkdirat(AT_FDCWD, name, 0700) < 0)
			break;
	return stop_unpacking(in, index, limits, out, err);
}

/* On a file system of its own with @room. */
static struct verdict stage_apart(struct fixture *f, const struct child_tools *tools,
	const char *room, const char *bytes, size_t n, bool unpack)
{
	if (geteuid() != 0)
		skip();
	assert_int_equal(mount("none", f->dir, "tmpfs", 0, room), 0);
	auto_fd int whole = f->staging;
	f->staging = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct verdict v = stage(f, tools, bytes, n, unpack);
	expect_no_layer(f);
	close(f->staging);
	f->staging = fcntl(whole, F_DUPFD_CLOEXEC, 3);
	assert_int_equal(umount2(f->dir, MNT_DETACH), 0);
	return v;
}

static void a_child_that_fills_the_disk_is_ended(void **state)
{
	static const struct child_tools bytes = {.inflate = children_copy, .unpack = fill_disk},
					inodes = {.inflate = children_copy, .unpack = fill_inodes};
	struct verdict v = stage_apart(*state, &bytes, "size=16m", "plain", 5, true);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_non_null(strstr(v.text, "the disk is full"));
	v = stage_apart(*state, &inodes, "size=16m,nr_inodes=2000", "plain", 5, true);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_non_null(strstr(v.text, "the disk is full"));
}

/* Which needs no child that makes files. */
static void a_blob_that_is_kept_does_not_fill_the_disk(void **state)
{
	const struct child_tools tools = {.inflate = children_copy};
	memcpy(big, GZIP_MAGIC, 2);
	struct verdict v = stage_apart(*state, &tools, "size=3500k", big, sizeof(big), false);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_non_null(strstr(v.text, "the disk is full"));
}

static int refuse_blob(int in, int out, enum compression how, struct err **err)
{
	return err_set(err, ERR_INVALID, "not this");
}

static void a_refused_blob_is_hashed_to_its_end(void **state)
{
	const struct child_tools tools = {.inflate = refuse_blob, .unpack = children_make_empty};
	memcpy(big, GZIP_MAGIC, 2);
	struct verdict v = stage(*state, &tools, big, sizeof(big), true);
	assert_int_equal(v.kind, ERR_INVALID);
	assert_string_equal(v.text, "not this");
	assert_string_equal(v.blob.str, sha256(big, sizeof(big)).str);
	expect_no_layer(*state);
}

/* A link in the place of the layer, and one that leads to the sibling in what is thrown away. */
static int make_links(int in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	if (symlinkat("../" SIBLING, AT_FDCWD, "layer.1") < 0 ||
		symlinkat("../" SIBLING, AT_FDCWD, "recipe.1") < 0 ||
		symlinkat("../" SIBLING, AT_FDCWD, "rest") < 0)
		return err_sys(err, errno, "symlinkat");
	return children_drain(in, &out->tar_size);
}

static void links_of_a_child_are_never_followed(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	const struct child_tools tools = {.inflate = children_copy, .unpack = make_links};
	struct verdict v = stage(f, &tools, "plain", 5, true);
	/* what it is the store sees before it gives it a name (commit.c) */
	assert_string_equal(v.text, "");
	assert_int_equal(fstatat(f->staging, "layer.1", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(fstatat(f->staging, "work.1", &st, AT_SYMLINK_NOFOLLOW), -1);
	expect_sibling_untouched(f);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_unpacking_child_reaches_its_own_folder_alone),
		T(an_inflating_child_cannot_change_what_was_hashed),
		T(digests_are_of_what_came_and_of_what_was_unpacked),
		T(another_length_than_was_hashed_is_refused),
		T(what_a_child_has_used_never_exceeds_what_there_was),
		T(what_follows_the_compressed_stream_may_come_after_the_layer_is_unpacked),
		T(a_child_that_ends_before_its_input_is_refused),
		T(a_stream_that_broke_off_is_never_a_whole_layer),
		T(a_child_that_stands_still_is_ended),
		T(the_memory_of_a_child_is_bounded),
		T(a_child_that_fills_the_disk_is_ended),
		T(a_blob_that_is_kept_does_not_fill_the_disk),
		T(a_refused_blob_is_hashed_to_its_end),
		T(links_of_a_child_are_never_followed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
