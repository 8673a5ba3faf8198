/*
 * Theory of operation.
 *
 * Whoever decompresses or unpacks a layer may be taken over by what is in it. So this process, which says what the
 * digests are, parses nothing; two confined children do, for one blob only (confine_child.c):
 *
 *	source --> [hash] --> feed --> inflates --> plain --> [copy, hash] --> tar --> unpacks --> work.<index>/
 *
 * feed, plain and tar are lanes (lane.h). The source is read into feed, and hashed there: the child can only read it. What
 * comes out of the inflating child can be changed by it at any time; it is copied once, from plain to tar, and the copy is
 * hashed, which the inflating child has not and the unpacking one can only read: so what is hashed is what is
 * unpacked. A plain blob needs no inflating child (feed is the unpacking one's), a layer that is here already no unpacking one.
 *
 * The end of the unpacking child's lane means that the stream was whole: it is closed only when the inflating child has ended
 * well. A failure ends both children; if it is the blob's own fault (ERR_INVALID, or more memory than decompressing may take),
 * the rest of the source is still hashed, since a blob with another digest was damaged on the way, and that is nobody's fault.
 *
 * One thread, since it forks; nothing blocks but poll().
 */
#include "pipeline.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "hash.h"
#include "lane.h"

#define HEAD 16 /* enough to tell a compression */
#define PROGRESS_STEP (4u << 20)
#define ROOM_MS 100 /* a fast disk takes some hundred MB in that time */
#define COPY_EARLY (4 << 20)

struct pipeline {
	const struct pipeline_spec *spec;
	struct layer *layer;
	struct source *from;
	struct hash *blob, *diff; /* diff: NULL for a plain blob */
	struct child inflating, unpacking;
	int work; /* the unpacking child's root; -1 */
	char work_name[32];
	struct lane
		feed; /* the blob's bytes go there; closed: no more, or it is where they are hashed */
	struct lane plain; /* the tar's come from there; closed: it is the blob, or it has ended */
	struct lane tar; /* and go there; closed: nowhere, or no more */
	char *copied_plain; /* a slot, for what goes nowhere; or NULL */
	int copy; /* and the blob's there; -1 nowhere */
	off_t copied, early; /* bytes of the copy; of them handed to the disk */
	bool ended; /* the source has */
	int idle; /* milliseconds for which it was a child's turn, and nothing happened */
	size_t len; /* of feed's next slot: hashed, not yet handed on */
	uint64_t tar_size, told;
	struct err *failed; /* why the layer cannot be used */
};

/* ---- beginning ---- */

/* A folder of its own, locked as the staging folder is: a killed supervisor's child may live a moment longer. */
static int make_work(struct pipeline *p, struct err **err)
{
	snprintf(p->work_name, sizeof(p->work_name), "work.%u", p->layer->index);
	p->work = unpack_folder_make(p->spec->run->root, "work", p->layer->index, 0700, err);
	if (p->work >= 0 && flock(p->work, LOCK_SH) < 0)
		return err_sys(err, errno, "lock %s", p->work_name);
	return p->work < 0 ? -1 : 0;
}

static int start_inflating(struct pipeline *p, struct err **err)
{
	if (lane_connect(&p->feed, err) < 0 || lane_make(&p->plain, false, err) < 0 ||
		lane_connect(&p->plain, err) < 0)
		return -1;
	const struct child_spec spec = {
		.tools = p->spec->tools,
		.filters = p->spec->filters,
		.kind = CHILD_INFLATES,
		.from = &p->feed,
		.to = &p->plain,
		.how = p->layer->how,
		.folder = -1,
	};
	int r = child_start(&p->inflating, &spec, err);
	lane_started(&p->feed);
	lane_started(&p->plain);
	return r;
}

