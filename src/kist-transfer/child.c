#include "child.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"

/* ---- the work ---- */

static int inflate(struct lane *in, struct lane *out, enum compression how, struct err **err)
{
	auto_stream *raw = stream_lane(in);
	auto_stream *plain = stream_decompress(raw, how);
	for (;;) {
		void *room = lane_room(out);
		ssize_t n = room ? stream_fill(plain, room, LANE_SLOT, err) : 0;
		if (room && n <= 0)
			return (int)n;
		if (!room || lane_put(out, (size_t)n) < 0)
			return err_sys(err, errno, "hand on what was decompressed");
	}
}

static long lane_input(void *arg, const void **p)
{
	return lane_take(arg, p);
}

static int unpack(struct lane *in, uint32_t index, struct unpack_limits *limits,
	struct unpack_result *out, struct err **err)
{
	const struct unpack_input input = {lane_input, in};
	auto_fd int files = unpack_folder_make(CONFINE_CHILD_FOLDER, "layer", index, 0755, err);
	if (files < 0)
		return -1;
	auto_fd int side = unpack_folder_make(CONFINE_CHILD_FOLDER, "recipe", index, 0700, err);
	if (side < 0)
		return -1;
	return unpack_layer(files, side, &input, UNPACK_KEEP, limits, out, err);
}

const struct child_tools child_tools = {outer_read, inflate, unpack};

/* ---- the child ---- */

/* Descriptors to their places, and everything else closed: the control socket, the staging folder, the pipes of other
 * children. */
static void take_descriptors(const struct child_spec *spec, int report)
{
	static const int to[] = {CONFINE_CHILD_IN, CONFINE_CHILD_OUT, CONFINE_CHILD_REPORT,
		CONFINE_CHILD_BACK, CONFINE_CHILD_ROOM};
	int in = spec->from ? spec->from->child_full : spec->in;
	int from[ARRAY_LEN(to)] = {in, in, report};
	size_t n = 3;
	if (spec->kind == CHILD_READS)
		from[1] = spec->out;
	else
		from[n++] = spec->from->child_back;
	if (spec->kind == CHILD_INFLATES) {
		from[1] = spec->to->child_full;
		from[n++] = spec->to->child_back;
	}
	if (spec->kind == CHILD_UNPACKS)
		from[n++] = spec->folder;
#if !defined(__SANITIZE_ADDRESS__)
	/* the supervisor's output is the host's /dev/null, whose mode could be changed; its errors go to the daemon's */
	if (dup2(in, STDERR_FILENO) < 0)
		_exit(127);
#endif
	for (size_t i = 0; i < n; i++)
		from[i] = fcntl(from[i], F_DUPFD, CONFINE_CHILD_END);
	for (size_t i = 0; i < n; i++)
		if (dup2(from[i], to[i]) < 0)
			_exit(127);
	if (syscall(SYS_close_range, to[n - 1] + 1, ~0U, 0) < 0)
		_exit(127);
}

/* The memory of its own lanes; what else the supervisor has mapped for children is not here (MADV_DONTFORK). */
static int join(const struct child_spec *spec, struct lane *in, struct lane *out, struct err **err)
{
	if (spec->from && lane_join(in, spec->from, CONFINE_CHILD_IN, CONFINE_CHILD_BACK, err) < 0)
		return -1;
	return spec->to ? lane_join(out, spec->to, CONFINE_CHILD_OUT, CONFINE_CHILD_ROOM, err) : 0;
}

static int work(const struct child_spec *spec, struct lane *in, struct lane *out,
	struct child_outcome *o, struct err **err)
{
	if (confine_child(spec->filters, spec->kind, CONFINE_CHILD_FOLDER, err) < 0)
		return -1;
	if (spec->kind == CHILD_READS)
		return spec->tools->read(CONFINE_CHILD_IN, CONFINE_CHILD_OUT, &spec->outer, err);
	if (spec->kind == CHILD_INFLATES)
		return spec->tools->inflate(in, out, spec->how, err);
	struct unpack_limits limits = spec->limits;
	int r = spec->tools->unpack(in, spec->index, &limits, &o->unpacked, err);
	o->bytes = limits.bytes;
	o->entries = limits.entries;
	return r;
}

static void run(const struct child_spec *spec, int report, pid_t supervisor)
	__attribute__((noreturn));
static void run(const struct child_spec *spec, int report, pid_t supervisor)
{
	struct child_outcome o;
	auto_err *err = NULL;
	struct lane in = LANE_NONE, out = LANE_NONE;
	memset(&o, 0, sizeof(o)); /* padding too: it is written as it lies */
	int joined = join(spec, &in, &out, &err);
	take_descriptors(spec, report);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != supervisor)
		_exit(127);
	o.ok = joined == 0 && work(spec, &in, &out, &o, &err) == 0;
	if (!o.ok) {
		o.kind = (uint8_t)err->kind;
		o.sys = err->sys;
		strncpy(o.text, err_msg(err), sizeof(o.text) - 1);
	}
	_exit(fd_write_all(CONFINE_CHILD_REPORT, &o, sizeof(o)) < 0 ? 1 : 0);
}

/* ---- the supervisor ---- */

int child_start(struct child *c, const struct child_spec *spec, struct err **err)
{
	int pair[2];
	*c = CHILD_NONE;
	c->kind = spec->kind;
	if (pipe2(pair, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	auto_fd int ours = pair[0], theirs = pair[1];
	if (fd_set_blocking(ours, false) < 0)
		return err_sys(err, errno, "make a pipe");
	pid_t self = getpid(), pid = fork();
	if (pid < 0)
		return err_sys(err, errno, "start a child");
	if (pid == 0)
		run(spec, theirs, self);
	c->pid = pid;
	c->report = steal_fd(&ours);
	return 0;
}

static const char *child_name(const struct child *c)
{
	static const char *const names[] = {
		[CHILD_READS] = "reading the archive",
		[CHILD_INFLATES] = "decompressing the layer",
		[CHILD_UNPACKS] = "unpacking the layer",
	};
	return names[c->kind];
}

/* Why it failed, as it says itself, or as its end says. */
static int failed(const struct child *c, int status, struct err **err)
{
	if (c->got == sizeof(c->said) && c->said.kind < ERR_KIND_COUNT) {
		err_set(err, c->said.kind, "%.*s", (int)sizeof(c->said.text) - 1, c->said.text);
		if (err)
			(*err)->sys = c->said.sys;
		return -1;
	}
	if (WIFSIGNALED(status))
		return err_set(err, ERR_SYSTEM, "%s was ended by signal %d (%s)", child_name(c),
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(err, ERR_SYSTEM, "%s ended without a result (status %d)", child_name(c),
		WEXITSTATUS(status));
}

int child_hear(struct child *c, struct err **err)
{
	ssize_t n = 1;
	while (c->got < sizeof(c->said) && n > 0) {
		n = fd_read(c->report, (char *)&c->said + c->got, sizeof(c->said) - c->got);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n > 0)
			c->got += (size_t)n;
	}
	fd_close(c->report);
	c->report = -1;
	/* whatever it says, and if it says nothing: from here on it works no more */
	kill(c->pid, SIGKILL);
	int status = proc_wait(c->pid);
	c->pid = 0;
	c->done = c->got == sizeof(c->said) && c->said.ok == 1;
	return c->done ? 1 : failed(c, status, err);
}

void child_end(struct child *c)
{
	if (c->pid) {
		kill(c->pid, SIGKILL);
		proc_wait(c->pid);
	}
	fd_close(c->report);
	c->report = -1;
	c->pid = 0;
}
