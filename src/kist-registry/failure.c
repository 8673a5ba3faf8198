/*
 * dockerd's users know the words of Go's libraries ("x509: certificate signed by unknown authority", "http:
 * server gave HTTP response to HTTPS client") and of docker/distribution ("denied: requested access to the
 * resource is denied"); scripts look for them, so here they are again.
 */
#include "failure.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "challenge.h"
#include "proxy.h"
#include "tls.h"

/* ---- of the connection ---- */

static char *place(const struct http *h)
{
	auto_free char *origin = http_origin(h->url);
	const char *host = origin ? strstr(origin, "://") : NULL;
	return xstrdup(host ? host + 3 : "?");
}

/* "host:port" of the way's proxy; NULL: there is none. */
static char *proxy_place(const struct http *h)
{
	auto_free char *proxy = proxy_for(&h->c->set, h->url);
	if (!*proxy)
		return NULL;
	/* its URL may hold who we are there; without a scheme it is libcurl's to read */
	auto_free char *origin = http_origin(proxy);
	const char *host = origin ? strstr(origin, "://") : NULL;
	return xstrdup(host ? host + 3 : "the proxy");
}

/* Whom a connection was to be made to: the proxy, if there is one, as Go says it. */
static char *dialled(const struct http *h)
{
	auto_free char *at = place(h);
	auto_free char *proxy = proxy_place(h);
	if (!proxy)
		return xasprintf("dial tcp %s", *h->dialled ? h->dialled : at);
	return xasprintf("proxyconnect tcp: dial tcp %s", *h->dialled ? h->dialled : proxy);
}

static char *no_connection(struct http *h)
{
	long number = 0;
	auto_free char *at = dialled(h);
	curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &number);
	h->absent = number == ECONNREFUSED;
	auto_free char *text = xstrdup(number ? err_text((int)number) : "connection refused");
	if (*text >= 'A' && *text <= 'Z')
		*text += 'a' - 'A';
	return xasprintf("%s: connect: %s", at, text);
}

static bool says(const struct http *h, const char *text)
{
	return strstr(h->message, text);
}

static char *bad_certificate(const struct http *h)
{
	long result = tls_verdict(h);
	/* the chain is good: libcurl compares the name by itself */
	if (says(h, "subject name") || result == X509_V_ERR_HOSTNAME_MISMATCH ||
		result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
		auto_free char *at = h->at_proxy ? proxy_place(h) : place(h);
		char *port = at ? strrchr(at, ':') : NULL;
		if (port)
			*port = '\0';
		return xasprintf("x509: certificate is not valid for %s", at ? at : "the proxy");
	}
	switch (result) {
	case X509_V_ERR_CERT_HAS_EXPIRED:
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return xstrdup("x509: certificate has expired or is not yet valid");
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		return xstrdup("x509: certificate signed by unknown authority");
	case X509_V_OK:
		return xasprintf("x509: %s", *h->message ? h->message : "no certificate");
	default:
		return xasprintf("x509: %s", X509_verify_cert_error_string(result));
	}
}

static char *no_tls(struct http *h)
{
	if (says(h, "wrong version number") || says(h, "packet length too long") ||
		says(h, "http request") || says(h, "record layer failure")) {
		if (h->at_proxy)
			return xstrdup("tls: first record does not look like a TLS handshake");
		h->failure = HTTP_NO_TLS;
		return xstrdup("http: server gave HTTP response to HTTPS client");
	}
	return xasprintf("tls: %s", *h->message ? h->message : "handshake failure");
}

/* What is wrong with TLS, new string, and with whose, if it is not the server's. */
static char *of_tls(const struct http *h, char *why)
{
	auto_free char *proxy = h->at_proxy ? proxy_place(h) : NULL;
	if (!proxy)
		return why;
	char *out = xasprintf("proxyconnect tcp: %s: %s", proxy, why);
	free(why);
	return out;
}

void failure_explain(struct http *h, CURLcode code)
{
	auto_free char *at = place(h);
	char *why;
	h->failure = h->status ? HTTP_LOST : HTTP_UNREACHED;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		at[strcspn(at, ":")] = '\0'; /* a name: no colon but the port's */
		h->absent = true;
		why = xasprintf("dial tcp: lookup %s: no such host", at);
		break;
	case CURLE_COULDNT_RESOLVE_PROXY:
		why = xstrdup("proxyconnect tcp: lookup of the proxy: no such host");
		break;
	case CURLE_COULDNT_CONNECT:
		why = no_connection(h);
		break;
	case CURLE_OPERATION_TIMEDOUT: {
		auto_free char *whom = dialled(h);
		why = xasprintf("%s: i/o timeout", whom);
		break;
	}
	case CURLE_PEER_FAILED_VERIFICATION:
		h->failure = HTTP_UNTRUSTED;
		why = of_tls(h, bad_certificate(h));
		break;
	case CURLE_SSL_CONNECT_ERROR:
		h->failure = HTTP_UNTRUSTED;
		why = of_tls(h, tls_verdict(h) == X509_V_OK ? no_tls(h) : bad_certificate(h));
		break;
	case CURLE_GOT_NOTHING:
		h->failure = HTTP_LOST;
		why = xstrdup("EOF");
		break;
	case CURLE_PARTIAL_FILE:
		why = xstrdup("unexpected EOF");
		break;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_BAD_CONTENT_ENCODING:
		h->failure = HTTP_NONSENSE;
		why = xasprintf(
			"malformed HTTP response: %s", *h->message ? h->message : "no HTTP");
		break;
	default:
		h->failure = HTTP_LOST;
		if (says(h, "alert bad certificate") || says(h, "alert certificate required")) {
			h->failure = HTTP_UNTRUSTED;
			why = of_tls(h, xstrdup("remote error: tls: bad certificate"));
		} else {
			why = xstrdup(*h->message ? h->message : curl_easy_strerror(code));
		}
	}
	free(h->why);
	h->why = why;
}