static int start_unpacking(struct pipeline *p, struct err **err)
{
	struct lane *to = p->layer->how == PLAIN ? &p->feed : &p->tar;
	if (make_work(p, err) < 0 || (to == &p->tar && lane_make(to, true, err) < 0) ||
		lane_connect(to, err) < 0)
		return -1;
	const struct child_spec spec = {
		.tools = p->spec->tools,
		.filters = p->spec->filters,
		.kind = CHILD_UNPACKS,
		.from = to,
		.folder = p->work,
		.index = p->layer->index,
		.limits = p->spec->run->limits,
	};
	int r = child_start(&p->unpacking, &spec, err);
	lane_started(to);
	return r;
}

static int copy_blob(struct pipeline *p, const char *bytes, size_t n, struct err **err)
{
	if (fd_write_all(p->copy, bytes, n) < 0)
		return err_sys(err, errno, "write a blob");
	p->copied += (off_t)n;
	/* the less is left for the syncfs() at the end */
	if (p->copied - p->early >= COPY_EARLY) {
		sync_file_range(p->copy, p->early, p->copied - p->early, SYNC_FILE_RANGE_WRITE);
		p->early = p->copied;
	}
	return 0;
}

static int start_copy(struct pipeline *p, struct err **err)
{
	char name[32];
	snprintf(name, sizeof(name), "blob.%u", p->layer->index);
	p->copy = openat(p->spec->run->root, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (p->copy < 0)
		return err_sys(err, errno, "write %s", name);
	return copy_blob(p, lane_room(&p->feed), p->len, err);
}

static int start(struct pipeline *p, struct err **err)
{
	p->layer->how = stream_detect(lane_room(&p->feed), p->len);
	/* a plain one is what its recipe gives back */
	p->layer->keep = p->layer->keep && p->layer->how != PLAIN;
	if (p->layer->keep && start_copy(p, err) < 0)
		return -1;
	if (p->layer->how != PLAIN) {
		p->diff = hash_new();
		if (start_inflating(p, err) < 0)
			return -1;
	}
	return p->layer->unpack ? start_unpacking(p, err) : 0;
}

/* ---- ending ---- */

static void close_end(int *fd)
{
	fd_close(*fd);
	*fd = -1;
}

static void stop(struct pipeline *p)
{
	child_end(&p->inflating);
	child_end(&p->unpacking);
	lane_close(&p->feed);
	lane_close(&p->plain);
	lane_close(&p->tar);
	close_end(&p->copy);
}

/* The layer cannot be used; the first reason counts. */
static void refuse(struct pipeline *p, struct err **why)
{
	stop(p);
	if (!p->failed)
		err_move(&p->failed, why);
	err_freep(why);
}

static int contradicts(const struct pipeline *p, struct err **err)
{
	return err_set(
		err, ERR_SYSTEM, "unpacking layer %s ended before the layer did", p->layer->name);
}

/* What was unpacked, from the child's folder to where the store looks for it. Only the layer's own files are at stake. */
static int take_work(struct pipeline *p, struct err **err)
{
	static const char *const kinds[] = {"layer", "recipe"};
	int root = p->spec->run->root;
	char name[32];
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		snprintf(name, sizeof(name), "%s.%u", kinds[i], p->layer->index);
		if (renameat(p->work, name, root, name) < 0)
			return err_sys(err, errno, "take %s", name);
	}
	return 0;
}

/* What is half done would take room until the end of the pull. */
static void leave_work(struct pipeline *p)
{
	if (p->work < 0)
		return;
	close_end(&p->work);
	(void)tree_remove(p->spec->run->root, p->work_name, NULL); /* else the store removes it */
}

/* What a child says it has used of a limit, added to what was used before. */
static uint64_t used(uint64_t before, uint64_t said, uint64_t max)
{
	uint64_t most = said < max ? said : max;
	return most > before ? most : before;
}

static int take_result(struct pipeline *p, struct err **err)
{
	const struct child_outcome *said = &p->unpacking.said;
	struct unpack_limits *limits = &p->spec->run->limits;
	struct layer *layer = p->layer;
	layer->unpacked = (struct unpack_result){
		.size = said->unpacked.size,
		.opaque = said->unpacked.opaque,
		.tar_size = p->tar_size,
		.recipe_size = said->unpacked.recipe_size,
	};
	if (said->unpacked.tar_size != p->tar_size)
		return contradicts(p, err);
	limits->bytes = used(limits->bytes, said->bytes, limits->max_bytes);
	limits->entries = used(limits->entries, said->entries, limits->max_entries);
	return take_work(p, err);
}

