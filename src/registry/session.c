#include "session.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"

#define NS_PER_MS 1000000LL
enum { QUEUE_MAX = 4096 };

/* ---- records ---- */

int session_break(struct registry_session *s, struct err **err, const char *what)
{
	if (!s->broken)
		err_set(&s->broken, ERR_SYSTEM, "%s", what);
	return err_set(err, s->broken->kind, "%s", s->broken->msg);
}

static int died(struct registry_session *s, struct err **err)
{
	char what[128] = "kist-registry ended unexpectedly";
	int status = 0;
	if (s->pid > 0 && waitpid(s->pid, &status, WNOHANG) == s->pid) {
		s->pid = -1;
		if (WIFSIGNALED(status))
			snprintf(what, sizeof(what), "kist-registry was ended by signal %d",
				WTERMSIG(status));
		else
			snprintf(what, sizeof(what), "kist-registry ended unexpectedly (status %d)",
				WEXITSTATUS(status));
	}
	return session_break(s, err, what);
}

/* In milliseconds, for poll(2). */
static int patience_left(const struct registry_session *s)
{
	if (!s->end)
		return -1;
	int64_t until = s->until < s->end ? s->until : s->end;
	int64_t ms = (until - time_mono()) / NS_PER_MS;
	return ms < 0 ? 0 : ms > INT_MAX - 1 ? INT_MAX : (int)ms + 1;
}

static void heard(struct registry_session *s)
{
	s->until = time_mono() + s->silence;
}

