#include "model/requests.h"

#include "table.h"

#define F(struct_, member, json_, kind_, ...)                                                      \
	{                                                                                          \
		.name = json_, .kind = kind_, .offset = offsetof(struct struct_, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct model_field exec_create_fields[] = {
	F(exec_create_request, user, "User", M_STR),
	F(exec_create_request, privileged, "Privileged", M_BOOL),
	F(exec_create_request, tty, "Tty", M_BOOL),
	F(exec_create_request, console_size, "ConsoleSize", M_PAIR),
	F(exec_create_request, attach_stdin, "AttachStdin", M_BOOL),
	F(exec_create_request, attach_stderr, "AttachStderr", M_BOOL),
	F(exec_create_request, attach_stdout, "AttachStdout", M_BOOL),
	F(exec_create_request, detach_keys, "DetachKeys", M_STR),
	F(exec_create_request, env, "Env", M_STRV),
	F(exec_create_request, working_dir, "WorkingDir", M_STR),
	F(exec_create_request, cmd, "Cmd", M_STRV),
	MODEL_END,
};
const struct model_type model_exec_create = {
	"ExecConfig", sizeof(struct exec_create_request), exec_create_fields};

static const struct model_field exec_start_fields[] = {
	F(exec_start_request, detach, "Detach", M_BOOL),
	F(exec_start_request, tty, "Tty", M_BOOL),
	F(exec_start_request, console_size, "ConsoleSize", M_PAIR),
	MODEL_END,
};
const struct model_type model_exec_start = {
	"ExecStartOptions", sizeof(struct exec_start_request), exec_start_fields};

static const struct model_field volume_create_fields[] = {
	F(volume_create_request, cluster, "ClusterVolumeSpec", M_RAW, .raw = JSON_OBJECT,
		.flags = NOT_BUILT),
	F(volume_create_request, driver, "Driver", M_STR),
	F(volume_create_request, driver_opts, "DriverOpts", M_MAP),
	F(volume_create_request, labels, "Labels", M_MAP),
	F(volume_create_request, name, "Name", M_STR),
	MODEL_END,
};
const struct model_type model_volume_create = {
	"CreateOptions", sizeof(struct volume_create_request), volume_create_fields};
