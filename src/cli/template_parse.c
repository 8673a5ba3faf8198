/*
 * Template text to tree. A hand-written descent: text up to "{{", then one action. Positions are kept
 * because messages name them.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "template_ast.h"

struct parser {
	struct template *t;
	const char *text;
	size_t at;
	int depth;
	struct err **err;
};

enum keyword {
	WORD_NONE,
	WORD_IF,
	WORD_RANGE,
	WORD_WITH,
	WORD_ELSE,
	WORD_END,
	WORD_BREAK,
	WORD_CONTINUE
};

static int fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int fail(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	int line = 1;
	for (size_t i = 0; i < p->at; i++)
		line += p->text[i] == '\n';
	va_start(ap, fmt);
	auto_free char *what = xvasprintf(fmt, ap);
	va_end(ap);
	return err_set(p->err, ERR_INVALID, "template: :%d: %s", line, what);
}

static const char *rest(const struct parser *p)
{
	return p->text + p->at;
}

static void skip_space(struct parser *p)
{
	while (p->text[p->at] && strchr(" \t\r\n", p->text[p->at]))
		p->at++;
}

/* At "}}" or " -}}"? The length of it, else 0. White space has been skipped. */
static size_t closing(const struct parser *p)
{
	if (str_starts(rest(p), "}}"))
		return 2;
	if (str_starts(rest(p), "-}}") && p->at && strchr(" \t\r\n", p->text[p->at - 1]))
		return 3;
	return 0;
}

