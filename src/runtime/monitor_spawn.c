#include "runtime/monitor_client.h"

#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "monitor_client_private.h"

/*
 * The order is what makes a death of the daemon harmless: the connections wait in the socket's backlog before
 * the program exists. A monitor that finds no connection knows that its daemon is gone.
 */
int monitor_spawn(struct monitor_client **out, const struct monitor_spawn *spec, pid_t *pid,
	int *pidfd, struct err **err)
{
	auto_fd int listener = unix_listen(
		spec->run_dir, MONITOR_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK, 0600, err);
	if (listener < 0)
		return -1;
	int requests, events;
	if (monitor_connect_pair(spec->run_dir, &requests, &events, err) < 0)
		return -1;
	struct monitor_client *c = monitor_client_new(requests, events);
	if (monitor_client_subscribe(c, err) < 0)
		goto fail;
	char *argv[] = {(char *)"kist-monitor", (char *)spec->id, NULL};
	struct proc_fd fds[] = {
		{listener, MONITOR_FD_SOCKET},
		{spec->disk_dir, MONITOR_FD_DISK},
		{spec->run_dir, MONITOR_FD_RUN},
		{spec->log_fd, 2},
	};
	struct proc_spec proc = {
		.path = spec->program,
		.argv = argv,
		.fds = fds,
		.nfds = spec->log_fd >= 0 ? 4 : 3,
		.nofile_soft = spec->nofile_soft,
	};
	*pid = proc_start(&proc, pidfd, err);
	if (*pid < 0)
		goto fail;
	*out = c;
	return 0;
fail:
	monitor_client_unref(c);
	return -1;
}

int monitor_pid_read(int run_dir, const char *name, pid_t *pid, uint64_t *ticks, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (file_read(run_dir, name, 128, &text, err) < 0)
		return -1;
	auto_strv words = strv_split(str_trim(text.len ? text.data : (char[]){""}), ' ');
	int p = 0;
	uint64_t t = 0;
	if (strv_len(words) < 2 || str_to_int(words[0], &p) < 0 || p <= 0 ||
		str_to_u64(words[1], &t) < 0)
		return err_set(err, ERR_INVALID, "%s is malformed", name);
	*pid = p;
	*ticks = t;
	return 0;
}