static int finish(struct pipeline *p, struct err **err)
{
	struct layer *layer = p->layer;
	/* as far as it came, which is all of it unless a failure was not the blob's fault */
	if (p->ended)
		hash_end(p->blob, &layer->blob);
	if (p->failed)
		return err_move(err, &p->failed);
	if (p->diff)
		hash_end(p->diff, &layer->diff_id);
	else
		layer->diff_id = layer->blob;
	if (p->spec->progress)
		p->spec->progress(layer);
	return layer->unpack ? take_result(p, err) : 0;
}

/* ---- moving bytes ---- */

static int guard(struct pipeline *p, struct err **err)
{
	const struct run *run = p->spec->run;
	uint32_t ratio = run->max_ratio ? run->max_ratio : 1;
	if (run->inner > RATIO_FLOOR && run->inner / ratio > run->in)
		return err_set(err, ERR_TOO_LARGE,
			"archive unpacks to more than %u times its size: refused as a "
			"decompression bomb",
			ratio);
	return 0;
}

/* An unpacking child that was taken over need not count what it writes; nobody counts a blob that is kept. */
static int guard_room(struct pipeline *p, struct err **err)
{
	const struct room *floor = &p->spec->run->floor;
	struct room now;
	auto_err *why = NULL;
	if (!p->unpacking.pid && p->copy < 0)
		return 0;
	if (room_look(p->spec->run->root, &now, err) < 0)
		return -1;
	if (now.bytes >= floor->bytes && now.files >= floor->files)
		return 0;
	err_set(&why, ERR_TOO_LARGE, "layer %s: the disk is full but for %llu bytes and %llu files",
		p->layer->name, (unsigned long long)now.bytes, (unsigned long long)now.files);
	refuse(p, &why);
	return 0;
}

static void count_plain(struct pipeline *p, size_t n)
{
	auto_err *why = NULL;
	p->tar_size += n;
	p->spec->run->inner += n;
	if (guard(p, &why) < 0)
		refuse(p, &why);
}

static void tell(struct pipeline *p)
{
	if (p->layer->blob_size - p->told < PROGRESS_STEP)
		return;
	p->told = p->layer->blob_size;
	if (p->spec->progress)
		p->spec->progress(p->layer);
}

/* All functions that move bytes: 1 something moved, 0 nothing can be at the moment, -1 the source failed. What is put into a
 * lane has been hashed and counted. */

/* A lane failed (errno): nobody reads there any more, and why, the child says itself; or it does not keep to the slots. */
static void lost(struct pipeline *p, struct lane *l)
{
	auto_err *why = NULL;
	if (errno == EPIPE) {
		lane_close(l);
		return;
	}
	err_sys(&why, errno, "%s layer %s: the memory that is shared with the child",
		l == &p->plain ? "decompress" : "hand on", p->layer->name);
	refuse(p, &why);
}

static void put(struct pipeline *p, struct lane *l, size_t n)
{
	if (lane_is_open(l) && lane_put(l, n) < 0)
		lost(p, l);
}

/* Where the source is to be read to; NULL: not yet. */
static char *room_to_feed(struct pipeline *p)
{
	char *room = lane_is_open(&p->feed) ? lane_room(&p->feed) : p->feed.slots;
	if (!room && errno != EAGAIN) {
		lost(p, &p->feed);
		room = p->feed.slots; /* hashed, which is all that is wanted */
	}
	return room;
}

