/* Running kist-transfer and hearing what it says. */
#include "store_private.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"

#define ENTRIES_MAX 10000000 /* files in one archive */
#define RATIO_MAX 250 /* of unpacked to packed bytes, beyond the first GiB */

/* A program at work. */
struct job {
	struct transfer *t; /* NULL: it is to tell nothing but its end */
	int sock;
	pid_t pid;
	store_progress_fn *progress;
	void *arg;
	bool done;
};

int transfer_room(int dir, uint64_t *out, struct err **err)
{
	struct statvfs fs;
	if (fstatvfs(dir, &fs) < 0)
		return err_sys(err, errno, "ask for free space");
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	/* a full disk harms more than this image: leave a little */
	*out = room - room / 50;
	return 0;
}

static int request(int sock, enum transfer_mode mode, int dir, struct err **err)
{
	struct statvfs fs;
	uint64_t room;
	if (transfer_room(dir, &room, err) < 0)
		return -1;
	if (fstatvfs(dir, &fs) < 0)
		return err_sys(err, errno, "ask for free space");
	struct transfer_message m = {
		.kind = TRANSFER_REQUEST,
		.mode = mode,
		.max_bytes = room,
		.max_entries = ENTRIES_MAX,
		.max_ratio = RATIO_MAX,
	};
	if (fs.f_files && fs.f_favail < m.max_entries)
		m.max_entries = fs.f_favail;
	return transfer_send(sock, &m, -1, err);
}

int transfer_send(int sock, const struct transfer_message *m, int fd, struct err **err)
{
	auto_buf b = BUF_INIT;
	transfer_encode(m, &b);
	if (fd_send(sock, b.data, b.len, &fd, fd >= 0) < 0)
		return err_sys(err, errno, "talk to kist-transfer");
	return 0;
}

int transfer_send_trees(int sock, const int *trees, size_t n, struct err **err)
{
	for (size_t i = 0; i < n; i++) {
		const struct transfer_message m = {
			.kind = TRANSFER_TREE, .index = (uint32_t)(n - 1 - i)};
		if (transfer_send(sock, &m, trees[i], err) < 0)
			return -1;
	}
	return 0;
}

int transfer_start(struct store *s, enum transfer_mode mode, int input, int dir, int *sock,
	pid_t *pid, struct err **err)
{
	int pair[2];
	if (str_empty(s->transfer_path))
		return err_set(err, ERR_UNAVAILABLE, "the store was opened without kist-transfer");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "make a socket pair");
	auto_fd int ours = pair[0], theirs = pair[1];
	char *argv[] = {(char *)"kist-transfer", NULL};
	struct proc_fd fds[] = {
		{2, 2},
		{dir, TRANSFER_FD_STAGING},
		{theirs, TRANSFER_FD_CONTROL},
		{input, 0},
	};
	struct proc_spec spec = {
		.path = s->transfer_path,
		.argv = argv,
		.fds = fds,
		.nfds = ARRAY_LEN(fds) - (input < 0),
		.die_with_parent = true,
	};
	if (request(ours, mode, dir, err) < 0)
		return -1;
	*pid = proc_start(&spec, NULL, err);
	if (*pid < 0)
		return -1;
	*sock = steal_fd(&ours);
	return 0;
}

int transfer_stop(pid_t pid, bool done, struct err **err)
{
	/* one that was taken over would go on for ever; one that is ending keeps its status */
	kill(pid, SIGKILL);
	int status = proc_wait(pid);
	if (done)
		return 0;
	if (WIFSIGNALED(status))
		return err_set(err, ERR_SYSTEM, "kist-transfer was ended by signal %d (%s)",
			WTERMSIG(status), strsignal(WTERMSIG(status)));
	return err_set(err, ERR_SYSTEM, "kist-transfer ended without a result (status %d)",
		WEXITSTATUS(status));
}

static int add_item(
	struct job *j, enum item_kind kind, const struct transfer_message *m, struct err **err)
{
	struct transfer *t = j->t;
	if (t->count >= TRANSFER_ITEMS_MAX || m->index >= TRANSFER_ITEMS_MAX)
		return err_set(err, ERR_TOO_LARGE, "archive has too many members");
	if (m->size > INT64_MAX || m->tar_size > INT64_MAX || m->recipe_size > INT64_MAX ||
		m->blob_size > INT64_MAX)
		return err_set(err, ERR_TOO_LARGE, "layer \"%.256s\" is too large", m->name);
	t->items = xreallocarray(t->items, t->count + 1, sizeof(*t->items));
	t->items[t->count++] = (struct item){
		.kind = kind,
		.name = xstrdup(m->name),
		.text = xstrdup_null(m->text),
		.index = m->index,
		.blob = m->blob,
		.diff_id = m->diff_id,
		.size = m->size,
		.blob_size = m->blob_size,
		.tar_size = m->tar_size,
		.recipe_size = m->recipe_size,
		.staged = m->staged,
		.opaque = m->opaque,
		.kept = m->kept,
	};
	struct item *it = &t->items[t->count - 1];
	snprintf(it->compression, sizeof(it->compression), "%s",
		m->compression ? m->compression : "");
	return 0;
}

