#include "config_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/str.h"
#include "indent.h"

static char *find_path(struct err **err)
{
	const char *folder = getenv("KIST_CONFIG");
	if (str_empty(folder))
		folder = getenv("DOCKER_CONFIG");
	if (!str_empty(folder))
		return xasprintf("%s/config.json", folder);
	const char *home = getenv("HOME");
	if (str_empty(home)) {
		err_set(err, ERR_INVALID,
			"neither KIST_CONFIG, DOCKER_CONFIG nor HOME is set: cannot tell where "
			"config.json is");
		return NULL;
	}
	return xasprintf("%s/.docker/config.json", home);
}

static int read_file(const char *path, struct buf *text, struct err **err)
{
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return err_sys(err, errno, "open %s", path);
	return fd_read_all(fd, CONFIG_FILE_MAX, text, path, err);
}

int config_file_read(
	struct config_file *c, const char *path, const char *text, size_t n, struct err **err)
{
	*c = (struct config_file){0};
	auto_json *j = n ? json_parse(text, n, path, err) : json_object();
	if (!j)
		return -1;
	if (!json_is_object(j))
		return err_set(err, ERR_INVALID, "%s: expected a JSON object", path);
	c->path = xstrdup(path);
	c->json = json_incref(j);
	return 0;
}

int config_file_open(struct config_file *c, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_free char *path = find_path(err);
	*c = (struct config_file){0};
	if (!path || read_file(path, &text, err) < 0)
		return -1;
	return config_file_read(c, path, text.data, text.len, err);
}

/* mkdir -p for the folder of @path; what is there already keeps its mode. */
static int make_folder(const char *path, struct err **err)
{
	auto_free char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	return *folder ? dir_make(AT_FDCWD, folder, 0700, err) : 0;
}

int config_file_save(const struct config_file *c, struct err **err)
{
	auto_buf flat = BUF_INIT, text = BUF_INIT;
	auto_free char *real = realpath(c->path, NULL);
	const char *path = real ? real : c->path;
	struct stat st;
	if (make_folder(path, err) < 0)
		return -1;
	auto_free char *folder = xstrndup(path, (size_t)(strrchr(path, '/') - path + 1));
	auto_fd int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_sys(err, errno, "open %s", folder);
	json_write(c->json, &flat);
	json_indent_by("\t", flat.data, flat.len, 0, &text);
	/* passwords are in it: docker would leave it readable by others if it was */
	mode_t mode = stat(path, &st) == 0 ? st.st_mode & 0700 : 0600;
	return file_replace(dir, strrchr(path, '/') + 1, text.data, text.len, mode, true, err);
}

void config_file_close(struct config_file *c)
{
	free(c->path);
	json_decref(c->json);
	*c = (struct config_file){0};
}
