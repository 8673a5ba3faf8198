#include "detach.h"

#include "base/mem.h"

void detach_init(struct detach *d, const char *keys)
{
	*d = (struct detach){0};
	if (!keys || !*keys)
		return;
	d->keys = xstrdup(keys);
	d->len = strlen(keys);
}

/* How much of keys[0..held) + c is a beginning of keys, given that it is not keys[held]. The sequence is a
 * handful of bytes, so trying every length is fine. */
static size_t fall_back(const struct detach *d, char c)
{
	for (size_t n = d->held; n > 0; n--)
		if (d->keys[n - 1] == c && memcmp(d->keys, d->keys + d->held - (n - 1), n - 1) == 0)
			return n;
	return 0;
}

bool detach_feed(struct detach *d, const char *in, size_t n, struct buf *out)
{
	if (!d->len) {
		buf_add(out, in, n);
		return false;
	}
	size_t start = 0; /* of the bytes in @in that are neither held nor passed on */
	for (size_t i = 0; i < n; i++) {
		if (in[i] == d->keys[d->held]) {
			if (d->held == 0) {
				buf_add(out, in + start, i - start);
			}
			start = i + 1;
			if (++d->held == d->len) {
				d->held = 0;
				return true;
			}
			continue;
		}
		if (d->held == 0)
			continue;
		size_t keep = fall_back(d, in[i]);
		/* held + this byte, less what may still become the sequence */
		size_t pass = d->held + 1 - keep;
		if (pass <= d->held) {
			buf_add(out, d->keys, pass);
		} else {
			buf_add(out, d->keys, d->held);
			buf_addc(out, in[i]);
		}
		d->held = keep;
		start = i + 1;
	}
	if (d->held == 0)
		buf_add(out, in + start, n - start);
	return false;
}

void detach_flush(struct detach *d, struct buf *out)
{
	if (d->held)
		buf_add(out, d->keys, d->held);
	d->held = 0;
}

void detach_clear(struct detach *d)
{
	free(d->keys);
	*d = (struct detach){0};
}
