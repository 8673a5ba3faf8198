/*
 * Containers, from create to remove. Behaviour and wording are dockerd's (Engine API 1.51, Container*).
 *
 * Locking, for whoever reads on: each container has one lock, held for moments; what takes long (start,
 * stop, remove, pause) is an "operation", of which a container has one at a time while everybody may look
 * at it. So nothing here waits for another container's affairs.
 */
#ifndef KIST_ENGINE_CONTAINER_H
#define KIST_ENGINE_CONTAINER_H

#include "engine/engine.h"
#include "model/container.h"
#include "oci/platform.h"

/* ---- create ---- */

/**
 * Validates @config and @host (which it may complete), resolves the image, makes record, folders and
 * volumes. @name NULL: one is made up. @want: an image for another platform counts as missing; NULL: it is taken, with
 * a warning. Nothing is left behind on error. ERR_NOT_FOUND "No such image: x:latest", ERR_CONFLICT for a name in use,
 * ERR_INVALID, ERR_NOT_IMPLEMENTED for what kist does not have (restart policies, health checks, ...).
 */
int engine_container_create(struct engine *e, const char *name,
	const struct container_config *config, const struct host_config *host,
	const struct networking_config *net, const struct oci_platform *want, char id[65],
	char ***warnings, struct err **err);

/* ---- look ---- */

enum container_status {
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_RESTARTING,
	CONTAINER_REMOVING,
	CONTAINER_EXITED,
	CONTAINER_DEAD,
};
/** "created", "running", ... */
const char *container_status_name(enum container_status s);
/** -1 if unknown. */
int container_status_parse(const char *name);

struct container_state {
	enum container_status status;
	bool oom_killed;
	pid_t pid; /* 0 unless running */
	int32_t exit_code;
	char *error; /* NULL or why the last start failed */
	int64_t started_at, finished_at; /* ns; 0: never */
};

/** A place where something is mounted: inspect's MountPoint, resolved at create. */
struct mount_point {
	char *type; /* "bind", "volume", "tmpfs" */
	char *name; /* volume's, else NULL */
	char *source; /* on the host; NULL for tmpfs */
	char *destination; /* cleaned, absolute */
	char *driver; /* "local" for volumes, else NULL */
	char *mode; /* options as the user gave them: "ro,z", or NULL */
	bool rw;
	char *propagation; /* "rprivate" ... or NULL */
	bool anonymous; /* a volume made for this container alone: goes with it */
	char **options; /* the runtime's, complete: {"rbind", "ro", "rprivate"} */
	bool hidden; /* of --tmpfs: inspect's Mounts does not show these */
	bool make_source; /* -v: a missing folder on the host is made at start */
	bool copy_up; /* a volume that gets the image's content while it is empty */
};

/** What create fixed. Immutable from then on, so it is shared, not copied. */
struct container_doc {
	char id[65];
	int64_t created; /* ns */
	char *path; /* the program */
	char **args; /* what follows it; never NULL */
	char *image_id; /* "sha256:..." */
	char *platform; /* "linux" */
	struct container_config config; /* merged with the image's */
	struct host_config host;
	struct networking_config net; /* as asked for */
	MODEL_LIST(struct mount_point) mounts;
};

/** A published or exposed port: inspect's NetworkSettings.Ports and the list's Ports. */
struct container_port {
	uint16_t port; /* inside */
	const char *proto; /* "tcp", "udp" */
	char *host_ip; /* NULL: exposed, not published */
	uint16_t host_port;
};

/** A container's place in the network; endpoints as in EndpointSettings. Changes with every start. */
struct container_network {
	MODEL_LIST(struct endpoint_entry) endpoints; /* by network name */
	MODEL_LIST(struct container_port) ports; /* sorted by port, protocol, address */
	char *sandbox_id, *sandbox_key; /* NULL unless running */
};

/** One container as it was at one moment. Immutable; cheap to take. */
struct container_snapshot {
	const struct container_doc *doc;
	const struct container_network *net; /* never NULL */
	struct container_state state;
	char *name; /* without "/" */
	char *hostname_path, *hosts_path, *resolv_path, *log_path; /* NULL while there are none */
	char **exec_ids; /* NULL: none */
	const char *
		storage_driver; /* by which its files were made; static; this and what follows: NULL unless inspected */
	char **layers; /* overlay2: lower folders, top first */
	char *upper, *work, *merged; /* overlay2; merged is never mounted on the host */
	int64_t size_rw, size_root; /* -1 unless asked for */
	void *doc_ref, *net_ref; /* the engine's */
};
void container_snapshot_free(struct container_snapshot *s);

