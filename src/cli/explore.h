/*
 * An image taken apart: the tree of all paths that any of its layers has, with what each layer did to them,
 * and what that costs. Filled from the lines of /kist/images/{name}/files, which come from an image that
 * somebody else made: counts are checked, names are shown escaped.
 */
#ifndef KIST_CLI_EXPLORE_H
#define KIST_CLI_EXPLORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

enum change { CHANGE_ADDED, CHANGE_CHANGED, CHANGE_REMOVED };

/** What one layer did to a path. */
struct file_event {
	uint32_t layer;
	uint8_t change;
	char type; /* as ls has it: - d l c b p s; '?' of a removal */
	bool linked; /* a further name of bytes that were counted under another */
	bool seen; /* its bytes are what a container sees in the end */
	uint32_t mode, uid, gid;
	int64_t size;
	uint64_t inode; /* of a file with several names in its layer, else 0 */
	int64_t mtime; /* UTC nanoseconds */
	uint32_t major, minor; /* of a device */
	char *target; /* of a symlink */
};

struct file {
	char *name; /* its last component */
	struct file *parent, *child, *next; /* children in the order of their names */
	struct file *last; /* of the children; while the tree is being made */
	struct file_event *events; /* lowest layer first */
	uint32_t event_count;
	bool open; /* the screen shows what is in it */
};

struct explored_layer {
	char *diff_id, *created_by;
	int64_t size; /* of the regular files that it brought */
	int64_t wasted; /* of those, what no container sees */
	uint32_t added, changed, removed; /* paths */
};

struct explored {
	char *image; /* id */
	char **tags;
	struct file *root; /* without a name; its children are those of "/" */
	struct explored_layer *layers;
	uint32_t layer_count;
	size_t files; /* paths, the root left out */
	int64_t size; /* bytes of all layers */
	int64_t visible; /* of those, what a container sees */
	size_t wasteful; /* paths that cost bytes that nobody sees */
};

struct explored *explored_new(void);
void explored_free(struct explored *x);
static inline void explored_freep(struct explored **x)
{
	explored_free(*x);
	*x = NULL;
}
#define auto_explored __attribute__((cleanup(explored_freep))) struct explored

/** The text of @key, or the bytes that @hex_key tells in its place; NULL if there is neither. New. */
char *explored_text(const json_t *line, const char *key, const char *hex_key);
/** One line of the answer, the first one being the image's. ERR_INVALID for what cannot be. */
int explored_add(struct explored *x, const json_t *line, struct err **err);
/** Call it behind the last line: adds everything up. */
void explored_finish(struct explored *x);

/** 1: all bytes are seen, also if there are none. */
double explored_efficiency(const struct explored *x);
/** The same in per cent, to be shown in steps of @step: what rounds to 100 is a step less where something is wasted. */
double explored_percent(const struct explored *x, double step);
/** The present state after layers 0..@layer: the event that made it; NULL: not there. */
const struct file_event *file_state(const struct file *f, uint32_t layer);
/** What @layer itself did to it, or NULL. */
const struct file_event *file_event_of(const struct file *f, uint32_t layer);
/** Bytes that some layer brought under this name and no container sees. */
int64_t file_wasted(const struct file *f);
/** "/etc/passwd", new. */
char *file_path(const struct file *f);
/** The file behind @f in the order of the lines; NULL behind the last. */
struct file *file_after(const struct file *f);

/** A file and a number by which it stands in a list. */
struct ranked {
	const struct file *file;
	int64_t bytes;
};
/** The @n (0: all) largest files that a container sees, largest first. Free it; *count is how many. */
struct ranked *explored_biggest(const struct explored *x, size_t n, size_t *count);
/** The @n (0: all) paths that waste most. */
struct ranked *explored_wasteful(const struct explored *x, size_t n, size_t *count);

/** "file", "folder"... for a type, as the daemon names it. */
const char *file_type_name(char letter);
/** "-rw-r--r--", "drwxrwxrwt" for a type and mode; room for 11. */
char *file_mode_text(char type, uint32_t mode, char text[11]);

/* explore_text.c */
/** For people, @top lines in each list (0: all). */
void explore_print(const struct explored *x, size_t top, FILE *out);
/** The document that docs/cli.md describes. */
json_t *explore_json(const struct explored *x, size_t top);

/* explore_screen.c */
/** Lets the user walk through it in the terminal until they leave. Returns the exit code. */
int explore_screen(struct explored *x);

#endif
