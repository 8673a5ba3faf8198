#include "runtime/rdt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

#define RDT_MAGIC 0x7655821 /* RDTGROUP_SUPER_MAGIC, linux/magic.h */
#define USUAL_PLACE "/sys/fs/resctrl"
#define MOUNTINFO_MAX (16u << 20)
#define FILE_MAX 65536

/* The mount point of a line of /proc/self/mountinfo whose type is resctrl. */
static char *mount_point(const char *line)
{
	auto_strv fields = strv_split(line, ' ');
	size_t n = strv_len(fields);
	for (size_t i = 6; i + 1 < n; i++)
		if (str_eq(fields[i], "-"))
			return str_eq(fields[i + 1], "resctrl") ? xstrdup(fields[4]) : NULL;
	return NULL;
}

static char *find_mount(void)
{
	auto_buf text = BUF_INIT;
	if (file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL) < 0)
		return NULL;
	auto_strv lines = strv_split(buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++) {
		char *found = mount_point(lines[i]);
		if (found)
			return found;
	}
	return NULL;
}

int rdt_open(struct err **err)
{
	struct statfs fs;
	auto_free char *found = NULL;
	const char *path = USUAL_PLACE;
	if (statfs(USUAL_PLACE, &fs) < 0 || fs.f_type != RDT_MAGIC) {
		found = find_mount();
		path = found;
	}
	if (!path)
		return err_set(
			err, ERR_UNAVAILABLE, "linux.intelRdt: no resctrl file system is mounted");
	return dir_open(AT_FDCWD, path, err);
}

/* Adds what the kernel has against the last thing that was asked of it. Returns -1. */
static int failed(int root, struct err **err, int saved, const char *what, const char *on)
{
	auto_buf status = BUF_INIT;
	file_read(root, "info/last_cmd_status", FILE_MAX, &status, NULL);
	char *text = (char *)buf_str(&status);
	size_t n = strcspn(text, "\n");
	return err_sys(err, saved, "linux.intelRdt: %s %s%s%.*s%s", what, on, n ? " (" : "", (int)n,
		text, n ? ")" : "");
}

static const char *class_path(const struct plan_rdt *rdt)
{
	return str_eq(rdt->clos, "/") ? "." : rdt->clos;
}

static char *monitor_path(const struct plan_rdt *rdt)
{
	return rdt->monitor ? xasprintf("%s/mon_groups/%s", class_path(rdt), rdt->monitor) : NULL;
}

/* The file is there already in resctrl, which makes them all. */
static int write_file(int root, const char *folder, const char *file, const char *text, size_t n,
	struct err **err)
{
	auto_free char *path = xasprintf("%s/%s", folder, file);
	auto_fd int fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || fd_write(fd, text, n) != (ssize_t)n)
		return failed(root, err, errno, "write", path);
	return 0;
}

static int add_task(int root, const char *folder, pid_t pid, struct err **err)
{
	char number[16];
	int n = snprintf(number, sizeof(number), "%d", (int)pid);
	return write_file(root, folder, "tasks", number, (size_t)n, err);
}

/* "0=7f0;1=1f" names one value per cache; numbers differ in leading zeros and order. */
static bool has_value(const char *list, const char *id, const char *value, int base)
{
	auto_strv items = strv_split(list, ';');
	for (size_t i = 0; items[i]; i++) {
		char *equals = strchr(items[i], '=');
		if (!equals)
			continue;
		if (strtoul(items[i], NULL, 10) == strtoul(id, NULL, 10))
			return strtoull(equals + 1, NULL, base) == strtoull(value, NULL, base);
	}
	return false;
}

/* Does @schemata, the file's text, say what the @wanted line does? */
static bool says(const char *schemata, const char *wanted)
{
	size_t name = strcspn(wanted, ":");
	auto_strv lines = strv_split(schemata, '\n');
	auto_strv items = strv_split(wanted[name] ? wanted + name + 1 : "", ';');
	/* bandwidth is decimal, masks are not */
	int base = str_starts(wanted, "MB:") ? 10 : 16;
	for (size_t i = 0; lines[i]; i++) {
		const char *line = lines[i] + strspn(lines[i], " ");
		if (strcspn(line, ":") != name || strncmp(line, wanted, name) != 0)
			continue;
		for (size_t k = 0; items[k]; k++) {
			char *equals = strchr(items[k], '=');
			if (!equals || !has_value(line + name + 1, items[k], equals + 1, base))
				return false;
		}
		return true;
	}
	return false;
}

