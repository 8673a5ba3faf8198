/*
 * What runs beside the caller has its memory and thread-local storage, errno too: it makes system calls without libc
 * and writes nothing but its result, which is read after it has been waited for.
 */
#include "net_ahead.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "ns.h"
#include "sys/rawcall.h"

struct net_ahead {
	_Alignas(16) char stack[8192];
	pid_t pid; /* 0: has been waited for */
	int ns; /* or -1 */
};

#if defined(__x86_64__) || defined(__aarch64__)

#define SOCKET_NAMESPACE 0x894C /* SIOCGSKNS of <linux/sockios.h>, Linux 4.9 */

__attribute__((no_stack_protector, no_sanitize_address)) static int make(void *arg)
{
	struct net_ahead *a = arg;
	/* on the stack and without memset(3) */
	struct ifreq lo;
	lo.ifr_name[0] = 'l';
	lo.ifr_name[1] = 'o';
	lo.ifr_name[2] = 0;
	lo.ifr_flags = IFF_UP;
	if (CALL(unshare, CLONE_NEWNET, 0, 0, 0, 0) < 0)
		return 1;
	int sock = (int)CALL(socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0, 0, 0);
	if (sock < 0)
		return 1;
	if (CALL(ioctl, sock, SIOCSIFFLAGS, &lo, 0, 0) == 0)
		a->ns = (int)CALL(ioctl, sock, SOCKET_NAMESPACE, 0, 0, 0);
	CALL(close, sock, 0, 0, 0, 0);
	return 0;
}

static pid_t begin(struct net_ahead *a)
{
	return clone(make, a->stack + sizeof(a->stack), CLONE_VM | CLONE_FS | CLONE_FILES, a);
}

#else

static pid_t begin(struct net_ahead *a)
{
	(void)a;
	return -1;
}

#endif

static bool is_for(const struct plan *plan)
{
	const uint32_t flags = plan->ns_new & (CLONE_NEWNET | CLONE_NEWUSER);
	int fds[OCI_NS_COUNT];
	/* only which are joined is asked */
	for (int i = 0; i < OCI_NS_COUNT; i++)
		fds[i] = plan->ns_path[i] ? 0 : plan->ns_fd[i];
	return flags == CLONE_NEWNET && !ns_needs_stage(fds, plan);
}

struct net_ahead *net_ahead_begin(const struct plan *plan)
{
	if (!is_for(plan))
		return NULL;
	struct net_ahead *a = xmalloc(sizeof(*a));
	a->ns = -1;
	a->pid = begin(a);
	if (a->pid > 0)
		return a;
	free(a);
	return NULL;
}

static void await(struct net_ahead *a)
{
	if (!a->pid)
		return;
	while (waitpid(a->pid, NULL, __WCLONE) < 0 && errno == EINTR)
		;
	a->pid = 0;
	if (a->ns < 0)
		a->ns = -1;
}

int net_ahead_take(struct net_ahead *a)
{
	await(a);
	return steal_fd(&a->ns);
}

void net_ahead_free(struct net_ahead *a)
{
	if (!a)
		return;
	await(a);
	fd_close(a->ns);
	free(a);
}
