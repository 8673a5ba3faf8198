#include "request.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static int run_adopt(struct request *r, struct err **err)
{
	const char *id = wire_str(&r->payload);
	if (wire_done(&r->payload, "adopt request", err) < 0)
		return -1;
	if (!id || !*id)
		return err_set(err, ERR_INVALID, "adopt request without an id");
	if (container_adopt(r->server->container, id, r->fds[0], r->fds[1], err) < 0)
		return -1;
	/* for ps: the daemon has made room for an id */
	if (r->server->title && strlen(id) <= strlen(r->server->title))
		memcpy(r->server->title, id, strlen(id) + 1);
	return 0;
}

static int run_configure(struct request *r, struct err **err)
{
	struct monitor_config config;
	if (monitor_config_decode(&config, &r->payload, err) < 0 ||
		wire_done(&r->payload, "configure request", err) < 0)
		return -1;
	return container_configure(r->server->container, &config, err);
}

static int run_attach(struct request *r, struct err **err)
{
	struct monitor_attach attach;
	if (monitor_attach_decode(&attach, &r->payload, err) < 0 ||
		wire_done(&r->payload, "attach request", err) < 0)
		return -1;
	if (container_attach(r->server->container, &attach, r->fds[0], err) < 0)
		return -1;
	r->fds[0] = -1;
	return 0;
}

static int run_create_container(struct request *r, struct err **err)
{
	uint64_t generation = wire_u64(&r->payload);
	uint32_t mask = wire_u32(&r->payload);
	if (wire_done(&r->payload, "create request", err) < 0)
		return -1;
	if ((size_t)__builtin_popcount(mask) != r->nfds - 1)
		return err_set(err, ERR_INVALID,
			"create request: %zu descriptors do not fit the mask %x", r->nfds, mask);
	struct monitor_created created;
	if (container_create(r->server->container, generation, r->fds[0], mask, r->fds + 1,
		    &created, err) < 0)
		return -1;
	wire_put_u32(&r->reply, (uint32_t)created.pid);
	wire_put_u64(&r->reply, created.start_ticks);
	r->reply_fd = r->reply_owned = created.netns;
	return 0;
}

/* The monitor will outlive the daemon: whoever reads the daemon's stderr through a pipe, or owns its terminal, must
 * see that end. A file or the journal's socket stays. */
static void let_go_of_stderr(void)
{
	struct stat st;
	if (fstat(STDERR_FILENO, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
		return;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDERR_FILENO);
	fd_close(null);
}

static int run_start_container(struct request *r, struct err **err)
{
	int64_t started_at;
	if (container_start(r->server->container, &started_at, err) < 0)
		return -1;
	let_go_of_stderr();
	wire_put_i64(&r->reply, started_at);
	return 0;
}

static int run_kill(struct request *r, struct err **err)
{
	uint32_t sig = wire_u32(&r->payload);
	if (wire_done(&r->payload, "kill request", err) < 0)
		return -1;
	return container_kill(r->server->container, (int)sig, err);
}

static int run_resize(struct request *r, struct err **err)
{
	const char *exec_id = wire_str(&r->payload);
	uint32_t h = wire_u32(&r->payload), w = wire_u32(&r->payload);
	if (wire_done(&r->payload, "resize request", err) < 0)
		return -1;
	return container_resize(r->server->container, exec_id, h, w, err);
}

static int run_exec_request(struct request *r, struct err **err)
{
	const char *id = wire_str(&r->payload);
	struct monitor_config config;
	struct monitor_attach attach;
	if (monitor_config_decode(&config, &r->payload, err) < 0)
		return -1;
	bool attached = wire_bool(&r->payload);
	if (attached && monitor_attach_decode(&attach, &r->payload, err) < 0)
		return -1;
	if (wire_done(&r->payload, "exec request", err) < 0)
		return -1;
	if (!id || !*id || strlen(id) > MONITOR_EXEC_ID_MAX)
		return err_set(err, ERR_INVALID, "exec request: bad id");
	if (r->nfds != (attached ? 2 : 1))
		return err_set(err, ERR_INVALID, "exec request: %zu descriptors", r->nfds);
	pid_t pid;
	int none = -1;
	if (container_exec(r->server->container, id, &config, r->fds[0], attached ? &attach : NULL,
		    attached ? &r->fds[1] : &none, &pid, err) < 0)
		return -1;
	wire_put_u32(&r->reply, (uint32_t)pid);
	return 0;
}

static int run_exec_kill(struct request *r, struct err **err)
{
	const char *id = wire_str(&r->payload);
	uint32_t sig = wire_u32(&r->payload);
	if (wire_done(&r->payload, "exec kill request", err) < 0)
		return -1;
	return container_exec_kill(r->server->container, id, (int)sig, err);
}

static int run_status(struct request *r, struct err **err)
{
	struct monitor_status status;
	container_status(r->server->container, &status);
	wire_put_u8(&r->reply, (uint8_t)status.state);
	wire_put_u32(&r->reply, (uint32_t)status.pid);
	wire_put_u64(&r->reply, status.start_ticks);
	wire_put_i64(&r->reply, status.started_at);
	wire_put_u64(&r->reply, status.generation);
	wire_put_u32(&r->reply, status.clients);
	return 0;
}

static int run_subscribe(struct request *r, struct err **err)
{
	r->conn->subscribed = true;
	container_tell_again(r->server->container);
	return run_status(r, err);
}

static int run_log_sync(struct request *r, struct err **err)
{
	container_log_sync(r->server->container);
	return 0;
}

static int run_detach_all(struct request *r, struct err **err)
{
	container_detach_all(r->server->container);
	return 0;
}

static int run_root(struct request *r, struct err **err)
{
	return container_root(r->server->container, &r->reply_fd, err);
}

static int run_quit(struct request *r, struct err **err)
{
	if (container_undo(r->server->container, err) < 0)
		return -1;
	server_quit(r->server);
	return 0;
}

/* Everything that a daemon may ask; @fds: how many descriptors must come along at least. */
static const struct {
	uint32_t type;
	size_t fds;
	int (*run)(struct request *r, struct err **err);
} requests[] = {
	{MONITOR_ADOPT, 2, run_adopt},
	{MONITOR_CONFIGURE, 0, run_configure},
	{MONITOR_ATTACH, 1, run_attach},
	{MONITOR_CREATE, 1, run_create_container},
	{MONITOR_START, 0, run_start_container},
	{MONITOR_KILL, 0, run_kill},
	{MONITOR_RESIZE, 0, run_resize},
	{MONITOR_EXEC, 1, run_exec_request},
	{MONITOR_EXEC_KILL, 0, run_exec_kill},
	{MONITOR_STATUS, 0, run_status},
	{MONITOR_SUBSCRIBE, 0, run_subscribe},
	{MONITOR_LOG_SYNC, 0, run_log_sync},
	{MONITOR_DETACH_ALL, 0, run_detach_all},
	{MONITOR_ROOT, 0, run_root},
	{MONITOR_QUIT, 0, run_quit},
};

int request_run(struct request *r, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		if (requests[i].type != r->type)
			continue;
		if (r->nfds < requests[i].fds)
			return err_set(
				err, ERR_INVALID, "request %u without its descriptors", r->type);
		return requests[i].run(r, err);
	}
	return err_set(err, ERR_NOT_IMPLEMENTED, "the monitor does not know request %u", r->type);
}
