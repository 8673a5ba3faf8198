#include "api.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "escape.h"

void api_init(struct api *a, const char *host)
{
	*a = (struct api){.host = xstrdup(host), .version = API_VERSION, .conn = {.fd = -1}};
}

void api_free(struct api *a)
{
	http_close(&a->conn);
	free(a->host);
	free(a->registry_auth);
}

/* Compares "1.51" with "1.9" part by part. */
static long version_compare(const char *a, const char *b)
{
	char *rest_a, *rest_b;
	long major = strtol(a, &rest_a, 10) - strtol(b, &rest_b, 10);
	if (major || *rest_a != '.' || *rest_b != '.')
		return major;
	return strtol(rest_a + 1, NULL, 10) - strtol(rest_b + 1, NULL, 10);
}

bool api_at_least(const struct api *a, const char *version)
{
	return version_compare(a->version, version) >= 0;
}

static void use_version(struct api *a, const char *version)
{
	if (strlen(version) < sizeof(a->version) && str_all_of(version, "0123456789.", 3, 15) &&
		version_compare(version, a->version) < 0)
		strcpy(a->version, version);
}

static enum err_kind kind_of(int status)
{
	switch (status) {
	case 304:
		return ERR_NOT_MODIFIED;
	case 400:
		return ERR_INVALID;
	case 401:
		return ERR_UNAUTHORIZED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 409:
		return ERR_CONFLICT;
	case 413:
		return ERR_TOO_LARGE;
	case 501:
		return ERR_NOT_IMPLEMENTED;
	case 503:
		return ERR_UNAVAILABLE;
	default:
		return ERR_SYSTEM;
	}
}

int api_error(enum err_kind kind, const char *message, struct err **err)
{
	/* it may name what a registry's documents say */
	auto_free char *shown = escape_controls(message);
	return err_set(err, kind, "Error response from daemon: %s", shown);
}

/* Reads the rest of an error answer and puts its message into *err. */
static int daemon_error(struct http *h, struct err **err)
{
	auto_buf text = BUF_INIT;
	int status = h->response.status;
	if (http_read_all(h, 1 << 20, &text, err) < 0)
		return -1;
	auto_json *j = json_parse(buf_str(&text), text.len, "error", NULL);
	const char *message = json_string_value(json_object_get(j, "message"));
	char *plain = str_trim(text.data ? text.data : (char[]){""});
	if (!message)
		message = *plain ? plain : "no message";
	return api_error(kind_of(status), message, err);
}

/* "client version 1.51 is too new. Maximum supported API version is 1.41" */
static bool told_version(struct api *a, const struct err *e)
{
	const char *hint =
		e->kind == ERR_INVALID ? strstr(e->msg, "Maximum supported API version is ") : NULL;
	char version[16];
	if (!hint || sscanf(hint, "Maximum supported API version is %15[0-9.]", version) != 1)
		return false;
	char before[16];
	strcpy(before, a->version);
	use_version(a, version);
	return !str_eq(before, a->version);
}

static int send_request(struct api *a, struct http *conn, struct http_request *q, const char *path,
	struct err **err)
{
	auto_buf target = BUF_INIT;
	buf_addf(&target, "/v%s%s", a->version, path);
	q->target = target.data;
	q->registry_auth = a->registry_auth;
	bool reused = conn->used;
	a->status = 0;
	if (conn->fd < 0 && http_connect(conn, a->host, err) < 0)
		return -1;
	auto_err *first = NULL;
	if (http_start(conn, q, &first) < 0) {
		/* a kept connection may have been closed by the daemon just now: once more, but
		 * only where repeating is harmless */
		if (!reused || !str_eq(q->method, "GET"))
			return err_move(err, &first);
		http_close(conn);
		if (http_connect(conn, a->host, err) < 0 || http_start(conn, q, err) < 0)
			return -1;
	}
	a->status = conn->response.status;
	return 0;
}

/* Up to two tries: the second with the version that the daemon named. */
static int request(struct api *a, struct http *conn, struct http_request *q, const char *path,
	struct err **err)
{
	for (int try = 0;; try++) {
		auto_err *cause = NULL;
		if (send_request(a, conn, q, path, err) < 0)
			return -1;
		if (a->status < 400)
			return 0;
		daemon_error(conn, &cause);
		if (try > 0 || !told_version(a, cause))
			return err_move(err, &cause);
		if (!http_reusable(conn))
			http_close(conn);
	}
}

static void set_body(struct http_request *q, const json_t *body, struct buf *text)
{
	q->body_fd = -1;
	if (!body)
		return;
	json_write(body, text);
	q->content_type = "application/json";
	q->body = text->data;
	q->body_len = text->len;
}

static int call(struct api *a, const char *method, const char *path, const json_t *body,
	struct buf *answer, struct err **err)
{
	auto_buf text = BUF_INIT;
	struct http_request q = {.method = method};
	set_body(&q, body, &text);
	if (!http_reusable(&a->conn))
		http_close(&a->conn);
	if (request(a, &a->conn, &q, path, err) == 0 &&
		http_read_all(&a->conn, API_MAX_ANSWER, answer, err) == 0)
		return 0;
	if (!http_reusable(&a->conn))
		http_close(&a->conn);
	return -1;
}

int api_call(struct api *a, const char *method, const char *path, const json_t *body, json_t **out,
	struct err **err)
{
	auto_buf answer = BUF_INIT;
	if (out)
		*out = NULL;
	if (call(a, method, path, body, &answer, err) < 0)
		return -1;
	if (!out || !answer.len)
		return 0;
	*out = json_parse(answer.data, answer.len, API_ANSWER, err);
	return *out ? 0 : -1;
}

int api_text(struct api *a, const char *path, struct buf *out, struct err **err)
{
	return call(a, "GET", path, NULL, out, err);
}

int api_open(struct api *a, struct http *conn, const char *method, const char *path,
	const json_t *body, bool hijack, struct err **err)
{
	auto_buf text = BUF_INIT;
	struct http_request q = {.method = method, .hijack = hijack};
	set_body(&q, body, &text);
	*conn = (struct http){.fd = -1};
	if (request(a, conn, &q, path, err) < 0) {
		http_close(conn);
		return -1;
	}
	return 0;
}

int api_upload(struct api *a, struct http *conn, const char *path, const char *content_type, int fd,
	struct err **err)
{
	struct http_request q = {.method = "POST", .content_type = content_type, .body_fd = fd};
	*conn = (struct http){.fd = -1};
	if (api_ping(a, err) < 0)
		return -1;
	if (send_request(a, conn, &q, path, err) < 0 ||
		(a->status >= 400 && daemon_error(conn, err) < 0)) {
		http_close(conn);
		return -1;
	}
	return 0;
}

int api_ping(struct api *a, struct err **err)
{
	struct http_request q = {.method = "HEAD", .target = "/_ping", .body_fd = -1};
	if (a->pinged)
		return 0;
	if (!http_reusable(&a->conn))
		http_close(&a->conn);
	if (a->conn.fd < 0 && http_connect(&a->conn, a->host, err) < 0)
		return -1;
	if (http_start(&a->conn, &q, err) < 0)
		return -1;
	const char *version = response_header(&a->conn.response, "Api-Version");
	if (version)
		use_version(a, version);
	a->pinged = true;
	return 0;
}
