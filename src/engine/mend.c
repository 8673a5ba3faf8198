/* The store's check, and fetching what it asks for: a session for each blob, closed before the blob gets its name. */
#include "engine/mend.h"

#include <poll.h>

#include "core.h"
#include "operation.h"
#include "store/check.h"
#include "transfer.h"

struct known {
	char *server;
	char *text[AUTH_TEXTS];
	struct registry_auth auth;
};

struct mend {
	bool repair;
	struct known *v;
	size_t n;
};

/* ---- fetching ---- */

static const struct registry_auth *auth_for(const struct mend *m, const char *domain)
{
	auto_free char *key = registry_auth_key(domain);
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->v[i].server, key))
			return &m->v[i].auth;
	return NULL;
}

/* 1: it is over. */
static int hear(struct registry_session *s, const struct store_wanted *w, struct err **err)
{
	struct registry_event e;
	int rc;
	while ((rc = registry_event(s, &e, err)) == 1) {
		if (e.kind == REGISTRY_FAILED)
			return err_set(err, e.err->kind, "%s", err_msg(e.err));
		if (e.bytes > w->max)
			return err_set(err, ERR_TOO_LARGE,
				"%s sends more than %lld bytes, which is more than it can be",
				w->url ? w->url : w->repo, (long long)w->max);
		if (e.kind == REGISTRY_DONE)
			return 1;
	}
	return rc;
}

static int download(struct operation *op, struct registry_session *s, const struct store_wanted *w,
	int fd, struct err **err)
{
	const struct registry_download d = {
		.digest = w->digest, .size = w->size, .fd = fd, .urls = w->urls};
	if (w->url ? registry_download_url(s, w->url, fd, err) < 0
		   : registry_download(s, &d, err) < 0)
		return -1;
	int rc;
	while ((rc = hear(s, w, err)) == 0) {
		struct pollfd p[] = {
			{operation_cancel_fd(op), POLLIN, 0}, {registry_session_fd(s), POLLIN, 0}};
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for a blob");
		if (operation_cancelled(op))
			return err_set(err, ERR_CANCELLED, "cancelled");
	}
	return rc < 0 ? -1 : 0;
}

static int get(struct operation *op, struct registry_session *s, const struct store_wanted *w,
	int fd, struct err **err)
{
	auto_registry_manifest manifest = {0};
	auto_buf config = BUF_INIT;
	const struct buf *doc = &config;
	int rc;
	if (w->role == STORE_ROLE_LAYER)
		return download(op, s, w, fd, err);
	if (w->role == STORE_ROLE_CONFIG) {
		rc = registry_document(s, &w->digest, w->size, &config, err);
	} else {
		rc = registry_manifest_get(s, w->digest.str, REGISTRY_ANY_MANIFEST, &manifest, err);
		doc = &manifest.bytes;
	}
	if (rc == 0 && fd_write_all(fd, doc->data, doc->len) < 0)
		rc = err_sys(err, errno, "write a document");
	return rc;
}

struct fetcher {
	struct operation *op;
	struct mend *mend;
};

static int fetch(void *arg, const struct store_wanted *w, int fd, bool *mirrored, struct err **err)
{
	struct fetcher *f = arg;
	auto_reference ref = {0};
	if (reference_parse(w->repo, &ref, err) < 0)
		return -1;
	const struct registry_session_spec spec = {.name = &ref,
		.action = w->url ? REGISTRY_URL : REGISTRY_PULL,
		.auth = w->url ? NULL : auth_for(f->mend, ref.domain),
		.no_mirrors = w->no_mirrors};
	struct registry_session *s = operation_session(f->op, &spec, err);
	*mirrored = s && registry_session_mirrored(s);
	int rc = s ? get(f->op, s, w, fd, err) : -1;
	/* nobody writes any more to what is verified now */
	operation_session_close(f->op);
	return rc;
}

/* ---- the check ---- */

static int cancelled(void *arg)
{
	struct fetcher *f = arg;
	return operation_cancelled(f->op);
}

static int run(struct operation *op, void *arg, struct err **err)
{
	struct fetcher f = {op, arg};
	struct store_check check;
	const struct store_check_spec spec = {
		.repair = f.mend->repair, .progress = cancelled, .fetch = fetch, .arg = &f};
	if (store_check_run(operation_engine(op)->store, &spec, &check, err) < 0)
		return -1;
	operation_say(op, &(struct image_message){.kind = IMAGE_CHECKED, .check = &check});
	store_check_free(&check);
	return 0;
}

static void mend_free(void *arg)
{
	struct mend *m = arg;
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].server);
		auth_forget(m->v[i].text);
	}
	free(m->v);
	free(m);
}

struct image_watch *engine_check(struct engine *e, const struct engine_check *spec,
	const struct image_listener *l, struct err **err)
{
	struct mend *m = xcalloc(1, sizeof(*m));
	m->repair = spec->repair;
	m->v = xcalloc(spec->auth_count + 1, sizeof(*m->v));
	for (; m->n < spec->auth_count; m->n++) {
		m->v[m->n].server = xstrdup(spec->auths[m->n].server);
		auth_copy(&m->v[m->n].auth, m->v[m->n].text, &spec->auths[m->n].auth);
	}
	const struct operation_spec op = {.run = run, .free_arg = mend_free, .arg = m};
	return operation_start(e, e->operations, &op, l, err);
}
