/* Volumes: a row and a folder each, and who uses them. */
#include "engine/volume.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/json.h"
#include "core.h"
#include "sys/usage.h"

char *volume_path(struct engine *e, const char *name)
{
	return xasprintf("%s/volumes/%s/_data", e->data_root, name);
}

int64_t volume_size(struct engine *e, const char *name)
{
	struct usage usage = {0};
	auto_free char *data = xasprintf("%s/_data", name);
	return usage_add(e->volumes_fd, data, &usage, NULL) ? -1 : usage.bytes;
}

void volume_info_list_free(struct volume_info *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(v[i].name);
		free(v[i].mountpoint);
		for (size_t k = 0; k < v[i].label_count; k++) {
			free(v[i].labels[k].key);
			free(v[i].labels[k].value);
		}
		free(v[i].labels);
		free(v[i].options);
	}
	free(v);
}

void volume_info_free(struct volume_info *v)
{
	if (v)
		volume_info_list_free(v, 1);
}

static bool uses_volume(const struct container *c, const char *name)
{
	const struct container_doc *doc = &c->doc->doc;
	for (size_t i = 0; i < doc->mounts.n; i++)
		if (str_eq(doc->mounts.v[i].type, "volume") && str_eq(doc->mounts.v[i].name, name))
			return true;
	return false;
}

/* Ids of the containers that mount @name: owned, may be NULL. */
static char **volume_users(struct engine *e, const char *name)
{
	size_t n;
	struct container **all = roster_all(&e->roster, &n);
	char **ids = NULL;

	for (size_t i = 0; i < n; i++) {
		if (uses_volume(all[i], name))
			strv_add(&ids, container_id(all[i]));
		container_unref(all[i]);
	}
	free(all);
	return ids;
}

static char *labels_to_json(const struct str_map *labels)
{
	auto_json *j = json_object();
	auto_buf text = BUF_INIT;
	for (size_t i = 0; labels && i < labels->n; i++)
		json_put_str(j, labels->v[i].key, labels->v[i].value);
	json_write(j, &text);
	return buf_steal(&text);
}

static int make_folder(struct engine *e, const char *name, struct err **err)
{
	auto_free char *data = xasprintf("%s/_data", name);
	/* 0701: containers' users pass through, nobody looks around */
	if (mkdirat(e->volumes_fd, name, 0701) && errno != EEXIST)
		return err_sys(err, errno, "make the folder of volume %s", name);
	if (mkdirat(e->volumes_fd, data, 0755) && errno != EEXIST)
		return err_sys(err, errno, "make the folder of volume %s", name);
	return 0;
}

int volume_ensure(struct engine *e, const char *name, bool anonymous, const struct str_map *labels,
	struct err **err)
{
	if (make_folder(e, name, err))
		return -1;
	auto_free char *text = labels_to_json(labels);
	int made = db_exec(e->db, err,
		"INSERT OR IGNORE INTO volumes (name, created, anonymous, labels) VALUES (?, ?, ?, "
		"?)",
		"siis", name, time_now(), (int64_t)anonymous, text);
	if (made < 0)
		return -1;
	return made;
}

static void announce(struct engine *e, const char *action, const char *name)
{
	const struct ring_attr attr = {"driver", "local"};
	event_other(e, "volume", action, name, &attr, 1);
}

static void fill_labels(struct volume_info *v, const char *text)
{
	auto_json *j = json_parse(text, strlen(text), "labels", NULL);
	const char *key;
	json_t *value;

	v->labels = xcalloc(json_object_size(j) + 1, sizeof(*v->labels));
	json_object_foreach(j, key, value)
	{
		const char *s = json_string_value(value);
		v->labels[v->label_count].key = xstrdup(key);
		v->labels[v->label_count++].value = xstrdup(s ? s : "");
	}
}

static void fill_info(struct engine *e, struct volume_info *v, struct db_stmt *q)
{
	*v = (struct volume_info){.size = -1};
	v->name = xstrdup(db_col_str(q, 0));
	v->mountpoint = volume_path(e, v->name);
	v->created_at = db_col_i64(q, 1);
	v->anonymous = db_col_i64(q, 2) != 0;
	fill_labels(v, db_col_str(q, 3));
}

