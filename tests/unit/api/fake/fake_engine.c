#include "fake_engine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/container.h"
#include "engine/disk.h"
#include "engine/engine.h"
#include "engine/events.h"
#include "engine/exec.h"
#include "engine/archive.h"
#include "engine/mend.h"
#include "engine/files.h"
#include "engine/image.h"
#include "engine/info.h"
#include "engine/logs.h"
#include "engine/network.h"
#include "engine/transfer.h"
#include "engine/volume.h"
#include "store/tree.h"

struct fake fake;

enum { SLOTS = 4096 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct event_subscription {
	void (*notify)(void *arg);
	void *arg;
};
static struct event_subscription *subscriptions[SLOTS];

struct container_wait {
	container_wait_fn *fn;
	void *arg;
};
static struct container_wait *waits[SLOTS];

void fake_reset(void)
{
	fake.event_backlog = 0;
	fake.load_bytes = 0;
	fake.load_error = 0;
	fake.loads = 0;
	fake.hold_load = 0;
}

static int none(struct err **err)
{
	return err_set(err, ERR_NOT_IMPLEMENTED, "not in the fake");
}

/* ---- events ---- */

struct event_subscription *engine_events_open(struct engine *e, int64_t since, int64_t until,
	const struct filters *filters, void (*notify)(void *arg), void *arg, struct err **err)
{
	struct event_subscription *s = xcalloc(1, sizeof(*s));
	*s = (struct event_subscription){notify, arg};
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SLOTS; i++)
		if (!subscriptions[i]) {
			subscriptions[i] = s;
			break;
		}
	pthread_mutex_unlock(&lock);
	fake.subscriptions++;
	return s;
}

const struct event *engine_events_next(struct event_subscription *s, bool *ended)
{
	static const struct event_attr attrs[] = {{"image", "i"}, {"name", "n"}};
	static const struct event event = {.type = "container",
		.action = "start",
		.actor = "abc",
		.from = "i",
		.attrs = attrs,
		.attr_count = 2,
		.time = 1000000001};
	*ended = false;
	if (fake.event_backlog == 0)
		return NULL;
	if (fake.event_backlog > 0)
		fake.event_backlog--;
	return &event;
}

void event_unref(const struct event *event)
{
}

void engine_events_close(struct event_subscription *s)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SLOTS; i++)
		if (subscriptions[i] == s)
			subscriptions[i] = NULL;
	pthread_mutex_unlock(&lock);
	fake.subscriptions--;
	free(s);
}

void fake_notify(void)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SLOTS; i++)
		if (subscriptions[i])
			subscriptions[i]->notify(subscriptions[i]->arg);
	pthread_mutex_unlock(&lock);
}

/* ---- wait, stop, attach ---- */

int wait_condition_parse(const char *name)
{
	return str_eq(name, "") || str_eq(name, "not-running") ? WAIT_NOT_RUNNING
	       : str_eq(name, "next-exit")		       ? WAIT_NEXT_EXIT
							       : -1;
}

struct container_wait *engine_container_wait(struct engine *e, const char *ref,
	enum wait_condition condition, container_wait_fn *fn, void *arg, struct err **err)
{
	if (!str_eq(ref, "c")) {
		err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
		return NULL;
	}
	struct container_wait *w = xcalloc(1, sizeof(*w));
	*w = (struct container_wait){fn, arg};
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SLOTS; i++)
		if (!waits[i]) {
			waits[i] = w;
			break;
		}
	pthread_mutex_unlock(&lock);
	fake.waits++;
	return w;
}

void engine_wait_cancel(struct container_wait *w)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SLOTS; i++)
		if (waits[i] == w)
			waits[i] = NULL;
	pthread_mutex_unlock(&lock);
	fake.waits--;
	free(w);
}

void fake_end_waits(int code)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < SLOTS; i++)
		if (waits[i]) {
			waits[i]->fn(waits[i]->arg, code, NULL);
			waits[i] = NULL;
		}
	pthread_mutex_unlock(&lock);
}

struct stop {
	engine_done *done;
	void *arg;
};

static void *stop_later(void *arg)
{
	struct stop *s = arg;
	nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
	s->done(s->arg, NULL);
	free(s);
	return NULL;
}

int engine_container_stop(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err)
{
	if (str_eq(ref, "stopped"))
		return err_set(err, ERR_NOT_MODIFIED, "already stopped");
	struct stop *s = xcalloc(1, sizeof(*s));
	*s = (struct stop){done, arg};
	pthread_t thread;
	pthread_create(&thread, NULL, stop_later, s);
	pthread_detach(thread);
	return 0;
}

