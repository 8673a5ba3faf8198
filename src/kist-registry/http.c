#include "http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "failure.h"
#include "proxy.h"
#include "tls.h"

enum {
	HEAD_MAX = 65536,
	ERROR_BODY_MAX = 65536,
	SLOWEST = 1024, /* bytes in a window of stall_ms */
	UPLOAD_PATIENCE =
		10, /* times answer_ms: registries hash what they got before they answer */
	NS_PER_MS = 1000000,
};

/* ---- the head ---- */

static void clear_headers(struct http_headers *h)
{
	char **all[] = {&h->content_type, &h->location, &h->digest, &h->link, &h->range,
		&h->content_range, &h->retry_after, &h->chunk_min, &h->filters, &h->etag,
		&h->subject};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		str_replace(all[i], NULL);
	strv_free(h->challenges);
	h->challenges = NULL;
	h->content_length = -1;
}

static void keep_header(struct http_headers *h, const char *name, const char *value)
{
	const struct {
		const char *name;
		char **slot;
	} known[] = {
		{"content-type", &h->content_type},
		{"location", &h->location},
		{"docker-content-digest", &h->digest},
		{"link", &h->link},
		{"range", &h->range},
		{"content-range", &h->content_range},
		{"retry-after", &h->retry_after},
		{"oci-chunk-min-length", &h->chunk_min},
		{"oci-filters-applied", &h->filters},
		{"oci-subject", &h->subject},
		{"etag", &h->etag},
	};
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (str_ieq(name, known[i].name)) {
			str_replace(known[i].slot, value);
			return;
		}
	}
	if (str_ieq(name, "www-authenticate"))
		strv_add(&h->challenges, value);
	else if (str_ieq(name, "content-length") && str_to_i64(value, &h->content_length) < 0)
		h->content_length = -1;
}

static void status_line(struct http *h, const char *line)
{
	const char *rest = strchr(line, ' ');
	int64_t status = 0;
	clear_headers(&h->headers);
	auto_free char *digits = rest ? xstrndup(rest + 1, strcspn(rest + 1, " ")) : NULL;
	h->status = digits && str_to_i64(digits, &status) == 0 ? (long)status : 0;
	str_replace(&h->reason, rest ? rest + 1 : "");
}

/* Why the transfer ends is said by failure and why; libcurl's own reason does not matter then. */
static void refuse(struct http *h, enum http_failure failure, const char *why)
{
	h->failure = failure;
	str_replace(&h->why, why);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	n *= size;
	h->head_size += n;
	if (h->head_size > HEAD_MAX) {
		refuse(h, HTTP_NONSENSE, "the headers of the answer have no end");
		return 0;
	}
	if (memchr(p, '\0', n)) {
		refuse(h, HTTP_NONSENSE, "malformed HTTP response: a NUL byte in a header");
		return 0;
	}
	auto_free char *line = xstrndup(p, n);
	char *text = str_trim(line);
	if (str_starts(text, "HTTP/") && !h->head_done) {
		status_line(h, text);
	} else if (!*text) {
		/* 100 Continue is followed by another head */
		h->head_done = h->status >= 200;
		h->answer_start = h->window_start = time_mono();
	} else if (!h->head_done) {
		char *colon = strchr(text, ':');
		if (colon) {
			*colon = '\0';
			keep_header(&h->headers, text, str_trim(colon + 1));
		}
	}
	return n;
}

/* ---- bodies ---- */

static bool good(const struct http *h)
{
	return h->status >= 200 && h->status < 300;
}

static int begin(struct http *h)
{
	if (h->begun)
		return 0;
	h->begun = true;
	if (!good(h) || !h->spec.begin || h->spec.begin(h->spec.arg, h, &h->refusal) == 0)
		return 0;
	h->failure = HTTP_REFUSED;
	return -1;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	n *= size;
	h->window_bytes += (int64_t)n;
	if (begin(h) < 0)
		return 0;
	if (!good(h)) {
		size_t room = ERROR_BODY_MAX - h->error_body.len;
		buf_add(&h->error_body, p, n < room ? n : room);
		/* more of it than anybody needs */
		return h->error_body.len < ERROR_BODY_MAX ? n : 0;
	}
	if (h->spec.data && h->spec.data(h->spec.arg, h, p, n, &h->refusal) < 0) {
		h->failure = HTTP_REFUSED;
		return 0;
	}
	return n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
	struct http *h = arg;
	const struct http_body *b = &h->spec.body;
	int64_t left = b->size - h->body_sent;
	n *= size;
	if ((int64_t)n > left)
		n = (size_t)left;
	if (b->p) {
		memcpy(p, (const char *)b->p + b->offset + h->body_sent, n);
	} else if (n) {
		ssize_t got = pread(b->fd, p, n, b->offset + h->body_sent);
		if (got <= 0) {
			err_set(&h->refusal, ERR_SYSTEM, "read what is to be uploaded: %s",
				got < 0 ? err_text(errno) : "the file is too short");
			h->failure = HTTP_REFUSED;
			return CURL_READFUNC_ABORT;
		}
		n = (size_t)got;
	}
	h->body_sent += (int64_t)n;
	h->window_bytes += (int64_t)n;
	h->waiting_since = time_mono();
	if (h->spec.sent)
		h->spec.sent(h->spec.arg, h->body_sent);
	return n;
}

