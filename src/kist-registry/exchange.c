/*
 * Theory of operation.
 *
 * An attempt asks one endpoint. What its answer leads to:
 *
 *	2xx, or a status that the caller knows	done
 *	3xx with Location	the same attempt goes on there. Credentials, headers and client certificates
 *				stay with the endpoint's own origin; https never becomes http
 *	401			the challenge is answered once, if it came from the endpoint itself
 *	429, 5xx, no answer	a mirror is given up for this session and the next endpoint asked; the registry
 *				itself is asked again after a pause, until `attempts` in a row were in vain
 *	no TLS, no connection	likewise, but an endpoint with ENDPOINT_FALLBACK gives way to the next, which
 *				is the same registry on plain HTTP
 *	refused, no such name	as long as nothing has answered in this session: failed at once, like dockerd; later
 *				the registry may be starting anew
 *	anything else		a mirror: the next endpoint; else failed
 *
 * A HEAD with get_too is asked again as GET, at the same endpoint and before any of this, whatever the refusal: there are
 * registries, and proxies before them, that know GET alone.
 */
#include "exchange.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "auth.h"
#include "base/mem.h"
#include "base/str.h"
#include "failure.h"
#include "redirect.h"
#include "timer.h"

enum {
	PAUSE_MAX = 30000,
	RETRY_AFTER_MAX = 60000, /* who asks for more is not waited for */
	PROGRESS_MIN = 65536, /* bytes; an attempt that brought less was in vain: somebody drips */
	CHALLENGES_MAX = 2, /* answered in one attempt: a token may have expired on the way */
};

static void attempt(struct exchange *x);

/* ---- the end ---- */

static void dispose(struct exchange *x)
{
	auth_forget(x);
	timer_clear(x->c, x);
	err_freep(&x->err);
	strv_free(x->headers);
	free((char *)x->spec.method);
	free((char *)x->spec.path);
	free((char *)x->spec.url);
	free((char *)x->spec.scope);
	free((char *)x->spec.shown);
	free(x->url);
	free(x);
}

static void finish(struct exchange *x)
{
	x->over = true;
	x->spec.done(x->spec.arg, x);
	dispose(x);
}

void exchange_cancel(struct exchange *x)
{
	/* inside its own callback it ends by itself */
	if (!x || x->over)
		return;
	if (x->http)
		http_cancel(x->http);
	dispose(x);
}

char *exchange_host(const struct exchange *x)
{
	auto_free char *origin = http_origin(x->url ? x->url : "");
	const char *host = origin ? strstr(origin, "://") : NULL;
	return xstrdup(host ? host + 3 : "the registry");
}

bool exchange_pushes(const struct exchange *x)
{
	return str_ends(x->c->set.scope, ":pull,push");
}

/* ---- endpoints ---- */

static struct endpoint *endpoint_from(struct exchange *x, size_t i, bool dead_too)
{
	for (; i < x->c->endpoint_count; i++) {
		struct endpoint *e = &x->c->endpoints[i];
		if ((e->flags & x->spec.capability) == x->spec.capability && (dead_too || !e->dead))
			return e;
	}
	return NULL;
}

/* What one endpoint refused another may answer. */
static void endpoint_take(struct exchange *x, struct endpoint *e)
{
	if (e != x->endpoint)
		x->getting = false;
	x->endpoint = e;
}

/* For a first attempt, or one after a pause. */
static void endpoint_first(struct exchange *x)
{
	struct endpoint *e = endpoint_from(x, 0, false);
	endpoint_take(x, e ? e : endpoint_from(x, 0, true));
}

static size_t index_after(const struct exchange *x)
{
	return (size_t)(x->endpoint - x->c->endpoints) + 1;
}

/* After one that did not do: false if there is no other. */
static bool endpoint_next(struct exchange *x)
{
	if (!x->spec.path || !x->endpoint)
		return false;
	struct endpoint *e = endpoint_from(x, (size_t)(x->endpoint - x->c->endpoints) + 1, false);
	if (!e)
		return false;
	endpoint_take(x, e);
	return true;
}

/* The URL that the caller gave. */
static char *given(const struct exchange *x)
{
	return x->spec.with_user ? http_resolve_with_user(x->spec.url, x->spec.url)
				 : http_resolve(x->spec.url, x->spec.url);
}

