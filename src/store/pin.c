/* Pins, and leases made of them: what the collector must leave alone. */
#include "store_private.h"

#include "base/mem.h"
#include "base/str.h"

static void put_locked(struct store *s, enum pin_kind kind, const struct digest *digest)
{
	struct pin *p = xcalloc(1, sizeof(*p));
	*p = (struct pin){kind, *digest, s->pins};
	s->pins = p;
}

void pin_put(struct store *s, enum pin_kind kind, const struct digest *digest)
{
	pthread_mutex_lock(&s->lock);
	put_locked(s, kind, digest);
	pthread_mutex_unlock(&s->lock);
}

bool pin_take(struct store *s, enum pin_kind kind, const struct digest *digest)
{
	struct layer_row row;
	int64_t size;
	pthread_mutex_lock(&s->lock);
	bool have = (kind == PIN_LAYER ? layer_find(s, digest, &row, NULL)
				       : blob_find(s, digest, &size, NULL)) == 1;
	if (have)
		put_locked(s, kind, digest);
	pthread_mutex_unlock(&s->lock);
	return have;
}

void pin_drop(struct store *s, enum pin_kind kind, const struct digest *digest)
{
	pthread_mutex_lock(&s->lock);
	for (struct pin **at = &s->pins; *at; at = &(*at)->next) {
		if ((*at)->kind != kind || !str_eq((*at)->digest.str, digest->str))
			continue;
		struct pin *p = *at;
		*at = p->next;
		free(p);
		break;
	}
	pthread_mutex_unlock(&s->lock);
}

bool pin_holds(struct store *s, enum pin_kind kind, const char *digest)
{
	for (struct pin *p = s->pins; p; p = p->next)
		if (p->kind == kind && str_eq(p->digest.str, digest))
			return true;
	return false;
}

/* ---- leases ---- */

struct held {
	enum pin_kind kind;
	struct digest digest;
};

struct store_lease {
	struct store *store;
	struct held *v;
	size_t count;
};

struct store_lease *store_lease_new(struct store *s)
{
	struct store_lease *l = xcalloc(1, sizeof(*l));
	l->store = s;
	return l;
}

void store_lease_end(struct store_lease *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->count; i++)
		pin_drop(l->store, l->v[i].kind, &l->v[i].digest);
	/* what it held may have lost its last image meanwhile */
	if (l->count)
		store_gc(l->store);
	free(l->v);
	free(l);
}

static void note(struct store_lease *l, enum pin_kind kind, const struct digest *digest)
{
	l->v = xreallocarray(l->v, l->count + 1, sizeof(*l->v));
	l->v[l->count++] = (struct held){kind, *digest};
}

bool store_lease_layer(struct store_lease *l, const struct digest *diff_id)
{
	bool have = pin_take(l->store, PIN_LAYER, diff_id);
	if (have)
		note(l, PIN_LAYER, diff_id);
	return have;
}

bool store_lease_blob(struct store_lease *l, const struct digest *digest)
{
	bool have = pin_take(l->store, PIN_BLOB, digest);
	if (have)
		note(l, PIN_BLOB, digest);
	return have;
}

void lease_expect(struct store_lease *l, enum pin_kind kind, const struct digest *digest)
{
	pin_put(l->store, kind, digest);
	note(l, kind, digest);
}

struct store *lease_store(struct store_lease *l)
{
	return l->store;
}

int store_lease_image(struct store_lease *l, const struct digest *image, struct err **err)
{
	struct store *s = l->store;
	auto_strv layers = NULL;
	auto_strv blobs = NULL;
	struct digest d;
	pthread_mutex_lock(&s->lock);
	int r = db_strings(s->db,
		"SELECT diff_id FROM layers JOIN image_layers ON layer = layers.id WHERE image = ?",
		image->str, &layers, err);
	if (r == 0)
		r = db_strings(s->db,
			"SELECT blobs.digest FROM blobs JOIN image_blobs USING(digest)"
			" WHERE image = ?",
			image->str, &blobs, err);
	if (r == 0 && !blobs)
		r = err_set(err, ERR_NOT_FOUND, "No such image: %s", image->str);
	for (size_t i = 0; r == 0 && layers && layers[i]; i++)
		if (digest_parse(layers[i], &d, NULL) == 0) {
			put_locked(s, PIN_LAYER, &d);
			note(l, PIN_LAYER, &d);
		}
	for (size_t i = 0; r == 0 && blobs[i]; i++)
		if (digest_parse(blobs[i], &d, NULL) == 0) {
			put_locked(s, PIN_BLOB, &d);
			note(l, PIN_BLOB, &d);
		}
	pthread_mutex_unlock(&s->lock);
	return r;
}