static int on_seek(void *arg, curl_off_t offset, int origin)
{
	struct http *h = arg;
	if (origin != SEEK_SET || offset < 0 || offset > h->spec.body.size)
		return CURL_SEEKFUNC_FAIL;
	h->body_sent = offset;
	return CURL_SEEKFUNC_OK;
}

/* ---- start ---- */

static void set_method(struct http *h)
{
	const char *m = h->spec.method;
	if (str_eq(m, "HEAD")) {
		curl_easy_setopt(h->easy, CURLOPT_NOBODY, 1L);
	} else if (str_eq(m, "GET")) {
		curl_easy_setopt(h->easy, CURLOPT_HTTPGET, 1L);
	} else {
		curl_easy_setopt(h->easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(h->easy, CURLOPT_CUSTOMREQUEST, m);
		curl_easy_setopt(h->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)h->spec.body.size);
		curl_easy_setopt(h->easy, CURLOPT_READFUNCTION, on_read);
		curl_easy_setopt(h->easy, CURLOPT_READDATA, h);
		curl_easy_setopt(h->easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(h->easy, CURLOPT_SEEKDATA, h);
		curl_easy_setopt(h->easy, CURLOPT_UPLOAD_BUFFERSIZE, 262144L);
	}
}

static void set_headers(struct http *h)
{
	h->list = curl_slist_append(NULL, "Accept-Encoding: identity");
	for (char *const *v = h->spec.headers; v && *v; v++)
		h->list = curl_slist_append(h->list, *v);
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->list);
	curl_easy_setopt(h->easy, CURLOPT_USERAGENT, h->c->set.user_agent);
}

/* "127.0.0.1:80" or "[::1]:80". */
static void address_text(const struct sockaddr *addr, char *to, size_t room)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a;
	char host[INET6_ADDRSTRLEN] = "";
	if (addr->sa_family == AF_INET) {
		memcpy(&a.v4, addr, sizeof(a.v4));
		inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof(host));
		snprintf(to, room, "%s:%u", host, ntohs(a.v4.sin_port));
	} else if (addr->sa_family == AF_INET6) {
		memcpy(&a.v6, addr, sizeof(a.v6));
		inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof(host));
		snprintf(to, room, "[%s]:%u", host, ntohs(a.v6.sin6_port));
	}
}

/* Non-blocking from the start: changing that later is not among the calls that are left (confine.c). */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct http *h = arg;
	if (!*h->dialled || a->family == AF_INET)
		address_text(&a->addr, h->dialled, sizeof(h->dialled));
	return socket(a->family, a->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->protocol);
}

static void set_options(struct http *h)
{
	CURL *e = h->easy;
	const struct endpoint *at = h->spec.endpoint;
	uint32_t connect_ms = at && at->connect_ms ? at->connect_ms : h->c->set.connect_ms;
	auto_free char *proxy = proxy_for(&h->c->set, h->url);
	curl_easy_setopt(e, CURLOPT_URL, h->url);
	curl_easy_setopt(e, CURLOPT_PRIVATE, h);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, h->message);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
	curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 131072L);
	curl_easy_setopt(e, CURLOPT_PROXY, proxy);
	curl_easy_setopt(e, CURLOPT_NOPROXY, "");
	curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
	curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, h);
	curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
}

struct http *http_start(struct client *c, const struct http_spec *spec)
{
	struct http *h = xcalloc(1, sizeof(*h));
	h->spec = *spec;
	h->c = c;
	h->url = xstrdup(spec->url);
	h->headers.content_length = -1;
	h->waiting_since = h->window_start = time_mono();
	h->next = c->active;
	c->active = h;
	h->easy = curl_easy_init();
	if (!h->easy)
		_exit(1);
	set_options(h);
	set_method(h);
	set_headers(h);
	tls_prepare(h);
	if (curl_multi_add_handle(c->multi, h->easy) != CURLM_OK)
		_exit(1);
	return h;
}

/* ---- end ---- */

static void take_off(struct http *h)
{
	for (struct http **p = &h->c->active; *p; p = &(*p)->next) {
		if (*p == h) {
			*p = h->next;
			break;
		}
	}
	curl_multi_remove_handle(h->c->multi, h->easy);
}

static void dispose(struct http *h)
{
	curl_easy_cleanup(h->easy);
	curl_slist_free_all(h->list);
	clear_headers(&h->headers);
	buf_free(&h->error_body);
	err_freep(&h->refusal);
	free(h->why);
	free(h->reason);
	free(h->url);
	free(h);
}

