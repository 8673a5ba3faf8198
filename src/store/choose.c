/* Which of an image's documents stands for it under a name. */
#include "base/mem.h"
#include "base/str.h"
#include "store/content.h"
#include "store/manifests.h"
#include "store_private.h"

#define NOWHERE ((size_t)-1)

enum rank {
	RANK_NAMED, /* what the name came with */
	RANK_INDEX, /* in that */
	RANK_MANIFEST, /* in those */
	RANK_PACKED, /* the name knows nothing of these */
	RANK_PLAIN,
	RANK_NONE
};

struct choosing {
	struct store *store;
	const struct store_image *image;
	const struct store_blob_list *blobs;
	/* of each blob: the place of the index through which it is reached, its own for where that begins, or NOWHERE */
	size_t *named; /* from what the name came with */
	size_t *known; /* from what a registry is known to have */
};

/* Each blob once: what indexes list of each other could be a great deal more. */
static void reach(
	struct choosing *c, size_t *via, const struct digest *digest, size_t from, int depth)
{
	const struct store_blob_list *l = c->blobs;
	size_t at = 0;
	while (at < l->count && !str_eq(l->v[at].digest.str, digest->str))
		at++;
	if (depth > OCI_INDEX_DEPTH_MAX || at == l->count || !l->v[at].present ||
		via[at] != NOWHERE)
		return;
	if (l->v[at].role != STORE_ROLE_INDEX && l->v[at].role != STORE_ROLE_MANIFEST)
		return;
	via[at] = from == NOWHERE ? at : from;
	auto_buf text = BUF_INIT;
	auto_oci_index *x = NULL;
	if (l->v[at].role != STORE_ROLE_INDEX ||
		store_blob_read(c->store, digest, &text, NULL) < 0 ||
		oci_index_parse(&x, text.data, text.len, NULL) < 0)
		return;
	for (size_t i = 0; i < x->manifest_count; i++)
		reach(c, via, &x->manifests[i].digest, at, depth + 1);
}

/* What was pulled or pushed has a name with its digest. */
static void reach_known(struct choosing *c)
{
	char *const *names = c->image->repo_digests;
	for (size_t i = 0; names && names[i]; i++) {
		struct digest d;
		const char *at = strchr(names[i], '@');
		if (at && digest_parse(at + 1, &d, NULL) == 0)
			reach(c, c->known, &d, NOWHERE, 0);
	}
}

static bool is_plain(struct choosing *c, const struct store_blob *b)
{
	auto_buf text = BUF_INIT;
	auto_oci_manifest *m = NULL;
	return store_blob_read(c->store, &b->digest, &text, NULL) == 0 &&
	       oci_manifest_parse(&m, text.data, text.len, NULL) == 0 &&
	       oci_manifest_is_plain(m, c->image->config);
}

static enum rank rank_of(struct choosing *c, size_t at)
{
	const struct store_blob *b = &c->blobs->v[at];
	bool index = b->role == STORE_ROLE_INDEX;
	if (!b->present || (!index && b->role != STORE_ROLE_MANIFEST))
		return RANK_NONE;
	if (c->named[at] == at)
		return RANK_NAMED;
	if (c->named[at] != NOWHERE)
		return index ? RANK_INDEX : RANK_MANIFEST;
	if (index)
		return RANK_NONE;
	return is_plain(c, b) ? RANK_PLAIN : RANK_PACKED;
}

static void add(struct choosing *c, size_t at, enum rank rank, struct store_choices *out)
{
	out->v[out->count++] = (struct store_choice){
		.blob = &c->blobs->v[at],
		.makeshift = rank == RANK_PLAIN && c->known[at] == NOWHERE,
	};
}

/* Once all are there: an index may come after another that is in it. */
static void link_all(struct choosing *c, struct store_choices *out)
{
	for (size_t i = 0; i < out->count; i++) {
		size_t at = (size_t)(out->v[i].blob - c->blobs->v), in = c->named[at];
		for (size_t k = 0; in != NOWHERE && in != at && k < out->count; k++)
			if (out->v[k].blob == &c->blobs->v[in])
				out->v[i].in = &out->v[k];
	}
}

static size_t *nowhere(size_t n)
{
	size_t *v = xcalloc(n, sizeof(*v));
	for (size_t i = 0; i < n; i++)
		v[i] = NOWHERE;
	return v;
}

void store_choose(struct store *s, const struct store_image *image, const struct digest *document,
	const struct store_blob_list *blobs, struct store_choices *out)
{
	size_t n = blobs->count;
	auto_free size_t *named = nowhere(n);
	auto_free size_t *known = nowhere(n);
	auto_free enum rank *ranks = xcalloc(n, sizeof(*ranks));
	struct choosing c = {s, image, blobs, named, known};
	*out = (struct store_choices){.v = xcalloc(n, sizeof(*out->v))};
	reach(&c, c.named, document, NOWHERE, 0);
	reach_known(&c);
	for (size_t i = 0; i < n; i++)
		ranks[i] = rank_of(&c, i);
	for (enum rank r = RANK_NAMED; r < RANK_NONE; r++)
		for (size_t i = 0; i < n; i++)
			if (ranks[i] == r)
				add(&c, i, r, out);
	link_all(&c, out);
}
