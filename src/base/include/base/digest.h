/*
 * Digests as image-spec descriptor.md "Digests" writes them: "sha256:" and 64 lower-case hex digits.
 * kist stores sha256 only; other registered algorithms are refused as not implemented.
 */
#ifndef KIST_BASE_DIGEST_H
#define KIST_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define DIGEST_HEX_LEN 64
#define DIGEST_STR_LEN (7 + DIGEST_HEX_LEN)

/** A digest in its textual form, NUL-terminated; plain data, copied freely. */
struct digest {
	char str[DIGEST_STR_LEN + 1];
};

/** Parses and validates; ERR_INVALID names the text, and ERR_NOT_IMPLEMENTED what is one of another algorithm. */
int digest_parse(const char *text, struct digest *out, struct err **err);
bool digest_valid(const char *text);
/** The 64 hex digits, inside @d. */
static inline const char *digest_hex(const struct digest *d)
{
	return d->str + 7;
}
void digest_from_raw(const uint8_t raw[32], struct digest *out);

/** sha256 of a memory block (libnettle). */
void digest_of(const void *p, size_t n, struct digest *out);
/** sha256 of what @fd gives from its position to its end. 0, or -1 with errno. */
int digest_of_fd(int fd, struct digest *out);
/** The same, until @stop (NULL: never) says with something else than 0 that nobody wants to know any more: -1 with
 * ECANCELED. It is asked every 256 KiB. */
int digest_of_fd_until(int fd, int (*stop)(void *arg), void *arg, struct digest *out);

/** @bytes random bytes as 2 * bytes lower-case hex digits and NUL. getrandom(2); ends the program if
 * the kernel has none. */
void random_hex(char *out, size_t bytes);

#endif
