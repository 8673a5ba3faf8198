/*
 * Theory of operation of a pull.
 *
 * Each layer goes from NEEDED or WAITING to DONE. Its bytes come from ingest/<hex>, which the registry's program appends
 * to; the caller says how far (store_pull_grown()), and the follower, one kist-transfer for the whole pull, reads,
 * verifies and unpacks one blob at a time: first those that are complete, then the one that is nearest to its end, so
 * that what is unpacked last is what is downloaded last. What two pulls want is done by one of them (struct ingest);
 * the other is woken through its eventfd when there is something to know.
 *
 * Nothing is visible before store_pull_commit(): unpacked layers lie below staging/, blobs in ingest/.
 */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "pull_private.h"

void pull_wake(struct store_pull *p)
{
	static const uint64_t one = 1;
	fd_write(p->wake, &one, sizeof(one)); /* full is as good */
}

/* ---- beginning ---- */

/* 1: the blob is known to be another layer; 0; -1. */
static int check_known(struct store_pull *p, const struct pull_layer *l, struct err **err)
{
	struct digest diff_id;
	int r = store_blob_layer(p->store, &l->pub.blob, &diff_id, err);
	if (r <= 0)
		return r;
	if (str_eq(diff_id.str, l->pub.diff_id.str))
		return 1;
	return err_set(err, ERR_INVALID,
		"layers from manifest don't match image configuration: layer %s has the diffID "
		"%s, not %s",
		l->pub.blob.str, diff_id.str, l->pub.diff_id.str);
}

void pull_own(struct store_pull *p, size_t i)
{
	struct pull_layer *l = &p->layers[i];
	l->mine = true;
	l->there = ingest_look(l->ingest);
	ingest_grown(l->ingest, l->there);
	l->pub.state = l->there == l->pub.size ? STORE_PULL_WAITING : STORE_PULL_NEEDED;
	/* of no bytes nothing is to be fetched: an empty file is all of it */
	int64_t end;
	if (l->pub.size == 0 && ingest_open(l->ingest, &end, NULL) < 0)
		l->pub.state = STORE_PULL_NEEDED;
}

/* What has to be done for layer @i. */
static int begin_layer(struct store_pull *p, size_t i, struct err **err)
{
	struct pull_layer *l = &p->layers[i];
	for (size_t k = 0; k < i; k++)
		if (str_eq(p->layers[k].pub.blob.str, l->pub.blob.str)) {
			const struct pull_layer *first = &p->layers[k];
			if (!str_eq(first->pub.diff_id.str, l->pub.diff_id.str))
				return err_set(err, ERR_INVALID,
					"layers from manifest don't match image configuration: "
					"layer %s has two diffIDs",
					l->pub.blob.str);
			l->same_as = k;
			l->pub.state = first->pub.state == STORE_PULL_HERE ? STORE_PULL_HERE
									   : STORE_PULL_WAITING;
			return 0;
		}
	int known = check_known(p, l, err);
	if (known < 0)
		return -1;
	l->known = store_lease_layer(p->lease, &l->pub.diff_id);
	bool have = store_lease_blob(p->lease, &l->pub.blob);
	/* a plain tar is not kept: the layer itself is as good */
	if (l->known && (str_eq(l->pub.blob.str, l->pub.diff_id.str) || (have && known))) {
		l->pub.state = STORE_PULL_HERE;
		return 0;
	}
	lease_expect(p->lease, PIN_LAYER, &l->pub.diff_id);
	lease_expect(p->lease, PIN_BLOB, &l->pub.blob);
	l->pub.state = STORE_PULL_WAITING;
	l->from_content = have;
	l->there = have ? l->pub.size : 0;
	if (have)
		return 0;
	l->ingest = ingest_join(p, &l->pub.blob, l->pub.size, &l->mine);
	if (l->mine)
		pull_own(p, i);
	return 0;
}

static int watch(struct store_pull *p, int fd, uint32_t events, struct err **err)
{
	struct epoll_event e = {.events = events, .data.fd = fd};
	if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
		return err_sys(err, errno, "watch a pull");
	return 0;
}

