/* sha256 through OpenSSL, which uses the processor's instructions for it. */
#ifndef KIST_TRANSFER_HASH_H
#define KIST_TRANSFER_HASH_H

#include <stddef.h>

#include "base/digest.h"

struct hash;

/** Loads what OpenSSL needs; call it before files are out of reach. */
void hash_init(void);
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *p, size_t n);
/** The digest of everything so far; the hash is then done with. */
void hash_end(struct hash *h, struct digest *out);
void hash_free(struct hash *h);
static inline void hash_freep(struct hash **h)
{
	hash_free(*h);
	*h = NULL;
}
#define auto_hash __attribute__((cleanup(hash_freep))) struct hash

#endif
