/*
 * Requests and events over the two connections of a monitor_client. The request connection is blocking in
 * meaning but never in fact: every wait is a poll() with what is left of the time-out.
 */
#include "runtime/monitor_client.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "base/wire.h"
#include "monitor_client_private.h"

/* CREATE and START run hooks whose own time-outs may be minutes; everything else is quick, but the
 * monitor may be busy with one of those. */
#define TIMEOUT_SHORT (60 * TIME_NS_PER_SEC)
#define TIMEOUT_LONG (600 * TIME_NS_PER_SEC)

struct monitor_client {
	atomic_uint refs;
	pthread_mutex_t lock; /* held from request to reply; guards serial and requests */
	uint32_t serial;
	int requests, events;
};

/* A request on its way: payload and what goes along. */
struct call {
	uint32_t type;
	struct buf payload;
	int fds[FD_PASS_MAX];
	size_t nfds;
	int64_t timeout;
};

/* The reply's payload, in @data from @at on, and at most one descriptor. */
struct answer {
	char *data;
	struct wire at;
	int fd;
};

static void answer_clear(struct answer *a)
{
	free(a->data);
	fd_close(a->fd);
}
#define auto_answer __attribute__((cleanup(answer_clear))) struct answer
#define ANSWER_INIT                                                                                \
	{                                                                                          \
		.fd = -1                                                                           \
	}

static void call_clear(struct call *c)
{
	buf_free(&c->payload);
}
#define auto_call __attribute__((cleanup(call_clear))) struct call

static int gone(struct err **err)
{
	return err_set(err, ERR_UNAVAILABLE, "the container's monitor has ended");
}

static int wait_for(int fd, short events, int64_t until, struct err **err)
{
	for (;;) {
		int64_t left = until - time_mono();
		if (left <= 0)
			return err_set(
				err, ERR_UNAVAILABLE, "the container's monitor does not answer");
		struct pollfd p = {.fd = fd, .events = events};
		int r = poll(&p, 1, (int)(left / 1000000) + 1);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for the container's monitor");
	}
}

int monitor_memfd(const char *name, const void *p, size_t n, struct err **err)
{
	auto_fd int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_sys(err, errno, "create memory file %s", name);
	if (fd_write_all(fd, p, n) < 0)
		return err_sys(err, errno, "write memory file %s", name);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(err, errno, "seal memory file %s", name);
	return steal_fd(&fd);
}

static int send_packet(int sock, const struct buf *packet, const int *fds, size_t nfds,
	int64_t until, struct err **err)
{
	while (fd_send(sock, packet->data, packet->len, fds, nfds) < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			return gone(err);
		if (errno != EAGAIN)
			return err_sys(err, errno, "send to the container's monitor");
		if (wait_for(sock, POLLOUT, until, err) < 0)
			return -1;
	}
	return 0;
}

static int send_call(
	int sock, const struct call *c, uint32_t serial, int64_t until, struct err **err)
{
	auto_buf packet = BUF_INIT;
	if (c->payload.len + 8 <= MONITOR_PACKET_MAX) {
		wire_put_u32(&packet, c->type);
		wire_put_u32(&packet, serial);
		buf_add(&packet, c->payload.data, c->payload.len);
		return send_packet(sock, &packet, c->fds, c->nfds, until, err);
	}
	if (c->nfds + 1 > FD_PASS_MAX)
		return err_set(
			err, ERR_INVALID, "too many descriptors for the container's monitor");
	auto_fd int memory = monitor_memfd("kist-request", c->payload.data, c->payload.len, err);
	if (memory < 0)
		return -1;
	int fds[FD_PASS_MAX] = {memory};
	memcpy(fds + 1, c->fds, sizeof(int) * c->nfds);
	wire_put_u32(&packet, c->type | MONITOR_IN_MEMFD);
	wire_put_u32(&packet, serial);
	return send_packet(sock, &packet, fds, c->nfds + 1, until, err);
}

/* The error that the monitor reports, as if it had happened here. */
static int remote_error(struct wire *w, struct err **err)
{
	uint32_t kind = wire_u8(w);
	uint32_t sys = wire_u32(w);
	const char *msg = wire_str(w);
	if (w->bad || kind >= ERR_KIND_COUNT || !msg)
		return err_set(err, ERR_UNAVAILABLE, "the container's monitor answers nonsense");
	err_set(err, (enum err_kind)kind, "%s", msg);
	if (err && *err)
		(*err)->sys = (int)sys;
	return -1;
}

