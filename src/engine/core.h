/*
 * The engine's inside: the objects, their locks and how they are shared.
 *
 * Locks, outermost first; none is held across a wait for a program, and no two containers' locks at once:
 *
 *   operation (container_begin)  what takes long and must not overlap on one container: start, pause,
 *                        remove, rename, the work after an exit. Not a mutex: a flag that is waited for.
 *                        Nobody holds it while waiting for the container's *exit*, or the work that
 *                        follows an exit could never begin.
 *   engine.volume_lock   the set of volumes against the set of their users
 *   roster.lock           who exists, under which name
 *   container.lock       everything that changes in one container
 *   ring.lock            the kept events and their subscribers
 *
 * The loop's thread only watches descriptors, notes what the monitors say under the container's lock, and
 * hands the rest to the engine's own workers (work.h).
 */
#ifndef KIST_ENGINE_CORE_H
#define KIST_ENGINE_CORE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container.h"
#include "engine/engine.h"
#include "engine/events.h"
#include "net/net.h"
#include "net/port.h"
#include "runtime/cgroup.h"
#include "runtime/monitor_client.h"
#include "store/store.h"

#define CONTAINER_ID_LEN 64

struct ring;
struct work;
struct filter_cache;
struct log_watcher;
struct parking;
struct tidy;
struct child;
struct operations;
struct referrers_turn;
struct questions;
struct registry;

/** Documents and networks are shared between the engine and snapshots. */
struct doc_ref {
	atomic_uint refs;
	struct container_doc doc;
};
struct net_ref {
	atomic_uint refs;
	struct container_network net;
};

/** What a running container holds of the network; kept with its row, given back after a restart. */
struct net_hold {
	bool has_endpoint;
	struct net_endpoint endpoint;
	char endpoint_id[65];
	struct net_port *ports;
	size_t port_count;
};

struct container {
	struct engine *engine;
	atomic_uint refs;
	struct doc_ref *doc; /* immutable */

	pthread_mutex_t lock; /* guards all that follows */
	pthread_cond_t changed; /* operation ended, state changed, monitor gone */
	bool busy; /* an operation is under way */
	bool gone; /* removed */
	char *name; /* written under roster.lock and lock: either is enough to read it */
	struct container_state state;
	bool pausing; /* no exec may start: pause.c */
	unsigned exec_starts; /* that are under way */
	uint32_t kills; /* counts signals that end a frozen container's sleep: pause.c */
	bool stop_asked; /* stop, kill or restart, for what comes after the exit */
	bool keep_once; /* restart: --rm does not apply to this exit */
	bool exit_known; /* the exit has been noted; until the monitor has gone */
	struct monitor_exit exit;
	uint64_t generation; /* counts starts; exit records name it */
	uint64_t init_ticks;
	struct net_ref *net;
	struct net_hold hold;
	struct container_wait *waits;
	char **execs; /* ids; exec.c */

	struct monitor_client *monitor; /* NULL: none, or not yet taken over */
	struct watch *watch; /* the loop's thread only; supervise.c */
	struct log_reader *readers; /* those that follow; logs.c */
};

/** Everybody, by id and by name; both sorted, found by bisection. */
struct roster {
	pthread_rwlock_t lock;
	struct container **by_id;
	size_t count, room;
	struct name_entry {
		char *name;
		char id[65];
	} * names; /* also names that a create or rename has reserved */
	size_t name_count, name_room;
};

struct engine {
	atomic_uint refs; /* engine_open()'s, and one per container and watched child */
	atomic_bool stopping; /* the loop has ended: what it would tell is not worth waiting for */
	pthread_mutex_t waiting_lock; /* guards the list; taken before a container's lock */
	struct monitor_wait *
		waiting; /* for monitors to end, also of containers that are removed: supervise.c */
	atomic_bool pruning_images; /* docker's rule: one at a time */
	atomic_bool closed; /* what is still posted to the loop only tidies up */
	char *data_root, *exec_root, *cgroup_parent, *monitor_path, *init_path;
	char *seccomp_text;
	size_t seccomp_len;
	char *seccomp_folder; /* compiled filters */
	char *id; /* for /info */
	int run_fd; /* <exec-root>/containers */
	int volumes_fd; /* <data-root>/volumes */
	struct loop *loop;
	struct store *store;
	struct db *db; /* the store's */
	struct net *net; /* NULL: no bridge */
	bool remove_bridge;
	uint64_t capabilities;
	int32_t oom_score_adj; /* of containers that ask for none: 0, or ours if it is higher */
	bool cgroup_v2;
	int64_t opened_at;
	unsigned long nofile_soft;
	char bridge_id[65], host_id[65], none_id[65];
	struct roster roster;
	pthread_mutex_t volume_lock;
	/* lists of referrers that are being written, and their lock, inside which is no other: referrers.c */
	pthread_mutex_t referrers_lock;
	struct referrers_turn *referrers;
	struct work *work;
	struct ring *ring;
	struct filter_cache *filters;
	struct exec_table *execs;
	struct log_watcher *log_watcher;
	struct parking *parking;
	struct tidy *tidy;
	struct operations *operations; /* pulls and pushes */
	struct questions *questions; /* to registries */
	struct registry *registry; /* the caller's; NULL: no registry can be reached */
	_Atomic uint32_t max_downloads, max_uploads; /* of one operation at a time */
	struct child *children; /* watched until they end; the loop's thread only */
};

