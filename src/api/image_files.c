/*
 * GET /kist/images/{name}/files and /diff: one JSON document a line, as the walks through the layers come to
 * it, so that an image of any size costs the daemon one folder at a time.
 */
#include "engine/image.h"

#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "pages.h"
#include "store/tree.h"

#define LINES_TYPE "application/x-ndjson"
#define CREATED_BY_MAX 1000 /* bytes */

/* ---- both ---- */

static const char *type_name(mode_t mode)
{
	static const struct {
		mode_t type;
		const char *name;
	} names[] = {{S_IFREG, "file"}, {S_IFDIR, "folder"}, {S_IFLNK, "symlink"},
		{S_IFCHR, "char"}, {S_IFBLK, "block"}, {S_IFIFO, "fifo"}, {S_IFSOCK, "socket"}};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if ((mode & S_IFMT) == names[i].type)
			return names[i].name;
	return "unknown";
}

static void write_node(struct jsonw *w, const struct store_node *n)
{
	jw_str(w, "Type", type_name(n->mode));
	jw_i64(w, "Mode", n->mode & 07777);
	jw_i64(w, "Uid", n->uid);
	jw_i64(w, "Gid", n->gid);
	if (S_ISREG(n->mode))
		jw_i64(w, "Size", n->size);
	if (n->inode)
		jw_u64(w, "Inode", n->inode);
	if (n->target)
		jw_bytes(w, "Target", "TargetHex", n->target);
	if (S_ISCHR(n->mode) || S_ISBLK(n->mode)) {
		jw_i64(w, "Major", n->rdev_major);
		jw_i64(w, "Minor", n->rdev_minor);
	}
	jw_time(w, "ModTime", n->mtime);
}

/* What fails in the middle is the last line. */
static void write_failure(struct buf *out, const struct err *e)
{
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	jw_str(&w, "error", err_msg(e));
	jw_end_object(&w);
	buf_addc(out, '\n');
}

/* ---- files ---- */

struct listing {
	struct buf head; /* the first line, until it is sent */
	struct store_tree *tree;
};

static void write_entry(struct buf *out, const struct store_tree_entry *e)
{
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	jw_bytes(&w, "Path", "PathHex", e->path);
	jw_array(&w, "Events");
	for (size_t i = 0; i < e->count; i++) {
		jw_object(&w, NULL);
		jw_i64(&w, "Layer", e->events[i].layer);
		jw_str(&w, "Change", store_change_name(e->events[i].change));
		if (e->events[i].change != STORE_REMOVED)
			write_node(&w, &e->events[i].node);
		jw_end_object(&w);
	}
	jw_end_array(&w);
	jw_end_object(&w);
	buf_addc(out, '\n');
}

static bool files_more(void *arg, struct buf *out)
{
	struct listing *l = arg;
	struct store_tree_entry e;
	auto_err *err = NULL;
	if (l->head.len) {
		buf_add(out, l->head.data, l->head.len);
		buf_free(&l->head);
		return true;
	}
	int r = store_tree_next(l->tree, &e, &err);
	if (r == 1)
		write_entry(out, &e);
	else if (r < 0)
		write_failure(out, err);
	return r == 1;
}

static void files_close(void *arg)
{
	struct listing *l = arg;
	store_tree_close(l->tree);
	buf_free(&l->head);
	free(l);
}

static const struct pages_ops files_ops = {files_more, files_close};

