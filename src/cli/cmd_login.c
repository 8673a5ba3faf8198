/* login and logout: credentials are tried by the daemon and kept here. */
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/json.h"
#include "cli.h"
#include "credential_helper.h"
#include "credentials.h"
#include "prompt.h"

#define PASSWORD_MAX (64u << 10)

static const struct flag_spec login_flags[] = {
	{"password", 'p', FLAG_STRING, NULL,
		"Password or token (other users see it: prefer --password-stdin)"},
	{"password-stdin", 0, FLAG_BOOL, NULL, "Take the password or token from standard input"},
	{"username", 'u', FLAG_STRING, NULL, "User's name"},
	{NULL},
};

struct login {
	struct cli *cli;
	const char *server; /* as config.json has it */
	const char *user; /* as given; may be NULL */
	char *password; /* as given, or from standard input; may be NULL */
	struct config_file config;
	struct credentials stored;
};

static int read_password(struct login *l, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (fd_read_all(STDIN_FILENO, PASSWORD_MAX, &text, "password", err) < 0)
		return -1;
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = 0;
	if (text.len && text.data[text.len - 1] == '\r')
		text.data[--text.len] = 0;
	l->password = buf_steal(&text);
	return 0;
}

static int read_options(struct login *l, const struct args *a, struct err **err)
{
	const char *password = flag_str(a, "password");
	l->user = flag_str(a, "username");
	if (flag_given(a, "password") && str_empty(password))
		return err_set(err, ERR_INVALID, "password is empty");
	if (!str_empty(password)) {
		if (flag_bool(a, "password-stdin"))
			return err_set(err, ERR_INVALID,
				"conflicting options: cannot specify both --password and "
				"--password-stdin");
		fprintf(stderr, "WARNING! Using --password via the CLI is insecure. Use "
				"--password-stdin.\n");
		l->password = xstrdup(password);
	}
	if (!flag_bool(a, "password-stdin"))
		return 0;
	if (str_empty(l->user))
		return err_set(err, ERR_INVALID,
			"the --password-stdin option requires --username to be set");
	return read_password(l, err);
}

/* The daemon's word for it; its token, if it has one for us, takes the password's place. */
static int authenticate(struct login *l, struct credentials *c, char **said, struct err **err)
{
	auto_json *body = credentials_json(c, l->server), *answer = NULL;
	if (api_call(&l->cli->api, "POST", "/auth", body, &answer, err) < 0)
		return -1;
	const char *status = json_string_value(json_object_get(answer, "Status"));
	const char *token = json_string_value(json_object_get(answer, "IdentityToken"));
	*said = xstrdup(str_empty(status) ? "Login Succeeded" : status);
	if (!str_empty(token)) {
		str_replace(&c->password, "");
		str_replace(&c->token, token);
	}
	return 0;
}

/* Without a word from the user, a helper that is installed is taken for the first login. */
static void choose_helper(struct login *l)
{
	static const char *const known[] = {"pass", "secretservice"};
	const json_t *c = l->config.json;
	if (json_object_get(c, "credsStore") ||
		json_object_size(json_object_get(c, "credHelpers")) ||
		json_object_size(json_object_get(c, "auths")))
		return;
	/* docker's order: where pass(1) is installed, its helper or none */
	const char *name = access("/usr/bin/pass", X_OK) == 0 ? known[0] : known[1];
	if (helper_installed(name))
		json_put_str(l->config.json, "credsStore", name);
}

static int keep(struct login *l, const struct credentials *c, struct err **err)
{
	choose_helper(l);
	if (credentials_store(&l->config, l->server, c, err) < 0)
		return err_wrap(err, "Error saving credentials");
	if (!credentials_helper(&l->config, l->server) && *c->password)
		fprintf(stderr,
			"\nWARNING! Your credentials are stored unencrypted in '%s'.\nA credential "
			"helper (credsStore in that file) keeps them safer.\n\n",
			l->config.path);
	return 0;
}

/* What is stored already may still do: 0 if it did, 1 if the user has to be asked, -1. */
static int with_stored(struct login *l, char **said, struct err **err)
{
	struct credentials *c = &l->stored;
	auto_err *cause = NULL;
	if (!str_empty(l->user) || l->password || !*c->user || !(*c->password || *c->token))
		return 1;
	fprintf(stderr, "Authenticating with existing credentials... [Username: %s]\n", c->user);
	fprintf(stderr, "\nTo log in as somebody else: 'kist logout', then 'kist login'\n\n");
	if (authenticate(l, c, said, &cause) == 0)
		return keep(l, c, err);
	if (cause->kind == ERR_UNAUTHORIZED)
		fprintf(stderr, "Stored credentials invalid or expired\n");
	else
		fprintf(stderr, "Login did not succeed, error: %s\n", err_msg(cause));
	return 1;
}

