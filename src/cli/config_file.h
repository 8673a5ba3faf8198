/*
 * config.json, the user's settings that kist and docker share: logins above all. What is in it that
 * we do not know stays as it is.
 *
 * It lies in the folder that KIST_CONFIG names, else DOCKER_CONFIG, else ~/.docker.
 */
#ifndef KIST_CLI_CONFIG_FILE_H
#define KIST_CLI_CONFIG_FILE_H

#include <jansson.h>

#include "base/err.h"

#define CONFIG_FILE_MAX (4u << 20)

struct config_file {
	char *path;
	json_t *json; /* an object */
};

/** Reads the file; a missing one is empty. ERR_INVALID for one that is no JSON object. */
int config_file_open(struct config_file *c, struct err **err);
/** Its text, without a file: @path is for errors, and for saving. */
int config_file_read(
	struct config_file *c, const char *path, const char *text, size_t n, struct err **err);
/** Replaces the file (mode 0600, or what its owner may already; through a symbolic link), making its folder (0700). */
int config_file_save(const struct config_file *c, struct err **err);
void config_file_close(struct config_file *c);
#define auto_config_file __attribute__((cleanup(config_file_close))) struct config_file

#endif
