/*
 * Dockerfile instructions that change an image's configuration: `import --change`, `commit --change`.
 * The forms are those of the Dockerfile reference; variables ($NAME) are not expanded.
 */
#include <ctype.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "oci/image.h"

#define INSTRUCTION_MAX 65536

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

/* ["a", "b"] as a vector; false if @text is not that (then it is the shell's). */
static bool json_form(const char *text, char ***out)
{
	if (*text != '[')
		return false;
	auto_json *list = json_parse(text, strlen(text), "instruction", NULL);
	if (!json_is_array(list))
		return false;
	auto_strv v = xcalloc(2, sizeof(char *));
	size_t i;
	json_t *item;
	json_array_foreach(list, i, item)
	{
		if (!json_is_string(item))
			return false;
		strv_add(&v, json_string_value(item));
	}
	*out = steal_ptr(v);
	return true;
}

static void replace(char ***slot, char **v)
{
	strv_free(*slot);
	*slot = v;
}

static char **command_of(const struct oci_image_config *c, const char *text)
{
	char **v = NULL;
	if (json_form(text, &v))
		return v;
	if (c->shell)
		v = strv_copy(c->shell);
	else {
		strv_add(&v, "/bin/sh");
		strv_add(&v, "-c");
	}
	strv_add(&v, text);
	return v;
}

/* Splits at blanks; quotes group and are taken off, a backslash keeps the next character. */
static int split_words(const char *text, char ***out, struct err **err)
{
	const char *s = skip_blanks(text);
	while (*s) {
		auto_buf word = BUF_INIT;
		char quote = 0;
		for (; *s && (quote || !isspace((unsigned char)*s)); s++) {
			if (*s == '\\' && s[1] && quote != '\'')
				buf_addc(&word, *++s);
			else if (quote && *s == quote)
				quote = 0;
			else if (!quote && (*s == '"' || *s == '\''))
				quote = *s;
			else
				buf_addc(&word, *s);
		}
		if (quote)
			return err_set(err, ERR_INVALID,
				"unexpected end of statement while looking "
				"for matching %s-quote",
				quote == '"' ? "double" : "single");
		strv_take(out, buf_steal(&word));
		while (isspace((unsigned char)*s))
			s++;
	}
	return 0;
}

/* "K=V K=V" or the old "K V with blanks": each as "K=V". */
static int split_pairs(const char *name, const char *text, char ***out, struct err **err)
{
	size_t key = strcspn(text, " \t=");
	if (text[key] != '=') {
		const char *value = skip_blanks(text + key);
		if (!*value)
			return err_set(err, ERR_INVALID, "%s must have two arguments", name);
		strv_take(out, xasprintf("%.*s=%s", (int)key, text, value));
		return 0;
	}
	if (split_words(text, out, err) < 0)
		return -1;
	for (size_t i = 0; *out && (*out)[i]; i++) {
		const char *eq = strchr((*out)[i], '=');
		if (!eq)
			return err_set(err, ERR_INVALID,
				"Syntax error - can't find = in \"%.256s\". Must be of the form: "
				"name=value",
				(*out)[i]);
		if (eq == (*out)[i])
			return err_set(err, ERR_INVALID, "%s names can not be blank", name);
	}
	return 0;
}

static void set_env(char ***env, const char *pair)
{
	size_t key = (size_t)(strchr(pair, '=') - pair) + 1;
	for (size_t i = 0; *env && (*env)[i]; i++) {
		if (strncmp((*env)[i], pair, key) == 0) {
			str_replace(&(*env)[i], pair);
			return;
		}
	}
	strv_add(env, pair);
}

static void set_label(struct oci_pairs *labels, const char *pair)
{
	const char *eq = strchr(pair, '=');
	auto_free char *key = xstrndup(pair, (size_t)(eq - pair));
	for (size_t i = 0; i < labels->count; i++) {
		if (str_eq(labels->v[i].key, key)) {
			str_replace(&labels->v[i].value, eq + 1);
			return;
		}
	}
	oci_pair_add(labels, key, eq + 1);
}

/* Inserts into a sorted set. */
static void set_add(char ***set, const char *s)
{
	size_t i = 0;
	while (*set && (*set)[i] && strcmp((*set)[i], s) < 0)
		i++;
	if (*set && str_eq((*set)[i], s))
		return;
	strv_add(set, "");
	size_t n = strv_len(*set);
	free((*set)[n - 1]);
	memmove(&(*set)[i + 1], &(*set)[i], (n - 1 - i) * sizeof(char *));
	(*set)[i] = xstrdup(s);
}

