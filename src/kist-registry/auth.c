/*
 * Theory of operation.
 *
 * An endpoint is first asked without credentials. Its 401 brings a challenge, which is remembered: Basic is
 * answered with the name and password in each request from then on, Bearer with a token that a service, the realm, gives
 * for a scope. One token is fetched at a time for an endpoint; exchanges that need one wait in a list.
 *
 * The realm gets name and password (or the refresh token) because that is how Docker's token
 * authentication works: the registry says who keeps its users. What keeps them from others: only the challenge of an
 * endpoint that has ENDPOINT_CREDENTIALS counts, only in an answer that came from its own origin (exchange.c), and a
 * registry on https has its realm on https. A redirect leads on as in a browser, within the realm's origin with what was
 * sent, elsewhere without. A login ends where it would go on without: a token that anybody gets says nothing of a password.
 */
#include "auth.h"

#include <openssl/evp.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "challenge.h"
#include "failure.h"
#include "redirect.h"
#include "timer.h"
#include "token.h"

struct token {
	struct token *next;
	const struct endpoint *endpoint;
	char *scope, *value;
	int64_t expires; /* time_mono() */
};

/* A token being fetched. */
struct fetch {
	struct client *c;
	struct endpoint *endpoint;
	char *scope;
	char *url; /* the realm's */
	char *at; /* being asked: that, or where it has sent us */
	unsigned redirects; /* on the way to it */
	bool bare; /* it gets neither form nor headers: a redirect has led to another origin, or has made a GET of a POST */
	char *form; /* POST; NULL: GET */
	char **headers;
	struct buf reply;
	uint32_t attempt;
};

enum { MARGIN_S = 5 };

/* ---- tokens ---- */

static void token_drop(struct client *c, const struct endpoint *e)
{
	struct token **t = &c->tokens;
	while (*t) {
		struct token *gone = *t;
		if (gone->endpoint != e) {
			t = &gone->next;
			continue;
		}
		*t = gone->next;
		free(gone->scope);
		free(gone->value);
		free(gone);
	}
}

static const char *token_find(struct client *c, const struct endpoint *e, const char *scope)
{
	for (const struct token *t = c->tokens; t; t = t->next)
		if (t->endpoint == e && str_eq(t->scope, scope) && t->expires > time_mono())
			return t->value;
	return NULL;
}

static void token_keep(struct fetch *f, struct token_reply *reply)
{
	struct token *t = xmalloc(sizeof(*t));
	*t = (struct token){
		.next = f->c->tokens,
		.endpoint = f->endpoint,
		.scope = xstrdup(f->scope),
		.value = steal_ptr(reply->token),
		.expires = time_mono() + (reply->seconds - MARGIN_S) * TIME_NS_PER_SEC,
	};
	f->c->tokens = t;
	if (f->c->login && reply->refresh)
		str_replace(&f->c->login_token, reply->refresh);
}

/* ---- those who wait ---- */

static struct exchange *take_waiting(struct client *c, const struct endpoint *e)
{
	for (struct exchange **x = &c->waiting; *x; x = &(*x)->next_waiting) {
		if ((*x)->endpoint == e) {
			struct exchange *found = *x;
			*x = found->next_waiting;
			return found;
		}
	}
	return NULL;
}

void auth_forget(struct exchange *x)
{
	for (struct exchange **p = &x->c->waiting; *p; p = &(*p)->next_waiting) {
		if (*p == x) {
			*p = x->next_waiting;
			return;
		}
	}
}

/* dockerd's push shows what its client says of credentials without the request that it was said of. */
static int refuse(const struct exchange *x, enum err_kind kind, const char *why, struct err **err)
{
	if (kind == ERR_UNAUTHORIZED && exchange_pushes(x))
		return err_set(err, kind, "%s", why);
	auto_free char *asked = failure_asked(x->spec.method, x->url);
	return err_set(err, kind, "%s: %s", asked, why);
}

/* Everybody who waits goes on; @err (borrowed, may be NULL): with that. Those who find no token that
 * suits them wait again, behind the list's old end. */
