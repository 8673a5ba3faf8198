/* What the parts of criu_*.c share. */
#ifndef KIST_RUNTIME_CRIU_PRIVATE_H
#define KIST_RUNTIME_CRIU_PRIVATE_H

#include "arena.h"
#include "criu.pb-c.h"
#include "report.h"
#include "runtime/criu.h"

/* criu_request.c: from options to messages; pure */

/** A mount that criu is told about: what it is called in the images, and where (checkpoint) or what (restore). */
struct criu_mount {
	const char *key, *value;
};

/** What the machine has to say. Counts may be 0; everything is borrowed. */
struct criu_facts {
	int images,
		work; /* descriptors of ours that criu opens by /proc/<pid>/fd; work may be -1 */
	pid_t pid; /* of the container; 0 at a restore */
	const char *root; /* checkpoint: the bundle's rootfs; restore: the mount that criu sees */
	const char *log_file;
	const char *config_file; /* NULL: none */
	const char *freezer; /* folder of the cgroup, or NULL */
	const struct criu_mount *mounts;
	size_t mount_count;
	const char **external; /* "net[INODE]:KEY" */
	size_t external_count;
	Criu__Inherit *inherit;
	size_t inherit_count;
	Criu__Namespace *joined;
	size_t joined_count;
	Criu__CgroupRoot *cgroup_roots;
	size_t cgroup_root_count;
};

/** The request; @arena owns all that it points to. @options has been checked. */
Criu__Request *criu_request(Criu__RequestType type, const struct criu_options *options,
	const struct criu_facts *facts, struct arena *arena);
/** Splits "ADDRESS:PORT" ("[ADDRESS]:PORT" for colons in it). -1 if it is none. */
int criu_page_server(const char *text, struct arena *arena, char **address, int *port);

/* criu_facts.c */

/** What is mounted from outside of the container: bind mounts, v1 cgroups, masks, devices. @root: an
 * O_PATH descriptor of the running container's "/", or -1 at a restore. */
int criu_find_mounts(struct criu_facts *facts, const struct plan *plan, const struct cgroup *cgroup,
	int root, struct arena *arena, struct err **err);
/** Namespaces that the container has joined, for a checkpoint. */
int criu_find_namespaces(
	struct criu_facts *facts, const struct plan *plan, struct arena *arena, struct err **err);
/* What criu finds open. */
enum criu_fd {
	CRIU_FD_SOCKET = 3,
	CRIU_FD_IMAGES,
	CRIU_FD_WORK, /* the images again if there is no folder of its own */
	CRIU_FD_FIRST, /* of more */
};
/** Namespaces to join at a restore, open at @fds (-1: none). Those that criu takes as descriptors go to @handed
 * (room for OCI_NS_COUNT, borrowed), numbered from CRIU_FD_FIRST. */
void criu_join_namespaces(struct criu_facts *facts, const struct plan *plan,
	const int fds[OCI_NS_COUNT], struct arena *arena, int *handed, size_t *count);
/** ERR_NOT_IMPLEMENTED naming what criu cannot save or bring back. */
int criu_check_plan(const struct plan *plan, struct err **err);
struct criu;
/** ERR_UNAVAILABLE if this criu brings the container back with more privileges than it had, or not at all. */
int criu_check_version(const struct criu *c, const struct plan *plan, struct err **err);
/** The configuration file that criu is to read: org.criu.config, or what there is in /etc/criu. */
const char *criu_config_file(const struct plan *plan);

/* criu_rpc.c: talking to one criu process */

struct criu {
	pid_t pid; /* 0: reaped */
	int sock;
	int version; /* 31701 for 3.17.1 */
	char *said; /* owned; criu gave up, and what it said of that in its answer, perhaps "" */
};
#define CRIU_NONE                                                                                  \
	{                                                                                          \
		.sock = -1                                                                         \
	}

struct criu_spawn {
	const char *program; /* absolute */
	struct run_io io; /* preserve[]: as in enum criu_fd, from CRIU_FD_IMAGES on */
	int cgroup; /* as in struct child_args */
	void (*prepare)(void *ctx, struct reporter *r); /* in the child, before exec */
	void *ctx;
};

