/*
 * kist-oci: the OCI runtime on runc's command line. One file per verb, one table of them; this file reads the
 * global options and finds the verb.
 */
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proc.h"
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

static int print_version(void)
{
	const struct scmp_version *v = seccomp_version();
	printf(PROGRAM " version " KIST_VERSION "\nspec: " OCI_VERSION "\nlibseccomp: %u.%u.%u\n",
		v->major, v->minor, v->micro);
	return 0;
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
	options_print(&global_options);
	printf("   --help, -h                        show help\n");
}

static struct option_set verb_options(const struct verb *verb)
{
	return (struct option_set){verb->options, verb->option_count, verb->stop_at_first};
}

static void print_verb_help(const struct verb *verb)
{
	printf("NAME:\n   " PROGRAM " %s - %s\n\nUSAGE:\n   " PROGRAM " %s [command options] %s\n",
		verb->name, verb->help, verb->name, verb->usage);
	if (!verb->option_count)
		return;
	struct option_set set = verb_options(verb);
	printf("\nOPTIONS:\n");
	options_print(&set);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (str_eq(verbs[i]->name, name))
			return verbs[i];
	}
	return NULL;
}

/* Says what was wrong with the command line, and how it would be right. */
static int incorrect_usage(const struct verb *verb, const char *why)
{
	if (why)
		printf("Incorrect Usage: %s\n\n", why);
	else
		printf("Incorrect Usage.\n\n");
	if (verb)
		print_verb_help(verb);
	else
		print_help();
	fflush(stdout);
	return 1;
}

static int check_count(const struct verb *verb, const char *program, int count, struct err **err)
{
	if (count >= verb->min_args && (verb->max_args < 0 || count <= verb->max_args))
		return 0;
	int bound = count < verb->min_args ? verb->min_args : verb->max_args;
	const char *how = verb->min_args == verb->max_args ? "exactly"
			  : count < verb->min_args	   ? "a minimum of"
							   : "a maximum of";
	return err_set(err, ERR_INVALID, "%s: \"%s\" requires %s %d argument(s)", program,
		verb->name, how, bound);
}

static int run_verb(const struct globals *g, const struct verb *verb, int argc, char **argv,
	const char *program, struct err **err)
{
	struct option_set set = verb_options(verb);
	auto_free void *options = xcalloc(1, verb->size + 1);
	bool help;
	int code = 1, first = options_parse(&set, argc, argv, options, &help, err);
	if (first < 0) {
		code = incorrect_usage(verb, err_msg(*err));
	} else if (help) {
		print_verb_help(verb);
		code = 0;
	} else if (check_count(verb, program, argc - first, err) < 0) {
		code = incorrect_usage(verb, NULL);
	} else {
		code = verb->run(g, options, argc - first, argv + first, err);
	}
	options_free(&set, options);
	return code;
}

/*
 * A container's program may be "#!/proc/self/exe", and then it is this file that runs inside the container: it
 * must not be one that can be written (CVE-2019-5736). Only for the verbs that bring forth a process in a
 * container: the second exec costs 0.4 ms.
 */
static int seal(const struct verb *verb, char *const *argv, struct err **err)
{
	if (verb != &verb_run && verb != &verb_create && verb != &verb_exec)
		return 0;
	return sealed_self_ensure(argv, err);
}

/* Descriptors 0, 1 and 2 are there, so that nothing that is opened later becomes somebody's stdio. */
static void ensure_stdio(void)
{
	int fd = STDIN_FILENO;
	while (fd <= STDERR_FILENO && fcntl(fd, F_GETFD) >= 0)
		fd++;
	if (fd > STDERR_FILENO)
		return;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	fd_close(fd);
}

/*
 * What a caller ignores would be ignored in the container too (systemd's services ignore SIGPIPE), and without SIGCHLD
 * there are no exit codes. Hang-ups and interrupts stay as they are: nohup(1).
 */
static void default_signals(void)
{
	for (int sig = 1; sig <= SIGNAL_LAST; sig++) {
		if (sig != SIGHUP && sig != SIGINT && sig != SIGKILL && sig != SIGSTOP)
			signal_default(sig);
	}
}

static int help(const struct globals *g, const char *topic)
{
	const struct verb *verb = topic ? find_verb(topic) : NULL;
	if (topic && !verb) {
		auto_free char *message = xasprintf("No help topic for '%s'", topic);
		report_error(g, message);
		return 3;
	}
	if (verb)
		print_verb_help(verb);
	else
		print_help();
	return 0;
}

static int dispatch(const struct globals *g, int argc, char **argv, const char *program,
	char *const *whole, struct err **err)
{
	if (argc == 0)
		return help(g, NULL);
	if (str_eq(argv[0], "help") || str_eq(argv[0], "h"))
		return help(g, argc > 1 ? argv[1] : NULL);
	const struct verb *verb = find_verb(argv[0]);
	if (!verb)
		return help(g, argv[0]);
	if (seal(verb, whole, err) < 0)
		return 1;
	return run_verb(g, verb, argc, argv, program, err);
}

int main(int argc, char **argv)
{
	struct globals g = {.program = argv[0], .sealed = sealed_self_mount()};
	auto_err *err = NULL;
	bool wants_help;
	int code = 1;
	size_t seed = 0;
	ensure_stdio();
	/* or jansson reads /dev/urandom for it: three system calls more */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) == (ssize_t)sizeof(seed))
		json_object_seed(seed);
	default_signals();
	int first = options_parse(&global_options, argc, argv, &g, &wants_help, &err);
	/* the log first: a wrong option is told there too, if it comes after --log */
	if (globals_settle(&g, first < 0 ? NULL : &err) == 0 && first >= 0) {
		if (wants_help)
			code = help(&g, NULL);
		else if (g.version)
			code = print_version();
		else
			code = dispatch(&g, argc - first, argv + first, argv[0], argv, &err);
	} else if (first < 0) {
		incorrect_usage(NULL, err_msg(err));
	}
	if (err) {
		report_error(&g, err_msg(err));
		code = code ? code : 1;
	}
	globals_free(&g);
	return code;
}
