/*
 * Removing images, by dockerd's rules (which names go with which argument, what is a conflict, what
 * force changes, and the order of what is answered).
 *
 * First it is decided what shall happen, asking the engine who uses the image, with no lock held;
 * then it happens in one transaction. A container made in between keeps its layers through its own
 * rows, so at worst its image's name is gone.
 */
#include "store_private.h"

#include "base/mem.h"
#include "base/str.h"

void store_removed_list_free(struct store_removed_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->v[i].what);
	free(list->v);
	*list = (struct store_removed_list){0};
}

struct removal {
	struct store *store;
	struct digest id;
	bool force;
	store_users_fn *users;
	void *arg;
	char *parent; /* "" if none */
	bool has_children;
	char **tags, **digests; /* all names */
	char **names; /* those to be taken away, in order */
	bool one_name; /* names[0] was asked for, the others go with it */
	bool image; /* and the image itself */
	struct store_removed_list *out;
};

static void add_removed(struct removal *r, int kind, char *what, bool is_image)
{
	struct store_removed_list *out = r->out;
	out->v = xreallocarray(out->v, out->count + 1, sizeof(*out->v));
	out->v[out->count++] = (struct store_removed){
		.kind = kind, .what = what, .is_image = is_image, .image = r->id};
}

/* Twelve digits, as messages show ids. */
static void short_id(const char *id, char out[13])
{
	const char *hex = str_after(id, "sha256:");
	hex = hex ? hex : id;
	size_t n = strnlen(hex, 12);
	memcpy(out, hex, n);
	out[n] = '\0';
}

static bool get_user(struct removal *r, struct store_user *user)
{
	return r->users && r->users(r->arg, &r->id, user, 1) > 0;
}

static int conflict(
	struct removal *r, bool hard, const char *why, const char *container, struct err **err)
{
	char image[13], name[13] = "";
	short_id(r->id.str, image);
	if (container)
		short_id(container, name);
	return err_set(err, ERR_CONFLICT, "conflict: unable to delete %s (%s) - %s%s%s", image,
		hard ? "cannot be forced" : "must be forced", why, container ? " " : "", name);
}

/* What forbids the image's own removal; names are looked at only if @check_names. */
static int check_use(struct removal *r, bool check_names, struct err **err)
{
	struct store_user user;
	if (r->has_children)
		return conflict(r, true, "image has dependent child images", NULL, err);
	bool used = get_user(r, &user);
	if (used && user.running)
		return conflict(r, true, "image is being used by running container",
			user.container_id, err);
	if (r->force)
		return 0;
	if (check_names && (r->tags || r->digests))
		return conflict(
			r, false, "image is referenced in multiple repositories", NULL, err);
	if (used)
		return conflict(r, false, "image is being used by stopped container",
			user.container_id, err);
	return 0;
}

/* "name" of "name:tag" or "name@digest" (full names). */
static char *repo_of(const char *name)
{
	auto_reference ref = {0};
	return reference_parse(name, &ref, NULL) < 0 ? xstrdup(name) : reference_name(&ref);
}

/* At most one tag, and digests in its repository only. */
static bool single_reference(struct removal *r)
{
	size_t tags = strv_len(r->tags), digests = strv_len(r->digests);
	if (tags + digests <= 1)
		return true;
	if (tags > 1)
		return false;
	auto_free char *repo = repo_of(tags ? r->tags[0] : r->digests[0]);
	for (size_t i = 0; i < digests; i++) {
		auto_free char *other = repo_of(r->digests[i]);
		if (!str_eq(repo, other))
			return false;
	}
	return true;
}

static bool is_id_prefix(const struct digest *id, const char *text)
{
	return str_starts(id->str, text) || str_starts(digest_hex(id), text);
}

