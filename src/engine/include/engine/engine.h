/*
 * The engine: containers' lives, from create to remove. Composes store, net and runtime; knows
 * neither HTTP nor the API's JSON.
 *
 * Threads: engine_open() and engine_close() run on the loop's thread. Every other function may be called
 * from any thread and may block (disk, a monitor's answer) unless its header says otherwise, so handlers run
 * in workers. Callbacks that the caller hands in ("notify", "done") come from any thread, at most one at a
 * time per subscription; they must not block and must not call the engine: loop_post() is what they do.
 *
 * Names: @ref is what a user writes for a container: its full id, its name with or without "/", or an
 * unambiguous prefix of an id. Errors are worded as dockerd words them.
 */
#ifndef KIST_ENGINE_ENGINE_H
#define KIST_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/loop.h"
#include "net/net.h"

struct engine;
struct registry;

/** Borrowed during engine_open() only. NULL strings take the default named. */
struct engine_options {
	const char *data_root; /* "/var/lib/kist"; made if missing, mode 0710 */
	const char *exec_root; /* "/run/kist"; made if missing, mode 0700 */
	const char *
		storage_driver; /* of new containers; "" or NULL: the best that works in data_root */
	const struct net_options
		*net; /* of the default bridge; NULL: there is none (--bridge none) */
	bool remove_bridge; /* engine_close() removes bridge and table if nothing uses them */
	const char *cgroup_parent; /* "/kist" */
	const char *monitor_path; /* kist-monitor; required */
	const char *init_path; /* kist-init, for --init; required */
	const char *transfer_path; /* kist-transfer; required */
	const char *seccomp_path; /* the default profile, JSON; required */
	struct registry
		*registry; /* outlives the engine; NULL: pull, push and the like are refused */
	uint32_t max_downloads, max_uploads; /* blobs at a time of one pull, one push; 0: 3 and 5 */
	uint32_t pool; /* parked monitors; 0: none */
	unsigned long
		nofile_soft; /* soft RLIMIT_NOFILE for monitors and so for containers (the daemon has
				    * raised its own): proc_spec.nofile_soft; 0: the daemon's */
	struct loop *loop; /* required; outlives the engine */
};

/**
 * Opens data-root and exec-root, takes over what runs, records what ended meanwhile, and cleans up what a
 * crash left half done. ERR_CONFLICT if another daemon holds the data root.
 */
struct engine *engine_open(const struct engine_options *options, struct err **err);
/** Stops taking part: ends subscriptions (each gets its last notification), waits for running
 * operations, closes the monitors' connections. Containers go on running. */
void engine_close(struct engine *e);

/** For operations that begin from now on; 0: 3 and 5. Any thread. */
void engine_set_transfers(struct engine *e, uint32_t max_downloads, uint32_t max_uploads);
/** Event "reload" of the daemon, as dockerd's. @attributes: key, value, ..., NULL; the machine's name is added. */
void engine_reloaded(struct engine *e, const char *const *attributes);

const char *engine_data_root(const struct engine *e);
/** Of new containers: "overlay2", "vfs". */
const char *engine_storage_driver(const struct engine *e);
const char *engine_exec_root(const struct engine *e);

/**
 * Filters of list requests: one key with one of several values, as the API's filters object gives them
 * ({"status": ["running", "paused"]}). Every function that takes filters knows its keys, and answers
 * ERR_INVALID "invalid filter 'x'" for others.
 */
struct filter {
	char *key;
	char **values;
};
struct filters {
	struct filter *v;
	size_t count;
};
/** Adds @value to @key's values. */
void filters_add(struct filters *f, const char *key, const char *value);
void filters_free(struct filters *f);
#define auto_filters __attribute__((cleanup(filters_free))) struct filters
/** NULL or the values of @key. */
char **filters_get(const struct filters *f, const char *key);
/** ERR_INVALID if a key is not among @known (NULL-terminated). */
int filters_check(const struct filters *f, const char *const *known, struct err **err);
/** Docker's rules: no value given is a match; "exact" compares; "fuzzy" also takes substrings and
 * regular expressions; "labels" takes "key" or "key=value" pairs, of which all have to match. */
bool filters_exact(const struct filters *f, const char *key, const char *value);
/** No value given for @key, or @value begins with one of them. */
bool filters_prefix(const struct filters *f, const char *key, const char *value);
bool filters_fuzzy(const struct filters *f, const char *key, const char *value);
/** A boolean filter: @fallback if absent; ERR_INVALID for anything but 0, 1, true, false. */
int filters_bool(
	const struct filters *f, const char *key, bool fallback, bool *out, struct err **err);

#endif