static int ask_user(struct login *l, struct credentials *c, struct err **err)
{
	const char *before = l->stored.user;
	auto_free char *question =
		*before ? xasprintf("Username (%s): ", before) : xstrdup("Username: ");
	auto_free char *answer = prompt_line(question, false, err);
	if (!answer)
		return -1;
	str_replace(&c->user, *str_trim(answer) ? str_trim(answer) : before);
	return *c->user ? 0 : err_set(err, ERR_INVALID, "Error: Non-null Username Required");
}

static int ask(struct login *l, struct credentials *c, struct err **err)
{
	*c = (struct credentials){xstrdup(l->user ? l->user : ""),
		xstrdup(l->password ? l->password : ""), xstrdup(""), xstrdup("")};
	if (!l->password && !isatty(STDIN_FILENO))
		return err_set(err, ERR_INVALID,
			"Error: Cannot perform an interactive login from a non TTY device");
	if (!*c->user && ask_user(l, c, err) < 0)
		return -1;
	if (!l->password) {
		free(c->password);
		c->password = prompt_line("Password: ", true, err);
		if (!c->password)
			return -1;
	}
	return *c->password ? 0 : err_set(err, ERR_INVALID, "Error: Password Required");
}

static int login(struct login *l, struct err **err)
{
	auto_credentials c = {0};
	auto_free char *said = NULL;
	auto_err *cause = NULL;
	if (config_file_open(&l->config, err) < 0)
		return -1;
	if (credentials_get(&l->config, l->server, &l->stored, &cause) < 0)
		fprintf(stderr, "WARNING: stored credentials: %s\n", err_msg(cause));
	int rc = with_stored(l, &said, err);
	if (rc > 0 && (ask(l, &c, err) < 0 || authenticate(l, &c, &said, err) < 0 ||
			      keep(l, &c, err) < 0))
		return -1;
	if (rc < 0)
		return -1;
	printf("%s\n", said);
	return 0;
}

static char *server_of(const struct args *a)
{
	const char *given = a->nrest ? a->rest[0] : "";
	if (!*given || str_eq(given, "docker.io") || str_eq(given, CREDENTIALS_HUB))
		return xstrdup(CREDENTIALS_HUB);
	return credentials_host(given);
}

static int cmd_login(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_free char *server = server_of(a);
	struct login l = {.cli = cli, .server = server};
	int rc = read_options(&l, a, &err) < 0 ? -1 : login(&l, &err);
	config_file_close(&l.config);
	credentials_clear(&l.stored);
	if (l.password)
		explicit_bzero(l.password, strlen(l.password));
	free(l.password);
	return rc < 0 ? cli_error(err) : 0;
}

/* ---- logout ---- */

/* A registry may be on record with its scheme, too; something always is, if only to be told so. */
static int cmd_logout(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	auto_config_file config = {0};
	auto_free char *server = server_of(a);
	(void)cli;
	if (config_file_open(&config, &err) < 0)
		return cli_error(err);
	printf("Removing login credentials for %s\n", server);
	bool hub = str_eq(server, CREDENTIALS_HUB);
	const char *const schemes[] = {"", "http://", "https://"};
	size_t failed = 0, n = hub ? 1 : ARRAY_LEN(schemes);
	for (size_t i = 0; i < n; i++) {
		auto_free char *name = xasprintf("%s%s", schemes[i], server);
		auto_err *cause = NULL;
		if (credentials_erase(&config, name, &cause) == 0)
			continue;
		failed++;
		if (!err)
			err_move(&err, &cause);
	}
	/* helpers differ in whether erasing what is not there is an error */
	if (failed == n)
		fprintf(stderr, "WARNING: could not erase credentials:\n%s: %s\n", server,
			err_msg(err));
	return 0;
}

const struct command command_login = {
	.name = "login",
	.args = "[SERVER]",
	.summary = "Log in to a registry",
	.flags = login_flags,
	.max_args = 1,
	.completes = "@registries",
	.details = "Without SERVER: Docker Hub. The daemon tries the credentials; they are kept in "
		   "config.json (in the folder that KIST_CONFIG or DOCKER_CONFIG names, else in "
		   "~/.docker), or by the helper that it names: credsStore for all registries, "
		   "credHelpers for single ones.",
	.run = cmd_login,
};

const struct command command_logout = {
	.name = "logout",
	.args = "[SERVER]",
	.summary = "Forget the credentials of a registry",
	.max_args = 1,
	.completes = "@registries",
	.run = cmd_logout,
};
