#include "hash.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/mem.h"

struct hash {
	EVP_MD_CTX *ctx;
};

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "kist-transfer: OpenSSL: %s failed\n", what);
	abort();
}

struct hash *hash_new(void)
{
	struct hash *h = xcalloc(1, sizeof(*h));
	h->ctx = EVP_MD_CTX_new();
	must(h->ctx != NULL, "EVP_MD_CTX_new");
	must(EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL), "EVP_DigestInit_ex");
	return h;
}

void hash_add(struct hash *h, const void *p, size_t n)
{
	must(EVP_DigestUpdate(h->ctx, p, n), "EVP_DigestUpdate");
}

void hash_end(struct hash *h, struct digest *out)
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	must(EVP_DigestFinal_ex(h->ctx, raw, &n) && n == 32, "EVP_DigestFinal_ex");
	digest_from_raw(raw, out);
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

/* The first use reads openssl.cnf and loads the provider. */
void hash_init(void)
{
	auto_hash *h = hash_new();
	struct digest d;
	hash_end(h, &d);
}