int engine_volume_inspect(
	struct engine *e, const char *name, struct volume_info **out, struct err **err)
{
	struct db_stmt *q = db_query(
		e->db, "SELECT name, created, anonymous, labels FROM volumes WHERE name = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, name);
	int r = db_step(q, err);
	if (r == 1) {
		*out = xcalloc(1, sizeof(**out));
		fill_info(e, *out, q);
	}
	db_end(q);
	if (r < 0)
		return -1;
	if (!r)
		return err_set(err, ERR_NOT_FOUND, "get %s: no such volume", name);
	auto_strv users = volume_users(e, name);
	(*out)->uses = (uint32_t)strv_len(users);
	return 0;
}

static int create_checked(
	struct engine *e, const struct volume_spec *s, const char *name, struct err **err)
{
	struct str_map labels = {0};
	if (!str_empty(s->driver) && !str_eq(s->driver, "local"))
		return err_set(err, ERR_NOT_FOUND,
			"error looking up volume plugin %s: plugin \"%s\" not found", s->driver,
			s->driver);
	if (s->option_count)
		return err_set(err, ERR_NOT_IMPLEMENTED,
			"options of volumes (\"%s\") are not implemented", s->options[0].key);
	if (!volume_name_valid(name))
		return err_set(err, ERR_INVALID,
			"create %s: \"%s\" includes invalid characters for a local volume name, "
			"only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a "
			"host directory, use absolute path",
			name, name);
	for (size_t i = 0; i < s->label_count; i++)
		str_map_set(&labels, s->labels[i].key, s->labels[i].value);
	pthread_mutex_lock(&e->volume_lock);
	int made = volume_ensure(e, name, str_empty(s->name), &labels, err);
	pthread_mutex_unlock(&e->volume_lock);
	str_map_free(&labels);
	if (made > 0)
		announce(e, "create", name);
	return made < 0 ? -1 : 0;
}

int engine_volume_create(
	struct engine *e, const struct volume_spec *s, struct volume_info **out, struct err **err)
{
	char random[65];
	const char *name = s->name;

