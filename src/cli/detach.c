#include "detach.h"

#include <ctype.h>
#include <string.h>

#include "base/str.h"

static int parse_key(const char *s, unsigned char *key)
{
	const char *ctrl = str_after(s, "ctrl-");
	if (strlen(s) == 1) {
		*key = (unsigned char)*s;
		return 0;
	}
	if (!ctrl || strlen(ctrl) != 1)
		return -1;
	int c = toupper((unsigned char)*ctrl);
	if (c < '@' || c > '_')
		return -1;
	*key = (unsigned char)(c - '@');
	return 0;
}

int detach_parse(struct detach *d, const char *text, struct err **err)
{
	auto_strv keys = strv_split(text, ',');
	*d = (struct detach){0};
	for (size_t i = 0; keys[i]; i++) {
		if (d->count == DETACH_MAX_KEYS)
			return err_set(err, ERR_INVALID,
				"invalid detach keys (%s): more than %d keys", text,
				DETACH_MAX_KEYS);
		if (parse_key(keys[i], &d->keys[d->count++]) < 0)
			return err_set(err, ERR_INVALID,
				"invalid detach keys (%s): Unknown character: '%s'", text, keys[i]);
	}
	return 0;
}

bool detach_filter(struct detach *d, const char *p, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		if (d->count && c == d->keys[d->matched]) {
			if (++d->matched == d->count)
				return true;
			continue;
		}
		/* not the sequence after all: let go what was held back */
		buf_add(out, d->keys, d->matched);
		d->matched = d->count && c == d->keys[0] ? 1 : 0;
		if (d->matched && d->count == 1)
			return true;
		if (!d->matched)
			buf_addc(out, (char)c);
	}
	return false;
}