static int begin_layers(struct store_pull *p, struct err **err)
{
	const struct oci_manifest *m = p->docs.m;
	p->count = m->layer_count;
	p->layers = xcalloc(p->count + 1, sizeof(*p->layers));
	for (size_t i = 0; i < p->count; i++) {
		p->layers[i].same_as = i;
		p->layers[i].compression = "";
		p->layers[i].pub = (struct store_pull_layer){
			.blob = m->layers[i].digest,
			.diff_id = p->docs.image->diff_ids[i],
			.size = m->layers[i].size,
			.media_type = m->layers[i].media_type ? m->layers[i].media_type : "",
			.urls = m->layers[i].urls,
		};
	}
	for (size_t i = 0; i < p->count; i++)
		if (begin_layer(p, i, err) < 0)
			return -1;
	return 0;
}

static int begin(struct store_pull *p, const struct store_pull_spec *spec, struct err **err)
{
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	p->disk = openat(p->store->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->epoll < 0 || p->wake < 0 || p->disk < 0)
		return err_sys(err, errno, "begin a pull");
	if (watch(p, p->wake, EPOLLIN, err) < 0 || pull_docs_read(&p->docs, spec, err) < 0)
		return -1;
	p->lease = store_lease_new(p->store);
	if (begin_layers(p, err) < 0)
		return -1;
	bool work = false;
	for (size_t i = 0; i < p->count; i++)
		work = work || p->layers[i].mine || p->layers[i].from_content;
	/* started now, it is ready before the first bytes come */
	if (work && (follower_start(&p->follower, p->store, err) < 0 ||
			    watch(p, p->follower.sock, EPOLLIN, err) < 0))
		return -1;
	return 0;
}

struct store_pull *store_pull_begin(
	struct store *s, const struct store_pull_spec *spec, struct err **err)
{
	struct store_pull *p = xcalloc(1, sizeof(*p));
	p->store = s;
	p->epoll = p->wake = p->disk = -1;
	p->follower = (struct follower){.dir = -1, .sock = -1};
	p->room = xmalloc(TRANSFER_MESSAGE_MAX);
	if (begin(p, spec, err) < 0) {
		store_pull_free(p);
		return NULL;
	}
	pthread_mutex_lock(&s->ingest_lock);
	p->next = s->pulls;
	s->pulls = p;
	pull_wake(p); /* to look at what others did meanwhile, and to tell what is known already */
	pthread_mutex_unlock(&s->ingest_lock);
	return p;
}

