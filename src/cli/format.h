/*
 * What --format does for lists: table with headers, "table TEMPLATE", "json", TEMPLATE, and for raw
 * JSON (inspect, version, info). Commands describe their columns; rows are JSON objects with
 * computed fields.
 */
#ifndef KIST_CLI_FORMAT_H
#define KIST_CLI_FORMAT_H

#include <jansson.h>

#include "base/err.h"
#include "cli.h"

struct format_field {
	const char *name; /* {{.Name}} */
	const char *header; /* in tables */
};

struct format {
	const char *row_type; /* in messages: "*formatter.ContainerContext" */
	const struct format_field *fields; /* ends with a NULL name */
	const char *table; /* default template, without "table " */
	const char *quiet; /* template of -q */
};

/*
 * Long lists row by row, so that a row is in memory for as long as it takes to print it. Nothing is written before
 * format_write(), which returns the exit code and reports its own errors.
 */
struct format_out;
/** @text as with format_print(). NULL with ERR_INVALID for a template that cannot be read. @f, @text: borrowed. */
struct format_out *format_open(
	const struct format *f, const char *text, bool quiet, struct err **err);
/** False if nothing will look at this field of a row: it need not be there. */
bool format_wants(const struct format_out *o, const char *field);
/** Takes @row over. */
int format_add(struct format_out *o, json_t *row, struct err **err);
int format_write(struct format_out *o);
void format_out_free(struct format_out *o);
static inline void format_out_freep(struct format_out **o)
{
	format_out_free(*o);
}
#define auto_format_out __attribute__((cleanup(format_out_freep))) struct format_out

/**
 * Prints @rows (an array of objects with format's fields) by @text: NULL or "" or "table" for the
 * default table. Returns the exit code; reports its own errors.
 */
int format_print(const struct format *f, const char *text, bool quiet, json_t *rows);
/** Makes the object for one row. */
json_t *format_row(const struct format *f);

/** Prints one raw JSON value by a template or "json", with a newline. Returns 0, or -1 with *err. */
int format_raw(const char *text, json_t *value, struct err **err);

/** "3 hours ago" for a time in ns since the epoch. */
char *format_ago(int64_t ns, char *buf, size_t len);
/** "2026-11-22 01:52:54 +0000 UTC": whole seconds in the local time zone; @exact: with the fraction, in
 * UTC (docker prints times that the daemon sent as text in their own zone). */
char *format_time(int64_t ns, bool exact, char *buf, size_t len);
/** RFC 3339 in the local time zone, with nine digits of fraction or none. */
char *format_rfc3339(int64_t ns, bool fraction, char *buf, size_t len);
/** units.HumanSize: one digit more than str_human_size() has, as docker prints sums ("1.983MB"). */
char *format_size(double size, char *buf, size_t len);
/** Cuts to @n columns with an ellipsis, as docker does; for free(). */
char *format_ellipsis(const char *s, size_t n);
/** First 12 digits of an id without "sha256:". */
const char *format_short_id(const char *id, char buf[13]);
/** "a=b,c=d" of an object, sorted. */
char *format_labels(const json_t *labels);

#endif
