/*
 * Loading an archive whose reader was taken over: it may say what it likes, and what is believed are the digests of what
 * it gave. Needs root.
 */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "children.h"
#include "confine.h"
#include "frame.h"
#include "hash.h"
#include "load.h"
#include "oci/image.h"

#define MESSAGES_MAX 8
#define OTHER "blobs/sha256/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/** What the supervisor said. */
struct verdict {
	struct said {
		enum transfer_kind kind;
		struct digest blob, diff_id;
		char name[128], text[256];
		bool staged;
	} v[MESSAGES_MAX];
	size_t count;
	uint64_t told, total; /* of the last progress, which does not count */
	int r;
	enum err_kind kind;
	char text[512];
};

typedef int read_fn(int in, int out, const struct outer_limits *limits, struct err **err);

/* ---- the supervisor ---- */

struct end {
	int r;
	enum err_kind kind;
	char text[512];
};

static read_fn two_layers, stay;

static void supervise(int staging, read_fn *reads, struct end *end)
{
	auto_err *err = NULL;
	struct run run;
	const struct transfer_message request = {
		.max_bytes = 1u << 30, .max_entries = 1000, .max_ratio = 250};
	hash_init();
	signal(SIGPIPE, SIG_IGN);
	struct confine_filters *filters = confine_filters_new(&err);
	int root = filters ? confine_supervising(staging, &err) : -1;
	const struct child_tools tools = {reads, children_copy, children_make_empty};
	const struct pipeline_spec spec = {.tools = &tools,
		.filters = filters,
		.run = &run,
		.progress = layer_progress,
		.stall_ms = reads == stay ? SHORT_STALL_MS : STALL_MS};
	end->r = root < 0 || run_init(&run, root, &request, &err) < 0 ? -1 : 0;
	/* thousands of layers, each with two programs, would take minutes */
	if (end->r == 0 && reads == two_layers)
		run.layers = TRANSFER_LAYERS_MAX - 1;
	if (end->r == 0)
		end->r = load_archive(&spec, &err);
	if (end->r < 0) {
		end->kind = err->kind;
		snprintf(end->text, sizeof(end->text), "%s", err_msg(err));
	}
	confine_filters_free(filters);
}

/* Descriptors as the store gives them, in a process of its own. */
static void run_it(const char *dir, int control, int result, read_fn *reads)
{
	int input[2], staging = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct end end = {0};
	int said = fcntl(control, F_DUPFD_CLOEXEC, 20), told = fcntl(result, F_DUPFD_CLOEXEC, 20);
	staging = fcntl(staging, F_DUPFD_CLOEXEC, 20);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, input) < 0 || dup2(input[0], 0) < 0 ||
		dup2(said, TRANSFER_FD_CONTROL) < 0)
		_exit(9);
	supervise(staging, reads, &end);
	_exit(fd_write_all(told, &end, sizeof(end)) < 0);
}

static void note(struct verdict *v, const struct transfer_message *m)
{
	if (m->kind == TRANSFER_PROGRESS) {
		v->told = m->size;
		v->total = m->blob_size;
		return;
	}
	assert_true(v->count < MESSAGES_MAX);
	struct said *s = &v->v[v->count++];
	*s = (struct said){
		.kind = m->kind, .blob = m->blob, .diff_id = m->diff_id, .staged = m->staged};
	snprintf(s->name, sizeof(s->name), "%s", m->name ? m->name : "");
	snprintf(s->text, sizeof(s->text), "%s", m->text ? m->text : "");
}

/* Hears what is said until the end; nothing is known. */
static void hear_all(int sock, struct verdict *v)
{
	auto_free char *room = xmalloc(TRANSFER_MESSAGE_MAX);
	for (;;) {
		struct transfer_message m;
		auto_buf b = BUF_INIT;
		ssize_t n = recv(sock, room, TRANSFER_MESSAGE_MAX, 0);
		if (n <= 0)
			return;
		assert_int_equal(transfer_decode(room, (size_t)n, &m, NULL), 0);
		if (m.kind != TRANSFER_QUERY) {
			note(v, &m);
			continue;
		}
		const struct transfer_message answer = {.kind = TRANSFER_ANSWER};
		transfer_encode(&answer, &b);
		assert_int_equal(send(sock, b.data, b.len, 0), b.len);
	}
}