/* One packet of the request connection; 1 if it is the reply to @serial, 0 for one that came too late. */
static int receive(int sock, uint32_t serial, struct answer *out, struct err **err)
{
	auto_free char *data = xmalloc(MONITOR_PACKET_MAX);
	int fds[FD_PASS_MAX];
	size_t nfds = FD_PASS_MAX;
	ssize_t n = fd_recv(sock, data, MONITOR_PACKET_MAX, fds, &nfds);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return gone(err);
	if (n < 0)
		return err_sys(err, errno, "receive from the container's monitor");
	struct wire w = wire_from(data, (size_t)n);
	uint32_t type = wire_u32(&w), got = wire_u32(&w);
	bool ours = !w.bad && type == MONITOR_REPLY && got == serial;
	for (size_t i = ours ? 1 : 0; i < nfds; i++)
		fd_close(fds[i]);
	if (!ours)
		return 0;
	*out = (struct answer){.data = steal_ptr(data), .at = w, .fd = nfds ? fds[0] : -1};
	return 1;
}

static int exchange(
	struct monitor_client *c, const struct call *call, struct answer *out, struct err **err)
{
	int64_t until = time_mono() + (call->timeout ? call->timeout : TIMEOUT_SHORT);
	uint32_t serial = ++c->serial;
	if (serial == 0) /* 0 is for events */
		serial = ++c->serial;
	if (send_call(c->requests, call, serial, until, err) < 0)
		return -1;
	for (int r = 0; r == 0;) {
		if (wait_for(c->requests, POLLIN, until, err) < 0)
			return -1;
		r = receive(c->requests, serial, out, err);
		if (r < 0)
			return -1;
	}
	if (!wire_bool(&out->at))
		return remote_error(&out->at, err);
	return 0;
}

/* Sends and waits for the reply; a caller without interest in its payload passes NULL. */
static int ask(
	struct monitor_client *c, const struct call *call, struct answer *out, struct err **err)
{
	auto_answer unread = ANSWER_INIT;
	pthread_mutex_lock(&c->lock);
	int r = exchange(c, call, out ? out : &unread, err);
	pthread_mutex_unlock(&c->lock);
	return r;
}

static int answer_done(const struct answer *a, struct err **err)
{
	return wire_done(&a->at, "answer of the container's monitor", err);
}

/* ---- connections ---- */

static void status_decode(struct wire *w, struct monitor_status *out)
{
	*out = (struct monitor_status){
		.state = (enum monitor_state)wire_u8(w),
		.pid = (pid_t)wire_u32(w),
		.start_ticks = wire_u64(w),
		.started_at = wire_i64(w),
		.generation = wire_u64(w),
		.clients = wire_u32(w),
	};
	if (out->state > MONITOR_DEAD)
		w->bad = true;
}

struct monitor_client *monitor_client_new(int requests, int events)
{
	struct monitor_client *c = xcalloc(1, sizeof(*c));
	atomic_init(&c->refs, 1);
	pthread_mutex_init(&c->lock, NULL);
	c->requests = requests;
	c->events = events;
	return c;
}

/* The reply to SUBSCRIBE is left in the event connection: monitor_client_event() skips it. */
int monitor_client_subscribe(struct monitor_client *c, struct err **err)
{
	auto_buf packet = BUF_INIT;
	wire_put_u32(&packet, MONITOR_SUBSCRIBE);
	wire_put_u32(&packet, 1);
	return send_packet(c->events, &packet, NULL, 0, time_mono() + TIMEOUT_SHORT, err);
}

int monitor_connect_pair(int run_dir, int *requests, int *events, struct err **err)
{
	auto_fd int first =
		unix_connect(run_dir, MONITOR_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, err);
	if (first < 0)
		return -1;
	auto_fd int second =
		unix_connect(run_dir, MONITOR_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, err);
	if (second < 0)
		return -1;
	*requests = steal_fd(&first);
	*events = steal_fd(&second);
	return 0;
}

int monitor_connect(struct monitor_client **out, int run_dir, struct err **err)
{
	int requests, events;
	if (monitor_connect_pair(run_dir, &requests, &events, err) < 0)
		return -1;
	struct monitor_client *c = monitor_client_new(requests, events);
	if (monitor_client_subscribe(c, err) < 0) {
		monitor_client_unref(c);
		return -1;
	}
	*out = c;
	return 0;
}

