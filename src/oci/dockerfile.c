/* Lines, comments, directives; a line's instruction, flags and rest. */
#include "oci/dockerfile.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f' || c == '\n';
}

static const char *skip_blanks(const char *s)
{
	while (blank(*s))
		s++;
	return s;
}

/* ---- words ---- */

/* The end of the word at @s: a blank outside of quotes. */
static const char *word_end(const char *s, char escape)
{
	char quote = 0;
	for (; *s && (quote || !blank(*s)); s++) {
		if (*s == escape && s[1] && quote != '\'')
			s++;
		else if (quote && *s == quote)
			quote = 0;
		else if (!quote && (*s == '"' || *s == '\''))
			quote = *s;
	}
	return s;
}

char **dockerfile_words(const char *text, char escape)
{
	char **words = NULL;
	for (const char *s = skip_blanks(text); *s; s = skip_blanks(s)) {
		const char *end = word_end(s, escape);
		size_t n = (size_t)(end - s);
		/* an escape with nothing behind it escapes nothing */
		if (!*end && n && s[n - 1] == escape && (n < 2 || s[n - 2] != escape))
			n--;
		if (n)
			strv_take(&words, xstrndup(s, n));
		s = end;
	}
	return words;
}

int dockerfile_json(const char *text, char ***out, struct err **err)
{
	text = skip_blanks(text);
	*out = NULL;
	auto_json *list = *text == '[' ? json_parse(text, strlen(text), "instruction", NULL) : NULL;
	if (!json_is_array(list))
		return 0;
	auto_strv v = xcalloc(1, sizeof(char *));
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return err_set(err, ERR_INVALID,
				"when using JSON array syntax, arrays must be comprised of strings "
				"only");
		strv_add(&v, json_string_value(item));
	}
	*out = steal_ptr(v);
	return 1;
}

/* ---- one instruction ---- */

/* A flag's quotes and escapes group, and are taken away. */
static char *plain_word(const char *s, const char *end, char escape)
{
	struct buf word = BUF_INIT;
	char quote = 0;
	for (; s < end; s++) {
		if (*s == escape && s + 1 < end && quote != '\'')
			buf_addc(&word, *++s);
		else if (quote && *s == quote)
			quote = 0;
		else if (!quote && (*s == '"' || *s == '\''))
			quote = *s;
		else
			buf_addc(&word, *s);
	}
	return buf_steal(&word);
}

/* Takes words that begin with "--" from the front; "--" itself ends them. */
static const char *take_flags(const char *s, char escape, char ***flags)
{
	while (str_starts(s, "--")) {
		const char *end = word_end(s, escape);
		bool last = end - s == 2;
		if (!last)
			strv_take(flags, plain_word(s, end, escape));
		s = skip_blanks(end);
		if (last)
			break;
	}
	return s;
}

static void add_instruction(struct dockerfile *d, char *line, unsigned int number)
{
	const char *start = skip_blanks(line);
	size_t n = strcspn(start, " \t\r\v\f\n");
	d->v = xreallocarray(d->v, d->count + 1, sizeof(*d->v));
	struct dockerfile_instruction *i = &d->v[d->count++];
	*i = (struct dockerfile_instruction){
		.name = xstrndup(start, n), .line = line, .number = number};
	auto_free char *rest = xstrdup(take_flags(skip_blanks(start + n), d->escape, &i->flags));
	i->rest = xstrdup(str_trim(rest));
}

/* ---- lines ---- */

struct reader {
	struct dockerfile *d;
	const char *at, *end;
	unsigned int number; /* lines read */
	bool directives; /* may still come */
	struct err **err;
};

/* The next line without its end; false at the end of the text. */
static bool next_line(struct reader *r, const char **line, size_t *n)
{
	if (r->at == r->end)
		return false;
	const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
	*line = r->at;
	*n = (size_t)((newline ? newline : r->end) - r->at);
	r->at = newline ? newline + 1 : r->end;
	while (*n && (*line)[*n - 1] == '\r')
		--*n;
	r->number++;
	return true;
}

