/* Attach: the client's connection goes to the monitor, which is started for it before the container is. */
#include "attach.h"

#include "engine/logs.h"

#define KEYS_DEFAULT "ctrl-p,ctrl-q"

/* One key of "ctrl-p,ctrl-q,a": its byte, or -1. */
static int key_byte(const char *key)
{
	const char *ctrl = str_after(key, "ctrl-");
	if (!ctrl)
		return strlen(key) == 1 ? (unsigned char)key[0] : -1;
	if (!ctrl[0] || ctrl[1])
		return -1;
	if (ctrl[0] >= 'a' && ctrl[0] <= 'z')
		return ctrl[0] - 'a' + 1;
	if (ctrl[0] == '@')
		return 0;
	const char *at = strchr("[\\]^_", ctrl[0]);
	return at ? 27 + (int)(at - "[\\]^_") : -1;
}

char *detach_keys(const char *text, struct err **err)
{
	auto_strv keys = strv_split(str_empty(text) ? KEYS_DEFAULT : text, ',');
	auto_buf out = BUF_INIT;

	for (size_t i = 0; keys[i]; i++) {
		int byte = key_byte(keys[i]);
		if (byte <= 0) { /* the sequence travels as a string: no ctrl-@ */
			err_set(err, ERR_INVALID, "Invalid detach keys (%s) provided", text);
			return NULL;
		}
		buf_addc(&out, (char)byte);
	}
	return buf_steal(&out);
}

static int send_head(int fd, const struct attach_options *o)
{
	ssize_t n = o->head_len ? fd_send_apart(fd, o->head, o->head_len, 0) : 0;
	return n < 0 ? -1 : fd_write_all(fd, (const char *)o->head + n, o->head_len - (size_t)n);
}

/* Head and log, written from here: blocks for the client. */
static int send_logs(struct container *c, const struct attach_options *o, int fd, struct err **err)
{
	const struct log_options options = {.out = o->out, .err = o->err, .tail = -1};
	bool tty;
	struct log_reader *r =
		engine_logs_open(c->engine, container_id(c), &options, NULL, NULL, &tty, err);
	enum log_more more = LOG_MORE;

	if (!r)
		return -1;
	bool failed = send_head(fd, o) < 0;
	while (!failed && more == LOG_MORE) {
		auto_buf chunk = BUF_INIT;
		more = engine_logs_read(r, &chunk, 64 << 10);
		failed = fd_write_all(fd, chunk.data, chunk.len) < 0;
	}
	engine_logs_close(r);
	return 0; /* a client that has left is not an error of ours */
}

static struct monitor_client *need_monitor(struct container *c, struct err **err)
{
	struct monitor_client *m = NULL;

	if (container_begin(c, err))
		return NULL;
	pthread_mutex_lock(&c->lock);
	bool paused = c->state.status == CONTAINER_PAUSED;
	pthread_mutex_unlock(&c->lock);
	if (paused)
		err_set(err, ERR_CONFLICT,
			"container %s is paused, unpause the container before attach",
			container_id(c));
	else
		m = monitor_need(c, err);
	container_end(c);
	return m;
}

/* Hands the connection to @m; an idle monitor may have been told to go after its last client left, just before. Then a
 * new one is made, once. The connection has not been touched by a monitor that did not answer. */
static int hand_over(struct container *c, struct monitor_client *m,
	const struct monitor_attach *attach, int fd, struct err **err)
{
	auto_err *why = NULL;
	if (!monitor_attach(m, attach, fd, &why))
		return 0;
	if (why->kind != ERR_UNAVAILABLE || container_is_running(c) || monitor_wait_gone(c, 5))
		return err_move(err, &why);
	struct monitor_client *fresh = need_monitor(c, err);
	int r = fresh ? monitor_attach(fresh, attach, fd, err) : -1;
	monitor_client_unref(fresh);
	return r;
}

int engine_container_attach(
	struct engine *e, const char *ref, const struct attach_options *o, int fd, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	struct monitor_client *m = NULL;

	if (!c)
		return -1;
	auto_free char *keys = detach_keys(o->detach_keys, err);
	if (!keys || (o->stream && !(m = need_monitor(c, err))))
		return -1;
	event_container(c, "attach", NULL, 0);
	bool sent = o->logs || !o->stream;
	int r = sent ? send_logs(c, o, fd, err) : 0;
	if (!r && o->stream) {
		const struct monitor_attach attach = {.in = o->in && c->doc->doc.config.open_stdin,
			.out = o->out,
			.err = o->err,
			.raw = c->doc->doc.config.tty,
			.keys = keys,
			.early = o->early,
			.early_len = o->early_len,
			.head = sent ? NULL : o->head,
			.head_len = sent ? 0 : o->head_len};
		r = hand_over(c, m, &attach, fd, err);
	}
	monitor_client_unref(m);
	return r;
}

int engine_container_tty(struct engine *e, const char *ref, bool *tty, struct err **err)
{
	auto_container *c = roster_find(&e->roster, ref, err);
	if (!c)
		return -1;
	*tty = c->doc->doc.config.tty;
	return 0;
}