static int do_env(struct oci_image_config *c, const char *rest, struct err **err)
{
	auto_strv pairs = NULL;
	if (split_pairs("ENV", rest, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i++)
		set_env(&c->env, pairs[i]);
	return 0;
}

static int do_label(struct oci_image_config *c, const char *rest, struct err **err)
{
	auto_strv pairs = NULL;
	if (split_pairs("LABEL", rest, &pairs, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i++)
		set_label(&c->labels, pairs[i]);
	return 0;
}

static int do_cmd(struct oci_image_config *c, const char *rest, struct err **err)
{
	replace(&c->cmd, command_of(c, rest));
	return 0;
}

static int do_entrypoint(struct oci_image_config *c, const char *rest, struct err **err)
{
	replace(&c->entrypoint, command_of(c, rest));
	return 0;
}

static int bad_port(const char *spec, struct err **err)
{
	return err_set(err, ERR_INVALID, "Invalid containerPort: %.64s", spec);
}

/* PORT, PORT-PORT, each with /PROTOCOL. */
static int expose(struct oci_image_config *c, const char *spec, struct err **err)
{
	const char *slash = strchr(spec, '/');
	const char *proto = slash ? slash + 1 : "tcp";
	auto_free char *ports = slash ? xstrndup(spec, (size_t)(slash - spec)) : xstrdup(spec);
	char *dash = strchr(ports, '-');
	uint32_t from, to;
	if (!str_ieq(proto, "tcp") && !str_ieq(proto, "udp") && !str_ieq(proto, "sctp"))
		return err_set(err, ERR_INVALID, "Invalid proto: %.64s", proto);
	if (dash)
		*dash = '\0';
	if (str_to_u32(ports, &from) < 0)
		return bad_port(spec, err);
	to = from;
	if (dash && str_to_u32(dash + 1, &to) < 0)
		return bad_port(spec, err);
	if (to > 65535 || from > to)
		return bad_port(spec, err);
	auto_free char *lower = xstrdup(proto);
	for (char *p = lower; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	for (uint32_t port = from; port <= to; port++) {
		auto_free char *text = xasprintf("%u/%s", port, lower);
		set_add(&c->exposed_ports, text);
	}
	return 0;
}

static int do_expose(struct oci_image_config *c, const char *rest, struct err **err)
{
	auto_strv words = NULL;
	if (split_words(rest, &words, err) < 0)
		return -1;
	for (size_t i = 0; words && words[i]; i++)
		if (expose(c, words[i], err) < 0)
			return -1;
	return 0;
}

static int do_volume(struct oci_image_config *c, const char *rest, struct err **err)
{
	auto_strv words = NULL;
	if (!json_form(rest, &words) && split_words(rest, &words, err) < 0)
		return -1;
	for (size_t i = 0; words && words[i]; i++) {
		if (!*words[i])
			return err_set(
				err, ERR_INVALID, "VOLUME specified can not be an empty string");
		set_add(&c->volumes, words[i]);
	}
	return 0;
}

static int do_onbuild(struct oci_image_config *c, const char *rest, struct err **err)
{
	static const char *const chained[] = {"ONBUILD", "MAINTAINER", "FROM"};
	size_t n = strcspn(rest, " \t");
	for (size_t i = 0; i < ARRAY_LEN(chained); i++)
		if (n == strlen(chained[i]) && strncasecmp(rest, chained[i], n) == 0)
			return err_set(err, ERR_INVALID, "%s isn't allowed as an ONBUILD trigger",
				chained[i]);
	strv_add(&c->on_build, rest);
	return 0;
}

static int one_word(const char *name, const char *rest, char **slot, struct err **err)
{
	auto_strv words = NULL;
	if (split_words(rest, &words, err) < 0)
		return -1;
	if (!words || strv_len(words) != 1)
		return err_set(err, ERR_INVALID, "%s requires exactly one argument", name);
	str_replace(slot, words[0]);
	return 0;
}

static int do_stopsignal(struct oci_image_config *c, const char *rest, struct err **err)
{
	return one_word("STOPSIGNAL", rest, &c->stop_signal, err);
}

static int do_user(struct oci_image_config *c, const char *rest, struct err **err)
{
	return one_word("USER", rest, &c->user, err);
}

static int do_workdir(struct oci_image_config *c, const char *rest, struct err **err)
{
	auto_free char *dir = NULL;
	if (one_word("WORKDIR", rest, &dir, err) < 0 || !dir)
		return -1;
	const char *base = str_empty(c->working_dir) ? "/" : c->working_dir;
	char *full = dir[0] == '/' ? xstrdup(dir)
				   : xasprintf("%s%s%s", base, str_ends(base, "/") ? "" : "/", dir);
	free(c->working_dir);
	c->working_dir = full;
	return 0;
}

/* --interval=30s and the like; returns what follows, NULL on error. */
static const char *health_options(const char *s, struct oci_healthcheck *h, struct err **err)
{
	while (str_starts(s, "--")) {
		size_t n = strcspn(s, " \t");
		auto_free char *word = xstrndup(s + 2, n - 2);
		char *eq = strchr(word, '=');
		const char *value = eq ? eq + 1 : "";
		if (eq)
			*eq = '\0';
		int64_t *slot = str_eq(word, "interval")	 ? &h->interval
				: str_eq(word, "timeout")	 ? &h->timeout
				: str_eq(word, "start-period")	 ? &h->start_period
				: str_eq(word, "start-interval") ? &h->start_interval
								 : NULL;
		int bad = str_eq(word, "retries") ? str_to_i64(value, &h->retries)
			  : slot		  ? time_parse_duration(value, slot)
						  : -1;
		if (bad < 0 || (slot && *slot < 0) || h->retries < 0) {
			err_set(err, ERR_INVALID, "invalid HEALTHCHECK flag: --%.64s=%.64s", word,
				value);
			return NULL;
		}
		s = skip_blanks(s + n);
	}
	return s;
}

static int do_healthcheck(struct oci_image_config *c, const char *rest, struct err **err)
{
	struct oci_healthcheck h = {0};
	const char *s = health_options(rest, &h, err);
	if (!s)
		return -1;
	size_t n = strcspn(s, " \t");
	const char *command = skip_blanks(s + n);
	auto_strv args = NULL;
	if (n == 4 && strncasecmp(s, "NONE", 4) == 0 && !*command) {
		strv_add(&h.test, "NONE");
	} else if (n == 3 && strncasecmp(s, "CMD", 3) == 0 && *command) {
		bool exec = json_form(command, &args);
		strv_add(&h.test, exec ? "CMD" : "CMD-SHELL");
		for (size_t i = 0; args && args[i]; i++)
			strv_add(&h.test, args[i]);
		if (!exec)
			strv_add(&h.test, command);
	} else {
		return err_set(err, ERR_INVALID, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
			(int)(n > 64 ? 64 : n), s);
	}
	if (c->healthcheck)
		strv_free(c->healthcheck->test);
	else
		c->healthcheck = xcalloc(1, sizeof(*c->healthcheck));
	*c->healthcheck = h;
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct oci_image_config *c, const char *rest, struct err **err);
} instructions[] = {
	{"CMD", do_cmd},
	{"ENTRYPOINT", do_entrypoint},
	{"ENV", do_env},
	{"EXPOSE", do_expose},
	{"HEALTHCHECK", do_healthcheck},
	{"LABEL", do_label},
	{"ONBUILD", do_onbuild},
	{"STOPSIGNAL", do_stopsignal},
	{"USER", do_user},
	{"VOLUME", do_volume},
	{"WORKDIR", do_workdir},
};

int oci_image_config_change(struct oci_image_config *c, const char *instruction, struct err **err)
{
	if (strlen(instruction) > INSTRUCTION_MAX)
		return err_set(err, ERR_INVALID, "change is longer than %d bytes", INSTRUCTION_MAX);
	auto_free char *copy = xstrdup(instruction);
	char *text = str_trim(copy);
	size_t n = strcspn(text, " \t");
	const char *rest = skip_blanks(text + n);
	if (text[n])
		text[n] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(instructions); i++) {
		if (!str_ieq(text, instructions[i].name))
			continue;
		if (!*rest)
			return err_set(err, ERR_INVALID, "%s requires at least one argument",
				instructions[i].name);
		return instructions[i].run(c, rest, err);
	}
	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return err_set(err, ERR_INVALID, "%.64s is not a valid change command", text);
}

int oci_image_config_changes(struct oci_image_config *c, char *const *changes, struct err **err)
{
	for (size_t i = 0; changes && changes[i]; i++)
		if (oci_image_config_change(c, changes[i], err) < 0)
			return -1;
	return 0;
}
