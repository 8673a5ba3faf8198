/* Our side of the connection with kist-systemd. */
#include "runtime/systemd.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "systemd_wire.h"

struct systemd {
	int sock;
	pid_t pid;
};

/* Where the buses are; nothing else of our environment. */
static char **bus_environment(void)
{
	static const char *const names[] = {
		"DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "XDG_RUNTIME_DIR"};
	char **env = NULL;
	strv_add(&env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);
		if (value)
			strv_take(&env, xasprintf("%s=%s", names[i], value));
	}
	return env;
}

int systemd_connect(struct systemd **out, const struct systemd_unit *unit, struct err **err)
{
	int pair[2];
	if (str_empty(unit->helper))
		return err_set(err, ERR_UNAVAILABLE,
			"systemd cgroups need the program kist-systemd, which is not installed");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, errno, "socketpair");
	auto_fd int ours = pair[0], theirs = pair[1];
	auto_strv env = bus_environment();
	char *argv[] = {(char *)"kist-systemd", NULL};
	struct proc_fd fds[] = {{theirs, SYSTEMD_FD}, {STDERR_FILENO, STDERR_FILENO}};
	struct proc_spec spec = {
		.path = unit->helper,
		.argv = argv,
		.env = env,
		.fds = fds,
		.nfds = ARRAY_LEN(fds),
	};
	pid_t pid = proc_start(&spec, NULL, err);
	if (pid < 0)
		return -1;
	struct systemd *s = xcalloc(1, sizeof(*s));
	s->sock = steal_fd(&ours);
	s->pid = pid;
	*out = s;
	return 0;
}

void systemd_close(struct systemd *s)
{
	if (!s)
		return;
	/* closing alone ends nothing while a container's init, cloned meanwhile, has a copy */
	shutdown(s->sock, SHUT_RDWR);
	fd_close(s->sock);
	proc_wait(s->pid);
	free(s);
}

/* The helper has time limits of its own for all that it waits for. */
static int ask(struct systemd *s, struct systemd_request *r, const struct systemd_unit *unit,
	char **text, struct err **err)
{
	auto_buf request = BUF_INIT;
	r->user = unit->user;
	r->unit = unit->name;
	r->slice = unit->slice ? unit->slice : "";
	systemd_request_encode(r, &request);
	if (request.len > SYSTEMD_MESSAGE_MAX)
		return err_set(err, ERR_TOO_LARGE, "the properties of systemd unit %s are too long",
			unit->name);
	if (fd_send(s->sock, request.data, request.len, NULL, 0) < 0)
		return err_sys(err, errno, "send a request to kist-systemd");
	auto_free char *answer = xmalloc(SYSTEMD_MESSAGE_MAX);
	size_t nfds = 0;
	ssize_t n = fd_recv(s->sock, answer, SYSTEMD_MESSAGE_MAX, NULL, &nfds);
	if (n < 0)
		return err_sys(err, errno, "receive kist-systemd's answer");
	if (n == 0)
		return err_set(err, ERR_UNAVAILABLE, "kist-systemd ended without an answer");
	return systemd_answer_decode(text, answer, (size_t)n, err);
}

static int order(struct systemd *s, struct systemd_request *r, const struct systemd_unit *unit,
	struct err **err)
{
	auto_free char *text = NULL;
	return ask(s, r, unit, &text, err);
}

char *systemd_path(struct systemd *s, const struct systemd_unit *unit, struct err **err)
{
	struct systemd_request r = {.op = SYSTEMD_OP_PATH};
	char *text = NULL;
	return ask(s, &r, unit, &text, err) < 0 ? NULL : text;
}

int systemd_start(struct systemd *s, const struct systemd_unit *unit,
	const struct systemd_props *props, pid_t pid, struct err **err)
{
	struct systemd_request r = {.op = SYSTEMD_OP_START, .pid = (uint32_t)pid, .props = *props};
	return order(s, &r, unit, err);
}

int systemd_attach(struct systemd *s, const struct systemd_unit *unit, pid_t pid, struct err **err)
{
	struct systemd_request r = {.op = SYSTEMD_OP_ATTACH, .pid = (uint32_t)pid};
	return order(s, &r, unit, err);
}

int systemd_set(struct systemd *s, const struct systemd_unit *unit,
	const struct systemd_props *props, struct err **err)
{
	struct systemd_request r = {.op = SYSTEMD_OP_SET, .props = *props};
	return order(s, &r, unit, err);
}

int systemd_stop(struct systemd *s, const struct systemd_unit *unit, struct err **err)
{
	struct systemd_request r = {.op = SYSTEMD_OP_STOP};
	return order(s, &r, unit, err);
}

int systemd_keep(struct systemd *s, const struct systemd_unit *unit, struct err **err)
{
	struct systemd_request r = {.op = SYSTEMD_OP_KEEP};
	return order(s, &r, unit, err);
}
