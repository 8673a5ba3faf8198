/*
 * kist-oci: the OCI runtime on runc's command line. One file per verb, one table of them; this file reads the
 * global options and finds the verb.
 */
#include <fcntl.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/timefmt.h"
#include "oci.h"
#include "oci/config.h"
#include "sys/sealed_self.h"

static const struct verb *const verbs[] = {
	&verb_checkpoint,
	&verb_create,
	&verb_delete,
	&verb_events,
	&verb_exec,
	&verb_features,
	&verb_kill,
	&verb_list,
	&verb_pause,
	&verb_ps,
	&verb_restore,
	&verb_resume,
	&verb_run,
	&verb_spec,
	&verb_start,
	&verb_state,
	&verb_update,
};

static const struct option global_options[] = {
	{"debug", OPTION_BOOL, offsetof(struct globals, debug), "log more"},
	{"log", OPTION_STR, offsetof(struct globals, log),
		"file to write the log to (default /dev/stderr)"},
	{"log-format", OPTION_STR, offsetof(struct globals, log_format), "text (default) or json"},
	{"root", OPTION_STR, offsetof(struct globals, root), "folder of the containers' state"},
	{"systemd-cgroup", OPTION_BOOL, offsetof(struct globals, systemd_cgroup),
		"not implemented"},
	{"rootless", OPTION_STR, offsetof(struct globals, rootless),
		"go without cgroups where they may not be made: true, false or auto (default)"},
	{"criu", OPTION_NONE, 0, "accepted for runc's sake"},
	{"help, h", OPTION_BOOL, offsetof(struct globals, help), "show help"},
	{"version, v", OPTION_BOOL, offsetof(struct globals, version), "print the version"},
};

/* One line in logrus' formats, which containerd and conmon read. */
static void format_line(const struct globals *g, const char *message, struct buf *out)
{
	char now[TIME_STR_LEN];
	time_rfc3339(time_now() / TIME_NS_PER_SEC * TIME_NS_PER_SEC, now);
	if (str_eq(g->log_format, "json")) {
		buf_adds(out, "{\"level\":\"error\",\"msg\":");
		buf_add_json_string(out, message, strlen(message));
		buf_addf(out, ",\"time\":\"%s\"}\n", now);
	} else {
		buf_addf(out, "time=\"%s\" level=error msg=", now);
		buf_add_json_string(out, message, strlen(message));
		buf_addc(out, '\n');
	}
}

void report_error(const struct globals *g, const char *message)
{
	auto_buf line = BUF_INIT;
	format_line(g, message, &line);
	bool to_file = !str_empty(g->log) && !str_eq(g->log, "/dev/stderr");
	if (!to_file) {
		fd_write_all(STDERR_FILENO, line.data, line.len);
		return;
	}
	auto_fd int fd = open(g->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd >= 0)
		fd_write_all(fd, line.data, line.len);
	dprintf(STDERR_FILENO, "%s\n", message);
}

static void print_version(void)
{
	const struct scmp_version *v = seccomp_version();
	printf(PROGRAM " version " KIST_VERSION "\nspec: " OCI_VERSION "\nlibseccomp: %u.%u.%u\n",
		v->major, v->minor, v->micro);
}

static void print_help(void)
{
	printf("NAME:\n   " PROGRAM " - run OCI bundles\n\n"
	       "USAGE:\n   " PROGRAM
	       " [global options] command [command options] [arguments...]\n\n"
	       "COMMANDS:\n");
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		printf("   %-11s %s\n", verbs[i]->name, verbs[i]->help);
	printf("\nGLOBAL OPTIONS:\n");
	options_print(global_options, ARRAY_LEN(global_options));
}

static void print_verb_help(const struct verb *verb)
{
	printf("NAME:\n   " PROGRAM " %s - %s\n\nUSAGE:\n   " PROGRAM " %s [command options] %s\n",
		verb->name, verb->help, verb->name, verb->usage);
	if (!verb->option_count)
		return;
	printf("\nOPTIONS:\n");
	options_print(verb->options, verb->option_count);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (str_eq(verbs[i]->name, name))
			return verbs[i];
	}
	return NULL;
}

static bool wants_help(int argc, char **argv)
{
	return argc > 1 && (str_eq(argv[1], "--help") || str_eq(argv[1], "-h"));
}