int engine_container_restart(struct engine *e, const char *ref, const struct stop_options *options,
	engine_done *done, void *arg, struct err **err)
{
	auto_err *failed = NULL;
	err_set(&failed, ERR_SYSTEM, "restart failed");
	done(arg, failed); /* before it returns */
	return 0;
}

int engine_container_tty(struct engine *e, const char *ref, bool *tty, struct err **err)
{
	*tty = str_eq(ref, "tty");
	return str_eq(ref, "gone") ? err_set(err, ERR_NOT_FOUND, "No such container: gone") : 0;
}

struct echo {
	int fd;
};

/* What a monitor does: the head, then everything back that the client sends. */
static void *echo_all(void *arg)
{
	struct echo *echo = arg;
	char text[4096];
	ssize_t n;
	fd_set_blocking(echo->fd, true);
	while ((n = fd_read(echo->fd, text, sizeof(text))) > 0)
		fd_write_all(echo->fd, text, (size_t)n);
	fd_write_all(echo->fd, "<end>", 5);
	close(echo->fd);
	free(echo);
	return NULL;
}

int engine_container_attach(
	struct engine *e, const char *ref, const struct attach_options *o, int fd, struct err **err)
{
	struct echo *echo = xcalloc(1, sizeof(*echo));
	echo->fd = dup(fd);
	fd_write_all(echo->fd, o->head, o->head_len);
	fd_write_all(echo->fd, o->early, o->early_len);
	pthread_t thread;
	pthread_create(&thread, NULL, echo_all, echo);
	pthread_detach(thread);
	return 0;
}

/* ---- create and load ---- */

int engine_container_create(struct engine *e, const char *name,
	const struct container_config *config, const struct host_config *host,
	const struct networking_config *net, const struct oci_platform *want, char id[65],
	char ***warnings, struct err **err)
{
	memset(id, 'a', 64);
	id[64] = '\0';
	if (name)
		strv_add(warnings, name);
	return 0;
}

int engine_image_load(struct engine *e, int fd, const struct oci_platform *want,
	store_progress_fn *progress, void *arg, struct err **err)
{
	char text[65536];
	ssize_t n;
	long total = 0;
	while (fake.hold_load)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	while ((n = fd_read(fd, text, sizeof(text))) > 0) {
		total += n;
		struct store_progress p = {
			.kind = STORE_PROGRESS_LAYER, .id = "0123456789ab", .current = total};
		if (progress(arg, &p) != 0)
			break;
	}
	fake.load_error = n < 0 ? errno : 0;
	fake.load_bytes = total;
	fake.loads++;
	if (n < 0)
		return err_sys(err, fake.load_error, "read the archive");
	if (total == 3)
		return err_set(err, ERR_INVALID, "archive is too short");
	struct store_progress p = {.kind = STORE_PROGRESS_TEXT, .text = "Loaded image: x:latest\n"};
	return progress(arg, &p);
}

/* ---- the rest ---- */

void filters_add(struct filters *f, const char *key, const char *value)
{
}
void filters_free(struct filters *f)
{
}
const char *container_status_name(enum container_status s)
{
	return "running";
}
#define NONE(name, ...)                                                                            \
	int name(__VA_ARGS__)                                                                      \
	{                                                                                          \
		return none(err);                                                                  \
	}
#define NOTHING(name, ...)                                                                         \
	void name(__VA_ARGS__)                                                                     \
	{                                                                                          \
	}
NONE(engine_container_inspect, struct engine *e, const char *ref, bool size,
	struct container_snapshot **out, struct err **err)
NONE(engine_container_list, struct engine *e, const struct container_list_options *o,
	struct container_snapshot ***out, size_t *count, struct err **err)
