#include "completion.h"

#include <signal.h>
#include <stdio.h>

#include "container.h"
#include "credentials.h"

static void offer(struct buf *out, const char *word, const char *prefix, const char *text)
{
	if (!str_starts(word, prefix))
		return;
	buf_adds(out, word);
	if (text)
		buf_addf(out, "\t%.*s", (int)strcspn(text, "\n"), text);
	buf_addc(out, '\n');
}

static void offer_names(struct cli *cli, struct buf *out, const char *prefix, const char *path)
{
	auto_json *list = NULL;
	size_t i, k;
	json_t *item, *name;
	if (api_call(&cli->api, "GET", path, NULL, &list, NULL) < 0)
		return;
	json_t *items = json_is_array(list) ? list : json_object_get(list, "Volumes");
	json_array_foreach(items, i, item)
	{
		const char *single = json_string_value(json_object_get(item, "Name"));
		json_t *many = json_object_get(item, "Names");
		if (!many)
			many = json_object_get(item, "RepoTags");
		if (single)
			offer(out, single, prefix, NULL);
		json_array_foreach(many, k, name)
		{
			const char *s = json_is_string(name) ? json_string_value(name) : "";
			offer(out, *s == '/' ? s + 1 : s, prefix, NULL);
		}
	}
}

static void offer_registries(struct buf *out, const char *prefix)
{
	auto_config_file config = {0};
	if (config_file_open(&config, NULL) < 0)
		return;
	auto_strv all = credentials_list(&config);
	for (size_t i = 0; all && all[i]; i++)
		offer(out, all[i], prefix, NULL);
}

static void offer_signals(struct buf *out, const char *prefix)
{
	for (int sig = 1; sig < SIGRTMIN; sig++) {
		const char *name = sigabbrev_np(sig);
		auto_free char *full = name ? xasprintf("SIG%s", name) : NULL;
		if (full)
			offer(out, full, prefix, NULL);
	}
}

static void offer_capabilities(struct buf *out, const char *prefix)
{
	static const char names[] =
		"ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE "
		"CHOWN "
		"DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE "
		"LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE "
		"NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN "
		"SYS_BOOT SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO "
		"SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM";
	auto_strv all = strv_split(names, ' ');
	for (size_t i = 0; all[i]; i++)
		offer(out, all[i], prefix, NULL);
}

/* What a flag's value or an argument may be: words, or a set that starts with '@'. */
static void offer_choices(struct cli *cli, struct buf *out, const char *prefix, const char *choices)
{
	static const struct {
		const char *set, *path;
	} lists[] = {
		{"@containers", "/containers/json?all=1"},
		{"@running", "/containers/json"},
		{"@stopped", "/containers/"
			     "json?filters=%7B%22status%22%3A%7B%22exited%22%3Atrue%2C%22created%"
			     "22%3Atrue%7D%7D"},
		{"@images", "/images/json"},
		{"@volumes", "/volumes"},
		{"@networks", "/networks"},
	};
	if (!choices)
		return;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (str_eq(lists[i].set, choices))
			offer_names(cli, out, prefix, lists[i].path);
	if (str_eq(choices, "@registries"))
		offer_registries(out, prefix);
	if (str_eq(choices, "@signals"))
		offer_signals(out, prefix);
	if (str_eq(choices, "@capabilities"))
		offer_capabilities(out, prefix);
	if (str_eq(choices, "@files") || str_eq(choices, "@volumes"))
		buf_adds(out, ":files\n");
	if (*choices == '@')
		return;
	auto_strv words = strv_split(choices, ' ');
	for (size_t i = 0; words[i]; i++)
		offer(out, words[i], prefix, NULL);
}

static void offer_flags(struct buf *out, const struct flag_spec *flags, const char *prefix)
{
	for (const struct flag_spec *f = flags; f && f->name; f++) {
		auto_free char *word = xasprintf("--%s", f->name);
		if (!f->hidden)
			offer(out, word, prefix, f->usage);
	}
	offer(out, "--help", prefix, "Show this text");
}

/* The flag whose value follows @word, if it takes one and has none yet. */
static const struct flag_spec *open_flag(const struct flag_spec *flags, const char *word)
{
	size_t n = strlen(word);
	if (*word != '-' || n < 2 || strchr(word, '='))
		return NULL;
	for (const struct flag_spec *f = flags; f && f->name; f++) {
		bool is_long = word[1] == '-' && str_eq(f->name, word + 2);
		bool is_short = word[1] != '-' && f->letter && word[n - 1] == f->letter;
		if ((is_long || is_short) && f->type != FLAG_BOOL)
			return f;
	}
	return NULL;
}

static void complete_command(
	struct cli *cli, struct buf *out, const struct command *c, char *const *words)
{
	size_t n = strv_len(words), position = 0;
	const char *last = words[n - 1];
	const struct flag_spec *open = NULL;
	for (size_t i = 0; i + 1 < n; i++) {
		if (open) {
			open = NULL;
			continue;
		}
		open = position && c->stop_at_arg ? NULL : open_flag(c->flags, words[i]);
		position += *words[i] != '-';
	}
	if (open) {
		offer_choices(cli, out, last, open->choices);
	} else if (*last == '-' && !(position && c->stop_at_arg)) {
		offer_flags(out, c->flags, last);
	} else if (position == 0 || (c->max_args == INT_MAX && !c->stop_at_arg)) {
		offer_choices(cli, out, last, c->completes);
	} else {
		buf_adds(out, ":files\n");
	}
}

static void complete_names(struct buf *out, const char *group, const char *prefix)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		const char *name = group ? (str_eq(c->group, group) ? c->name : NULL)
					 : (c->group ? c->top : c->name);
		if (name && !c->hidden)
			offer(out, name, prefix, c->summary);
	}
	for (const struct group *g = command_groups; !group && g->name; g++)
		offer(out, g->name, prefix, g->summary);
}

static const struct command *find(const char *group, const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		const struct command *c = commands[i];
		if (group ? str_eq(c->group, group) && str_eq(c->name, name)
			  : str_eq(c->group ? c->top : c->name, name))
			return c;
	}
	return NULL;
}

void completion_candidates(struct cli *cli, char *const *words, struct buf *out)
{
	size_t at = 0, n = strv_len(words);
	const char *group = NULL;
	while (at + 1 < n && *words[at] == '-') /* flags of kist itself */
		at += open_flag(global_flags, words[at]) ? 2 : 1;
	if (at >= n)
		return;
	for (const struct group *g = command_groups; at + 1 < n && g->name; g++)
		if (str_eq(g->name, words[at]))
			group = g->name;
	at += group != NULL;
	if (at + 1 < n) {
		const struct command *c = find(group, words[at]);
		if (c)
			complete_command(cli, out, c, words + at + 1);
		return;
	}
	if (!group && *words[at] == '-')
		offer_flags(out, global_flags, words[at]);
	else
		complete_names(out, group, words[at]);
}