/* ---- engine.c ---- */
struct engine *engine_ref(struct engine *e);
void engine_unref(struct engine *e);

/* ---- roster.c ---- */
void roster_init(struct roster *t);
void roster_free(struct roster *t);
/** A counted container, or NULL with ERR_NOT_FOUND or (ambiguous prefix) ERR_INVALID. */
struct container *roster_find(struct roster *t, const char *ref, struct err **err);
/** All, counted, newest first; free() the array after unref'ing each. */
struct container **roster_all(struct roster *t, size_t *count);
size_t roster_count(struct roster *t);
/** Reserves a name for @id; ERR_CONFLICT in Docker's words. */
int roster_name_take(struct roster *t, const char *name, const char *id, struct err **err);
void roster_name_drop(struct roster *t, const char *name);
/** Gives up the old name, when the new one has been taken. */
void roster_renamed(struct roster *t, struct container *c, const char *name);
/** Its name must have been taken. The roster keeps a reference. */
void roster_add(struct roster *t, struct container *c);
void roster_remove(struct roster *t, struct container *c);

/* ---- object.c ---- */
struct container *container_new(struct engine *e, struct doc_ref *doc, const char *name);
struct container *container_ref(struct container *c);
void container_unref(struct container *c);
static inline void container_unrefp(struct container **c)
{
	if (*c)
		container_unref(*c);
	*c = NULL;
}
#define auto_container __attribute__((cleanup(container_unrefp))) struct container
static inline const char *container_id(const struct container *c)
{
	return c->doc->doc.id;
}
/** Waits for the operation under way, then begins one. ERR_NOT_FOUND if the container went meanwhile. */
int container_begin(struct container *c, struct err **err);
void container_end(struct container *c);
/** For operations as scoped objects: `auto_operation struct container *op = c;` after container_begin(). */
static inline void container_endp(struct container **c)
{
	if (*c)
		container_end(*c);
	*c = NULL;
}
#define auto_operation __attribute__((cleanup(container_endp))) struct container
bool container_is_running(struct container *c);
/** Is it running or paused? With c->lock held. */
static inline bool state_alive(const struct container *c)
{
	return c->state.status == CONTAINER_RUNNING || c->state.status == CONTAINER_PAUSED;
}
/** The monitor, counted, or NULL. */
struct monitor_client *container_monitor(struct container *c);
struct doc_ref *doc_new(void);
void doc_unref(struct doc_ref *d);
struct net_ref *net_ref_new(void);
void net_ref_unref(struct net_ref *n);
void container_set_net(struct container *c, struct net_ref *n); /* takes n */
struct container_snapshot *container_snapshot(struct container *c);
/** Descriptors of containers/<id> on disk and in exec-root (made if missing with @make). */
int container_disk_dir(struct container *c, struct err **err);
int container_run_dir(struct container *c, bool make, struct err **err);
char *container_cgroup(const struct container *c);
/** Path of a file in the container's folder on disk; owned. */
char *container_path(const struct container *c, const char *file);
#define CONTAINER_LOG_SUFFIX "-json.log"

/* ---- wait.c ---- */
/** Calls those whose condition holds; with c->lock held. @condition: which event happened. */
void wait_fire(struct container *c, enum wait_condition event, int32_t code, const char *error);