/* Ends an action; trims the text that follows where it ends with "-}}". */
static int end_action(struct parser *p)
{
	skip_space(p);
	size_t n = closing(p);
	if (!n && !*rest(p))
		return fail(p, "unclosed action");
	if (!n && *rest(p) == '}')
		return fail(p, "bad character U+007D '}'");
	if (!n)
		return fail(p, "unexpected \"%c\" in operand", *rest(p));
	p->at += n;
	if (n == 3)
		skip_space(p);
	return 0;
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

static size_t name_length(const char *s)
{
	size_t n = 0;
	while (is_name(s[n]))
		n++;
	return n;
}

static int parse_pipe(struct parser *p, struct pipe **out, bool in_parens);

static int parse_quoted(struct parser *p, struct operand *o)
{
	auto_buf s = BUF_INIT;
	const char *at = rest(p) + 1;
	if (p->text[p->at] == '`') {
		size_t n = strcspn(at, "`");
		if (!at[n])
			return fail(p, "unterminated raw quoted string");
		o->literal = json_stringn_nocheck(at, n);
		p->at += n + 2;
		return 0;
	}
	for (; *at && *at != '"' && *at != '\n'; at++) {
		if (*at != '\\') {
			buf_addc(&s, *at);
			continue;
		}
		static const char codes[] = "abfnrtv\\\"'", bytes[] = "\a\b\f\n\r\t\v\\\"'";
		at++;
		const char *code = *at ? strchr(codes, *at) : NULL;
		char hex[3] = {0};
		if (code) {
			buf_addc(&s, bytes[code - codes]);
		} else if (*at == 'x' && isxdigit((unsigned char)at[1]) &&
			   isxdigit((unsigned char)at[2])) {
			memcpy(hex, at + 1, 2);
			buf_addc(&s, (char)strtol(hex, NULL, 16));
			at += 2;
		} else {
			return fail(p, "invalid syntax");
		}
	}
	if (*at != '"')
		return fail(p, "unterminated quoted string");
	o->literal = json_stringn(buf_str(&s), s.len);
	if (!o->literal)
		return fail(p, "invalid UTF-8 in a quoted string");
	p->at = (size_t)(at - p->text) + 1;
	return 0;
}

static int parse_number(struct parser *p, struct operand *o)
{
	const char *s = rest(p);
	char *end, *float_end;
	long long n = strtoll(s, &end, 0);
	double d = strtod(s, &float_end);
	if (float_end > end) {
		o->literal = json_real(d);
		end = float_end;
	} else {
		o->literal = json_integer(n);
	}
	if (end == s || is_name(*end) || !o->literal)
		return fail(p, "bad number syntax: \"%.*s\"", (int)(1 + name_length(s + 1)), s);
	p->at += (size_t)(end - s);
	return 0;
}

/* A character constant is its number. */
static int parse_char(struct parser *p, struct operand *o)
{
	const char *s = rest(p);
	if (!s[1] || s[1] == '\\' || s[2] != '\'')
		return fail(p, "malformed character constant: %.3s", s);
	o->literal = json_integer((unsigned char)s[1]);
	p->at += 3;
	return 0;
}

static int parse_word(struct parser *p, struct operand *o)
{
	size_t n = name_length(rest(p));
	auto_free char *word = xstrndup(rest(p), n);
	p->at += n;
	if (str_eq(word, "true") || str_eq(word, "false")) {
		o->kind = OPERAND_LITERAL;
		o->literal = json_boolean(*word == 't');
	} else if (str_eq(word, "nil")) {
		o->kind = OPERAND_NIL;
	} else if (function_exists(word)) {
		o->kind = OPERAND_FUNCTION;
		o->name = steal_ptr(word);
	} else {
		return fail(p, "function \"%s\" not defined", word);
	}
	return 0;
}

static int parse_fields(struct parser *p, struct operand *o)
{
	while (*rest(p) == '.' && is_name(rest(p)[1])) {
		size_t n = name_length(rest(p) + 1);
		size_t before = strv_len(o->fields);
		/* Go reports a chain at its second link */
		if (o->kind != OPERAND_DOT ? before == 0 : before == 1)
			o->pos = p->at;
		strv_take(&o->fields, xstrndup(rest(p) + 1, n));
		p->at += n + 1;
	}
	if (*rest(p) == '.' && (o->fields || o->kind != OPERAND_DOT))
		return fail(p, "unexpected <.> in operand");
	return 0;
}

static int parse_operand_head(struct parser *p, struct operand *o)
{
	char c = *rest(p), next = c ? rest(p)[1] : 0;
	o->kind = OPERAND_LITERAL;
	if (c == '"' || c == '`')
		return parse_quoted(p, o);
	if (c == '\'')
		return parse_char(p, o);
	if (isdigit((unsigned char)c) || ((c == '-' || c == '+') && isdigit((unsigned char)next)))
		return parse_number(p, o);
	if (c == '(') {
		p->at++;
		o->kind = OPERAND_PIPE;
		return parse_pipe(p, &o->pipe, true);
	}
	if (c == '$') {
		size_t n = name_length(rest(p) + 1) + 1;
		o->kind = OPERAND_VARIABLE;
		o->name = xstrndup(rest(p), n);
		p->at += n;
		return 0;
	}
	if (c == '.') {
		o->kind = OPERAND_DOT;
		if (!is_name(next))
			p->at++;
		return 0;
	}
	if (is_name(c))
		return parse_word(p, o);
	if (c == '}' && !str_starts(rest(p), "}}"))
		return fail(p, "bad character U+007D '}'");
	return fail(
		p, "unexpected \"%.*s\" in operand", str_starts(rest(p), "}}") ? 2 : 1, rest(p));
}

static int parse_operand(struct parser *p, struct operand *o)
{
	size_t start = p->at;
	o->pos = start;
	if (parse_operand_head(p, o) < 0)
		return -1;
	if ((o->kind == OPERAND_DOT || o->kind == OPERAND_VARIABLE || o->kind == OPERAND_PIPE) &&
		parse_fields(p, o) < 0)
		return -1;
	o->source = xstrndup(p->text + start, p->at - start);
	char c = *rest(p);
	if (c && !strchr(" \t\r\n|)},=:", c))
		return fail(p, "unexpected \"%c\" in operand", c);
	return 0;
}

/* Operands up to '|', ')' or the end of the action. */
static int parse_call(struct parser *p, struct call *call)
{
	skip_space(p);
	size_t start = p->at, end = start;
	call->pos = start;
	for (;;) {
		skip_space(p);
		char c = *rest(p);
		if (!c)
			return fail(p, "unclosed action");
		if (c == '|' || c == ')' || closing(p))
			break;
		call->operands =
			xreallocarray(call->operands, call->count + 1, sizeof(*call->operands));
		struct operand *o = &call->operands[call->count++];
		*o = (struct operand){0};
		if (parse_operand(p, o) < 0)
			return -1;
		end = p->at;
	}
	call->source = xstrndup(p->text + start, end - start);
	if (!call->count && closing(p))
		return fail(p, "missing value for command");
	if (!call->count)
		return fail(p, "missing value for command");
	return 0;
}

/* "$x :=", "$i, $v :=" or "$x =" at the start of a pipeline. */
static void parse_declaration(struct parser *p, struct pipe *pipe)
{
	size_t start = p->at;
	char *names[2] = {NULL, NULL};
	for (int i = 0; i < 2; i++) {
		skip_space(p);
		if (*rest(p) != '$')
			break;
		size_t n = name_length(rest(p) + 1) + 1;
		names[i] = xstrndup(rest(p), n);
		p->at += n;
		skip_space(p);
		if (*rest(p) != ',')
			break;
		p->at++;
	}
	bool declares = names[0] && str_starts(rest(p), ":=");
	bool assigns = names[0] && !declares && *rest(p) == '=';
	if (!declares && !assigns) {
		p->at = start;
		free(names[0]);
		free(names[1]);
		return;
	}
	p->at += declares ? 2 : 1;
	memcpy(pipe->variables, names, sizeof(names));
	pipe->assign = assigns;
}

static int parse_pipe(struct parser *p, struct pipe **out, bool in_parens)
{
	struct pipe *pipe = *out = xcalloc(1, sizeof(*pipe));
	if (++p->depth > TEMPLATE_MAX_DEPTH)
		return fail(p, "nested too deeply");
	parse_declaration(p, pipe);
	for (;;) {
		pipe->calls = xreallocarray(pipe->calls, pipe->count + 1, sizeof(*pipe->calls));
		struct call *call = &pipe->calls[pipe->count++];
		*call = (struct call){0};
		if (parse_call(p, call) < 0)
			return -1;
		if (pipe->count > 1 && call->operands[0].kind == OPERAND_LITERAL)
			return fail(p, "non executable command in pipeline stage %zu", pipe->count);
		if (*rest(p) != '|')
			break;
		p->at++;
	}
	p->depth--;
	bool paren = *rest(p) == ')';
	if (in_parens && !paren)
		return fail(p, "unclosed left paren");
	if (!in_parens && paren)
		return fail(p, "unexpected right paren");
	p->at += paren;
	return 0;
}

static enum keyword take_keyword(struct parser *p)
{
	static const char *const words[] = {
		[WORD_IF] = "if",
		[WORD_RANGE] = "range",
		[WORD_WITH] = "with",
		[WORD_ELSE] = "else",
		[WORD_END] = "end",
		[WORD_BREAK] = "break",
		[WORD_CONTINUE] = "continue",
	};
	size_t n = name_length(rest(p));
	for (size_t i = WORD_IF; i < ARRAY_LEN(words); i++) {
		if (strlen(words[i]) == n && memcmp(words[i], rest(p), n) == 0) {
			p->at += n;
			return (enum keyword)i;
		}
	}
	return WORD_NONE;
}

static struct node *add_node(struct node_list *list, enum node_kind kind)
{
	list->nodes = xreallocarray(list->nodes, list->count + 1, sizeof(*list->nodes));
	list->nodes[list->count] = (struct node){.kind = kind};
	return &list->nodes[list->count++];
}

/* Text before the next action; what "{{- " trims is cut. Leaves the parser inside the action. */
static bool parse_text(struct parser *p, struct node_list *list)
{
	const char *open = strstr(rest(p), "{{");
	size_t n = open ? (size_t)(open - rest(p)) : strlen(rest(p));
	const char *text = rest(p);
	p->at += n + (open ? 2 : 0);
	if (open && *rest(p) == '-' && rest(p)[1] && strchr(" \t\r\n", rest(p)[1])) {
		p->at++;
		while (n && strchr(" \t\r\n", text[n - 1]))
			n--;
	}
	if (n)
		add_node(list, NODE_TEXT)->text = xstrndup(text, n);
	return open != NULL;
}

static int parse_comment(struct parser *p)
{
	const char *end = strstr(rest(p), "*/");
	if (!end)
		return fail(p, "unclosed comment");
	p->at = (size_t)(end - p->text) + 2;
	return end_action(p);
}

static int parse_list(struct parser *p, struct node_list *list, bool inside, enum keyword *ended);

static enum node_kind branch_kind(enum keyword word)
{
	return word == WORD_IF ? NODE_IF : word == WORD_WITH ? NODE_WITH : NODE_RANGE;
}

/* After "if", "with" or "range" up to its "end"; "else if" nests one that shares the end. */
static int parse_branch(struct parser *p, struct node *node)
{
	enum keyword ended;
	if (++p->depth > TEMPLATE_MAX_DEPTH)
		return fail(p, "nested too deeply");
	if (parse_pipe(p, &node->pipe, false) < 0 || end_action(p) < 0 ||
		parse_list(p, &node->body, true, &ended) < 0)
		return -1;
	if (ended == WORD_ELSE) {
		skip_space(p);
		enum keyword word = take_keyword(p);
		if (word == WORD_IF || word == WORD_WITH) {
			if (parse_branch(p, add_node(&node->otherwise, branch_kind(word))) < 0)
				return -1;
			p->depth--;
			return 0;
		}
		if (end_action(p) < 0 || parse_list(p, &node->otherwise, true, &ended) < 0)
			return -1;
		if (ended == WORD_ELSE)
			return fail(p, "expected end; found {{else}}");
	}
	p->depth--;
	return end_action(p);
}

/* One action, the parser standing after "{{". *ended is set for else and end. */
static int parse_action(struct parser *p, struct node_list *list, bool inside, enum keyword *ended)
{
	skip_space(p);
	if (str_starts(rest(p), "/*"))
		return parse_comment(p);
	enum keyword word = take_keyword(p);
	*ended = WORD_NONE;
	switch (word) {
	case WORD_IF:
	case WORD_WITH:
	case WORD_RANGE:
		return parse_branch(p, add_node(list, branch_kind(word)));
	case WORD_ELSE:
	case WORD_END:
		if (!inside)
			return fail(p, "unexpected {{%s}}", word == WORD_END ? "end" : "else");
		*ended = word;
		return 0;
	case WORD_BREAK:
	case WORD_CONTINUE:
		add_node(list, word == WORD_BREAK ? NODE_BREAK : NODE_CONTINUE);
		return end_action(p);
	case WORD_NONE:
		break;
	}
	if (!*rest(p))
		return fail(p, "unclosed action");
	if (parse_pipe(p, &add_node(list, NODE_PIPE)->pipe, false) < 0)
		return -1;
	return end_action(p);
}

/* Nodes up to the end of the text, or to the else or end that belongs to the caller. */
static int parse_list(struct parser *p, struct node_list *list, bool inside, enum keyword *ended)
{
	*ended = WORD_NONE;
	while (parse_text(p, list)) {
		if (parse_action(p, list, inside, ended) < 0)
			return -1;
		if (*ended != WORD_NONE)
			return 0;
	}
	return inside ? fail(p, "unexpected EOF") : 0;
}

struct template *template_parse(const char *text, struct err **err)
{
	struct template *t = xcalloc(1, sizeof(*t));
	enum keyword ended;
	t->source = xstrdup(text);
	struct parser p = {.t = t, .text = t->source, .err = err};
	if (parse_list(&p, &t->root, false, &ended) < 0) {
		template_free(t);
		return NULL;
	}
	return t;
}

void pipe_free(struct pipe *pipe)
{
	if (!pipe)
		return;
	for (size_t i = 0; i < pipe->count; i++) {
		struct call *call = &pipe->calls[i];
		for (size_t j = 0; j < call->count; j++) {
			struct operand *o = &call->operands[j];
			free(o->name);
			free(o->source);
			json_decref(o->literal);
			pipe_free(o->pipe);
			strv_free(o->fields);
		}
		free(call->operands);
		free(call->source);
	}
	free(pipe->variables[0]);
	free(pipe->variables[1]);
	free(pipe->calls);
	free(pipe);
}

static void list_free(struct node_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->nodes[i].text);
		pipe_free(list->nodes[i].pipe);
		list_free(&list->nodes[i].body);
		list_free(&list->nodes[i].otherwise);
	}
	free(list->nodes);
}

void template_free(struct template *t)
{
	if (!t)
		return;
	list_free(&t->root);
	free(t->source);
	free(t);
}

void template_position(const struct template *t, size_t pos, struct buf *out)
{
	int line = 1;
	size_t start = 0;
	for (size_t i = 0; i < pos; i++) {
		if (t->source[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	buf_addf(out, "template: :%d:%zu", line, pos - start);
}