/* From the beginning, at the present endpoint. */
static void attempt_anew(struct exchange *x)
{
	x->redirects = 0;
	x->challenges = 0;
	free(x->url);
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a path is that of an endpoint */
	x->url = x->spec.path ? xasprintf("%s%s", x->endpoint->url, x->spec.path) : given(x);
	if (x->url) {
		attempt(x);
		return;
	}
	/* what is before a "@" may be a password */
	const char *text = x->spec.url ? x->spec.url : "";
	const char *at = strrchr(text, '@');
	err_set(&x->err, ERR_INVALID, "%s: not a URL", at ? at + 1 : text);
	finish(x);
}

/* ---- repetitions ---- */

static uint32_t pause_before(const struct exchange *x)
{
	uint64_t ms = x->c->set.pause_ms;
	uint32_t jitter = 0;
	for (uint32_t i = 1; i < x->attempt && ms < PAUSE_MAX; i++)
		ms *= 2;
	if (ms > PAUSE_MAX)
		ms = PAUSE_MAX;
	/* many clients that lost one server do not come back together */
	if (getrandom(&jitter, sizeof(jitter), GRND_NONBLOCK) != sizeof(jitter))
		jitter = 0;
	return (uint32_t)(ms * 3 / 4 + ms / 2 * (jitter % 1024) / 1024);
}

/* Milliseconds, -1 if the header says nothing. */
static int64_t retry_after(const struct http *h)
{
	int64_t seconds;
	const char *text = h->headers.retry_after;
	if (!text || h->failure != HTTP_FINE)
		return -1;
	if (str_to_i64(text, &seconds) < 0) {
		time_t when = curl_getdate(text, NULL);
		if (when == (time_t)-1)
			return -1;
		seconds = (int64_t)when - (int64_t)time(NULL);
	}
	if (seconds < 0)
		return 0;
	return seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX + 1 : seconds * 1000;
}

static void on_pause_over(void *arg)
{
	struct exchange *x = arg;
	if (x->spec.path) {
		/* what could not be reached before is worth another try, mirrors excepted */
		for (size_t i = 0; i < x->c->endpoint_count; i++)
			if (!(x->c->endpoints[i].flags & ENDPOINT_MIRROR))
				x->c->endpoints[i].dead = false;
		endpoint_first(x);
	}
	attempt_anew(x);
}

/* x->err says why. */
static void try_later(struct exchange *x, const struct http *h)
{
	if (x->gained >= PROGRESS_MIN)
		x->attempt = 1;
	x->gained = 0;
	x->lost = true;
	int64_t asked = retry_after(h);
	if (x->spec.once || x->attempt >= x->c->set.attempts || asked > RETRY_AFTER_MAX) {
		finish(x);
		return;
	}
	uint32_t ms = asked >= 0 ? (uint32_t)asked : pause_before(x);
	x->attempt++;
	if (x->spec.retry)
		x->spec.retry(x->spec.arg, x->err, ms, x->attempt);
	x->http = NULL;
	timer_set(x->c, ms, on_pause_over, x);
}

static bool is_mirror(const struct exchange *x)
{
	return x->spec.path && x->endpoint && x->endpoint->flags & ENDPOINT_MIRROR;
}

/* x->err says why; another endpoint may do better than a mirror. */
static void give_up(struct exchange *x)
{
	if (!is_mirror(x) || !endpoint_next(x)) {
		finish(x);
		return;
	}
	x->http = NULL;
	attempt_anew(x);
}

void exchange_fail(struct exchange *x, struct err *err)
{
	err_move(&x->err, &err);
	give_up(x);
}

/* ---- answers ---- */

/* No answer: h->failure says what there is instead. */
static void no_answer(struct exchange *x, struct http *h)
{
	if (h->failure == HTTP_REFUSED) {
		err_move(&x->err, &h->refusal);
		/* a full disk is no mirror's fault */
		if (x->err->kind == ERR_SYSTEM)
			finish(x);
		else
			give_up(x);
		return;
	}
	bool unreached = h->failure == HTTP_UNREACHED || h->failure == HTTP_NO_TLS ||
			 h->failure == HTTP_UNTRUSTED;
	/* dockerd asks /v2/ before all else, so that is what it names where nobody can be reached */
	bool first =
		unreached && x->spec.path && x->endpoint && !x->redirects && !x->endpoint->answered;
	auto_free char *base = first ? xasprintf("%s/", x->endpoint->url) : NULL;
	auto_free char *asked = first ? failure_asked("GET", base) : NULL;
	failure_set(h, asked, &x->err);
	bool fallback = x->spec.path && x->endpoint && !x->redirects && unreached &&
			x->endpoint->flags & ENDPOINT_FALLBACK;
	if (is_mirror(x) || fallback) {
		x->endpoint->dead = true;
		if (endpoint_next(x)) {
			x->http = NULL;
			attempt_anew(x);
			return;
		}
	}
	bool nobody = h->absent && !x->c->answered;
	if (!nobody && (h->failure == HTTP_UNREACHED || h->failure == HTTP_LOST))
		try_later(x, h);
	else
		finish(x);
}

