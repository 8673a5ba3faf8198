/* Parsing mounts: the three notations of one thing. */
#include "mounts.h"

#include <sys/stat.h>

char *mount_clean(const char *path)
{
	auto_buf out = BUF_INIT;
	while (*path) {
		size_t n = strcspn(path, "/");
		if (n == 2 && !memcmp(path, "..", 2)) {
			while (out.len && out.data[out.len - 1] != '/')
				out.len--;
			if (out.len)
				out.len--;
		} else if (n && !(n == 1 && *path == '.')) {
			buf_addc(&out, '/');
			buf_add(&out, path, n);
		}
		path += n + (path[n] == '/');
	}
	if (!out.len)
		buf_addc(&out, '/');
	out.data[out.len] = 0;
	return buf_steal(&out);
}

void mount_point_clear(struct mount_point *m)
{
	free(m->type);
	free(m->name);
	free(m->source);
	free(m->destination);
	free(m->driver);
	free(m->mode);
	free(m->propagation);
	strv_free(m->options);
	*m = (struct mount_point){0};
}

static bool is_propagation(const char *s)
{
	if (*s == 'r')
		s++;
	return str_eq(s, "private") || str_eq(s, "shared") || str_eq(s, "slave");
}

/* What the words behind the second colon of a bind ask for. */
struct bind_mode {
	bool ro, no_copy, has_rw, has_label, has_consistency;
	char *propagation;
};

static int mode_word(struct bind_mode *b, const char *w)
{
	if (str_eq(w, "ro") || str_eq(w, "rw")) {
		if (b->has_rw)
			return -1;
		b->has_rw = true;
		b->ro = w[1] == 'o';
	} else if (str_eq(w, "z") || str_eq(w, "Z")) {
		if (b->has_label)
			return -1;
		b->has_label = true; /* no SELinux: nothing to relabel */
	} else if (str_eq(w, "nocopy")) {
		if (b->no_copy)
			return -1;
		b->no_copy = true;
	} else if (str_eq(w, "consistent") || str_eq(w, "cached") || str_eq(w, "delegated")) {
		if (b->has_consistency)
			return -1;
		b->has_consistency = true;
	} else if (is_propagation(w)) {
		if (b->propagation)
			return -1;
		b->propagation = xstrdup(w);
	} else {
		return -1;
	}
	return 0;
}

static int parse_mode(const char *mode, struct bind_mode *b)
{
	*b = (struct bind_mode){0};
	auto_strv words = strv_split(mode, ',');
	for (size_t i = 0; words[i]; i++)
		if (mode_word(b, words[i])) {
			free(b->propagation);
			b->propagation = NULL;
			return -1;
		}
	return 0;
}

static void set_bind_options(struct mount_point *m, bool recursive, bool ro_recursive)
{
	strv_add(&m->options, recursive ? "rbind" : "bind");
	if (!m->rw)
		strv_add(&m->options, ro_recursive && recursive ? "rro" : "ro");
	strv_add(&m->options, str_empty(m->propagation) ? "rprivate" : m->propagation);
}

static int check_target(const char *target, const char *what, struct err **err)
{
	if (target[0] != '/')
		return err_set(err, ERR_INVALID,
			"%s: invalid mount path: '%s' mount path must be absolute", what, target);
	auto_free char *clean = mount_clean(target);
	if (str_eq(clean, "/"))
		return err_set(err, ERR_INVALID,
			"%s: invalid specification: destination can't be '/'", what);
	return 0;
}

bool volume_name_valid(const char *name)
{
	return name_valid(name) && strlen(name) <= 255;
}

static int bad_volume_name(const char *name, struct err **err)
{
	if (name[0] && !name[1])
		return err_set(err, ERR_INVALID,
			"create %s: volume name is too short, names should be at least two "
			"alphanumeric characters",
			name);
	return err_set(err, ERR_INVALID,
		"create %s: \"%s\" includes invalid characters for a local volume name, only "
		"\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host "
		"directory, use absolute path",
		name, name);
}

