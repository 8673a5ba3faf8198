/* --mount type=bind,src=/a,dst=/b,... */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "spec.h"

char **spec_csv(const char *text, struct err **err)
{
	char **fields = NULL;
	for (;;) {
		auto_buf field = BUF_INIT;
		if (*text == '"') {
			for (text++; *text && (*text != '"' || text[1] == '"'); text++) {
				text += *text == '"';
				buf_addc(&field, *text);
			}
			if (*text != '"' || (text[1] && text[1] != ',')) {
				strv_free(fields);
				err_set(err, ERR_INVALID,
					"parse error: extraneous or missing \" in quoted-field");
				return NULL;
			}
			text++;
		} else {
			size_t n = strcspn(text, ",");
			buf_add(&field, text, n);
			text += n;
		}
		strv_add(&fields, buf_str(&field));
		if (!*text)
			return fields;
		text++;
	}
}

/* "bind-propagation=rshared" sets BindOptions.Propagation, and so on: plain text options. */
static const struct {
	const char *key, *section, *field;
} text_options[] = {
	{"type", NULL, "Type"},
	{"source", NULL, "Source"},
	{"src", NULL, "Source"},
	{"target", NULL, "Target"},
	{"dst", NULL, "Target"},
	{"destination", NULL, "Target"},
	{"consistency", NULL, "Consistency"},
	{"bind-propagation", "BindOptions", "Propagation"},
	{"volume-subpath", "VolumeOptions", "Subpath"},
	{"image-subpath", "ImageOptions", "Subpath"},
};

static json_t *section(json_t *mount, const char *name)
{
	json_t *s = json_object_get(mount, name);
	if (!s) {
		s = json_object();
		json_object_set_new(mount, name, s);
	}
	return s;
}

static int set_flag(
	json_t *object, const char *field, const char *key, const char *value, struct err **err)
{
	bool yes;
	if (str_to_bool(value, &yes) < 0)
		return err_set(err, ERR_INVALID, "invalid value for %s: %s", key, value);
	if (yes)
		json_put(object, field, json_true());
	return 0;
}

static int bind_recursive(json_t *mount, const char *value, struct err **err)
{
	json_t *bind = section(mount, "BindOptions");
	if (str_eq(value, "disabled"))
		json_put(bind, "NonRecursive", json_true());
	else if (str_eq(value, "writable"))
		json_put(bind, "ReadOnlyNonRecursive", json_true());
	else if (str_eq(value, "readonly"))
		json_put(bind, "ReadOnlyForceRecursive", json_true());
	else if (!str_eq(value, "enabled"))
		return err_set(err, ERR_INVALID,
			"invalid value for bind-recursive: %s (must be \"enabled\", \"disabled\", "
			"\"writable\", or \"readonly\")",
			value);
	return 0;
}

static void put_pair(json_t *object, const char *pair)
{
	const char *eq = strchr(pair, '=');
	auto_free char *key = eq ? xstrndup(pair, (size_t)(eq - pair)) : xstrdup(pair);
	json_put_str(object, key, eq ? eq + 1 : "");
}

