/*
 * Dockerfile instructions that change an image's configuration: `import --change`, `commit --change`.
 * The forms, and where variables count, are those of the Dockerfile reference.
 */
#include <ctype.h>
#include <strings.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "oci/dockerfile.h"
#include "oci/image.h"

/* One instruction at work. */
struct change {
	struct oci_image_config *c;
	const struct dockerfile_instruction *i;
	char escape;
	bool *cmd_set; /* by an instruction before */
};

static int fail_blank(const char *name, struct err **err)
{
	return err_set(err, ERR_INVALID, "%s names can not be blank", name);
}

static void replace(char ***slot, char **v)
{
	strv_free(*slot);
	*slot = v;
}

static int expand(const struct change *x, const char *word, char **out, struct err **err)
{
	return dockerfile_expand(word, x->c->env, x->escape, out, err);
}

/* ---- CMD, ENTRYPOINT ---- */

static int command_of(const struct change *x, char ***out, bool *exec_form, struct err **err)
{
	int json = dockerfile_json(x->i->rest, out, err);
	*exec_form = json == 1;
	if (json != 0)
		return json < 0 ? -1 : 0;
	if (x->c->shell)
		*out = strv_copy(x->c->shell);
	else {
		strv_add(out, "/bin/sh");
		strv_add(out, "-c");
	}
	if (*x->i->rest)
		strv_add(out, x->i->rest);
	return 0;
}

static int do_cmd(struct change *x, struct err **err)
{
	char **v = NULL;
	bool exec_form;
	if (command_of(x, &v, &exec_form, err) < 0)
		return -1;
	*x->cmd_set = strv_len(v) > 0;
	replace(&x->c->cmd, v);
	return 0;
}

/* The command was meant for the entrypoint that goes. */
static int do_entrypoint(struct change *x, struct err **err)
{
	char **v = NULL;
	bool exec_form;
	if (command_of(x, &v, &exec_form, err) < 0)
		return -1;
	/* ENTRYPOINT [] takes it away, as does one without anything */
	if (!strv_len(v) || !*x->i->rest)
		replace(&v, NULL);
	replace(&x->c->entrypoint, v);
	if (!*x->cmd_set)
		replace(&x->c->cmd, NULL);
	return 0;
}

/* ---- ENV, LABEL ---- */

static int expand_pair(
	const struct change *x, const char *key, const char *value, char **out, struct err **err)
{
	auto_free char *k = NULL;
	auto_free char *v = NULL;
	if (expand(x, key, &k, err) < 0 || expand(x, value, &v, err) < 0)
		return -1;
	if (!*k)
		return fail_blank(x->i->name, err);
	/* what a variable brings may have a '=' of its own: the first one counts */
	*out = xasprintf("%s=%s", k, v);
	return 0;
}

static int add_pair(
	const struct change *x, const char *key, const char *value, char ***out, struct err **err)
{
	char *pair = NULL;
	if (expand_pair(x, key, value, &pair, err) < 0)
		return -1;
	strv_take(out, pair);
	return 0;
}