/** ERR_NOT_FOUND "No such container: x". @size: also count bytes. */
int engine_container_inspect(struct engine *e, const char *ref, bool size,
	struct container_snapshot **out, struct err **err);

struct container_list_options {
	bool all, size;
	int limit; /* <= 0: none; else that many newest ones, running or not */
	const struct filters *filters;
};
/** Newest first. Filters: ancestor, before, exited, expose, health, id, is-task, isolation, label, name, network, publish,
 * since, status, volume. */
int engine_container_list(struct engine *e, const struct container_list_options *options,
	struct container_snapshot ***out, size_t *count, struct err **err);
void container_snapshot_list_free(struct container_snapshot **v, size_t n);

/** The full id that @ref names. */
int engine_container_resolve(struct engine *e, const char *ref, char id[65], struct err **err);
/** What an attach needs to know before it answers. */
int engine_container_tty(struct engine *e, const char *ref, bool *tty, struct err **err);

/* ---- run ---- */

/** ERR_NOT_MODIFIED if it runs already. Failures to execute are ERR_NO_EXECUTABLE or ERR_NOT_EXECUTABLE (HTTP 400) in
 * the words by which docker chooses exit code 127 or 126. */
int engine_container_start(struct engine *e, const char *ref, struct err **err);

/** How a request that takes its time ended: @err NULL for success, borrowed. */
typedef void engine_done(void *arg, const struct err *err);

struct stop_options {
	const char *signal; /* NULL: the container's stop signal */
	bool has_timeout;
	int64_t timeout; /* seconds; negative: wait for ever */
};
/**
 * Sends the stop signal, after the time-out SIGKILL. Does not block: returns 0 and calls @done exactly
 * once later (perhaps before this returns); or -1 at once and no call: ERR_NOT_FOUND, ERR_INVALID, ERR_NOT_MODIFIED if it does not run.
 */
int engine_container_stop(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err);
/** Stop if it runs, then start. As engine_container_stop(). */
int engine_container_restart(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err);
/** @signal: name with or without "SIG", or number; NULL or "": KILL. ERR_CONFLICT "container x is not running". */
int engine_container_kill(struct engine *e, const char *ref, const char *signal, struct err **err);
int engine_container_pause(struct engine *e, const char *ref, struct err **err);
int engine_container_unpause(struct engine *e, const char *ref, struct err **err);
int engine_container_rename(struct engine *e, const char *ref, const char *name, struct err **err);
int engine_container_resize(
	struct engine *e, const char *ref, uint32_t h, uint32_t w, struct err **err);

/** Kills first if @force. @volumes: its anonymous volumes too. */
int engine_container_remove(
	struct engine *e, const char *ref, bool force, bool volumes, struct err **err);

struct container_top {
	char **titles;
	char ***rows; /* as many cells as titles each */
	size_t row_count;
};
/** @args: ps(1)'s, "-ef" if NULL or "". */
int engine_container_top(struct engine *e, const char *ref, const char *args,
	struct container_top **out, struct err **err);
void container_top_free(struct container_top *t);

/* ---- attach ---- */

struct attach_options {
	bool in, out, err;
	bool stream; /* stay attached */
	bool logs; /* first what has been logged */
	const char *detach_keys; /* "ctrl-p,ctrl-q" notation; NULL or "": that default */
	const void *early; /* bytes that came behind the request's header */
	size_t early_len;
	const void *head; /* the HTTP answer */
	size_t head_len;
};
/**
 * Gives the client's connection to the container's monitor (started for it if need be). On success the
 * caller closes its @fd. On failure nothing has been written. Blocks only for the monitor, and with @logs
 * for the client.
 */
int engine_container_attach(struct engine *e, const char *ref, const struct attach_options *options,
	int fd, struct err **err);

/* ---- wait ---- */

enum wait_condition { WAIT_NOT_RUNNING, WAIT_NEXT_EXIT, WAIT_REMOVED };
/** "", "not-running", "next-exit", "removed"; -1 otherwise. */
int wait_condition_parse(const char *name);

struct container_wait;
/** @code: exit status; @error NULL or why waiting failed, e.g. the container was removed. */
typedef void container_wait_fn(void *arg, int32_t code, const char *error);

/**
 * Calls @fn once when the condition holds, from any thread, perhaps before this returns; until then about
 * 100 bytes. The handle is the caller's in any case: engine_wait_cancel() frees it.
 */
struct container_wait *engine_container_wait(struct engine *e, const char *ref,
	enum wait_condition condition, container_wait_fn *fn, void *arg, struct err **err);
/** Frees; @fn is not called after this returns. Callable on the loop. */
void engine_wait_cancel(struct container_wait *w);

#endif