static void fetch_over(struct fetch *f, const struct err *err)
{
	struct client *c = f->c;
	struct endpoint *e = f->endpoint;
	e->token_pending = false;
	struct exchange *going = NULL;
	struct exchange *x;
	while ((x = take_waiting(c, e))) {
		x->next_waiting = going;
		going = x;
	}
	while ((x = going)) {
		going = x->next_waiting;
		if (!err) {
			exchange_resume(x);
			continue;
		}
		struct err *copy = NULL;
		refuse(x, err->kind, err->msg, &copy);
		exchange_fail(x, copy);
	}
	free(f->scope);
	free(f->url);
	free(f->at);
	free(f->form);
	strv_free(f->headers);
	buf_free(&f->reply);
	free(f);
}

/* ---- fetching ---- */

static bool may_use(const struct client *c, const struct endpoint *e)
{
	return e->flags & ENDPOINT_CREDENTIALS &&
	       (!str_empty(c->set.username) || !str_empty(c->set.identity_token));
}

static char *basic(const struct client *c)
{
	auto_free char *pair =
		xasprintf("%s:%s", c->set.username, c->set.password ? c->set.password : "");
	size_t n = strlen(pair);
	auto_free char *text = xmalloc(n / 3 * 4 + 5);
	EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)pair, (int)n);
	return xasprintf("Authorization: Basic %s", text);
}

static void add_query(CURLU *u, const char *name, const char *value)
{
	auto_free char *pair = xasprintf("%s=%s", name, value);
	if (*value)
		curl_url_set(u, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE);
}

static void add_scopes(CURLU *u, const char *scope)
{
	auto_strv scopes = strv_split(scope, ' ');
	for (char **s = scopes; *s; s++)
		add_query(u, "scope", *s);
}

