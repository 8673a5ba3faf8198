/* Containers in the database: one row each, written at create, at each start and at each end. */
#include "core.h"

#include "base/json.h"

static const char *const steps[] = {
	"CREATE TABLE containers ("
	" id TEXT PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" image TEXT NOT NULL,"
	" doc TEXT NOT NULL,"
	" status TEXT NOT NULL,"
	" exit_code INTEGER NOT NULL DEFAULT 0,"
	" oom INTEGER NOT NULL DEFAULT 0,"
	" error TEXT,"
	" started INTEGER NOT NULL DEFAULT 0,"
	" finished INTEGER NOT NULL DEFAULT 0,"
	" generation INTEGER NOT NULL DEFAULT 0,"
	" network TEXT) WITHOUT ROWID;"
	"CREATE TABLE volumes ("
	" name TEXT PRIMARY KEY,"
	" created INTEGER NOT NULL,"
	" anonymous INTEGER NOT NULL,"
	" labels TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
};

int rows_migrate(struct db *db, struct err **err)
{
	return db_migrate(db, "engine", steps, ARRAY_LEN(steps), err);
}

int rows_insert(struct db *db, const struct container *c, struct err **err)
{
	auto_free char *doc = doc_to_json(&c->doc->doc);
	return db_exec(db, err,
		       "INSERT INTO containers (id, name, image, doc, status) VALUES (?, ?, ?, ?, "
		       "?)",
		       "sssss", container_id(c), c->name, c->doc->doc.image_id, doc,
		       container_status_name(CONTAINER_CREATED)) < 0
		       ? -1
		       : 0;
}

int rows_save_state(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	struct container_state s = c->state;
	auto_free char *error = xstrdup_null(c->state.error);
	auto_free char *network =
		c->hold.has_endpoint || c->hold.port_count ? hold_to_json(&c->hold) : NULL;
	uint64_t generation = c->generation;
	pthread_mutex_unlock(&c->lock);

	return db_exec(c->engine->db, err,
		       "UPDATE containers SET status = ?, exit_code = ?, oom = ?, error = ?,"
		       " started = ?, finished = ?, generation = ?, network = ? WHERE id = ?",
		       "siisiiiss", container_status_name(s.status), (int64_t)s.exit_code,
		       (int64_t)s.oom_killed, error, s.started_at, s.finished_at,
		       (int64_t)generation, network, container_id(c)) < 0
		       ? -1
		       : 0;
}

/*
 * A container with --rm does not outlive a power cut, so its rows need not be on disk before the next step: what
 * is lost are the newest commits, and what an older state of the file describes (created; running; not yet
 * removed) is taken up or removed by the next start as after a crash.
 */
int rows_begin(struct container *c, struct err **err)
{
	return c->doc->doc.host.auto_remove ? db_begin_lazy(c->engine->db, err)
					    : db_begin(c->engine->db, err);
}

int rows_save_starting(struct container *c, const struct net_hold *hold, struct err **err)
{
	struct db *db = c->engine->db;
	auto_free char *network =
		hold->has_endpoint || hold->port_count ? hold_to_json(hold) : NULL;

	if (rows_begin(c, err))
		return -1;
	if (db_exec(db, err,
		    "UPDATE containers SET status = ?, generation = ?, started = ?, network = ?"
		    " WHERE id = ?",
		    "siiss", container_status_name(CONTAINER_RUNNING), (int64_t)c->generation,
		    time_now(), network, container_id(c)) < 0) {
		db_rollback(db);
		return -1;
	}
	return db_commit(db, err);
}

int rows_delete(struct db *db, const char *id, struct err **err)
{
	return db_exec(db, err, "DELETE FROM containers WHERE id = ?", "s", id) < 0 ? -1 : 0;
}

int rows_rename(struct db *db, const char *id, const char *name, struct err **err)
{
	return db_exec(db, err, "UPDATE containers SET name = ? WHERE id = ?", "ss", name, id) < 0
		       ? -1
		       : 0;
}

static void load_state(struct container *c, struct db_stmt *q)
{
	int status = container_status_parse(db_col_str(q, 3));
	c->state.status = status < 0 ? CONTAINER_DEAD : (enum container_status)status;
	c->state.exit_code = (int32_t)db_col_i64(q, 4);
	c->state.oom_killed = db_col_i64(q, 5) != 0;
	c->state.error = xstrdup_null(db_col_str(q, 6));
	c->state.started_at = db_col_i64(q, 7);
	c->state.finished_at = db_col_i64(q, 8);
	c->generation = (uint64_t)db_col_i64(q, 9);
}

/* A row that cannot be read is reported and left alone: it is somebody's container. */
static void load_row(struct engine *e, struct db_stmt *q)
{
	struct doc_ref *doc = doc_new();
	auto_err *err = NULL;

	if (doc_from_json(&doc->doc, db_col_str(q, 2), &err)) {
		log_error("container %s: %s", db_col_str(q, 0), err_msg(err));
		doc_unref(doc);
		return;
	}
	auto_container *c = container_new(e, doc, db_col_str(q, 1));
	load_state(c, q);
	if (!db_col_null(q, 10) && hold_from_json(&c->hold, db_col_str(q, 10), &err))
		log_error("container %s: its network: %s", container_id(c), err_msg(err));
	if (roster_name_take(&e->roster, c->name, container_id(c), NULL))
		return;
	roster_add(&e->roster, c);
}

int rows_load(struct engine *e, struct err **err)
{
	auto_db_stmt *q = db_query(e->db,
		"SELECT id, name, doc, status, exit_code, oom, error, started, finished, "
		"generation,"
		" network FROM containers",
		err);
	int r = -1;

	if (!q)
		return -1;
	while ((r = db_step(q, err)) == 1)
		load_row(e, q);
	return r;
}