static bool at_home(const struct exchange *x, const char *url)
{
	auto_free char *origin = http_origin(url);
	return x->endpoint && origin && str_eq(origin, x->endpoint->origin);
}

static enum err_kind kind_of(long status)
{
	switch (status) {
	case 401:
		return ERR_UNAUTHORIZED;
	case 403:
		return ERR_FORBIDDEN;
	case 404:
		return ERR_NOT_FOUND;
	case 412: /* If-Match, If-None-Match */
		return ERR_CONFLICT;
	case 429:
		return ERR_UNAVAILABLE;
	default:
		return status >= 500 ? ERR_UNAVAILABLE : ERR_INVALID;
	}
}

/* As dockerd words what a registry complains of; it gives some of these a kind of their own. */
static void complain(struct exchange *x, const struct http *h)
{
	struct complaint c;
	const char *name = x->c->set.familiar;
	const char *shown = x->spec.shown ? x->spec.shown : name;
	complaint_read(h, &c);
	bool home = at_home(x, h->url);
	bool own_words = x->c->set.own_words;
	bool pull = !exchange_pushes(x) && *x->c->set.repository && !own_words;
	/* the 401 of a HEAD has no document */
	bool alone = c.formal || (exchange_pushes(x) && h->status == 401 && home);
	if (pull && str_eq(c.code, "DENIED"))
		err_set(&x->err, ERR_NOT_FOUND,
			"pull access denied for %s, repository does not exist or may require "
			"'docker login': %s",
			name, c.text);
	else if (str_eq(c.code, "MANIFEST_UNKNOWN") && !own_words)
		err_set(&x->err, ERR_NOT_FOUND, "manifest for %s not found: %s", shown, c.text);
	else if (pull && str_eq(c.code, "NAME_UNKNOWN"))
		err_set(&x->err, ERR_NOT_FOUND, "repository %s not found: %s", name, c.text);
	else if (alone)
		err_set(&x->err,
			str_eq(c.code, "DENIED") && h->status != 401 ? ERR_FORBIDDEN
								     : kind_of(h->status),
			"%s", c.text);
	else {
		auto_free char *url = http_shown(h->url);
		err_set(&x->err, kind_of(h->status), "%s: %s", url, c.text);
	}
	/* who is it that complains, after a redirect? */
	if (c.formal && !home) {
		auto_free char *url = http_shown(h->url);
		err_wrap(&x->err, "%s", url);
	}
	complaint_free(&c);
}

/* What GET says is the answer, or why there is none. */
static bool get_instead(struct exchange *x)
{
	if (!x->spec.get_too || x->getting)
		return false;
	err_freep(&x->err);
	x->getting = true;
	x->http = NULL;
	attempt_anew(x);
	return true;
}

static bool busy(long status)
{
	return status == 408 || status == 429 || (status >= 502 && status <= 504);
}

static void refused(struct exchange *x, struct http *h)
{
	if (get_instead(x))
		return;
	if (x->spec.optional && h->status >= 400 && h->status != 401 && !busy(h->status)) {
		finish(x);
		return;
	}
	complain(x, h);
	bool transient =
		busy(h->status) || (h->status >= 500 && h->status != 501 && h->status != 505);
	if (is_mirror(x) && endpoint_from(x, index_after(x), false)) {
		x->endpoint->dead |= transient;
		give_up(x);
	} else if (transient) {
		try_later(x, h);
	} else {
		finish(x);
	}
}

static void redirect(struct exchange *x, struct http *h)
{
	char *to = redirect_target(h, x->redirects, x->spec.with_user, &x->err);
	if (!to) {
		give_up(x);
		return;
	}
	x->redirects++;
	free(x->url);
	x->url = to;
	x->http = NULL;
	attempt(x);
}

