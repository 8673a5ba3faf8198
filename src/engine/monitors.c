/* Getting a container its monitor: a parked one (parking.c), or a new one. */
#include "core.h"

static void monitor_settings(
	const struct container *c, struct monitor_config *m, const char *log_name)
{
	const struct container_doc *doc = &c->doc->doc;
	const char *size = str_map_get(&doc->host.log.config, "max-size");
	const char *files = str_map_get(&doc->host.log.config, "max-file");

	*m = (struct monitor_config){.tty = doc->config.tty,
		.open_stdin = doc->config.open_stdin,
		.stdin_once = doc->config.stdin_once,
		.log_enabled = !str_eq(doc->host.log.type, "none"),
		.log_name = log_name,
		.log_max_file = 1};
	if (size)
		str_to_size(size, &m->log_max_size);
	if (files)
		str_to_u32(files, &m->log_max_file);
}

static struct monitor_client *start_one(struct container *c, int disk, int run, struct err **err)
{
	struct monitor_client *m = NULL;
	int pidfd = -1;
	pid_t pid;
	const struct monitor_spawn spec = {.program = parking_program(c->engine->parking),
		.id = container_id(c),
		.disk_dir = disk,
		.run_dir = run,
		.log_fd = STDERR_FILENO,
		.nofile_soft = c->engine->nofile_soft};
	if (monitor_spawn(&m, &spec, &pid, &pidfd, err))
		return NULL;
	child_watch(c->engine, pidfd);
	return m;
}

static struct monitor_client *spawn(struct container *c, struct err **err)
{
	auto_free char *log_name = xasprintf("%s" CONTAINER_LOG_SUFFIX, container_id(c));
	struct monitor_config config;

	auto_fd int disk = container_disk_dir(c, err);
	auto_fd int run = disk < 0 ? -1 : container_run_dir(c, true, err);
	if (run < 0)
		return NULL;
	struct monitor_client *m = parking_take(c->engine, container_id(c), disk, run);
	if (!m)
		m = start_one(c, disk, run, err);
	if (!m)
		return NULL;
	monitor_settings(c, &config, log_name);
	if (monitor_configure(m, &config, err)) {
		monitor_client_unref(m);
		return NULL;
	}
	return m;
}

struct monitor_client *monitor_need(struct container *c, struct err **err)
{
	pthread_mutex_lock(&c->lock);
	bool old = c->exit_known && c->monitor;
	pthread_mutex_unlock(&c->lock);
	/* the last run's monitor is still tidying up */
	if (old && monitor_wait_gone(c, 30)) {
		err_set(err, ERR_UNAVAILABLE, "the monitor of container %s has not ended yet",
			container_id(c));
		return NULL;
	}
	struct monitor_client *m = container_monitor(c);
	if (m)
		return m;
	m = spawn(c, err);
	if (!m) {
		err_wrap(err, "start the monitor of container %s", container_id(c));
		return NULL;
	}
	monitor_watch(c, monitor_client_ref(m));
	return m;
}