static int take(struct pipeline *p, char *to, struct err **err)
{
	ssize_t n = p->from->read(p->from, to + p->len, LANE_SLOT - p->len, err);
	if (n < 0)
		return n == SOURCE_WAIT ? 0 : -1;
	if (n == 0) {
		p->ended = true;
		return 1;
	}
	hash_add(p->blob, to + p->len, (size_t)n);
	p->layer->blob_size += (uint64_t)n;
	if (p->copy >= 0 && copy_blob(p, to + p->len, (size_t)n, err) < 0)
		return -1;
	p->len += (size_t)n;
	tell(p);
	return 1;
}

/* What was taken goes to whom it is for. */
static void give(struct pipeline *p)
{
	if (p->len && !p->failed && p->layer->how == PLAIN)
		count_plain(p, p->len);
	if (p->len)
		put(p, &p->feed, p->len);
	p->len = 0;
	if (p->ended)
		lane_close(&p->feed);
}

static int take_more(struct pipeline *p, struct err **err)
{
	char *room = p->ended ? NULL : room_to_feed(p);
	int r = room ? take(p, room, err) : 0;
	if (r > 0)
		give(p);
	return r;
}

/* The child may change @bytes at any time. They are read here once, to be copied to @room, or, where nobody unpacks (NULL),
 * to where a digest function may read them as often as it likes. */
static void pass_plain(struct pipeline *p, char *room, const void *bytes, size_t n)
{
	if (!room && !p->copied_plain)
		p->copied_plain = xmalloc(LANE_SLOT);
	char *own = room ? room : p->copied_plain;
	memcpy(own, bytes, n);
	hash_add(p->diff, own, n);
	count_plain(p, n);
	if (room)
		put(p, &p->tar, n);
}

static int move_plain(struct pipeline *p)
{
	const void *bytes;
	char *room = NULL;
	if (!lane_is_open(&p->plain) || (p->layer->unpack && !lane_is_open(&p->tar)))
		return 0;
	if (p->layer->unpack && !(room = lane_room(&p->tar))) {
		if (errno == EAGAIN)
			return 0;
		lost(p, &p->tar);
		return 1;
	}
	ssize_t n = lane_take(&p->plain, &bytes);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n > 0)
		pass_plain(p, room, bytes, (size_t)n);
	if (n == 0)
		lane_close(&p->plain);
	else if (n < 0 || (lane_is_open(&p->plain) && lane_give_back(&p->plain) < 0))
		lost(p, &p->plain);
	return 1;
}

/* ---- the children's ends ---- */

static void hear(struct pipeline *p, struct child *c)
{
	auto_err *why = NULL;
	int r = c->report >= 0 ? child_hear(c, &why) : 0;
	/* what has unpacked everything has seen the end of its input, which is closed by us alone */
	if (r == 1 && c == &p->unpacking &&
		(lane_is_open(&p->feed) || lane_is_open(&p->plain) || lane_is_open(&p->tar)))
		r = contradicts(p, &why);
	/* what comes behind the end of what is compressed is hashed, and nobody waits for it */
	if (r == 1 && c == &p->inflating)
		lane_close(&p->feed);
	/* who inflates has no limit that is shared with other layers */
	if (r < 0 && !p->failed)
		p->layer->limited = c == &p->inflating && why->kind == ERR_TOO_LARGE;
	if (r < 0)
		refuse(p, &why);
}

/* The stream was whole: only now the unpacking child may see its end. */
static void end_tar(struct pipeline *p)
{
	if (p->inflating.done && !lane_is_open(&p->plain))
		lane_close(&p->tar);
}

static bool over(const struct pipeline *p)
{
	if (p->failed)
		return p->ended || p->spec->early ||
		       (p->failed->kind != ERR_INVALID && !p->layer->limited);
	if (!p->ended || lane_is_open(&p->feed) || lane_is_open(&p->plain) || lane_is_open(&p->tar))
		return false;
	return p->inflating.report < 0 && p->unpacking.report < 0;
}

/* It is a child's turn, not the source's. */
static bool is_owed(const struct pipeline *p)
{
	return !p->failed && (p->ended || lane_is_full(&p->feed) || lane_is_full(&p->tar));
}

