/* Base64 (RFC 4648), for credentials: the common alphabet and the one for URLs. */
#ifndef KIST_BASE_BASE64_H
#define KIST_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/** Appends @n bytes, padded. @url: with '-' and '_' instead of '+' and '/'. */
void base64_encode(const void *p, size_t n, bool url, struct buf *out);
/**
 * Appends what @text (of @n characters) stands for. Both alphabets, with padding or without; nothing
 * else, no white space either. 0, or -1 with @out as it was.
 */
int base64_decode(const char *text, size_t n, struct buf *out);

#endif