static int run_verb(
	const struct globals *g, const struct verb *verb, int argc, char **argv, struct err **err)
{
	auto_free void *options = xcalloc(1, verb->size + 1);
	int first = options_parse(verb->options, verb->option_count, argc, argv, options, err);
	if (first < 0)
		return 1;
	int count = argc - first;
	if (count < verb->min_args)
		err_set(err, ERR_INVALID, PROGRAM ": \"%s\" requires a minimum of %d argument(s)",
			verb->name, verb->min_args);
	else if (verb->max_args >= 0 && count > verb->max_args)
		err_set(err, ERR_INVALID, PROGRAM ": \"%s\" requires a maximum of %d argument(s)",
			verb->name, verb->max_args);
	else
		return verb->run(g, options, count, argv + first, err);
	return 1;
}

/*
 * A container's program may be "#!/proc/self/exe", and then it is this file that runs inside the container: it
 * must not be one that can be written (CVE-2019-5736). Only for the verbs that bring forth a process in a
 * container: the second exec costs 0.4 ms.
 */
static int seal(const struct verb *verb, char **argv, struct err **err)
{
	if (verb != &verb_run && verb != &verb_create && verb != &verb_exec)
		return 0;
	return sealed_self_ensure(argv, err);
}

/* Without privileges over the machine, whatever the number. */
static bool in_user_namespace(void)
{
	auto_buf text = BUF_INIT;
	unsigned int first, host, count;
	if (file_read(AT_FDCWD, "/proc/self/uid_map", 4096, &text, NULL) < 0)
		return false;
	return sscanf(buf_str(&text), "%u %u %u", &first, &host, &count) != 3 || first || host ||
	       count != UINT32_MAX;
}

/*
 * In tmpfs; a user without privilege has a folder of their own there, root of a user namespace too unless
 * $USER says that they are meant to be root. It is sticky, so that nobody clears it away for being old (XDG Base
 * Directory Specification).
 */
static char *default_root(void)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	bool own = geteuid() != 0 || (in_user_namespace() && !str_eq(getenv("USER"), "root"));
	if (!own || str_empty(runtime_dir))
		return xstrdup("/run/" PROGRAM);
	char *root = xasprintf("%s/" PROGRAM, runtime_dir);
	if (dir_make(AT_FDCWD, root, 0700, NULL) == 0)
		chmod(root, 01700);
	return root;
}

/* Where nothing is said, who cannot count on cgroups is asked about. */
static int choose_rootless(struct globals *g, struct err **err)
{
	if (!str_empty(g->rootless) && !str_eq(g->rootless, "auto")) {
		if (str_to_bool(g->rootless, &g->rootless_cgroups) < 0)
			return err_set(err, ERR_INVALID,
				"invalid value \"%s\" for --rootless: true, false or auto",
				g->rootless);
		return 0;
	}
	g->rootless_cgroups = geteuid() != 0 || in_user_namespace();
	return 0;
}

static int check_globals(struct globals *g, struct err **err)
{
	if (g->log_format && !str_eq(g->log_format, "text") && !str_eq(g->log_format, "json"))
		return err_set(err, ERR_INVALID, "invalid log-format: %s", g->log_format);
	if (g->debug)
		log_set_level(LOG_LEVEL_DEBUG);
	else
		log_set_level(LOG_LEVEL_WARN);
	if (str_empty(g->root))
		g->root = g->root_default = default_root();
	return choose_rootless(g, err);
}

/* Descriptors 0, 1 and 2 are there, so that nothing that is opened later becomes somebody's stdio. */
static void ensure_stdio(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	fd_close(fd);
}

int main(int argc, char **argv)
{
	struct globals g = {0};
	auto_err *err = NULL;
	ensure_stdio();
	int first = options_parse(global_options, ARRAY_LEN(global_options), argc, argv, &g, &err);
	int code = 1;
	if (first < 0 || check_globals(&g, &err) < 0) {
		report_error(&g, err_msg(err));
		return 1;
	}
	if (g.version) {
		print_version();
		code = 0;
	} else if (g.help || first == argc || str_eq(argv[first], "help")) {
		const struct verb *verb = first + 1 < argc ? find_verb(argv[first + 1]) : NULL;
		if (verb)
			print_verb_help(verb);
		else
			print_help();
		code = 0;
	} else {
		const struct verb *verb = find_verb(argv[first]);
		if (!verb) {
			auto_free char *message = xasprintf("No help topic for '%s'", argv[first]);
			report_error(&g, message);
			code = 3;
		} else if (wants_help(argc - first, argv + first)) {
			print_verb_help(verb);
			code = 0;
		} else if (seal(verb, argv, &err) == 0) {
			code = run_verb(&g, verb, argc - first, argv + first, &err);
		}
	}
	if (err) {
		report_error(&g, err_msg(err));
		code = code ? code : 1;
	}
	free(g.root_default);
	return code;
}
