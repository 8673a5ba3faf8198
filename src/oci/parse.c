/* config.json: config.md of the runtime specification. */
#include "oci/config.h"

#include "base/mem.h"
#include "base/str.h"
#include "reader.h"
#include "validate.h"

#define DOCUMENT_MAX (16u << 20)

static const struct field top_fields[] = {
	FIELD(struct oci_config, "ociVersion", FIELD_STR, version),
	FIELD(struct oci_config, "hostname", FIELD_STR, hostname),
	FIELD(struct oci_config, "domainname", FIELD_STR, domainname),
};

static const struct field root_fields[] = {
	FIELD(struct oci_config, "path", FIELD_STR, root_path),
	FIELD(struct oci_config, "readonly", FIELD_BOOL, root_readonly),
};

static const struct field mount_fields[] = {
	FIELD(struct oci_mount, "destination", FIELD_STR, destination),
	FIELD(struct oci_mount, "type", FIELD_STR, type),
	FIELD(struct oci_mount, "source", FIELD_STR, source),
	FIELD(struct oci_mount, "options", FIELD_STRV, options),
};

static const struct field map_fields[] = {
	FIELD(struct oci_id_map, "containerID", FIELD_U32, container),
	FIELD(struct oci_id_map, "hostID", FIELD_U32, host),
	FIELD(struct oci_id_map, "size", FIELD_U32, size),
};

int parse_id_map(const struct at *at, void *map)
{
	return READ_FIELDS(at, map_fields, map);
}

int parse_mount(const struct at *at, void *mount)
{
	struct oci_mount *m = mount;
	if (READ_FIELDS(at, mount_fields, m) < 0)
		return -1;
	if (!m->destination)
		return at_bad(at, "destination", "is missing");
	if (READ_LIST(at, "uidMappings", m->uid_map, m->uid_map_count, parse_id_map) < 0)
		return -1;
	return READ_LIST(at, "gidMappings", m->gid_map, m->gid_map_count, parse_id_map);
}

static int parse_top(const struct at *at, struct oci_config *c)
{
	struct at in;
	int r;
	str_replace(&c->version, NULL);
	if (READ_FIELDS(at, top_fields, c) < 0)
		return -1;
	if ((r = at_object(at, "root", &in)) < 0 || (r && READ_FIELDS(&in, root_fields, c) < 0))
		return -1;
	if (READ_LIST(at, "mounts", c->mounts, c->mount_count, parse_mount) < 0)
		return -1;
	if ((r = at_object(at, "process", &in)) < 0 || (r && parse_process(&in, &c->process) < 0))
		return -1;
	c->has_process = r > 0;
	if ((r = at_object(at, "hooks", &in)) < 0 || (r && parse_hooks(&in, &c->hooks) < 0))
		return -1;
	if (read_pairs(at, "annotations", &c->annotations) < 0)
		return -1;
	if ((r = at_object(at, "linux", &in)) < 0 || (r && parse_linux(&in, &c->linux) < 0))
		return -1;
	return 0;
}

json_t *oci_document(const void *json, size_t n, const char *what, struct err **err)
{
	if (n > DOCUMENT_MAX) {
		err_set(err, ERR_TOO_LARGE, "%s is larger than %u bytes", what, DOCUMENT_MAX);
		return NULL;
	}
	return oci_json_parse(json, n, what, err);
}

int oci_config_parse(struct oci_config **out, const void *json, size_t n, struct err **err)
{
	auto_json *doc = oci_document(json, n, "config.json", err);
	if (!doc)
		return -1;
	struct at at = {.j = doc, .err = err};
	auto_oci_config *c = oci_config_new();
	if (parse_top(&at, c) < 0 || oci_config_validate(c, err) < 0)
		return -1;
	*out = steal_ptr(c);
	return 0;
}

int oci_process_parse(struct oci_process **out, const void *json, size_t n, struct err **err)
{
	auto_json *doc = oci_document(json, n, "process.json", err);
	if (!doc)
		return -1;
	struct at at = {.j = doc, .err = err};
	/* inside a config, so that the same rules are applied to it */
	auto_oci_config *c = oci_config_new();
	if (parse_process(&at, &c->process) < 0 || oci_process_validate(&c->process, err) < 0)
		return -1;
	*out = xmemdup(&c->process, sizeof(c->process));
	memset(&c->process, 0, sizeof(c->process));
	return 0;
}

int oci_resources_parse(struct oci_resources **out, const void *json, size_t n, struct err **err)
{
	auto_json *doc = oci_document(json, n, "resources", err);
	if (!doc)
		return -1;
	struct at at = {.j = doc, .err = err};
	struct oci_resources *r = xcalloc(1, sizeof(*r));
	if (parse_resources(&at, r) < 0 || oci_resources_validate(r, err) < 0) {
		oci_resources_free(r);
		return -1;
	}
	*out = r;
	return 0;
}
