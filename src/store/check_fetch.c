/*
 * Blobs that come again from the registry that their images came from. Somebody else fetches (struct store_check_spec);
 * here it is known where from, what came is verified, and gets its name when it is on disk.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "check_private.h"
#include "oci/image.h"

#define SLACK (1 << 20)
#define URLS_MAX 16

void fetched_free(struct fetched *f)
{
	fd_close(f->fd);
	free(f->from);
	*f = (struct fetched){.fd = -1};
}

char **fetch_repos(struct checker *c, const struct digest *blob)
{
	auto_strv names = NULL;
	char **out = NULL;
	/* an image whose rows cannot be read has nothing to offer */
	db_strings(c->store->db,
		"SELECT DISTINCT name FROM repo_digests JOIN image_blobs USING(image)"
		" WHERE digest = ? ORDER BY name",
		blob->str, &names, NULL);
	for (size_t i = 0; names && names[i]; i++) {
		names[i][strcspn(names[i], "@")] = '\0';
		if (strv_index(out, names[i]) < 0)
			strv_add(&out, names[i]);
	}
	return out;
}

/* Bytes of a layer's blob whose size nobody noted (it was compressed while it was pushed): not much more than its tar. */
static int most(struct checker *c, const struct digest *blob, int64_t *out, struct err **err)
{
	uint64_t room;
	if (transfer_room(c->store->staging, &room, err) < 0)
		return -1;
	auto_db_stmt *q = db_query(c->store->db,
		"SELECT MAX(tar_size) FROM layers JOIN layer_blobs ON layer = layers.id"
		" WHERE digest = ?",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, blob->str);
	int r = db_step(q, err);
	if (r < 0)
		return -1;
	*out = room > INT64_MAX ? INT64_MAX : (int64_t)room;
	if (r == 1 && !db_col_null(q, 0) && db_col_i64(q, 0) < *out / 2 - SLACK)
		*out = 2 * db_col_i64(q, 0) + SLACK;
	return 0;
}

/* What the images that have it say of it. Where they do not agree about its size, one of them lies. */
static int describe(
	struct checker *c, const struct digest *blob, struct store_wanted *out, struct err **err)
{
	auto_db_stmt *q = db_query(c->store->db,
		"SELECT role, MIN(size), MAX(size) FROM image_blobs WHERE digest = ?"
		" GROUP BY digest",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, blob->str);
	int r = db_step(q, err);
	if (r <= 0)
		return r < 0 ? -1 : err_set(err, ERR_NOT_FOUND, "no image has it any more");
	out->role = (enum store_role)db_col_i64(q, 0);
	out->size = db_col_i64(q, 1) == db_col_i64(q, 2) ? db_col_i64(q, 1) : -1;
	out->max = out->size;
	return out->size < 0 ? most(c, blob, &out->max, err) : 0;
}

static_assert(STORE_ROLE_MANIFEST == 1, "as in the query below");

/* Who writes a manifest may write a name and a password into its URLs: they are nobody's to send, as with a pull. */
static char *without_user(const char *url)
{
	const char *scheme_end = strstr(url, "://");
	const char *host = scheme_end ? scheme_end + 3 : url;
	const char *at = memrchr(host, '@', strcspn(host, "/?#"));
	return xasprintf("%.*s%s", (int)(host - url), url, at ? at + 1 : host);
}

static void add_urls(struct store *s, const char *manifest, const struct digest *blob, char ***out)
{
	struct digest d;
	auto_buf text = BUF_INIT;
	auto_oci_manifest *doc = NULL;
	if (digest_parse(manifest, &d, NULL) < 0 || store_blob_read(s, &d, &text, NULL) < 0 ||
		oci_manifest_parse(&doc, text.data, text.len, NULL) < 0)
		return;
	for (size_t i = 0; i < doc->layer_count && strv_len(*out) < URLS_MAX; i++) {
		if (!str_eq(doc->layers[i].digest.str, blob->str))
			continue;
		for (char **url = doc->layers[i].urls; url && *url && strv_len(*out) < URLS_MAX;
			url++) {
			auto_free char *bare = without_user(*url);
			if (strv_index(*out, bare) < 0)
				strv_add(out, bare);
		}
	}
}

/* Where a foreign layer may be had beside the registry, by the manifests of the images that have it. */
static char **foreign_urls(struct checker *c, const struct digest *blob)
{
	auto_strv manifests = NULL;
	char **out = NULL;
	db_strings(c->store->db,
		"SELECT DISTINCT m.digest FROM image_blobs AS m JOIN image_blobs AS l USING(image)"
		" WHERE l.digest = ? AND m.role = 1 ORDER BY m.digest LIMIT 64",
		blob->str, &manifests, NULL);
	for (size_t i = 0; manifests && manifests[i]; i++)
		add_urls(c->store, manifests[i], blob, &out);
	return out;
}

