/* Limits and devices: --ulimit, --device, --device-read-bps..., --restart, --cpus. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "spec.h"

static int ulimit_value(const char *s, int64_t *out)
{
	return str_to_i64(s, out) < 0 || *out < -1 ? -1 : 0;
}

json_t *spec_ulimit(const char *value, struct err **err)
{
	static const char *const names[] = {"core", "cpu", "data", "fsize", "locks", "memlock",
		"msgqueue", "nice", "nofile", "nproc", "rss", "rtprio", "rttime", "sigpending",
		"stack"};
	const char *eq = strchr(value, '=');
	if (!eq || eq == value) {
		err_set(err, ERR_INVALID, "invalid ulimit argument: %s", value);
		return NULL;
	}
	auto_free char *name = xstrndup(value, (size_t)(eq - value));
	size_t known = 0;
	while (known < ARRAY_LEN(names) && !str_eq(names[known], name))
		known++;
	if (known == ARRAY_LEN(names)) {
		err_set(err, ERR_INVALID, "invalid ulimit type: %s", name);
		return NULL;
	}
	auto_strv parts = strv_split(eq + 1, ':');
	int64_t soft = 0, hard = 0;
	size_t n = strv_len(parts);
	if (n > 2) {
		err_set(err, ERR_INVALID,
			"too many limit value arguments - %s, can only have up to "
			"two, `soft[:hard]`",
			eq + 1);
		return NULL;
	}
	for (size_t i = 0; i < n; i++) {
		if (ulimit_value(parts[i], &hard) < 0) {
			err_set(err, ERR_INVALID,
				"strconv.ParseInt: parsing \"%s\": invalid syntax", parts[i]);
			return NULL;
		}
	}
	ulimit_value(parts[0], &soft);
	if (hard != -1 && (soft > hard || soft == -1)) {
		err_set(err, ERR_INVALID,
			"ulimit soft limit must be less than or equal to hard limit: %lld > %lld",
			(long long)soft, (long long)hard);
		return NULL;
	}
	return json_pack("{s:s, s:I, s:I}", "Name", name, "Hard", (json_int_t)hard, "Soft",
		(json_int_t)soft);
}

int check_ulimit(const char *value, struct err **err)
{
	auto_json *j = spec_ulimit(value, err);
	return j ? 0 : -1;
}

static bool is_mode(const char *s)
{
	return str_all_of(s, "rwm", 1, 3) && (!s[1] || s[0] != s[1]);
}

json_t *spec_device(const char *value, struct err **err)
{
	auto_strv parts = strv_split(value, ':');
	const char *inside = parts[0], *mode = "rwm";
	size_t n = strv_len(parts);
	if (n > 3) {
		err_set(err, ERR_INVALID, "bad format for path: %s", value);
		return NULL;
	}
	if (n == 3)
		mode = parts[2];
	if (!is_mode(mode)) {
		err_set(err, ERR_INVALID, "bad mode specified: %s", mode);
		return NULL;
	}
	if (n == 2 && is_mode(parts[1]))
		mode = parts[1];
	else if (n >= 2)
		inside = parts[1];
	if (*parts[0] != '/' || (*inside && *inside != '/')) {
		err_set(err, ERR_INVALID, "%s is not an absolute path",
			*parts[0] != '/' ? parts[0] : inside);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s}", "PathOnHost", parts[0], "PathInContainer",
		*inside ? inside : parts[0], "CgroupPermissions", mode);
}

/* "/dev/sda:VALUE" to path and value; docker's wording. */
static char *device_value(const char *value, const char **after, struct err **err)
{
	const char *colon = strchr(value, ':');
	if (!colon || colon == value || strchr(colon + 1, ':')) {
		err_set(err, ERR_INVALID, "bad format: %s", value);
		return NULL;
	}
	if (!str_starts(value, "/dev/")) {
		err_set(err, ERR_INVALID, "bad format for device path: %s", value);
		return NULL;
	}
	*after = colon + 1;
	return xstrndup(value, (size_t)(colon - value));
}

json_t *spec_throttle(const char *value, bool bytes, struct err **err)
{
	const char *text;
	auto_free char *path = device_value(value, &text, err);
	int64_t rate;
	if (!path)
		return NULL;
	if ((bytes ? str_to_size(text, &rate) : str_to_i64(text, &rate)) < 0 || rate < 0) {
		err_set(err, ERR_INVALID,
			bytes ? "invalid rate for device: %s. The correct format is "
				"<device-path>:<number>[<unit>]. Number must be a positive "
				"integer. "
				"Unit is optional and can be kb, mb, or gb"
			      : "invalid rate for device: %s. The correct format is "
				"<device-path>:<number>. Number must be a positive integer",
			value);
		return NULL;
	}
	return json_pack("{s:s, s:I}", "Path", path, "Rate", (json_int_t)rate);
}

json_t *spec_weight(const char *value, struct err **err)
{
	const char *text;
	auto_free char *path = device_value(value, &text, err);
	uint32_t weight;
	if (!path)
		return NULL;
	if (str_to_u32(text, &weight) < 0 || (weight && (weight < 10 || weight > 1000))) {
		err_set(err, ERR_INVALID, "invalid weight for device: %s", value);
		return NULL;
	}
	return json_pack("{s:s, s:i}", "Path", path, "Weight", (int)weight);
}

int check_throttle_bytes(const char *value, struct err **err)
{
	auto_json *j = spec_throttle(value, true, err);
	return j ? 0 : -1;
}

int check_throttle_count(const char *value, struct err **err)
{
	auto_json *j = spec_throttle(value, false, err);
	return j ? 0 : -1;
}

int check_weight(const char *value, struct err **err)
{
	auto_json *j = spec_weight(value, err);
	return j ? 0 : -1;
}

json_t *spec_restart(const char *value, struct err **err)
{
	const char *colon = strchr(value, ':');
	auto_free char *name = colon ? xstrndup(value, (size_t)(colon - value)) : xstrdup(value);
	int count = 0;
	if (colon && colon == value) {
		err_set(err, ERR_INVALID,
			"invalid restart policy format: no policy provided before colon");
		return NULL;
	}
	if (colon && str_to_int(colon + 1, &count) < 0) {
		err_set(err, ERR_INVALID,
			"invalid restart policy format: maximum retry count must "
			"be an integer");
		return NULL;
	}
	return json_pack("{s:s, s:i}", "Name", name, "MaximumRetryCount", count);
}

int64_t spec_cpus(const char *value)
{
	double d = strtod(value, NULL) * 1e9;
	return (int64_t)(d < 0 ? d - 0.5 : d + 0.5);
}
