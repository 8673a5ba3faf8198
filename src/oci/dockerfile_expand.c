/* Quotes, escapes and variables inside words. */
#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/dockerfile.h"

#define DEPTH_MAX 64 /* of ${a:-${b:-...}} */

struct expander {
	const char *at;
	char *const *env;
	char escape;
	int depth;
	/* the words that the text falls apart to: only if they are asked for */
	char ***words;
	struct buf word;
	struct err **err;
};

static int unfinished(struct expander *x, const char *what)
{
	return err_set(x->err, ERR_INVALID,
		"unexpected end of statement while looking for matching %s", what);
}

static void end_word(struct expander *x)
{
	if (x->words && x->word.len)
		strv_take(x->words, buf_steal(&x->word));
}

/* Text as it is... */
static void add_raw(struct expander *x, struct buf *out, const char *s, size_t n)
{
	buf_add(out, s, n);
	if (x->words && !x->depth)
		buf_add(&x->word, s, n);
}

/* ... and text whose blanks part words. */
static void add_split(struct expander *x, struct buf *out, const char *s, size_t n)
{
	buf_add(out, s, n);
	for (size_t i = 0; x->words && !x->depth && i < n; i++) {
		if (isspace((unsigned char)s[i]))
			end_word(x);
		else
			buf_addc(&x->word, s[i]);
	}
}

static int check_size(struct expander *x, const struct buf *out)
{
	return out->len > DOCKERFILE_WORD_MAX
		       ? err_set(x->err, ERR_TOO_LARGE, "a word expands to more than %u bytes",
				 DOCKERFILE_WORD_MAX)
		       : 0;
}

static int expand_until(struct expander *x, char stop, struct buf *out);

/* ---- variables ---- */

/* A name, a number or one of the shell's own ($?, $@); "" for none. */
static char *take_name(struct expander *x)
{
	const char *s = x->at;
	if (isdigit((unsigned char)*s))
		while (isdigit((unsigned char)*s))
			s++;
	else if (*s && strchr("@*#?-$!", *s))
		s++;
	else
		while (isalnum((unsigned char)*s) || *s == '_' || (unsigned char)*s >= 0x80)
			s++;
	char *name = xstrndup(x->at, (size_t)(s - x->at));
	x->at = s;
	return name;
}

static const char *value_of(const struct expander *x, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; x->env && x->env[i]; i++)
		if (strncmp(x->env[i], name, n) == 0 && x->env[i][n] == '=')
			return x->env[i] + n + 1;
	return NULL;
}

static int complain(struct expander *x, const char *name, struct buf *word, const char *otherwise)
{
	return err_set(
		x->err, ERR_INVALID, "%.256s: %.256s", name, word->len ? buf_str(word) : otherwise);
}

/* ${NAME:-word} and its kin, behind the name. */
static int modified(struct expander *x, const char *name, struct buf *out)
{
	bool empty_is_unset = *x->at == ':';
	char how = x->at[empty_is_unset];
	const char *value = value_of(x, name);
	auto_buf word = BUF_INIT;
	if (!how)
		return err_set(x->err, ERR_INVALID, "syntax error: missing '}'");
	if (!strchr("-+?", how))
		return err_set(x->err, ERR_INVALID, "unsupported modifier (%.*s) in substitution",
			1 + empty_is_unset, x->at);
	x->at += 1 + empty_is_unset;
	if (++x->depth > DEPTH_MAX)
		return err_set(x->err, ERR_INVALID, "variables are nested too deeply");
	int r = expand_until(x, '}', &word);
	x->depth--;
	if (r < 0)
		return -1;
	bool set = value && !(empty_is_unset && !*value);
	if (how == '?' && !set)
		return complain(x, name, &word,
			value ? "is not allowed to be empty" : "is not allowed to be unset");
	if (how == '+' ? set : !set)
		buf_add(out, word.data, word.len);
	else if (how != '+')
		buf_adds(out, value);
	return 0;
}