/* The socket is ready for @events, or -1. */
static int wait_for(struct registry_session *s, short events, struct err **err)
{
	struct pollfd fds[] = {{.fd = s->sock, .events = events}, {.fd = s->wake, .events = POLLIN},
		{.fd = s->cancel, .events = POLLIN}};
	int n;
	do {
		int ms = patience_left(s);
		n = ms == 0 ? 0 : poll(fds, ARRAY_LEN(fds), ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, errno, "wait for kist-registry");
	if (n == 0)
		return err_set(err, ERR_UNAVAILABLE,
			"%s does not answer in time: request canceled while waiting", s->domain);
	if (fds[1].revents || fds[2].revents)
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

int session_send(struct registry_session *s, const struct record *r, int fd, struct err **err)
{
	auto_buf b = BUF_INIT;
	if (s->broken)
		return session_break(s, err, "");
	record_encode(r, &b);
	if (b.len > REGISTRY_RECORD_MAX)
		return err_set(err, ERR_TOO_LARGE, "a request to a registry is too long");
	while (fd_send(s->sock, b.data, b.len, &fd, fd >= 0 ? 1 : 0) < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			return died(s, err);
		if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
			return err_sys(err, errno, "talk to kist-registry");
		if (wait_for(s, POLLOUT, err) < 0)
			return -1;
	}
	return 0;
}

int session_receive(struct registry_session *s, bool wait, struct record *out, struct err **err)
{
	*out = (struct record){0};
	if (s->broken)
		return session_break(s, err, "");
	for (;;) {
		size_t nfds = 0;
		ssize_t n = fd_recv(s->sock, s->room, REGISTRY_RECORD_MAX, NULL, &nfds);
		if (n > 0) {
			heard(s);
			if (record_decode(s->room, (size_t)n, out, err) == 0)
				return 1;
			record_free(out);
			return session_break(s, err, "kist-registry sent a malformed message");
		}
		if (n == 0 || errno == ECONNRESET)
			return died(s, err);
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			return err_sys(err, errno, "hear from kist-registry");
		if (!wait)
			return 0;
		if (wait_for(s, POLLIN, err) < 0)
			return -1;
	}
}

/* ---- events ---- */

static struct transfer *find_transfer(struct registry_session *s, uint32_t id)
{
	for (size_t i = 0; i < s->transfer_count; i++)
		if ((uint32_t)s->transfers[i].id == id)
			return &s->transfers[i];
	return NULL;
}

/* Progress that nobody has looked at is replaced, so that only events that matter pile up. */
static struct queued *place_for(struct registry_session *s, enum registry_event_kind kind, int id)
{
	for (struct queued *q = s->first; q && kind == REGISTRY_PROGRESS; q = q->next)
		if (q->event.id == id && q->event.kind == REGISTRY_PROGRESS)
			return q;
	if (s->queue_length >= QUEUE_MAX)
		return NULL;
	struct queued *q = xcalloc(1, sizeof(*q));
	if (s->last)
		s->last->next = q;
	else
		s->first = q;
	s->last = q;
	s->queue_length++;
	return q;
}

static void fill_done(struct queued *q, const struct record *r, const struct transfer *t)
{
	q->event.outcome = r->progress.outcome;
	if (*r->progress.digest)
		memcpy(q->event.digest.str, r->progress.digest, DIGEST_STR_LEN + 1);
	q->mounted_from = xstrdup(r->progress.mounted_from);
	q->event.mounted_from = q->mounted_from;
	if (!*t->digest.str || str_eq(t->digest.str, q->event.digest.str))
		return;
	q->event.kind = REGISTRY_FAILED;
	err_set(&q->err, ERR_INVALID, "kist-registry names another digest than %s", t->digest.str);
	q->event.err = q->err;
}

int session_keep(struct registry_session *s, const struct record *r, struct err **err)
{
	static const int kinds[RECORD_KIND_COUNT] = {
		[RECORD_PROGRESS] = REGISTRY_PROGRESS,
		[RECORD_RETRYING] = REGISTRY_RETRYING,
		[RECORD_DONE] = REGISTRY_DONE,
		[RECORD_ERROR] = REGISTRY_FAILED,
	};
	struct transfer *t = find_transfer(s, r->id);
	bool event = r->kind == RECORD_PROGRESS || r->kind == RECORD_RETRYING ||
		     r->kind == RECORD_DONE || r->kind == RECORD_ERROR;
	if (!event || !t)
		return session_break(s, err, "kist-registry sent an unexpected message");
	struct queued *q = place_for(s, kinds[r->kind], t->id);
	if (!q)
		return session_break(s, err, "kist-registry sends too many messages");
	struct queued *next = q->next;
	*q = (struct queued){.next = next};
	q->event = (struct registry_event){
		.kind = kinds[r->kind],
		.id = t->id,
		.bytes = r->progress.bytes,
		.total = r->progress.total,
		.digest = t->digest,
		.mounted_from = "",
		.wait_ms = r->progress.wait_ms,
		.attempt = r->progress.attempt,
	};
	if (r->kind == RECORD_RETRYING || r->kind == RECORD_ERROR) {
		err_set(&q->err, r->error.kind, "%.*s", REGISTRY_TEXT_MAX, r->error.text);
		q->event.err = q->err;
	} else if (r->kind == RECORD_DONE) {
		fill_done(q, r, t);
	}
	if (r->kind == RECORD_DONE || r->kind == RECORD_ERROR)
		*t = s->transfers[--s->transfer_count];
	return 0;
}

/* ---- requests ---- */

void answer_free(struct answer *a)
{
	free(a->type);
	free(a->digest);
	free(a->text);
	free(a->etag);
	*a = (struct answer){0};
}

static int send_data(
	struct registry_session *s, uint32_t id, const char *p, size_t n, struct err **err)
{
	while (n) {
		size_t part = n < REGISTRY_DATA_PART ? n : REGISTRY_DATA_PART;
		struct record r = {.kind = RECORD_DATA, .id = id, .data = p, .data_size = part};
		if (session_send(s, &r, -1, err) < 0)
			return -1;
		p += part;
		n -= part;
	}
	return 0;
}

/* 1: that was the end; 0: there is more to come. */
static int hear_answer(struct registry_session *s, const struct record *r, size_t max,
	struct buf *out, struct answer *answer, struct err **err)
{
	switch (r->kind) {
	case RECORD_DATA:
		if (!out || out->len + r->data_size > max)
			return session_break(s, err, "kist-registry sends more than was asked for");
		buf_add(out, r->data, r->data_size);
		return 0;
	case RECORD_REPLY:
		*answer = (struct answer){
			.type = xstrdup(r->reply.type),
			.digest = xstrdup(r->reply.digest),
			.text = xstrdup(r->reply.text),
			.size = r->reply.size,
			.etag = xstrdup(r->reply.etag),
			.found = r->reply.found,
			.listed = r->reply.listed,
		};
		return 1;
	case RECORD_ERROR:
		return err_set(err, r->error.kind, "%.*s", REGISTRY_TEXT_MAX, r->error.text);
	default:
		return session_break(s, err, "kist-registry sent an unexpected message");
	}
}

int session_ask(struct registry_session *s, const struct record_request *request, const void *data,
	size_t max, struct buf *out, struct answer *answer, struct err **err)
{
	uint32_t id = s->next_id++;
	struct record r = {.kind = RECORD_REQUEST, .id = id, .request = *request};
	*answer = (struct answer){0};
	if (session_send(s, &r, -1, err) < 0)
		return -1;
	if (data && send_data(s, id, data, request->size, err) < 0)
		return -1;
	for (;;) {
		auto_record heard;
		if (session_receive(s, true, &heard, err) < 0)
			return -1;
		if (heard.id != id) {
			if (session_keep(s, &heard, err) < 0)
				return -1;
			continue;
		}
		int r2 = hear_answer(s, &heard, max, out, answer, err);
		if (r2)
			return r2 < 0 ? -1 : 0;
	}
}

/* ---- start ---- */

static int send_pem(
	struct registry_session *s, enum pem_kind kind, const struct buf *pem, struct err **err)
{
	for (size_t at = 0; at < pem->len; at += REGISTRY_DATA_PART) {
		size_t left = pem->len - at;
		struct record r = {
			.kind = RECORD_PEM,
			.pem = {.kind = kind,
				.first = at == 0,
				.bytes = pem->data + at,
				.size = left < REGISTRY_DATA_PART ? left : REGISTRY_DATA_PART},
		};
		if (session_send(s, &r, -1, err) < 0)
			return -1;
	}
	return 0;
}

static int send_place(struct registry_session *s, const struct place *p, struct err **err)
{
	struct record r = {
		.kind = RECORD_ENDPOINT,
		.endpoint = {.url = p->url,
			.flags = p->flags,
			.connect_ms = p->connect_ms,
			.headers = p->headers},
	};
	if (session_send(s, &r, -1, err) < 0 || send_pem(s, PEM_CA, &p->ca, err) < 0)
		return -1;
	for (size_t i = 0; i < p->client_count; i++)
		if (send_pem(s, PEM_CLIENT, &p->clients[i], err) < 0)
			return -1;
	return 0;
}

/* "https://index.docker.io/v1/" and "docker.io" are one; else the host counts. */
static bool same_registry(const char *server, const char *domain)
{
	const char *host = str_after(server, "https://");
	if (!host)
		host = str_after(server, "http://");
	if (!host)
		host = server;
	auto_free char *name = xstrndup(host, strcspn(host, "/"));
	bool hub = str_ieq(name, "docker.io") || str_ieq(name, "index.docker.io") ||
		   str_ieq(name, "registry-1.docker.io");
	return str_eq(domain, "docker.io") ? hub : str_ieq(name, domain);
}

static void set_credentials(
	struct record_setup *to, const struct registry_auth *auth, const char *domain)
{
	if (!auth ||
		(!str_empty(auth->server_address) && !same_registry(auth->server_address, domain)))
		return;
	to->username = auth->username;
	to->password = auth->password;
	to->identity_token = auth->identity_token;
	to->registry_token = auth->registry_token;
}

static int send_description(
	struct registry_session *s, const struct session_start *start, struct err **err)
{
	const struct config *c = start->config;
	struct record setup = {
		.kind = RECORD_SETUP,
		.setup =
			{
				.repository = start->repository,
				.familiar = start->familiar,
				.scope = start->scope,
				.user_agent = c->user_agent,
				.http_proxy = c->http_proxy,
				.https_proxy = c->https_proxy,
				.no_proxy = c->no_proxy,
				.connect_ms = c->limits.connect_ms,
				.answer_ms = c->limits.answer_ms,
				.stall_ms = c->limits.stall_ms,
				.pause_ms = c->limits.pause_ms,
				.attempts = c->limits.attempts,
				.own_words = start->own_words,
			},
	};
	struct record go = {.kind = RECORD_START};
	set_credentials(&setup.setup, start->auth, start->domain);
	if (session_send(s, &setup, -1, err) < 0)
		return -1;
	for (size_t i = 0; i < start->places->count; i++)
		if (send_place(s, &start->places->v[i], err) < 0)
			return -1;
	return session_send(s, &go, -1, err);
}

/* What the program finds the system's CA certificates by, as Go's programs do. */
static char **environment(void)
{
	static const char *const handed_on[] = {"SSL_CERT_FILE", "SSL_CERT_DIR"};
	char **env = xcalloc(1, sizeof(*env));
	for (size_t i = 0; i < ARRAY_LEN(handed_on); i++) {
		const char *value = getenv(handed_on[i]);
		auto_free char *text = value ? xasprintf("%s=%s", handed_on[i], value) : NULL;
		if (text)
			strv_add(&env, text);
	}
	return env;
}

static int start_program(struct registry_session *s, const char *path, struct err **err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	s->sock = pair[0];
	auto_fd int theirs = pair[1];
	fd_set_blocking(s->sock, false);
	char *argv[] = {(char *)"kist-registry", NULL};
	struct proc_fd fds[] = {{2, 2}, {theirs, REGISTRY_FD_CONTROL}};
	auto_strv env = environment();
	/* that is, with the thread that opens the session, which therefore has to be the one that closes it */
	struct proc_spec spec = {
		.path = path,
		.argv = argv,
		.env = env,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
		.die_with_parent = true,
	};
	s->pid = proc_start(&spec, NULL, err);
	return s->pid < 0 ? -1 : 0;
}

static int watch(struct registry_session *s, struct err **err)
{
	struct epoll_event in = {.events = EPOLLIN};
	s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->ready = epoll_create1(EPOLL_CLOEXEC);
	if (s->wake < 0 || s->ready < 0 || epoll_ctl(s->ready, EPOLL_CTL_ADD, s->wake, &in) < 0 ||
		epoll_ctl(s->ready, EPOLL_CTL_ADD, s->sock, &in) < 0)
		return err_sys(err, errno, "watch kist-registry");
	return 0;
}

struct registry_session *session_start(const struct session_start *start, struct err **err)
{
	auto_registry_session *s = xcalloc(1, sizeof(*s));
	s->sock = s->wake = s->ready = s->pid = s->cancel = -1;
	if (start->patience) {
		s->cancel = start->patience->cancel;
		s->silence = 2 * NS_PER_MS * start->config->limits.answer_ms;
		s->end = time_mono() + 5 * s->silence;
		heard(s);
	}
	s->room = xmalloc(REGISTRY_RECORD_MAX);
	s->domain = xstrdup(start->domain);
	for (size_t i = 0; i < start->places->count; i++)
		s->mirrored |= (start->places->v[i].flags & ENDPOINT_MIRROR) != 0;
	if (start_program(s, start->config->program, err) < 0 || watch(s, err) < 0 ||
		send_description(s, start, err) < 0)
		return NULL;
	return steal_ptr(s);
}

static char *scope_of(const struct registry_session_spec *spec)
{
	if (spec->action == REGISTRY_CATALOG)
		return xstrdup("registry:catalog:*");
	return xasprintf("repository:%s:%s", spec->name->path,
		spec->action == REGISTRY_PUSH ? "pull,push" : "pull");
}

/* Nobody's in particular: without places there is no endpoint, nor anything that credentials are good for. */
static struct registry_session *open_for_url(
	struct registry *r, const struct registry_session_spec *spec, struct err **err)
{
	struct config *c = config_get(r);
	struct places none = {0};
	struct session_start start = {
		.config = c,
		.places = &none,
		.domain = "",
		.repository = "",
		.familiar = "",
		.scope = "",
		.patience = spec->patience,
	};
	struct registry_session *s = session_start(&start, err);
	config_put(r, c);
	return s;
}

struct registry_session *registry_session_open(
	struct registry *r, const struct registry_session_spec *spec, struct err **err)
{
	if (spec->action == REGISTRY_URL)
		return open_for_url(r, spec, err);
	struct reference name = {0};
	bool catalog = spec->action == REGISTRY_CATALOG;
	struct config *c = config_get(r);
	auto_places places = {0};
	reference_copy_name(&name, spec->name);
	auto_free char *scope = scope_of(spec);
	auto_free char *familiar = catalog ? xstrdup(name.domain) : reference_familiar_name(&name);
	struct registry_session *s = NULL;
	struct session_start start = {
		.config = c,
		.places = &places,
		.domain = name.domain,
		.repository = catalog ? "" : name.path,
		.familiar = familiar,
		.scope = scope,
		.auth = spec->auth,
		.patience = spec->patience,
		.own_words = spec->own_words,
	};
	if (places_find(c, name.domain, &places, err) == 0) {
		if (spec->action == REGISTRY_PUSH || spec->no_mirrors)
			places_only_home(&places);
		s = session_start(&start, err);
	}
	reference_free(&name);
	config_put(r, c);
	return s;
}

/* ---- end ---- */

static void queued_free(struct queued *q)
{
	if (!q)
		return;
	err_freep(&q->err);
	free(q->mounted_from);
	free(q);
}

void registry_session_close(struct registry_session *s)
{
	if (!s)
		return;
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		proc_wait(s->pid);
	}
	while (s->first) {
		struct queued *q = s->first;
		s->first = q->next;
		queued_free(q);
	}
	queued_free(s->taken);
	err_freep(&s->broken);
	fd_close(s->sock);
	fd_close(s->wake);
	fd_close(s->ready);
	free(s->room);
	free(s->domain);
	free(s);
}

void registry_session_cancel(struct registry_session *s)
{
	uint64_t one = 1;
	/* it counts up to 2^64-2 before it could not */
	if (write(s->wake, &one, sizeof(one)) < 0)
		return;
}

bool registry_session_mirrored(const struct registry_session *s)
{
	return s->mirrored;
}

int registry_session_fd(const struct registry_session *s)
{
	return s->ready;
}

static bool cancelled(const struct registry_session *s)
{
	struct pollfd fd = {.fd = s->wake, .events = POLLIN};
	return poll(&fd, 1, 0) > 0;
}

int registry_event(struct registry_session *s, struct registry_event *out, struct err **err)
{
	queued_free(steal_ptr(s->taken));
	if (cancelled(s))
		return err_set(err, ERR_CANCELLED, "cancelled");
	while (!s->first) {
		auto_record r;
		int got = session_receive(s, false, &r, err);
		if (got <= 0)
			return got;
		if (session_keep(s, &r, err) < 0)
			return -1;
	}
	struct queued *q = s->first;
	s->first = q->next;
	if (!s->first)
		s->last = NULL;
	s->queue_length--;
	s->taken = q;
	*out = q->event;
	return 1;
}