/* So that the line stays short whatever an image says. */
static char *beginning_of(const char *text)
{
	size_t n = strnlen(text, CREATED_BY_MAX);
	while (n > 0 && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return xstrndup(text, n);
}

/* Each layer with the step that made it, as far as the history tells. */
static int write_layers(
	struct jsonw *w, struct request *req, const struct store_image *i, struct err **err)
{
	struct store_history *rows;
	size_t n;
	const struct oci_image *c = i->config;
	if (store_image_history(engine_store(req_engine(req)), i, &rows, &n, err) < 0)
		return -1;
	size_t step = 0;
	jw_array(w, "Layers");
	for (size_t layer = 0; layer < c->diff_id_count; layer++, step++) {
		while (step < n && c->history[step].empty_layer)
			step++;
		jw_object(w, NULL);
		jw_str(w, "DiffId", c->diff_ids[layer].str);
		auto_free char *by = beginning_of(step < n ? rows[n - 1 - step].created_by : "");
		jw_str(w, "CreatedBy", by);
		jw_end_object(w);
	}
	jw_end_array(w);
	store_history_free(rows, n);
	return 0;
}

static int write_head(
	struct buf *out, struct request *req, const struct store_image *i, struct err **err)
{
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	jw_str(&w, "Image", i->id.str);
	jw_strv(&w, "RepoTags", i->repo_tags);
	if (write_layers(&w, req, i, err) < 0)
		return -1;
	jw_end_object(&w);
	buf_addc(out, '\n');
	return 0;
}

int api_kist_image_files(struct request *req, struct err **err)
{
	auto_store_image *i = engine_image_inspect(req_engine(req), req_var(req, "name"), err);
	if (!i)
		return -1;
	struct listing *l = xcalloc(1, sizeof(*l));
	if (write_head(&l->head, req, i, err) == 0)
		l->tree = store_tree_open(engine_store(req_engine(req)), &i->id, err);
	if (!l->tree) {
		files_close(l);
		return -1;
	}
	res_pages(req, LINES_TYPE, &files_ops, l);
	return 0;
}

/* ---- diff ---- */

static void write_side(struct jsonw *w, const char *key, const struct store_node *n)
{
	if (!n)
		return;
	jw_object(w, key);
	write_node(w, n);
	jw_end_object(w);
}

static void write_difference(struct buf *out, const struct store_diff_entry *e)
{
	static const struct {
		unsigned bit;
		const char *name;
	} names[] = {{STORE_DIFFERS_TYPE, "type"}, {STORE_DIFFERS_CONTENT, "content"},
		{STORE_DIFFERS_MODE, "mode"}, {STORE_DIFFERS_OWNER, "owner"}};
	struct jsonw w = jsonw_to(out);
	jw_object(&w, NULL);
	jw_bytes(&w, "Path", "PathHex", e->path);
	jw_str(&w, "Change", store_change_name(e->change));
	if (e->change == STORE_CHANGED) {
		jw_array(&w, "Differs");
		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (e->differences & names[i].bit)
				jw_str(&w, NULL, names[i].name);
		jw_end_array(&w);
	}
	write_side(&w, "A", e->a);
	write_side(&w, "B", e->b);
	jw_end_object(&w);
	buf_addc(out, '\n');
}

static bool diff_more(void *arg, struct buf *out)
{
	struct store_diff_entry e;
	auto_err *err = NULL;
	int r = store_diff_next(arg, &e, &err);
	if (r == 1)
		write_difference(out, &e);
	else if (r < 0)
		write_failure(out, err);
	return r == 1;
}

static void diff_close(void *arg)
{
	store_diff_close(arg);
}

static const struct pages_ops diff_ops = {diff_more, diff_close};

int api_kist_image_diff(struct request *req, struct err **err)
{
	struct engine *e = req_engine(req);
	const char *with = req_query(req, "with");
	if (str_empty(with))
		return err_set(err, ERR_INVALID, "with= has to name the image to compare with");
	auto_store_image *a = engine_image_inspect(e, req_var(req, "name"), err);
	auto_store_image *b = a ? engine_image_inspect(e, with, err) : NULL;
	struct store_diff *d = b ? store_diff_open(engine_store(e), &a->id, &b->id, err) : NULL;
	if (!d)
		return -1;
	res_pages(req, LINES_TYPE, &diff_ops, d);
	return 0;
}
