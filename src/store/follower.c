/* A kist-transfer that unpacks one blob after another while they are being downloaded. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "pull_private.h"

#define ROOM_WAIT_MS 60000

int follower_start(struct follower *f, struct store *s, struct err **err)
{
	f->store = s;
	f->dir = staging_make(s, f->folder, err);
	if (f->dir < 0)
		return -1;
	pid_t pid;
	if (transfer_start(s, TRANSFER_PULL, -1, f->dir, &f->sock, &pid, err) < 0)
		return -1;
	f->pid = pid;
	if (fd_set_blocking(f->sock, false) < 0)
		return err_sys(err, errno, "talk to kist-transfer");
	return 0;
}

void follower_end(struct follower *f)
{
	if (f->pid)
		transfer_stop(f->pid, true, NULL);
	fd_close(f->sock);
	fd_close(f->dir);
	/* its children, killed with it, may still be writing */
	if (f->store && *f->folder && staging_unused(f->store, f->folder))
		staging_remove(f->store, f->folder); /* else the next start does */
	*f = (struct follower){.dir = -1, .sock = -1};
}

/* Sends; waits for room, of which a program that lives makes some at once, or when its disk lets it. */
static int send_now(struct follower *f, const struct transfer_message *m, int fd, struct err **err)
{
	for (;;) {
		auto_err *why = NULL;
		if (transfer_send(f->sock, m, fd, &why) == 0)
			return 0;
		if (why->sys != EAGAIN)
			return err_move(err, &why);
		struct pollfd p = {f->sock, POLLOUT, 0};
		int n = poll(&p, 1, ROOM_WAIT_MS);
		if (n == 0)
			return err_set(err, ERR_UNAVAILABLE, "kist-transfer does not answer");
		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "talk to kist-transfer");
	}
}

int follower_blob(struct follower *f, const struct store_pull_layer *layer, bool known, int fd,
	struct err **err)
{
	struct transfer_message m = {
		.kind = TRANSFER_BLOB,
		.index = ++f->index,
		.blob = layer->blob,
		.diff_id = layer->diff_id,
		.blob_size = (uint64_t)layer->size,
		.known = known,
	};
	f->busy = true;
	f->size = layer->size;
	f->sent = f->upto = 0;
	return send_now(f, &m, fd, err);
}

bool follower_full(const struct follower *f)
{
	return f->busy && f->upto > f->sent;
}

int follower_grown(struct follower *f, int64_t upto, struct err **err)
{
	if (upto > f->upto)
		f->upto = upto;
	if (!follower_full(f))
		return 0;
	struct transfer_message m = {
		.kind = TRANSFER_GROWN, .index = f->index, .size = (uint64_t)f->upto};
	auto_err *why = NULL;
	if (transfer_send(f->sock, &m, -1, &why) < 0)
		/* one that died is found when it is heard next */
		return why->sys == EAGAIN || why->sys == EPIPE ? 0 : err_move(err, &why);
	f->sent = f->upto;
	return 0;
}

int follower_abandon(struct follower *f, struct err **err)
{
	struct transfer_message m = {.kind = TRANSFER_ABANDON, .index = f->index};
	f->busy = false;
	return send_now(f, &m, -1, err);
}

static int check_message(
	const struct follower *f, const struct transfer_message *m, struct err **err)
{
	switch (m->kind) {
	case TRANSFER_LAYER:
	case TRANSFER_BAD:
		/* what was abandoned may have been answered before */
		return f->busy && m->index == f->index;
	case TRANSFER_PROGRESS:
		return f->busy;
	case TRANSFER_ERROR:
		err_set(err, m->err_kind, "%s", m->text);
		if (err)
			(*err)->sys = m->sys;
		return -1;
	default:
		return err_set(err, ERR_SYSTEM, "kist-transfer sent an unexpected message");
	}
}

int follower_next(struct follower *f, struct transfer_message *m, char *room, struct err **err)
{
	for (;;) {
		size_t nfds = 0;
		ssize_t n = fd_recv(f->sock, room, TRANSFER_MESSAGE_MAX, NULL, &nfds);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			pid_t pid = f->pid;
			f->pid = 0;
			return transfer_stop(pid, false, err);
		}
		if (transfer_decode(room, (size_t)n, m, err) < 0)
			return -1;
		int r = check_message(f, m, err);
		if (r != 0)
			return r;
	}
}

static int move(struct follower *f, int to, const char *kind, struct err **err)
{
	char name[32];
	snprintf(name, sizeof(name), "%s.%u", kind, f->index);
	if (renameat(f->dir, name, to, name) < 0)
		return err_sys(err, errno, "take %s from kist-transfer", name);
	return 0;
}

int follower_take(
	struct follower *f, struct staged_layer *layer, char folder[STAGING_NAME], struct err **err)
{
	auto_fd int to = staging_make(f->store, folder, err);
	if (to < 0)
		return -1;
	if (move(f, to, "layer", err) < 0 || move(f, to, "recipe", err) < 0) {
		staging_remove(f->store, folder);
		return -1;
	}
	snprintf(layer->folder, sizeof(layer->folder), "%s/layer.%u", folder, f->index);
	snprintf(layer->recipe, sizeof(layer->recipe), "%s/recipe.%u", folder, f->index);
	return 0;
}
