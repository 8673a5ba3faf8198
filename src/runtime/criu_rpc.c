/*
 * One criu process and what is said to it. It may serve several requests: version and features first, with
 * keep_open, and then the one that it is for, after which it ends. While it works it sends notifications and waits
 * for each to be answered; the last word is the answer to the request.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"
#include "streams.h"
#include "sys/child.h"

#define MIN_VERSION 31500 /* external pid namespaces, cgroup v2's freezer, status-ready */
#define ANSWER_MAX (64u << 10) /* criu sends a few hundred bytes */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static bool executable(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

char *criu_find_program(const char *name, struct err **err)
{
	if (str_empty(name))
		name = "criu";
	const char *at = getenv("PATH");
	if (strchr(name, '/'))
		at = "";
	else if (str_empty(at))
		at = DEFAULT_PATH;
	if (strchr(name, '/') && executable(name))
		return xstrdup(name);
	while (*at) {
		size_t n = strcspn(at, ":");
		auto_free char *path = xasprintf("%.*s/%s", (int)n, at, name);
		/* a relative element would be looked up wherever we happen to be */
		if (*at == '/' && executable(path))
			return steal_ptr(path);
		at += n + (at[n] == ':');
	}
	err_set(err, ERR_NOT_FOUND, "checkpoint and restore need criu: cannot find %s%s", name,
		strchr(name, '/') ? "" : " in $PATH");
	return NULL;
}

/*
 * criu takes the numbers of descriptors for those of the process that has made its socket. That is criu itself
 * here: what it mounts in its folders it can mount only if they were opened in its own mount namespace.
 */
static int make_socket(struct reporter *r)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		report_sys(r, "socketpair");
	report_send_fd(r, REPORT_READY, pair[0]);
	close(pair[0]);
	return pair[1];
}

static void child_main(const struct criu_spawn *spawn, struct reporter *r, int ours)
	__attribute__((noreturn));
static void child_main(const struct criu_spawn *spawn, struct reporter *r, int ours)
{
	extern char **environ;
	char *argv[] = {(char *)spawn->program, (char *)"swrk", (char *)"3", NULL};
	int descriptors[STREAMS_PRESERVE_MAX];
	struct run_io io = spawn->io;
	close(ours);
	if (spawn->prepare)
		spawn->prepare(spawn->ctx, r);
	descriptors[0] = make_socket(r);
	for (size_t i = 0; i < spawn->io.preserve_count; i++)
		descriptors[i + 1] = spawn->io.preserve[i];
	io.preserve = descriptors;
	io.preserve_count++;
	streams_arrange(&io, -1, NULL, 0, r);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(spawn->program, argv, environ);
	report_sys(r, "start %s", spawn->program);
}

/* Until exec, which closes the socket. */
static int wait_exec(struct criu *c, int sock, struct err **err)
{
	for (;;) {
		struct report report;
		int fd = -1, got = report_receive(sock, &report, &fd);
		if (got < 0)
			return err_sys(err, errno, "hear from the process that becomes criu");
		if (got > 0 && report.type == REPORT_READY && c->sock < 0) {
			c->sock = fd;
			continue;
		}
		fd_close(fd);
		if (got > 0 && report.type == REPORT_ERROR)
			return report_to_err(&report, err);
		if (got == 0 && c->sock >= 0)
			return 0;
		return err_set(err, ERR_SYSTEM, "the process that becomes criu was killed");
	}
}

static int spawn_criu(struct criu *c, const struct criu_spawn *spawn, struct err **err)
{
	int pair[2];
	if (spawn->io.preserve_count >= STREAMS_PRESERVE_MAX)
		return err_set(err, ERR_INVALID, "too many descriptors for criu");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "socketpair");
	auto_fd int ours = pair[0], theirs = pair[1];
	struct child_args args = {
		.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD, .cgroup = spawn->cgroup};
	struct reporter reporter = {.sock = theirs};
	pid_t pid = child_clone(&args);
	if (pid == 0)
		child_main(spawn, &reporter, ours);
	if (pid < 0)
		return err_sys(err, errno, "clone");
	c->pid = pid;
	fd_close(steal_fd(&theirs));
	return wait_exec(c, ours, err);
}

