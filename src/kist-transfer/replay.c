/* Assembling: from a recipe and files to a stream of bytes. What becomes of those is in replay_sink.c. */
#include "replay.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "name.h"
#include "recipe.h"
#include "replay_sink.h"
#include "report.h"
#include "ring.h"
#include "sys/rootpath.h"

#define PROGRESS_STEP (4u << 20)
#define KEPT_MAX (64u << 20) /* bytes of ids */

struct replay {
	const struct replay_spec *spec;
	struct ring *ring;
	char *room; /* of the ring, @have bytes filled; NULL: none taken */
	size_t have;
	uint64_t total, told;
	struct buf kept; /* uint64_t, sorted: contents that lie beside the recipe */
	int parent; /* folder of the last file, or -1 */
	char parent_name[NAME_ROOM];
	int file; /* contents come from it, or -1 */
	bool said; /* of that file, that it is damaged */
	uint64_t content;
	char name[NAME_ROOM];
};

/* ---- to the ring ---- */

static void hand_over(struct replay *r)
{
	if (r->room && r->have)
		ring_put(r->ring, r->have);
	r->room = NULL;
	r->have = 0;
}

static void tell(struct replay *r)
{
	struct transfer_message m = {
		.kind = TRANSFER_PROGRESS,
		.name = r->spec->diff_id.str,
		.size = r->total,
		.blob_size = r->spec->tar_size,
	};
	r->told = r->total;
	report_send(&m);
}

/* Room for at least a byte. 1; 0: the other thread has given up, and says why. */
static int take_room(struct replay *r, struct err **err)
{
	if (r->room && r->have < RING_SLOT_SIZE)
		return 1;
	hand_over(r);
	if (r->total > r->spec->tar_size)
		return err_set(err, ERR_INVALID,
			"the layer's recipe makes more than the %" PRIu64 " bytes that its tar had",
			r->spec->tar_size);
	if (r->total - r->told >= PROGRESS_STEP)
		tell(r);
	r->room = ring_room(r->ring);
	return r->room != NULL;
}

static int put(struct replay *r, const char *p, uint64_t n, struct err **err)
{
	while (n) {
		int got = take_room(r, err);
		if (got <= 0)
			return got;
		size_t part = RING_SLOT_SIZE - r->have;
		if (part > n)
			part = (size_t)n;
		memcpy(r->room + r->have, p, part);
		r->have += part;
		r->total += part;
		p += part;
		n -= part;
	}
	return 1;
}

/* ---- files ---- */

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static int list_kept(struct replay *r, struct err **err)
{
	int fd = openat(r->spec->side, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return err_sys(err, errno, "read the folder of the layer's recipe");
	}
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	for (const struct dirent *e; (e = readdir(d)) && r->kept.len < KEPT_MAX;) {
		char *end;
		uint64_t id = strtoull(e->d_name, &end, 16);
		if (!*end)
			buf_add(&r->kept, &id, sizeof(id));
	}
	closedir(d);
	if (r->kept.len)
		qsort(r->kept.data, r->kept.len / sizeof(uint64_t), sizeof(uint64_t), compare_ids);
	return 0;
}

static bool is_kept(const struct replay *r, uint64_t id)
{
	return r->kept.len &&
	       bsearch(&id, r->kept.data, r->kept.len / sizeof(id), sizeof(id), compare_ids);
}

/* The folder of @path below the layer, by real folders alone; -1 with errno. */
static int open_parent(struct replay *r, const char *path, size_t len)
{
	if (!len)
		return r->spec->layer;
	if (r->parent >= 0 && strlen(r->parent_name) == len &&
		memcmp(r->parent_name, path, len) == 0)
		return r->parent;
	fd_close(r->parent);
	memcpy(r->parent_name, path, len);
	r->parent_name[len] = '\0';
	r->parent = beneath_open(r->spec->layer, r->parent_name, O_PATH | O_DIRECTORY, 0);
	return r->parent;
}