NONE(engine_container_start, struct engine *e, const char *ref, struct err **err)
NONE(engine_container_kill, struct engine *e, const char *ref, const char *signal, struct err **err)
struct engine_files *engine_files_export(struct engine *e, const char *ref, struct err **err)
{
	err_set(err, ERR_NOT_FOUND, "No such container: %s", ref);
	return NULL;
}
struct engine_files *engine_files_changes(struct engine *e, const char *ref, struct err **err)
{
	return engine_files_export(e, ref, err);
}
int engine_files_fd(const struct engine_files *f)
{
	return -1;
}
bool engine_files_wait(const struct engine_files *f)
{
	return false;
}
NONE(engine_files_result, struct engine_files *f, struct err **err)
void engine_files_close(struct engine_files *f)
{
}
struct image_watch *engine_check(struct engine *e, const struct engine_check *spec,
	const struct image_listener *l, struct err **err)
{
	err_set(err, ERR_UNAVAILABLE, "no store here");
	return NULL;
}
struct engine_archive *engine_archive_open(struct engine *e, char *const *refs,
	enum store_save_form form, const struct oci_platform *platform, struct err **err)
{
	err_set(err, ERR_NOT_FOUND, "No such image: %s", refs[0]);
	return NULL;
}
int engine_archive_fd(const struct engine_archive *a)
{
	return -1;
}
bool engine_archive_wait(const struct engine_archive *a)
{
	return false;
}
NONE(oci_platform_parse, const char *text, struct oci_platform *out, struct err **err)
NONE(engine_archive_result, struct engine_archive *a, struct err **err)
void engine_archive_close(struct engine_archive *a)
{
}
NONE(engine_container_commit, struct engine *e, const char *ref, const struct engine_commit *spec,
	struct digest *id, struct err **err)
NONE(engine_container_pause, struct engine *e, const char *ref, struct err **err)
NONE(engine_container_unpause, struct engine *e, const char *ref, struct err **err)
NONE(engine_container_rename, struct engine *e, const char *ref, const char *name, struct err **err)
NONE(engine_container_resize, struct engine *e, const char *ref, uint32_t h, uint32_t w,
	struct err **err)
NONE(engine_container_remove, struct engine *e, const char *ref, bool force, bool volumes,
	struct err **err)
NONE(engine_container_top, struct engine *e, const char *ref, const char *args,
	struct container_top **out, struct err **err)
NONE(engine_exec_create, struct engine *e, const char *ref, const struct exec_spec *spec,
	char id[65], struct err **err)
NONE(engine_exec_start, struct engine *e, const char *id, const struct exec_start *start,
	struct err **err)
NONE(engine_exec_resize, struct engine *e, const char *id, uint32_t h, uint32_t w, struct err **err)
NONE(engine_exec_inspect, struct engine *e, const char *id, struct exec_info **out,
	struct err **err)
NONE(engine_exec_tty, struct engine *e, const char *id, bool *tty, struct err **err)
NONE(engine_image_list, struct engine *e, const struct image_list_options *options,
	struct store_image_list *out, struct err **err)
NONE(engine_image_manifests, struct engine *e, const struct digest *image,
	struct store_manifests *out, struct err **err)
NONE(engine_image_tag, struct engine *e, const char *ref, const char *repo, const char *tag,
	struct err **err)
NONE(engine_image_remove, struct engine *e, const char *ref, unsigned flags,
	struct store_removed_list *out, struct err **err)
NONE(engine_image_prune, struct engine *e, const struct filters *filters,
	struct store_removed_list *out, struct err **err)
NONE(engine_image_import, struct engine *e, const struct image_import *spec,
	store_progress_fn *progress, void *arg, struct digest *id, struct err **err)
NONE(engine_registry_login, struct engine_question *q, const char *server,
	const struct registry_auth *auth, char **status, char **identity_token, struct err **err)
NONE(engine_registry_search, struct engine_question *q, const char *term, int64_t limit,
	const struct filters *filters, const struct registry_auth *auth,
	struct registry_search *out, struct err **err)
NONE(engine_distribution, struct engine_question *q, const char *name,
	const struct registry_auth *auth, struct image_distribution *out, struct err **err)
NONE(engine_registry_tags, struct engine_question *q, const char *name,
	const struct registry_auth *auth, char ***out, struct err **err)
NONE(engine_registry_catalog, struct engine_question *q, const char *host,
	const struct registry_auth *auth, char ***out, struct err **err)
NONE(engine_registry_referrers, struct engine_question *q, const char *name,
	const char *artifact_type, const struct registry_auth *auth, struct buf *out,
	struct err **err)
NONE(engine_info, struct engine *e, struct engine_info **out, struct err **err)
NONE(engine_network_list, struct engine *e, const struct filters *filters,
	struct network_info **out, size_t *count, struct err **err)
NONE(engine_network_inspect, struct engine *e, const char *ref, struct network_info **out,
	struct err **err)
NONE(engine_volume_create, struct engine *e, const struct volume_spec *spec,
	struct volume_info **out, struct err **err)
NONE(engine_volume_inspect, struct engine *e, const char *name, struct volume_info **out,
	struct err **err)