/* ---- rows.c: the database ---- */
int rows_migrate(struct db *db, struct err **err);
int rows_insert(struct db *db, const struct container *c, struct err **err);
/** State, generation and network; with c->lock held by nobody. */
int rows_save_state(struct container *c, struct err **err);
/** Before a start: from now on the container may be running, as generation c->generation. */
int rows_save_starting(struct container *c, const struct net_hold *hold, struct err **err);
/** Begins a transaction about @c; for --rm one that a power cut, and only that, may take back. */
int rows_begin(struct container *c, struct err **err);
int rows_delete(struct db *db, const char *id, struct err **err);
int rows_rename(struct db *db, const char *id, const char *name, struct err **err);
/** Reads all containers into the roster. */
int rows_load(struct engine *e, struct err **err);

/* ---- doc.c ---- */
char *doc_to_json(const struct container_doc *doc);
int doc_from_json(struct container_doc *doc, const char *text, struct err **err);
void doc_clear(struct container_doc *doc);

/* ---- ring.c: events ---- */
struct ring *ring_new(struct engine *e);
void ring_free(struct ring *r);
uint32_t ring_listeners(struct ring *r);
struct ring_attr {
	const char *key, *value;
};
/** Puts an event: attributes are @extra and, for containers, image, name and the labels. */
void event_container(
	struct container *c, const char *action, const struct ring_attr *extra, size_t n);
void event_other(struct engine *e, const char *type, const char *action, const char *actor,
	const struct ring_attr *attrs, size_t n);
/** An event about an image: @id of the image or, for what registries do, the name in full. */
void image_event(struct engine *e, const char *action, const char *id, const char *name);
/** Tells everybody that the engine closes. */
void ring_end(struct ring *r);

/* ---- names.c ---- */
/** "adjective_surname"; from the second attempt on with a digit behind. */
char *name_random(unsigned attempt);
bool name_valid(const char *name);

/* ---- supervise.c ---- */
/** Watches a monitor's events from the loop. @client: counted, taken. */
void monitor_watch(struct container *c, struct monitor_client *client);
/** Returns when the loop has acted on every event that the container's monitor had sent before the call. A client that
 * saw its stream end may ask before the loop has read why. For workers: not on the loop's thread. */
void monitor_catch_up(struct container *c);
/** Watches a child's pidfd and reaps it; takes @pidfd. */
void child_watch(struct engine *e, int pidfd);
/** Closes the connections to all monitors and looks after no child any more. */
void watches_drop(struct engine *e);
/** For a start that has just succeeded: was the monitor lost before the container counted as running? */
void monitor_lost_early(struct container *c);
/** Waits until the monitor of an ended container has gone, at most @seconds; 0 or -1. */
int monitor_wait_gone(struct container *c, int seconds);
/** The loop has ended and engine->stopping is set: nobody waits for a monitor any longer. */
void monitor_wait_stop(struct engine *e);
/** Notes an exit (once per generation) and hands its work to a worker; false if it was not news. */
bool exit_note(struct container *c, const struct monitor_exit *x);
/** The work after an exit: events, network, row, waiters, --rm. */
void exit_work(void *container);
/** Waits until it runs no more; false after @ns. */
bool container_wait_exit(struct container *c, int64_t ns);

/* ---- pause.c ---- */
/** Pauses a container for as long as a commit reads it: 1; 0 if it does not run or is paused already; -1. A daemon that
 * is killed meanwhile lets it go on when it starts again. */
int pause_begin(struct container *c, struct err **err);
void pause_end(struct container *c);
/** At start-up: ends such a pause. */
void pause_recover(struct container *c);

/* ---- cleanup.c: what a dead container may leave behind ---- */
/** Kills what is in the cgroup, removes it, the run folder and its mounts. */
void container_sweep(struct container *c);
/** Removes the cgroup that all containers' lie in, where it is empty. */
void cgroup_parent_drop(struct engine *e);
/** /dev/shm of --ipc shareable, mounted below exec-root. Path owned. */
char *shm_path(const struct container *c);
int shm_mount(struct container *c, struct err **err);
void shm_unmount(struct container *c);

/* ---- netplan.c: network of one start ---- */
int network_prepare(struct container *c, struct net_hold *hold, struct err **err);
int network_attach(struct container *c, const struct net_hold *hold, int netns, struct err **err);
/** @at_once: the address is free on return, for a restart that is to get it again; costs 20 ms. Else it
 * becomes free when the namespace has gone. */