static void fill_volume(struct mount_point *m, const char *name, const struct bind_mode *b)
{
	m->type = xstrdup("volume");
	m->name = xstrdup_null(name);
	m->driver = xstrdup("local");
	m->copy_up = !b->no_copy;
	m->rw = !b->ro;
	set_bind_options(m, true, false);
}

int mount_parse_bind(const char *spec, struct mount_point *m, struct err **err)
{
	auto_strv part = strv_split(spec, ':');
	size_t n = strv_len(part);
	struct bind_mode b = {0};
	auto_free char *what = xasprintf("invalid volume specification: '%s'", spec);

	if (n < 2 || n > 3 || !*part[0] || !*part[1] || (n == 2 && !parse_mode(part[1], &b))) {
		free(b.propagation);
		return err_set(err, ERR_INVALID, "%s", what);
	}
	if (check_target(part[1], what, err))
		return -1;
	if (n == 3 && parse_mode(part[2], &b))
		return err_set(err, ERR_INVALID, "%s: invalid mode: %s", what, part[2]);
	m->mode = n == 3 ? xstrdup(part[2]) : NULL;
	m->propagation = b.propagation;
	m->destination = mount_clean(part[1]);
	if (part[0][0] != '/') {
		if (!volume_name_valid(part[0]))
			return bad_volume_name(part[0], err);
		if (!m->mode)
			m->mode = xstrdup("z");
		fill_volume(m, part[0], &b);
		return 0;
	}
	m->type = xstrdup("bind");
	m->source = mount_clean(part[0]);
	m->rw = !b.ro;
	if (!m->propagation)
		m->propagation = xstrdup("rprivate");
	set_bind_options(m, true, str_eq(m->propagation, "rprivate"));
	m->make_source = true;
	return 0;
}

static int tmpfs_option(const char *o)
{
	static const char *const flags[] = {"ro", "rw", "suid", "nosuid", "dev", "nodev", "exec",
		"noexec", "sync", "async", "dirsync", "remount", "mand", "nomand", "atime",
		"noatime", "diratime", "nodiratime", "bind", "rbind", "unbindable", "runbindable",
		"private", "rprivate", "shared", "rshared", "slave", "rslave", "relatime",
		"norelatime", "strictatime", "nostrictatime", "defaults"};
	static const char *const keys[] = {
		"size=", "mode=", "uid=", "gid=", "nr_inodes=", "nr_blocks=", "mpol="};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (str_eq(o, flags[i]))
			return 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (str_starts(o, keys[i]))
			return 0;
	return -1;
}

int mount_parse_tmpfs(
	const char *target, const char *options, struct mount_point *m, struct err **err)
{
	if (check_target(target, "invalid tmpfs", err))
		return -1;
	m->type = xstrdup("tmpfs");
	m->destination = mount_clean(target);
	m->rw = true;
	m->hidden = true;
	m->options = NULL;
	strv_add(&m->options, "noexec");
	strv_add(&m->options, "nosuid");
	strv_add(&m->options, "nodev");
	auto_strv words = strv_split(str_empty(options) ? "" : options, ',');
	for (size_t i = 0; words[i]; i++) {
		if (!*words[i])
			continue;
		if (tmpfs_option(words[i]))
			return err_set(
				err, ERR_INVALID, "Invalid tmpfs option [\"%s\" ]", words[i]);
		strv_add(&m->options, words[i]);
		if (str_eq(words[i], "ro"))
			m->rw = false;
	}
	return 0;
}