/* Once its last tag is gone, digests alone do not hold a repository. */
static void plan_digests_of(struct removal *r, const struct reference *ref)
{
	auto_free char *repo = reference_name(ref);
	for (size_t i = 0; r->tags && r->tags[i]; i++) {
		auto_free char *other = repo_of(r->tags[i]);
		if (str_eq(other, repo) && strv_index(r->names, r->tags[i]) < 0)
			return;
	}
	for (size_t i = 0; r->digests && r->digests[i]; i++) {
		auto_free char *other = repo_of(r->digests[i]);
		if (str_eq(other, repo))
			strv_add(&r->names, r->digests[i]);
	}
}

static size_t names_left(struct removal *r)
{
	size_t left = strv_len(r->tags) + strv_len(r->digests);
	for (size_t i = 0; r->names && r->names[i]; i++)
		if (strv_index(r->tags, r->names[i]) >= 0 ||
			strv_index(r->digests, r->names[i]) >= 0)
			left--;
	return left;
}

/* The argument is a name: it goes, and the image with it if it was the last. */
static int plan_by_name(struct removal *r, const char *text, struct err **err)
{
	struct store_user user;
	auto_reference ref = {0};
	if (!r->force && single_reference(r) && get_user(r, &user)) {
		char container[13], image[13];
		short_id(user.container_id, container);
		short_id(r->id.str, image);
		return err_set(err, ERR_CONFLICT,
			"conflict: unable to remove repository reference \"%s\" (must force) - "
			"container %s is using its referenced image %s",
			text, container, image);
	}
	if (reference_parse(text, &ref, err) < 0)
		return -1;
	if (ref.has_digest)
		str_replace(&ref.tag, NULL); /* with both the digest decides */
	else
		reference_default_tag(&ref);
	r->one_name = true;
	strv_take(&r->names, reference_string(&ref));
	if (!ref.has_digest)
		plan_digests_of(r, &ref);
	if (names_left(r))
		return 0;
	/* without a name now; a container or an image made from it keeps it, quietly */
	r->image = check_use(r, false, NULL) == 0;
	return 0;
}

/* The argument is an id: all names go with the image. */
static int plan_by_id(struct removal *r, struct err **err)
{
	bool single = single_reference(r);
	if (check_use(r, !single, err) < 0)
		return -1;
	for (size_t i = 0; r->tags && r->tags[i]; i++)
		strv_add(&r->names, r->tags[i]);
	for (size_t i = 0; r->digests && r->digests[i]; i++)
		strv_add(&r->names, r->digests[i]);
	r->image = true;
	return 0;
}

static int remove_names(struct removal *r, struct err **err)
{
	struct db *db = r->store->db;
	for (size_t i = 0; r->names && r->names[i]; i++) {
		const char *name = r->names[i];
		if (db_exec(db, err, "DELETE FROM tags WHERE name = ? AND image = ?", "ss", name,
			    r->id.str) < 0 ||
			db_exec(db, err, "DELETE FROM repo_digests WHERE name = ? AND image = ?",
				"ss", name, r->id.str) < 0)
			return -1;
		auto_reference ref = {0};
		add_removed(r, STORE_UNTAGGED,
			reference_parse(name, &ref, NULL) < 0 ? xstrdup(name)
							      : reference_familiar_string(&ref),
			false);
		r->out->v[r->out->count - 1].silent = i > 0 && r->one_name;
	}
	return 0;
}

/* Layers (as chains) that only this image has, topmost first. */
static int lonely_chains(struct removal *r, char ***out, struct err **err)
{
	return db_strings(r->store->db,
		"SELECT chain FROM image_layers AS mine WHERE image = ?1 AND"
		" NOT EXISTS(SELECT 1 FROM image_layers AS other"
		"  WHERE other.chain = mine.chain AND other.image != ?1) AND"
		" NOT EXISTS(SELECT 1 FROM snapshot_layers AS other WHERE other.chain = mine.chain)"
		" ORDER BY pos DESC",
		r->id.str, out, err);
}

/* Somebody may have given it a name since the decision. */
static int still_named(struct removal *r, struct err **err)
{
	auto_strv tags = NULL;
	auto_strv digests = NULL;
	if (names_of(r->store, &r->id, &tags, &digests, err) < 0)
		return -1;
	return tags || digests;
}

