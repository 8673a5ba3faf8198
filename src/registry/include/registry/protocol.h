/*
 * What the registry library and kist-registry say to each other.
 *
 * kist-registry is started with a SOCK_SEQPACKET socket at descriptor 3. One message is one record
 * (base/wire.h): a kind, then the fields that the kind has, in the order of the struct. The library
 * first describes the session (SETUP, then ENDPOINTs each followed by its PEMs, START); the program
 * reads what it needs of the machine, confines itself, and from then on works at requests and transfers, any
 * number at a time, which ids tell apart. It ends when the socket does.
 *
 * Documents travel as DATA; the bytes of blobs never do: they go to and come from descriptors that
 * DOWNLOAD and UPLOAD bring along (SCM_RIGHTS).
 */
#ifndef KIST_REGISTRY_PROTOCOL_H
#define KIST_REGISTRY_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"

#define REGISTRY_FD_CONTROL 3
#define REGISTRY_RECORD_MAX 65536
#define REGISTRY_DATA_PART 32768 /* bytes in one DATA or PEM record */
#define REGISTRY_ENDPOINTS_MAX 32
#define REGISTRY_PEM_MAX (4u << 20) /* of one endpoint, together */
#define REGISTRY_LIST_MAX (64u << 20) /* bytes of all tags of a repository */
#define REGISTRY_TEXT_MAX 4096 /* of an error's message */

enum record_kind {
	/* library -> program */
	RECORD_SETUP,
	RECORD_ENDPOINT,
	RECORD_PEM,
	RECORD_START,
	RECORD_REQUEST,
	RECORD_DOWNLOAD, /* one descriptor */
	RECORD_UPLOAD, /* one descriptor */
	RECORD_STOP, /* id */
	/* both ways: part of a document */
	RECORD_DATA, /* id, bytes */
	/* program -> library */
	RECORD_REPLY, /* the request's document is complete */
	RECORD_ERROR, /* id, error: the request or transfer failed */
	RECORD_PROGRESS,
	RECORD_RETRYING,
	RECORD_DONE, /* of a transfer */
	RECORD_KIND_COUNT
};

/** What the session is for, and how long to have patience. */
struct record_setup {
	const char *repository; /* "library/busybox"; "" for a registry as a whole */
	const char *familiar; /* what messages call it: "busybox" */
	const char *scope; /* of tokens: "repository:library/busybox:pull"; "" for none */
	const char *user_agent;
	const char *http_proxy, *https_proxy, *no_proxy; /* "": none */
	/* credentials, for endpoints with ENDPOINT_CREDENTIALS; NULL: not given */
	const char *username, *password, *identity_token, *registry_token;
	uint32_t connect_ms; /* for connecting, TLS included */
	uint32_t answer_ms; /* for a whole document, and for the head of any answer */
	uint32_t stall_ms; /* silence, or less than 1 KiB in so long, while a blob is on its way */
	uint32_t pause_ms; /* before the second attempt; doubled for each that follows */
	uint32_t attempts; /* in a row without progress */
	bool own_words; /* a registry's complaints are told as they came: no pull's "manifest for ... not found" */
};

enum endpoint_flag {
	ENDPOINT_MIRROR = 1, /* whatever goes wrong here, the next one is asked */
	ENDPOINT_SKIP_VERIFY = 2, /* any certificate will do */
	ENDPOINT_CREDENTIALS = 4, /* the session's credentials are this one's */
	ENDPOINT_PULL = 8, /* blobs, and manifests by digest */
	ENDPOINT_RESOLVE = 16, /* tags */
	ENDPOINT_PUSH = 32,
	ENDPOINT_FALLBACK =
		64, /* if it cannot be reached, the next one is the same registry on plain HTTP */
};
struct record_endpoint {
	const char *url; /* to be followed by "/<repository>/manifests/...": "https://host/v2" */
	uint32_t flags;
	uint32_t connect_ms; /* 0: the session's */
	char *const *headers; /* "Name: value"; sent to this host alone */
};

enum pem_kind { PEM_CA, PEM_CLIENT, PEM_KIND_COUNT };
/** Appended to the last endpoint's; a CLIENT is certificates and key together, one pair each @first. */
struct record_pem {
	enum pem_kind kind;
	bool first;
	const void *bytes;
	size_t size;
};

enum request_what {
	REQUEST_MANIFEST_GET, /* name: tag or digest; accept */
	REQUEST_MANIFEST_HEAD, /* likewise; DATA only of a registry that had to be asked by GET */
	REQUEST_MANIFEST_PUT, /* name, type; size bytes follow as DATA */
	REQUEST_DOCUMENT, /* name: a blob's digest; at most size bytes */
	REQUEST_BLOB_HEAD, /* name: digest */
	REQUEST_TAGS, /* answered by DATA: a name a line */
	REQUEST_CATALOG, /* likewise */
	REQUEST_REFERRERS, /* name: digest; type: artifact type or "" */
	REQUEST_PING, /* GET /v2/ with credentials: login. The REPLY's text is the identity token */
	REQUEST_SEARCH, /* name: term; size: limit */
	REQUEST_WHAT_COUNT
};
struct record_request {
	enum request_what what;
	uint32_t accept; /* enum registry_accept */
	uint64_t size;
	const char *name, *type;
	const char *
		etag; /* MANIFEST_PUT: what has to be there still (If-Match); NULL or "": anything; "*": nothing */
};

struct record_download {
	struct digest digest; /* "": what is at the one URL; size is -1 then, offset 0 */
	int64_t size, offset;
	char *const *urls;
};
struct record_upload {
	const char *digest; /* "" or a digest */
	int64_t size, chunk;
	char *const *mount_from;
};

struct record_reply {
	const char *type; /* Content-Type */
	const char *digest; /* Docker-Content-Digest as it came; "" for none */
	int64_t size; /* of what was asked for; -1: unknown */
	bool found; /* HEAD */
	bool listed; /* MANIFEST_PUT: OCI-Subject was in the answer */
	const char *etag; /* MANIFEST_GET: as it came; "" for none */
	const char *text;
};
struct record_error {
	uint8_t kind; /* enum err_kind */
	const char *text;
};
struct record_progress {
	int64_t bytes, total;
	uint8_t outcome; /* DONE: enum registry_outcome */
	uint32_t wait_ms, attempt; /* RETRYING, with error */
	const char *digest; /* DONE: "" or a digest */
	const char *mounted_from; /* DONE: "" or a repository */
};

/** All records in one struct; strings of a decoded record are borrowed from its bytes. */
struct record {
	enum record_kind kind;
	uint32_t id;
	struct record_setup setup;
	struct record_endpoint endpoint;
	struct record_pem pem;
	struct record_request request;
	struct record_download download;
	struct record_upload upload;
	const void *data;
	size_t data_size;
	struct record_reply reply;
	struct record_error error;
	struct record_progress progress;
	char **strv; /* what record_free() frees */
};

void record_encode(const struct record *r, struct buf *out);
/** ERR_INVALID for a malformed record. Digests are well-formed afterwards, strings are not NULL where it is not
 * said that they may be. record_free() has to follow, also after failure. */
int record_decode(const void *p, size_t n, struct record *out, struct err **err);
void record_free(struct record *r);
#define auto_record __attribute__((cleanup(record_free))) struct record

#endif
