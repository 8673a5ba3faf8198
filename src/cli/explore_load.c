#include "explore_load.h"

int image_lines(struct cli *cli, const char *image, const char *what, line_function *call,
	void *data, struct err **err)
{
	struct http conn = {.fd = -1};
	auto_buf path = BUF_INIT;
	buf_adds(&path, "/kist/images");
	url_add_segment(&path, image);
	buf_adds(&path, what);
	if (api_open(&cli->api, &conn, "GET", path.data, NULL, false, err) < 0)
		return -1;
	int r = lines_read(&conn, call, data, err);
	http_close(&conn);
	return r;
}

static int add_line(void *data, json_t *j, const char *text, size_t n, struct err **err)
{
	(void)text;
	(void)n;
	return explored_add(data, j, err);
}

struct explored *explored_load(struct cli *cli, const char *image, struct err **err)
{
	auto_explored *x = explored_new();
	if (image_lines(cli, image, "/files", add_line, x, err) < 0)
		return NULL;
	if (!x->image) {
		err_set(err, ERR_UNAVAILABLE, "the daemon did not answer with an image");
		return NULL;
	}
	explored_finish(x);
	return steal_ptr(x);
}