	if (str_empty(name)) {
		random_hex(random, 32);
		name = random;
	}
	if (create_checked(e, s, name, err))
		return -1;
	return engine_volume_inspect(e, name, out, err);
}

static bool label_matches(const struct volume_info *v, const char *wanted)
{
	const char *eq = strchr(wanted, '=');
	size_t n = eq ? (size_t)(eq - wanted) : strlen(wanted);
	for (size_t i = 0; i < v->label_count; i++)
		if (strlen(v->labels[i].key) == n && !memcmp(v->labels[i].key, wanted, n))
			return !eq || str_eq(v->labels[i].value, eq + 1);
	return false;
}

static bool volume_matches(const struct volume_info *v, const struct filters *f, bool dangling)
{
	char **labels = filters_get(f, "label");
	for (size_t i = 0; labels && labels[i]; i++)
		if (!label_matches(v, labels[i]))
			return false;
	if (filters_get(f, "dangling") && dangling != !v->uses)
		return false;
	return filters_fuzzy(f, "name", v->name) && filters_exact(f, "driver", "local");
}

int engine_volume_list(struct engine *e, const struct filters *filters, struct volume_info **out,
	size_t *count, struct err **err)
{
	static const char *const known[] = {"dangling", "driver", "label", "name", NULL};
	bool dangling;
	size_t n = 0, kept = 0;
	struct volume_info *v = NULL;

	if (filters_check(filters, known, err) ||
		filters_bool(filters, "dangling", false, &dangling, err))
		return -1;
	struct db_stmt *q = db_query(
		e->db, "SELECT name, created, anonymous, labels FROM volumes ORDER BY name", err);
	if (!q)
		return -1;
	int r;
	while ((r = db_step(q, err)) == 1) {
		v = xreallocarray(v, n + 1, sizeof(*v));
		fill_info(e, &v[n++], q);
	}
	db_end(q);
	for (size_t i = 0; i < n; i++) {
		auto_strv users = volume_users(e, v[i].name);
		v[i].uses = (uint32_t)strv_len(users);
		struct volume_info moved = v[i];
		if (r == 0 && volume_matches(&moved, filters, dangling)) {
			v[i] = v[kept];
			v[kept++] = moved;
		}
	}
	for (size_t i = kept; i < n; i++) {
		struct volume_info *one = xmalloc(sizeof(*one));
		*one = v[i];
		volume_info_free(one);
	}
	*out = v;
	*count = kept;
	if (r < 0) {
		free(v);
		return -1;
	}
	return 0;
}

/* Takes row and folder out of sight, both or (after a crash) the folder later. */
static int take_away(struct engine *e, const char *name, char *gone, struct err **err)
{
	int r = db_exec(e->db, err, "DELETE FROM volumes WHERE name = ?", "s", name);
	if (r < 0)
		return -1;
	if (!r)
		return err_set(err, ERR_NOT_FOUND, "get %s: no such volume", name);
	if (renameat(e->volumes_fd, name, e->volumes_fd, gone) && errno != ENOENT)
		return err_sys(err, errno, "remove volume %s", name);
	return 0;
}

int volume_drop(struct engine *e, const char *name, struct err **err)
{
	char gone[32] = ".gone-";
	int r;

	random_hex(gone + 6, 8);
	pthread_mutex_lock(&e->volume_lock);
	auto_strv users = volume_users(e, name);
	if (users) {
		auto_free char *list = strv_join(users, ", ");
		r = err_set(err, ERR_CONFLICT, "remove %s: volume is in use - [%s]", name, list);
	} else {
		r = take_away(e, name, gone, err);
	}
	pthread_mutex_unlock(&e->volume_lock);
	if (r)
		return -1;
	announce(e, "destroy", name);
	auto_err *rest = NULL;
	if (tree_remove(e->volumes_fd, gone, &rest))
		log_warn("volume %s: %s", name, err_msg(rest));
	return 0;
}

/* The column "anonymous": 0 no, 1 yes, 2 yes and doomed. */
int volume_doom(struct engine *e, const char *name, bool doomed, struct err **err)
{
	return db_exec(e->db, err,
		       "UPDATE volumes SET anonymous = ? WHERE name = ? AND anonymous > 0", "is",
		       (int64_t)(doomed ? 2 : 1), name) < 0
		       ? -1
		       : 0;
}

static int drop_doomed(struct engine *e, struct err **err)
{
	auto_strv names = NULL;
	struct db_stmt *q = db_query(e->db, "SELECT name FROM volumes WHERE anonymous = 2", err);
	int r;

	if (!q)
		return -1;
	while ((r = db_step(q, err)) == 1)
		strv_add(&names, db_col_str(q, 0));
	db_end(q);
	for (size_t i = 0; !r && names && names[i]; i++)
		if (volume_drop(e, names[i], NULL))
			volume_doom(e, names[i], false, NULL);
	return r;
}

int engine_volume_remove(struct engine *e, const char *name, bool force, struct err **err)
{
	auto_err *why = NULL;
	if (!volume_drop(e, name, &why))
		return 0;
	if (force && why->kind == ERR_NOT_FOUND)
		return 0;
	return err_move(err, &why);
}

static bool has_row(struct engine *e, const char *name)
{
	auto_db_stmt *q = db_query(e->db, "SELECT 1 FROM volumes WHERE name = ?", NULL);
	if (!q)
		return true;
	db_bind_str(q, 1, name);
	return db_step(q, NULL) != 0;
}

/* Half copies of an image's content, beside _data. */
static void drop_copies(struct engine *e, const char *name)
{
	int fd = openat(e->volumes_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return;
	}
	for (struct dirent *de; (de = readdir(d));)
		if (str_starts(de->d_name, ".copy-"))
			tree_remove(dirfd(d), de->d_name, NULL);
	closedir(d);
}

/* What a crash may leave in volumes/: folders on their way out, half copies, and folders whose row was
 * not committed. The last are removed only if they are empty: a user's bytes are never guessed about. */
int volumes_recover(struct engine *e, struct err **err)
{
	if (drop_doomed(e, err))
		return -1;
	int fd = openat(e->volumes_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return err_sys(err, errno, "read the folder of volumes");
	}
	for (struct dirent *de; (de = readdir(d));) {
		if (str_starts(de->d_name, ".gone-")) {
			tree_remove(e->volumes_fd, de->d_name, NULL);
		} else if (de->d_name[0] != '.' && !has_row(e, de->d_name)) {
			auto_free char *data = xasprintf("%s/_data", de->d_name);
			unlinkat(e->volumes_fd, data, AT_REMOVEDIR);
			unlinkat(e->volumes_fd, de->d_name, AT_REMOVEDIR);
		} else if (de->d_name[0] != '.') {
			drop_copies(e, de->d_name);
		}
	}
	closedir(d);
	return 0;
}