static int set_special(
	json_t *mount, const char *key, const char *value, const char *field, struct err **err)
{
	int64_t size;
	char *end;
	if (str_eq(key, "readonly") || str_eq(key, "ro"))
		return set_flag(mount, "ReadOnly", key, value, err);
	if (str_eq(key, "bind-nonrecursive"))
		return set_flag(section(mount, "BindOptions"), "NonRecursive", key, value, err);
	if (str_eq(key, "bind-create-src"))
		return set_flag(section(mount, "BindOptions"), "CreateMountpoint", key, value, err);
	if (str_eq(key, "bind-recursive"))
		return bind_recursive(mount, value, err);
	if (str_eq(key, "volume-nocopy"))
		return set_flag(section(mount, "VolumeOptions"), "NoCopy", key, value, err);
	if (str_eq(key, "volume-label")) {
		put_pair(section(section(mount, "VolumeOptions"), "Labels"), value);
	} else if (str_eq(key, "volume-driver")) {
		json_put_str(
			section(section(mount, "VolumeOptions"), "DriverConfig"), "Name", value);
	} else if (str_eq(key, "volume-opt")) {
		put_pair(section(section(section(mount, "VolumeOptions"), "DriverConfig"),
				 "Options"),
			value);
	} else if (str_eq(key, "tmpfs-size")) {
		if (str_to_size(value, &size) < 0)
			return err_set(err, ERR_INVALID, "invalid value for %s: %s", key, value);
		json_put(section(mount, "TmpfsOptions"), "SizeBytes", json_integer(size));
	} else if (str_eq(key, "tmpfs-mode")) {
		long mode = strtol(value, &end, 8);
		if (!*value || *end || mode < 0)
			return err_set(err, ERR_INVALID, "invalid value for %s: %s", key, value);
		json_put(section(mount, "TmpfsOptions"), "Mode", json_integer(mode));
	} else {
		return err_set(err, ERR_INVALID, "unexpected key '%s' in '%s'", key, field);
	}
	return 0;
}

static int set_field(json_t *mount, const char *field, struct err **err)
{
	const char *eq = strchr(field, '=');
	auto_free char *key = eq ? xstrndup(field, (size_t)(eq - field)) : xstrdup(field);
	const char *value = eq ? eq + 1 : "true";
	static const char *const alone[] = {
		"readonly", "ro", "volume-nocopy", "bind-nonrecursive", "bind-create-src"};
	bool may_stand_alone = false;
	for (char *c = key; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	for (size_t i = 0; i < ARRAY_LEN(alone); i++)
		may_stand_alone = may_stand_alone || str_eq(alone[i], key);
	if (!eq && !may_stand_alone)
		return err_set(
			err, ERR_INVALID, "invalid field '%s' must be a key=value pair", field);
	for (size_t i = 0; i < ARRAY_LEN(text_options); i++) {
		if (!str_eq(text_options[i].key, key))
			continue;
		json_t *where =
			text_options[i].section ? section(mount, text_options[i].section) : mount;
		json_put_str(where, text_options[i].field, value);
		return 0;
	}
	return set_special(mount, key, value, field, err);
}

static int check_sections(json_t *mount, struct err **err)
{
	static const char *const types[] = {"volume", "bind", "tmpfs", "image"};
	static const char *const sections[] = {
		"VolumeOptions", "BindOptions", "TmpfsOptions", "ImageOptions"};
	const char *type = json_string_value(json_object_get(mount, "Type"));
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!str_eq(types[i], type) && json_object_get(mount, sections[i]))
			return err_set(err, ERR_INVALID,
				"cannot mix '%s-*' options with mount type '%s'", types[i], type);
	return 0;
}

json_t *spec_mount(const char *csv, struct err **err)
{
	auto_strv fields = spec_csv(csv, err);
	auto_json *mount = json_object();
	if (!fields)
		return NULL;
	json_put_str(mount, "Type", "volume");
	for (size_t i = 0; fields[i]; i++)
		if (set_field(mount, fields[i], err) < 0)
			return NULL;
	if (!json_object_get(mount, "Target")) {
		err_set(err, ERR_INVALID, "target is required");
		return NULL;
	}
	const char *source = json_string_value(json_object_get(mount, "Source"));
	bool is_bind = str_eq(json_string_value(json_object_get(mount, "Type")), "bind");
	if (is_bind && source && *source == '.') {
		auto_free char *absolute = spec_absolute(source);
		json_put_str(mount, "Source", absolute);
	}
	if (check_sections(mount, err) < 0)
		return NULL;
	return json_incref(mount);
}

int check_mount(const char *value, struct err **err)
{
	auto_json *mount = spec_mount(value, err);
	return mount ? 0 : -1;
}