/* "K=V K=V", or the old "K V with blanks". All are expanded before any takes effect. */
static int pairs_of(const struct change *x, const char *name, char ***out, struct err **err)
{
	auto_strv words = dockerfile_words(x->i->rest, x->escape);
	if (words && words[0] && !strchr(words[0], '=')) {
		size_t n = strcspn(x->i->rest, " \t\r\v\f");
		const char *value = x->i->rest + n + strspn(x->i->rest + n, " \t\r\v\f");
		auto_free char *key = xstrndup(x->i->rest, n);
		if (!*value)
			return err_set(err, ERR_INVALID, "%s must have two arguments", name);
		return add_pair(x, key, value, out, err);
	}
	for (size_t i = 0; words && words[i]; i++) {
		char *eq = strchr(words[i], '=');
		if (!eq)
			return err_set(err, ERR_INVALID,
				"Syntax error - can't find = in \"%.256s\". Must be of the form: "
				"name=value",
				words[i]);
		if (eq == words[i])
			return fail_blank(name, err);
		*eq = '\0';
		if (add_pair(x, words[i], eq + 1, out, err) < 0)
			return -1;
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

static int do_env(struct change *x, struct err **err)
{
	auto_strv pairs = NULL;
	if (pairs_of(x, "ENV", &pairs, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i++)
		set_env(&x->c->env, pairs[i]);
	return 0;
}

static int do_label(struct change *x, struct err **err)
{
	auto_strv pairs = NULL;
	if (pairs_of(x, "LABEL", &pairs, err) < 0)
		return -1;
	for (size_t i = 0; pairs && pairs[i]; i++)
		set_label(&x->c->labels, pairs[i]);
	return 0;
}

/* ---- EXPOSE, VOLUME ---- */

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

static int bad_port(const char *spec, struct err **err)
{
	return err_set(err, ERR_INVALID, "Invalid containerPort: %.64s", spec);
}

/* PORT, PORT-PORT, each with /PROTOCOL. */
static int expose(struct oci_image_config *c, const char *spec, struct err **err)
{
	/* a port of the host before it, as -p has it, means nothing here */
	const char *colon = strrchr(spec, ':');
	spec = colon ? colon + 1 : spec;
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

/* Words of the rest; quotes do not group here. */
static char **plain_words(const char *rest)
{
	char **words = NULL;
	for (const char *s = rest; *s;) {
		size_t n = strcspn(s, " \t\r\v\f");
		if (n)
			strv_take(&words, xstrndup(s, n));
		s += n + strspn(s + n, " \t\r\v\f");
	}
	return words;
}

static int do_expose(struct change *x, struct err **err)
{
	auto_strv given = plain_words(x->i->rest);
	auto_strv words = NULL;
	for (size_t i = 0; given && given[i]; i++)
		if (dockerfile_expand_words(given[i], x->c->env, x->escape, &words, err) < 0)
			return -1;
	for (size_t i = 0; words && words[i]; i++)
		if (expose(x->c, words[i], err) < 0)
			return -1;
	return 0;
}

static int do_volume(struct change *x, struct err **err)
{
	auto_strv words = NULL;
	int json = dockerfile_json(x->i->rest, &words, err);
	if (json < 0)
		return -1;
	if (json == 0)
		words = plain_words(x->i->rest);
	if (!strv_len(words))
		return err_set(err, ERR_INVALID, "VOLUME requires at least one argument");
	for (size_t i = 0; words[i]; i++) {
		auto_free char *path = NULL;
		if (!*str_trim(words[i]))
			return err_set(
				err, ERR_INVALID, "VOLUME specified can not be an empty string");
		if (expand(x, str_trim(words[i]), &path, err) < 0)
			return -1;
		set_add(&x->c->volumes, path);
	}
	return 0;
}

/* ---- ONBUILD ---- */

static int do_onbuild(struct change *x, struct err **err)
{
	const char *rest = x->i->rest;
	size_t n = strcspn(rest, " \t");
	if (n == 7 && strncasecmp(rest, "ONBUILD", n) == 0)
		return err_set(
			err, ERR_INVALID, "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
	static const char *const refused[] = {"MAINTAINER", "FROM"};
	for (size_t i = 0; i < ARRAY_LEN(refused); i++)
		if (n == strlen(refused[i]) && strncasecmp(rest, refused[i], n) == 0)
			return err_set(err, ERR_INVALID, "%s isn't allowed as an ONBUILD trigger",
				refused[i]);
	strv_add(&x->c->on_build, rest);
	return 0;
}

/* ---- USER, WORKDIR, STOPSIGNAL: all of the rest is one argument ---- */

static int do_stopsignal(struct change *x, struct err **err)
{
	auto_free char *name = NULL;
	if (expand(x, x->i->rest, &name, err) < 0)
		return -1;
	str_replace(&x->c->stop_signal, name);
	return 0;
}

static int do_user(struct change *x, struct err **err)
{
	auto_free char *name = NULL;
	if (expand(x, x->i->rest, &name, err) < 0)
		return -1;
	str_replace(&x->c->user, name);
	return 0;
}

/* Without ".", "..", double and trailing slashes, as path.Join gives it. */
static char *clean_path(const char *path)
{
	struct buf out = BUF_INIT;
	for (const char *s = path; *s;) {
		size_t n = strcspn(s, "/");
		if (n == 2 && s[0] == '.' && s[1] == '.') {
			while (out.len && out.data[--out.len] != '/')
				;
		} else if (n && !(n == 1 && *s == '.')) {
			buf_addc(&out, '/');
			buf_add(&out, s, n);
		}
		s += n + (s[n] == '/');
	}
	if (!out.len)
		buf_addc(&out, '/');
	return buf_steal(&out);
}

static int do_workdir(struct change *x, struct err **err)
{
	auto_free char *dir = NULL;
	if (expand(x, x->i->rest, &dir, err) < 0)
		return -1;
	if (!*dir)
		return err_set(err, ERR_INVALID, "cannot normalize nothing");
	auto_free char *joined =
		xasprintf("%s/%s", str_empty(x->c->working_dir) ? "" : x->c->working_dir, dir);
	free(x->c->working_dir);
	x->c->working_dir = clean_path(dir[0] == '/' ? dir : joined);
	return 0;
}

/* ---- HEALTHCHECK ---- */

static int bad_flag(const char *name, const char *value, struct err **err)
{
	return err_set(err, ERR_INVALID, "invalid HEALTHCHECK flag: --%.64s=%.64s", name, value);
}

/* --interval=30s and the like. */
static int health_flag(const char *flag, struct oci_healthcheck *h, struct err **err)
{
	auto_free char *name = xstrdup(flag + 2);
	char *eq = strchr(name, '=');
	const char *value = eq ? eq + 1 : "";
	if (eq)
		*eq = '\0';
	if (str_eq(name, "retries"))
		return str_to_i64(value, &h->retries) < 0 || h->retries < 0
			       ? bad_flag(name, value, err)
			       : 0;
	int64_t *slot = str_eq(name, "interval")	 ? &h->interval
			: str_eq(name, "timeout")	 ? &h->timeout
			: str_eq(name, "start-period")	 ? &h->start_period
			: str_eq(name, "start-interval") ? &h->start_interval
							 : NULL;
	if (!slot)
		return err_set(err, ERR_INVALID, "unknown flag: %.64s", name);
	if (time_parse_duration(value, slot) < 0)
		return bad_flag(name, value, err);
	/* Docker's least, as in `docker run --health-interval` */
	if (*slot && *slot < 1000000)
		return err_set(
			err, ERR_INVALID, "%.64s \"%.64s\" cannot be less than 1ms", name, value);
	return 0;
}

static int health_test(struct change *x, struct oci_healthcheck *h, struct err **err)
{
	const char *s = x->i->rest;
	size_t n = strcspn(s, " \t");
	const char *command = s + n + strspn(s + n, " \t");
	if (n == 4 && strncasecmp(s, "NONE", 4) == 0) {
		if (*command)
			return err_set(err, ERR_INVALID, "HEALTHCHECK NONE takes no arguments");
		strv_add(&h->test, "NONE");
		return 0;
	}
	if (n != 3 || strncasecmp(s, "CMD", 3) != 0)
		return err_set(err, ERR_INVALID, "Unknown type \"%.*s\" in HEALTHCHECK (try CMD)",
			(int)(n > 64 ? 64 : n), s);
	auto_strv args = NULL;
	int json = dockerfile_json(command, &args, err);
	if (json < 0)
		return -1;
	if (!*command || (json && !strv_len(args)))
		return err_set(err, ERR_INVALID, "Missing command after HEALTHCHECK CMD");
	strv_add(&h->test, json ? "CMD" : "CMD-SHELL");
	for (size_t i = 0; args && args[i]; i++)
		strv_add(&h->test, args[i]);
	if (!json)
		strv_add(&h->test, command);
	return 0;
}

static int do_healthcheck(struct change *x, struct err **err)
{
	struct oci_healthcheck h = {0};
	for (size_t i = 0; x->i->flags && x->i->flags[i]; i++)
		if (health_flag(x->i->flags[i], &h, err) < 0)
			return -1;
	if (health_test(x, &h, err) < 0)
		return -1;
	if (x->c->healthcheck)
		strv_free(x->c->healthcheck->test);
	else
		x->c->healthcheck = xcalloc(1, sizeof(*x->c->healthcheck));
	*x->c->healthcheck = h;
	return 0;
}

/* ---- dispatch ---- */

/* What has to be behind the name. */
enum arguments { ANY, SOME, ONE };

static const struct {
	const char *name;
	int (*run)(struct change *x, struct err **err);
	enum arguments arguments;
} instructions[] = {
	{"CMD", do_cmd, ANY},
	{"ENTRYPOINT", do_entrypoint, ANY},
	{"ENV", do_env, SOME},
	{"EXPOSE", do_expose, SOME},
	{"HEALTHCHECK", do_healthcheck, SOME},
	{"LABEL", do_label, SOME},
	{"ONBUILD", do_onbuild, SOME},
	{"STOPSIGNAL", do_stopsignal, ONE},
	{"USER", do_user, ONE},
	{"VOLUME", do_volume, SOME},
	{"WORKDIR", do_workdir, ONE},
};

static int known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(instructions); i++)
		if (str_ieq(name, instructions[i].name))
			return (int)i;
	return -1;
}

static int run(struct change *x, struct err **err)
{
	int i = known(x->i->name);
	if (!*x->i->rest && instructions[i].arguments != ANY)
		return err_set(err, ERR_INVALID, "%s requires %s one argument",
			instructions[i].name,
			instructions[i].arguments == ONE ? "exactly" : "at least");
	/* only HEALTHCHECK has flags; of the others' the builder knows none */
	if (x->i->flags && instructions[i].run != do_healthcheck)
		return err_set(err, ERR_INVALID, "unknown flag: %.64s", x->i->flags[0] + 2);
	return instructions[i].run(x, err);
}

int oci_image_config_changes(struct oci_image_config *c, char *const *changes, struct err **err)
{
	auto_dockerfile *d = NULL;
	auto_free char *text = changes ? strv_join(changes, "\n") : NULL;
	bool cmd_set = false;
	if (!text)
		return 0;
	if (dockerfile_parse(&d, text, strlen(text), err) < 0)
		return -1;
	if (!d->count)
		return err_set(err, ERR_INVALID, "file with no instructions");
	for (size_t i = 0; i < d->count; i++)
		if (known(d->v[i].name) < 0)
			return err_set(err, ERR_INVALID, "%.64s is not a valid change command",
				d->v[i].name);
	for (size_t i = 0; i < d->count; i++) {
		struct change x = {.c = c, .i = &d->v[i], .escape = d->escape, .cmd_set = &cmd_set};
		if (run(&x, err) < 0)
			return -1;
	}
	return 0;
}

int oci_image_config_change(struct oci_image_config *c, const char *instruction, struct err **err)
{
	char *const one[] = {(char *)(uintptr_t)instruction, NULL};
	return oci_image_config_changes(c, one, err);
}
