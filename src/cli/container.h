/* Requests about one container that several commands make. */
#ifndef KIST_CLI_CONTAINER_H
#define KIST_CLI_CONTAINER_H

#include "cli.h"

/** "/containers/ID/VERB" with the id escaped, for free(). */
char *container_path(const char *id, const char *verb);
json_t *container_inspect(struct cli *cli, const char *id, struct err **err);

struct attach_options {
	bool in, out, errors;
	const char *detach_keys;
};
/** Hijacks a connection to the container's streams. */
int container_attach(struct cli *cli, const char *id, const struct attach_options *o,
	struct http *conn, struct err **err);

/**
 * Asks for the exit code ahead of time: returns when the daemon has taken note, so an exit that
 * follows cannot be missed. @condition: "next-exit", "removed", "not-running".
 */
int container_wait_begin(struct cli *cli, const char *id, const char *condition, struct http *conn,
	struct err **err);
/** Waits for the answer and closes @conn. */
int container_wait_result(struct http *conn, int *code, struct err **err);
/**
 * As container_wait_result, but a daemon that went away while the container ran is asked again when it
 * is back: an attached session outlives its restart, so the exit code should too. Gives up after
 * WAIT_PATIENCE_MS without a daemon.
 */
int container_wait_finish(
	struct cli *cli, const char *id, struct http *conn, int *code, struct err **err);
#define WAIT_PATIENCE_MS 10000

#endif
