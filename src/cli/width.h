/* How much room text takes on a terminal. */
#ifndef KIST_CLI_WIDTH_H
#define KIST_CLI_WIDTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** One character of well-formed UTF-8 (RFC 3629) at the begin of @s: its length, 0 if it is none. */
size_t utf8_decode(const char *s, uint32_t *out);
/** Does it take two columns? */
bool width_is_double(uint32_t c);
/**
 * Columns of @n bytes of text, as docker's tables count them (in locales that are not East Asian): characters of East
 * Asian scripts and emoji take two, marks over others and controls none. Each byte that is no UTF-8 takes one.
 * Behind the @n bytes must be a NUL or another character's first byte.
 */
size_t width_of(const char *s, size_t n);
/** How many bytes of @s fill at most @columns columns. */
size_t width_fitting(const char *s, size_t columns);

#endif
