/* Opening and closing: the parts in the order in which they need each other. */
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/digest.h"
#include "core.h"
#include "mounts.h"
#include "operation.h"
#include "transfer.h"

static char *or_default(const char *value, const char *fallback)
{
	return xstrdup(str_empty(value) ? fallback : value);
}

static int need(const char *value, const char *what, struct err **err)
{
	if (str_empty(value))
		return err_set(err, ERR_INVALID, "the engine needs the path of %s", what);
	return 0;
}

void engine_set_transfers(struct engine *e, uint32_t max_downloads, uint32_t max_uploads)
{
	e->max_downloads = max_downloads ? max_downloads : 3;
	e->max_uploads = max_uploads ? max_uploads : 5;
}

void engine_reloaded(struct engine *e, const char *const *attributes)
{
	struct ring_attr all[16];
	struct utsname uts;
	size_t n = 0;
	uname(&uts);
	all[n++] = (struct ring_attr){"name", uts.nodename};
	for (; *attributes && n < ARRAY_LEN(all); attributes += 2)
		all[n++] = (struct ring_attr){attributes[0], attributes[1]};
	event_other(e, "daemon", "reload", e->id, all, n);
}

static int take_options(struct engine *e, const struct engine_options *o, struct err **err)
{
	if (need(o->monitor_path, "kist-monitor", err) || need(o->init_path, "kist-init", err) ||
		need(o->transfer_path, "kist-transfer", err) ||
		need(o->seccomp_path, "the default seccomp profile", err))
		return -1;
	e->data_root = or_default(o->data_root, "/var/lib/kist");
	e->exec_root = or_default(o->exec_root, "/run/kist");
	e->cgroup_parent = mount_clean(str_empty(o->cgroup_parent) ? "/kist" : o->cgroup_parent);
	e->monitor_path = xstrdup(o->monitor_path);
	e->init_path = xstrdup(o->init_path);
	e->seccomp_folder = xasprintf("%s/seccomp", e->data_root);
	e->loop = o->loop;
	e->remove_bridge = o->remove_bridge;
	e->nofile_soft = o->nofile_soft;
	e->registry = o->registry;
	engine_set_transfers(e, o->max_downloads, o->max_uploads);
	return 0;
}

static int read_profile(struct engine *e, const char *path, struct err **err)
{
	auto_buf text = BUF_INIT;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open the default seccomp profile %s", path);
	if (fd_read_all(fd, 4 << 20, &text, path, err))
		return -1;
	e->seccomp_len = text.len;
	e->seccomp_text = buf_steal(&text);
	return 0;
}

