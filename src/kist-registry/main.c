/*
 * kist-registry: talks to one registry for kistd, confined to the network. Started by the library
 * (registry/protocol.h), never by people.
 */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/asan.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "bundle.h"
#include "confine.h"
#include "control.h"
#include "op.h"
#include "timer.h"
#include "tls.h"

enum { TICK_MS = 1000, POLLED_MAX = 80, THREAD_STACK = 256 * 1024, RECORDS_IN_A_ROW = 64 };

#if defined(__SANITIZE_ADDRESS__)
/* The leak check at the end stops this process from another one, which confinement forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

/* ---- the session's description ---- */

static void keep_setup(struct client *c, const struct record_setup *s)
{
	c->set = (struct settings){
		.repository = xstrdup(s->repository),
		.familiar = xstrdup(s->familiar),
		.scope = xstrdup(s->scope),
		.user_agent = xstrdup(s->user_agent),
		.http_proxy = xstrdup(s->http_proxy),
		.https_proxy = xstrdup(s->https_proxy),
		.no_proxy = xstrdup(s->no_proxy),
		.username = xstrdup_null(s->username),
		.password = xstrdup_null(s->password),
		.identity_token = xstrdup_null(s->identity_token),
		.registry_token = xstrdup_null(s->registry_token),
		.connect_ms = s->connect_ms,
		.answer_ms = s->answer_ms,
		.stall_ms = s->stall_ms,
		.pause_ms = s->pause_ms,
		.own_words = s->own_words,
		.attempts = s->attempts,
	};
}

static void keep_endpoint(struct client *c, const struct record_endpoint *e)
{
	if (c->endpoint_count >= REGISTRY_ENDPOINTS_MAX)
		_exit(1);
	char *origin = http_origin(e->url);
	if (!origin)
		_exit(1); /* the library has checked it */
	c->endpoints[c->endpoint_count++] = (struct endpoint){
		.url = xstrdup(e->url),
		.origin = origin,
		.plain = str_starts(origin, "http:"),
		.flags = e->flags,
		.connect_ms = e->connect_ms,
		.headers = strv_copy(e->headers),
	};
}

static void keep_pem(struct client *c, const struct record_pem *p)
{
	if (!c->endpoint_count)
		_exit(1);
	struct trust *t = &c->endpoints[c->endpoint_count - 1].trust;
	struct buf *to = &t->ca;
	if (p->kind == PEM_CLIENT) {
		if (p->first) {
			t->clients =
				xreallocarray(t->clients, t->client_count + 1, sizeof(*t->clients));
			t->clients[t->client_count++] = (struct buf)BUF_INIT;
		}
		if (!t->client_count)
			_exit(1);
		to = &t->clients[t->client_count - 1];
	}
	if (to->len + p->size > REGISTRY_PEM_MAX)
		_exit(1);
	buf_add(to, p->bytes, p->size);
}

/* ---- records ---- */

static void request(struct client *c, const struct record *r)
{
	switch (r->request.what) {
	case REQUEST_TAGS:
	case REQUEST_CATALOG:
	case REQUEST_REFERRERS:
		list_start(c, r);
		break;
	default:
		document_start(c, r);
	}
}

static void handle(struct client *c, const struct record *r, int fd)
{
	struct op *op = op_find(c, r->id);
	bool starts =
		r->kind == RECORD_REQUEST || r->kind == RECORD_DOWNLOAD || r->kind == RECORD_UPLOAD;
	if ((starts && op) || ((r->kind == RECORD_DOWNLOAD || r->kind == RECORD_UPLOAD) && fd < 0))
		_exit(1);
	if (starts && c->broken) {
		control_error(c, r->id, c->broken);
		fd_close(fd);
		return;
	}
	switch (r->kind) {
	case RECORD_REQUEST:
		request(c, r);
		break;
	case RECORD_DOWNLOAD:
		download_start(c, r, fd);
		return;
	case RECORD_UPLOAD:
		upload_start(c, r, fd);
		return;
	case RECORD_DATA:
		if (op && op->more)
			op->more(op, r->data, r->data_size);
		break;
	case RECORD_STOP:
		if (op) {
			auto_err *err = NULL;
			err_set(&err, ERR_CANCELLED, "cancelled");
			op_fail(op, err);
		}
		break;
	default:
		_exit(1);
	}
	fd_close(fd);
}

