/*
 * A list is read, changed and written back. What of this engine writes the same one waits its turn; what others write at the same
 * time, the registry's preconditions tell, and where there is none to heed, a look afterwards.
 */
#include "referrers.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "base/digest.h"
#include "core.h"

#define ATTEMPTS 5
/* before the next one, and a random part of 256 ms more */
#define PAUSE_MS 50
/* how often it is looked whether it is our turn */
#define TURN_MS 20

/* Sleeps, unless the operation is cancelled. */
static int sleep_ms(struct operation *op, int ms, struct err **err)
{
	struct pollfd p = {operation_cancel_fd(op), POLLIN, 0};
	if (poll(&p, 1, ms) < 0 && errno != EINTR)
		return err_sys(err, errno, "wait for a list of referrers");
	if (operation_cancelled(op))
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

/* ---- turns ---- */

struct referrers_turn {
	struct referrers_turn *next;
	const char *repository, *tag;
};

static bool turn_take(struct engine *e, struct referrers_turn *t)
{
	pthread_mutex_lock(&e->referrers_lock);
	const struct referrers_turn *has = e->referrers;
	while (has && (!str_eq(has->tag, t->tag) || !str_eq(has->repository, t->repository)))
		has = has->next;
	if (!has) {
		t->next = e->referrers;
		e->referrers = t;
	}
	pthread_mutex_unlock(&e->referrers_lock);
	return !has;
}

static void turn_end(struct engine *e, struct referrers_turn *t)
{
	pthread_mutex_lock(&e->referrers_lock);
	struct referrers_turn **link = &e->referrers;
	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	pthread_mutex_unlock(&e->referrers_lock);
}

/* ---- the list ---- */

/* 1 and the list if there is one, 0 if not. */
static int get_list(struct registry_session *s, const struct oci_referrer *r,
	struct registry_manifest *out, struct err **err)
{
	auto_err *why = NULL;
	/* any kind is asked for: to a registry that hides what was not, the tag would be free */
	if (registry_manifest_get(s, r->tag, REGISTRY_ANY_MANIFEST, out, &why) < 0)
		return why->kind == ERR_NOT_FOUND ? 0 : err_move(err, &why);
	if (!str_empty(out->media_type) && !str_eq(out->media_type, OCI_TYPE_INDEX))
		return err_set(err, ERR_INVALID, "the tag names no image index but \"%.128s\"",
			out->media_type);
	return 1;
}

/* 1 and the list with @r if it has to be put, 0 if @r is listed. *@etag: what it takes the place of; "": nobody knows. */
static int make_list(struct registry_session *s, const struct oci_referrer *r, struct buf *text,
	char **etag, struct err **err)
{
	auto_registry_manifest list = {0};
	int has = get_list(s, r, &list, err);
	if (has < 0)
		return -1;
	const char *old = !has ? NULL : list.bytes.data ? list.bytes.data : "";
	*etag = has ? steal_ptr(list.etag) : xstrdup(REGISTRY_NOTHING);
	return oci_referrers_add(old, list.bytes.len, r, text, err);
}

/* Many registries heed no If-None-Match, and without an ETag there was nothing to heed. */
static int look_again(struct registry_session *s, const struct oci_referrer *r, struct err **err)
{
	auto_free char *etag = NULL;
	auto_buf text = BUF_INIT;
	int missing = make_list(s, r, &text, &etag, err);
	if (missing <= 0)
		return missing;
	return err_set(err, ERR_CONFLICT,
		"what others wrote at the same time has taken the place of the list");
}

static int add_once(struct registry_session *s, const struct oci_referrer *r, struct err **err)
{
	auto_free char *etag = NULL;
	auto_buf text = BUF_INIT;
	int added = make_list(s, r, &text, &etag, err);
	if (added <= 0)
		return added;
	const struct registry_put put = {.ref = r->tag,
		.media_type = OCI_TYPE_INDEX,
		.p = text.data,
		.n = text.len,
		.etag = etag};
	if (registry_manifest_put(s, &put, NULL, err) < 0)
		return -1;
	bool blind = str_empty(etag) || str_eq(etag, REGISTRY_NOTHING);
	return blind ? look_again(s, r, err) : 0;
}

static int pause_random(struct operation *op, struct err **err)
{
	char hex[3];
	random_hex(hex, 1);
	return sleep_ms(op, PAUSE_MS + (int)strtol(hex, NULL, 16), err);
}

static int add(struct operation *op, const struct oci_referrer *r, struct err **err)
{
	for (int left = ATTEMPTS;;) {
		auto_err *why = NULL;
		if (add_once(operation_open_session(op), r, &why) == 0)
			return 0;
		if (why->kind != ERR_CONFLICT || --left == 0)
			return err_move(err, &why);
		if (pause_random(op, err) < 0)
			return -1;
	}
}

int referrers_add(struct operation *op, const char *repository, const struct oci_referrer *r,
	struct err **err)
{
	struct engine *e = operation_engine(op);
	struct referrers_turn turn = {.repository = repository, .tag = r->tag};
	while (!turn_take(e, &turn))
		if (sleep_ms(op, TURN_MS, err) < 0)
			return -1;
	int rc = add(op, r, err);
	turn_end(e, &turn);
	return rc;
}
