#include "container.h"

#include <poll.h>

#include "base/timefmt.h"

#define WAIT_MAX 65536

char *container_path(const char *id, const char *verb)
{
	struct buf b = BUF_INIT;
	buf_adds(&b, "/containers");
	url_add_segment(&b, id);
	if (verb)
		buf_addf(&b, "/%s", verb);
	return buf_steal(&b);
}

json_t *container_inspect(struct cli *cli, const char *id, struct err **err)
{
	auto_free char *path = container_path(id, "json");
	json_t *j = NULL;
	if (api_call(&cli->api, "GET", path, NULL, &j, err) < 0)
		return NULL;
	if (!j)
		err_set(err, ERR_UNAVAILABLE, "the daemon's answer is empty");
	return j;
}

int container_attach(struct cli *cli, const char *id, const struct attach_options *o,
	struct http *conn, struct err **err)
{
	auto_buf path = BUF_INIT;
	auto_free char *base = container_path(id, "attach");
	buf_adds(&path, base);
	url_add(&path, "stream", "1");
	url_add(&path, "stdin", o->in ? "1" : NULL);
	url_add(&path, "stdout", o->out ? "1" : NULL);
	url_add(&path, "stderr", o->errors ? "1" : NULL);
	url_add(&path, "detachKeys", o->detach_keys);
	return api_open(&cli->api, conn, "POST", path.data, NULL, true, err);
}

int container_wait_begin(
	struct cli *cli, const char *id, const char *condition, struct http *conn, struct err **err)
{
	auto_buf path = BUF_INIT;
	auto_free char *base = container_path(id, "wait");
	buf_adds(&path, base);
	url_add(&path, "condition", condition);
	return api_open(&cli->api, conn, "POST", path.data, NULL, false, err);
}

int container_wait_result(struct http *conn, int *code, struct err **err)
{
	auto_buf text = BUF_INIT;
	int rc = http_read_all(conn, WAIT_MAX, &text, err);
	http_close(conn);
	if (rc < 0)
		return -1;
	auto_json *j = json_parse(buf_str(&text), text.len, "the daemon's answer", err);
	if (!j)
		return -1;
	const char *message =
		json_string_value(json_object_get(json_object_get(j, "Error"), "Message"));
	if (!str_empty(message))
		return err_set(err, ERR_SYSTEM, "Error waiting for container: %s", message);
	*code = (int)json_integer_value(json_object_get(j, "StatusCode"));
	return 0;
}

static int wait_again(struct cli *cli, const char *id, int *code, struct err **err)
{
	struct http conn;
	if (container_wait_begin(cli, id, NULL, &conn, err) < 0)
		return -1;
	return container_wait_result(&conn, code, err);
}

int container_wait_finish(
	struct cli *cli, const char *id, struct http *conn, int *code, struct err **err)
{
	const int pause_ms = 100;
	auto_err *cause = NULL;
	int64_t last = time_mono();
	if (container_wait_result(conn, code, &cause) == 0)
		return 0;
	while (cause->kind == ERR_UNAVAILABLE &&
		time_mono() - last < WAIT_PATIENCE_MS * (TIME_NS_PER_SEC / 1000)) {
		poll(NULL, 0, pause_ms); /* nothing tells when a socket will be listened on again */
		if (wait_again(cli, id, code, &cause) == 0)
			return 0;
		if (cli->api.status)
			last = time_mono(); /* it answered, then went away once more */
	}
	return err_move(err, &cause);
}