static struct verdict load(const char *dir, read_fn *reads)
{
	int sock[2], result[2];
	struct verdict v = {0};
	struct end end;
	if (geteuid() != 0)
		skip();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock), 0);
	assert_int_equal(pipe2(result, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		run_it(dir, sock[1], result[1], reads);
	close(sock[1]);
	close(result[1]);
	hear_all(sock[0], &v);
	assert_int_equal(fd_read_full(result[0], &end, sizeof(end)), 0);
	assert_int_equal(proc_wait(pid), 0);
	close(sock[0]);
	close(result[0]);
	v.r = end.r;
	v.kind = end.kind;
	memcpy(v.text, end.text, sizeof(v.text));
	return v;
}

static int setup(void **state)
{
	char dir[] = "/tmp/kist-load-XXXXXX";
	*state = mkdtemp(dir) ? xstrdup(dir) : NULL;
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	int r = tree_remove(AT_FDCWD, *state, NULL);
	free(*state);
	return r;
}

/* ---- readers ---- */

static void say(int out, enum frame_kind kind, const char *name, const char *text)
{
	struct frame f = {.kind = kind,
		.name = (uint32_t)strlen(name),
		.text = (uint32_t)strlen(text),
		.plain = 1};
	fd_write_all(out, &f, sizeof(f));
	fd_write_all(out, name, strlen(name));
	fd_write_all(out, text, strlen(text));
}

static void say_data(int out, const void *p, size_t n)
{
	struct frame f = {.kind = FRAME_DATA, .size = n};
	fd_write_all(out, &f, sizeof(f));
	fd_write_all(out, p, n);
}

static void say_member(int out, enum frame_kind kind, const char *name, const char *bytes)
{
	say(out, kind, name, "");
	say_data(out, bytes, strlen(bytes));
	say_data(out, NULL, 0);
}

static struct digest sha256(const char *bytes)
{
	struct digest d;
	digest_of(bytes, strlen(bytes), &d);
	return d;
}

/* By the name of something else, and said to be plain where it is not. */
static int lie(int in, int out, const struct outer_limits *limits, struct err **err)
{
	say_member(out, FRAME_LAYER, OTHER, "my tar");
	say_member(out, FRAME_LAYER, OTHER, "\x1f\x8b pressed");
	say_member(out, FRAME_DOC, OTHER, "{\"mine\":1}");
	say(out, FRAME_LINK, "a", "../../b");
	return 0;
}

static void what_a_reader_says_never_changes_a_digest(void **state)
{
	struct verdict v = load(*state, lie);
	assert_string_equal(v.text, "");
	assert_int_equal(v.count, 4);
	assert_int_equal(v.v[0].kind, TRANSFER_LAYER);
	assert_string_equal(v.v[0].name, OTHER);
	assert_string_equal(v.v[0].blob.str, sha256("my tar").str);
	assert_string_equal(v.v[0].diff_id.str, sha256("my tar").str);
	assert_string_equal(v.v[1].blob.str, sha256("\x1f\x8b pressed").str);
	assert_string_equal(v.v[1].diff_id.str, sha256("\x1f\x8b pressed").str);
	assert_int_equal(v.v[2].kind, TRANSFER_DOC);
	assert_string_equal(v.v[2].blob.str, sha256("{\"mine\":1}").str);
	assert_int_equal(v.v[3].kind, TRANSFER_LINK);
	auto_free char *doc = xasprintf("%s/doc.2", (char *)*state);
	auto_buf b = BUF_INIT;
	assert_int_equal(file_read(AT_FDCWD, doc, 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "{\"mine\":1}");
}

static int two_layers(int in, int out, const struct outer_limits *limits, struct err **err)
{
	say_member(out, FRAME_LAYER, "a", "one");
	say_member(out, FRAME_LAYER, "b", "two");
	return 0;
}

static void the_layer_beyond_the_last_that_an_archive_may_have_is_refused(void **state)
{
	struct verdict v = load(*state, two_layers);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_string_equal(v.text, "archive has more than 4096 layers");
	/* the one before was still taken */
	assert_int_equal(v.count, 1);
	assert_string_equal(v.v[0].diff_id.str, sha256("one").str);
}

static int claim_size(int out, uint64_t size)
{
	struct frame f = {.kind = FRAME_LAYER, .name = 1, .plain = 1, .size = size};
	fd_write_all(out, &f, sizeof(f));
	fd_write_all(out, "x", 1);
	say_data(out, "my tar", 6);
	say_data(out, NULL, 0);
	return 0;
}

static int claim_most(int in, int out, const struct outer_limits *limits, struct err **err)
{
	return claim_size(out, INT64_MAX);
}

static int claim_more(int in, int out, const struct outer_limits *limits, struct err **err)
{
	return claim_size(out, (uint64_t)INT64_MAX + 1);
}

static void a_size_that_no_file_has_is_told_as_unknown(void **state)
{
	struct verdict v = load(*state, claim_most);
	assert_string_equal(v.text, "");
	assert_int_equal(v.told, 6);
	assert_int_equal(v.total, INT64_MAX);
	auto_free char *dir = xasprintf("%s/more", (char *)*state);
	assert_int_equal(mkdir(dir, 0700), 0);
	v = load(dir, claim_more);
	assert_string_equal(v.text, "");
	assert_int_equal(v.told, 6);
	assert_int_equal(v.total, 0);
}

static int attack(int in, int out, const struct outer_limits *limits, struct err **err)
{
	if (openat(AT_FDCWD, "/", O_RDONLY | O_CLOEXEC) >= 0 || errno != EPERM ||
		mkdirat(AT_FDCWD, "layer.0", 0700) == 0 || errno != EPERM)
		return children_could(err, "reach a file");
#if !defined(__SANITIZE_ADDRESS__)
	for (int fd = 0; fd < 3; fd++)
		if (fd != out && (write(fd, "x", 1) >= 0 || errno != EPERM))
			return children_could(err, "write to its input");
#endif
	if (syscall(SYS_fchmod, in, 0777) == 0 || syscall(SYS_shutdown, in, SHUT_RDWR) == 0)
		return children_could(err, "change its input");
	if (syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0) >= 0 ||
		syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0) >= 0 || errno != EPERM ||
		syscall(SYS_kill, getppid(), 0) == 0)
		return children_could(err, "reach others");
	for (int fd = 4; fd < 64; fd++)
		if (syscall(SYS_read, fd, NULL, 0) >= 0 || errno != EBADF)
			return children_could(err, "keep a descriptor");
	return 0;
}