struct monitor_client *monitor_client_ref(struct monitor_client *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void monitor_client_unref(struct monitor_client *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) > 1)
		return;
	fd_close(c->requests);
	fd_close(c->events);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* ---- events ---- */

int monitor_client_event_fd(const struct monitor_client *c)
{
	return c->events;
}

int monitor_event_decode(struct monitor_event *ev, uint32_t type, struct wire *w, struct err **err)
{
	*ev = (struct monitor_event){.type = (enum monitor_type)type};
	const char *id = NULL;
	if (type == MONITOR_EXITED) {
		if (monitor_exit_decode(&ev->exit, w, err) < 0)
			return -1;
	} else if (type == MONITOR_EXEC_EXITED || type == MONITOR_DETACHED) {
		id = wire_str(w);
		if (type == MONITOR_EXEC_EXITED)
			ev->code = (int32_t)wire_u32(w);
	} else if (type != MONITOR_OOM) {
		return 0;
	}
	if (id && strlen(id) > MONITOR_EXEC_ID_MAX)
		w->bad = true;
	if (wire_done(w, "event of a monitor", err) < 0)
		return -1;
	snprintf(ev->exec_id, sizeof(ev->exec_id), "%s", id ? id : "");
	return 1;
}

int monitor_client_event(struct monitor_client *c, struct monitor_event *ev, struct err **err)
{
	char data[512]; /* the largest event is an exit */
	for (;;) {
		int fds[FD_PASS_MAX];
		size_t nfds = FD_PASS_MAX;
		ssize_t n = fd_recv(c->events, data, sizeof(data), fds, &nfds);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return gone(err);
		if (n < 0)
			return err_sys(err, errno, "receive events of a monitor");
		for (size_t i = 0; i < nfds; i++)
			fd_close(fds[i]);
		struct wire w = wire_from(data, (size_t)n);
		uint32_t type = wire_u32(&w), serial = wire_u32(&w);
		if (w.bad || serial != 0)
			continue; /* the reply to SUBSCRIBE */
		int r = monitor_event_decode(ev, type, &w, err);
		if (r != 0)
			return r;
	}
}

/* ---- requests ---- */

/* The socket first: when the monitor has written its pid file the folder is complete. */
int monitor_adopt(struct monitor_client *c, const char *id, int parked, int disk_dir, int run_dir,
	struct err **err)
{
	auto_call call = {.type = MONITOR_ADOPT, .fds = {disk_dir, run_dir}, .nfds = 2};
	wire_put_str(&call.payload, id);
	if (renameat(parked, MONITOR_SOCKET, run_dir, MONITOR_SOCKET) < 0)
		return err_sys(err, errno, "move the monitor's socket");
	if (ask(c, &call, NULL, err) < 0)
		return -1;
	unlinkat(parked, MONITOR_PIDFILE, 0);
	return 0;
}

int monitor_configure(
	struct monitor_client *c, const struct monitor_config *config, struct err **err)
{
	auto_call call = {.type = MONITOR_CONFIGURE};
	monitor_config_encode(config, &call.payload);
	return ask(c, &call, NULL, err);
}

int monitor_attach(
	struct monitor_client *c, const struct monitor_attach *attach, int conn, struct err **err)
{
	auto_call call = {.type = MONITOR_ATTACH, .fds = {conn}, .nfds = 1};
	monitor_attach_encode(attach, &call.payload);
	return ask(c, &call, NULL, err);
}

int monitor_create(struct monitor_client *c, uint64_t generation, const struct plan *plan,
	struct monitor_created *out, struct err **err)
{
	auto_buf bytes = BUF_INIT;
	plan_encode(plan, &bytes);
	auto_fd int memory = monitor_memfd("kist-plan", bytes.data, bytes.len, err);
	if (memory < 0)
		return -1;
	auto_call call = {
		.type = MONITOR_CREATE, .fds = {memory}, .nfds = 1, .timeout = TIMEOUT_LONG};
	uint32_t mask = 0;
	for (int i = 0; i < OCI_NS_COUNT; i++) {
		if (plan->ns_fd[i] < 0)
			continue;
		mask |= 1u << i;
		call.fds[call.nfds++] = plan->ns_fd[i];
	}
	wire_put_u64(&call.payload, generation);
	wire_put_u32(&call.payload, mask);
	auto_answer answer = ANSWER_INIT;
	if (ask(c, &call, &answer, err) < 0)
		return -1;
	struct monitor_created created = {
		.pid = (pid_t)wire_u32(&answer.at), .start_ticks = wire_u64(&answer.at)};
	if (answer_done(&answer, err) < 0)
		return -1;
	created.netns = steal_fd(&answer.fd);
	*out = created;
	return 0;
}

