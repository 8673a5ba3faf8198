/*
 * libcurl would read the CA bundle by itself, for each connection, and OpenSSL 3 takes some 30 ms to decode all
 * its certificates. Here its text is read once, when the first certificate is to be checked, from a descriptor (by
 * then there are no files), and only the certificates that a chain asks for are decoded: those of one subject.
 */
#include "tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "bundle.h"

static BIO *memory(const struct buf *b)
{
	return BIO_new_mem_buf(b->data ? b->data : "", (int)b->len);
}

/* All certificates of a PEM text; what is not a certificate is passed over. */
static STACK_OF(X509) * read_certificates(const struct buf *pem)
{
	STACK_OF(X509) *out = sk_X509_new_null();
	BIO *bio = memory(pem);
	X509 *cert;
	while ((cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)))
		sk_X509_push(out, cert);
	ERR_clear_error();
	BIO_free(bio);
	return out;
}

/* ---- the system's authorities ---- */

struct authority {
	struct buf der;
	X509_NAME *subject;
};
struct bundle {
	struct authority *v;
	size_t count;
};

/* Steps over one element, or with @inside to its first member. */
static bool step(const unsigned char **p, const unsigned char *end, bool inside)
{
	long length;
	int tag;
	int class;
	const unsigned char *at = *p;
	if (ASN1_get_object(&at, &length, &tag, &class, end - at) & 0x80 || length > end - at)
		return false;
	*p = inside ? at : at + length;
	return true;
}

/* RFC 5280 section 4.1: Certificate { TBSCertificate { [0] version, serialNumber, signature, issuer, validity,
 * subject, ... */
static X509_NAME *subject_of(const struct buf *der)
{
	const unsigned char *p = (const unsigned char *)der->data;
	const unsigned char *end = p + der->len;
	bool good = step(&p, end, true);
	good = good && step(&p, end, true);
	if (good && p < end && *p == 0xa0)
		good = step(&p, end, false);
	for (int i = 0; i < 4; i++)
		good = good && step(&p, end, false);
	return good ? d2i_X509_NAME(NULL, &p, end - p) : NULL;
}

static void add_authority(struct bundle *b, const unsigned char *der, long n)
{
	struct authority a = {.der = BUF_INIT};
	buf_add(&a.der, der, (size_t)n);
	a.subject = subject_of(&a.der);
	if (!a.subject) {
		buf_free(&a.der);
		return;
	}
	b->v = xreallocarray(b->v, b->count + 1, sizeof(*b->v));
	b->v[b->count++] = a;
}

static void add_authorities(struct bundle *b, const struct buf *pem)
{
	char *name;
	char *header;
	unsigned char *der;
	long n;
	BIO *bio = memory(pem);
	/* what cannot be read is passed over: the lines at least that it took to see that */
	for (int left = BIO_pending(bio), before = left + 1; left && left < before;) {
		before = left;
		bool good = PEM_read_bio(bio, &name, &header, &der, &n);
		left = BIO_pending(bio);
		if (!good)
			continue;
		if (strcmp(name, PEM_STRING_X509) == 0)
			add_authority(b, der, n);
		OPENSSL_free(name);
		OPENSSL_free(header);
		OPENSSL_free(der);
	}
	BIO_free(bio);
	ERR_clear_error();
}

/* File by file: what one lacks is not looked for in the next. */
static void add_folders(struct bundle *b, const struct buf *texts)
{
	for (size_t at = 0, n; at < texts->len; at += n + 1) {
		n = strnlen(texts->data + at, texts->len - at);
		const struct buf one = {.data = texts->data + at, .len = n};
		add_authorities(b, &one);
	}
}

static struct bundle *authorities(struct client *c)
{
	if (c->authorities)
		return c->authorities;
	struct bundle *b = c->authorities = xcalloc(1, sizeof(*b));
	auto_buf pem = BUF_INIT;
	if (c->bundle >= 0)
		fd_read_all(c->bundle, BUNDLE_MAX, &pem, "CA certificates", NULL);
	add_authorities(b, &pem);
	add_folders(b, &c->bundle_folders);
	return b;
}

/* All of that subject go into the store, where OpenSSL looks for them again; one is the answer. */
static int by_subject(
	X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name, X509_OBJECT *out)
{
	const struct bundle *b = X509_LOOKUP_get_method_data(lookup);
	int found = 0;
	for (size_t i = 0; type == X509_LU_X509 && i < b->count; i++) {
		if (X509_NAME_cmp(b->v[i].subject, name) != 0)
			continue;
		const unsigned char *p = (const unsigned char *)b->v[i].der.data;
		X509 *cert = d2i_X509(NULL, &p, (long)b->v[i].der.len);
		if (cert && X509_STORE_add_cert(X509_LOOKUP_get_store(lookup), cert) == 1)
			found = X509_OBJECT_set1_X509(out, cert);
		X509_free(cert);
	}
	ERR_clear_error();
	return found;
}

