#include "http1_head.h"

#include <http_parser.h>
#include <time.h>

#include "base/str.h"
#include "server.h"

static const char *reason(int status)
{
	switch (status) {
#define CASE(number, name, text)                                                                   \
	case number:                                                                               \
		return #text;
		HTTP_STATUS_MAP(CASE)
#undef CASE
	}
	return "Unknown";
}

static void write_date(struct buf *out)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[64];
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	buf_addf(out, "Date: %s\r\n", text);
}

void http1_write_head(const struct request *req, const struct http1_head *head, struct buf *out)
{
	buf_addf(out, "HTTP/1.1 %d %s\r\n", req->status, reason(req->status));
	server_headers(req, out);
	if (req->content_type)
		buf_addf(out, "Content-Type: %s\r\n", req->content_type);
	for (size_t i = 0; i < req->res_headers.n; i++)
		buf_addf(out, "%s: %s\r\n", req->res_headers.v[i].key, req->res_headers.v[i].value);
	write_date(out);
	if (head->length >= 0 && req->status != 204 && req->status != 304)
		buf_addf(out, "Content-Length: %zd\r\n", head->length);
	else if (head->length < 0 && head->chunked)
		buf_adds(out, "Transfer-Encoding: chunked\r\n");
	if (!head->keep_alive)
		buf_adds(out, "Connection: close\r\n");
	else if (req->http10)
		buf_adds(out, "Connection: keep-alive\r\n");
	buf_adds(out, "\r\n");
}
