/* What pull, push, run and the questions to registries have in common. */
#ifndef KIST_CLI_PULL_H
#define KIST_CLI_PULL_H

#include <stdio.h>

#include "cli.h"
#include "oci/reference.h"

/** The requests to come carry the user's credentials for the registry of @ref. */
void use_credentials_for(struct cli *cli, const struct reference *ref);
/**
 * Has the daemon pull @image ("latest" without tag and digest) for @platform (NULL: its own); progress
 * on @out (NULL: none), as bars if it is a terminal.
 */
int pull_image(
	struct cli *cli, const char *image, const char *platform, FILE *out, struct err **err);

#endif