static void add_lookup(struct client *c, X509_STORE *store)
{
	X509_LOOKUP_METHOD *method = X509_LOOKUP_meth_new("the system's CA certificates");
	X509_LOOKUP_meth_set_get_by_subject(method, by_subject);
	X509_LOOKUP *lookup = X509_STORE_add_lookup(store, method);
	X509_LOOKUP_set_method_data(lookup, authorities(c));
}

static void add_all(X509_STORE *store, STACK_OF(X509) * certs)
{
	for (int i = 0; i < sk_X509_num(certs); i++)
		X509_STORE_add_cert(store, sk_X509_value(certs, i));
	ERR_clear_error();
}

/* One for each endpoint, for good. */
static X509_STORE *store_of(struct client *c, struct trust *t)
{
	if (!t->store) {
		X509_STORE *store = X509_STORE_new();
		STACK_OF(X509) *own = read_certificates(&t->ca);
		add_lookup(c, store);
		add_all(store, own);
		sk_X509_pop_free(own, X509_free);
		/* a CA that was given by hand is trusted although it is not self-signed, as Go does */
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		t->store = store;
	}
	return t->store;
}

/* ---- ourselves ---- */

struct pair {
	X509 *cert;
	EVP_PKEY *key;
	STACK_OF(X509) * chain;
};

static void pair_free(struct pair *p)
{
	X509_free(p->cert);
	EVP_PKEY_free(p->key);
	sk_X509_pop_free(p->chain, X509_free);
}

/* No passphrase is ever asked for. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	return -1;
}

static int pair_read(const struct buf *pem, struct pair *out)
{
	BIO *bio = memory(pem);
	*out = (struct pair){.chain = read_certificates(pem)};
	out->cert = sk_X509_shift(out->chain);
	out->key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (out->cert && out->key && X509_check_private_key(out->cert, out->key) == 1)
		return 0;
	ERR_clear_error();
	pair_free(out);
	return -1;
}

/* The server names the CAs whose certificates it takes; if none, it takes any. */
static bool wanted(SSL *ssl, const struct pair *p)
{
	const STACK_OF(X509_NAME) *names = SSL_get0_peer_CA_list(ssl);
	if (sk_X509_NAME_num(names) <= 0)
		return true;
	for (int i = 0; i < sk_X509_NAME_num(names); i++) {
		const X509_NAME *name = sk_X509_NAME_value(names, i);
		if (X509_NAME_cmp(name, X509_get_issuer_name(p->cert)) == 0)
			return true;
		for (int k = 0; k < sk_X509_num(p->chain); k++)
			if (X509_NAME_cmp(name, X509_get_issuer_name(sk_X509_value(p->chain, k))) ==
				0)
				return true;
	}
	return false;
}

static int choose_client(SSL *ssl, void *arg)
{
	const struct trust *t = arg;
	for (size_t i = 0; i < t->client_count; i++) {
		struct pair p;
		if (pair_read(&t->clients[i], &p) < 0)
			continue;
		bool fits = wanted(ssl, &p);
		if (fits)
			SSL_use_cert_and_key(ssl, p.cert, p.key, p.chain, 1);
		pair_free(&p);
		if (fits)
			break;
	}
	return 1;
}

/* ---- together ---- */

int tls_check(struct client *c, struct err **err)
{
	for (size_t i = 0; i < c->endpoint_count; i++) {
		const struct endpoint *e = &c->endpoints[i];
		STACK_OF(X509) *own = read_certificates(&e->trust.ca);
		int found = sk_X509_num(own);
		sk_X509_pop_free(own, X509_free);
		if (e->trust.ca.len && !found)
			return err_set(err, ERR_INVALID,
				"%s: its CA file holds no certificate in PEM", e->url);
		for (size_t k = 0; k < e->trust.client_count; k++) {
			struct pair p;
			if (pair_read(&e->trust.clients[k], &p) < 0)
				return err_set(err, ERR_INVALID,
					"%s: a client certificate and its key cannot be read, or "
					"do not belong together",
					e->url);
			pair_free(&p);
		}
	}
	return 0;
}