static int braced(struct expander *x, struct buf *out)
{
	x->at++;
	if (!*x->at)
		return err_set(x->err, ERR_INVALID, "syntax error: missing '}'");
	if (strchr("{}:", *x->at))
		return err_set(x->err, ERR_INVALID, "syntax error: bad substitution");
	auto_free char *name = take_name(x);
	if (*x->at != '}')
		return modified(x, name, out);
	x->at++;
	const char *value = value_of(x, name);
	buf_adds(out, value ? value : "");
	return 0;
}

static int variable(struct expander *x, struct buf *out)
{
	x->at++;
	if (*x->at == '{')
		return braced(x, out);
	auto_free char *name = take_name(x);
	const char *value = *name ? value_of(x, name) : "$";
	buf_adds(out, value ? value : "");
	return 0;
}

/* ---- quotes ---- */

static int single_quoted(struct expander *x, struct buf *out)
{
	const char *end = strchr(++x->at, '\'');
	if (!end)
		return unfinished(x, "single-quote");
	add_raw(x, out, x->at, (size_t)(end - x->at));
	x->at = end + 1;
	return 0;
}

static int double_quoted(struct expander *x, struct buf *out)
{
	for (x->at++; *x->at != '"';) {
		auto_buf value = BUF_INIT;
		if (!*x->at)
			return unfinished(x, "double-quote");
		if (*x->at == '$') {
			if (variable(x, &value) < 0)
				return -1;
			add_raw(x, out, value.data, value.len);
		} else {
			/* only these can be escaped; before others the escape is itself */
			if (*x->at == x->escape && x->at[1] &&
				(x->at[1] == '"' || x->at[1] == '$' || x->at[1] == x->escape))
				x->at++;
			add_raw(x, out, x->at++, 1);
		}
		if (check_size(x, out) < 0)
			return -1;
	}
	x->at++;
	return 0;
}

static int expand_one(struct expander *x, struct buf *out)
{
	auto_buf value = BUF_INIT;
	if (*x->at == '\'')
		return single_quoted(x, out);
	if (*x->at == '"')
		return double_quoted(x, out);
	if (*x->at == '$') {
		if (variable(x, &value) < 0)
			return -1;
		add_split(x, out, value.data, value.len);
		return 0;
	}
	if (*x->at != x->escape) {
		add_split(x, out, x->at++, 1);
		return 0;
	}
	/* at the end there is nothing to be escaped */
	if (*++x->at)
		add_raw(x, out, x->at++, 1);
	return 0;
}

/* To the end, or behind @stop (0: none). */
static int expand_until(struct expander *x, char stop, struct buf *out)
{
	while (*x->at && (!stop || *x->at != stop))
		if (expand_one(x, out) < 0 || check_size(x, out) < 0)
			return -1;
	if (!stop)
		return 0;
	if (!*x->at)
		return err_set(x->err, ERR_INVALID, "syntax error: missing '}'");
	x->at++;
	return 0;
}

static int expand(struct expander *x, const char *word, struct buf *out)
{
	x->at = word;
	int r = expand_until(x, 0, out);
	end_word(x);
	buf_free(&x->word);
	if (r == 0)
		return 0;
	auto_buf quoted = BUF_INIT;
	buf_add_json_string(&quoted, word, strnlen(word, 256));
	return err_wrap(x->err, "failed to process %s", buf_str(&quoted));
}

int dockerfile_expand(const char *word, char *const *env, char escape, char **out, struct err **err)
{
	auto_buf text = BUF_INIT;
	struct expander x = {.env = env, .escape = escape, .err = err};
	if (expand(&x, word, &text) < 0)
		return -1;
	*out = buf_steal(&text);
	return 0;
}

int dockerfile_expand_words(
	const char *word, char *const *env, char escape, char ***out, struct err **err)
{
	auto_buf text = BUF_INIT;
	struct expander x = {.env = env, .escape = escape, .words = out, .err = err};
	return expand(&x, word, &text);
}
