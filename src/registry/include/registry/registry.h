/*
 * The registry client: OCI distribution-spec 1.1 and Docker's registry API v2, for the daemon.
 *
 * Nothing of HTTP or TLS happens in the daemon. A session executes the program kist-registry, which
 * has the network and no files, tells it what to fetch or to send (registry/protocol.h), and hands it the
 * descriptors that blobs go to and come from. The library itself resolves endpoints from trusted
 * configuration, and checks what the program says: a document's bytes against its digest, sizes, order.
 *
 *	struct registry          the daemon's configuration: mirrors, insecure registries, certificates,
 *	                         proxies. One per daemon, any thread.
 *	struct registry_session  one running program, for one repository (or one registry): documents
 *	                         by blocking calls, blobs by asynchronous transfers. One thread.
 *
 * A session as a pull uses it:
 *
 *	s = registry_session_open(r, &spec, &err);
 *	registry_manifest_get(s, "latest", REGISTRY_ANY_MANIFEST, &doc, &err);
 *	registry_document(s, &config_digest, size, &config, &err);
 *	for each layer: id = registry_download(s, &download, &err);
 *	for (;;) {
 *		while (registry_event(s, &event, &err) == 1)
 *			... event.id, event.kind, event.bytes ...
 *		poll(registry_session_fd(s), other descriptors);
 *	}
 *	registry_session_close(s);
 *
 * Who gets credentials: the host that the session was opened for (and, where its own challenge names
 * one over a connection at least as safe, its token service), and nobody else: not mirrors, not hosts
 * that a redirect or a foreign layer's URL names, and no plain HTTP unless the registry itself was
 * configured as insecure (src/registry/README.md has the rule in full).
 *
 * Time limits: connecting, silence, slowness and circles of redirects are bounded by the program; every blocking
 * call returns, at the latest some minutes after the registry stopped making progress. What can be tried
 * again is (connection errors, 5xx, 429, stalls), with growing pauses, and goes on where it stopped.
 *
 * Errors: one line that names registry and repository, worded as dockerd words it where it has words:
 *	ERR_NOT_FOUND     "manifest for X:tag not found: manifest unknown: ..."; "pull access denied for X,
 *	                  repository does not exist or may require 'docker login': denied: ..."
 *	ERR_UNAUTHORIZED  "unauthorized: ..." (login, push)
 *	ERR_FORBIDDEN     the registry understood and refused
 *	ERR_UNAVAILABLE   not reached, or it does not answer; TLS ("x509: ...")
 *	ERR_INVALID       what it sent makes no sense (HTML for JSON, another digest, lying lengths)
 *	ERR_TOO_LARGE     a document beyond its bound
 *	ERR_CANCELLED     registry_session_cancel()
 *	ERR_SYSTEM        the program could not be started, or it died
 */
#ifndef KIST_REGISTRY_REGISTRY_H
#define KIST_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "oci/reference.h"

#define REGISTRY_DOCUMENT_MAX (4u << 20) /* bytes of a manifest, an index, a configuration */
#define REGISTRY_TRANSFERS_MAX 64 /* at once in one session; the caller keeps to less (3, 5) */

/* ---- configuration ---- */

struct registry;

/** How long to have patience; a member that is 0 has the value named. */
struct registry_limits {
	uint32_t connect_ms; /* 30,000: for connecting, TLS included */
	uint32_t answer_ms; /* 60,000: for a whole document, and for the head of any answer */
	uint32_t stall_ms; /* 60,000: with less than 1 KiB of a blob in so long, it has stalled */
	uint32_t
		pause_ms; /* 500: before the second attempt; doubled for each that follows, up to 30 s */
	uint32_t attempts; /* 6: in a row without progress */
};

/** Borrowed during the call only. NULL: none, or the default named. */
struct registry_options {
	const char *program; /* absolute path of kist-registry; required */
	const char
		*certs_dir; /* "/etc/kist/certs.d": <host[:port]>/{hosts.toml,*.crt,*.cert,*.key} */
	char *const *mirrors; /* registry-mirrors: URLs, for docker.io only, as dockerd */
	char *const *insecure; /* insecure-registries: "host", "host:port", CIDRs; 127.0.0.0/8 and
				  * ::1/128 are always among them */
	/* NULL: HTTP_PROXY, HTTPS_PROXY, NO_PROXY (or in lower case) of the daemon's environment */
	const char *http_proxy, *https_proxy, *no_proxy;
	const char *user_agent; /* "kist/<version>" */
	const struct registry_limits *limits; /* NULL: those above */
};

/** ERR_INVALID names the option and the value, in dockerd's words. Reads no file yet: certs.d is read
 * by each session, so that certificates can be changed while the daemon runs. */
