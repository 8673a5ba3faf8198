/*
 * Published ports that keep their number are joined into ranges per address and protocol; the others
 * follow one by one.
 */
#include "ports.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

struct port {
	const char *ip, *type;
	int inside, outside;
};

struct range {
	const char *ip, *type;
	int first, last;
};

static int compare(const void *x, const void *y)
{
	const struct port *a = x, *b = y;
	if (a->inside != b->inside)
		return a->inside - b->inside;
	int c = strcmp(a->ip, b->ip);
	if (c)
		return c;
	if (a->outside != b->outside)
		return a->outside - b->outside;
	return strcmp(a->type, b->type);
}

static void separate(struct buf *out)
{
	if (out->len)
		buf_adds(out, ", ");
}

static void add_address(struct buf *out, const char *ip)
{
	buf_addf(out, strchr(ip, ':') ? "[%s]:" : "%s:", ip);
}

static void add_range(struct buf *out, const struct range *r)
{
	char text[32];
	if (r->first == r->last)
		snprintf(text, sizeof(text), "%d", r->first);
	else
		snprintf(text, sizeof(text), "%d-%d", r->first, r->last);
	separate(out);
	if (*r->ip) {
		add_address(out, r->ip);
		buf_addf(out, "%s->", text);
	}
	buf_addf(out, "%s/%s", text, r->type);
}

static struct range *find_range(struct range *ranges, size_t n, const struct port *p)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(ranges[i].ip, p->ip) && str_eq(ranges[i].type, p->type))
			return &ranges[i];
	return NULL;
}

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

char *ports_text(const json_t *list)
{
	size_t n = json_array_size(list), nranges = 0;
	auto_free struct port *ports = xcalloc(n + 1, sizeof(*ports));
	auto_free struct range *ranges = xcalloc(n + 1, sizeof(*ranges));
	struct buf out = BUF_INIT;
	auto_buf mapped = BUF_INIT;
	for (size_t i = 0; i < n; i++) {
		const json_t *j = json_array_get(list, i);
		ports[i] = (struct port){text_of(j, "IP"), text_of(j, "Type"),
			(int)json_integer_value(json_object_get(j, "PrivatePort")),
			(int)json_integer_value(json_object_get(j, "PublicPort"))};
	}
	qsort(ports, n, sizeof(*ports), compare);
	for (size_t i = 0; i < n; i++) {
		const struct port *p = &ports[i];
		if (*p->ip && p->inside != p->outside) {
			separate(&mapped);
			add_address(&mapped, p->ip);
			buf_addf(&mapped, "%d->%d/%s", p->outside, p->inside, p->type);
			continue;
		}
		struct range *r = find_range(ranges, nranges, p);
		if (r && p->inside == r->last + 1) {
			r->last = p->inside;
		} else if (r) {
			add_range(&out, r);
			r->first = r->last = p->inside;
		} else {
			ranges[nranges++] = (struct range){p->ip, p->type, p->inside, p->inside};
		}
	}
	for (size_t i = 0; i < nranges; i++)
		add_range(&out, &ranges[i]);
	if (mapped.len) {
		separate(&out);
		buf_adds(&out, mapped.data);
	}
	return buf_steal(&out);
}