static void unauthorized(struct exchange *x, struct http *h)
{
	/* only the endpoint itself may ask who we are */
	bool home = at_home(x, x->url);
	if (home && x->challenges < CHALLENGES_MAX &&
		auth_challenged(x, h, x->challenges > 0, &x->err) == 0) {
		x->challenges++;
		x->http = NULL;
		attempt(x);
		return;
	}
	if (!x->err)
		refused(x, h);
	else if (!get_instead(x))
		give_up(x);
}

static bool known(const struct exchange *x, long status)
{
	for (size_t i = 0; i < ARRAY_LEN(x->spec.also); i++)
		if (x->spec.also[i] && x->spec.also[i] == status)
			return true;
	return status >= 200 && status < 300;
}

static void on_done(void *arg, struct http *h)
{
	struct exchange *x = arg;
	x->http = h;
	bool get = str_eq(x->spec.method, "GET") || str_eq(x->spec.method, "HEAD");
	err_freep(&x->err);
	x->c->answered |= h->failure == HTTP_FINE;
	if (x->endpoint && !x->redirects)
		x->endpoint->answered |= h->failure == HTTP_FINE;
	if (h->failure != HTTP_FINE)
		no_answer(x, h);
	else if (known(x, h->status))
		finish(x);
	else if (get && h->status >= 300 && h->status < 400 && h->status != 304)
		redirect(x, h);
	else if (h->status == 401)
		unauthorized(x, h);
	else
		refused(x, h);
}

/* ---- questions ---- */

static int on_begin(void *arg, struct http *h, struct err **err)
{
	struct exchange *x = arg;
	return x->spec.begin ? x->spec.begin(x->spec.arg, h, err) : 0;
}

static int on_data(void *arg, struct http *h, const char *p, size_t n, struct err **err)
{
	struct exchange *x = arg;
	return x->spec.data ? x->spec.data(x->spec.arg, h, p, n, err) : 0;
}

static void on_sent(void *arg, int64_t total)
{
	struct exchange *x = arg;
	if (x->spec.sent)
		x->spec.sent(x->spec.arg, total);
}

static void send_request(struct exchange *x, bool home, const char *authorization)
{
	auto_strv headers = strv_copy(x->headers);
	for (char **v = home ? x->endpoint->headers : NULL; v && *v; v++)
		strv_add(&headers, *v);
	if (authorization)
		strv_add(&headers, authorization);
	if (x->spec.prepare) {
		char *more = x->spec.prepare(x->spec.arg, x);
		if (more)
			strv_take(&headers, more);
	}
	struct http_spec spec = {
		.method = x->getting ? "GET" : x->spec.method,
		.url = x->url,
		.headers = headers,
		.endpoint = x->endpoint,
		.own = home,
		.document = x->spec.document,
		.body = x->spec.body,
		.begin = on_begin,
		.data = on_data,
		.sent = on_sent,
		.done = on_done,
		.arg = x,
	};
	x->http = http_start(x->c, &spec);
}

static void attempt(struct exchange *x)
{
	auto_free char *authorization = NULL;
	bool home = at_home(x, x->url);
	const char *scope = x->spec.scope ? x->spec.scope : x->c->set.scope;
	if (home) {
		int r = auth_header(x, scope, &authorization, &x->err);
		if (r < 0) {
			give_up(x);
			return;
		}
		if (r == 0) /* a token is being fetched: exchange_resume() follows */
			return;
	}
	send_request(x, home, authorization);
}

void exchange_resume(struct exchange *x)
{
	attempt(x);
}

/* The caller never hears of an end before exchange_start() has returned. */
static void on_start(void *arg)
{
	struct exchange *x = arg;
	if (x->spec.path && !x->endpoint) {
		err_set(&x->err, ERR_INVALID, "%s: no registry is configured for this",
			x->c->set.familiar);
		finish(x);
		return;
	}
	attempt_anew(x);
}

struct exchange *exchange_start(struct client *c, const struct exchange_spec *spec)
{
	struct exchange *x = xcalloc(1, sizeof(*x));
	x->spec = *spec;
	x->spec.method = xstrdup(spec->method);
	x->spec.path = xstrdup_null(spec->path);
	x->spec.url = xstrdup_null(spec->url);
	x->spec.scope = xstrdup_null(spec->scope);
	x->spec.shown = xstrdup_null(spec->shown);
	x->headers = strv_copy(spec->headers);
	x->c = c;
	x->attempt = 1;
	x->endpoint = spec->endpoint;
	if (spec->path)
		endpoint_first(x);
	timer_set(c, 0, on_start, x);
	return x;
}
