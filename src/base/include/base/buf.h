/*
 * A growable byte buffer. Always followed by a NUL that is not counted, so that b.data is a C string
 * when the content is text. Growth is doubling; a buffer filled from outside is given a maximum.
 */
#ifndef KIST_BASE_BUF_H
#define KIST_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

struct buf {
	char *data; /* NULL while empty and unallocated */
	size_t len;
	size_t cap;
};
#define BUF_INIT                                                                                   \
	{                                                                                          \
		0                                                                                  \
	}

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_addv(struct buf *b, const char *fmt, va_list ap);
/** Room for @n more bytes at data + len; the caller then adds to len. */
char *buf_reserve(struct buf *b, size_t n);
/** Removes the first @n bytes. */
void buf_consume(struct buf *b, size_t n);
/** Content as a C string (never NULL); ownership passes and the buffer is empty afterwards. */
char *buf_steal(struct buf *b);
/** Content as a C string that the buffer owns; never NULL. */
const char *buf_str(struct buf *b);
/** Appends @n bytes as a JSON string with quotes, escaped as Go's encoding/json does with HTML
 * escaping on (<, >, & and U+2028/2029 become \u00XX; invalid UTF-8 becomes U+FFFD). */
void buf_add_json_string(struct buf *b, const char *s, size_t n);
void buf_free(struct buf *b);
#define auto_buf __attribute__((cleanup(buf_free))) struct buf

#endif
