#include "control.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"

struct out_record {
	struct out_record *next;
	size_t size;
	char bytes[];
};

/* true if it is sent; what cannot be sent because nobody listens needs no answer either. */
static bool try_send(int fd, const void *p, size_t n)
{
	if (fd_send(fd, p, n, NULL, 0) == 0)
		return true;
	if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		return false;
	_exit(1);
}

void control_send(struct client *c, const struct record *r)
{
	auto_buf b = BUF_INIT;
	record_encode(r, &b);
	if (!c->out_first && try_send(c->control, b.data, b.len))
		return;
	struct out_record *o = xmalloc(sizeof(*o) + b.len);
	o->next = NULL;
	o->size = b.len;
	memcpy(o->bytes, b.data, b.len);
	if (c->out_last)
		c->out_last->next = o;
	else
		c->out_first = o;
	c->out_last = o;
}

bool control_full(const struct client *c)
{
	return c->out_first;
}

void control_flush(struct client *c)
{
	while (c->out_first && try_send(c->control, c->out_first->bytes, c->out_first->size)) {
		struct out_record *sent = c->out_first;
		c->out_first = sent->next;
		free(sent);
	}
	if (!c->out_first)
		c->out_last = NULL;
}

int control_receive(struct client *c, char *room, struct record *out, int *fd)
{
	size_t nfds = 1;
	auto_err *err = NULL;
	*fd = -1;
	ssize_t n = fd_recv(c->control, room, REGISTRY_RECORD_MAX, fd, &nfds);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n <= 0)
		_exit(n == 0 ? 0 : 1);
	if (!nfds)
		*fd = -1;
	if (record_decode(room, (size_t)n, out, &err) < 0) {
		fprintf(stderr, "kist-registry: %s\n", err_msg(err));
		_exit(1);
	}
	return 1;
}

void control_data(struct client *c, uint32_t id, const char *p, size_t n)
{
	while (n) {
		size_t part = n < REGISTRY_DATA_PART ? n : REGISTRY_DATA_PART;
		struct record r = {.kind = RECORD_DATA, .id = id, .data = p, .data_size = part};
		control_send(c, &r);
		p += part;
		n -= part;
	}
}

void control_error(struct client *c, uint32_t id, const struct err *err)
{
	/* it may quote what a registry said: bounded, a record must fit into a packet */
	auto_free char *text = xstrndup(err_msg(err), REGISTRY_TEXT_MAX);
	struct record r = {
		.kind = RECORD_ERROR,
		.id = id,
		.error = {.kind = err ? (uint8_t)err->kind : ERR_SYSTEM, .text = text},
	};
	control_send(c, &r);
}