struct registry *registry_open(const struct registry_options *options, struct err **err);
/** Every session must have been closed. */
void registry_close(struct registry *r);
/** Takes new options for sessions to come (SIGHUP); on error the old ones stay. Any thread. */
int registry_reconfigure(
	struct registry *r, const struct registry_options *options, struct err **err);

/** What /info shows (RegistryConfig). Owned. */
struct registry_info {
	char **mirrors; /* with the final "/", as dockerd shows them */
	char **insecure_cidrs; /* "::1/128", "127.0.0.0/8" included */
	char **insecure_hosts;
	char *http_proxy, *https_proxy,
		*no_proxy; /* "xxxxx:xxxxx@" for who we are there; NULL: none */
};
void registry_info(struct registry *r, struct registry_info *out);
void registry_info_free(struct registry_info *info);

/** The key under which docker's config.json keeps credentials for a reference's domain:
 * "https://index.docker.io/v1/" for docker.io, else the domain itself. New string. */
char *registry_auth_key(const char *domain);

/* ---- sessions ---- */

/** As X-Registry-Auth has them (Engine API, AuthConfig). NULL or "": not given. */
struct registry_auth {
	const char *username, *password;
	const char *identity_token; /* a refresh token: instead of name and password */
	const char *registry_token; /* a bearer token to be sent as it is */
	/* if given and another registry than the session's: the credentials are not used */
	const char *server_address;
};

enum registry_action {
	REGISTRY_PULL,
	REGISTRY_PUSH, /* and pull */
	REGISTRY_CATALOG, /* the registry's list of repositories; no repository */
	/* no registry at all: registry_download_url(). No name, no credentials; certs.d, mirrors and insecure-registries
	 * do not matter, proxies and the system's CAs do */
	REGISTRY_URL,
};

struct registry_session;

/** Borrowed during the call only. */
struct registry_session_spec {
	/* domain and path; tag and digest do not matter here. PULL and PUSH. For CATALOG the domain alone; for
	 * URL not looked at */
	const struct reference *name;
	enum registry_action action;
	const struct registry_auth *auth; /* NULL: anonymous */
	bool no_mirrors; /* ask the registry itself alone, as for PUSH */
	bool own_words; /* what the registry complains of is not worded as for a pull */
	const struct registry_patience *patience; /* NULL: as long as the program tries */
};

/** Of somebody who waits for an answer. */
struct registry_patience {
	int cancel; /* readable: nobody waits any more; -1: never. Borrowed until the session is closed */
};
/* Then a session fails with ERR_UNAVAILABLE after twice the time that a registry may be silent without a word from the
 * program, which may try several times, and after ten times that in any case. */

/**
 * Executes the program, which dies with this thread, and tells it the endpoints; nothing is sent to the registry yet,
 * so that most of its start-up (about 15 ms) passes while the caller does other things. ERR_INVALID for a hosts.toml or certificate that
 * cannot be read, naming file and line.
 */
struct registry_session *registry_session_open(
	struct registry *r, const struct registry_session_spec *spec, struct err **err);
/** Ends the program, whatever it is doing, and waits for it: afterwards nobody writes to the descriptors
 * of its downloads. So close a session before blobs get their final names. NULL is allowed. */
void registry_session_close(struct registry_session *s);
static inline void registry_session_closep(struct registry_session **s)
{
	registry_session_close(*s);
	*s = 0;
}
#define auto_registry_session                                                                      \
	__attribute__((cleanup(registry_session_closep))) struct registry_session

/** Does it ask mirrors, too? What they say of blobs is found out after the session, by whoever hashes them. */
bool registry_session_mirrored(const struct registry_session *s);

/** Makes the present blocking call and all later calls fail with ERR_CANCELLED, and the session's descriptor
 * readable. The only call for other threads; not after registry_session_close() began. */
void registry_session_cancel(struct registry_session *s);

/* ---- documents: blocking ---- */

/* Media types to accept; "|" for several. */
enum registry_accept {
	REGISTRY_MANIFEST = 1, /* OCI image manifest, Docker schema 2 manifest */
	REGISTRY_INDEX = 2, /* OCI image index, Docker manifest list */
	REGISTRY_ANY_MANIFEST = 3,
};

/** Owned. */
struct registry_manifest {
	struct buf bytes; /* empty after registry_manifest_head() */
	char *media_type; /* of the Content-Type, without parameters; "" if there was none. The
			     * document's own mediaType must agree: oci/image.h checks that */
	struct digest digest; /* of the bytes */
	int64_t size; /* of the document; -1: unknown (head only) */
	char *etag; /* registry_manifest_get(): the registry's own ETag, for registry_put; "": none, or a redirect
		     * led to the document */
};
void registry_manifest_free(struct registry_manifest *m);
#define auto_registry_manifest                                                                     \
	__attribute__((cleanup(registry_manifest_free))) struct registry_manifest

