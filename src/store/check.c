/* Checking the store, part by part. Repairs are in check_repair.c. */
#include "check_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

void store_check_free(struct store_check *check)
{
	for (size_t i = 0; i < check->count; i++) {
		free(check->v[i].problem);
		free(check->v[i].remedy);
		free(check->v[i].name);
		strv_free(check->v[i].images);
		for (size_t k = 0; k < check->v[i].file_count; k++) {
			free(check->v[i].files[k].path);
			free(check->v[i].files[k].problem);
		}
		free(check->v[i].files);
	}
	free(check->v);
	*check = (struct store_check){0};
}

int check_tick(struct checker *c, struct err **err)
{
	if (c->spec->progress && c->spec->progress(c->spec->arg) != 0)
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

int check_digest(struct checker *c, int fd, struct digest *out)
{
	return digest_of_fd_until(fd, c->spec->progress, c->spec->arg, out);
}

/* Names of the images that a statement with one parameter finds; those without name by id. */
static char **images_of(struct checker *c, const char *sql, const struct digest *d)
{
	char **ids = NULL, **names = NULL;
	db_strings(c->store->db, sql, d->str, &ids,
		NULL); /* the finding counts, with names or without */
	for (size_t i = 0; ids && ids[i]; i++) {
		auto_strv tags = NULL;
		auto_strv repo_digests = NULL;
		struct digest id;
		if (digest_parse(ids[i], &id, NULL) < 0 ||
			names_of(c->store, &id, &tags, &repo_digests, NULL) < 0)
			continue;
		names_familiar(tags);
		for (size_t k = 0; tags && tags[k]; k++)
			strv_add(&names, tags[k]);
		if (!tags)
			strv_add(&names, ids[i]);
	}
	strv_free(ids);
	return names;
}

struct store_finding *check_find(struct checker *c, enum store_finding_kind kind,
	const struct digest *digest, const char *name, const char *problem)
{
	static const char *const users[STORE_FINDING_KIND_COUNT] = {
		[STORE_FINDING_BLOB] = "SELECT DISTINCT image FROM image_blobs WHERE digest = ?",
		[STORE_FINDING_LAYER] =
			("SELECT DISTINCT image FROM image_layers JOIN layers ON layers.id = layer "
			 "WHERE diff_id = ?"),
		[STORE_FINDING_IMAGE] = "SELECT id FROM images WHERE id = ?",
	};
	struct store_check *out = c->out;
	out->v = xreallocarray(out->v, out->count + 1, sizeof(*out->v));
	struct store_finding *f = &out->v[out->count++];
	*f = (struct store_finding){
		.kind = kind,
		.name = xstrdup_null(name),
		.damaged = true,
		.problem = xstrdup(problem),
		.images = digest && users[kind] ? images_of(c, users[kind], digest) : NULL,
	};
	if (digest)
		f->digest = *digest;
	return f;
}

/* ---- blobs ---- */

struct blob_state {
	struct buf problem; /* empty: none */
	bool whole; /* its bytes are right */
	int64_t size;
};

static int look_at_blob(
	struct checker *c, const struct digest *d, struct blob_state *out, struct err **err)
{
	struct digest actual;
	int64_t said;
	auto_err *why = NULL;
	auto_fd int fd = store_blob_open(c->store, d, &out->size, &why);
	if (fd < 0 && why->kind != ERR_NOT_FOUND)
		return err_move(err, &why);
	/* gone meanwhile, or even come back: file and row change together under this lock */
	pthread_mutex_lock(&c->store->lock);
	int r = blob_find(c->store, d, &said, err);
	bool lost = fd < 0 && faccessat(c->store->content, digest_hex(d), F_OK, 0) < 0;
	pthread_mutex_unlock(&c->store->lock);
	if (r <= 0 || (fd < 0 && !lost))
		return r < 0 ? -1 : 0;
	if (lost) {
		buf_adds(&out->problem, "it is missing");
		return 0;
	}
	if (check_digest(c, fd, &actual) < 0) {
		int saved = errno;
		if (check_tick(c, err) < 0)
			return -1;
		buf_addf(&out->problem, "it cannot be read: %s", err_text(saved));
	} else if (!str_eq(actual.str, d->str)) {
		buf_addf(&out->problem, "its digest is %s", actual.str);
	} else {
		out->whole = true;
	}
	if (out->whole && said >= 0 && said != out->size)
		buf_addf(&out->problem, "it has %lld bytes instead of %lld", (long long)out->size,
			(long long)said);
	return 0;
}

static int check_blobs(struct checker *c, struct err **err)
{
	auto_strv digests = NULL;
	if (db_strings(c->store->db, "SELECT digest FROM blobs ORDER BY digest", NULL, &digests,
		    err) < 0)
		return -1;
	for (size_t i = 0; digests && digests[i]; i++) {
		struct digest d;
		struct blob_state state = {.problem = BUF_INIT};
		int r = check_tick(c, err) < 0 || digest_parse(digests[i], &d, err) < 0
				? -1
				: look_at_blob(c, &d, &state, err);
		c->out->blobs++;
		if (r == 0 && state.problem.len)
			check_repair_blob(c,
				check_find(
					c, STORE_FINDING_BLOB, &d, NULL, buf_str(&state.problem)),
				state.whole, state.size);
		buf_free(&state.problem);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- layers ---- */

/* Where the row itself is wrong; @row as it is. */
static void compare_row(
	const struct layer_row *row, const struct layer_verdict *v, struct buf *problem)
{
	if (row->size != v->size)
		buf_addf(problem, "its row says %lld bytes instead of %lld", (long long)row->size,
			(long long)v->size);
	if (row->opaque != v->opaque)
		buf_addf(problem, "%sits row is wrong about an opaque root",
			problem->len ? ", " : "");
}

/* One about the whole layer is said as such. */
static void count_files(struct layer_verdict *v, struct buf *problem)
{
	if (v->total == 1 && v->count == 1 && !*v->files[0].path) {
		buf_adds(problem, v->files[0].problem);
		layer_verdict_free(v);
	} else {
		buf_addf(problem, "%llu difference%s from what it came as",
			(unsigned long long)v->total, v->total == 1 ? "" : "s");
	}
}

/* Could the layer not be read because of what it is, or what its disk is? */
static bool is_damage(const struct err *why)
{
	return why->kind == ERR_NOT_FOUND || why->kind == ERR_INVALID || why->sys == EIO ||
	       why->sys == EUCLEAN || why->sys == EBADMSG;
}

static int check_layer(struct checker *c, const struct digest *d, struct err **err)
{
	auto_err *why = NULL;
	auto_buf problem = BUF_INIT;
	struct layer_verdict v = {0};
	struct layer_row row = {0};
	/* held, so that it does not go while it is read */
	if (!store_lease_layer(c->lease, d))
		return 0;
	c->out->layers++;
	bool damaged = true;
	if (layer_verify(c, d, &v, &why) < 0) {
		damaged = is_damage(why);
		/* not the layer's fault */
		if (!damaged && why->kind != ERR_UNAVAILABLE)
			return err_wrap(&why, "verify layer %s", d->str), err_move(err, &why);
		buf_adds(&problem, err_msg(why));
	} else if (layer_find(c->store, d, &row, err) < 0) {
		layer_verdict_free(&v);
		return -1;
	} else if (v.total) {
		count_files(&v, &problem);
	} else {
		compare_row(&row, &v, &problem);
	}
	if (problem.len) {
		struct store_finding *f =
			check_find(c, STORE_FINDING_LAYER, d, NULL, buf_str(&problem));
		f->damaged = damaged;
		f->files_more = v.total - v.count;
		f->file_count = v.count;
		f->files = steal_ptr(v.files);
		v.count = 0;
		check_repair_layer(c, f);
	}
	layer_verdict_free(&v);
	return 0;
}

static int check_layers(struct checker *c, struct err **err)
{
	auto_strv digests = NULL;
	if (db_strings(c->store->db, "SELECT diff_id FROM layers ORDER BY id", NULL, &digests,
		    err) < 0)
		return -1;
	for (size_t i = 0; digests && digests[i]; i++) {
		struct digest d;
		if (check_tick(c, err) < 0 || digest_parse(digests[i], &d, err) < 0 ||
			check_layer(c, &d, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- images ---- */

/* The rows say which layers an image has; so does its configuration. 1: not the same. */
static int compare_layers(struct checker *c, const struct digest *id,
	const struct oci_image *config, struct err **err)
{
	auto_db_stmt *q = db_query(c->store->db,
		"SELECT diff_id FROM image_layers LEFT JOIN layers ON layers.id = layer "
		"WHERE image = ? ORDER BY pos",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, id->str);
	size_t n = 0;
	int r;
	while ((r = db_step(q, err)) == 1) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): no failure of parsing is 1 */
		if (n >= config->diff_id_count ||
			!str_eq(db_col_str(q, 0), config->diff_ids[n].str))
			return 1;
		n++;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	return r < 0 ? -1 : n != config->diff_id_count;
}

/* The image may go, or go and come back, while its parts are looked at one after another: once more, as a whole. */
static int compare_again(struct checker *c, const struct digest *id, const struct oci_image *config,
	struct err **err)
{
	if (db_begin(c->store->db, err) < 0)
		return -1;
	auto_strv found = NULL;
	int r = db_strings(
		c->store->db, "SELECT id FROM images WHERE id = ?", id->str, &found, err);
	if (r == 0 && found)
		r = compare_layers(c, id, config, err);
	db_rollback(c->store->db);
	return r;
}

static int check_images(struct checker *c, struct err **err)
{
	auto_strv ids = NULL;
	if (db_strings(c->store->db, "SELECT id FROM images ORDER BY id", NULL, &ids, err) < 0)
		return -1;
	for (size_t i = 0; ids && ids[i]; i++) {
		struct digest id;
		auto_buf json = BUF_INIT;
		auto_oci_image *config = NULL;
		auto_err *why = NULL;
		if (check_tick(c, err) < 0 || digest_parse(ids[i], &id, err) < 0)
			return -1;
		c->out->images++;
		int r = store_image_config_json(c->store, &id, &json, &why);
		if (r == 0)
			r = oci_image_parse(&config, json.data, json.len, &why);
		if (r < 0 && why->kind == ERR_NOT_FOUND)
			continue; /* gone meanwhile; a blob that is missing has been told */
		if (r == 0)
			r = compare_layers(c, &id, config, err);
		if (r == 1)
			r = compare_again(c, &id, config, err);
		if (r < 0 && !why)
			return -1;
		if (r != 0) {
			struct store_finding *f = check_find(c, STORE_FINDING_IMAGE, &id, NULL,
				why ? why->msg : "its layers are not those of its configuration");
			f->remedy = xstrdup("remove the image, then pull or load it again");
		}
	}
	return 0;
}

int store_check_run(struct store *store, const struct store_check_spec *spec,
	struct store_check *out, struct err **err)
{
	*out = (struct store_check){0};
	struct checker c = {.store = store, .repair = spec->repair, .spec = spec, .out = out};
	c.lease = store_lease_new(store);
	/* blobs first: what layers are unpacked from again has been looked at then */
	int r = check_blobs(&c, err);
	if (r == 0)
		r = check_layers(&c, err);
	if (r == 0)
		r = check_images(&c, err);
	if (r == 0)
		r = check_rows(&c, err);
	store_lease_end(c.lease);
	if (r < 0)
		store_check_free(out);
	return r;
}
