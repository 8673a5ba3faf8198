#include "usermap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "sys/procfs.h"

#define TOOL_OUTPUT_MAX 4096

/* setuid programs: from the places where systems have them, and not from a PATH */
static char *find_tool(const char *name)
{
	static const char *const folders[] = {
		"/usr/bin", "/usr/local/bin", "/bin", "/run/wrappers/bin"};
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		char *path = xasprintf("%s/%s", folders[i], name);
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* "newuidmap PID CONTAINER HOST SIZE ..." */
static int map_by_tool(
	const char *name, pid_t pid, const struct oci_id_map *maps, size_t count, struct err **err)
{
	auto_free char *path = find_tool(name);
	if (!path)
		return err_set(err, ERR_FORBIDDEN,
			"map ids that are not the caller's own: %s is not installed", name);
	auto_strv args = NULL;
	auto_free char *number = xasprintf("%d", (int)pid);
	strv_add(&args, name);
	strv_add(&args, number);
	for (size_t i = 0; i < count; i++) {
		const uint32_t values[] = {maps[i].container, maps[i].host, maps[i].size};
		for (size_t k = 0; k < ARRAY_LEN(values); k++) {
			char text[16];
			snprintf(text, sizeof(text), "%u", values[k]);
			strv_add(&args, text);
		}
	}
	auto_buf out = BUF_INIT, errors = BUF_INIT;
	struct proc_spec spec = {.path = path, .argv = args};
	int status = proc_run(&spec, NULL, 0, TOOL_OUTPUT_MAX, &out, &errors, err);
	if (status < 0)
		return -1;
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(err, ERR_FORBIDDEN, "map ids that are not the caller's own: %s",
			str_trim((char *)buf_str(&errors)));
	return 0;
}

/* -1 with errno */
static int write_map(
	int proc, pid_t pid, const char *file, const struct oci_id_map *maps, size_t count)
{
	auto_buf text = BUF_INIT;
	for (size_t i = 0; i < count; i++)
		buf_addf(&text, "%u %u %u\n", maps[i].container, maps[i].host, maps[i].size);
	char path[64];
	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	return procfs_write(proc, path, buf_str(&text), text.len);
}

static int map(int proc, pid_t pid, const char *file, const char *tool,
	const struct oci_id_map *maps, size_t count, struct err **err)
{
	if (write_map(proc, pid, file, maps, count) == 0)
		return 0;
	if (errno == EPERM)
		return map_by_tool(tool, pid, maps, count, err);
	return err_sys(err, errno, "write the user namespace's %s", file);
}

static int deny_setgroups(int proc, pid_t pid, struct err **err)
{
	char path[64];
	snprintf(path, sizeof(path), "%d/setgroups", (int)pid);
	if (procfs_write(proc, path, "deny", 4) < 0)
		return err_sys(err, errno, "deny setgroups in the user namespace");
	return 0;
}

int usermap_write(int proc, pid_t pid, const struct id_maps *maps, struct err **err)
{
	bool own_group =
		maps->gid_count == 1 && maps->gids[0].size == 1 && maps->gids[0].host == getegid();
	if (geteuid() != 0 && own_group && deny_setgroups(proc, pid, err) < 0)
		return -1;
	if (map(proc, pid, "gid_map", "newgidmap", maps->gids, maps->gid_count, err) < 0)
		return -1;
	return map(proc, pid, "uid_map", "newuidmap", maps->uids, maps->uid_count, err);
}

#define MAP_MAX (64u << 10) /* bytes: 340 lines */

static bool has_map(const struct oci_id_map *maps, size_t count, const char *line)
{
	uint64_t v[3];
	if (str_numbers(line, v, ARRAY_LEN(v)) < ARRAY_LEN(v))
		return false;
	for (size_t i = 0; i < count; i++)
		if (maps[i].container == v[0] && maps[i].host == v[1] && maps[i].size == v[2])
			return true;
	return false;
}

static int check(int proc, pid_t pid, const char *file, const char *field,
	const struct oci_id_map *maps, size_t count, struct err **err)
{
	auto_buf text = BUF_INIT;
	char path[64];
	snprintf(path, sizeof(path), "%d/%s", (int)pid, file);
	if (!count)
		return 0;
	if (file_read(proc, path, MAP_MAX, &text, err) < 0)
		return -1;
	auto_strv lines = strv_split(buf_str(&text), '\n');
	size_t found = 0, all = 0;
	for (; lines[all] && *lines[all]; all++)
		found += has_map(maps, count, lines[all]);
	if (found == count && all == count)
		return 0;
	return err_set(err, ERR_INVALID, "%s: the user namespace that is joined has other mappings",
		field);
}

int usermap_check(int proc, pid_t pid, const struct id_maps *maps, struct err **err)
{
	if (check(proc, pid, "uid_map", "linux.uidMappings", maps->uids, maps->uid_count, err) < 0)
		return -1;
	return check(proc, pid, "gid_map", "linux.gidMappings", maps->gids, maps->gid_count, err);
}
