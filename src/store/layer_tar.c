/* Running kist-transfer to write layers' tars again. */
#include "store/layer_tar.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "store_private.h"
#include "sys/newmount.h"

#define HARMLESS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

struct layer_packer {
	struct store *store;
	int sock;
	pid_t pid;
};

int layer_lend(int dir, const char *name, struct err **err)
{
	auto_fd int mnt = newmount_clone(dir, name, false);
	struct newmount_attr attr = {.set = HARMLESS, .propagation = MS_PRIVATE};
	if (mnt < 0 || newmount_setattr(mnt, false, &attr) < 0)
		return err_sys(err, errno, "open layer %s for reading", name);
	return steal_fd(&mnt);
}

static int start(struct layer_packer *p, struct err **err)
{
	int pair[2];
	if (str_empty(p->store->transfer_path))
		return err_set(err, ERR_UNAVAILABLE, "the store was opened without kist-transfer");
	auto_fd int empty = layer_lend(p->store->layers, "empty", err);
	if (empty < 0)
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	p->sock = pair[0];
	auto_fd int theirs = pair[1];
	char *argv[] = {(char *)"kist-transfer", NULL};
	struct proc_fd fds[] = {
		{2, 2}, {empty, TRANSFER_FD_STAGING}, {theirs, TRANSFER_FD_CONTROL}};
	/* not with its parent: that would be the thread. Without the daemon its socket says so. */
	struct proc_spec spec = {
		.path = p->store->transfer_path, .argv = argv, .fds = fds, .nfds = ARRAY_LEN(fds)};
	p->pid = proc_start(&spec, NULL, err);
	return p->pid < 0 ? -1 : 0;
}

static int say(struct layer_packer *p, const struct transfer_message *m, const int *fds,
	size_t nfds, struct err **err)
{
	auto_buf b = BUF_INIT;
	transfer_encode(m, &b);
	if (fd_send(p->sock, b.data, b.len, fds, nfds) < 0)
		return err_sys(err, errno, "talk to kist-transfer");
	return 0;
}

struct layer_packer *layer_packer_open(struct store *s, struct err **err)
{
	struct layer_packer *p = xcalloc(1, sizeof(*p));
	*p = (struct layer_packer){.store = s, .sock = -1, .pid = -1};
	struct transfer_message request = {.kind = TRANSFER_REQUEST, .mode = TRANSFER_WRITE_LAYERS};
	if (start(p, err) < 0 || say(p, &request, NULL, 0, err) < 0) {
		layer_packer_close(p);
		return NULL;
	}
	return p;
}

void layer_packer_close(struct layer_packer *p)
{
	if (!p)
		return;
	fd_close(p->sock);
	if (p->pid >= 0) {
		/* it may be at work for somebody who does not want it any more */
		kill(p->pid, SIGKILL);
		proc_wait(p->pid);
	}
	free(p);
}

/* 1: the layer is written; 0: not yet. */
static int handle(const struct transfer_message *m, layer_packer_fn *progress, void *arg,
	struct layer_packed *out, struct err **err)
{
	switch (m->kind) {
	case TRANSFER_PROGRESS:
		if (progress && progress(arg, (int64_t)m->size, (int64_t)m->blob_size) != 0)
			return err_set(err, ERR_CANCELLED, "cancelled");
		return 0;
	case TRANSFER_WRITTEN:
		if (out)
			*out = (struct layer_packed){m->blob, (int64_t)m->size};
		return 1;
	case TRANSFER_ERROR:
		err_set(err, m->err_kind, "%s", m->text);
		if (err)
			(*err)->sys = m->sys; /* its text is part of the message already */
		return -1;
	default:
		return err_set(err, ERR_SYSTEM, "kist-transfer sent an unexpected message");
	}
}

static int hear(struct layer_packer *p, layer_packer_fn *progress, void *arg,
	struct layer_packed *out, struct err **err)
{
	auto_free char *room = xmalloc(TRANSFER_MESSAGE_MAX);
	int r = 0;
	while (r == 0) {
		struct transfer_message m;
		size_t nfds = 0;
		ssize_t n = fd_recv(p->sock, room, TRANSFER_MESSAGE_MAX, NULL, &nfds);
		if (n < 0)
			return err_sys(err, errno, "hear from kist-transfer");
		if (n == 0)
			return err_set(err, ERR_SYSTEM, "kist-transfer ended without a result");
		r = transfer_decode(room, (size_t)n, &m, err);
		if (r == 0)
			r = handle(&m, progress, arg, out, err);
	}
	return r < 0 ? -1 : 0;
}

int layer_packer_write(struct layer_packer *p, const struct digest *diff_id, int out,
	enum layer_packing packing, layer_packer_fn *progress, void *arg,
	struct layer_packed *out_packed, struct err **err)
{
	struct store *s = p->store;
	int64_t size = layer_tar_size(s, diff_id, err);
	if (size < 0)
		return -1;
	auto_fd int layer = layer_lend(s->layers, digest_hex(diff_id), err);
	if (layer < 0)
		return -1;
	auto_fd int recipe = layer_lend(s->recipes, digest_hex(diff_id), err);
	if (recipe < 0)
		return -1;
	struct transfer_message m = {
		.kind = TRANSFER_WRITE,
		.diff_id = *diff_id,
		.size = (uint64_t)size,
		.index = packing,
	};
	const int fds[] = {layer, recipe, out};
	if (say(p, &m, fds, out < 0 ? 2 : 3, err) < 0 ||
		hear(p, progress, arg, out_packed, err) < 0)
		return err_wrap(err, "layer %s", diff_id->str);
	return 0;
}

int64_t layer_tar_size(struct store *s, const struct digest *diff_id, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, "SELECT tar_size FROM layers WHERE diff_id = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, diff_id->str);
	int r = db_step(q, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(err, ERR_NOT_FOUND, "No such layer: %s", diff_id->str);
	if (db_col_null(q, 0))
		return err_set(err, ERR_UNAVAILABLE,
			"layer %s was unpacked by an older kist, which did not note how to write "
			"it "
			"again: load or pull its image anew after removing it",
			diff_id->str);
	return db_col_i64(q, 0);
}