static void trim_left(const char **line, size_t *n)
{
	while (*n && blank(**line)) {
		++*line;
		--*n;
	}
}

static bool is_comment(const char *line, size_t n)
{
	trim_left(&line, &n);
	return n && *line == '#';
}

/* "# name = value" before anything else in the text. */
static int take_directive(struct reader *r, const char *line, size_t n)
{
	auto_free char *copy = xstrndup(line + 1, n - 1);
	char *eq = strchr(copy, '=');
	if (!eq) {
		r->directives = false;
		return 0;
	}
	*eq = '\0';
	const char *name = str_trim(copy), *value = str_trim(eq + 1);
	if (str_ieq(name, "syntax") || str_ieq(name, "check"))
		return 0;
	if (!str_ieq(name, "escape")) {
		r->directives = false;
		return 0;
	}
	if (!str_eq(value, "\\") && !str_eq(value, "`"))
		return err_set(r->err, ERR_INVALID,
			"dockerfile parse error line %u: invalid escape token '%.64s' does not "
			"match "
			"` or \\",
			r->number, value);
	r->d->escape = *value;
	return 0;
}

/* Is there an escape at the end of the line, which is not escaped itself? Then it is taken off. */
static bool continues(const struct reader *r, const char *line, size_t *n)
{
	size_t i = *n;
	while (i && (line[i - 1] == ' ' || line[i - 1] == '\t'))
		i--;
	if (!i || line[i - 1] != r->d->escape || (i > 1 && line[i - 2] == r->d->escape))
		return false;
	*n = i - 1;
	return true;
}

/* What follows a line that ends in an escape; comments and empty lines in between are nothing. */
static void join(struct reader *r, struct buf *text)
{
	const char *line;
	size_t n;
	while (next_line(r, &line, &n)) {
		const char *rest = line;
		size_t left = n;
		trim_left(&rest, &left);
		if (!left || *rest == '#')
			continue;
		bool more = continues(r, line, &n);
		buf_add(text, line, n);
		if (!more)
			return;
	}
}

static int take_line(struct reader *r, const char *line, size_t n)
{
	unsigned int number = r->number;
	trim_left(&line, &n);
	if (is_comment(line, n))
		return r->directives ? take_directive(r, line, n) : 0;
	r->directives = false;
	if (!n)
		return 0;
	struct buf text = BUF_INIT;
	bool more = continues(r, line, &n);
	buf_add(&text, line, n);
	if (more)
		join(r, &text);
	char *whole = buf_steal(&text);
	if (*skip_blanks(whole))
		add_instruction(r->d, whole, number);
	else
		free(whole);
	return 0;
}

int dockerfile_parse(struct dockerfile **out, const char *text, size_t n, struct err **err)
{
	static const char bom[] = "\xef\xbb\xbf";
	auto_dockerfile *d = xcalloc(1, sizeof(*d));
	struct reader r = {.d = d, .at = text, .end = text + n, .directives = true, .err = err};
	const char *line;
	size_t len;
	d->escape = '\\';
	if (n > DOCKERFILE_MAX)
		return err_set(
			err, ERR_TOO_LARGE, "Dockerfile is larger than %u bytes", DOCKERFILE_MAX);
	if (n && memchr(text, '\0', n))
		return err_set(err, ERR_INVALID, "Dockerfile is not text");
	if (n >= 3 && memcmp(text, bom, 3) == 0)
		r.at += 3;
	while (next_line(&r, &line, &len))
		if (take_line(&r, line, len) < 0)
			return -1;
	*out = steal_ptr(d);
	return 0;
}

void dockerfile_free(struct dockerfile *d)
{
	for (size_t i = 0; d && i < d->count; i++) {
		free(d->v[i].name);
		strv_free(d->v[i].flags);
		free(d->v[i].rest);
		free(d->v[i].line);
	}
	if (d)
		free(d->v);
	free(d);
}