/* Which endpoint's certificates hold; endpoint_count: the system's. */
static size_t trust_index(const struct http *h)
{
	size_t i = 0;
	while (i < h->c->endpoint_count && &h->c->endpoints[i] != h->spec.endpoint)
		i++;
	return i;
}

static struct trust *trust_of(const struct http *h)
{
	size_t i = trust_index(h);
	return i < h->c->endpoint_count ? &h->c->endpoints[i].trust : &h->c->system;
}

/*
 * libcurl makes a context for a proxy on https, too, and does not say which is whose. The server's alone are made with
 * a highest version: what is not marked so is held for a proxy's, which is shown nothing and judged by the system.
 */
enum {
	SERVER_VERSIONS = CURL_SSLVERSION_TLSv1_2 | CURL_SSLVERSION_MAX_TLSv1_3,
	PROXY_VERSIONS = CURL_SSLVERSION_TLSv1_2,
};

static bool for_server(SSL_CTX *context)
{
	return SSL_CTX_get_max_proto_version(context) == TLS1_3_VERSION;
}

/*
 * Inside a proxy's TLS libcurl loses the reason for which a handshake ended: the alert that says it to the server goes through
 * the proxy's connection, whose functions begin with ERR_clear_error(). So it is kept. Not in the request, which the connection
 * may outlive.
 */
static int check_chain(X509_STORE_CTX *chain, void *arg)
{
	struct trust *t = arg;
	int good = X509_verify_cert(chain);
	t->verdict = X509_STORE_CTX_get_error(chain);
	return good;
}

static CURLcode on_context(CURL *easy, void *context, void *arg)
{
	struct http *h = arg;
	h->at_proxy = !for_server(context);
	if (h->at_proxy) {
		SSL_CTX_set1_cert_store(context, store_of(h->c, &h->c->system));
		return CURLE_OK;
	}
	/* the endpoint is the client's own; the request only borrows it */
	struct trust *t = trust_of(h);
	if (!h->spec.endpoint || !(h->spec.endpoint->flags & ENDPOINT_SKIP_VERIFY)) {
		SSL_CTX_set1_cert_store(context, store_of(h->c, t));
		t->verdict = X509_V_OK;
		SSL_CTX_set_cert_verify_callback(context, check_chain, t);
	}
	if (h->spec.own && t->client_count)
		SSL_CTX_set_cert_cb(context, choose_client, t);
	return CURLE_OK;
}

long tls_verdict(const struct http *h)
{
	long result = X509_V_OK;
	curl_easy_getinfo(h->easy,
		h->at_proxy ? CURLINFO_PROXY_SSL_VERIFYRESULT : CURLINFO_SSL_VERIFYRESULT, &result);
	/* libcurl's word before it knows */
	if (result == X509_V_ERR_UNSPECIFIED)
		result = X509_V_OK;
	return result == X509_V_OK && !h->at_proxy ? trust_of(h)->verdict : result;
}

void tls_prepare(struct http *h)
{
	bool check = !h->spec.endpoint || !(h->spec.endpoint->flags & ENDPOINT_SKIP_VERIFY);
	curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYPEER, check ? 1L : 0L);
	curl_easy_setopt(h->easy, CURLOPT_SSL_VERIFYHOST, check ? 2L : 0L);
	curl_easy_setopt(h->easy, CURLOPT_SSLVERSION, (long)SERVER_VERSIONS);
	curl_easy_setopt(h->easy, CURLOPT_CAINFO, NULL);
	/*
	 * libcurl takes a connection (and a TLS session) again if its settings are the same, and does not know of
	 * what on_context() does: one that a mirror's CA vouched for, or that showed a client certificate, would be
	 * used for others. There is no such folder; it keeps them apart.
	 */
	auto_free char *apart = xasprintf("/trust/%zu/%d", trust_index(h), h->spec.own);
	curl_easy_setopt(h->easy, CURLOPT_CAPATH, apart);
	/* the registry may be insecure, or have a CA of its own: its proxy has neither */
	curl_easy_setopt(h->easy, CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(h->easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(h->easy, CURLOPT_PROXY_SSLVERSION, (long)PROXY_VERSIONS);
	curl_easy_setopt(h->easy, CURLOPT_PROXY_CAINFO, NULL);
	curl_easy_setopt(h->easy, CURLOPT_PROXY_CAPATH, "/trust/proxy");
	curl_easy_setopt(h->easy, CURLOPT_SSL_CTX_FUNCTION, on_context);
	curl_easy_setopt(h->easy, CURLOPT_SSL_CTX_DATA, h);
}