static int spec_bind(
	const struct mount_spec *s, struct mount_point *m, const char *what, struct err **err)
{
	const struct bind_options *b = s->bind;
	struct stat st;

	if (str_empty(s->source))
		return err_set(err, ERR_INVALID, "%s: field Source must not be empty", what);
	if (s->source[0] != '/')
		return err_set(err, ERR_INVALID,
			"%s: invalid mount path: '%s' mount path must be absolute", what,
			s->source);
	if (b && !str_empty(b->propagation) && !is_propagation(b->propagation))
		return err_set(
			err, ERR_INVALID, "%s: invalid propagation mode: %s", what, b->propagation);
	if (b && b->readonly_non_recursive && b->readonly_force_recursive)
		return err_set(err, ERR_INVALID,
			"%s: ReadOnlyNonRecursive and ReadOnlyForceRecursive are both set", what);
	if (!(b && b->create_mountpoint) && stat(s->source, &st))
		return err_set(err, ERR_INVALID, "%s: bind source path does not exist: %s", what,
			s->source);
	m->source = mount_clean(s->source);
	m->make_source = b && b->create_mountpoint;
	m->propagation = xstrdup(b && !str_empty(b->propagation) ? b->propagation : "rprivate");
	set_bind_options(m, !(b && b->non_recursive),
		!(b && b->readonly_non_recursive) && str_eq(m->propagation, "rprivate"));
	return 0;
}

static int spec_volume(
	const struct mount_spec *s, struct mount_point *m, const char *what, struct err **err)
{
	const struct volume_options *v = s->volume;

	if (!str_empty(s->source) && !volume_name_valid(s->source))
		return bad_volume_name(s->source, err);
	if (v && !str_empty(v->subpath))
		return err_set(
			err, ERR_NOT_IMPLEMENTED, "%s: volume subpaths are not implemented", what);
	if (v && v->driver_config &&
		((!str_empty(v->driver_config->name) && !str_eq(v->driver_config->name, "local")) ||
			v->driver_config->options.n))
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"%s: volume drivers and their options are not implemented", what);
	m->name = xstrdup_null(str_empty(s->source) ? NULL : s->source);
	m->driver = xstrdup("local");
	m->copy_up = !(v && v->no_copy);
	set_bind_options(m, true, false);
	return 0;
}

static int spec_tmpfs(
	const struct mount_spec *s, struct mount_point *m, const char *what, struct err **err)
{
	const struct tmpfs_options *t = s->tmpfs;

	if (!str_empty(s->source))
		return err_set(err, ERR_INVALID, "%s: field Source must not be specified", what);
	if (t && t->options && json_array_size(t->options))
		return err_set(
			err, ERR_NOT_IMPLEMENTED, "%s: tmpfs options are not implemented", what);
	strv_add(&m->options, "noexec");
	strv_add(&m->options, "nosuid");
	strv_add(&m->options, "nodev");
	if (s->read_only)
		strv_add(&m->options, "ro");
	if (t && t->size_bytes > 0)
		strv_take(&m->options, xasprintf("size=%lld", (long long)t->size_bytes));
	if (t && t->mode)
		strv_take(&m->options, xasprintf("mode=%o", (unsigned)(t->mode & 07777)));
	return 0;
}

int mount_parse_spec(const struct mount_spec *s, struct mount_point *m, struct err **err)
{
	auto_free char *what =
		xasprintf("invalid mount config for type \"%s\"", s->type ? s->type : "");

	if (str_empty(s->target))
		return err_set(err, ERR_INVALID, "%s: field Target must not be empty", what);
	if (check_target(s->target, what, err))
		return -1;
	m->type = xstrdup(s->type ? s->type : "");
	m->destination = mount_clean(s->target);
	m->rw = !s->read_only;
	if (str_eq(s->type, "bind"))
		return spec_bind(s, m, what, err);
	if (str_eq(s->type, "volume"))
		return spec_volume(s, m, what, err);
	if (str_eq(s->type, "tmpfs"))
		return spec_tmpfs(s, m, what, err);
	if (str_eq(s->type, "image") || str_eq(s->type, "npipe") || str_eq(s->type, "cluster"))
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"mounts of type \"%s\" are not implemented", s->type);
	return err_set(
		err, ERR_INVALID, "%s: mount type unknown: \"%s\"", what, s->type ? s->type : "");
}
