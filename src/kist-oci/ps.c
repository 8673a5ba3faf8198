/* ps: the host's ps(1), cut down to the container's processes. */
#include <stdio.h>
#include <sys/wait.h>

#include "base/proc.h"
#include "state.h"

struct ps_options {
	const char *format;
};

static const struct option options[] = {
	{"format, f", OPTION_STR, offsetof(struct ps_options, format), "table (default) or json"},
};

#define OUTPUT_MAX (64u << 20)

static bool contains(const pid_t *pids, size_t n, int64_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

/* The nth blank-separated field of a line as a number; -1 if it is none. */
static int64_t field_number(const char *line, int index)
{
	for (int i = 0;; i++) {
		line += strspn(line, " \t");
		size_t n = strcspn(line, " \t");
		if (!n)
			return -1;
		if (i == index) {
			auto_free char *text = xstrndup(line, n);
			int64_t value;
			return str_to_i64(text, &value) < 0 ? -1 : value;
		}
		line += n;
	}
}

static int pid_column(const char *header)
{
	auto_free char *copy = xstrdup(header);
	char *rest = NULL;
	int i = 0;
	for (char *field = strtok_r(copy, " \t", &rest); field;
		field = strtok_r(NULL, " \t", &rest), i++) {
		if (str_eq(field, "PID"))
			return i;
	}
	return -1;
}

static int print_lines(char *text, const pid_t *pids, size_t n, struct err **err)
{
	auto_strv lines = strv_split(text, '\n');
	int column = lines[0] ? pid_column(lines[0]) : -1;
	if (column < 0)
		return err_set(err, ERR_INVALID, "couldn't find PID field in ps output");
	puts(lines[0]);
	for (size_t i = 1; lines[i]; i++) {
		if (contains(pids, n, field_number(lines[i], column)))
			puts(lines[i]);
	}
	return 0;
}

/* ps comes from the host's PATH folders, never from the environment of whoever calls. */
static int print_table(int argc, char **argv, const pid_t *pids, size_t n, struct err **err)
{
	static const char *const places[] = {"/usr/bin/ps", "/bin/ps"};
	const char *path = access(places[0], X_OK) == 0 ? places[0] : places[1];
	auto_strv args = NULL;
	strv_add(&args, "ps");
	for (int i = 0; i < argc; i++)
		strv_add(&args, argv[i]);
	if (!argc)
		strv_add(&args, "-ef");
	auto_buf out = BUF_INIT, errors = BUF_INIT;
	struct proc_spec spec = {.path = path, .argv = args};
	int status = proc_run(&spec, NULL, 0, OUTPUT_MAX, &out, &errors, err);
	if (status < 0)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(
			err, ERR_INVALID, "ps failed: %s", str_trim((char *)buf_str(&errors)));
	return print_lines((char *)buf_str(&out), pids, n, err);
}

static void print_json(const pid_t *pids, size_t n)
{
	/* as Go writes a list that was never made */
	if (!n) {
		puts("null");
		return;
	}
	putchar('[');
	for (size_t i = 0; i < n; i++)
		printf("%s%d", i ? "," : "", (int)pids[i]);
	puts("]");
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct ps_options *o = opts;
	auto_state *s = NULL;
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	if (state_open(&s, g, argv[0], LOCK_NONE, err) < 0)
		return 1;
	bool without = str_empty(s->cgroup);
	struct cgroup *cg = without ? state_cgroup_need(s, err) : state_cgroup(s);
	int r = cg ? cgroup_pids(cg, &pids, &n, err) : -(int)without;
	cgroup_free(cg);
	if (r < 0)
		return 1;
	if (str_eq(o->format, "json")) {
		print_json(pids, n);
		return 0;
	}
	if (o->format && !str_eq(o->format, "table")) {
		err_set(err, ERR_INVALID, "invalid format option");
		return 1;
	}
	return print_table(argc - 1, argv + 1, pids, n, err) < 0;
}

const struct verb verb_ps = {
	.name = "ps",
	.usage = "<container-id> [ps options]",
	.help = "show a container's processes",
	VERB_OPTIONS(options, struct ps_options),
	.min_args = 1,
	.max_args = -1,
	.stop_at_first = true,
	.run = run,
};