int monitor_start(struct monitor_client *c, int64_t *started_at, struct err **err)
{
	auto_call call = {.type = MONITOR_START, .timeout = TIMEOUT_LONG};
	auto_answer answer = ANSWER_INIT;
	if (ask(c, &call, &answer, err) < 0)
		return -1;
	int64_t at = wire_i64(&answer.at);
	if (answer_done(&answer, err) < 0)
		return -1;
	*started_at = at;
	return 0;
}

int monitor_kill(struct monitor_client *c, int sig, struct err **err)
{
	auto_call call = {.type = MONITOR_KILL};
	wire_put_u32(&call.payload, (uint32_t)sig);
	return ask(c, &call, NULL, err);
}

int monitor_resize(
	struct monitor_client *c, const char *exec_id, uint32_t h, uint32_t w, struct err **err)
{
	auto_call call = {.type = MONITOR_RESIZE};
	wire_put_str(&call.payload, exec_id);
	wire_put_u32(&call.payload, h);
	wire_put_u32(&call.payload, w);
	return ask(c, &call, NULL, err);
}

int monitor_exec(struct monitor_client *c, const char *exec_id, const struct monitor_config *config,
	const struct plan_process *process, const struct monitor_attach *attach, int conn,
	pid_t *pid, struct err **err)
{
	auto_buf bytes = BUF_INIT;
	plan_process_encode(process, &bytes);
	auto_fd int memory = monitor_memfd("kist-process", bytes.data, bytes.len, err);
	if (memory < 0)
		return -1;
	auto_call call = {.type = MONITOR_EXEC,
		.fds = {memory, conn},
		.nfds = attach ? 2 : 1,
		.timeout = TIMEOUT_LONG};
	wire_put_str(&call.payload, exec_id);
	monitor_config_encode(config, &call.payload);
	wire_put_bool(&call.payload, attach != NULL);
	if (attach)
		monitor_attach_encode(attach, &call.payload);
	auto_answer answer = ANSWER_INIT;
	if (ask(c, &call, &answer, err) < 0)
		return -1;
	pid_t got = (pid_t)wire_u32(&answer.at);
	if (answer_done(&answer, err) < 0)
		return -1;
	*pid = got;
	return 0;
}

int monitor_exec_kill(struct monitor_client *c, const char *exec_id, int sig, struct err **err)
{
	auto_call call = {.type = MONITOR_EXEC_KILL};
	wire_put_str(&call.payload, exec_id);
	wire_put_u32(&call.payload, (uint32_t)sig);
	return ask(c, &call, NULL, err);
}

int monitor_status(struct monitor_client *c, struct monitor_status *out, struct err **err)
{
	auto_call call = {.type = MONITOR_STATUS};
	auto_answer answer = ANSWER_INIT;
	if (ask(c, &call, &answer, err) < 0)
		return -1;
	struct monitor_status status;
	status_decode(&answer.at, &status);
	if (answer_done(&answer, err) < 0)
		return -1;
	*out = status;
	return 0;
}

int monitor_log_sync(struct monitor_client *c, struct err **err)
{
	auto_call call = {.type = MONITOR_LOG_SYNC};
	return ask(c, &call, NULL, err);
}

int monitor_detach_all(struct monitor_client *c, struct err **err)
{
	auto_call call = {.type = MONITOR_DETACH_ALL};
	return ask(c, &call, NULL, err);
}

int monitor_root(struct monitor_client *c, int *root, struct err **err)
{
	auto_call call = {.type = MONITOR_ROOT};
	auto_answer answer = ANSWER_INIT;
	if (ask(c, &call, &answer, err) < 0)
		return -1;
	if (answer_done(&answer, err) < 0)
		return -1;
	if (answer.fd < 0)
		return err_set(err, ERR_UNAVAILABLE, "the container's monitor sent no root");
	*root = steal_fd(&answer.fd);
	return 0;
}

int monitor_quit(struct monitor_client *c, struct err **err)
{
	auto_call call = {.type = MONITOR_QUIT};
	return ask(c, &call, NULL, err);
}
