/* One layer against its recipe, by a kist-transfer of its own: what one layer does to it is no other layer's trouble. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "check_private.h"
#include "store/layer_tar.h"
#include "sys/child.h"

#define END_MS (5 * 1000) /* from the end of its socket, for what else the kernel takes down */

void layer_verdict_free(struct layer_verdict *v)
{
	for (size_t i = 0; i < v->count; i++) {
		free(v->files[i].path);
		free(v->files[i].problem);
	}
	free(v->files);
	*v = (struct layer_verdict){0};
}

static int lend(int dir, const char *what, const struct digest *diff_id, struct err **err)
{
	auto_err *why = NULL;
	int fd = layer_lend(dir, digest_hex(diff_id), &why);
	if (fd >= 0)
		return fd;
	if (why->sys == ENOENT || why->sys == ENOTDIR)
		return err_set(err, ERR_NOT_FOUND, "its %s is missing", what);
	return err_move(err, &why);
}

static int hand_over(
	struct store *s, int sock, const struct digest *diff_id, int64_t tar_size, struct err **err)
{
	auto_buf b = BUF_INIT;
	struct transfer_message m = {
		.kind = TRANSFER_WRITE, .diff_id = *diff_id, .size = (uint64_t)tar_size};
	auto_fd int layer = lend(s->layers, "folder", diff_id, err);
	if (layer < 0)
		return -1;
	auto_fd int recipe = lend(s->recipes, "recipe", diff_id, err);
	if (recipe < 0)
		return -1;
	const int fds[] = {layer, recipe};
	transfer_encode(&m, &b);
	if (fd_send(sock, b.data, b.len, fds, ARRAY_LEN(fds)) < 0)
		return err_sys(err, errno, "talk to kist-transfer");
	return 0;
}

static int add(struct layer_verdict *v, const struct transfer_message *m, struct err **err)
{
	if (v->count == TRANSFER_DAMAGES_MAX)
		return err_set(err, ERR_INVALID, "kist-transfer sent too many messages");
	v->files = xreallocarray(v->files, v->count + 1, sizeof(*v->files));
	v->files[v->count++] = (struct store_damage){xstrdup(m->name), xstrdup(m->text)};
	return 0;
}

/* 1: it is done. */
static int handle(struct layer_verdict *v, const struct transfer_message *m, struct err **err)
{
	switch (m->kind) {
	case TRANSFER_PROGRESS:
		return 0;
	case TRANSFER_DAMAGE:
		return add(v, m, err);
	case TRANSFER_VERIFIED:
		if (m->size > INT64_MAX || m->damages < v->count)
			break;
		v->size = (int64_t)m->size;
		v->opaque = m->opaque;
		v->total = m->damages;
		return 0;
	case TRANSFER_DONE:
		return 1;
	case TRANSFER_ERROR:
		err_set(err, m->err_kind, "%s", m->text);
		if (err)
			(*err)->sys = m->sys;
		return -1;
	default:
		break;
	}
	return err_set(err, ERR_INVALID, "kist-transfer sent an unexpected message");
}

/* 1: there is a verdict; 0: the program has ended without one. */
static int hear(struct checker *c, int sock, struct layer_verdict *v, struct err **err)
{
	auto_free char *room = xmalloc(TRANSFER_MESSAGE_MAX);
	int r = 0;
	while (r == 0) {
		struct transfer_message m;
		size_t nfds = 0;
		ssize_t n = fd_recv(sock, room, TRANSFER_MESSAGE_MAX, NULL, &nfds);
		if (n < 0)
			return err_sys(err, errno, "hear from kist-transfer");
		if (n == 0)
			return 0;
		r = transfer_decode(room, (size_t)n, &m, err);
		if (r == 0)
			r = handle(v, &m, err);
		if (r == 0)
			r = check_tick(c, err);
	}
	return r;
}

/* Waits for its end, which is what closes its socket if it is what it should be. False: it goes on without. */
static bool is_ending(pid_t pid)
{
	auto_fd int pidfd = child_pidfd_open(pid);
	struct pollfd end = {pidfd, POLLIN, 0};
	int r = 1;
	if (pidfd >= 0)
		do
			r = poll(&end, 1, END_MS);
		while (r < 0 && errno == EINTR);
	return r != 0;
}

/* A layer by which the program is brought down is as good as damaged; what somebody has killed says nothing. */
static int no_verdict(bool ended, int status, struct err **err)
{
	if (!ended)
		return err_set(err, ERR_INVALID, "kist-transfer closed its socket over it");
	if (!WIFSIGNALED(status))
		return err_set(err, ERR_INVALID, "kist-transfer ended over it with status %d",
			WEXITSTATUS(status));
	return err_set(err, WTERMSIG(status) == SIGKILL ? ERR_SYSTEM : ERR_INVALID,
		"kist-transfer was ended by signal %d (%s) over it", WTERMSIG(status),
		strsignal(WTERMSIG(status)));
}

static int verify(struct checker *c, const struct digest *diff_id, int64_t tar_size, int dir,
	struct layer_verdict *out, struct err **err)
{
	auto_fd int sock = -1;
	pid_t pid;
	if (transfer_start(c->store, TRANSFER_VERIFY, -1, dir, &sock, &pid, err) < 0)
		return -1;
	int r = hand_over(c->store, sock, diff_id, tar_size, err);
	if (r == 0)
		r = hear(c, sock, out, err);
	bool ended = r != 0 || is_ending(pid);
	kill(pid, SIGKILL);
	int status = proc_wait(pid);
	if (r == 0)
		return no_verdict(ended, status, err);
	return r < 0 ? -1 : 0;
}

int layer_verify(struct checker *c, const struct digest *diff_id, struct layer_verdict *out,
	struct err **err)
{
	char folder[STAGING_NAME];
	*out = (struct layer_verdict){0};
	int64_t tar_size = layer_tar_size(c->store, diff_id, err);
	if (tar_size < 0)
		return -1;
	auto_fd int dir = staging_make(c->store, folder, err);
	if (dir < 0)
		return -1;
	int r = verify(c, diff_id, tar_size, dir, out, err);
	fd_close(steal_fd(&dir));
	staging_remove(c->store, folder);
	if (r < 0)
		layer_verdict_free(out);
	return r;
}
