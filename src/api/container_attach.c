/* POST /containers/{id}/attach: the connection goes to the container's monitor, with the answer's
 * head. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/container.h"
#include "request.h"

int api_container_attach(struct request *req, struct err **err)
{
	const char *ref = req_var(req, "id");
	bool tty;
	if (engine_container_tty(req_engine(req), ref, &tty, err) < 0)
		return -1;
	auto_buf head = BUF_INIT;
	res_hijack_head(req, !tty, &head);
	struct attach_options o = {
		.in = req_bool(req, "stdin", false),
		.out = req_bool(req, "stdout", false),
		.err = req_bool(req, "stderr", false),
		.stream = req_bool(req, "stream", false),
		.logs = req_bool(req, "logs", false),
		.detach_keys = req_query(req, "detachKeys"),
		.early = req->early,
		.early_len = req->early_len,
		.head = head.data,
		.head_len = head.len,
	};
	if (engine_container_attach(req_engine(req), ref, &o, req->fd, err) < 0)
		return -1;
	request_hijacked(req);
	return 0;
}
