#include "state.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "helper.h"
#include "oci/config.h"
#include "runtime/run.h"

#define STATE_FILE "state.json"
#define PLAN_FILE "plan"
#define LOCK_FILE "lock"
#define FILE_MAX (64u << 20)

static const char *const status_names[] = {
	[STATUS_CREATING] = "creating",
	[STATUS_CREATED] = "created",
	[STATUS_RUNNING] = "running",
	[STATUS_PAUSED] = "paused",
	[STATUS_STOPPED] = "stopped",
};

const char *status_name(enum status status)
{
	return status_names[status];
}

/* The id names a folder and a cgroup. */
static int check_id(const char *id, struct err **err)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-.";
	if (str_empty(id))
		return err_set(err, ERR_INVALID, "container id cannot be empty");
	if (!str_all_of(id, allowed, 1, 1024) || str_eq(id, ".") || str_eq(id, ".."))
		return err_set(err, ERR_INVALID, "invalid container ID format: %s", id);
	return 0;
}

static struct state *state_new(const struct globals *g, const char *id)
{
	struct state *s = xcalloc(1, sizeof(*s));
	s->id = xstrdup(id);
	s->globals = g;
	s->root = s->dir = s->lock = s->pidfd = -1;
	return s;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	fd_close(s->lock);
	fd_close(s->pidfd);
	fd_close(s->dir);
	fd_close(s->root);
	free(s->id);
	free(s->version);
	free(s->bundle);
	free(s->rootfs);
	free(s->cgroup);
	free(s->places);
	systemd_unit_clear(&s->unit);
	free(s->annotations);
	strv_free(s->streams);
	cgroup_free(s->seen);
	free(s);
}

static int not_there(struct err **err)
{
	err_set(err, ERR_NOT_FOUND, "container does not exist");
	return -1; /* clang's analyzer does not know it of err_set() */
}

