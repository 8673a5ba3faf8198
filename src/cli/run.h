/* run and create: flags and the body of ContainerCreate made from them. */
#ifndef KIST_CLI_RUN_H
#define KIST_CLI_RUN_H

#include <jansson.h>

#include "cli.h"

extern const struct flag_spec run_flags[];
extern const struct flag_spec create_flags[];

/** The whole body: Config with HostConfig and NetworkingConfig. NULL with docker's message. */
json_t *run_body(const struct args *a, struct err **err);
/** HostConfig; ports and volumes that belong to Config are added to @config. */
json_t *run_host_config(const struct args *a, json_t *config, struct err **err);

/**
 * Creates the container, pulling the image if it is missing and --pull allows. Returns its id (for
 * free()), or NULL with *err. Prints warnings, writes --cidfile.
 */
char *run_create(struct cli *cli, const struct args *a, json_t *body, struct err **err);

#endif
