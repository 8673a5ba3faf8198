/*
 * Reading JSON objects into structs by table: one struct field per key, with the path of what is wrong.
 *
 * A place in the document is a chain of struct at on the stack; its text ("linux.devices[2].major") is
 * made only when there is something to complain about. Keys that no table names are ignored, as the
 * specification asks (config.md "Extensibility"); null is absence.
 */
#ifndef KIST_OCI_READER_H
#define KIST_OCI_READER_H

#include "base/json.h"
#include "oci/config.h"

struct at {
	const struct at *up; /* NULL at the document */
	const char *key; /* NULL for an element of a list */
	size_t index;
	const json_t *j; /* an object, or any element */
	struct err **err;
};

enum field_kind {
	FIELD_STR, /* char *, replaced */
	FIELD_STRV, /* char ** */
	FIELD_BOOL,
	FIELD_U16,
	FIELD_I32,
	FIELD_U32,
	FIELD_I64,
	FIELD_U64,
};

#define FIELD_ALWAYS ((size_t)-1)

struct field {
	const char *key;
	enum field_kind kind;
	size_t value; /* offset */
	size_t flag; /* offset of a bool that says the key was there; FIELD_ALWAYS: none */
};

#define FIELD(type, key_, kind_, member)                                                           \
	{                                                                                          \
		.key = (key_), .kind = (kind_), .value = offsetof(type, member),                   \
		.flag = FIELD_ALWAYS                                                               \
	}
#define FIELD_HAS(type, key_, kind_, member, has)                                                  \
	{                                                                                          \
		.key = (key_), .kind = (kind_), .value = offsetof(type, member),                   \
		.flag = offsetof(type, has)                                                        \
	}
/** For an OCI_OPT() member. */
#define FIELD_OPT(type, key_, kind_, member) FIELD_HAS(type, key_, kind_, member.v, member.set)

/** Sets ERR_INVALID "<path>.<key>: <text>"; @key may be NULL for the place itself. Returns -1. */
int at_bad(const struct at *at, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

int read_fields(const struct at *at, const struct field *fields, size_t count, void *out);
#define READ_FIELDS(at, fields, out) read_fields((at), (fields), ARRAY_LEN(fields), (out))

/** Enters the object at @key: 1 and *in filled in, 0 if it is absent, -1 if it is something else. */
int at_object(const struct at *at, const char *key, struct at *in);

/** Reads a list: @each fills a zeroed element of @size. What it has filled belongs to the list in any
 * case, so that one that fails halfway is freed with the document. */
int read_list(const struct at *at, const char *key, void *list, size_t *count, size_t size,
	int (*each)(const struct at *at, void *element));
#define READ_LIST(at, key, list, count, each)                                                      \
	read_list((at), (key), &(list), &(count), sizeof(*(list)), (each))

/** One integer, with uint64 beyond int64 (see oci_json_parse); range checked for the kind. */
int read_integer(
	const struct at *at, const char *key, const json_t *j, enum field_kind kind, void *out);
int read_string(const struct at *at, const char *key, const json_t *j, char **out);
/** An object of strings, in document order. */
int read_pairs(const struct at *at, const char *key, struct oci_pairs *out);

/** json_parse() that also takes integers from 2^63 to 2^64-1, which jansson has no room for and which
 * "unlimited" comes as. Only for documents read through this header. */
json_t *oci_json_parse(const void *p, size_t n, const char *what, struct err **err);

/** The same within the size that a document may have (ERR_TOO_LARGE). */
json_t *oci_document(const void *json, size_t n, const char *what, struct err **err);

/* The parts of the document, one file each. */
int parse_process(const struct at *at, struct oci_process *out);
int parse_mount(const struct at *at, void *mount);
int parse_id_map(const struct at *at, void *map);
int parse_hooks(const struct at *at, struct oci_hooks *out);
int parse_linux(const struct at *at, struct oci_linux *out);
int parse_resources(const struct at *at, struct oci_resources *out);
int parse_seccomp(const struct at *at, struct oci_seccomp *out);
int parse_seccomp_head(const struct at *at, struct oci_seccomp *out);
int parse_seccomp_rule(const struct at *at, void *rule);

#endif
