/* Sizes. */
#include "store_private.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"

static int64_t sum_of(struct store *s, const char *sql, const char *key, struct err **err)
{
	auto_db_stmt *q = db_query(s->db, sql, err);
	if (!q)
		return -1;
	if (key)
		db_bind_str(q, 1, key);
	int r = db_step(q, err);
	return r < 0 ? -1 : r == 1 ? db_col_i64(q, 0) : 0;
}

int64_t store_layers_size(struct store *s, struct err **err)
{
	return sum_of(s, "SELECT COALESCE(SUM(size), 0) FROM layers", NULL, err);
}

int64_t store_snapshot_size_lower(struct store *s, const char *id, struct err **err)
{
	return sum_of(s,
		"SELECT COALESCE(SUM(layers.size), 0) FROM snapshot_layers "
		"JOIN layers ON layers.id = snapshot_layers.layer WHERE snapshot = ?",
		id, err);
}

/* ---- the data root ---- */

/* Folders of the data root, and what they hold. What is not here counts as the rest. */
static const struct {
	const char *folder, *what;
} places[] = {
	{"content", "blobs"},
	{"ingest", "downloads"},
	{"recipes", "recipes"},
	{"staging", "staging"},
	{"volumes", "volumes"},
	{"kist.db", "database"},
	{"kist.db-wal", "database"},
	{"kist.db-shm", "database"},
};

static struct usage *part(struct store_disk *d, const char *what)
{
	for (size_t i = 0; i < d->count; i++)
		if (str_eq(d->v[i].what, what))
			return &d->v[i].usage;
	d->v[d->count].what = what;
	return &d->v[d->count++].usage;
}

/* Calls @fn for each name in @dir. */
static int each(int dir, const char *folder, struct store_disk *d,
	int (*fn)(int fd, const char *name, struct store_disk *d, struct err **err),
	struct err **err)
{
	int fd = openat(dir, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		int saved = errno;
		fd_close(fd);
		return saved == ENOENT ? 0 : err_sys(err, saved, "read folder %s", folder);
	}
	int r = 0;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	for (struct dirent *e; r == 0 && (e = readdir(stream));)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			r = fn(fd, e->d_name, d, err);
	closedir(stream);
	return r;
}

/* The folder itself, without what is in it. */
static void add_folder(int dir, const char *name, struct usage *to)
{
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	to->files++;
	to->disk += (int64_t)st.st_blocks * 512;
}

/* Beside the unpacked layers lies what makes their tars again. */
static int add_layer(int fd, const char *name, struct store_disk *d, struct err **err)
{
	bool layer = str_eq(name, "empty") ||
		     str_all_of(name, "0123456789abcdef", DIGEST_HEX_LEN, DIGEST_HEX_LEN);
	return usage_add(fd, name, part(d, layer ? "layers" : "recipes"), err);
}

static int add_container_file(int fd, const char *name, struct store_disk *d, struct err **err)
{
	bool own = str_eq(name, "upper") || str_eq(name, "work") || str_eq(name, "root");
	return usage_add(fd, name, part(d, own ? "containers" : "logs"), err);
}

static int add_container(int fd, const char *name, struct store_disk *d, struct err **err)
{
	add_folder(fd, name, part(d, "logs"));
	return each(fd, name, d, add_container_file, err);
}

static int add_place(int fd, const char *name, struct store_disk *d, struct err **err)
{
	if (str_eq(name, "layers")) {
		add_folder(fd, name, part(d, "layers"));
		return each(fd, name, d, add_layer, err);
	}
	if (str_eq(name, "containers")) {
		add_folder(fd, name, part(d, "containers"));
		return each(fd, name, d, add_container, err);
	}
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (str_eq(name, places[i].folder))
			return usage_add(fd, name, part(d, places[i].what), err);
	return usage_add(fd, name, part(d, "other"), err);
}

int store_disk_usage(struct store *s, struct store_disk *out, struct err **err)
{
	static const char *const order[] = {"layers", "recipes", "blobs", "downloads", "staging",
		"containers", "logs", "volumes", "database", "other"};
	static_assert(ARRAY_LEN(order) == STORE_DISK_PARTS, "a row for each");
	*out = (struct store_disk){0};
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		part(out, order[i]);
	add_folder(s->root, ".", part(out, "other"));
	return each(s->root, ".", out, add_place, err);
}