/* protobuf-c numbers the parts; a version that is none stays 0 and is too old */
static int take_version(struct criu *c, const Criu__Version *v)
{
	int sublevel = v->has_sublevel ? v->sublevel : 0;
	if (v->major < 0 || v->major > 1000 || v->minor < 0 || v->minor > 99 || sublevel < 0 ||
		sublevel > 99)
		return 0;
	c->version = v->major * 10000 + v->minor * 100 + sublevel;
	return c->version;
}

static int ask_version(struct criu *c, struct err **err)
{
	Criu__Request request = CRIU__REQUEST__INIT;
	request.type = CRIU__REQUEST_TYPE__VERSION;
	request.has_keep_open = request.keep_open = 1;
	Criu__Response *answer = criu_call(c, &request, NULL, err);
	if (!answer)
		return -1;
	if (answer->version)
		take_version(c, answer->version);
	criu__response__free_unpacked(answer, NULL);
	if (c->version >= MIN_VERSION)
		return 0;
	return err_set(err, ERR_UNAVAILABLE, "criu is version %d.%d, and 3.15 or newer is needed",
		c->version / 10000, c->version / 100 % 100);
}

int criu_start(struct criu *c, const struct criu_spawn *spawn, struct err **err)
{
	return spawn_criu(c, spawn, err) < 0 ? -1 : ask_version(c, err);
}

void criu_end(struct criu *c)
{
	fd_close(c->sock);
	c->sock = -1;
	if (c->pid > 0)
		proc_wait(c->pid);
	c->pid = 0;
	str_replace(&c->said, NULL);
}

const char *criu_type_name(Criu__RequestType type)
{
	static const char *const names[] = {
		[CRIU__REQUEST_TYPE__EMPTY] = "EMPTY",
		[CRIU__REQUEST_TYPE__DUMP] = "DUMP",
		[CRIU__REQUEST_TYPE__RESTORE] = "RESTORE",
		[CRIU__REQUEST_TYPE__PRE_DUMP] = "PRE_DUMP",
		[CRIU__REQUEST_TYPE__NOTIFY] = "NOTIFY",
		[CRIU__REQUEST_TYPE__FEATURE_CHECK] = "FEATURE_CHECK",
		[CRIU__REQUEST_TYPE__VERSION] = "VERSION",
	};
	if ((unsigned int)type >= ARRAY_LEN(names) || !names[type])
		return "unknown";
	return names[type];
}

static int send_request(struct criu *c, const Criu__Request *request, struct err **err)
{
	size_t n = criu__request__get_packed_size(request);
	auto_free uint8_t *bytes = xmalloc(n);
	criu__request__pack(request, bytes);
	if (fd_send(c->sock, bytes, n, NULL, 0) < 0)
		return err_sys(err, errno, "send criu a %s request", criu_type_name(request->type));
	return 0;
}

Criu__Response *criu_response(const void *bytes, size_t n, struct err **err)
{
	Criu__Response *answer = criu__response__unpack(NULL, n, bytes);
	if (!answer)
		err_set(err, ERR_INVALID, "criu's answer makes no sense (%zu bytes)", n);
	return answer;
}

/* Says how criu ended, which it does without an answer only in trouble. */
static int hung_up(struct criu *c, struct err **err)
{
	int status = proc_wait(c->pid);
	c->pid = 0;
	str_replace(&c->said, "");
	return err_set(err, ERR_SYSTEM, "criu ended without an answer (status %d)",
		status < 0 ? -1 : child_exit_code(status));
}

static Criu__Response *receive(struct criu *c, int *fd, struct err **err)
{
	auto_free uint8_t *bytes = xmalloc(ANSWER_MAX);
	size_t nfds = 1;
	ssize_t n = fd_recv(c->sock, bytes, ANSWER_MAX, fd, &nfds);
	if (n < 0) {
		err_sys(err, errno, "hear from criu");
		return NULL;
	}
	if (!nfds)
		*fd = -1;
	if (n == 0) {
		hung_up(c, err);
		return NULL;
	}
	return criu_response(bytes, (size_t)n, err);
}

