#include "program.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/rootpath.h"

static size_t count(const char **v)
{
	size_t n = 0;
	while (v && v[n])
		n++;
	return n;
}

void program_prepare(struct program *out, const struct plan_process *p)
{
	size_t args = count(p->args), at = 0;
	out->env_count = count(p->env);
	out->argv = xcalloc(args + 3, sizeof(*out->argv));
	out->env = xcalloc(out->env_count + 2, sizeof(*out->env));
	if (p->use_init) {
		out->argv[at++] = PROGRAM_INIT;
		out->argv[at++] = "--";
	}
	for (size_t i = 0; i < args; i++)
		out->argv[at++] = p->args[i];
	for (size_t i = 0; i < out->env_count; i++)
		out->env[i] = p->env[i];
}

void program_free(struct program *program)
{
	free(program->argv);
	free(program->env);
	program->argv = program->env = NULL;
}

/* The last one counts, as for a program that sets them one after the other. */
static const char *env_value(const struct program *program, const char *name)
{
	size_t n = strlen(name);
	const char *value = NULL;
	for (size_t i = 0; i < program->env_count; i++)
		if (strncmp(program->env[i], name, n) == 0 && program->env[i][n] == '=')
			value = program->env[i] + n + 1;
	return value;
}

void program_set_home(struct program *program, const struct user *user)
{
	const char *home = env_value(program, "HOME");
	if (home && *home)
		return;
	report_format(program->home, sizeof(program->home), "HOME=%s", user->home);
	for (size_t i = 0; i < program->env_count; i++) {
		if (strncmp(program->env[i], "HOME=", 5) == 0) {
			program->env[i] = program->home;
			return;
		}
	}
	program->env[program->env_count++] = program->home;
}

static void make_folder(const char *path, struct reporter *r)
{
	auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_fd int made = root < 0 ? -1 : root_make_dir(root, path, 0755);
	if (made < 0)
		report_fail(
			r, ERR_NOT_EXECUTABLE, errno, "make the working directory \"%s\"", path);
}

/*
 * A working directory of /proc/self/fd/N would be a folder of the host (CVE-2024-21626): getcwd(2)
 * then says
 * "(unreachable)".
 */
static void check_inside(struct reporter *r)
{
	char path[PATH_MAX];
	long n = syscall(SYS_getcwd, path, sizeof(path));
	if (n < 0 && errno != ENOENT)
		report_sys(r, "getcwd");
	if (n < 0 || path[0] != '/')
		report_fail(r, ERR_FORBIDDEN, 0,
			"current working directory is outside of container mount namespace root -- "
			"possible container breakout detected");
}

void program_enter_folder(const struct plan_process *p, struct reporter *r)
{
	if (chdir(p->cwd) < 0 && p->cwd_create && errno == ENOENT)
		make_folder(p->cwd, r);
	if (chdir(p->cwd) < 0)
		report_fail(r, ERR_NOT_EXECUTABLE, errno,
			"chdir to cwd (\"%s\") set in config.json failed", p->cwd);
	check_inside(r);
}

/* 0 or errno, as Go's LookPath judges a file */
static int judge(const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return errno;
	if (S_ISDIR(st.st_mode))
		return EISDIR;
	return st.st_mode & 0111 ? 0 : EACCES;
}

static void find_at(struct program *program, const char *name, struct reporter *r)
{
	if (strlen(name) >= sizeof(program->path))
		report_fail(r, ERR_NOT_EXECUTABLE, 0, "exec: \"%s\": file name too long", name);
	strcpy(program->path, name);
	switch (judge(name)) {
	case 0:
		return;
	case EISDIR:
		report_fail(r, ERR_NOT_EXECUTABLE, 0, "exec: \"%s\": is a directory", name);
	case EACCES:
		report_fail(r, ERR_NOT_EXECUTABLE, 0, "exec: \"%s\": permission denied", name);
	case ENOTDIR:
		report_fail(r, ERR_NOT_EXECUTABLE, 0, "exec: \"%s\": stat %s: not a directory",
			name, name);
	default:
		report_fail(r, ERR_NO_EXECUTABLE, 0,
			"exec: \"%s\": stat %s: no such file or directory", name, name);
	}
}

static bool try_folder(struct program *program, const char *folder, size_t n, const char *name)
{
	size_t len = strlen(name);
	if (!n) {
		folder = ".";
		n = 1;
	}
	if (n + 1 + len >= sizeof(program->path))
		return false;
	memcpy(program->path, folder, n);
	program->path[n] = '/';
	memcpy(program->path + n + 1, name, len + 1);
	return judge(program->path) == 0;
}

void program_find(struct program *program, struct reporter *r)
{
	const char *name = program->argv[0];
	if (strchr(name, '/')) {
		find_at(program, name, r);
		return;
	}
	const char *path = env_value(program, "PATH");
	const char *at = path ? path : "";
	while (*name && *at) {
		size_t n = strcspn(at, ":");
		if (try_folder(program, at, n, name))
			return;
		at += n;
		if (*at == ':' && !*++at && try_folder(program, "", 0, name))
			return;
	}
	report_fail(
		r, ERR_NO_EXECUTABLE, 0, "exec: \"%s\": executable file not found in $PATH", name);
}

void program_exec(struct program *program, struct reporter *r)
{
	execve(program->path, (char *const *)program->argv, (char *const *)program->env);
	int saved = errno;
	static const char *const words[] = {"no such file or directory", "permission denied",
		"exec format error", "is a directory"};
	const char *why = saved == ENOENT    ? words[0]
			  : saved == EACCES  ? words[1]
			  : saved == ENOEXEC ? words[2]
			  : saved == EISDIR  ? words[3]
					     : err_text(saved);
	report_fail(r, saved == ENOENT ? ERR_NO_EXECUTABLE : ERR_NOT_EXECUTABLE, 0, "exec %s: %s",
		program->path, why);
}
