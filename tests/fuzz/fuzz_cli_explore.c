/* Lines of an image's files, each a JSON document, then what is made of them: sums, text, and the screen, which is
 * driven by the bytes behind a NUL. Names are escaped: nothing that is printed may steer a terminal. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "escape.h"
#include "explore.h"
#include "explore_view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct explored *x)
{
	for (const struct file *f = file_after(x->root); f; f = file_after(f)) {
		auto_free char *path = file_path(f);
		auto_free char *shown = escape_name(path);
		for (const char *c = shown; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 127)
				abort();
	}
}

static void press(struct view *v, const char *p, size_t n)
{
	enum view_key key;
	char byte;
	while (n) {
		size_t used = view_parse_key(p, n, &key, &byte);
		if (used == 0 || used > n || !view_press(v, key, byte))
			return;
		if (v->count &&
			(v->at >= v->count || v->at < v->top || v->at >= v->top + v->height))
			abort();
		p += used;
		n -= used;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	auto_explored *x = explored_new();
	struct view v;
	const uint8_t *keys = memchr(data, 0, size);
	const char *p = (const char *)data, *end = p + (keys ? (size_t)(keys - data) : size);
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((newline ? newline : end) - p);
		auto_json *j = json_parse(p, n, "line", NULL);
		if (j && explored_add(x, j, NULL) < 0)
			break;
		p += n + 1;
	}
	explored_finish(x);
	if (x->visible > x->size || explored_efficiency(x) < 0 || explored_efficiency(x) > 1)
		abort();
	check_names(x);
	json_decref(explore_json(x, 3));
	view_init(&v, x);
	if (keys)
		press(&v, (const char *)keys + 1, size - (size_t)(keys + 1 - data));
	view_free(&v);
	return 0;
}