static void a_reader_reaches_its_two_pipes_and_nothing_else(void **state)
{
	struct verdict v = load(*state, attack);
	assert_string_equal(v.text, "");
	assert_int_equal(v.r, 0);
}

/* ---- frames that do not fit ---- */

static int end_in_layer(int in, int out, const struct outer_limits *limits, struct err **err)
{
	say(out, FRAME_LAYER, "x", "");
	say_data(out, "half", 4);
	return 0;
}

static int end_in_data(int in, int out, const struct outer_limits *limits, struct err **err)
{
	struct frame f = {.kind = FRAME_DATA, .size = UINT64_MAX};
	say(out, FRAME_DOC, "x", "");
	return fd_write_all(out, &f, sizeof(f));
}

static int end_in_frame(int in, int out, const struct outer_limits *limits, struct err **err)
{
	return fd_write_all(out, "x", 1);
}

static int end_in_name(int in, int out, const struct outer_limits *limits, struct err **err)
{
	struct frame f = {.kind = FRAME_DOC, .name = 4000};
	return fd_write_all(out, &f, sizeof(f));
}

static int long_name(int in, int out, const struct outer_limits *limits, struct err **err)
{
	struct frame f = {.kind = FRAME_LINK, .name = 1, .text = UINT32_MAX};
	fd_write_all(out, &f, sizeof(f));
	return fd_write_all(out, "x", 1);
}

static int member_in_member(int in, int out, const struct outer_limits *limits, struct err **err)
{
	say(out, FRAME_LAYER, "x", "");
	say_member(out, FRAME_LAYER, "y", "tar");
	return 0;
}

static int data_alone(int in, int out, const struct outer_limits *limits, struct err **err)
{
	say_data(out, "x", 1);
	return 0;
}

static int unknown(int in, int out, const struct outer_limits *limits, struct err **err)
{
	say(out, (enum frame_kind)77, "x", "");
	return 0;
}

