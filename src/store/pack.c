/* Running kist-transfer to read a container's files. */
#include "store/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "driver.h"
#include "sys/tmpfile.h"

#define PIPE_SIZE (1 << 20)
#define ENTRIES_MAX 10000000 /* files of one container */
struct store_pack {
	struct store *store;
	pid_t pid;
	int pipe, sock;
	bool heard; /* what the program said last is known: */
	bool done;
	struct err *err;
};

/* What the program gets. */
struct offer {
	struct snapshot_view view;
	int spool, pipe, sock;
};

static void offer_close(struct offer *o)
{
	snapshot_view_clear(&o->view);
	fd_close(o->spool);
	fd_close(o->pipe);
	fd_close(o->sock);
}
#define auto_offer __attribute__((cleanup(offer_close))) struct offer

static int open_trees(struct store *s, const char *id, struct offer *o, struct err **err)
{
	auto_snapshot snap = {0};
	if (snapshot_load(s, id, true, &snap, err) < 0 ||
		snap.driver->view(s, &snap, &o->view, err) < 0)
		return -1;
	o->spool = tmpfile_open(s->staging, 0);
	return o->spool < 0 ? err_sys(err, errno, "make a temporary file") : 0;
}

static int open_channels(struct store_pack *p, struct offer *o, struct err **err)
{
	int pair[2], ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	p->sock = pair[0];
	o->sock = pair[1];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe");
	p->pipe = ends[0];
	o->pipe = ends[1];
	fcntl(o->pipe, F_SETPIPE_SZ, PIPE_SIZE); /* as much as we may have */
	return 0;
}

static int start(struct store_pack *p, struct offer *o, struct err **err)
{
	char *argv[] = {(char *)"kist-transfer", NULL};
	struct proc_fd fds[] = {
		{o->pipe, 1},
		{2, 2},
		{o->view.own, TRANSFER_FD_STAGING},
		{o->sock, TRANSFER_FD_CONTROL},
		{o->spool, TRANSFER_FD_SPOOL},
	};
	/* not with its parent: that would be the thread. Without the daemon its pipe leads nowhere. */
	struct proc_spec spec = {
		.path = p->store->transfer_path, .argv = argv, .fds = fds, .nfds = ARRAY_LEN(fds)};
	if (str_empty(spec.path))
		return err_set(err, ERR_UNAVAILABLE, "the store was opened without kist-transfer");
	p->pid = proc_start(&spec, NULL, err);
	/* so that talking to it fails, and does not wait, once it has ended */
	close(o->sock);
	o->sock = -1;
	return p->pid < 0 ? -1 : 0;
}

static int request(
	struct store_pack *p, const struct offer *o, enum store_pack_kind kind, struct err **err)
{
	static const enum transfer_mode modes[] = {
		[STORE_PACK_LAYER] = TRANSFER_PACK_LAYER,
		[STORE_PACK_WHOLE] = TRANSFER_PACK_WHOLE,
		[STORE_PACK_CHANGES] = TRANSFER_PACK_CHANGES,
		[STORE_PACK_SIZE] = TRANSFER_PACK_SIZE,
	};
	struct transfer_message m = {
		.kind = TRANSFER_REQUEST,
		.mode = modes[kind],
		.max_bytes = UINT64_MAX,
		.max_entries = ENTRIES_MAX,
		.known = o->view.whole,
	};
	/* a layer is written to disk again: what has no room there need not be read */
	if (kind == STORE_PACK_LAYER && transfer_room(p->store->staging, &m.max_bytes, err) < 0)
		return -1;
	if (transfer_send(p->sock, &m, -1, err) < 0)
		return -1;
	return transfer_send_trees(p->sock, o->view.below, o->view.below_count, err);
}

struct store_pack *store_pack_start(
	struct store *s, const char *id, enum store_pack_kind kind, struct err **err)
{
	auto_offer o = {{.own = -1}, -1, -1, -1};
	struct store_pack *p = xcalloc(1, sizeof(*p));
	*p = (struct store_pack){.store = s, .pid = -1, .pipe = -1, .sock = -1};
	if (open_trees(s, id, &o, err) < 0 || open_channels(p, &o, err) < 0 ||
		start(p, &o, err) < 0 || request(p, &o, kind, err) < 0) {
		store_pack_free(p);
		return NULL;
	}
	return p;
}

int store_pack_fd(const struct store_pack *p)
{
	return p->pipe;
}

static void take(struct store_pack *p, const struct transfer_message *m)
{
	p->heard = true;
	p->done = m->kind == TRANSFER_DONE;
	if (m->kind == TRANSFER_ERROR) {
		err_set(&p->err, m->err_kind, "%s", m->text);
		p->err->sys = m->sys;
	}
}

static void hear(struct store_pack *p)
{
	auto_free char *room = p->heard ? NULL : xmalloc(TRANSFER_MESSAGE_MAX);
	struct transfer_message m;
	if (!room)
		return;
	ssize_t n = recv(p->sock, room, TRANSFER_MESSAGE_MAX, MSG_DONTWAIT);
	if (n > 0 && transfer_decode(room, (size_t)n, &m, NULL) == 0)
		take(p, &m);
}

bool store_pack_done(struct store_pack *p)
{
	hear(p);
	return p->heard;
}

int store_pack_result(struct store_pack *p, struct err **err)
{
	hear(p);
	if (p->done)
		return 0;
	if (p->err)
		return err_move(err, &p->err);
	return err_set(err, ERR_SYSTEM, "kist-transfer ended before it was done");
}

void store_pack_free(struct store_pack *p)
{
	if (!p)
		return;
	fd_close(p->pipe);
	fd_close(p->sock);
	if (p->pid > 0) {
		kill(p->pid, SIGKILL);
		proc_wait(p->pid);
	}
	err_freep(&p->err);
	free(p);
}
