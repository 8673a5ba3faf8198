/* --security-opt */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/str.h"
#include "spec.h"

#define PROFILE_MAX (1 << 20)

/* Go's words for the usual failures of opening a file. */
static int open_failed(struct err **err, const char *path, int errnum)
{
	const char *why = errnum == ENOENT   ? "no such file or directory"
			  : errnum == EACCES ? "permission denied"
			  : errnum == EISDIR ? "is a directory"
					     : err_text(errnum);
	return err_set(err, ERR_INVALID, "opening seccomp profile (%s) failed: open %s: %s", path,
		path, why);
}

static char *inline_profile(const char *path, struct err **err)
{
	auto_buf text = BUF_INIT, compact = BUF_INIT;
	auto_err *cause = NULL;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		open_failed(err, path, errno);
		return NULL;
	}
	if (fd_read_all(fd, PROFILE_MAX, &text, path, err) < 0)
		return NULL;
	auto_json *profile = json_parse(buf_str(&text), text.len, path, &cause);
	if (!profile) {
		err_set(err, ERR_INVALID, "compacting json for seccomp profile (%s) failed: %s",
			path, err_msg(cause));
		return NULL;
	}
	json_write(profile, &compact);
	return xasprintf("seccomp=%s", compact.data);
}

static int add_option(const char *value, json_t *out, bool *unconfined, struct err **err)
{
	size_t n = strcspn(value, "=:");
	auto_free char *key = xstrndup(value, n);
	const char *rest = value[n] ? value + n + 1 : NULL;
	if (!rest && !str_eq(key, "no-new-privileges") && !str_eq(key, "writable-cgroups"))
		return err_set(err, ERR_INVALID, "Invalid --security-opt: \"%s\"", value);
	if (str_eq(key, "systempaths") && str_eq(rest, "unconfined")) {
		*unconfined = true;
		return 0;
	}
	if (str_eq(key, "seccomp") && !str_eq(rest, "unconfined") && !str_eq(rest, "builtin")) {
		auto_free char *profile = inline_profile(rest, err);
		if (!profile)
			return -1;
		json_array_append_new(out, json_string(profile));
		return 0;
	}
	json_array_append_new(out, json_string(value));
	return 0;
}

int spec_security(char *const *values, json_t *out, bool *unconfined, struct err **err)
{
	*unconfined = false;
	for (size_t i = 0; values && values[i]; i++)
		if (add_option(values[i], out, unconfined, err) < 0)
			return -1;
	return 0;
}