void http_cancel(struct http *h)
{
	take_off(h);
	dispose(h);
}

static void finish(struct http *h)
{
	take_off(h);
	h->spec.done(h->spec.arg, h);
	dispose(h);
}

static void completed(struct http *h, CURLcode code)
{
	/* of a refusal's body we take what we need */
	if (code == CURLE_WRITE_ERROR && h->failure == HTTP_FINE && h->status && !good(h))
		code = CURLE_OK;
	if (code == CURLE_OK && h->failure == HTTP_FINE && h->status)
		begin(h);
	else if (h->failure == HTTP_FINE)
		failure_explain(h, code);
	finish(h);
}

/* ---- patience ---- */

/* Also the last request, without a body: the registry hashes everything before it answers. */
static bool upload(const struct http *h)
{
	return !h->spec.document && !str_eq(h->spec.method, "GET") &&
	       !str_eq(h->spec.method, "HEAD");
}

static int64_t ms_since(int64_t now, int64_t then)
{
	return (now - then) / NS_PER_MS;
}

/* NULL, or why it has taken too long. */
static const char *out_of_patience(struct http *h, int64_t now)
{
	const struct settings *set = &h->c->set;
	bool sending = h->body_sent < h->spec.body.size;
	int64_t patience = (int64_t)set->answer_ms * (upload(h) ? UPLOAD_PATIENCE : 1);
	if (h->spec.document || !h->head_done) {
		int64_t since =
			h->spec.document && h->head_done ? h->answer_start : h->waiting_since;
		if (!sending && ms_since(now, since) > patience)
			return h->head_done ? "the answer takes too long"
					    : "timed out waiting for the answer";
		if (!sending)
			return NULL;
	}
	if (ms_since(now, h->window_start) <= set->stall_ms)
		return NULL;
	if (h->window_bytes < SLOWEST)
		return "the transfer has stalled";
	h->window_start = now;
	h->window_bytes = 0;
	return NULL;
}

static struct http *find_slow(struct client *c, int64_t now)
{
	for (struct http *h = c->active; h; h = h->next) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): take_off() comes before dispose() */
		const char *why = out_of_patience(h, now);
		if (why) {
			refuse(h, h->status ? HTTP_LOST : HTTP_UNREACHED, why);
			if (h->waiting_since != h->window_start || h->head_size)
				h->failure = HTTP_LOST;
			return h;
		}
	}
	return NULL;
}

void http_reap(struct client *c)
{
	CURLMsg *m;
	int left;
	while ((m = curl_multi_info_read(c->multi, &left))) {
		struct http *h = NULL;
		if (m->msg != CURLMSG_DONE)
			continue;
		CURLcode code = m->data.result; /* gone once the handle is removed */
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &h);
		completed(h, code);
	}
	int64_t now = time_mono();
	struct http *slow;
	while ((slow = find_slow(c, now)))
		finish(slow);
}

/* ---- URLs ---- */

static char *url_part(CURLU *u, CURLUPart part, unsigned flags)
{
	char *text = NULL;
	if (curl_url_get(u, part, &text, flags) != CURLUE_OK)
		return NULL;
	char *copy = xstrdup(text);
	curl_free(text);
	return copy;
}

char *http_origin(const char *url)
{
	CURLU *u = curl_url();
	char *origin = NULL;
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		auto_free char *scheme = url_part(u, CURLUPART_SCHEME, 0);
		auto_free char *host = url_part(u, CURLUPART_HOST, 0);
		auto_free char *port = url_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
		if (host && port && (str_ieq(scheme, "http") || str_ieq(scheme, "https")))
			origin = xasprintf("%s://%s:%s", scheme, host, port);
		for (char *p = origin; p && *p; p++)
			if (*p >= 'A' && *p <= 'Z')
				*p += 'a' - 'A';
	}
	curl_url_cleanup(u);
	return origin;
}

static char *resolve(const char *base, const char *reference, bool with_user)
{
	CURLU *u = curl_url();
	char *out = NULL;
	if (curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
		curl_url_set(u, CURLUPART_URL, reference, CURLU_URLENCODE) == CURLUE_OK) {
		/* a name in it would become credentials */
		if (!with_user) {
			curl_url_set(u, CURLUPART_USER, NULL, 0);
			curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		}
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		out = url_part(u, CURLUPART_URL, 0);
	}
	curl_url_cleanup(u);
	return out;
}

char *http_resolve(const char *base, const char *reference)
{
	return resolve(base, reference, false);
}

char *http_resolve_with_user(const char *base, const char *reference)
{
	return resolve(base, reference, true);
}

char *http_shown(const char *url)
{
	CURLU *u = curl_url();
	char *out = NULL;
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		curl_url_set(u, CURLUPART_USER, NULL, 0);
		curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(u, CURLUPART_QUERY, NULL, 0);
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		out = url_part(u, CURLUPART_URL, 0);
	}
	curl_url_cleanup(u);
	return out ? out : xstrdup("(no URL)");
}