static int take_lock(struct state *s, enum state_lock how, struct err **err)
{
	s->lock = openat(s->dir, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* the folder may have gone before there was a file to lock */
	if (s->lock < 0 && errno == ENOENT)
		return not_there(err);
	if (s->lock < 0)
		return err_sys(err, errno, "lock container %s", s->id);
	return state_lock_take(s->lock, how, s->id, err);
}

/* Whoever had the lock before may have removed the folder. */
static bool still_there(const struct state *s)
{
	struct stat mine, now;
	return fstat(s->dir, &mine) == 0 &&
	       fstatat(s->root, s->id, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       mine.st_ino == now.st_ino && mine.st_dev == now.st_dev;
}

static bool has_state(const struct state *s)
{
	return faccessat(s->dir, STATE_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int state_create(struct state **out, const struct globals *g, const char *id, struct err **err)
{
	if (check_id(id, err) < 0 || dir_make(AT_FDCWD, g->root, 0700, err) < 0)
		return -1;
	auto_state *s = state_new(g, id);
	s->root = dir_open(AT_FDCWD, g->root, err);
	if (s->root < 0)
		return -1;
	if (mkdirat(s->root, id, 0711) < 0) {
		if (errno == EEXIST)
			return err_set(err, ERR_CONFLICT, "container with given ID already exists");
		return err_sys(err, errno, "create folder %s/%s", g->root, id);
	}
	/* until it is locked a delete may take it for what a killed create left, and another create come after */
	s->dir = dir_open(s->root, id, err);
	if (s->dir < 0 || take_lock(s, LOCK_MAKE, err) < 0)
		return -1;
	if (!still_there(s) || has_state(s))
		return err_set(err, ERR_CONFLICT, "container with given ID already exists");
	s->created = time_now();
	s->owner = getuid();
	*out = steal_ptr(s);
	return 0;
}

static int read_unit(struct state *s, const json_t *j, struct err **err)
{
	const char *name = NULL, *slice = NULL;
	if (!json_is_object(j))
		return 0;
	if (json_get_str(j, "unit", &name, STATE_FILE, err) < 0 ||
		json_get_str(j, "slice", &slice, STATE_FILE, err) < 0)
		return -1;
	s->unit.name = xstrdup_null(name);
	s->unit.slice = xstrdup_null(slice);
	s->unit.user = json_is_true(json_object_get(j, "user"));
	return 0;
}

static json_t *unit_json(const struct systemd_unit *unit)
{
	json_t *j = json_object();
	json_put_str(j, "unit", unit->name);
	json_put_str(j, "slice", unit->slice);
	json_put(j, "user", json_boolean(unit->user));
	return j;
}

static json_t *load(const struct state *s, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_err *why = NULL;
	if (file_read(s->dir, STATE_FILE, FILE_MAX, &text, &why) == 0)
		return json_parse(text.data, text.len, STATE_FILE, err);
	/* create was killed before its first write, or has not come to it */
	if (why->kind == ERR_NOT_FOUND)
		not_there(err);
	else
		err_move(err, &why);
	return NULL;
}

static int read_state(struct state *s, struct err **err)
{
	auto_json *j = load(s, err);
	if (!j)
		return -1;
	const char *version = NULL, *bundle = NULL, *rootfs = NULL, *cgroup = NULL, *places = NULL;
	int64_t pid = 0, ticks = 0, owner = 0, base = 0;
	if (json_get_str(j, "ociVersion", &version, STATE_FILE, err) < 0 ||
		json_get_str(j, "bundle", &bundle, STATE_FILE, err) < 0 ||
		json_get_str(j, "rootfs", &rootfs, STATE_FILE, err) < 0 ||
		json_get_str(j, "cgroup", &cgroup, STATE_FILE, err) < 0 ||
		json_get_str(j, "cgroupPlaces", &places, STATE_FILE, err) < 0 ||
		json_get_i64(j, "created", &s->created, STATE_FILE, err) < 0 ||
		json_get_i64(j, "owner", &owner, STATE_FILE, err) < 0 ||
		json_get_i64(j, "pid", &pid, STATE_FILE, err) < 0 ||
		json_get_i64(j, "rootBase", &base, STATE_FILE, err) < 0 ||
		json_get_i64(j, "startTicks", &ticks, STATE_FILE, err) < 0 ||
		json_get_strv(j, "streams", &s->streams, STATE_FILE, err) < 0)
		return -1;
	s->version = xstrdup_null(version);
	s->bundle = xstrdup_null(bundle);
	s->rootfs = xstrdup_null(rootfs);
	s->cgroup = xstrdup_null(cgroup);
	s->places = xstrdup_null(places);
	if (read_unit(s, json_object_get(j, "systemd"), err) < 0)
		return -1;
	s->owner = (uint32_t)owner;
	s->root_base = (uint64_t)base;
	s->pid = (pid_t)pid;
	s->start_ticks = (uint64_t)ticks;
	s->rdt_class = json_is_true(json_object_get(j, "rdtClass"));
	s->no_keyring = json_is_true(json_object_get(j, "noKeyring"));
	s->creating = json_integer_value(json_object_get(j, "creating")) != 0;
	const json_t *annotations = json_object_get(j, "annotations");
	auto_buf list = BUF_INIT;
	if (json_is_object(annotations)) {
		json_write(annotations, &list);
		s->annotations = buf_steal(&list);
	}
	return 0;
}

static int open_folder(struct state **out, const struct globals *g, const char *id,
	enum state_lock lock, struct err **err)
{
	auto_err *why = NULL;
	if (check_id(id, err) < 0)
		return -1;
	auto_state *s = state_new(g, id);
	s->root = dir_open(AT_FDCWD, g->root, &why);
	if (s->root >= 0)
		s->dir = dir_open(s->root, id, &why);
	if (s->dir < 0) {
		if (why->kind == ERR_NOT_FOUND)
			not_there(err);
		else
			err_move(err, &why);
		return -1;
	}
	if (lock && take_lock(s, lock, err) < 0)
		return -1;
	if (lock && !still_there(s))
		return not_there(err);
	*out = steal_ptr(s);
	return 0;
}

int state_open(struct state **out, const struct globals *g, const char *id, enum state_lock lock,
	struct err **err)
{
	auto_state *s = NULL;
	if (open_folder(&s, g, id, lock, err) < 0 || read_state(s, err) < 0)
		return -1;
	*out = steal_ptr(s);
	return 0;
}

void state_unlock(struct state *s)
{
	fd_close(s->lock);
	s->lock = -1;
}

int state_relock(struct state *s, struct err **err)
{
	if (take_lock(s, LOCK_CHANGE, err) < 0)
		return -1;
	if (!still_there(s))
		return not_there(err);
	auto_json *j = load(s, NULL);
	s->rdt_class = s->rdt_class || json_is_true(json_object_get(j, "rdtClass"));
	return 0;
}

/* Where systemd put it stood in state.json; the unit has its name from the plan, and its place from that. */
static void find_unit(struct state *s, const struct plan *plan)
{
	struct systemd_unit unit;
	struct cgroup *cg = NULL;
	if (systemd_unit_parse(&s->unit, plan->cgroup_path, s->id, plan->systemd_user, NULL) < 0 ||
		!state_unit(s, &unit))
		return;
	if (cgroup_unit_plan(&cg, &unit, NULL) == 0)
		s->cgroup = xstrdup(cgroup_path(cg));
	cgroup_free(cg);
	systemd_unit_clear(&unit);
}

int state_open_wreck(struct state **out, const struct globals *g, const char *id, struct err **err)
{
	auto_state *s = NULL;
	if (open_folder(&s, g, id, LOCK_FORCE, err) < 0)
		return -1;
	auto_buf bytes = BUF_INIT;
	struct plan *plan = NULL;
	if (state_plan_load(s, &bytes, &plan, NULL) == 0) {
		if (plan->systemd_helper)
			find_unit(s, plan);
		else
			s->cgroup = xstrdup_null(plan->cgroup_path);
		plan_free(plan);
	}
	*out = steal_ptr(s);
	return 0;
}

int state_clear(const struct globals *g, const char *id, enum state_lock lock, struct err **err)
{
	auto_err *why = NULL;
	auto_state *s = NULL;
	if (open_folder(&s, g, id, lock, &why) < 0)
		return why->kind == ERR_NOT_FOUND ? 1 : err_move(err, &why);
	if (has_state(s))
		return 0;
	return tree_remove(s->root, id, err) < 0 ? -1 : 1;
}

int state_save(const struct state *s, struct err **err)
{
	auto_json *j = json_object();
	json_put(j, "creating", json_integer(s->creating)); /* first: state_made() */
	json_put_str(j, "ociVersion", s->version);
	json_put_str(j, "bundle", s->bundle);
	json_put_str(j, "rootfs", s->rootfs);
	json_put_str(j, "cgroup", s->cgroup);
	if (s->places)
		json_put_str(j, "cgroupPlaces", s->places);
	if (s->unit.name)
		json_put(j, "systemd", unit_json(&s->unit));
	json_put(j, "created", json_integer(s->created));
	json_put(j, "owner", json_integer(s->owner));
	json_put(j, "pid", json_integer(s->pid));
	if (s->root_base)
		json_put(j, "rootBase", json_integer((json_int_t)s->root_base));
	json_put(j, "startTicks", json_integer((json_int_t)s->start_ticks));
	if (s->rdt_class)
		json_put(j, "rdtClass", json_true());
	if (s->no_keyring)
		json_put(j, "noKeyring", json_true());
	if (s->streams)
		json_put(j, "streams", json_strv(s->streams));
	if (s->annotations)
		json_put(j, "annotations", json_loads(s->annotations, 0, NULL));
	auto_buf text = BUF_INIT;
	json_write(j, &text);
	return file_replace(s->dir, STATE_FILE, text.data, text.len, 0600, false, err);
}

/* One digit is there or not, for whoever reads meanwhile and whenever we are killed. */
int state_made(struct state *s, struct err **err)
{
	const off_t digit = sizeof("{\"creating\":") - 1;
	auto_fd int fd = openat(s->dir, STATE_FILE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || pwrite(fd, "0", 1, digit) != 1)
		return err_sys(err, errno, "write " STATE_FILE);
	s->creating = false;
	return 0;
}

int state_remove(struct state *s, struct err **err)
{
	/* first, so that whoever waits for the lock finds no container, even with a lock file made anew */
	if (unlinkat(s->dir, STATE_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove " STATE_FILE " of container %s", s->id);
	/* what is there most often, without looking */
	unlinkat(s->dir, PLAN_FILE, 0);
	unlinkat(s->dir, LOCK_FILE, 0);
	if (unlinkat(s->root, s->id, AT_REMOVEDIR) == 0)
		return 0;
	for (int tries = 0;; tries++) {
		auto_err *why = NULL;
		if (tree_remove(s->root, s->id, &why) == 0)
			return 0;
		/* each who waited makes that file once at most */
		if (why->sys != ENOTEMPTY || tries == 100)
			return err_move(err, &why);
	}
}

int state_plan_save(const struct state *s, const struct plan *plan, struct err **err)
{
	auto_buf bytes = BUF_INIT;
	plan_encode(plan, &bytes);
	return file_replace(s->dir, PLAN_FILE, bytes.data, bytes.len, 0600, false, err);
}

int state_plan_load(const struct state *s, struct buf *bytes, struct plan **plan, struct err **err)
{
	if (file_read(s->dir, PLAN_FILE, FILE_MAX, bytes, err) < 0)
		return -1;
	return plan_decode(plan, bytes->data, bytes->len, err);
}

/* Asked after the descriptor was opened: what it holds is then known to be ours. There may be none to be had of one
 * that lives. */
static bool alive(struct state *s)
{
	fd_closep(&s->pidfd);
	s->pidfd = s->pid > 0 ? (int)syscall(SYS_pidfd_open, s->pid, 0) : -1;
	if (s->pid > 0 && run_is_alive(s->pid, s->start_ticks))
		return true;
	fd_closep(&s->pidfd);
	return false;
}

/* A start that was killed may have left the socket's name behind: somebody must listen. Init forgets a
 * caller who leaves without a word; while it is stopped they queue up, and a full queue is one that somebody has. */
static bool waits_at_gate(const struct state *s, int *gate)
{
	if (faccessat(s->dir, STATE_GATE, F_OK, 0) < 0)
		return false;
	auto_err *why = NULL;
	*gate = unix_connect(s->dir, STATE_GATE, SOCK_SEQPACKET | SOCK_NONBLOCK, &why);
	return *gate >= 0 || why->sys == EAGAIN;
}

static struct cgroup *open_cgroup(const struct state *s)
{
	struct cgroup *cg = NULL;
	if (str_empty(s->cgroup))
		return NULL;
	if ((!s->places || cgroup_open_known(&cg, s->cgroup, s->places, NULL) < 0) &&
		cgroup_open(&cg, s->cgroup, NULL) < 0)
		return NULL;
	struct systemd_unit unit;
	if (state_unit(s, &unit)) {
		cgroup_unit_adopt(cg, &unit);
		systemd_unit_clear(&unit);
	}
	return cg;
}

enum status state_status_at_gate(struct state *s, int *gate)
{
	*gate = -1;
	if (!s->pid)
		return STATUS_CREATING;
	if (!alive(s))
		return STATUS_STOPPED;
	if (s->creating)
		return STATUS_CREATING;
	if (!s->seen)
		s->seen = open_cgroup(s);
	if (s->seen && cgroup_frozen(s->seen))
		return STATUS_PAUSED;
	return waits_at_gate(s, gate) ? STATUS_CREATED : STATUS_RUNNING;
}

enum status state_status(struct state *s)
{
	int gate;
	enum status status = state_status_at_gate(s, &gate);
	fd_close(gate);
	return status;
}

int state_pidfd(struct state *s, struct err **err)
{
	if (s->pidfd >= 0 || (alive(s) && s->pidfd >= 0))
		return steal_fd(&s->pidfd);
	return err_set(err, ERR_NOT_FOUND, "container not running");
}

struct cgroup *state_cgroup_core(struct state *s)
{
	struct cgroup *seen = steal_ptr(s->seen);
	return seen ? seen : open_cgroup(s);
}

struct cgroup *state_cgroup(struct state *s)
{
	struct cgroup *cg = state_cgroup_core(s);
	if (cg)
		cgroup_open_rest(cg);
	return cg;
}

bool state_unit(const struct state *s, struct systemd_unit *out)
{
	if (!s->unit.name)
		return false;
	systemd_unit_copy(out, &s->unit);
	out->helper = helper_find(s->globals, SYSTEMD_HELPER);
	return true;
}

struct cgroup *state_cgroup_need(struct state *s, struct err **err)
{
	struct cgroup *cg = state_cgroup(s);
	if (!cg && str_empty(s->cgroup))
		err_set(err, ERR_CONFLICT,
			"container %s has no cgroup: it was made by a user who may make none",
			s->id);
	else if (!cg)
		err_set(err, ERR_NOT_FOUND, "the container's cgroup is gone");
	return cg;
}

void state_document(struct state *s, bool pretty, const char *owner, struct buf *out)
{
	char created[TIME_STR_LEN];
	enum status status = state_status(s);
	auto_json *j = json_object();
	json_put_str(j, "ociVersion", s->version ? s->version : OCI_VERSION);
	json_put_str(j, "id", s->id);
	bool none = status == STATUS_STOPPED || status == STATUS_CREATING;
	json_put(j, "pid", json_integer(none ? 0 : s->pid));
	json_put_str(j, "status", status_name(status));
	json_put_str(j, "bundle", s->bundle);
	json_put_str(j, "rootfs", s->rootfs);
	json_put_str(j, "created", time_rfc3339(s->created, created));
	if (s->annotations)
		json_put(j, "annotations", json_loads(s->annotations, 0, NULL));
	json_put_str(j, "owner", owner ? owner : "");
	if (!pretty) {
		json_write(j, out);
		return;
	}
	auto_free char *text = json_dumps(j, JSON_INDENT(2));
	buf_adds(out, text);
}
