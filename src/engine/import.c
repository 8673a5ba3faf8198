/*
 * Import: one layer from an archive that the client sends, or that is at a URL. That one is downloaded to its end first:
 * where it breaks off, what came might be a whole archive for tar, and an image must not be made of it.
 */
#include <poll.h>
#include <unistd.h>

#include "commit_config.h"
#include "core.h"
#include "engine/image.h"
#include "oci/platform.h"
#include "transfer.h"

struct import {
	struct engine *engine;
	const struct image_import *spec;
	store_progress_fn *progress;
	void *arg;
	char *url; /* with its scheme */
	char *shown; /* the same without its password */
	uint64_t room; /* on the disk */
	int64_t told;
};

/* ---- the URL ---- */

/* A password is for its host alone: messages and the image's history do without, as Go's errors. */
static char *without_password(const char *url)
{
	const char *user = strstr(url, "://") + 3;
	const char *host = memrchr(user, '@', strcspn(user, "/?#"));
	const char *password = host ? memchr(user, ':', (size_t)(host - user)) : NULL;
	if (!password)
		return xstrdup(url);
	return xasprintf("%.*s:***%s", (int)(password - url), url, host);
}

/* As dockerd's: what has no scheme is http. */
static char *full_url(const char *given, struct err **err)
{
	/* one further on is a query's, or a password's */
	const char *end = given + strcspn(given, ":/?#@");
	if (!str_starts(end, "://"))
		return xasprintf("http://%s", given);
	auto_free char *scheme = xstrndup(given, (size_t)(end - given));
	if (str_ieq(scheme, "http") || str_ieq(scheme, "https"))
		return xstrdup(given);
	auto_free char *shown = without_password(given);
	err_set(err, ERR_SYSTEM, "Get \"%s\": unsupported protocol scheme \"%s\"", shown, scheme);
	return NULL;
}

/* ---- the download ---- */

static int tell(struct import *i, const struct registry_event *e, struct err **err)
{
	if (e->bytes == i->told && e->kind != REGISTRY_DONE)
		return 0;
	i->told = e->bytes;
	if (i->spec->fetched(i->arg, i->shown, e->bytes, e->total) != 0)
		return err_set(err, ERR_CANCELLED, "cancelled");
	return 0;
}

/* 1: it is all there. */
static int hear(struct import *i, struct registry_session *s, struct err **err)
{
	struct registry_event e;
	int rc;
	while ((rc = registry_event(s, &e, err)) == 1) {
		if (e.kind == REGISTRY_FAILED)
			return err_set(err, e.err->kind, "%s", err_msg(e.err));
		if ((uint64_t)e.bytes > i->room)
			return err_set(err, ERR_TOO_LARGE, "%s: no space left for it", i->shown);
		if (tell(i, &e, err) < 0)
			return -1;
		if (e.kind == REGISTRY_DONE)
			return 1;
	}
	return rc;
}

static int await(struct import *i, struct registry_session *s, struct err **err)
{
	int rc;
	while ((rc = hear(i, s, err)) == 0) {
		struct pollfd p[] = {{question_cancel_fd(i->spec->question), POLLIN, 0},
			{registry_session_fd(s), POLLIN, 0}};
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for a download");
		if (p[0].revents)
			return err_set(err, ERR_CANCELLED, "cancelled");
	}
	return rc < 0 ? -1 : 0;
}

/* The session has ended when this returns: nobody writes to the file any more. */
static int download(struct import *i, int fd, struct err **err)
{
	const struct registry_patience patience = {question_cancel_fd(i->spec->question)};
	const struct registry_session_spec spec = {.action = REGISTRY_URL, .patience = &patience};
	struct registry *r = engine_registry(i->engine, err);
	auto_registry_session *s = r ? registry_session_open(r, &spec, err) : NULL;
	if (!s || registry_download_url(s, i->url, fd, err) < 0)
		return -1;
	return await(i, s, err);
}

static int fetch(struct import *i, struct err **err)
{
	i->told = -1;
	i->url = full_url(i->spec->url, err);
	if (!i->url)
		return -1;
	i->shown = without_password(i->url);
	auto_fd int fd = store_spool(i->engine->store, &i->room, err);
	if (fd < 0 || download(i, fd, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read what was downloaded");
	return steal_fd(&fd);
}

/* ---- the image ---- */

/* The strings are @p's. */
static int read_platform(
	const char *text, struct oci_platform *p, struct store_import *s, struct err **err)
{
	if (str_empty(text))
		return 0;
	if (oci_platform_parse(text, p, err) < 0)
		return -1;
	if (!str_eq(p->os, "linux"))
		return err_set(err, ERR_INVALID, "operating system is not supported");
	s->os = p->os;
	s->architecture = p->architecture;
	s->variant = *p->variant ? p->variant : NULL;
	return 0;
}

/* Who asked for a URL may leave while it is unpacked, too. */
static int on_progress(void *arg, const struct store_progress *p)
{
	struct import *i = arg;
	if (i->spec->url) {
		struct pollfd cancel = {question_cancel_fd(i->spec->question), POLLIN, 0};
		if (poll(&cancel, 1, 0) > 0)
			return -1;
	}
	return i->progress(i->arg, p);
}

static int import(
	struct import *i, struct oci_image_config *config, struct digest *id, struct err **err)
{
	const struct image_import *spec = i->spec;
	auto_fd int fetched = -1;
	struct oci_platform platform;
	auto_free char *message = NULL;
	struct store_import s = {.fd = spec->fd,
		.repo = spec->repo,
		.tag = spec->tag,
		.message = spec->message,
		.config = config};
	/* what is wrong with the question is said before anybody is asked for bytes */
	if (read_platform(spec->platform, &platform, &s, err) < 0 ||
		commit_config_change(config, spec->changes, err) < 0 ||
		(spec->url && store_import_check(&s, err) < 0))
		return -1;
	if (spec->url) {
		s.fd = fetched = fetch(i, err);
		if (fetched < 0)
			return -1;
		message = xasprintf("Imported from %s", i->shown);
		if (str_empty(s.message))
			s.message = message;
	}
	return store_import(i->engine->store, &s, on_progress, i, id, err);
}

int engine_image_import(struct engine *e, const struct image_import *spec,
	store_progress_fn *progress, void *arg, struct digest *id, struct err **err)
{
	struct oci_image_config config = {0};
	struct import i = {.engine = e, .spec = spec, .progress = progress, .arg = arg};
	int r = import(&i, &config, id, err);
	oci_image_config_clear(&config);
	free(i.url);
	free(i.shown);
	if (!r)
		image_event(e, "import", id->str, id->str);
	return r;
}
