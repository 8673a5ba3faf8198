/* Walks a parsed template over a JSON value. */
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "template_ast.h"

struct variable {
	const char *name;
	json_t *value;
};

struct run {
	const struct template *t;
	enum template_mode mode;
	struct variable *variables;
	size_t nvariables;
	struct buf *out;
	struct err **err;
};

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE, FLOW_ERROR = -1 };

static int eval_pipe(struct run *r, const struct pipe *pipe, json_t *dot, json_t **out);

static int fail(struct run *r, size_t pos, const char *source, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static int fail(struct run *r, size_t pos, const char *source, const char *fmt, ...)
{
	auto_buf where = BUF_INIT;
	va_list ap;
	va_start(ap, fmt);
	auto_free char *what = xvasprintf(fmt, ap);
	va_end(ap);
	template_position(r->t, pos, &where);
	return err_set(
		r->err, ERR_INVALID, "%s: executing \"\" at <%s>: %s", where.data, source, what);
}

static void push(struct run *r, const char *name, json_t *value)
{
	r->variables = xreallocarray(r->variables, r->nvariables + 1, sizeof(*r->variables));
	r->variables[r->nvariables++] = (struct variable){name, json_incref(value)};
}

static void pop_to(struct run *r, size_t mark)
{
	while (r->nvariables > mark)
		json_decref(r->variables[--r->nvariables].value);
}

static struct variable *find_variable(struct run *r, const char *name)
{
	for (size_t i = r->nvariables; i-- > 0;)
		if (str_eq(r->variables[i].name, name))
			return &r->variables[i];
	return NULL;
}

static void hold(json_t **slot, json_t *value)
{
	json_t *old = *slot;
	*slot = json_incref(value);
	json_decref(old);
}

/* {{.Label "x"}}: the one method that templates call with an argument. */
static int call_label(struct run *r, const struct operand *o, json_t *object, json_t **args,
	size_t nargs, json_t **out)
{
	const char *name = nargs == 1 ? json_string_value(args[0]) : NULL;
	if (!name)
		return fail(r, o->pos, o->source, "wrong number of args for Label: want 1 got %zu",
			nargs);
	if (r->mode == TEMPLATE_HEADER) {
		const char *last = strrchr(name, '.');
		*out = json_string(last ? last + 1 : name);
		return 0;
	}
	json_t *value = json_object_get(json_object_get(object, "#labels"), name);
	*out = value ? json_incref(value) : json_string("");
	return 0;
}

/* Docker's templates see Go's field names, which differ from the JSON ones in case only: ".APIVersion" is
 * "ApiVersion", ".ID" is "Id". Found when there is no key that fits exactly. */
static json_t *field_of(json_t *from, const char *name)
{
	json_t *exact = json_object_get(from, name);
	if (exact || *name == '#')
		return *name == '#' ? NULL : exact;
	const char *key;
	json_t *value;
	json_object_foreach(from, key, value) if (*key != '#' && str_ieq(key, name)) return value;
	return NULL;
}

static int get_field(
	struct run *r, const struct operand *o, json_t *from, const char *name, json_t **out)
{
	if (!from || json_is_null(from)) {
		if (r->mode == TEMPLATE_RAW)
			return fail(
				r, o->pos, o->source, "nil data; no entry for key \"%s\"", name);
		return 0;
	}
	if (!json_is_object(from))
		return fail(r, o->pos, o->source, "can't evaluate field %s in type %s", name,
			value_type(from));
	json_t *value = field_of(from, name);
	if (!value && r->mode == TEMPLATE_RAW && value_is_struct(from))
		return fail(r, o->pos, o->source, "map has no entry for key \"%s\"", name);
	if (!value && r->mode != TEMPLATE_RAW && json_object_get(from, "#row"))
		return fail(r, o->pos, o->source, "can't evaluate field %s in type %s", name,
			json_string_value(json_object_get(from, "#row")));
	*out = json_incref(value);
	return 0;
}

/* Follows the fields of @o from @base; @args go to the last one if it is a method. */
static int follow(struct run *r, const struct operand *o, json_t *base, json_t **args, size_t nargs,
	json_t **out)
{
	size_t n = strv_len(o->fields);
	json_t *value = json_incref(base);
	for (size_t i = 0; i < n; i++) {
		json_t *next = NULL;
		int rc;
		if (i + 1 == n && str_eq(o->fields[i], "Label") &&
			(json_object_get(value, "#labels") || r->mode == TEMPLATE_HEADER)) {
			rc = call_label(r, o, value, args, nargs, &next);
			nargs = 0;
		} else {
			rc = get_field(r, o, value, o->fields[i], &next);
		}
		json_decref(value);
		if (rc < 0)
			return -1;
		value = next;
	}
	*out = value;
	if (nargs) {
		json_decref(value);
		*out = NULL;
		return fail(r, o->pos, o->source,
			"%s has arguments but cannot be invoked as function",
			n ? o->fields[n - 1] : o->source);
	}
	return 0;
}

static int eval_operand(struct run *r, const struct operand *o, json_t *dot, json_t **args,
	size_t nargs, json_t **out)
{
	*out = NULL;
	switch (o->kind) {
	case OPERAND_DOT:
		return follow(r, o, dot, args, nargs, out);
	case OPERAND_VARIABLE: {
		struct variable *v = find_variable(r, o->name);
		if (!v)
			return fail(r, o->pos, o->source, "undefined variable: %s", o->name);
		return follow(r, o, v->value, args, nargs, out);
	}
	case OPERAND_PIPE: {
		json_t *inner = NULL;
		if (eval_pipe(r, o->pipe, dot, &inner) < 0)
			return -1;
		int rc = follow(r, o, inner, args, nargs, out);
		json_decref(inner);
		return rc;
	}
	case OPERAND_FUNCTION:
	case OPERAND_LITERAL:
	case OPERAND_NIL:
		break;
	}
	if (nargs)
		return fail(
			r, o->pos, o->source, "can't give argument to non-function %s", o->source);
	*out = json_incref(o->literal);
	return 0;
}

/* and, or: stop at the first argument that decides. */
static int eval_logic(struct run *r, const struct call *call, json_t *dot, json_t *final,
	bool has_final, json_t **out)
{
	bool is_and = str_eq(call->operands[0].name, "and");
	json_t *value = NULL;
	if (call->count + has_final < 2)
		return fail(r, call->pos, call->source,
			"wrong number of args for %s: want at least 1 got 0",
			call->operands[0].name);
	for (size_t i = 1; i < call->count; i++) {
		json_decref(value);
		value = NULL;
		if (eval_operand(r, &call->operands[i], dot, NULL, 0, &value) < 0)
			return -1;
		if (value_true(value) != is_and) {
			*out = value;
			return 0;
		}
	}
	if (has_final)
		hold(&value, final);
	*out = value;
	return 0;
}

static int eval_function(
	struct run *r, const struct call *call, json_t **args, size_t nargs, json_t **out)
{
	const char *name = call->operands[0].name;
	auto_err *cause = NULL;
	if (r->mode == TEMPLATE_HEADER && !str_starts(name, "print")) {
		*out = nargs ? json_incref(args[0]) : NULL;
		return 0;
	}
	if (function_call(name, args, nargs, out, &cause) == 0)
		return 0;
	if (str_starts(err_msg(cause), "wrong number of args"))
		return fail(r, call->pos, call->operands[0].source, "%s", err_msg(cause));
	return fail(r, call->pos, call->source, "error calling %s: %s", name, err_msg(cause));
}

/* @final: the value that the pipeline hands to this stage as last argument. */
static int eval_call(struct run *r, const struct call *call, json_t *dot, json_t *final,
	bool has_final, json_t **out)
{
	const struct operand *head = &call->operands[0];
	bool function = head->kind == OPERAND_FUNCTION;
	*out = NULL;
	if (function && (str_eq(head->name, "and") || str_eq(head->name, "or")))
		return eval_logic(r, call, dot, final, has_final, out);
	auto_free json_t **args = xcalloc(call->count + 1, sizeof(*args));
	size_t nargs = 0;
	int rc = 0;
	for (size_t i = 1; i < call->count && rc == 0; i++, nargs++) {
		const struct operand *o = &call->operands[i];
		const struct call alone = {.operands = (struct operand *)o,
			.count = 1,
			.pos = o->pos,
			.source = o->source};
		rc = eval_call(r, &alone, dot, NULL, false, &args[nargs]);
	}
	if (rc == 0 && has_final)
		args[nargs++] = json_incref(final);
	if (rc == 0)
		rc = function ? eval_function(r, call, args, nargs, out)
			      : eval_operand(r, head, dot, args, nargs, out);
	for (size_t i = 0; i < nargs; i++)
		json_decref(args[i]);
	return rc;
}

static int assign(struct run *r, const struct pipe *pipe, json_t *value)
{
	if (!pipe->assign) {
		push(r, pipe->variables[0], value);
		return 0;
	}
	struct variable *v = find_variable(r, pipe->variables[0]);
	if (!v)
		return fail(r, pipe->calls[0].pos, pipe->calls[0].source, "undefined variable: %s",
			pipe->variables[0]);
	hold(&v->value, value);
	return 0;
}

static int eval_calls(struct run *r, const struct pipe *pipe, json_t *dot, json_t **out)
{
	json_t *value = NULL;
	for (size_t i = 0; i < pipe->count; i++) {
		json_t *next = NULL;
		int rc = eval_call(r, &pipe->calls[i], dot, value, i > 0, &next);
		json_decref(value);
		value = next;
		if (rc < 0) {
			json_decref(value);
			return -1;
		}
	}
	*out = value;
	return 0;
}

static int eval_pipe(struct run *r, const struct pipe *pipe, json_t *dot, json_t **out)
{
	if (eval_calls(r, pipe, dot, out) < 0)
		return -1;
	if (!pipe->variables[0] || assign(r, pipe, *out) == 0)
		return 0;
	json_decref(*out);
	*out = NULL;
	return -1;
}

static enum flow walk(struct run *r, const struct node_list *list, json_t *dot);

static enum flow range_step(struct run *r, const struct node *node, json_t *key, json_t *value)
{
	const struct pipe *pipe = node->pipe;
	size_t mark = r->nvariables;
	if (pipe->variables[1]) {
		push(r, pipe->variables[0], key);
		push(r, pipe->variables[1], value);
	} else if (pipe->variables[0]) {
		push(r, pipe->variables[0], value);
	}
	enum flow flow = walk(r, &node->body, value);
	pop_to(r, mark);
	json_decref(key);
	return flow;
}

static enum flow range_object(struct run *r, const struct node *node, json_t *over)
{
	size_t count;
	enum flow flow = FLOW_ON;
	auto_free const char **keys = value_keys(over, &count);
	for (size_t i = 0; i < count && flow != FLOW_BREAK && flow != FLOW_ERROR; i++)
		flow = range_step(r, node, json_string(keys[i]), json_object_get(over, keys[i]));
	return flow == FLOW_ERROR ? flow : FLOW_ON;
}

static enum flow walk_range(struct run *r, const struct node *node, json_t *dot)
{
	json_t *over = NULL;
	enum flow flow = FLOW_ON;
	if (eval_calls(r, node->pipe, dot, &over) < 0)
		return FLOW_ERROR;
	bool number = json_is_integer(over);
	size_t count = number ? (size_t)json_integer_value(over) : json_array_size(over);
	if (number && json_integer_value(over) < 0)
		count = 0;
	if (over && !number && !json_is_array(over) && !json_is_object(over) &&
		!json_is_null(over)) {
		auto_buf text = BUF_INIT;
		value_print(over, false, &text);
		const struct call *call = &node->pipe->calls[node->pipe->count - 1];
		fail(r, call->operands[0].pos, call->source, "range can't iterate over %s",
			buf_str(&text));
		flow = FLOW_ERROR;
	} else if (!value_true(over)) {
		flow = walk(r, &node->otherwise, dot);
	} else if (json_is_object(over)) {
		flow = range_object(r, node, over);
	} else {
		for (size_t i = 0; i < count && flow != FLOW_BREAK && flow != FLOW_ERROR; i++) {
			json_t *index = json_integer((json_int_t)i);
			flow = range_step(r, node, index, number ? index : json_array_get(over, i));
		}
		flow = flow == FLOW_ERROR ? flow : FLOW_ON;
	}
	json_decref(over);
	return flow;
}

static enum flow walk_branch(struct run *r, const struct node *node, json_t *dot)
{
	json_t *value = NULL;
	size_t mark = r->nvariables;
	if (eval_pipe(r, node->pipe, dot, &value) < 0)
		return FLOW_ERROR;
	enum flow flow;
	if (value_true(value))
		flow = walk(r, &node->body, node->kind == NODE_WITH ? value : dot);
	else
		flow = walk(r, &node->otherwise, dot);
	pop_to(r, mark);
	json_decref(value);
	return flow;
}

static enum flow walk_node(struct run *r, const struct node *node, json_t *dot)
{
	json_t *value = NULL;
	switch (node->kind) {
	case NODE_TEXT:
		buf_adds(r->out, node->text);
		return FLOW_ON;
	case NODE_PIPE:
		if (eval_pipe(r, node->pipe, dot, &value) < 0)
			return FLOW_ERROR;
		if (!node->pipe->variables[0])
			value_print(value, true, r->out);
		json_decref(value);
		return FLOW_ON;
	case NODE_IF:
	case NODE_WITH:
		return walk_branch(r, node, dot);
	case NODE_RANGE:
		return walk_range(r, node, dot);
	case NODE_BREAK:
		return FLOW_BREAK;
	case NODE_CONTINUE:
		return FLOW_CONTINUE;
	}
	return FLOW_ON;
}

static enum flow walk(struct run *r, const struct node_list *list, json_t *dot)
{
	size_t mark = r->nvariables;
	enum flow flow = FLOW_ON;
	for (size_t i = 0; i < list->count && flow == FLOW_ON; i++)
		flow = walk_node(r, &list->nodes[i], dot);
	pop_to(r, mark);
	return flow;
}

int template_run(const struct template *t, json_t *data, enum template_mode mode, struct buf *out,
	struct err **err)
{
	struct run r = {.t = t, .mode = mode, .out = out, .err = err};
	push(&r, "$", data);
	enum flow flow = walk(&r, &t->root, data);
	pop_to(&r, 0);
	free(r.variables);
	return flow == FLOW_ERROR ? -1 : 0;
}
