/*
 * What the screen shows of an explored image: which rows there are, which one is chosen, and what a key does
 * to that. Knows no terminal, so that it can be tested without one.
 */
#ifndef KIST_CLI_EXPLORE_VIEW_H
#define KIST_CLI_EXPLORE_VIEW_H

#include "explore.h"

enum view_key {
	KEY_NONE,
	KEY_CHARACTER, /* view_press() gets it */
	KEY_UP,
	KEY_DOWN,
	KEY_LEFT,
	KEY_RIGHT,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_HOME,
	KEY_END,
	KEY_ENTER,
	KEY_TAB,
	KEY_ESCAPE,
	KEY_BACKSPACE,
};

struct view_row {
	struct file *file;
	unsigned depth; /* 0: in the root */
};

struct view {
	struct explored *x;
	uint32_t layer; /* the one looked at */
	bool alone; /* what it did itself; else the tree as it is after it */
	bool by_size; /* largest first; else by name */
	struct view_row *rows;
	size_t count, room;
	size_t at; /* the chosen row */
	size_t top; /* the first row on the screen */
	size_t height; /* rows that the screen has for the tree; at least 1 */
	bool asking; /* the search is being typed */
	struct buf search; /* what is looked for in names; any case of ASCII */
	const char *notice; /* for the last line; NULL: none */
};

/** Looks at the whole image, the folders of the root shut. */
void view_init(struct view *v, struct explored *x);
void view_free(struct view *v);
/** The rows are made anew: after a key that changes them, or when @height has changed. */
void view_update(struct view *v);
/** Acts on a key; @byte for KEY_CHARACTER. False: the user leaves. */
bool view_press(struct view *v, enum view_key key, char byte);

/** The event that a row stands for in this view; NULL for a folder that is only on the way to others. */
const struct file_event *view_event(const struct view *v, const struct file *f);
/** Bytes of a file, or of all that a folder has in this view. */
int64_t view_size(const struct view *v, const struct file *f);

/** Takes one key from the bytes of a terminal: how many bytes it was, 0 if more are needed for it. */
size_t view_parse_key(const char *p, size_t n, enum view_key *key, char *byte);

#endif
