/* The table of an image's configuration. */
#include "model/image.h"

#include <stddef.h>

#include "table.h"

#define F(struct_, member, json_, kind_, ...)                                                      \
	{                                                                                          \
		.name = json_, .kind = kind_, .offset = offsetof(struct struct_, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct model_field history_fields[] = {
	F(image_history, created, "created", M_STR, .flags = OMIT_EMPTY),
	F(image_history, author, "author", M_STR, .flags = OMIT_EMPTY),
	F(image_history, created_by, "created_by", M_STR, .flags = OMIT_EMPTY),
	F(image_history, comment, "comment", M_STR, .flags = OMIT_EMPTY),
	F(image_history, empty_layer, "empty_layer", M_BOOL, .flags = OMIT_EMPTY),
	MODEL_END,
};
static const struct model_type history_type = {
	"History", sizeof(struct image_history), history_fields};

static const struct model_field rootfs_fields[] = {
	F(image_rootfs, type, "type", M_STR),
	F(image_rootfs, diff_ids, "diff_ids", M_STRV),
	MODEL_END,
};
static const struct model_type rootfs_type = {"RootFS", sizeof(struct image_rootfs), rootfs_fields};

#define I(member, json, kind, ...) F(image_config, member, json, kind, ##__VA_ARGS__)
static const struct model_field image_fields[] = {
	I(architecture, "architecture", M_STR),
	I(variant, "variant", M_STR, .flags = OMIT_EMPTY),
	I(comment, "comment", M_STR, .flags = OMIT_EMPTY),
	I(config, "config", M_OBJECT, .sub = &model_container_config),
	I(created, "created", M_STR, .flags = OMIT_EMPTY),
	I(author, "author", M_STR, .flags = OMIT_EMPTY),
	I(docker_version, "docker_version", M_STR, .flags = OMIT_EMPTY),
	I(history, "history", M_LIST, .sub = &history_type, .flags = OMIT_EMPTY),
	I(os, "os", M_STR),
	I(os_version, "os.version", M_STR, .flags = OMIT_EMPTY),
	I(os_features, "os.features", M_STRV, .flags = OMIT_EMPTY),
	I(rootfs, "rootfs", M_OBJECT, .sub = &rootfs_type),
	MODEL_END,
};
const struct model_type model_image_config = {"Image", sizeof(struct image_config), image_fields};

static const struct model_field origin_fields[] = {
	F(image_origin, container, "container", M_STR),
	F(image_origin, config, "container_config", M_OBJECT, .sub = &model_container_config),
	MODEL_END,
};
const struct model_type model_image_origin = {"Image", sizeof(struct image_origin), origin_fields};

/* ---- an image's configuration as inspect shows it since 1.50: without empty members ---- */

#define C(member, json, kind, ...)                                                                 \
	F(container_config, member, json, kind, .flags = OMIT_EMPTY, ##__VA_ARGS__)
static const struct model_field run_fields[] = {
	C(user, "User", M_STR),
	C(exposed_ports, "ExposedPorts", M_SET),
	C(env, "Env", M_STRV),
	C(entrypoint, "Entrypoint", M_SLICE),
	C(cmd, "Cmd", M_SLICE),
	C(volumes, "Volumes", M_SET),
	C(working_dir, "WorkingDir", M_STR),
	C(labels, "Labels", M_MAP),
	C(stop_signal, "StopSignal", M_STR),
	C(args_escaped, "ArgsEscaped", M_BOOL),
	C(healthcheck, "Healthcheck", M_RAW, .raw = JSON_OBJECT),
	C(on_build, "OnBuild", M_STRV),
	C(shell, "Shell", M_SLICE),
	MODEL_END,
};
const struct model_type model_image_run_config = {
	"ImageConfig", sizeof(struct container_config), run_fields};