/* What belongs to a file is read from there; -1 with errno. */
static int find_file(struct replay *r, uint64_t id)
{
	/* never blocks, whatever a damaged layer has there */
	const int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	char kept[RECIPE_ID_ROOM];
	const char *base = name_base(r->name);
	if (is_kept(r, id)) {
		recipe_id_name(id, kept);
		return openat(r->spec->side, kept, flags);
	}
	int parent = open_parent(r, r->name, base == r->name ? 0 : (size_t)(base - r->name) - 1);
	return parent < 0 ? -1 : openat(parent, base, flags);
}

/* With damages to tell: goes on without the file. */
static void tell_unreadable(struct replay *r, int errnum)
{
	if (!r->said)
		damage_tell(r->spec->damages, r->name, "it cannot be read: %s", err_text(errnum));
	r->said = true;
}

/* True if there is such a file; comparing trees finds where not, unless the machine is at fault. */
static bool open_or_tell(struct replay *r)
{
	struct stat st;
	int errnum = r->file < 0 ? errno : 0;
	if (r->file >= 0 && fstat(r->file, &st) == 0 && S_ISREG(st.st_mode))
		return true;
	fd_close(r->file);
	r->file = -1;
	if (errnum && errnum != ENOENT && errnum != ENOTDIR && errnum != ELOOP && errnum != EXDEV &&
		errnum != EACCES && errnum != ENXIO)
		tell_unreadable(r, errnum);
	return false;
}

static int open_file(struct replay *r, const struct recipe_op *op, struct err **err)
{
	struct stat st;
	fd_close(r->file);
	memcpy(r->name, op->path, strlen(op->path) + 1);
	r->said = false;
	r->file = find_file(r, op->id);
	if (r->spec->damages) {
		open_or_tell(r);
		return 0;
	}
	if (r->file < 0 || fstat(r->file, &st) < 0) {
		enum err_kind kind = errno == EIO || errno == ENFILE || errno == EMFILE
					     ? ERR_SYSTEM
					     : ERR_INVALID;
		return err_sysk(err, kind, errno, "the layer's file \"%.256s\"", r->name);
	}
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "the layer's file \"%.256s\" is no file any more",
			r->name);
	return 0;
}

/* At most @n bytes of the file; with damages to tell, zeroes where there are none, and *spoilt. */
static ssize_t read_content(struct replay *r, char *to, size_t n, uint64_t at, bool *spoilt)
{
	ssize_t got = r->file < 0 ? 0 : pread(r->file, to, n, (off_t)at);
	if (got > 0 || !r->spec->damages || (got < 0 && errno == EINTR))
		return got;
	if (got < 0)
		tell_unreadable(r, errno);
	*spoilt = true;
	memset(to, 0, n);
	return (ssize_t)n;
}

static int put_content(struct replay *r, const struct recipe_op *op, struct err **err)
{
	uint32_t crc = 0;
	bool spoilt = false;
	uint64_t at = op->offset, end = op->offset + op->n;
	while (at < end) {
		int got = take_room(r, err);
		if (got <= 0)
			return got;
		size_t part = RING_SLOT_SIZE - r->have;
		if (part > end - at)
			part = (size_t)(end - at);
		ssize_t n = read_content(r, r->room + r->have, part, at, &spoilt);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, errno, "read the layer's file \"%.256s\"", r->name);
		if (n == 0)
			return err_set(err, ERR_INVALID,
				"the layer's file \"%.256s\" ends at %" PRIu64 " of %" PRIu64
				" bytes",
				r->name, at, end);
		crc = recipe_crc(crc, r->room + r->have, (size_t)n);
		r->have += (size_t)n;
		r->total += (uint64_t)n;
		at += (uint64_t)n;
	}
	r->content += op->n;
	if (crc != op->crc && r->spec->damages) {
		if (!spoilt && !r->said) {
			damage_tell(r->spec->damages, r->name, "another content than it came with");
			r->said = true;
		}
		return 1;
	}
	if (crc != op->crc)
		return err_set(err, ERR_INVALID,
			"the layer's file \"%.256s\" has another content than it came with",
			r->name);
	return 1;
}

