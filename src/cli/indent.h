/* JSON text laid out for people, without parsing numbers or strings: what the daemon wrote stays. */
#ifndef KIST_CLI_INDENT_H
#define KIST_CLI_INDENT_H

#include "base/buf.h"

/** Appends @json (valid, one document) with four spaces per level, starting @level deep. */
void json_indent(const char *json, size_t n, int level, struct buf *out);
/** The same with @unit for each level. */
void json_indent_by(const char *unit, const char *json, size_t n, int level, struct buf *out);

#endif
