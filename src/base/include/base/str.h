/* Strings, string vectors and strict number parsing. Nothing here depends on the locale. */
#ifndef KIST_BASE_STR_H
#define KIST_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

static inline bool str_eq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/** ASCII case-insensitive equality. */
bool str_ieq(const char *a, const char *b);
/** s after @prefix if it starts with it, else NULL. */
const char *str_after(const char *s, const char *prefix);
/** Trims ASCII white space in place; returns the new start inside @s. */
char *str_trim(char *s);
/** Every byte belongs to @set and the length is within [min, max]. */
bool str_all_of(const char *s, const char *set, size_t min, size_t max);

/** Strict decimal numbers: the whole string, no white space, no '+', range checked. 0 or -1 (no err). */
int str_to_i64(const char *s, int64_t *out);
int str_to_u64(const char *s, uint64_t *out);
/** Decimal numbers at the start of @text, with blanks and colons between them, as the kernel's files have them: how
 * many, up to @room. */
size_t str_numbers(const char *text, uint64_t *out, size_t room);
int str_to_u32(const char *s, uint32_t *out);
int str_to_int(const char *s, int *out);
/** Go's strconv.ParseBool: 1 t T TRUE true True 0 f F FALSE false False. 0 or -1. */
int str_to_bool(const char *s, bool *out);
/**
 * A size in bytes as docker's units.RAMInBytes reads it: a number (decimals allowed) and an optional
 * unit b, k, m, g, t, p with optional i and b, any case, base 1024.
 */
int str_to_size(const char *s, int64_t *out);
/** units.HumanSizeWithPrecision(size, 3), base 1000 ("1.24MB", "0B"); buf of at least 32 bytes. */
char *str_human_size(double size, char *buf, size_t len);
/** units.BytesSize (4 digits, base 1024: "1.5MiB"). */
char *str_bytes_size(double size, char *buf, size_t len);
/** Levenshtein distance, for "did you mean". */
size_t str_distance(const char *a, const char *b);

/** NULL-terminated vectors of owned strings. NULL is an empty vector. */
size_t strv_len(char *const *v);
/** Appends a copy of @s. */
void strv_add(char ***v, const char *s);
/** Appends @s, taking ownership. */
void strv_take(char ***v, char *s);
char **strv_copy(char *const *v);
/** Index of @s or -1. */
int strv_index(char *const *v, const char *s);
/** Splits at each @sep; empty fields are kept; an empty @s gives one empty field. */
char **strv_split(const char *s, char sep);
char *strv_join(char *const *v, const char *sep);
/** Value of NAME in a vector of NAME=value, or NULL. */
const char *strv_env(char *const *env, const char *name);
void strv_free(char **v);
static inline void strv_freep(char ***v)
{
	strv_free(*v);
	*v = NULL;
}
#define auto_strv __attribute__((cleanup(strv_freep))) char **

#endif