static int compare(int root, const struct plan_rdt *rdt, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_free char *path = xasprintf("%s/schemata", class_path(rdt));
	if (file_read(root, path, FILE_MAX, &text, err) < 0)
		return -1;
	for (size_t i = 0; rdt->schemata[i]; i++)
		if (!says(buf_str(&text), rdt->schemata[i]))
			return err_set(err, ERR_CONFLICT,
				"linux.intelRdt: the class %s exists and does not have \"%s\"",
				rdt->clos, rdt->schemata[i]);
	return 0;
}

static int write_schemata(int root, const struct plan_rdt *rdt, struct err **err)
{
	auto_buf text = BUF_INIT;
	for (size_t i = 0; rdt->schemata && rdt->schemata[i]; i++)
		buf_addf(&text, "%s\n", rdt->schemata[i]);
	return text.len ? write_file(root, class_path(rdt), "schemata", text.data, text.len, err)
			: 0;
}

static bool exists(int root, const struct plan_rdt *rdt)
{
	return faccessat(root, class_path(rdt), F_OK, 0) == 0;
}

bool rdt_makes_class(int root, const struct plan_rdt *rdt)
{
	return !rdt->named && !exists(root, rdt);
}

static int make_class(int root, const struct plan_rdt *rdt, bool *made, struct err **err)
{
	bool any = rdt->schemata && rdt->schemata[0];
	bool there = exists(root, rdt);
	if (rdt->named && !any && !there)
		return err_set(err, ERR_NOT_FOUND,
			"linux.intelRdt.closID: there is no class %s, and nothing to make it of",
			rdt->clos);
	if (there && rdt->named && any && compare(root, rdt, err) < 0)
		return -1;
	if (!there && mkdirat(root, class_path(rdt), 0755) < 0 && errno != EEXIST)
		return failed(root, err, errno, "make the class", rdt->clos);
	*made = !there;
	return write_schemata(root, rdt, err);
}

static int make_monitor(int root, const struct plan_rdt *rdt, struct err **err)
{
	auto_free char *path = monitor_path(rdt);
	if (path && mkdirat(root, path, 0755) < 0 && errno != EEXIST)
		return failed(root, err, errno, "make the monitoring group", path);
	return 0;
}

int rdt_enter(int root, const struct plan_rdt *rdt, pid_t pid, struct err **err)
{
	auto_free char *monitor = monitor_path(rdt);
	if (add_task(root, class_path(rdt), pid, err) < 0)
		return -1;
	return monitor ? add_task(root, monitor, pid, err) : 0;
}

int rdt_create(int root, const struct plan_rdt *rdt, pid_t pid, struct err **err)
{
	bool made = false;
	if (make_class(root, rdt, &made, err) == 0 && make_monitor(root, rdt, err) == 0 &&
		rdt_enter(root, rdt, pid, err) == 0)
		return 0;
	rdt_remove(root, rdt, made, NULL);
	return -1;
}

int rdt_update(int root, const char *clos, const char *l3, const char *mb, struct err **err)
{
	const char *lines[3] = {NULL};
	size_t n = 0;
	if (!str_empty(l3))
		lines[n++] = l3;
	if (!str_empty(mb))
		lines[n++] = mb;
	const struct plan_rdt rdt = {.clos = clos, .schemata = lines};
	return write_schemata(root, &rdt, err);
}

static int remove_folder(int root, const char *path, struct err **err)
{
	if (unlinkat(root, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return failed(root, err, errno, "remove", path);
}

int rdt_remove(int root, const struct plan_rdt *rdt, bool class, struct err **err)
{
	auto_free char *monitor = monitor_path(rdt);
	if (monitor && remove_folder(root, monitor, err) < 0)
		return -1;
	return class ? remove_folder(root, class_path(rdt), err) : 0;
}