/* -1 only if criu cannot be told; a listener's own failure goes to *failed. */
static int answer_notify(struct criu *c, const Criu__Response *said, int fd,
	const struct criu_listener *listener, struct err **failed, struct err **err)
{
	const Criu__Notify *notify = said->notify;
	Criu__Request reply = CRIU__REQUEST__INIT;
	reply.type = CRIU__REQUEST_TYPE__NOTIFY;
	reply.has_notify_success = reply.notify_success = 1;
	const char *script = notify && notify->script ? notify->script : "";
	log_debug("criu: %s", script);
	if (listener) {
		pid_t pid = notify && notify->has_pid ? notify->pid : 0;
		if (*failed || listener->notify(listener->ctx, script, pid, fd, failed) < 0)
			reply.notify_success = 0;
	} else {
		fd_close(fd);
	}
	return send_request(c, &reply, err);
}

static int check_answer(struct criu *c, const Criu__Request *request, const Criu__Response *answer,
	struct err **err)
{
	if (!answer->success) {
		str_replace(&c->said, answer->message ? answer->message : "");
		return err_set(err, ERR_SYSTEM, "criu failed: type %s errno %d",
			criu_type_name(answer->type), answer->has_error ? answer->error : 0);
	}
	if (answer->type == request->type)
		return 0;
	return err_set(err, ERR_INVALID, "criu answered %s to %s", criu_type_name(answer->type),
		criu_type_name(request->type));
}

Criu__Response *criu_call(struct criu *c, const Criu__Request *request,
	const struct criu_listener *listener, struct err **err)
{
	auto_err *failed = NULL;
	if (send_request(c, request, err) < 0)
		return NULL;
	for (;;) {
		int fd = -1, r;
		Criu__Response *answer = receive(c, &fd, err);
		if (!answer) {
			fd_close(fd);
			break;
		}
		if (answer->success && answer->type == CRIU__REQUEST_TYPE__NOTIFY) {
			r = answer_notify(c, answer, fd, listener, &failed, err);
			criu__response__free_unpacked(answer, NULL);
			if (r < 0)
				break;
			continue;
		}
		fd_close(fd);
		if (check_answer(c, request, answer, err) == 0 && !failed)
			return answer;
		criu__response__free_unpacked(answer, NULL);
		break;
	}
	/* why we made criu give up says more than that it did */
	if (failed)
		err_move(err, &failed);
	return NULL;
}

int criu_require(struct criu *c, bool mem_track, bool lazy_pages, struct err **err)
{
	Criu__Features want = CRIU__FEATURES__INIT;
	Criu__Request request = CRIU__REQUEST__INIT;
	request.type = CRIU__REQUEST_TYPE__FEATURE_CHECK;
	request.has_keep_open = request.keep_open = 1;
	request.features = &want;
	want.has_mem_track = want.mem_track = mem_track;
	want.has_lazy_pages = want.lazy_pages = lazy_pages;
	if (!mem_track && !lazy_pages)
		return 0;
	Criu__Response *answer = criu_call(c, &request, NULL, err);
	if (!answer)
		return -1;
	const Criu__Features *have = answer->features;
	bool tracks = have && have->has_mem_track && have->mem_track;
	bool lazy = have && have->has_lazy_pages && have->lazy_pages;
	criu__response__free_unpacked(answer, NULL);
	if (mem_track && !tracks)
		return err_set(err, ERR_UNAVAILABLE,
			"pre-dump needs the kernel to track memory changes, and criu says that it "
			"does not "
			"(CONFIG_MEM_SOFT_DIRTY)");
	if (lazy_pages && !lazy)
		return err_set(err, ERR_UNAVAILABLE,
			"lazy-pages needs userfaultfd, and criu says that it or the kernel lacks "
			"that");
	return 0;
}