static char *with_query(struct fetch *f, const struct challenge *ch, bool known)
{
	CURLU *u = curl_url();
	char *text = NULL;
	char *out = NULL;
	if (curl_url_set(u, CURLUPART_URL, ch->realm, 0) == CURLUE_OK) {
		curl_url_set(u, CURLUPART_USER, NULL, 0);
		curl_url_set(u, CURLUPART_PASSWORD, NULL, 0);
		curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
		if (known) {
			add_query(u, "account", f->c->set.username);
			add_query(u, "client_id", f->c->login ? "kist" : "");
			add_query(u, "offline_token", f->c->login ? "true" : "");
		}
		add_scopes(u, f->scope);
		add_query(u, "service", ch->service);
		if (curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
			out = xstrdup(text);
		curl_free(text);
	}
	curl_url_cleanup(u);
	return out;
}

static void add_field(struct buf *form, const char *name, const char *value)
{
	char *text = curl_easy_escape(NULL, value, 0);
	if (!text)
		_exit(1);
	buf_addf(form, "%s%s=%s", form->len ? "&" : "", name, text);
	curl_free(text);
}

static char *refresh_form(struct fetch *f, const struct challenge *ch)
{
	auto_buf form = BUF_INIT;
	add_field(&form, "grant_type", "refresh_token");
	add_field(&form, "refresh_token", f->c->set.identity_token);
	add_field(&form, "service", ch->service);
	add_field(&form, "client_id", "kist");
	if (*f->scope)
		add_field(&form, "scope", f->scope);
	return buf_steal(&form);
}

static void fetch_send(struct fetch *f);

static int on_reply(void *arg, struct http *h, const char *p, size_t n, struct err **err)
{
	struct fetch *f = arg;
	if (f->reply.len + n > TOKEN_REPLY_MAX)
		return err_set(err, ERR_TOO_LARGE, "the token service's answer has no end");
	buf_add(&f->reply, p, n);
	return 0;
}

static void fetch_begin(struct fetch *f)
{
	str_replace(&f->at, f->url);
	f->redirects = 0;
	f->bare = false;
	fetch_send(f);
}

static void on_again(void *arg)
{
	fetch_begin(arg);
}

static bool redirects(const struct http *h)
{
	return h->failure == HTTP_FINE &&
	       ((h->status >= 301 && h->status <= 303) || h->status == 307 || h->status == 308);
}

static bool has_credentials(const struct fetch *f)
{
	return f->form || f->headers;
}

/* What a redirect to @there would lose or give away. */
static int refuse_redirect(
	const struct fetch *f, const struct http *h, const char *there, bool away, struct err **err)
{
	auto_free char *from = http_shown(h->url);
	const char *what = f->form ? "identity token" : "name and password";
	if (away)
		return err_set(err, ERR_INVALID,
			"%s: redirects to another host (%s), which must not get the %s: refused",
			from, there, what);
	return err_set(err, ERR_INVALID,
		"%s: redirects with status %ld, which drops the %s: refused", from, h->status,
		what);
}

/* RFC 9110 section 15.4: 307 and 308 want the same request again, the others a GET. */
static int fetch_redirect(struct fetch *f, const struct http *h, struct err **err)
{
	char *to = redirect_target(h, f->redirects, false, err);
	if (!to)
		return -1;
	auto_free char *here = http_origin(h->url);
	auto_free char *there = http_origin(to);
	bool away = !str_eq(here, there);
	bool again = h->status >= 307;
	bool without = has_credentials(f) && (away || (f->form && !again));
	free(f->at);
	f->at = to;
	if (!f->bare && without && (f->c->login || (f->form && again)))
		return refuse_redirect(f, h, there, away, err);
	f->bare |= away || without;
	f->redirects++;
	fetch_send(f);
	return 0;
}

/* *err from what came instead of a token. */
static void explain(const struct fetch *f, const struct http *h, struct err **err)
{
	struct complaint c;
	if (h->failure == HTTP_REFUSED) {
		err_set(err, h->refusal->kind, "%s", h->refusal->msg);
		return;
	}
	if (h->failure != HTTP_FINE) {
		failure_set(h, NULL, err);
		return;
	}
	complaint_read(h, &c);
	err_set(err,
		h->status >= 400 && h->status < 500 && h->status != 429 ? ERR_UNAUTHORIZED
									: ERR_UNAVAILABLE,
		"%s", c.text);
	complaint_free(&c);
	/* who is it that complains, after a redirect? */
	if (f->redirects) {
		auto_free char *url = http_shown(h->url);
		err_wrap(err, "%s%s", url,
			f->bare && has_credentials(f)
				? " (without credentials, which stayed behind at a redirect)"
				: "");
	}
}

static void on_answer(void *arg, struct http *h)
{
	struct fetch *f = arg;
	auto_err *err = NULL;
	bool transient = h->failure == HTTP_UNREACHED || h->failure == HTTP_LOST ||
			 (h->failure == HTTP_FINE && (h->status >= 500 || h->status == 429));
	if (transient && f->attempt < f->c->set.attempts) {
		timer_set(f->c, f->c->set.pause_ms << (f->attempt < 8 ? f->attempt - 1 : 7),
			on_again, f);
		f->attempt++;
		return;
	}
	if (redirects(h)) {
		if (fetch_redirect(f, h, &err) < 0)
			fetch_over(f, err);
		return;
	}
	if (h->failure != HTTP_FINE || h->status < 200 || h->status >= 300) {
		explain(f, h, &err);
		fetch_over(f, err);
		return;
	}
	struct token_reply reply;
	if (token_parse(f->reply.data, f->reply.len, &reply, &err) < 0) {
		auto_free char *url = http_shown(h->url);
		err_wrap(&err, "%s", url);
		fetch_over(f, err);
		return;
	}
	token_keep(f, &reply);
	token_reply_free(&reply);
	fetch_over(f, NULL);
}

static void fetch_send(struct fetch *f)
{
	auto_free char *origin = http_origin(f->at);
	const char *form = f->bare ? NULL : f->form;
	f->reply.len = 0;
	struct http_spec spec = {
		.method = form ? "POST" : "GET",
		.url = f->at,
		.headers = f->bare ? NULL : f->headers,
		.endpoint = f->endpoint,
		.own = str_eq(origin, f->endpoint->origin),
		.document = true,
		.body = {.p = form, .size = form ? (int64_t)strlen(form) : 0, .fd = -1},
		.data = on_reply,
		.done = on_answer,
		.arg = f,
	};
	http_start(f->c, &spec);
}

static int check_realm(const struct endpoint *e, const char *realm, struct err **err)
{
	auto_free char *origin = http_origin(realm);
	if (!origin)
		return err_set(err, ERR_INVALID,
			"the registry names a token service that is no HTTP URL: \"%.200s\"",
			realm);
	if (!e->plain && !str_starts(origin, "https:"))
		return err_set(err, ERR_INVALID,
			"the registry is on https, its token service %s is not: refused", origin);
	return 0;
}

static int fetch_start(struct exchange *x, const char *scope, struct err **err)
{
	struct endpoint *e = x->endpoint;
	const struct challenge *ch = e->challenge;
	if (check_realm(e, ch->realm, err) < 0)
		return -1;
	bool known = may_use(x->c, e);
	bool refresh = known && !str_empty(x->c->set.identity_token);
	struct fetch *f = xcalloc(1, sizeof(*f));
	*f = (struct fetch){.c = x->c,
		.endpoint = e,
		.scope = xstrdup(*scope ? scope : ch->scope),
		.attempt = 1};
	if (refresh) {
		f->url = http_resolve(ch->realm, ch->realm);
		f->form = refresh_form(f, ch);
		strv_add(&f->headers, "Content-Type: application/x-www-form-urlencoded");
	} else {
		f->url = with_query(f, ch, known);
		if (known)
			strv_take(&f->headers, basic(x->c));
	}
	str_replace(&f->scope, scope);
	e->token_pending = true;
	fetch_begin(f);
	return 0;
}

/* ---- for exchanges ---- */

int auth_header(struct exchange *x, const char *scope, char **header, struct err **err)
{
	struct client *c = x->c;
	struct endpoint *e = x->endpoint;
	if (e->flags & ENDPOINT_CREDENTIALS && !str_empty(c->set.registry_token)) {
		/* the caller's own, as it came */
		if (strpbrk(c->set.registry_token, "\r\n"))
			return err_set(err, ERR_INVALID, "a registry token of several lines");
		*header = xasprintf("Authorization: Bearer %s", c->set.registry_token);
		return 1;
	}
	if (!e->challenge)
		return 1;
	if (e->challenge->scheme == CHALLENGE_BASIC) {
		*header = may_use(c, e) && !str_empty(c->set.username) ? basic(c) : NULL;
		return 1;
	}
	const char *token = token_find(c, e, scope);
	if (token) {
		*header = xasprintf("Authorization: Bearer %s", token);
		return 1;
	}
	x->next_waiting = c->waiting;
	c->waiting = x;
	if (e->token_pending || fetch_start(x, scope, err) == 0)
		return 0;
	auth_forget(x);
	return -1;
}

int auth_challenged(struct exchange *x, const struct http *h, bool again, struct err **err)
{
	struct client *c = x->c;
	struct endpoint *e = x->endpoint;
	struct challenge ch;
	if (challenge_find(h->headers.challenges, CHALLENGE_BEARER, &ch) < 0 &&
		challenge_find(h->headers.challenges, CHALLENGE_BASIC, &ch) < 0)
		return -1;
	if (again && (ch.scheme == CHALLENGE_BASIC || str_eq(ch.error, "insufficient_scope"))) {
		challenge_free(&ch);
		return -1;
	}
	if (e->challenge) {
		challenge_free(e->challenge);
		free(e->challenge);
	}
	e->challenge = xmemdup(&ch, sizeof(ch));
	if (ch.scheme == CHALLENGE_BEARER) {
		token_drop(c, e);
		return 0;
	}
	if (may_use(c, e) && !str_empty(c->set.username))
		return 0;
	return refuse(x, ERR_UNAUTHORIZED, "no basic auth credentials", err);
}
