/*
 * A container's entry below --root: <root>/<id>/
 *
 *	state.json  who and where; replaced atomically, but for state_made()
 *	plan        the plan as bytes (runtime/plan.h): hooks and annotations come from it
 *	gate        socket at which a created container waits for start; gone once it has been started
 *	lock        empty; verbs that change something hold record locks on it (state_lock.h)
 *
 * A verb that was killed leaves at most a container whose state.json says so ("creating"), which delete --force
 * clears: its cgroup is on record before anything is made. Without state.json a folder is no container.
 */
#ifndef KIST_OCI_STATE_H
#define KIST_OCI_STATE_H

#include "oci.h"
#include "runtime/cgroup.h"
#include "runtime/plan.h"
#include "runtime/systemd.h"
#include "state_lock.h"

enum status { STATUS_CREATING, STATUS_CREATED, STATUS_RUNNING, STATUS_PAUSED, STATUS_STOPPED };

struct state {
	char *id;
	int root, dir; /* folders: --root and this container's */
	int lock; /* -1: not held */
	const struct globals *globals;
	/* state.json */
	char *version, *bundle, *rootfs, *cgroup, *places, /* cgroup_places(), or NULL */
		*annotations; /* JSON object as text */
	char **streams; /* what its standard streams were; NULL with a terminal. For checkpoints */
	int64_t created;
	uint32_t owner;
	/* for a container without a mount namespace: the mount that its root was attached on, else 0 */
	uint64_t root_base;
	struct systemd_unit unit; /* name NULL: the cgroup is none of systemd's; no helper */
	pid_t pid; /* 0: there is no process yet */
	uint64_t start_ticks;
	bool creating; /* there may be a process, but it is not done yet */
	struct cgroup *seen; /* opened for state_status(), */
	int pidfd; /* and this, which is init's; or -1 */
	bool no_keyring; /* made with --no-new-keyring */
	bool rdt_class; /* the resctrl class of the container's name is ours to remove */
};

const char *status_name(enum status status);

/** Makes the folder, locked (LOCK_MAKE). ERR_CONFLICT if the id is taken, ERR_INVALID if it is none. */
int state_create(struct state **out, const struct globals *g, const char *id, struct err **err);
/** Opens one that exists; @lock holds off every other verb that changes it. ERR_NOT_FOUND; ERR_CONFLICT if that has it
 * for too long (LOCK_DELETE and LOCK_FORCE). */
int state_open(struct state **out, const struct globals *g, const char *id, enum state_lock lock,
	struct err **err);
/** Lets other verbs change a locked one, */
void state_unlock(struct state *s);
/** until here. Of what they wrote rdt_class alone is read, because update may have made the class. ERR_NOT_FOUND if one has
 * removed the container. */
int state_relock(struct state *s, struct err **err);
/** Opens and locks one whose state.json says nothing, for delete --force: what the plan tells of its cgroup is known. */
int state_open_wreck(struct state **out, const struct globals *g, const char *id, struct err **err);
/**
 * Removes an entry that has no state.json, which a killed create may leave. Returns 1 if there is none now, 0 if it has
 * one (a create was under way), -1 on failure.
 */
int state_clear(const struct globals *g, const char *id, enum state_lock lock, struct err **err);
int state_save(const struct state *s, struct err **err);
/** Says in what this program has saved as "creating" that it is made: a sixth of the time that saving takes. */
int state_made(struct state *s, struct err **err);
/** Notes what lies at s->rootfs now, on which the container's root is about to be attached. */
int state_root_begin(struct state *s, struct err **err);
/** Takes that root and all that was mounted in it away again, if there was such. */
int state_root_end(const struct state *s, struct err **err);
/** Removes the folder. */
int state_remove(struct state *s, struct err **err);
void state_free(struct state *s);
static inline void state_freep(struct state **s)
{
	state_free(*s);
	*s = NULL;
}
#define auto_state __attribute__((cleanup(state_freep))) struct state

int state_plan_save(const struct state *s, const struct plan *plan, struct err **err);
/** @bytes holds the plan's strings and must outlive it. */
int state_plan_load(const struct state *s, struct buf *bytes, struct plan **plan, struct err **err);

enum status state_status(struct state *s);
/** The same; a container that is STATUS_CREATED lets the caller know in *gate, who may open it (run_start_at()). -1: the
 * gate is to be asked again, there is a crowd. */
enum status state_status_at_gate(struct state *s, int *gate);
/** A pidfd of the container's init, or -1 (with ERR_NOT_FOUND) if it has ended. What state_status() has opened is handed
 * on, whose process may have ended since. */
int state_pidfd(struct state *s, struct err **err);
/** Its cgroup, owned; NULL if it is gone. What state_status() has opened is handed on. */
struct cgroup *state_cgroup(struct state *s);
/** The same for what has to do with processes alone: cgroup_open_known(). */
struct cgroup *state_cgroup_core(struct state *s);
/** The unit that the container's cgroup is, with the helper to ask; false if it is none. Clear @out then. */
bool state_unit(const struct state *s, struct systemd_unit *out);
/** The same where nothing can be done without: says why there is none. */
struct cgroup *state_cgroup_need(struct state *s, struct err **err);
/** The state document of the specification, as text; @owner is the owner's name (list) or NULL. */
void state_document(struct state *s, bool pretty, const char *owner, struct buf *out);

#define STATE_GATE "gate"

#endif
