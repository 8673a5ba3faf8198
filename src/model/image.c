/* The table of an image's configuration. */
#include "model/image.h"

#include <stddef.h>

#include "table.h"

#define F(struct_, member, json_, kind_, ...)                                                      \
	{                                                                                          \
		.name = json_, .kind = kind_, .offset = offsetof(struct struct_, member), __VA_ARGS__  \
	}

static const struct model_field history_fields[] = {
	F(image_history, created, "created", M_STR, .flags = OMIT_EMPTY),
	F(image_history, author, "author", M_STR, .flags = OMIT_EMPTY),
	F(image_history, created_by, "created_by", M_STR, .flags = OMIT_EMPTY),
	F(image_history, comment, "comment", M_STR, .flags = OMIT_EMPTY),
	F(image_history, empty_layer, "empty_layer", M_BOOL, .flags = OMIT_EMPTY),
	MODEL_END,
};
static const struct model_type history_type = {"History", sizeof(struct image_history),
	history_fields};

static const struct model_field rootfs_fields[] = {
	F(image_rootfs, type, "type", M_STR),
	F(image_rootfs, diff_ids, "diff_ids", M_STRV),
	MODEL_END,
};
static const struct model_type rootfs_type = {"RootFS", sizeof(struct image_rootfs),
	rootfs_fields};

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
