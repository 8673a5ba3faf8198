#include "env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fdio.h"
#include "base/str.h"

#define ENV_FILE_MAX (16 << 20)

static void add_env(const char *value, bool drop_unset, char ***out)
{
	if (strchr(value, '=')) {
		strv_add(out, value);
		return;
	}
	const char *mine = getenv(value);
	if (mine)
		strv_take(out, xasprintf("%s=%s", value, mine));
	else if (!drop_unset)
		strv_add(out, value); /* takes the variable away from the image's */
}

static int read_line(char *line, const char *path, bool is_env, char ***out, struct err **err)
{
	size_t n = strlen(line);
	if (n && line[n - 1] == '\r')
		line[n - 1] = 0;
	while (*line == ' ' || *line == '\t')
		line++;
	if (!*line || *line == '#')
		return 0;
	size_t name = strcspn(line, "=");
	if (strcspn(line, " \t") < name)
		return err_set(err, ERR_INVALID,
			"invalid env file (%s): variable '%.*s' contains whitespaces", path,
			(int)name, line);
	if (!name)
		return err_set(err, ERR_INVALID,
			"invalid env file (%s): no variable name on line "
			"'%s'",
			path, line);
	if (is_env)
		add_env(line, true, out);
	else if (line[name])
		strv_add(out, line);
	return 0;
}

static int read_file(const char *path, bool is_env, char ***out, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		const char *why = errno == ENOENT   ? "no such file or directory"
				  : errno == EACCES ? "permission denied"
						    : err_text(errno);
		return err_set(err, ERR_INVALID, "open %s: %s", path, why);
	}
	if (fd_read_all(fd, ENV_FILE_MAX, &text, path, err) < 0)
		return -1;
	/* a byte order mark at the start is not part of a name */
	const char *start = str_after(buf_str(&text), "\xef\xbb\xbf");
	auto_strv lines = strv_split(start ? start : buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++)
		if (read_line(lines[i], path, is_env, out, err) < 0)
			return -1;
	return 0;
}

int env_collect(char *const *files, char *const *values, char ***out, struct err **err)
{
	for (size_t i = 0; files && files[i]; i++)
		if (read_file(files[i], true, out, err) < 0)
			return -1;
	for (size_t i = 0; values && values[i]; i++)
		add_env(values[i], false, out);
	return 0;
}

int label_collect(char *const *files, char *const *values, char ***out, struct err **err)
{
	for (size_t i = 0; files && files[i]; i++)
		if (read_file(files[i], false, out, err) < 0)
			return -1;
	for (size_t i = 0; values && values[i]; i++)
		strv_add(out, values[i]);
	return 0;
}
