/*
 * Images to and from registries. Each operation has a thread of its own, which says what happens as
 * dockerd words it, and ends when it is done, when it fails, or when nobody listens any more.
 *
 * Bytes of blobs never pass through this process: kist-registry writes what it downloads into files of
 * the store, kist-transfer reads them.
 */
#ifndef KIST_ENGINE_TRANSFER_H
#define KIST_ENGINE_TRANSFER_H

#include "engine/engine.h"
#include "oci/platform.h"
#include "registry/registry.h"

struct store_check;

/** One message of progress; plain data, valid during the call. */
struct image_message {
	enum {
		IMAGE_SAYS, /* a line: status, and perhaps the id that it is about */
		IMAGE_LAYER, /* a layer's step: id, status, and for some current of total bytes */
		IMAGE_PUSHED, /* for programs, after a tag was pushed: tag, digest, size */
		IMAGE_CHECKED, /* engine/mend.h: check */
	} kind;
	const char *id; /* a layer's 12 digits, a tag; NULL: none */
	const char *status;
	int64_t current, total; /* total 0: the step has no bytes to count, or they are not known */
	const char *tag, *digest;
	int64_t size;
	const struct store_check *check;
};

/** Called by the operation's thread (done: by any); must not block, nor call the engine. */
struct image_listener {
	void (*message)(void *arg, const struct image_message *m);
	/** The last call. @err is NULL if all went well, and belongs to the caller. */
	void (*done)(void *arg, const struct err *err);
	void *arg;
};

/** One who listens to an operation; counted, as the listener may end before or after the operation. */
struct image_watch;
/** Listens no more: done() comes at once, with ERR_CANCELLED, unless it has come. Whoever is the last
 * to leave an operation cancels it. Any thread, any number of times. */
void image_watch_leave(struct image_watch *w);
void image_watch_unref(struct image_watch *w);

/** Borrowed during the call; strings may be NULL. */
struct image_pull {
	const char *name; /* "busybox", "localhost:5000/a/b:v1", "busybox@sha256:..." */
	const char *
		tag; /* instead of the name's: a tag or a digest; without either all tags are pulled */
	const char *platform; /* "linux/arm64"; NULL: the best for this machine */
	struct registry_auth auth;
};
/**
 * Pulls. Who asks for what is being pulled already, for the same platform with the same credentials,
 * joins in, and hears first what was said so far. NULL with ERR_INVALID if the name or the platform is
 * none; everything else comes through done(). Event: image pull.
 */
struct image_watch *engine_image_pull(struct engine *e, const struct image_pull *spec,
	const struct image_listener *l, struct err **err);

struct image_push {
	const char *name; /* repository, perhaps with a tag */
	const char *tag; /* instead of the name's; without either all tags are pushed */
	const struct oci_platform *platform; /* this variant alone; NULL: all that are here */
	struct registry_auth auth;
};
/**
 * Pushes. What came from a registry or an archive goes out with the same manifest and the same blobs;
 * for anything else a Docker schema 2 manifest is made, whose layers are compressed by gzip: the same
 * layer gives the same blob, and its digest is remembered. Event: image push.
 */
struct image_watch *engine_image_push(struct engine *e, const struct image_push *spec,
	const struct image_listener *l, struct err **err);

/* ---- questions to registries; they block ---- */

struct image_platform {
	char *os, *architecture, *variant; /* never NULL */
};
/** What a name stands for at its registry. Owned. */
struct image_distribution {
	char *media_type;
	struct digest digest;
	int64_t size; /* of the manifest or index */
	struct image_platform *platforms;
	size_t platform_count;
};
void image_distribution_free(struct image_distribution *d);
/** registry_info(); nothing in it if no registry can be reached. Owned. */
void engine_registry_info(struct engine *e, struct registry_info *out);
void engine_registry_info_free(struct registry_info *info);
/**
 * A question to a registry, for whoever waits for the answer. It ends with an error after some time without one
 * (struct registry_patience), when it is cancelled, and when the daemon stops.
 *
 * Has two references: the asker's, for engine_question_end() in any case; and one for who may cancel, from any thread
 * and any number of times until engine_question_unref().
 */
struct engine_question;
struct engine_question *engine_question_begin(struct engine *e, struct err **err);
void engine_question_end(struct engine_question *q);
static inline void engine_question_endp(struct engine_question **q)
{
	engine_question_end(*q);
}
#define auto_question __attribute__((cleanup(engine_question_endp))) struct engine_question
void engine_question_cancel(void *q);
void engine_question_unref(void *q);
/** Gives up all of them, and refuses new ones: the daemon stops. */
void engine_questions_stop(struct engine *e);

/** GET /distribution/NAME/json. */
int engine_distribution(struct engine_question *q, const char *name,
	const struct registry_auth *auth, struct image_distribution *out, struct err **err);
/** Tags of a repository; repositories of a registry ("HOST[:PORT]"). Owned. */
int engine_registry_tags(struct engine_question *q, const char *name,
	const struct registry_auth *auth, char ***out, struct err **err);
int engine_registry_catalog(struct engine_question *q, const char *host,
	const struct registry_auth *auth, char ***out, struct err **err);
/** What refers to @name (a tag's manifest or index, or a digest): an image index as JSON. @artifact_type
 * may be NULL: all. */
int engine_registry_referrers(struct engine_question *q, const char *name,
	const char *artifact_type, const struct registry_auth *auth, struct buf *out,
	struct err **err);
/** registry_login(); strings owned. @server may be NULL. */
int engine_registry_login(struct engine_question *q, const char *server,
	const struct registry_auth *auth, char **status, char **identity_token, struct err **err);
/** registry_search(), of what fits the filters is-official, is-automated and stars. */
int engine_registry_search(struct engine_question *q, const char *term, int64_t limit,
	const struct filters *filters, const struct registry_auth *auth,
	struct registry_search *out, struct err **err);
void engine_registry_search_free(struct registry_search *search);
/** ERR_UNAVAILABLE if this engine has no kist-registry. */
struct registry *engine_registry(struct engine *e, struct err **err);

#endif
