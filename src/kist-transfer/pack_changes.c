#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/jsonw.h"
#include "base/mem.h"
#include "links.h"
#include "pack_compare.h"
#include "pack_mounts.h"
#include "treewalk.h"

#define FLUSH_AT 65536

enum change { CHANGED, ADDED, DELETED };

struct lister {
	struct tree_walk walk;
	int out;
	struct buf text;
	struct jsonw json;
	bool any;
	bool whole;
	bool sizes; /* not the list is asked for, but the bytes of the files in it */
	uint64_t bytes;
	struct links links;
	/* for each folder that the walk is in, by depth: has it been told already? Does it hide what is below it? */
	struct folder {
		bool told, hides;
	} * folders;
	size_t folders_room;
};

static int flush(struct lister *l, struct err **err)
{
	if (l->text.len && fd_write_all(l->out, l->text.data, l->text.len) < 0)
		return errno == EPIPE ? err_set(err, ERR_CANCELLED, "nobody reads the list")
				      : err_sys(err, errno, "write the list of changes");
	l->text.len = 0;
	return 0;
}

static int write_change(
	struct lister *l, const char *path, size_t n, enum change kind, struct err **err)
{
	if (l->sizes)
		return 0;
	auto_free char *full = xasprintf("/%.*s", (int)n, path);
	if (!l->any)
		jw_array(&l->json, NULL);
	l->any = true;
	jw_object(&l->json, NULL);
	jw_str(&l->json, "Path", full);
	jw_i64(&l->json, "Kind", kind);
	jw_end_object(&l->json);
	return l->text.len >= FLUSH_AT ? flush(l, err) : 0;
}

/* A change inside a folder is one of the folder, too. */
static int tell_folders(struct lister *l, const struct walk_entry *e, struct err **err)
{
	size_t depth = 1;
	for (const char *slash = strchr(e->path, '/'); slash; slash = strchr(slash + 1, '/')) {
		if (!l->folders[depth].told) {
			l->folders[depth].told = true;
			if (write_change(l, e->path, (size_t)(slash - e->path), CHANGED, err) < 0)
				return -1;
		}
		depth++;
	}
	return 0;
}

static int tell(struct lister *l, const struct walk_entry *e, enum change kind, struct err **err)
{
	if (tell_folders(l, e, err) < 0)
		return -1;
	l->folders[e->depth].told = true;
	return write_change(l, e->path, strlen(e->path), kind, err);
}

static int enter(struct lister *l, const struct walk_entry *e, struct err **err)
{
	auto_fd int fd =
		openat(e->upper_dir, e->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return 0; /* gone meanwhile: no more is known of it */
	int opaque = walk_is_opaque(fd);
	if (opaque < 0)
		return err_sys(err, errno, "read an attribute of \"%.256s\"", e->path);
	/* what an opaque folder, or one inside it, does not have itself is deleted */
	bool hides = opaque || l->folders[e->depth - 1].hides;
	l->folders[e->depth].hides = hides;
	walk_enter(&l->walk, true, e->in_lower && S_ISDIR(e->lower.st_mode),
		hides ? IN_UPPER | IN_LOWER : IN_UPPER);
	return 0;
}

static void make_room(struct lister *l, size_t depth)
{
	if (depth >= l->folders_room) {
		l->folders_room = 2 * depth + 16;
		l->folders = xreallocarray(l->folders, l->folders_room, sizeof(*l->folders));
	}
	if (depth == 1)
		l->folders[0] = (struct folder){.hides = l->whole};
	l->folders[depth] = (struct folder){0};
}

static int count_size(struct lister *l, const struct walk_entry *e, struct err **err)
{
	char first[NAME_ROOM];
	if (!l->sizes || !S_ISREG(e->upper.st_mode))
		return 0;
	int r = e->upper.st_nlink > 1 ? links_look(&l->links, &e->upper, 0, e->path, first, err)
				      : 0;
	if (r == 0)
		l->bytes += (uint64_t)e->upper.st_size;
	return r < 0 ? -1 : 0;
}

static int look(struct lister *l, const struct walk_entry *e, struct err **err)
{
	make_room(l, e->depth);
	/* one that is not in the upper folder was asked for in an opaque folder: it hides this one */
	if (!e->in_upper || walk_is_whiteout(&e->upper))
		return e->in_lower ? tell(l, e, DELETED, err) : 0;
	int ours = pack_is_mount_point(e, l->whole, err);
	if (ours)
		return ours < 0 ? -1 : 0;
	int r = e->in_lower ? compare_entry(e, err) : 1;
	if (r < 0 || (r && tell(l, e, e->in_lower ? CHANGED : ADDED, err) < 0) ||
		(r && count_size(l, e, err) < 0))
		return -1;
	return S_ISDIR(e->upper.st_mode) ? enter(l, e, err) : 0;
}

static int go(struct lister *l, const struct pack_spec *spec, struct err **err)
{
	struct walk_entry e;
	int r;
	walk_init(&l->walk, spec->upper, spec->below, spec->below_count,
		spec->whole ? IN_UPPER | IN_LOWER : IN_UPPER);
	walk_limit(&l->walk, spec->max_entries, spec->listing_room, spec->listings_room);
	links_init(&l->links, spec->spool);
	while ((r = walk_next(&l->walk, &e, err)) == 1) {
		r = look(l, &e, err);
		if (r < 0)
			break;
	}
	free(l->folders);
	links_free(&l->links);
	walk_free(&l->walk);
	return r;
}

int pack_changes(const struct pack_spec *spec, struct err **err)
{
	struct lister l = {.out = spec->out, .whole = spec->whole};
	l.json = jsonw_to(&l.text);
	int r = go(&l, spec, err);
	if (r == 0) {
		buf_adds(&l.text, l.any ? "]\n" : "null\n");
		r = flush(&l, err);
	}
	buf_free(&l.text);
	return r;
}

int pack_size(const struct pack_spec *spec, struct err **err)
{
	struct lister l = {.out = spec->out, .whole = spec->whole, .sizes = true};
	int r = go(&l, spec, err);
	if (r == 0) {
		buf_addf(&l.text, "%llu", (unsigned long long)l.bytes);
		r = flush(&l, err);
	}
	buf_free(&l.text);
	return r;
}