NONE(engine_volume_list, struct engine *e, const struct filters *filters, struct volume_info **out,
	size_t *count, struct err **err)
NONE(engine_disk_usage, struct engine *e, const struct disk_usage_want *want,
	struct disk_usage *out, struct err **err)
NONE(engine_container_prune, struct engine *e, const struct filters *filters, struct pruned *out,
	struct err **err)
NONE(engine_volume_prune, struct engine *e, const struct filters *filters, bool all,
	struct pruned *out, struct err **err)
NONE(store_disk_usage, struct store *store, struct store_disk *out, struct err **err)
NOTHING(disk_usage_free, struct disk_usage *usage)
NOTHING(pruned_free, struct pruned *p)
NONE(engine_volume_remove, struct engine *e, const char *name, bool force, struct err **err)
NONE(store_image_config_json, struct store *store, const struct digest *id, struct buf *out,
	struct err **err)
NONE(store_image_history, struct store *store, const struct store_image *image,
	struct store_history **out, size_t *count, struct err **err)
NOTHING(container_snapshot_free, struct container_snapshot *s)
NOTHING(container_snapshot_list_free, struct container_snapshot **v, size_t n)
NOTHING(container_top_free, struct container_top *t)
NOTHING(exec_info_free, struct exec_info *x)
NOTHING(engine_info_free, struct engine_info *info)
NOTHING(engine_question_end, struct engine_question *q)
NOTHING(engine_question_cancel, void *q)
NOTHING(engine_question_unref, void *q)
NOTHING(engine_registry_info, struct engine *e, struct registry_info *out)
NOTHING(engine_registry_info_free, struct registry_info *info)
NOTHING(network_info_free, struct network_info *n)
NOTHING(network_info_list_free, struct network_info *v, size_t n)
NOTHING(volume_info_free, struct volume_info *v)
NOTHING(volume_info_list_free, struct volume_info *v, size_t n)
NOTHING(store_image_free, struct store_image *i)
NONE(store_tree_next, struct store_tree *tree, struct store_tree_entry *out, struct err **err)
NONE(store_diff_next, struct store_diff *diff, struct store_diff_entry *out, struct err **err)
NOTHING(store_tree_close, struct store_tree *tree)
NOTHING(store_diff_close, struct store_diff *diff)
struct store_tree *store_tree_open(struct store *store, const struct digest *id, struct err **err)
{
	none(err);
	return NULL;
}
struct store_diff *store_diff_open(
	struct store *store, const struct digest *a, const struct digest *b, struct err **err)
{
	none(err);
	return NULL;
}
const char *store_change_name(enum store_change change)
{
	return "";
}
NOTHING(store_history_free, struct store_history *rows, size_t count)
NOTHING(store_manifests_free, struct store_manifests *m)
NOTHING(store_image_list_free, struct store_image_list *l)
NOTHING(store_removed_list_free, struct store_removed_list *l)
NOTHING(engine_logs_close, struct log_reader *r)

struct store_image *engine_image_inspect(struct engine *e, const char *ref, struct err **err)
{
	none(err);
	return NULL;
}
struct store_image *engine_image_for(
	struct engine *e, const char *ref, const struct oci_platform *want, struct err **err)
{
	none(err);
	return NULL;
}
struct image_watch *engine_image_pull(struct engine *e, const struct image_pull *spec,
	const struct image_listener *l, struct err **err)
{
	none(err);
	return NULL;
}
struct image_watch *engine_image_push(struct engine *e, const struct image_push *spec,
	const struct image_listener *l, struct err **err)
{
	none(err);
	return NULL;
}
void image_watch_leave(struct image_watch *w)
{
}
void image_watch_unref(struct image_watch *w)
{
}
void image_distribution_free(struct image_distribution *d)
{
}
struct engine_question *engine_question_begin(struct engine *e, struct err **err)
{
	none(err);
	return NULL;
}
void engine_registry_search_free(struct registry_search *search)
{
}
const char *engine_storage_driver(const struct engine *e)
{
	return "overlay2";
}

const char *engine_data_root(const struct engine *e)
{
	return "/var/lib/kist";
}
struct store *engine_store(struct engine *e)
{
	return NULL;
}
struct log_reader *engine_logs_open(struct engine *e, const char *ref, const struct log_options *o,
	void (*notify)(void *arg), void *arg, bool *tty, struct err **err)
{
	none(err);
	return NULL;
}
enum log_more engine_logs_read(struct log_reader *r, struct buf *out, size_t max)
{
	return LOG_END;
}
