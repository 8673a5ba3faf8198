#include "credential_helper.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/proc.h"
#include "base/str.h"

#define ANSWER_MAX (1u << 20)

static bool is_program(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* The program's path, or NULL. An empty element of PATH would mean the working directory: never. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	if (str_empty(name) || strchr(name, '/'))
		return NULL;
	auto_strv folders = strv_split(path ? path : "/usr/local/bin:/usr/bin:/bin", ':');
	for (size_t i = 0; folders[i]; i++) {
		if (*folders[i] != '/')
			continue;
		char *program = xasprintf("%s/docker-credential-%s", folders[i], name);
		if (is_program(program))
			return program;
		free(program);
	}
	return NULL;
}

bool helper_installed(const char *name)
{
	auto_free char *program = find_program(name);
	return program != NULL;
}

/* What it says on standard error goes to ours; why it failed it says on standard output. */
static int run(const char *name, const char *verb, const char *input, size_t n, struct buf *out,
	struct err **err)
{
	auto_free char *program = find_program(name);
	if (!program)
		return err_set(err, ERR_NOT_FOUND,
			"docker-credential-%s, which config.json names, is not in PATH", name);
	char *argv[] = {program, (char *)verb, NULL};
	const struct proc_fd fds[] = {{STDERR_FILENO, STDERR_FILENO}};
	struct proc_spec spec = {
		.path = program, .argv = argv, .env = environ, .fds = fds, .nfds = 1};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
	sigaction(SIGPIPE, &ignore, &before); /* it need not read all that we say */
	int status = proc_run(&spec, input, n, ANSWER_MAX, out, NULL, err);
	sigaction(SIGPIPE, &before, NULL);
	if (status < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	const char *said = str_trim(out->data ? out->data : (char[]){""});
	if (WIFSIGNALED(status))
		return err_set(err, ERR_UNAVAILABLE, "docker-credential-%s %s: killed by signal %d",
			name, verb, WTERMSIG(status));
	return err_set(err, ERR_UNAVAILABLE, "docker-credential-%s %s: %s", name, verb,
		*said ? said : "failed without saying why");
}

static char *what_of(const char *name, const char *verb)
{
	return xasprintf("docker-credential-%s %s", name, verb);
}

int helper_answer(
	const char *text, size_t n, const char *what, char **user, char **secret, struct err **err)
{
	const char *u = NULL, *s = NULL;
	*user = *secret = NULL;
	auto_json *j = json_parse(text, n, what, err);
	if (!j)
		return -1;
	if (!json_is_object(j))
		return err_set(err, ERR_INVALID, "%s: expected a JSON object", what);
	if (json_get_str(j, "Username", &u, what, err) < 0 ||
		json_get_str(j, "Secret", &s, what, err) < 0)
		return -1;
	if (str_empty(u) && str_empty(s))
		return 0;
	*user = xstrdup(u ? u : "");
	*secret = xstrdup(s ? s : "");
	return 0;
}

int helper_get(const char *name, const char *server, char **user, char **secret, struct err **err)
{
	auto_buf out = BUF_INIT;
	auto_err *cause = NULL;
	*user = *secret = NULL;
	if (run(name, "get", server, strlen(server), &out, &cause) < 0) {
		if (strstr(cause->msg, "credentials not found in native keychain"))
			return 0;
		return err_move(err, &cause);
	}
	auto_free char *what = what_of(name, "get");
	int rc = helper_answer(buf_str(&out), out.len, what, user, secret, err);
	if (out.data)
		explicit_bzero(out.data, out.len);
	return rc;
}

int helper_store(const char *name, const char *server, const char *user, const char *secret,
	struct err **err)
{
	auto_buf in = BUF_INIT, out = BUF_INIT;
	auto_json *j = json_object();
	json_put_str(j, "ServerURL", server);
	json_put_str(j, "Username", user);
	json_put_str(j, "Secret", secret);
	json_write(j, &in);
	return run(name, "store", in.data, in.len, &out, err);
}

int helper_erase(const char *name, const char *server, struct err **err)
{
	auto_buf out = BUF_INIT;
	return run(name, "erase", server, strlen(server), &out, err);
}

int helper_list(const char *name, char ***servers, struct err **err)
{
	auto_buf out = BUF_INIT;
	const char *key;
	json_t *user;
	*servers = NULL;
	if (run(name, "list", NULL, 0, &out, err) < 0)
		return -1;
	auto_free char *what = what_of(name, "list");
	auto_json *j = json_parse(buf_str(&out), out.len, what, err);
	if (!j)
		return -1;
	json_object_foreach(j, key, user) strv_add(servers, key);
	return 0;
}