static void leave_others(struct store_pull *p)
{
	struct store *s = p->store;
	pthread_mutex_lock(&s->ingest_lock);
	for (struct store_pull **at = &s->pulls; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	pthread_mutex_unlock(&s->ingest_lock);
	for (size_t i = 0; i < p->count; i++) {
		if (p->layers[i].ingest)
			ingest_leave(p->layers[i].ingest, p);
		staging_remove(s, p->layers[i].folder);
	}
}

void store_pull_free(struct store_pull *p)
{
	if (!p)
		return;
	/* before others may go on with its files */
	follower_end(&p->follower);
	leave_others(p);
	store_lease_end(p->lease);
	pull_docs_free(&p->docs);
	err_free(p->failed);
	fd_close(p->epoll);
	fd_close(p->wake);
	fd_close(p->disk);
	free(p->layers);
	free(p->room);
	free(p);
}

/* ---- what is known of it ---- */

const struct digest *store_pull_image(const struct store_pull *p)
{
	return &p->docs.config_digest;
}

const struct digest *store_pull_digest(const struct store_pull *p)
{
	return p->docs.index_count ? &p->docs.indexes[0].digest : &p->docs.manifest_digest;
}

const struct oci_image *store_pull_config(const struct store_pull *p)
{
	return p->docs.image;
}

size_t store_pull_layer_count(const struct store_pull *p)
{
	return p->count;
}

const struct store_pull_layer *store_pull_layer(const struct store_pull *p, size_t i)
{
	return &p->layers[i].pub;
}

int store_pull_fd(const struct store_pull *p)
{
	return p->epoll;
}

/* ---- feeding ---- */

/* Complete ones first, then the one with the least to come. */
static bool choose(const struct store_pull *p, size_t *out)
{
	int64_t least = INT64_MAX;
	for (size_t i = 0; i < p->count; i++) {
		const struct pull_layer *l = &p->layers[i];
		bool open = l->pub.state == STORE_PULL_WAITING ||
			    l->pub.state == STORE_PULL_DOWNLOADING;
		int64_t rest = l->pub.size - l->there;
		if (!open || !(l->mine || l->from_content) || l->same_as != i)
			continue;
		if ((l->there > 0 || rest == 0) && rest < least) {
			least = rest;
			*out = i;
		}
	}
	return least < INT64_MAX;
}

static int ensure_follower(struct store_pull *p, struct err **err)
{
	if (p->follower.pid)
		return 0;
	if (follower_start(&p->follower, p->store, err) < 0)
		return -1;
	return watch(p, p->follower.sock, EPOLLIN, err);
}

int pull_feed(struct store_pull *p, struct err **err)
{
	if (p->follower.busy)
		return follower_grown(&p->follower, p->layers[p->active].there, err);
	if (!choose(p, &p->active))
		return 0;
	struct pull_layer *l = &p->layers[p->active];
	auto_fd int fd = l->from_content ? store_blob_open(p->store, &l->pub.blob, NULL, err)
					 : ingest_read_fd(l->ingest, err);
	if (fd < 0 || ensure_follower(p, err) < 0 ||
		follower_blob(&p->follower, &l->pub, l->known, fd, err) < 0)
		return -1;
	l->unpacked = 0;
	return follower_grown(&p->follower, l->there, err);
}

/* ---- what the caller says ---- */

int store_pull_open(struct store_pull *p, size_t i, int64_t *offset, struct err **err)
{
	struct pull_layer *l = &p->layers[i];
	if (l->pub.state != STORE_PULL_NEEDED && l->pub.state != STORE_PULL_DOWNLOADING)
		return err_set(err, ERR_CONFLICT, "layer %s is not needed", l->pub.blob.str);
	if (!l->mine && !ingest_claim(l->ingest, p, l->pub.size)) {
		/* as if it had been theirs from the beginning; they may be done by now */
		l->pub.state = STORE_PULL_WAITING;
		pull_wake(p);
		return err_set(err, ERR_CONFLICT, "layer %s is being downloaded by another pull",
			l->pub.blob.str);
	}
	l->mine = true;
	if (ingest_open(l->ingest, offset, err) < 0)
		return -1;
	if (*offset == l->pub.size) {
		/* complete, and then lost: what was wrong with it nobody knows any more */
		ingest_discard(l->ingest);
		if (ingest_open(l->ingest, offset, err) < 0)
			return -1;
	}
	int fd = fcntl(l->ingest->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0)
		return err_sys(err, errno, "open the download of %s", l->pub.blob.str);
	l->pub.state = STORE_PULL_DOWNLOADING;
	if (*offset && store_pull_grown(p, i, *offset, err) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

int store_pull_grown(struct store_pull *p, size_t i, int64_t upto, struct err **err)
{
	struct pull_layer *l = &p->layers[i];
	if (upto < 0 || upto > l->pub.size)
		return err_set(err, ERR_INVALID, "layer %s has %lld bytes, the registry sends more",
			l->pub.blob.str, (long long)l->pub.size);
	if (l->pub.state != STORE_PULL_DOWNLOADING || upto <= l->there)
		return 0;
	l->there = upto;
	ingest_grown(l->ingest, upto);
	return pull_feed(p, err);
}

static int stop_following(struct store_pull *p, size_t i, struct err **err)
{
	if (!p->follower.busy || p->active != i)
		return 0;
	return follower_abandon(&p->follower, err);
}

int store_pull_restart(struct store_pull *p, size_t i, struct err **err)
{
	struct pull_layer *l = &p->layers[i];
	if (!l->mine)
		return err_set(
			err, ERR_CONFLICT, "layer %s is not being downloaded", l->pub.blob.str);
	if (stop_following(p, i, err) < 0)
		return -1;
	ingest_discard(l->ingest);
	l->there = 0;
	ingest_grown(l->ingest, 0);
	l->pub.state = STORE_PULL_NEEDED;
	return pull_feed(p, err);
}

void store_pull_lost(struct store_pull *p, size_t i)
{
	struct pull_layer *l = &p->layers[i];
	if (!l->mine || l->pub.state == STORE_PULL_DONE)
		return;
	if (stop_following(p, i, &p->failed) < 0)
		pull_wake(p);
	l->mine = false;
	l->there = 0;
	l->pub.state = STORE_PULL_NEEDED;
	ingest_release(l->ingest, p);
}