static void look_at_machine(struct engine *e)
{
	for (int cap = 0; cap <= OCI_CAP_LAST; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
			e->capabilities |= 1ull << cap;
	auto_buf oom = BUF_INIT;
	int own = 0;
	if (!file_read(AT_FDCWD, "/proc/self/oom_score_adj", 32, &oom, NULL) && oom.data &&
		!str_to_int(str_trim(oom.data), &own) && own > 0)
		e->oom_score_adj = own; /* nobody may lower it without CAP_SYS_RESOURCE */
	e->cgroup_v2 = cgroup_mode() == CGROUP_V2;
	e->opened_at = time_now();
}

static int open_folders(struct engine *e, struct err **err)
{
	auto_free char *run = xasprintf("%s/containers", e->exec_root);
	auto_free char *volumes = xasprintf("%s/volumes", e->data_root);

	if (dir_make(AT_FDCWD, e->exec_root, 0700, err) || dir_make(AT_FDCWD, run, 0700, err) ||
		dir_make(AT_FDCWD, volumes, 0701, err) ||
		dir_make(AT_FDCWD, e->seccomp_folder, 0700, err))
		return -1;
	e->run_fd = dir_open(AT_FDCWD, run, err);
	e->volumes_fd = e->run_fd < 0 ? -1 : dir_open(AT_FDCWD, volumes, err);
	return e->volumes_fd < 0 ? -1 : 0;
}

static int open_store(struct engine *e, const struct engine_options *o, struct err **err)
{
	const struct store_options options = {
		.data_root = e->data_root,
		.transfer_path = o->transfer_path,
		.driver = o->storage_driver,
	};
	e->store = store_open(&options, err);
	if (!e->store)
		return -1;
	e->db = store_db(e->store);
	return rows_migrate(e->db, err);
}

/* Reads the value of @key, or makes @fresh its value. */
static int keep_value(
	struct engine *e, const char *key, const char *fresh, char **out, struct err **err)
{
	if (db_exec(e->db, err, "INSERT OR IGNORE INTO engine (key, value) VALUES (?, ?)", "ss",
		    key, fresh) < 0)
		return -1;
	auto_db_stmt *q = db_query(e->db, "SELECT value FROM engine WHERE key = ?", err);
	if (!q)
		return -1;
	db_bind_str(q, 1, key);
	if (db_step(q, err) != 1)
		return -1;
	*out = xstrdup(db_col_str(q, 0));
	return 0;
}

static int load_ids(struct engine *e, struct err **err)
{
	static const char *const keys[] = {"network.bridge", "network.host", "network.none"};
	char *const slots[] = {e->bridge_id, e->host_id, e->none_id};
	char hex[65];

	random_hex(hex, 16);
	auto_free char *id = xasprintf(
		"%.8s-%.4s-4%.3s-a%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
	if (keep_value(e, "id", id, &e->id, err))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		auto_free char *value = NULL;
		random_hex(hex, 32);
		if (keep_value(e, keys[i], hex, &value, err))
			return -1;
		memcpy(slots[i], value, strnlen(value, 64) + 1);
	}
	return 0;
}

static int open_parts(struct engine *e, const struct engine_options *o, struct err **err)
{
	if (take_options(e, o, err) || read_profile(e, o->seccomp_path, err))
		return -1;
	look_at_machine(e);
	if (open_store(e, o, err) || open_folders(e, err) || load_ids(e, err))
		return -1;
	e->log_watcher = log_watcher_new(e->loop, err);
	if (!e->log_watcher)
		return -1;
	if (o->net && net_open(&e->net, o->net, err))
		return -1;
	if (rows_load(e, err) || recover_all(e, err))
		return -1;
	e->parking = parking_new(e, o->pool, err);
	if (!e->parking)
		return -1;
	parking_refill(e);
	e->tidy = tidy_new(e, TIDY_EVERY_NS);
	return 0;
}

struct engine *engine_open(const struct engine_options *options, struct err **err)
{
	struct engine *e = xcalloc(1, sizeof(*e));

	e->refs = 1;
	e->run_fd = e->volumes_fd = -1;
	pthread_mutex_init(&e->volume_lock, NULL);
	pthread_mutex_init(&e->referrers_lock, NULL);
	pthread_mutex_init(&e->waiting_lock, NULL);
	roster_init(&e->roster);
	e->work = work_new();
	e->operations = operations_new();
	e->questions = questions_new();
	e->ring = ring_new(e);
	e->filters = filter_cache_new();
	e->execs = exec_table_new();
	if (!open_parts(e, options, err))
		return e;
	engine_close(e);
	return NULL;
}

struct engine *engine_ref(struct engine *e)
{
	atomic_fetch_add(&e->refs, 1);
	return e;
}

void engine_unref(struct engine *e)
{
	if (atomic_fetch_sub(&e->refs, 1) != 1)
		return;
	questions_free(e->questions);
	ring_free(e->ring);
	filter_cache_free(e->filters);
	fd_close(e->run_fd);
	fd_close(e->volumes_fd);
	free(e->data_root);
	free(e->exec_root);
	free(e->cgroup_parent);
	free(e->monitor_path);
	free(e->init_path);
	free(e->seccomp_text);
	free(e->seccomp_folder);
	free(e->id);
	pthread_mutex_destroy(&e->volume_lock);
	pthread_mutex_destroy(&e->referrers_lock);
	pthread_mutex_destroy(&e->waiting_lock);
	free(e);
}

void engine_close(struct engine *e)
{
	if (!e)
		return;
	ring_end(e->ring);
	tidy_free(steal_ptr(e->tidy));
	operations_free(steal_ptr(e->operations));
	/* what the loop will never say is not worth waiting for: the next daemon carries on where the workers are */
	e->stopping = true;
	monitor_wait_stop(e);
	work_free(e->work);
	e->closed = true;
	parking_free(steal_ptr(e->parking));
	if (e->cgroup_parent)
		cgroup_parent_drop(e);
	log_watcher_free(e->log_watcher);
	exec_table_free(e->execs);
	watches_drop(e);
	roster_free(&e->roster);
	if (e->net)
		net_close(e->net, e->remove_bridge);
	store_close(e->store);
	engine_unref(e);
}

const char *engine_storage_driver(const struct engine *e)
{
	return store_driver_name(e->store);
}

const char *engine_data_root(const struct engine *e)
{
	return e->data_root;
}

const char *engine_exec_root(const struct engine *e)
{
	return e->exec_root;
}