static int remove_image(struct removal *r, struct err **err)
{
	auto_strv chains = NULL;
	int named = still_named(r, err);
	if (named || lonely_chains(r, &chains, err) < 0) {
		r->image = false;
		return named > 0 ? 0 : -1;
	}
	if (db_exec(r->store->db, err, "DELETE FROM images WHERE id = ?", "s", r->id.str) < 0)
		return -1;
	add_removed(r, STORE_DELETED, xstrdup(r->id.str), true);
	for (size_t i = 0; chains && chains[i]; i++)
		add_removed(r, STORE_DELETED, xstrdup(chains[i]), false);
	return 0;
}

/* What is asked about an image before it is decided whether it goes. */
static int look(struct removal *r, struct err **err)
{
	auto_db_stmt *q = db_query(r->store->db,
		"SELECT parent, EXISTS(SELECT 1 FROM images AS child WHERE child.parent = "
		"images.id)"
		" FROM images WHERE id = ?",
		err);
	if (!q)
		return -1;
	db_bind_str(q, 1, r->id.str);
	int s = db_step(q, err);
	if (s == 0)
		return err_set(err, ERR_NOT_FOUND, "No such image: %s", r->id.str);
	if (s < 0)
		return -1;
	str_replace(&r->parent, db_col_str(q, 0));
	r->has_children = db_col_i64(q, 1);
	return names_of(r->store, &r->id, &r->tags, &r->digests, err);
}

static void forget(struct removal *r)
{
	strv_free(r->tags);
	strv_free(r->digests);
	strv_free(r->names);
	free(r->parent);
	r->tags = r->digests = r->names = NULL;
	r->parent = NULL;
}

static int carry_out(struct removal *r, struct err **err)
{
	struct store *s = r->store;
	/* a load that brings the same image must not find its row gone and its configuration there,
	 * or the other way round */
	pthread_mutex_lock(&s->lock);
	if (db_begin(s->db, err) < 0) {
		pthread_mutex_unlock(&s->lock);
		return -1;
	}
	int ok = remove_names(r, err) < 0 || (r->image && remove_image(r, err) < 0) ? -1 : 0;
	if (ok == 0)
		ok = db_commit(s->db, err);
	else
		db_rollback(s->db);
	pthread_mutex_unlock(&s->lock);
	if (ok == 0 && r->image)
		r->out->reclaimed += store_gc(s);
	return ok;
}

/* An image that only held up the one that went: no name, no other image made from it, no container. */
static bool prune_parent(struct removal *r, const char *id)
{
	if (digest_parse(id, &r->id, NULL) < 0 || look(r, NULL) < 0)
		return false;
	if (r->tags || r->digests || check_use(r, false, NULL) < 0)
		return false;
	r->image = true;
	return carry_out(r, NULL) == 0 && r->image;
}

static void prune_parents(struct removal *r)
{
	r->force = false;
	for (;;) {
		auto_free char *parent = steal_ptr(r->parent);
		forget(r);
		if (str_empty(parent) || !prune_parent(r, parent))
			return;
	}
}

int store_image_remove(struct store *s, const char *ref, unsigned flags, store_users_fn *users,
	void *arg, struct store_removed_list *out, struct err **err)
{
	struct removal r = {.store = s,
		.force = flags & STORE_REMOVE_FORCE,
		.users = users,
		.arg = arg,
		.out = out};
	*out = (struct store_removed_list){0};
	int ok = image_resolve(s, ref, &r.id, NULL, err);
	if (ok == 0)
		ok = look(&r, err);
	if (ok == 0)
		ok = is_id_prefix(&r.id, ref) ? plan_by_id(&r, err) : plan_by_name(&r, ref, err);
	if (ok == 0)
		ok = carry_out(&r, err);
	if (ok < 0)
		store_removed_list_free(out);
	else if (r.image && !(flags & STORE_REMOVE_KEEP_PARENTS))
		prune_parents(&r);
	forget(&r);
	return ok;
}