/**
 * GET .../manifests/@ref, a tag or a digest. The digest of the bytes is computed here; ERR_INVALID if
 * it is not the one asked for, or not that of Docker-Content-Digest. ERR_INVALID for schema 1 ("... is
 * not supported"), ERR_TOO_LARGE beyond REGISTRY_DOCUMENT_MAX. In a session that may push, ERR_NOT_FOUND
 * means that the registry itself has said so; the 404 of where it redirects to is ERR_UNAVAILABLE.
 */
int registry_manifest_get(struct registry_session *s, const char *ref, enum registry_accept accept,
	struct registry_manifest *out, struct err **err);
/** HEAD; where that is refused, or the answer lacks Docker-Content-Digest, GET: the digest is that of the bytes then, and
 * an error is the one that registry_manifest_get() has. */
int registry_manifest_head(struct registry_session *s, const char *ref, enum registry_accept accept,
	struct registry_manifest *out, struct err **err);
#define REGISTRY_NOTHING "*"
struct registry_put {
	const char *ref; /* a tag or the digest of the bytes */
	const char *media_type;
	const void *p;
	size_t n;
	const char *
		etag; /* only if this is still what is there (If-Match), REGISTRY_NOTHING: only if nothing is
			   * (If-None-Match), else ERR_CONFLICT; NULL or "": in any case.
			   * Not every registry looks at it */
};
/** PUT. Returns when the registry has taken it and named the same digest. *@listed (may be NULL) becomes true if the
 * registry lists it among what refers to its subject (OCI-Subject, distribution-spec 1.1). */
int registry_manifest_put(
	struct registry_session *s, const struct registry_put *put, bool *listed, struct err **err);

/** A small blob (an image's configuration), verified: GET .../blobs/@digest. @size as the manifest says,
 * -1 if not known; ERR_INVALID if it has another size or digest. */
int registry_document(struct registry_session *s, const struct digest *digest, int64_t size,
	struct buf *out, struct err **err);
/** HEAD .../blobs/@digest: 1 and its size (-1 unknown) if it is there, 0 if not, or if the registry refuses to say
 * (405, 403, 500: not where it asks who we are, or is busy). @size may be NULL. */
int registry_blob_head(
	struct registry_session *s, const struct digest *digest, int64_t *size, struct err **err);

/** All tags, in the registry's order (pages are followed; 1,000,000 tags or 64 MiB at most). */
int registry_tags(struct registry_session *s, char ***out, struct err **err);
/** Repositories of the registry, likewise. ERR_NOT_FOUND or ERR_UNAUTHORIZED where it tells nobody. */
int registry_catalog(struct registry_session *s, char ***out, struct err **err);
/**
 * What refers to @digest (distribution-spec 1.1 "Listing Referrers"): one image index, as JSON, in which pages
 * are joined and entries of another artifactType left out. Registries without the API are asked for the tag
 * "sha256-<hex>"; nothing there is an empty index.
 */
int registry_referrers(struct registry_session *s, const struct digest *digest,
	const char *artifact_type, struct buf *out, struct err **err);

/* ---- blobs: asynchronous ---- */

/**
 * GET .../blobs/@digest to the end of @fd. Borrowed during the call only; the descriptor is duplicated.
 *
 * Bytes come in order, are only ever appended, and are NOT verified here: whoever reads them hashes them
 * (the program that wrote them has talked to strangers). Open @fd with O_APPEND: the program may
 * neither seek, truncate nor map, so what was hashed stays what it was. After a lost connection the program goes on
 * from the byte reached (Range; where a registry ignores that, what is there already is skipped).
 */
struct registry_download {
	struct digest digest;
	int64_t size; /* as the manifest says; -1: unknown. More or less is ERR_INVALID */
	int64_t offset; /* bytes that @fd has already */
	int fd; /* a regular file, open for appending */
	/* a foreign layer's: tried in this order, without credentials, after the registry itself said
	 * that it does not have the blob. http and https only */
	char *const *urls;
};
/** Returns an id (>= 0), unique in the session. */
int registry_download(
	struct registry_session *s, const struct registry_download *download, struct err **err);

