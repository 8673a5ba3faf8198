#include "op.h"

#include "base/mem.h"
#include "base/str.h"
#include "control.h"
#include "timer.h"

void op_add(struct op *op, struct client *c, uint32_t id)
{
	op->c = c;
	op->id = id;
	op->poll_fd = -1;
	op->next = c->ops;
	c->ops = op;
}

struct op *op_find(struct client *c, uint32_t id)
{
	struct op *op = c->ops;
	while (op && op->id != id)
		op = op->next;
	return op;
}

void op_end(struct op *op)
{
	for (struct op **p = &op->c->ops; *p; p = &(*p)->next) {
		if (*p == op) {
			*p = op->next;
			break;
		}
	}
	exchange_cancel(op->x);
	timer_clear(op->c, op);
	op->free(op);
}

void op_fail(struct op *op, const struct err *err)
{
	control_error(op->c, op->id, err);
	op_end(op);
}

void op_settle_all(struct client *c)
{
	struct op *next;
	for (struct op *op = c->ops; op; op = next) {
		auto_err *err = NULL;
		next = op->next;
		if (op->settle && op->settle(op, &err) < 0)
			op_fail(op, err);
	}
}

int refuse_html(const struct http *h, struct err **err)
{
	const char *type = h->headers.content_type;
	if (!type || strncasecmp(type, "text/html", 9) != 0)
		return 0;
	auto_free char *url = http_shown(h->url);
	return err_set(err, ERR_INVALID,
		"%s: the answer is HTML: this is no registry, or something in between answers for "
		"it",
		url);
}

int collect(struct buf *to, size_t max, struct http *h, const char *p, size_t n, struct err **err)
{
	if (to->len + n > max) {
		auto_free char *url = http_shown(h->url);
		return err_set(
			err, ERR_TOO_LARGE, "%s: the answer has more than %zu bytes", url, max);
	}
	buf_add(to, p, n);
	return 0;
}

char *next_link(const struct http *h)
{
	const char *p = h->headers.link;
	while (p && (p = strchr(p, '<'))) {
		size_t n = strcspn(++p, ">");
		const char *rest = p + n;
		size_t params = strcspn(rest, ",");
		auto_free char *tail = xstrndup(rest, params);
		if (*rest == '>' && (strstr(tail, "rel=\"next\"") || strstr(tail, "rel=next")))
			return xstrndup(p, n);
		p = rest + params;
	}
	return NULL;
}