static void stand_still(struct pipeline *p)
{
	auto_err *why = NULL;
	err_set(&why, ERR_SYSTEM, "%s layer %s stood still for %d s",
		lane_is_full(&p->tar) || p->inflating.report < 0 ? "unpacking" : "decompressing",
		p->layer->name, p->spec->stall_ms / 1000);
	refuse(p, &why);
}

/* How long to wait: while somebody unpacks, the room that is left is looked at again and again. */
static int patience(const struct pipeline *p)
{
	int ms = is_owed(p) ? p->spec->stall_ms - p->idle : -1;
	return p->unpacking.pid && (ms < 0 || ms > ROOM_MS) ? ROOM_MS : ms;
}

static int wait_for_any(struct pipeline *p, struct err **err)
{
	struct pollfd fds[6];
	nfds_t n = 0;
	bool feed_full = lane_is_full(&p->feed), tar_full = lane_is_full(&p->tar);
	bool plain = !tar_full && (!p->layer->unpack || lane_is_open(&p->tar));
	/* one that is always readable would never let us wait */
	bool room = p->from->hear || (!p->ended && !feed_full);
	/* poll() passes over -1 */
	fds[n++] = (struct pollfd){room ? p->from->fd : -1, POLLIN, 0};
	fds[n++] = (struct pollfd){p->inflating.report, POLLIN, 0};
	fds[n++] = (struct pollfd){p->unpacking.report, POLLIN, 0};
	fds[n++] = (struct pollfd){feed_full ? p->feed.back : -1, POLLIN, 0};
	fds[n++] = (struct pollfd){plain ? p->plain.full : -1, POLLIN, 0};
	fds[n++] = (struct pollfd){tar_full ? p->tar.back : -1, POLLIN, 0};
	int ms = patience(p), r = poll(fds, n, ms);
	if (r < 0 && errno != EINTR)
		return err_sys(err, errno, "wait for a layer");
	p->idle = r == 0 && is_owed(p) ? p->idle + ms : 0;
	if (p->idle >= p->spec->stall_ms)
		stand_still(p);
	if (r <= 0)
		return 0;
	if (fds[1].revents)
		hear(p, &p->inflating);
	if (fds[2].revents)
		hear(p, &p->unpacking);
	return fds[0].revents && p->from->hear ? p->from->hear(p->from, err) : 0;
}

static int run(struct pipeline *p, struct err **err)
{
	while (!over(p)) {
		int moved = take_more(p, err);
		if (moved < 0 || guard_room(p, err) < 0)
			return -1;
		moved += move_plain(p);
		end_tar(p);
		if (!moved && !over(p) && wait_for_any(p, err) < 0)
			return -1;
	}
	return 0;
}

/* The first bytes, which say what they are compressed with. */
static int look(struct pipeline *p, struct err **err)
{
	while (!p->ended && p->len < HEAD) {
		int r = take(p, p->feed.slots, err);
		if (r < 0 || (r == 0 && wait_for_any(p, err) < 0))
			return -1;
	}
	return 0;
}

int pipeline_stage(const struct pipeline_spec *spec, struct layer *layer, struct source *from,
	struct err **err)
{
	auto_hash *blob = hash_new();
	struct pipeline p = {
		.spec = spec,
		.layer = layer,
		.from = from,
		.blob = blob,
		.inflating = CHILD_NONE,
		.unpacking = CHILD_NONE,
		.work = -1,
		.feed = LANE_NONE,
		.plain = LANE_NONE,
		.tar = LANE_NONE,
		.copy = -1,
	};
	int r = lane_make(&p.feed, true, err);
	if (r == 0)
		r = look(&p, err);
	if (r == 0)
		r = start(&p, err);
	if (r == 0) {
		give(&p);
		r = run(&p, err);
	}
	stop(&p);
	if (r == 0)
		r = finish(&p, err);
	leave_work(&p);
	lane_free(&p.feed);
	lane_free(&p.plain);
	lane_free(&p.tar);
	free(p.copied_plain);
	hash_free(p.diff);
	err_freep(&p.failed);
	return r;
}
