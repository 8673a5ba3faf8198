/*
 * Programs called docker-credential-NAME, which keep passwords elsewhere than in config.json: in the
 * desktop's key ring, in pass(1), at a cloud provider. One is run for each question, with the verb as
 * its argument and JSON or a server's name on standard input (docker/docker-credential-helpers).
 */
#ifndef KIST_CLI_CREDENTIAL_HELPER_H
#define KIST_CLI_CREDENTIAL_HELPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/** A user's name "<token>" says that the secret is an identity token, no password. */
#define HELPER_TOKEN_USER "<token>"

/** True if docker-credential-@name is in PATH. */
bool helper_installed(const char *name);
/**
 * Asks for @server's user and secret; both owned by the caller, both NULL if the helper knows none.
 * -1 if it is not installed, fails or answers nonsense.
 */
int helper_get(const char *name, const char *server, char **user, char **secret, struct err **err);
/** What a helper's answer to "get" says; @what names it in errors. NULLs where it says nothing. */
int helper_answer(
	const char *text, size_t n, const char *what, char **user, char **secret, struct err **err);
int helper_store(const char *name, const char *server, const char *user, const char *secret,
	struct err **err);
int helper_erase(const char *name, const char *server, struct err **err);
/** The servers that it knows; owned, NULL if none. */
int helper_list(const char *name, char ***servers, struct err **err);

#endif
