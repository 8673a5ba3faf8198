/*
 * What runs beside the caller has its memory and thread-local storage, errno too: it makes system calls without libc
 * and writes nothing but its result, which is read after it has been waited for.
 */
#include "net_ahead.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "ns.h"
#include "report.h"
#include "sys/rawcall.h"

enum { UNBEGUN, BEGUN, LEFT_TO_INIT };

/* In memory that is shared with the container's first process, too. */
struct net_ahead {
	_Alignas(16) char stack[8192];
	pid_t pid; /* 0: has been waited for */
	int ns; /* or -1 */
	int pair[2]; /* the maker's end, the first process's; until net_ahead_socket() */
	int announce; /* where the namespace is handed over as soon as it is made: the maker's end, or -1 */
	bool given; /* it has been */
	int state; /* of the enum, atomic: on a busy machine init must not wait for who has not begun yet */
};

/* Is it @mine, who change it from UNBEGUN, or has it been so? */
static inline bool turns(struct net_ahead *a, int mine)
{
	int was = UNBEGUN;
	return __atomic_compare_exchange_n(
		       &a->state, &was, mine, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) ||
	       was == mine;
}

#if defined(__x86_64__) || defined(__aarch64__)

#define SOCKET_NAMESPACE 0x894C /* SIOCGSKNS of <linux/sockios.h>, Linux 4.9 */

/* report_permit_fds(). All on the stack and without memset(3). */
__attribute__((no_stack_protector, no_sanitize_address)) static bool hand_over(int sock, int ns)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	uint8_t permit = PERMIT_NET;
	struct iovec iov;
	struct msghdr msg;
	iov.iov_base = &permit;
	iov.iov_len = sizeof(permit);
	msg.msg_name = NULL;
	msg.msg_namelen = 0;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = CMSG_LEN(sizeof(int)); /* what comes after that has not been set */
	msg.msg_flags = 0;
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)(void *)CMSG_DATA(&control.head) = ns;
	return CALL(sendmsg, sock, &msg, MSG_NOSIGNAL, 0, 0) == sizeof(permit);
}

__attribute__((no_stack_protector, no_sanitize_address)) static int make(void *arg)
{
	struct net_ahead *a = arg;
	if (!turns(a, BEGUN))
		return 0;
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
	if (a->ns >= 0 && a->announce >= 0)
		a->given = hand_over(a->announce, a->ns);
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
	struct net_ahead *a =
		mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (a == MAP_FAILED)
		return NULL;
	a->ns = a->pair[0] = a->pair[1] = -1;
	/* with systemd the first process is told about its unit before */
	if (!plan->systemd_helper &&
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, a->pair) < 0)
		a->pair[0] = a->pair[1] = -1;
	a->announce = a->pair[0];
	a->pid = begin(a);
	if (a->pid > 0)
		return a;
	fd_close(a->pair[0]);
	fd_close(a->pair[1]);
	munmap(a, sizeof(*a));
	return NULL;
}

bool net_ahead_socket(struct net_ahead *a, int pair[2])
{
	if (a->pair[0] < 0)
		return false;
	pair[0] = steal_fd(&a->pair[0]);
	pair[1] = steal_fd(&a->pair[1]);
	return true;
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

bool net_ahead_left_to_init(struct net_ahead *a)
{
	return turns(a, LEFT_TO_INIT);
}

bool net_ahead_take(struct net_ahead *a, int *ns)
{
	*ns = -1;
	if (net_ahead_left_to_init(a))
		return true;
	await(a);
	*ns = a->given ? -1 : steal_fd(&a->ns);
	return a->given;
}

void net_ahead_free(struct net_ahead *a)
{
	if (!a)
		return;
	await(a);
	fd_close(a->ns);
	fd_close(a->pair[0]);
	fd_close(a->pair[1]);
	munmap(a, sizeof(*a));
}