/* Blocking: nothing else is to be done before START. */
static void hear_description(struct client *c, char *room)
{
	for (;;) {
		auto_record r = {0};
		int fd;
		if (control_receive(c, room, &r, &fd) == 0)
			continue;
		fd_close(fd);
		if (r.kind == RECORD_SETUP && !c->set.repository)
			keep_setup(c, &r.setup);
		else if (r.kind == RECORD_ENDPOINT)
			keep_endpoint(c, &r.endpoint);
		else if (r.kind == RECORD_PEM)
			keep_pem(c, &r.pem);
		else if (r.kind == RECORD_START && c->set.repository)
			return;
		else
			_exit(1);
	}
}

/* ---- work ---- */

static void hear(struct client *c, char *room)
{
	/* connections get their turn, however much the library has to say */
	for (int i = 0; i < RECORDS_IN_A_ROW; i++) {
		auto_record r = {0};
		int fd;
		if (control_receive(c, room, &r, &fd) == 0)
			return;
		handle(c, &r, fd);
	}
}

static void wait_for_work(struct client *c, int ms)
{
	struct curl_waitfd fds[POLLED_MAX];
	struct op *ops[POLLED_MAX];
	unsigned n = 1;
	fds[0] = (struct curl_waitfd){
		c->control, CURL_WAIT_POLLIN | (control_full(c) ? CURL_WAIT_POLLOUT : 0), 0};
	for (struct op *op = c->ops; op && n < POLLED_MAX; op = op->next) {
		if (op->poll_fd < 0)
			continue;
		ops[n] = op;
		fds[n++] = (struct curl_waitfd){op->poll_fd, CURL_WAIT_POLLIN, 0};
	}
	curl_multi_poll(c->multi, fds, n, ms, NULL);
	for (unsigned i = 1; i < n; i++)
		if (fds[i].revents)
			ops[i]->readable(ops[i]);
}

static void work(struct client *c, char *room)
{
	for (;;) {
		int running;
		hear(c, room);
		curl_multi_perform(c->multi, &running);
		op_settle_all(c);
		http_reap(c);
		int ms = timer_run(c, TICK_MS);
		control_flush(c);
		wait_for_work(c, ms);
	}
}

static int prepare(struct client *c, char *room, struct err **err)
{
	pthread_attr_t attr;
	hear_description(c, room);
	c->bundle = bundle_open(&c->bundle_folders);
	/* names are resolved in threads: small ones, in one arena */
	mallopt(M_ARENA_MAX, 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(c->multi = curl_multi_init()))
		return err_set(err, ERR_SYSTEM, "libcurl cannot be used");
	fd_set_blocking(c->control, false);
	if (confine(err) < 0)
		return -1;
	tls_check(c, &c->broken);
	return 0;
}

int main(int argc, char **argv)
{
	struct endpoint endpoints[REGISTRY_ENDPOINTS_MAX] = {0};
	struct client c = {
		.endpoints = endpoints,
		.control = REGISTRY_FD_CONTROL,
		.bundle = -1,
		.bundle_folders = BUF_INIT,
	};
	auto_free char *room = xmalloc(REGISTRY_RECORD_MAX);
	auto_err *err = NULL;
	if (argc != 1 || fcntl(REGISTRY_FD_CONTROL, F_GETFD) < 0) {
		fprintf(stderr, "%s is started by kistd, not by hand\n", argv[0]);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	/* before the credentials come; confine() makes it last */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (prepare(&c, room, &err) < 0) {
		fprintf(stderr, "kist-registry: %s\n", err_msg(err));
		return 1;
	}
	work(&c, room);
	return 0;
}
