/* The parsed form of a template, shared by its parser, its evaluator and its functions. */
#ifndef KIST_CLI_TEMPLATE_AST_H
#define KIST_CLI_TEMPLATE_AST_H

#include <stddef.h>

#include "template.h"

#define TEMPLATE_MAX_DEPTH 64

struct pipe;

enum operand_kind {
	OPERAND_DOT, /* . followed by fields */
	OPERAND_VARIABLE, /* $name followed by fields */
	OPERAND_FUNCTION,
	OPERAND_LITERAL,
	OPERAND_NIL,
	OPERAND_PIPE, /* ( pipeline ) followed by fields */
};

struct operand {
	enum operand_kind kind;
	char *name; /* variable or function */
	json_t *literal;
	struct pipe *pipe;
	char **fields;
	size_t pos; /* byte offset for messages, where Go's parser would put it */
	char *source; /* as written, for messages */
};

struct call { /* a function or value with its arguments */
	struct operand *operands;
	size_t count;
	size_t pos;
	char *source;
};

struct pipe {
	char *variables[2]; /* $i, $v := ...; NULL where absent */
	bool assign; /* = instead of := */
	struct call *calls;
	size_t count;
};

enum node_kind { NODE_TEXT, NODE_PIPE, NODE_IF, NODE_WITH, NODE_RANGE, NODE_BREAK, NODE_CONTINUE };

struct node_list {
	struct node *nodes;
	size_t count;
};

struct node {
	enum node_kind kind;
	char *text;
	struct pipe *pipe;
	struct node_list body, otherwise;
};

struct template
{
	char *source;
	struct node_list root;
};

void pipe_free(struct pipe *p);

/** "template: :LINE:COLUMN" for an offset of the source. */
void template_position(const struct template *t, size_t pos, struct buf *out);

/* template_value.c: how values behave. A NULL value is "no value". */
bool value_true(const json_t *v);
/** As Go's %v; @top: at the top level of an action. */
void value_print(const json_t *v, bool top, struct buf *out);
/** True for what was a struct in the daemon: an object all of whose keys are capitalised. */
bool value_is_struct(const json_t *v);
const char *value_type(const json_t *v);
/** Sorted keys of an object, for free(). */
const char **value_keys(const json_t *object, size_t *count);

/** A formatter's row as JSON: keys sorted, without those that begin with '#', escaped as Go escapes. */
void value_json_row(const json_t *row, struct buf *out);

/* template_function.c */
bool function_exists(const char *name);
/** Calls @name; the result is a new reference or NULL for no value. */
int function_call(const char *name, json_t **args, size_t nargs, json_t **out, struct err **err);
void function_printf(json_t **args, size_t nargs, struct buf *out);

#endif