char *failure_asked(const char *method, const char *url)
{
	auto_free char *shown = http_shown(url);
	char *out = xasprintf("%s \"%s\"", method, shown);
	for (char *p = out + 1; *p != ' '; p++)
		*p += 'a' - 'A';
	return out;
}

int failure_set(const struct http *h, const char *asked, struct err **err)
{
	auto_free char *own = asked ? NULL : failure_asked(h->spec.method, h->url);
	return err_set(err, h->failure == HTTP_NONSENSE ? ERR_INVALID : ERR_UNAVAILABLE, "%s: %s",
		asked ? asked : own, h->why ? h->why : "failed");
}

/* ---- of the registry ---- */

/* errcode.Error.Error(): the code in lower case with spaces, and the message. */
static char *code_text(const char *code, const char *message)
{
	auto_free char *words = xstrdup(code);
	for (char *p = words; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p += 'a' - 'A';
		if (*p == '_')
			*p = ' ';
	}
	return xasprintf("%s: %.1024s", words, message);
}

char *failure_tame(const char *text, size_t max)
{
	char *out = xstrndup(text, max);
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			*p = ' ';
	return out;
}

/* The first of {"errors": [{"code", "message"}]}, or of an old {"details": "..."}. */
static bool read_document(const struct http *h, struct complaint *out)
{
	auto_json *doc = json_parse(h->error_body.data, h->error_body.len, "answer", NULL);
	const json_t *first = json_array_get(json_object_get(doc, "errors"), 0);
	const char *code = json_string_value(json_object_get(first, "code"));
	const char *message = json_string_value(json_object_get(first, "message"));
	const char *details = json_string_value(json_object_get(doc, "details"));
	if (code && strlen(code) <= 64) {
		out->code = failure_tame(code, 64);
		auto_free char *tamed = failure_tame(message ? message : "", 1024);
		auto_free char *plain = code_text(out->code, "");
		plain[strlen(plain) - 2] = '\0';
		out->text = code_text(out->code, message && *message ? tamed : plain);
		return true;
	}
	if (!details || h->status != 401)
		return false;
	out->code = xstrdup("UNAUTHORIZED");
	auto_free char *tamed = failure_tame(details, 1024);
	out->text = code_text(out->code, tamed);
	return true;
}

/* RFC 6750, as distribution's client reads it before the body. */
static bool read_challenge(const struct http *h, struct complaint *out)
{
	struct challenge c;
	if (challenge_find(h->headers.challenges, CHALLENGE_BEARER, &c) < 0)
		return false;
	bool denied = str_eq(c.error, "insufficient_scope");
	if (denied || str_eq(c.error, "invalid_token")) {
		out->code = xstrdup(denied ? "DENIED" : "UNAUTHORIZED");
		out->text =
			code_text(out->code, denied ? "requested access to the resource is denied"
						    : "authentication required");
	}
	challenge_free(&c);
	return out->code;
}

static char *unexpected(const struct http *h)
{
	auto_free char *reason = failure_tame(h->reason ? h->reason : "", 128);
	if (h->status < 400 || h->status >= 500)
		return xasprintf("received unexpected HTTP status: %s", reason);
	auto_free char *body = failure_tame(h->error_body.data ? h->error_body.data : "", 200);
	auto_json *doc = json_parse(h->error_body.data, h->error_body.len, "answer", NULL);
	if (doc || !*body)
		return xasprintf("unexpected HTTP status: %s", reason);
	return xasprintf("error parsing HTTP %ld response body: no JSON: \"%s\"", h->status, body);
}

void complaint_read(const struct http *h, struct complaint *out)
{
	*out = (struct complaint){.formal = true};
	if (h->status >= 400 && h->status < 500 && read_challenge(h, out))
		return;
	if (read_document(h, out))
		return;
	out->formal = false;
	switch (h->status) {
	case 401:
		out->code = xstrdup("UNAUTHORIZED");
		out->text = xstrdup("unauthorized: authentication required");
		return;
	case 403:
		out->code = xstrdup("DENIED");
		break;
	case 429:
		out->code = xstrdup("TOOMANYREQUESTS");
		out->text = xstrdup("toomanyrequests: too many requests");
		return;
	default:
		out->code = xstrdup("");
	}
	out->text = unexpected(h);
}

void complaint_free(struct complaint *c)
{
	free(c->code);
	free(c->text);
	*c = (struct complaint){0};
}
