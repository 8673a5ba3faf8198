/* Bodies of requests that are not documents of their own. */
#ifndef KIST_MODEL_REQUESTS_H
#define KIST_MODEL_REQUESTS_H

#include "model/codec.h"

/** Engine API 1.51 ContainerExec. */
struct exec_create_request {
	bool attach_stdin, attach_stdout, attach_stderr;
	uint64_t console_size[2]; /* height, width */
	char *detach_keys;
	bool tty;
	char **env, **cmd;
	bool privileged;
	char *user, *working_dir;
};

/** Engine API 1.51 ExecStart. */
struct exec_start_request {
	bool detach, tty;
	uint64_t console_size[2];
};

/** Engine API 1.51 VolumeCreate. */
struct volume_create_request {
	char *name, *driver;
	struct str_map driver_opts, labels;
	json_t *cluster; /* not built */
};

extern const struct model_type model_exec_create, model_exec_start, model_volume_create;

#endif