/** What criu says on the way. */
struct criu_listener {
	/** @pid: 0 where it does not belong to @script. @fd, -1 or a descriptor to take over or close.
	 * A failure is told to criu, which then gives up. */
	int (*notify)(void *ctx, const char *script, pid_t pid, int fd, struct err **err);
	void *ctx;
};

/** An owned path; ERR_NOT_FOUND. */
char *criu_find_program(const char *name, struct err **err);
/** Starts criu and asks for its version: at least 3.15. */
int criu_start(struct criu *c, const struct criu_spawn *spawn, struct err **err);
/** One request and its answer: for criu__response__free_unpacked(). A refusal is an error. */
Criu__Response *criu_call(struct criu *c, const Criu__Request *request,
	const struct criu_listener *listener, struct err **err);
/** ERR_UNAVAILABLE if criu or this kernel cannot do @want. */
int criu_require(struct criu *c, bool mem_track, bool lazy_pages, struct err **err);
/** Hangs up and waits. */
void criu_end(struct criu *c);

/** An answer from @n bytes; ERR_INVALID if they are none. */
Criu__Response *criu_response(const void *bytes, size_t n, struct err **err);
const char *criu_type_name(Criu__RequestType type);

/* criu_tree.c: the root file system at a restore */

struct criu_point {
	int mount; /* a bind mount, detached; -1 */
	bool is_dir, skip;
};

struct criu_tree {
	const struct plan *plan;
	const char *folder;
	int first, second; /* detached copies of the root */
	struct criu_point *points; /* one per mount of the plan */
};
#define CRIU_TREE_NONE                                                                             \
	{                                                                                          \
		.first = -1, .second = -1                                                          \
	}

/** Parent: opens what is needed on the host. */
int criu_tree_prepare(struct criu_tree *t, const struct plan *plan, const char *folder,
	struct arena *arena, struct err **err);
void criu_tree_close(struct criu_tree *t);
/** Child: a mount namespace with the root at the folder. */
void criu_tree_enter(struct criu_tree *t, struct reporter *r);

/* criu_attrs.c */

/** After a restore, before its processes run: gives bind mounts the attributes again that criu has left out. */
int criu_restore_attrs(const struct plan *plan, pid_t pid, struct arena *arena, struct err **err);

/* criu_restore.c */

/** From the text of /proc/<criu>/cgroup, which it cuts up. */
void criu_cgroup_roots(struct criu_facts *facts, char *text, struct arena *arena);

/* criu_images.c: the folders */

struct criu_folders {
	int images, work; /* work: -1 if it is the folder of the images */
	char *images_path, *work_path, *log_path; /* absolute */
};
#define CRIU_FOLDERS_NONE                                                                          \
	{                                                                                          \
		.images = -1, .work = -1                                                           \
	}

/** @log_file: name of the log that criu will write. @make: images, too. */
int criu_folders_open(struct criu_folders *f, const struct criu_options *options,
	const char *log_file, bool make, struct err **err);
/** Child: opens them anew, in its own mount namespace. */
void criu_folders_reopen(struct criu_folders *f, struct reporter *r);
void criu_folders_close(struct criu_folders *f);
/** If criu gave up: adds to *err what its log, or else its answer, says of that, and where the log is. Returns -1. */
int criu_explain(
	const struct criu_folders *f, const struct criu *c, const char *log_file, struct err **err);
/** The errors in a log's text, in one line: owned, "" if there are none. */
char *criu_log_errors(const char *text);

/** Tells criu which streams come from outside. @streams are borrowed. */
void criu_streams_external(struct criu_facts *facts, char *const *streams, struct arena *arena);
int criu_streams_save(int images, char *const *streams, struct err **err);
/** Inherit entries for streams that come from outside, by the text of descriptors.json. */
int criu_streams_parse(struct criu_facts *facts, const void *text, size_t n, struct arena *arena,
	struct err **err);
/** The same from the folder of the images. */
int criu_streams_load(struct criu_facts *facts, int images, struct arena *arena, struct err **err);

#endif
