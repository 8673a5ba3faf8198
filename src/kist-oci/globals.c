#include "globals.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci.h"

static const struct option options[] = {
	{"debug", OPTION_BOOL, offsetof(struct globals, debug), "log more"},
	{"log", OPTION_STR, offsetof(struct globals, log),
		"file to write the log to (default /dev/stderr)"},
	{"log-format", OPTION_STR, offsetof(struct globals, log_format), "text (default) or json"},
	{"root", OPTION_STR, offsetof(struct globals, root), "folder of the containers' state"},
	{"systemd-cgroup", OPTION_BOOL, offsetof(struct globals, systemd_cgroup),
		"make cgroups as systemd units; cgroupsPath is \"slice:prefix:name\""},
	{"rootless", OPTION_STR, offsetof(struct globals, rootless),
		"go without cgroups where they may not be made: true, false or auto (default)"},
	{"criu", OPTION_STR, offsetof(struct globals, criu),
		"the criu for checkpoint and restore (default: the one in $PATH)"},
	{"version, v", OPTION_BOOL, offsetof(struct globals, version), "print the version"},
};
const struct option_set global_options = {options, ARRAY_LEN(options), .stop_at_first = true};

void report_error(const struct globals *g, const char *message)
{
	log_error("%s", message);
	if (g->log_to_file)
		dprintf(STDERR_FILENO, "%s\n", message);
}

/* Open for good: a log that is a pipe to somebody or is moved away gets every line. */
static int open_log(struct globals *g, struct err **err)
{
	bool json = str_eq(g->log_format, "json");
	log_set_level(g->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
	log_set_output(STDERR_FILENO, json ? LOG_FORMAT_JSON : LOG_FORMAT_LOGRUS);
	if (!str_empty(g->log_format) && !json && !str_eq(g->log_format, "text"))
		return err_set(err, ERR_INVALID, "invalid log-format: %s", g->log_format);
	if (str_empty(g->log) || str_eq(g->log, "/dev/stderr"))
		return 0;
	int fd = open(g->log, O_WRONLY | O_CREAT | O_APPEND | O_SYNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_sys(err, errno, "open %s", g->log);
	log_set_output(fd, json ? LOG_FORMAT_JSON : LOG_FORMAT_LOGRUS);
	g->log_to_file = true;
	return 0;
}

/* Without privileges over the machine, whatever the number. */
static bool in_user_namespace(void)
{
	auto_fd int fd = open("/proc/self/uid_map", O_RDONLY | O_CLOEXEC);
	char text[128], *at = text;
	ssize_t n = fd < 0 ? -1 : fd_read(fd, text, sizeof(text) - 1);
	if (n < 0)
		return false;
	text[n] = 0;
	/* whoever has no mapping at all is in one, too */
	unsigned long first = strtoul(at, &at, 10), host = strtoul(at, &at, 10);
	return first || host || strtoul(at, &at, 10) != UINT32_MAX;
}

/*
 * In tmpfs; a user without privilege has a folder of their own there, root of a user namespace too unless
 * $USER says that they are meant to be root. It is sticky, so that nobody clears it away for being old (XDG Base
 * Directory Specification).
 */
static char *default_root(void)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	if (str_empty(runtime_dir))
		return xstrdup("/run/" PROGRAM);
	bool own = geteuid() != 0 || (in_user_namespace() && !str_eq(getenv("USER"), "root"));
	if (!own)
		return xstrdup("/run/" PROGRAM);
	char *root = xasprintf("%s/" PROGRAM, runtime_dir);
	if (dir_make(AT_FDCWD, root, 0700, NULL) == 0)
		chmod(root, 01700);
	return root;
}

static bool rootless_is_said(const struct globals *g)
{
	return !str_empty(g->rootless) && !str_eq(g->rootless, "auto");
}

static int check_rootless(const struct globals *g, struct err **err)
{
	bool said;
	if (rootless_is_said(g) && str_to_bool(g->rootless, &said) < 0)
		return err_set(err, ERR_INVALID,
			"invalid value \"%s\" for --rootless: true, false or auto", g->rootless);
	return 0;
}

/* Where nothing is said, who cannot count on cgroups is asked about. */
bool globals_rootless(const struct globals *g)
{
	bool said = false;
	if (rootless_is_said(g) && str_to_bool(g->rootless, &said) == 0)
		return said;
	return geteuid() != 0 || in_user_namespace();
}

/* Absolute, so that messages and what is kept of it hold from anywhere. */
static int choose_root(struct globals *g, struct err **err)
{
	char here[PATH_MAX];
	if (!g->root) {
		g->root = g->root_path = default_root();
		g->default_root = true;
		return 0;
	}
	if (g->root[0] != '/') {
		if (!getcwd(here, sizeof(here)))
			return err_sys(err, errno, "find the folder of --root %s", g->root);
		g->root = g->root_path = xasprintf("%s/%s", here, g->root);
	}
	struct stat st, top;
	if (stat(g->root, &st) == 0 && stat("/", &top) == 0 && st.st_ino == top.st_ino &&
		st.st_dev == top.st_dev)
		return err_set(err, ERR_INVALID, "--root cannot be /");
	return 0;
}

int globals_settle(struct globals *g, struct err **err)
{
	if (open_log(g, err) < 0 || choose_root(g, err) < 0)
		return -1;
	return check_rootless(g, err);
}

void globals_free(struct globals *g)
{
	free(g->root_path);
}
