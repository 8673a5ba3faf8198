/* A container as an object: references, the one operation at a time, snapshots, its folders. */
#include "core.h"

#include <fcntl.h>

#include "engine/exec.h"
#include "mounts.h"

struct doc_ref *doc_new(void)
{
	struct doc_ref *d = xcalloc(1, sizeof(*d));
	d->refs = 1;
	return d;
}

void doc_unref(struct doc_ref *d)
{
	if (!d || atomic_fetch_sub(&d->refs, 1) != 1)
		return;
	doc_clear(&d->doc);
	free(d);
}

struct net_ref *net_ref_new(void)
{
	struct net_ref *n = xcalloc(1, sizeof(*n));
	n->refs = 1;
	return n;
}

void net_ref_unref(struct net_ref *n)
{
	if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	struct networking_config endpoints = {0};
	memcpy(&endpoints.endpoints, &n->net.endpoints, sizeof(endpoints.endpoints));
	networking_config_clear(&endpoints);
	for (size_t i = 0; i < n->net.ports.n; i++)
		free(n->net.ports.v[i].host_ip);
	free(n->net.ports.v);
	free(n->net.sandbox_id);
	free(n->net.sandbox_key);
	free(n);
}

void container_set_net(struct container *c, struct net_ref *n)
{
	pthread_mutex_lock(&c->lock);
	struct net_ref *old = c->net;
	c->net = n;
	pthread_mutex_unlock(&c->lock);
	net_ref_unref(old);
}

struct container *container_new(struct engine *e, struct doc_ref *doc, const char *name)
{
	struct container *c = xcalloc(1, sizeof(*c));
	pthread_condattr_t attr;

	c->engine = engine_ref(e);
	c->refs = 1;
	c->doc = doc;
	c->name = xstrdup(name);
	c->net = net_ref_new();
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	return c;
}

struct container *container_ref(struct container *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void container_unref(struct container *c)
{
	if (atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	monitor_client_unref(c->monitor);
	net_ref_unref(c->net);
	hold_clear(&c->hold);
	doc_unref(c->doc);
	strv_free(c->execs);
	free(c->state.error);
	free(c->name);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	engine_unref(c->engine);
	free(c);
}

int container_begin(struct container *c, struct err **err)
{
	int r = 0;
	pthread_mutex_lock(&c->lock);
	while (c->busy && !c->gone)
		pthread_cond_wait(&c->changed, &c->lock);
	if (c->gone)
		r = err_set(err, ERR_NOT_FOUND, "No such container: %s", container_id(c));
	else
		c->busy = true;
	pthread_mutex_unlock(&c->lock);
	return r;
}

void container_end(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	c->busy = false;
	pthread_cond_broadcast(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

bool container_is_running(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	bool alive = state_alive(c);
	pthread_mutex_unlock(&c->lock);
	return alive;
}

int not_running(const struct container *c, struct err **err)
{
	return err_set(err, ERR_CONFLICT, "container %s is not running", container_id(c));
}

struct monitor_client *container_monitor(struct container *c)
{
	pthread_mutex_lock(&c->lock);
	struct monitor_client *m = c->monitor ? monitor_client_ref(c->monitor) : NULL;
	pthread_mutex_unlock(&c->lock);
	return m;
}

bool container_wait_exit(struct container *c, int64_t ns)
{
	struct timespec until;
	int64_t at = time_mono() + ns;
	int r = 0;

	until.tv_sec = at / TIME_NS_PER_SEC;
	until.tv_nsec = at % TIME_NS_PER_SEC;
	pthread_mutex_lock(&c->lock);
	while (state_alive(c) && !c->gone && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&c->changed, &c->lock, &until);
	bool ended = !state_alive(c) || c->gone;
	pthread_mutex_unlock(&c->lock);
	return ended;
}

int container_disk_dir(struct container *c, struct err **err)
{
	int fd = openat(store_containers_fd(c->engine->store), container_id(c),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "open the folder of container %s", container_id(c));
	return fd;
}

int container_run_dir(struct container *c, bool make, struct err **err)
{
	if (make && dir_make(c->engine->run_fd, container_id(c), 0700, err))
		return -1;
	int fd = openat(c->engine->run_fd, container_id(c),
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sysk(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM, errno,
			"open the run folder of container %s", container_id(c));
	return fd;
}

char *container_cgroup(const struct container *c)
{
	const char *parent = c->doc->doc.host.res.cgroup_parent;
	if (str_empty(parent))
		parent = c->engine->cgroup_parent;
	/* as dockerd joins them: ".." leads no further up than to the root */
	auto_free char *path = xasprintf("%s/%s", parent, container_id(c));
	return mount_clean(path);
}

char *container_path(const struct container *c, const char *file)
{
	return xasprintf("%s/containers/%s/%s", c->engine->data_root, container_id(c), file);
}

static void snapshot_paths(struct container *c, struct container_snapshot *s)
{
	enum net_mode mode = net_mode(c->doc->doc.host.network_mode);
	if (s->state.started_at && mode != NET_MODE_CONTAINER) {
		s->hostname_path = container_path(c, "hostname");
		s->hosts_path = container_path(c, "hosts");
		s->resolv_path = container_path(c, "resolv.conf");
	}
	if (!str_eq(c->doc->doc.host.log.type, "none")) {
		auto_free char *file = xasprintf("%s" CONTAINER_LOG_SUFFIX, container_id(c));
		s->log_path = container_path(c, file);
	}
}

struct container_snapshot *container_snapshot(struct container *c)
{
	struct container_snapshot *s = xcalloc(1, sizeof(*s));

	pthread_mutex_lock(&c->lock);
	atomic_fetch_add(&c->doc->refs, 1);
	atomic_fetch_add(&c->net->refs, 1);
	s->doc_ref = c->doc;
	s->net_ref = c->net;
	s->state = c->state;
	s->state.error = xstrdup_null(c->state.error);
	s->name = xstrdup(c->name);
	s->exec_ids = c->execs ? strv_copy(c->execs) : NULL;
	pthread_mutex_unlock(&c->lock);
	s->doc = &((struct doc_ref *)s->doc_ref)->doc;
	s->net = &((struct net_ref *)s->net_ref)->net;
	s->size_rw = s->size_root = -1;
	snapshot_paths(c, s);
	return s;
}

void container_snapshot_free(struct container_snapshot *s)
{
	if (!s)
		return;
	doc_unref(s->doc_ref);
	net_ref_unref(s->net_ref);
	free(s->state.error);
	free(s->name);
	free(s->hostname_path);
	free(s->hosts_path);
	free(s->resolv_path);
	free(s->log_path);
	strv_free(s->exec_ids);
	strv_free(s->layers);
	free(s->upper);
	free(s->work);
	free(s->merged);
	free(s);
}

void container_snapshot_list_free(struct container_snapshot **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		container_snapshot_free(v[i]);
	free(v);
}

static const char *const status_names[] = {[CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",
	[CONTAINER_PAUSED] = "paused",
	[CONTAINER_RESTARTING] = "restarting",
	[CONTAINER_REMOVING] = "removing",
	[CONTAINER_EXITED] = "exited",
	[CONTAINER_DEAD] = "dead"};

const char *container_status_name(enum container_status s)
{
	return status_names[s];
}

int container_status_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(status_names); i++)
		if (str_eq(name, status_names[i]))
			return (int)i;
	return -1;
}
