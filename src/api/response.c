/* The ways to answer. */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "params.h"
#include "request.h"
#include "server.h"
#include "status.h"

static const char type_json[] = "application/json";

static void whole(struct request *req, int status, const char *content_type)
{
	req->outcome = ANSWER_WHOLE;
	req->status = status;
	req->content_type = content_type;
	req->res.len = 0;
}

struct jsonw res_json(struct request *req, int status)
{
	whole(req, status, type_json);
	return jsonw_to(&req->res);
}

void res_text(struct request *req, int status, const char *text)
{
	whole(req, status, "text/plain; charset=utf-8");
	buf_adds(&req->res, text);
}

void res_status(struct request *req, int status)
{
	whole(req, status, NULL);
}

struct buf *res_raw(struct request *req)
{
	whole(req, 200, NULL);
	req->outcome = ANSWER_RAW;
	return &req->res;
}

void res_header(struct request *req, const char *name, const char *value)
{
	params_add(&req->res_headers, xstrdup(name), xstrdup(value));
}

void res_stream(struct request *req, const char *content_type, struct stream *s)
{
	req->outcome = ANSWER_STREAM;
	req->status = 200;
	req->content_type = content_type;
	req->stream = s;
}

void res_hijack_head(struct request *req, bool multiplexed, struct buf *out)
{
	bool upgrade = req_header(req, "Upgrade") != NULL;
	multiplexed = multiplexed && upgrade && req->api >= 142;
	buf_adds(out, upgrade ? "HTTP/1.1 101 UPGRADED\r\n" : "HTTP/1.1 200 OK\r\n");
	buf_addf(out, "Content-Type: application/vnd.docker.%s-stream\r\n",
		multiplexed ? "multiplexed" : "raw");
	if (upgrade)
		buf_adds(out, "Connection: Upgrade\r\nUpgrade: tcp\r\n");
	server_headers(req, out);
	buf_adds(out, "\r\n");
}

void request_hijacked(struct request *req)
{
	req->outcome = ANSWER_HIJACKED;
}

void res_error(struct request *req, const struct err *err)
{
	int status = err ? status_of(err->kind) : 500;
	if (status >= 500 && status != 501)
		log_error("%s %s: %s", req->method ? req->method : "-",
			req->target ? req->target : "-", err_msg(err));
	struct jsonw w = res_json(req, status);
	if (status == 304)
		return; /* has no body */
	jw_object(&w, NULL);
	jw_str(&w, "message", err_msg(err));
	jw_end_object(&w);
	buf_addc(w.out, '\n');
}
