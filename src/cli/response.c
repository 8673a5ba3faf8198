#include "response.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static void keep_header(struct response *r)
{
	if (r->name.len && !r->ignore && strv_len(r->headers) < 2 * RESPONSE_MAX_HEADERS) {
		strv_add(&r->headers, buf_str(&r->name));
		strv_add(&r->headers, buf_str(&r->value));
	}
	r->name.len = r->value.len = 0;
	r->in_value = r->ignore = false;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
	struct response *r = p->data;
	if (r->in_value)
		keep_header(r);
	if (r->name.len + n > RESPONSE_MAX_VALUE)
		r->ignore = true;
	else
		buf_add(&r->name, at, n);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct response *r = p->data;
	r->in_value = true;
	if (r->value.len + n > RESPONSE_MAX_VALUE)
		r->ignore = true;
	else
		buf_add(&r->value, at, n);
	return 0;
}

static bool is_interim(const struct response *r)
{
	return r->status >= 100 && r->status < 200 && r->status != 101;
}

/* Returns http_parser's code: 1 no body follows, 2 no body and the protocol changes. */
static int on_head(http_parser *p)
{
	struct response *r = p->data;
	keep_header(r);
	r->status = p->status_code;
	if (is_interim(r))
		return 0;
	r->head_done = true;
	if (r->status == 101 || (r->hijack && r->status == 200)) {
		r->hijacked = true;
		return 2;
	}
	return r->head_only ? 1 : 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
	struct response *r = p->data;
	buf_add(&r->body, at, n);
	return 0;
}

static int on_done(http_parser *p)
{
	struct response *r = p->data;
	if (is_interim(r)) {
		strv_freep(&r->headers);
		return 0;
	}
	r->done = true;
	r->keep_alive = http_should_keep_alive(p) && !r->hijacked;
	http_parser_pause(p, 1);
	return 0;
}

static const http_parser_settings settings = {
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_head,
	.on_body = on_body,
	.on_message_complete = on_done,
};

void response_init(struct response *r, bool hijack, bool head_only)
{
	*r = (struct response){.hijack = hijack, .head_only = head_only};
	http_parser_init(&r->parser, HTTP_RESPONSE);
	r->parser.data = r;
}

static int bad_response(struct response *r, struct err **err)
{
	enum http_errno e = HTTP_PARSER_ERRNO(&r->parser);
	return err_set(err, ERR_UNAVAILABLE, "error during connect: malformed HTTP response: %s",
		http_errno_description(e));
}

ssize_t response_feed(struct response *r, const char *p, size_t n, struct err **err)
{
	if (r->done)
		return 0;
	size_t used = http_parser_execute(&r->parser, &settings, p, n);
	enum http_errno e = HTTP_PARSER_ERRNO(&r->parser);
	if (e != HPE_OK && e != HPE_PAUSED)
		return bad_response(r, err);
	/* pausing in on_message_complete leaves the parser one byte behind in some versions: after
	 * a body of known length that byte is the body's last and has been delivered */
	return (ssize_t)used;
}

int response_end(struct response *r, struct err **err)
{
	if (r->done)
		return 0;
	http_parser_execute(&r->parser, &settings, NULL, 0);
	if (!r->done)
		return err_set(err, ERR_UNAVAILABLE,
			"error during connect: unexpected end of the daemon's response");
	return 0;
}

const char *response_header(const struct response *r, const char *name)
{
	for (size_t i = 0; r->headers && r->headers[i]; i += 2)
		if (str_ieq(r->headers[i], name))
			return r->headers[i + 1];
	return NULL;
}

void response_free(struct response *r)
{
	strv_freep(&r->headers);
	buf_free(&r->body);
	buf_free(&r->name);
	buf_free(&r->value);
}