static int verify(
	struct checker *c, int fd, const struct digest *blob, int64_t *size, struct err **err)
{
	struct digest actual;
	if (fdatasync(fd) < 0 || lseek(fd, 0, SEEK_SET) < 0 || check_digest(c, fd, &actual) < 0 ||
		(*size = lseek(fd, 0, SEEK_END)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return check_tick(c, err) < 0 ? -1 : err_sys(err, errno, "read what was fetched");
	if (!str_eq(actual.str, blob->str))
		return err_set(
			err, ERR_INVALID, "what the registry sent has the digest %s", actual.str);
	return 0;
}

static int attempt(struct checker *c, const struct store_wanted *wanted, struct fetched *out,
	bool *mirrored, struct err **err)
{
	*mirrored = false;
	if (ftruncate(out->fd, 0) < 0)
		return err_sys(err, errno, "empty a file");
	if (c->spec->fetch(c->spec->arg, wanted, out->fd, mirrored, err) < 0)
		return -1;
	return verify(c, out->fd, &wanted->digest, &out->size, err);
}

/* Each alone: the first of them that answered, or the registry, sent what is wrong. */
static int fetch_from_urls(
	struct checker *c, struct store_wanted *wanted, struct fetched *out, struct err **err)
{
	auto_err *why = NULL;
	bool mirrored;
	for (char *const *url = wanted->urls; *url; url++) {
		wanted->url = *url;
		err_freep(&why);
		if (check_tick(c, err) < 0)
			return -1;
		if (attempt(c, wanted, out, &mirrored, &why) == 0) {
			out->from = xstrdup(*url);
			return 0;
		}
	}
	return err_move(err, &why);
}

static bool is_wrong(const struct err *why)
{
	return why->kind == ERR_INVALID || why->kind == ERR_TOO_LARGE;
}

/* From wherever it can be had. What is wrong with what one has sent does not speak against the others. */
static int fetch_from_any(struct checker *c, struct store_wanted *wanted, char *const *repos,
	struct fetched *out, struct err **err)
{
	auto_err *why = NULL;
	bool wrong = false;
	for (size_t i = 0; repos[i]; i++) {
		bool mirrored = true;
		wanted->repo = repos[i];
		for (int pass = 0; pass < 2 && mirrored; pass++) {
			wanted->no_mirrors = pass > 0;
			err_freep(&why);
			if (check_tick(c, err) < 0)
				return -1;
			if (attempt(c, wanted, out, &mirrored, &why) == 0) {
				out->from = xstrdup(repos[i]);
				return 0;
			}
			/* mirrors that fail are passed by without us */
			wrong |= is_wrong(why);
			mirrored = mirrored && is_wrong(why);
		}
	}
	if (wanted->urls && wrong)
		return fetch_from_urls(c, wanted, out, err);
	return err_move(err, &why);
}

static int fetch_into(struct checker *c, struct store_wanted *wanted, char *const *repos,
	struct fetched *out, struct err **err)
{
	int staging = c->store->staging;
	random_hex(out->staged, 16);
	out->fd = openat(staging, out->staged,
		O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (out->fd < 0)
		return err_sys(err, errno, "make a file to fetch into");
	int r = fetch_from_any(c, wanted, repos, out, err);
	if (r < 0)
		unlinkat(staging, out->staged, 0);
	return r;
}

int fetch_blob(struct checker *c, const struct digest *blob, struct fetched *out, struct err **err)
{
	*out = (struct fetched){.fd = -1};
	struct store_wanted wanted = {.digest = *blob, .size = -1};
	auto_strv repos = fetch_repos(c, blob);
	if (!repos)
		return err_set(err, ERR_NOT_FOUND, "it came from no registry");
	if (!c->spec->fetch)
		return err_set(err, ERR_UNAVAILABLE, "nobody is here to fetch it");
	auto_strv urls = foreign_urls(c, blob);
	wanted.urls = urls;
	if (describe(c, blob, &wanted, err) < 0 || fetch_into(c, &wanted, repos, out, err) < 0) {
		fetched_free(out);
		return err_wrap(err, "fetch it again");
	}
	return 0;
}

/* With store->lock held. */
static int place(struct store *s, const struct digest *blob, struct fetched *f, struct err **err)
{
	if (renameat(s->staging, f->staged, s->content, digest_hex(blob)) < 0 ||
		fsync(s->content) < 0)
		return err_sys(err, errno, "put blob %s in place", blob->str);
	/* one that has its row keeps it, whoever it is for by now: a lease, an image that is about to come */
	int rows = db_exec(
		s->db, err, "UPDATE blobs SET size = ? WHERE digest = ?", "is", f->size, blob->str);
	if (rows == 0)
		rows = db_exec(s->db, err,
			"INSERT INTO blobs(digest, size, media_type)"
			" SELECT digest, ?, media_type FROM image_blobs WHERE digest = ? LIMIT 1",
			"is", f->size, blob->str);
	/* its last image went meanwhile */
	if (rows == 0)
		unlinkat(s->content, digest_hex(blob), 0);
	return rows < 0 ? -1 : 0;
}

int fetch_place(struct checker *c, const struct digest *blob, struct fetched *f, struct err **err)
{
	struct store *s = c->store;
	pthread_mutex_lock(&s->lock);
	int r = place(s, blob, f, err);
	pthread_mutex_unlock(&s->lock);
	unlinkat(s->staging, f->staged, 0); /* if it is still there */
	return r;
}