/* 0 when all is handed over, or the other thread has given up. */
static int assemble(struct replay *r, struct recipe_reader *reader, struct err **err)
{
	struct recipe_op op;
	for (;;) {
		int got = 1;
		if (recipe_next(reader, &op, err) < 0)
			return -1;
		if (op.kind == RECIPE_END)
			break;
		if (op.kind == RECIPE_LITERAL)
			got = put(r, op.bytes, op.n, err);
		else if (op.kind == RECIPE_CONTENT)
			got = put_content(r, &op, err);
		else if (open_file(r, &op, err) < 0)
			return -1;
		if (got <= 0)
			return got;
	}
	hand_over(r);
	if (op.n != r->total || op.n != r->spec->tar_size)
		return err_set(err, ERR_INVALID,
			"the layer's recipe makes %" PRIu64 " bytes, its tar had %" PRIu64,
			r->total, r->spec->tar_size);
	tell(r);
	return 0;
}

static int run(struct replay *r, struct sink *sink, struct err **err)
{
	/* who unpacked the layer made it: it may be a fifo, which would wait for a writer */
	auto_fd int fd = openat(r->spec->side, RECIPE_FILE,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sysk(err, errno == ENOENT || errno == ELOOP ? ERR_INVALID : ERR_SYSTEM,
			errno, "open the layer's recipe");
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_INVALID, "the layer's recipe is no file");
	auto_recipe_reader *reader = recipe_reader_new(fd);
	r->ring = sink_start(sink, err);
	if (!r->ring)
		return -1;
	int result = assemble(r, reader, err);
	/* its reason for giving up, if it has, is why assembling ended */
	if (sink_stop(sink, result == 0, result == 0 ? err : NULL) < 0)
		return -1;
	return result;
}

int replay_layer(const struct replay_spec *spec, struct replay_result *out, struct err **err)
{
	struct replay r = {.spec = spec, .parent = -1, .file = -1};
	struct sink sink = {.out = spec->out, .packing = spec->packing, .onward = spec->onward};
	int result = list_kept(&r, err);
	if (result == 0)
		result = run(&r, &sink, err);
	fd_close(r.parent);
	fd_close(r.file);
	buf_free(&r.kept);
	if (result < 0)
		return -1;
	bool same = str_eq(sink.tar.str, spec->diff_id.str);
	if (!same && !spec->damages)
		return err_set(err, ERR_INVALID,
			"the layer's recipe is damaged: it makes a tar with digest %s",
			sink.tar.str);
	*out = (struct replay_result){
		.blob = sink.blob, .size = sink.size, .content = r.content, .same = same};
	return 0;
}

/* ---- requests ---- */

static int write_one(
	const struct transfer_message *m, const int *fds, size_t nfds, struct err **err)
{
	if (m->kind != TRANSFER_WRITE || nfds < 2 || m->index >= LAYER_TAR_PACKING_COUNT)
		return err_set(err, ERR_INVALID, "kist-transfer: no request came");
	struct replay_spec spec = {
		.layer = fds[0],
		.side = fds[1],
		.out = nfds > 2 ? fds[2] : -1,
		.packing = m->index,
		.diff_id = m->diff_id,
		.tar_size = m->size,
	};
	struct replay_result result;
	if (replay_layer(&spec, &result, err) < 0)
		return -1;
	struct transfer_message answer = {
		.kind = TRANSFER_WRITTEN, .blob = result.blob, .size = result.size};
	report_send(&answer);
	return 0;
}

int replay_serve(struct err **err)
{
	char room[512];
	for (;;) {
		int fds[FD_PASS_MAX];
		size_t nfds = ARRAY_LEN(fds);
		struct transfer_message m;
		ssize_t n = fd_recv(TRANSFER_FD_CONTROL, room, sizeof(room), fds, &nfds);
		if (n < 0)
			return err_sys(err, errno, "hear from the store");
		if (n == 0)
			return 0;
		int r = transfer_decode(room, (size_t)n, &m, err);
		if (r == 0)
			r = write_one(&m, fds, nfds, err);
		for (size_t i = 0; i < nfds; i++)
			close(fds[i]);
		if (r < 0)
			return -1;
	}
}
