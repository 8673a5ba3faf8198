/* Hearing kist-transfer and the other pulls, and telling the caller. */
#include <errno.h>
#include <sys/epoll.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "pull_private.h"

/* ---- results ---- */

void pull_layer_done(struct store_pull *p, size_t i)
{
	const struct pull_layer *done = &p->layers[i];
	for (size_t k = i; k < p->count; k++) {
		struct pull_layer *l = &p->layers[k];
		if (l->same_as != i || l->pub.state == STORE_PULL_HERE)
			continue;
		l->staged = done->staged;
		l->compression = done->compression;
		l->pub.state = STORE_PULL_DONE;
		l->pending = PULL_PENDING_DONE;
	}
	p->fresh = true;
}

/* kist-transfer knows these names; one that was taken over may say anything. */
static const char *known_compression(const char *name)
{
	static const char *const known[] = {"", "gzip", "zstd", "xz", "bzip2", "lzma"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (str_eq(name, known[i]))
			return known[i];
	return NULL;
}

static int take_layer(struct store_pull *p, const struct transfer_message *m, struct err **err)
{
	struct pull_layer *l = &p->layers[p->active];
	char folder[STAGING_NAME] = "";
	l->compression = known_compression(m->compression);
	if (!l->compression || !str_eq(m->blob.str, l->pub.blob.str) ||
		!str_eq(m->diff_id.str, l->pub.diff_id.str) || m->staged == l->known ||
		(m->size | m->tar_size | m->recipe_size) > INT64_MAX)
		return err_set(err, ERR_SYSTEM, "kist-transfer contradicts itself about layer %s",
			l->pub.blob.str);
	l->staged = (struct staged_layer){
		.diff_id = m->diff_id,
		.size = (int64_t)m->size,
		.opaque = m->opaque,
		.tar_size = (int64_t)m->tar_size,
		.recipe_size = (int64_t)m->recipe_size,
	};
	p->follower.busy = false;
	if (!l->known && follower_take(&p->follower, &l->staged, folder, err) < 0)
		return -1;
	if (l->ingest)
		ingest_finish(l->ingest, &l->staged, folder, l->compression);
	else
		strcpy(l->folder, folder);
	l->mine = false;
	pull_layer_done(p, p->active);
	return pull_feed(p, err);
}

static bool no_room(const struct err *why)
{
	return why->kind == ERR_SYSTEM && (why->sys == ENOSPC || why->sys == EDQUOT);
}

/* Its maker is to blame, or it is more than there is room for: coming again, this pull would refuse it again. What else
 * fails is trouble of this machine's that may pass, and the blob is gone on with then. */
static bool is_final(const struct err *why)
{
	return why->kind != ERR_SYSTEM || no_room(why);
}

/* Only what was verified is said of the blob, to whoever wants it: any other bytes may have come under its digest from
 * whom this pull asks, and its limits are its own. */
static int give_up(struct store_pull *p, struct pull_layer *l, const struct transfer_message *m,
	struct err **why, struct err **err)
{
	if (!m->damaged && is_final(*why))
		p->hopeless = true;
	if (m->verified && l->ingest)
		ingest_refuse(l->ingest, &l->pub.diff_id, *why);
	return err_move(err, why);
}

/* What was on disk before this process saw it written may have been spoilt by a power cut, or come from somebody who lied to
 * another pull: once more. */
static int refuse(struct store_pull *p, const struct transfer_message *m, struct err **err)
{
	struct pull_layer *l = &p->layers[p->active];
	auto_err *why = NULL;
	err_set(&why, m->err_kind, "%s", m->text);
	why->sys = m->sys;
	p->follower.busy = false;
	bool again = !m->verified && !no_room(why) && l->ingest && l->ingest->resumed;
	/* whoever claims it next begins at zero */
	if (l->ingest && !m->verified && (again || m->damaged || is_final(why)))
		ingest_discard(l->ingest);
	if (!again)
		return give_up(p, l, m, &why, err);
	l->pending |=
		l->pub.state == STORE_PULL_DOWNLOADING ? PULL_PENDING_RESTART : PULL_PENDING_NEEDED;
	l->pending &= ~(unsigned int)PULL_PENDING_UNPACK;
	l->pub.state = STORE_PULL_NEEDED;
	l->there = 0;
	ingest_grown(l->ingest, 0);
	return pull_feed(p, err);
}

static int hear_follower(struct store_pull *p, struct err **err)
{
	struct transfer_message m;
	int r;
	while (p->follower.pid && (r = follower_next(&p->follower, &m, p->room, err)) != 0) {
		if (r < 0)
			return -1;
		struct pull_layer *l = &p->layers[p->active];
		if (m.kind == TRANSFER_PROGRESS) {
			l->unpacked =
				m.size < (uint64_t)l->pub.size ? (int64_t)m.size : l->pub.size;
			l->pending |= PULL_PENDING_UNPACK;
		} else if ((m.kind == TRANSFER_LAYER ? take_layer(p, &m, err)
						     : refuse(p, &m, err)) < 0) {
			return -1;
		}
	}
	return 0;
}

/* ---- other pulls ---- */

/* A layer that somebody else downloads: how is it? 1: done. */
static int look_at(struct store_pull *p, size_t i, struct err **err)
{
	struct pull_layer *l = &p->layers[i];
	struct ingest *g = l->ingest;
	if (ingest_refused(g, &l->pub.diff_id, err)) {
		p->hopeless = true;
		return -1;
	}
	pthread_mutex_lock(&p->store->ingest_lock);
	bool done = g->done, orphan = !g->owner;
	int64_t there = g->there, size = g->size;
	if (done) {
		l->staged = g->staged;
		l->compression = g->compression;
	}
	pthread_mutex_unlock(&p->store->ingest_lock);
	if (done && (size != l->pub.size || !str_eq(l->staged.diff_id.str, l->pub.diff_id.str))) {
		p->hopeless = true;
		return err_set(err, ERR_INVALID,
			"layer %s does not match the image's configuration: it has %lld bytes and "
			"the diffID %s, expected %lld and %s",
			l->pub.blob.str, (long long)size, l->staged.diff_id.str,
			(long long)l->pub.size, l->pub.diff_id.str);
	}
	if (done) {
		pull_layer_done(p, i);
		return 0;
	}
	if (orphan && ingest_claim(g, p, l->pub.size)) {
		pull_own(p, i);
		if (l->pub.state == STORE_PULL_NEEDED)
			l->pending |= PULL_PENDING_NEEDED;
		return 0;
	}
	if (there != l->there) {
		l->there = there < l->pub.size ? there : l->pub.size;
		l->pending |= PULL_PENDING_DOWNLOAD;
	}
	return 0;
}

static int look_at_others(struct store_pull *p, struct err **err)
{
	for (size_t i = 0; i < p->count; i++) {
		struct pull_layer *l = &p->layers[i];
		if (l->pub.state == STORE_PULL_WAITING && l->ingest && !l->mine &&
			look_at(p, i, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- telling ---- */

static bool pending(struct store_pull *p, struct store_pull_event *out)
{
	/* in this order: a layer that is needed or lost has nothing to say about its unpacking */
	static const struct {
		unsigned int bit;
		int kind;
	} table[] = {
		{PULL_PENDING_RESTART, STORE_PULL_EVENT_RESTART},
		{PULL_PENDING_NEEDED, STORE_PULL_EVENT_NEEDED},
		{PULL_PENDING_DOWNLOAD, STORE_PULL_EVENT_DOWNLOAD},
		{PULL_PENDING_UNPACK, STORE_PULL_EVENT_UNPACK},
		{PULL_PENDING_DONE, STORE_PULL_EVENT_DONE},
	};
	for (size_t i = 0; i < p->count; i++) {
		struct pull_layer *l = &p->layers[i];
		for (size_t k = 0; l->pending && k < ARRAY_LEN(table); k++) {
			if (!(l->pending & table[k].bit))
				continue;
			l->pending &= ~table[k].bit;
			*out = (struct store_pull_event){
				.kind = table[k].kind,
				.layer = i,
				.current = table[k].bit == PULL_PENDING_DOWNLOAD ? l->there
										 : l->unpacked,
				.total = l->pub.size,
			};
			return true;
		}
	}
	return false;
}

static bool all_there(const struct store_pull *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->layers[i].pub.state != STORE_PULL_DONE &&
			p->layers[i].pub.state != STORE_PULL_HERE)
			return false;
	return true;
}

static int look(struct store_pull *p, struct err **err)
{
	uint64_t count;
	if (p->failed)
		return err_move(err, &p->failed);
	while (fd_read(p->wake, &count, sizeof(count)) > 0)
		continue;
	if (hear_follower(p, err) < 0 || look_at_others(p, err) < 0)
		return -1;
	return pull_feed(p, err);
}

/* Readable again when there is room for what did not fit. */
static void watch_follower(struct store_pull *p)
{
	if (!p->follower.pid)
		return;
	struct epoll_event e = {
		.events = EPOLLIN | (follower_full(&p->follower) ? EPOLLOUT : 0u),
		.data.fd = p->follower.sock,
	};
	epoll_ctl(p->epoll, EPOLL_CTL_MOD, p->follower.sock, &e);
}

int store_pull_next(struct store_pull *p, struct store_pull_event *out, struct err **err)
{
	if (pending(p, out))
		return 1;
	if (look(p, err) < 0)
		return -1;
	watch_follower(p);
	if (pending(p, out))
		return 1;
	if (p->ready || !all_there(p))
		return 0;
	p->ready = true;
	*out = (struct store_pull_event){.kind = STORE_PULL_EVENT_READY};
	return 1;
}