void network_release(struct engine *e, struct net_hold *hold, bool at_once);
/** The event of it. */
void network_left(struct container *c);
/** Inspect's view of @hold. */
struct net_ref *network_view(struct container *c, const struct net_hold *hold, bool running);
void hold_clear(struct net_hold *hold);
char *hold_to_json(const struct net_hold *hold);
int hold_from_json(struct net_hold *hold, const char *text, struct err **err);
/** What kind of network mode it is. */
enum net_mode { NET_MODE_BRIDGE, NET_MODE_HOST, NET_MODE_NONE, NET_MODE_CONTAINER, NET_MODE_OTHER };
enum net_mode net_mode(const char *mode);

/* ---- seccomp_cache.c ---- */
/** The filter of @host with capabilities @caps, compiled, as an owned copy; NULL and 0: none. */
int filter_get(struct engine *e, const struct host_config *host, uint64_t caps, void **bpf,
	size_t *len, uint32_t *flags, struct err **err);
struct filter_cache *filter_cache_new(void);
void filter_cache_free(struct filter_cache *f);

/* ---- monitors.c ---- */
/** The container's monitor, started and configured if there is none; counted. In an operation. */
struct monitor_client *monitor_need(struct container *c, struct err **err);

/* ---- parking.c: monitors started ahead of time ---- */
/** Also seals the program that all monitors are started from. */
struct parking *parking_new(struct engine *e, uint32_t wanted, struct err **err);
/** Ends those that are still parked. No worker may be running. */
void parking_free(struct parking *p);
/** What to execute for a monitor. */
const char *parking_program(const struct parking *p);
/** One that is now container @id's, not configured yet; NULL: none. */
struct monitor_client *parking_take(struct engine *e, const char *id, int disk, int run);
/** In the background: at once, or when the container that was just started has had its time. */
void parking_refill(struct engine *e);
void parking_refill_later(struct engine *e);

/* ---- tidy.c: what grows old while the daemon runs ---- */
#define TIDY_EVERY_NS (6 * 3600 * TIME_NS_PER_SEC)
/** Looks for it every so many nanoseconds. The loop's thread, as tidy_free(). */
struct tidy *tidy_new(struct engine *e, int64_t every);
/** Before the workers end. */
void tidy_free(struct tidy *t);

/* ---- start.c, remove.c, create.c ---- */
/** In an operation. */
int container_start(struct container *c, struct err **err);
int container_remove(struct container *c, bool volumes, struct err **err);
/** --rm, after the exit: tells those who wait for the removal before it waits for the monitor itself. */
int container_remove_ended(struct container *c, struct err **err);
/** What ERR_CONFLICT says of one that does not run. */
int not_running(const struct container *c, struct err **err);

/* ---- volume.c ---- */
struct db;
/** Takes e->volume_lock itself. @fresh: is it empty and may get the image's content? */
int volume_ensure(struct engine *e, const char *name, bool anonymous, const struct str_map *labels,
	struct err **err);
char *volume_path(struct engine *e, const char *name);
bool volume_name_valid(const char *name);
int volumes_recover(struct engine *e, struct err **err);
/** Marks an anonymous volume, or no longer: marked ones that nobody uses go at the next start. */
int volume_doom(struct engine *e, const char *name, bool doomed, struct err **err);
int volume_drop(struct engine *e, const char *name, struct err **err);
/** Bytes of the files in it; -1 if it cannot be read. */
int64_t volume_size(struct engine *e, const char *name);

/* ---- image.c ---- */
/** Counts for each image the containers made from it. */
void images_count_containers(struct engine *e, struct store_image_list *list);

/* ---- work.c ---- */
struct work *work_new(void);
/** Runs fn(arg) on one of the engine's threads. */
void work_submit(struct work *w, void (*fn)(void *arg), void *arg);
/** Finishes what was submitted, then frees. */
void work_free(struct work *w);

/* ---- exec.c ---- */
struct exec_table *exec_table_new(void);
void exec_table_free(struct exec_table *t);
void exec_ended(struct container *c, const char *id, int32_t code);
/** The container has ended: so have its execs. */
void exec_container_ended(struct container *c);
void exec_forget(struct container *c);

/* ---- logs.c ---- */
/** Something may have changed: wakes followers. */
void logs_wake(struct container *c);
struct log_watcher *log_watcher_new(struct loop *loop, struct err **err);
void log_watcher_free(struct log_watcher *w);

/* ---- recover.c ---- */
int recover_all(struct engine *e, struct err **err);

/* ---- signals.c ---- */
/** "TERM", "SIGTERM", "15": the number; -1 if unknown. */
int signal_number(const char *name);

#endif
