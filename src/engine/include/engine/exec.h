/* Programs started in a running container. */
#ifndef KIST_ENGINE_EXEC_H
#define KIST_ENGINE_EXEC_H

#include "engine/container.h"
#include "engine/engine.h"

struct exec_spec { /* Engine API 1.51 ContainerExec */
	bool attach_in, attach_out, attach_err;
	bool tty, privileged;
	const char *detach_keys;
	char *const *env;
	char *const *cmd;
	const char *working_dir;
	const char *user; /* "user[:group]"; NULL or "": the container's */
	uint32_t height, width; /* console size; 0: none */
};

/** Makes the record; ERR_CONFLICT "container <id> is not running" or "... is paused". @id gets 64 hex digits. */
int engine_exec_create(struct engine *e, const char *ref, const struct exec_spec *spec, char id[65],
	struct err **err);

struct exec_start {
	bool detach;
	bool tty; /* must be what create said: ERR_CONFLICT otherwise is Docker's behaviour */
	uint32_t height, width; /* console size; 0: create's */
	int fd; /* the client's connection, -1 with @detach; stays the caller's, who
				 * closes it on success (the monitor has its own) */
	const void *early; /* bytes that came behind the request's header */
	size_t early_len;
	const void *head; /* the HTTP answer, sent by the monitor before any output */
	size_t head_len;
};

/**
 * Starts it. On success the client belongs to the monitor. On failure nothing has been written to @fd, and the caller answers
 * with the error: ERR_NOT_FOUND "No such exec instance: x", ERR_CONFLICT (has run already, container stopped), ERR_NO_EXECUTABLE,
 * ERR_NOT_EXECUTABLE with "OCI runtime exec failed: exec failed: ...".
 */
int engine_exec_start(
	struct engine *e, const char *id, const struct exec_start *start, struct err **err);
int engine_exec_resize(struct engine *e, const char *id, uint32_t h, uint32_t w, struct err **err);

struct exec_info {
	char id[65];
	char container[65];
	bool running;
	bool has_exit_code;
	int32_t exit_code;
	uint32_t pid;
	bool open_stdin, open_stdout, open_stderr, can_remove;
	bool tty, privileged;
	char *detach_keys;
	char *user;
	char *working_dir;
	char **cmd; /* first: entrypoint, the rest: arguments */
};
int engine_exec_inspect(struct engine *e, const char *id, struct exec_info **out, struct err **err);
void exec_info_free(struct exec_info *x);
/** Ids of the execs of a container that still exist: owned vector (inspect's ExecIDs), NULL if none. */
char **engine_exec_ids(struct engine *e, const char *container_id);
/** Is the exec one with a terminal? For the answer's content type, before it is started. */
int engine_exec_tty(struct engine *e, const char *id, bool *tty, struct err **err);

#endif