static void frames_that_do_not_fit_end_the_load(void **state)
{
	static read_fn *const readers[] = {end_in_layer, end_in_data, end_in_frame, end_in_name,
		long_name, member_in_member, data_alone, unknown};
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		auto_free char *dir = xasprintf("%s/%zu", (char *)*state, i);
		assert_int_equal(mkdir(dir, 0700), 0);
		struct verdict v = load(dir, readers[i]);
		assert_int_equal(v.r, -1);
		assert_int_equal(v.kind, ERR_SYSTEM);
		assert_string_equal(v.text, "reading the archive ended within a member");
		assert_int_equal(v.count, 0);
	}
}

static int long_document(int in, int out, const struct outer_limits *limits, struct err **err)
{
	static char piece[1u << 20];
	say(out, FRAME_DOC, "long", "");
	for (int i = 0; i < 20; i++)
		say_data(out, piece, sizeof(piece));
	say_data(out, NULL, 0);
	say_member(out, FRAME_DOC, "next", "{}");
	return 0;
}

static void a_document_without_end_takes_no_more_than_its_bound(void **state)
{
	struct verdict v = load(*state, long_document);
	assert_string_equal(v.text, "");
	assert_int_equal(v.count, 2);
	assert_string_equal(v.v[0].text, "document is larger than 4 MiB");
	assert_string_equal(v.v[1].blob.str, sha256("{}").str);
}

static int endless_document(int in, int out, const struct outer_limits *limits, struct err **err)
{
	static char piece[1u << 20];
	struct frame f = {.kind = FRAME_DATA, .size = sizeof(piece)};
	say(out, FRAME_DOC, "endless", "");
	while (fd_write_all(out, &f, sizeof(f)) == 0 &&
		fd_write_all(out, piece, sizeof(piece)) == 0)
		;
	return 0;
}

static void what_is_passed_over_has_an_end(void **state)
{
	struct verdict v = load(*state, endless_document);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_TOO_LARGE);
	assert_string_equal(v.text, "reading the archive gave documents without end");
	assert_int_equal(v.count, 0);
}

/* ---- how it ends ---- */

static int break_and_stay(int in, int out, const struct outer_limits *limits, struct err **err)
{
	unknown(in, out, limits, err);
	while (sched_yield() == 0)
		;
	return 0;
}

/* Otherwise it would be said to have stood still, in the end. */
static void one_that_breaks_a_frame_and_goes_on_is_ended_at_once(void **state)
{
	struct verdict v = load(*state, break_and_stay);
	assert_int_equal(v.r, -1);
	assert_int_equal(v.kind, ERR_SYSTEM);
	assert_string_equal(v.text, "reading the archive ended within a member");
}

static int die(int in, int out, const struct outer_limits *limits, struct err **err)
{
	end_in_layer(in, out, limits, err);
	signal(SIGILL, SIG_DFL); /* cmocka's handler */
	__builtin_trap();
}

static int refuse(int in, int out, const struct outer_limits *limits, struct err **err)
{
	end_in_layer(in, out, limits, err);
	return err_set(err, ERR_INVALID, "damaged archive: here");
}

static int stay(int in, int out, const struct outer_limits *limits, struct err **err)
{
	close(out);
	while (sched_yield() == 0)
		;
	return 0;
}

static void a_reader_that_breaks_off_ends_the_load_and_says_why(void **state)
{
	static const struct {
		read_fn *reads;
		const char *text;
	} cases[] = {{die, "reading the archive was ended by signal"},
		{refuse, "damaged archive: here"}, {stay, "reading the archive stood still"}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *dir = xasprintf("%s/%zu", (char *)*state, i);
		assert_int_equal(mkdir(dir, 0700), 0);
		struct verdict v = load(dir, cases[i].reads);
		assert_int_equal(v.r, -1);
		assert_non_null(strstr(v.text, cases[i].text));
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(what_a_reader_says_never_changes_a_digest),
		T(a_size_that_no_file_has_is_told_as_unknown),
		T(the_layer_beyond_the_last_that_an_archive_may_have_is_refused),
		T(a_reader_reaches_its_two_pipes_and_nothing_else),
		T(frames_that_do_not_fit_end_the_load),
		T(a_document_without_end_takes_no_more_than_its_bound),
		T(what_is_passed_over_has_an_end),
		T(one_that_breaks_a_frame_and_goes_on_is_ended_at_once),
		T(a_reader_that_breaks_off_ends_the_load_and_says_why),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