/**
 * GET @url, http or https, to the end of @fd (as above), for a session of REGISTRY_URL. Asked once, as dockerd's import
 * does: without a digest nobody could tell whether the rest is of the same file. Redirects are followed as a
 * blob's are; a user and a password in @url are sent to its host alone, nobody else is told who we are. An event REGISTRY_PROGRESS with the total comes as soon as there is an answer.
 * Fails in dockerd's words: ERR_NOT_FOUND (404), ERR_INVALID (400, no URL), ERR_UNAUTHORIZED,
 * ERR_FORBIDDEN, ERR_SYSTEM for all else (no connection, 5xx, a body that is shorter than it said, silence).
 */
int registry_download_url(struct registry_session *s, const char *url, int fd, struct err **err);

/**
 * Uploads a blob, unless the repository has it (registry_blob_head()) or can mount it from another one.
 *
 * From a file: in one request, or in parts of @chunk bytes; after a lost connection from where the registry says it
 * is. From a pipe: in parts that stay in memory until they are acknowledged. Borrowed as above.
 */
struct registry_upload {
	struct digest
		digest; /* str[0] == '\0': not known before its end; a file is then read as a pipe is */
	int64_t size; /* -1: until the end of the pipe. A file must have exactly this many bytes */
	int fd; /* a regular file (read from its start by pread), a pipe or a socket */
	char *const *mount_from; /* paths of repositories of the same registry, tried in this order
				    * ("library/debian"); at most 8 are used */
	int64_t chunk; /* bytes in a part; 0: one request for a file, 4 MiB for a pipe. The registry's
			* OCI-Chunk-Min-Length raises it (refused beyond 64 MiB) */
};
int registry_upload(
	struct registry_session *s, const struct registry_upload *upload, struct err **err);

/** Stops one transfer; an event REGISTRY_FAILED with ERR_CANCELLED follows if it was not over. */
int registry_transfer_stop(struct registry_session *s, int id, struct err **err);

enum registry_event_kind {
	REGISTRY_PROGRESS, /* bytes; for each transfer at least every 256 KiB or 100 ms, when the reader keeps up */
	REGISTRY_RETRYING, /* err (why), wait_ms, attempt; transfers go on by themselves */
	REGISTRY_DONE, /* bytes, outcome, digest */
	REGISTRY_FAILED, /* err */
};
enum registry_outcome {
	REGISTRY_TRANSFERRED,
	REGISTRY_EXISTED, /* upload: the repository had it */
	REGISTRY_MOUNTED, /* upload: from a repository of mount_from */
};

struct registry_event {
	enum registry_event_kind kind;
	int id;
	int64_t bytes; /* download: in the file (offset included); upload: sent (may go back on a retry) */
	int64_t total; /* -1: unknown */
	enum registry_outcome outcome;
	struct digest
		digest; /* DONE of an upload; of a pipe: of what was sent, for the caller to compare */
	const char *mounted_from; /* MOUNTED; valid until the next call for this session */
	const struct err *err; /* RETRYING, FAILED; valid until the next call for this session */
	uint32_t wait_ms;
	uint32_t attempt; /* the one to come: 2, 3, ... */
};

/** For poll(2) with POLLIN, and for nothing else. Blocking calls keep events that arrive meanwhile: call
 * registry_event() until it returns 0 before each poll. */
int registry_session_fd(const struct registry_session *s);
/** 1 and the next event; 0 if there is none now; -1 if the session is at its end (the program died, or
 * registry_session_cancel()): no transfer will report any more. Never blocks. */
int registry_event(struct registry_session *s, struct registry_event *out, struct err **err);

/* ---- without a repository: blocking, one program each ---- */

struct registry_login {
	char *status; /* "Login Succeeded" */
	char *identity_token; /* "" unless the token service gave a refresh token */
};
void registry_login_free(struct registry_login *login);
/**
 * Tries @auth at @server ("", "docker.io", "index.docker.io", "https://index.docker.io/v1/": Docker Hub; else
 * "host[:port]", a scheme and a path are dropped), as POST /auth does: GET /v2/ and, where it is asked for, a token.
 * ERR_UNAUTHORIZED in dockerd's words. @patience may be NULL.
 */
int registry_login(struct registry *r, const char *server, const struct registry_auth *auth,
	const struct registry_patience *patience, struct registry_login *out, struct err **err);

struct registry_search_result {
	char *name, *description;
	int64_t stars;
	bool official, automated;
};
struct registry_search {
	struct registry_search_result *v;
	size_t count;
};
void registry_search_free(struct registry_search *search);
/**
 * GET /v1/search?q=&n= of Docker Hub, or of the registry that @term begins with ("localhost:5000/deb"), as docker
 * search. @limit 1 to 100, else ERR_INVALID "Limit 0 is outside the range of [1, 100]". In the registry's order.
 */
int registry_search(struct registry *r, const char *term, int limit,
	const struct registry_auth *auth, const struct registry_patience *patience,
	struct registry_search *out, struct err **err);

#endif
