/*
 * TOML (v1.0), as far as hosts.toml uses it: tables, dotted and quoted keys, strings of one line, booleans, whole
 * numbers, arrays, inline tables, comments. Dates, floats, strings of several lines and arrays of tables are refused by name.
 */
#ifndef KIST_REGISTRY_TOML_H
#define KIST_REGISTRY_TOML_H

#include "base/json.h"

/** One object; keys keep their order. ERR_INVALID "<what>: line 3: ...". */
json_t *toml_parse(const char *text, size_t n, const char *what, struct err **err);

#endif
