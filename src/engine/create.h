/* The steps of create. */
#ifndef KIST_ENGINE_CREATE_H
#define KIST_ENGINE_CREATE_H

#include "core.h"
#include "oci/image.h"

/* merge.c */
/** Puts under @config what the image says and the request does not. */
void config_merge(struct container_config *config, const struct oci_image_config *image);
/** The program and its arguments from entrypoint and command. ERR_INVALID "no command specified". */
int config_command(struct container_doc *doc, struct err **err);

/* check.c, check_resources.c: is it sound, and is it built? */
int config_check(struct engine *e, const struct container_config *config,
	const struct host_config *host, struct err **err);
int resources_check(const struct resources *res, unsigned cpus, char ***warnings, struct err **err);
/** Completes what the request left to the daemon, so that inspect shows it. */
void host_defaults(struct engine *e, struct host_config *host);
/** 0 or ERR_INVALID: a cpuset list like "0-2,4" whose numbers lie below @limit. */
int cpuset_check(const char *list, unsigned limit, const char *what, struct err **err);

#endif