static int answer(struct job *j, const struct digest *diff_id, struct err **err)
{
	struct transfer *t = j->t;
	struct transfer_message m = {.kind = TRANSFER_ANSWER};
	if (t->pinned_count < TRANSFER_ITEMS_MAX)
		m.known = pin_take(t->store, PIN_LAYER, diff_id);
	if (m.known) {
		t->pinned = xreallocarray(t->pinned, t->pinned_count + 1, sizeof(*t->pinned));
		t->pinned[t->pinned_count++] = *diff_id;
	}
	return transfer_send(j->sock, &m, -1, err);
}

/* What to call a layer whose diffID is not known before its end: what the archive calls it. */
static void short_id(const char *name, char out[13])
{
	const char *hex = str_after(name, "blobs/sha256/");
	snprintf(out, 13, "%s", hex ? hex : name);
	out[strcspn(out, "/")] = '\0';
}

static int tell(struct job *j, const struct transfer_message *m, struct err **err)
{
	char id[13];
	if (!j->progress)
		return 0;
	short_id(m->name, id);
	struct store_progress p = {
		.kind = STORE_PROGRESS_LAYER,
		.id = id,
		.current = (int64_t)m->size,
		.total = (int64_t)m->blob_size,
	};
	if (j->progress(j->arg, &p) != 0)
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

/* What an archive holds. */
static int handle_item(struct job *j, const struct transfer_message *m, struct err **err)
{
	if (!j->t)
		return err_set(err, ERR_SYSTEM, "kist-transfer sent an unexpected message");
	switch (m->kind) {
	case TRANSFER_DOC:
		return add_item(j, ITEM_DOC, m, err);
	case TRANSFER_LAYER:
		return add_item(j, ITEM_LAYER, m, err);
	case TRANSFER_LINK:
		return add_item(j, ITEM_LINK, m, err);
	default:
		return answer(j, &m->diff_id, err);
	}
}

static int handle(struct job *j, const struct transfer_message *m, struct err **err)
{
	switch (m->kind) {
	case TRANSFER_DOC:
	case TRANSFER_LAYER:
	case TRANSFER_LINK:
	case TRANSFER_QUERY:
		return handle_item(j, m, err);
	case TRANSFER_PROGRESS:
		return tell(j, m, err);
	case TRANSFER_ERROR:
		err_set(err, m->err_kind, "%s", m->text);
		if (err)
			(*err)->sys = m->sys; /* its text is part of the message already */
		return -1;
	case TRANSFER_DONE:
		j->done = true;
		return 0;
	default:
		return err_set(err, ERR_SYSTEM, "kist-transfer sent an unexpected message");
	}
}

static int listen_to(struct job *j, struct err **err)
{
	auto_free char *room = xmalloc(TRANSFER_MESSAGE_MAX);
	while (!j->done) {
		struct transfer_message m;
		size_t nfds = 0;
		ssize_t n = fd_recv(j->sock, room, TRANSFER_MESSAGE_MAX, NULL, &nfds);
		if (n < 0)
			return err_sys(err, errno, "hear from kist-transfer");
		if (n == 0)
			return 0;
		if (transfer_decode(room, (size_t)n, &m, err) < 0 || handle(j, &m, err) < 0)
			return -1;
	}
	return 0;
}

static int finish(struct job *j, int r, struct err **err)
{
	int ended = transfer_stop(j->pid, r < 0 || j->done, err);
	return r < 0 ? -1 : ended;
}

int transfer_run(struct store *s, enum transfer_mode mode, int fd, store_progress_fn *progress,
	void *arg, struct transfer *out, struct err **err)
{
	struct job j = {.t = out, .sock = -1, .progress = progress, .arg = arg};
	*out = (struct transfer){.store = s, .dir = -1};
	out->dir = staging_make(s, out->folder, err);
	if (out->dir < 0 || transfer_start(s, mode, fd, out->dir, &j.sock, &j.pid, err) < 0)
		return -1;
	int r = finish(&j, listen_to(&j, err), err);
	close(j.sock);
	return r;
}

int transfer_copy(struct store *s, int dir, const int *layers, size_t n, struct err **err)
{
	struct job j = {.sock = -1};
	if (transfer_start(s, TRANSFER_COPY, -1, dir, &j.sock, &j.pid, err) < 0)
		return -1;
	int r = transfer_send_trees(j.sock, layers, n, err);
	if (r == 0)
		r = listen_to(&j, err);
	r = finish(&j, r, err);
	close(j.sock);
	return r;
}

void transfer_end(struct transfer *t)
{
	fd_close(t->dir);
	staging_remove(t->store, t->folder);
	for (size_t i = 0; i < t->count; i++) {
		free(t->items[i].name);
		free(t->items[i].text);
	}
	free(t->items);
	for (size_t i = 0; i < t->pinned_count; i++)
		pin_drop(t->store, PIN_LAYER, &t->pinned[i]);
	/* a layer that was pinned may have lost its last image meanwhile */
	if (t->pinned_count)
		store_gc(t->store);
	free(t->pinned);
	*t = (struct transfer){.dir = -1};
}
