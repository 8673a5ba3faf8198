#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>

#include "base/log.h"
#include "base/mem.h"
#include "nl.h"
#include "sysctl.h"

int netns_socket(int netns, const char *ipv6_off, struct err **err)
{
	auto_fd int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return err_sys(err, errno, "open own network namespace");
	if (setns(netns, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "enter network namespace");
	auto_fd int sock = nl_socket(NETLINK_ROUTE, err);
	/* /proc/sys/net shows the namespace of the thread that looks. */
	int off = sock >= 0 && ipv6_off ? sysctl_if_set("ipv6", ipv6_off, "disable_ipv6", "1", err)
					: 0;
	if (setns(home, CLONE_NEWNET) < 0) {
		log_line(LOG_LEVEL_FATAL, "cannot leave a container's network namespace: %s",
			err_text(errno));
		abort();
	}
	if (off < 0)
		return -1;
	return steal_fd(&sock);
}
