/* --device, --device-cgroup-rule, and the devices of a privileged container. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/mem.h"
#include "spec.h"

int spec_device_rule(const char *rule, char *type, int64_t *major, int64_t *minor, char access[4],
	struct err **err)
{
	auto_strv field = strv_split(rule, ' ');
	if (strv_len(field) != 3 || strlen(field[0]) != 1 || !strchr("acb", field[0][0]) ||
		!str_all_of(field[2], "rwm", 1, 3))
		goto bad;
	char *colon = strchr(field[1], ':');
	if (!colon)
		goto bad;
	*colon = 0;
	*type = field[0][0];
	*major = *minor = -1;
	if ((!str_eq(field[1], "*") && (str_to_i64(field[1], major) || *major < 0)) ||
		(!str_eq(colon + 1, "*") && (str_to_i64(colon + 1, minor) || *minor < 0)))
		goto bad;
	memcpy(access, field[2], strlen(field[2]) + 1);
	return 0;
bad:
	return err_set(err, ERR_INVALID, "invalid device cgroup rule format: '%s'", rule);
}

static void add_node(struct oci_config *c, const char *path, const struct stat *st)
{
	for (size_t i = 0; i < c->linux.device_count; i++)
		if (str_eq(c->linux.devices[i].path, path))
			return;
	struct oci_device *d = oci_device_add(&c->linux, path, S_ISBLK(st->st_mode) ? 'b' : 'c',
		major(st->st_rdev), minor(st->st_rdev));
	d->has_mode = d->has_uid = d->has_gid = true;
	d->mode = st->st_mode & 07777;
	d->uid = st->st_uid;
	d->gid = st->st_gid;
}

/* What docker leaves out of a folder of devices: the container has its own of these. */
static bool skipped_name(const char *name)
{
	static const char *const names[] = {
		"pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev", "console"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

struct device_walk {
	struct oci_config *config;
	const char *access; /* for a rule per device; NULL: none */
};

/* Folders of /dev on the host are root's own; symlinks in them are not followed. */
static void walk_devices(const struct device_walk *w, int dir, const char *inside, int depth)
{
	DIR *d = fdopendir(dir);
	if (!d) {
		fd_close(dir);
		return;
	}
	for (struct dirent *de; (de = readdir(d));) {
		struct stat st;
		if (skipped_name(de->d_name) ||
			fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		auto_free char *path = xasprintf("%s/%s", inside, de->d_name);
		if (S_ISDIR(st.st_mode) && depth < 8) {
			int sub = openat(dirfd(d), de->d_name,
				O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
			if (sub >= 0)
				walk_devices(w, sub, path, depth + 1);
		} else if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
			add_node(w->config, path, &st);
			if (w->access)
				oci_device_rule_add(&w->config->linux.resources, true,
					S_ISBLK(st.st_mode) ? 'b' : 'c', major(st.st_rdev),
					minor(st.st_rdev), w->access);
		}
	}
	closedir(d);
}

static int add_device(struct oci_config *c, const struct device_mapping *m, struct err **err)
{
	const char *access = str_empty(m->permissions) ? "rwm" : m->permissions;
	const char *inside =
		str_empty(m->path_in_container) ? m->path_on_host : m->path_in_container;
	struct stat st;
	auto_fd int fd = open(m->path_on_host, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return err_sys(err, errno,
			"error gathering device information while adding custom device \"%s\"",
			m->path_on_host);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)) {
		add_node(c, inside, &st);
		oci_device_rule_add(&c->linux.resources, true, S_ISBLK(st.st_mode) ? 'b' : 'c',
			major(st.st_rdev), minor(st.st_rdev), access);
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_INVALID,
			"error gathering device information while adding custom device \"%s\": not "
			"a device node",
			m->path_on_host);
	struct device_walk walk = {c, access};
	walk_devices(&walk, open(m->path_on_host, O_RDONLY | O_DIRECTORY | O_CLOEXEC), inside, 0);
	return 0;
}

/* What every container may use: the nodes the runtime makes, making (not opening) any node, and ptys. */
static void default_rules(struct oci_resources *r)
{
	static const struct {
		int64_t major, minor;
	} usable[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 1}, {5, 2}, {136, -1}};

	oci_device_rule_add(r, false, 'a', -1, -1, "rwm");
	oci_device_rule_add(r, true, 'c', -1, -1, "m");
	oci_device_rule_add(r, true, 'b', -1, -1, "m");
	for (size_t i = 0; i < ARRAY_LEN(usable); i++)
		oci_device_rule_add(r, true, 'c', usable[i].major, usable[i].minor, "rwm");
}

int spec_devices(struct oci_config *c, const struct host_config *host, struct err **err)
{
	struct oci_resources *r = &c->linux.resources;

	if (host->privileged) {
		struct device_walk walk = {c, NULL};
		walk_devices(&walk, open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "/dev", 0);
		oci_device_rule_add(r, true, 'a', -1, -1, "rwm");
		return 0;
	}
	default_rules(r);
	for (size_t i = 0; i < host->res.devices.n; i++)
		if (add_device(c, &host->res.devices.v[i], err))
			return -1;
	for (size_t i = 0; host->res.device_cgroup_rules && host->res.device_cgroup_rules[i]; i++) {
		char type = 0, access[4] = "";
		int64_t maj = -1, min = -1;
		if (spec_device_rule(
			    host->res.device_cgroup_rules[i], &type, &maj, &min, access, err))
			return -1;
		oci_device_rule_add(r, true, type, maj, min, access);
	}
	return 0;
}
