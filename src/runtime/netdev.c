#include "netdev.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define ANSWER_MAX 32768 /* a dump comes in pieces of at most this */
#define ATTR_MAX 64

/* A request as it is put together. */
struct request {
	struct nlmsghdr head;
	char body[512];
};

static void *request_begin(struct request *q, int type, int flags, size_t fixed)
{
	*q = (struct request){.head = {.nlmsg_type = (uint16_t)type,
				      .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
				      .nlmsg_len = (uint32_t)NLMSG_LENGTH(fixed)}};
	return q->body;
}

/* What is put in comes from small structs and names: it fits, or is left out and the kernel complains. */
static void request_add(struct request *q, int type, const void *data, size_t n)
{
	size_t at = NLMSG_ALIGN(q->head.nlmsg_len);
	struct rtattr *a = (struct rtattr *)((char *)q + at);
	if (at + RTA_SPACE(n) > sizeof(*q))
		return;
	a->rta_type = (unsigned short)type;
	a->rta_len = (unsigned short)RTA_LENGTH(n);
	memcpy(RTA_DATA(a), data, n);
	q->head.nlmsg_len = (uint32_t)(at + RTA_SPACE(n));
}

/* Every message of the answer goes to @each until the end of it; 0, or -1 with errno. */
static int converse(int sock, const struct request *q,
	void (*each)(const struct nlmsghdr *m, void *arg), void *arg)
{
	auto_free char *answer = xmalloc(ANSWER_MAX);
	if (send(sock, q, q->head.nlmsg_len, 0) < 0)
		return -1;
	for (;;) {
		ssize_t n = fd_read(sock, answer, ANSWER_MAX);
		if (n < 0)
			return -1;
		size_t left = (size_t)n;
		for (struct nlmsghdr *m = (struct nlmsghdr *)answer; NLMSG_OK(m, left);
			m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE)
				return 0;
			if (m->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(m))->error;
				return errno ? -1 : 0;
			}
			if (each)
				each(m, arg);
		}
	}
}

static int route_socket(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

static void read_link(const struct nlmsghdr *m, void *arg)
{
	struct ifinfomsg *info = arg;
	if (m->nlmsg_type == RTM_NEWLINK)
		*info = *(const struct ifinfomsg *)NLMSG_DATA(m);
}

/* The device called @name; index 0, with errno, if there is none. */
static struct ifinfomsg get_link(int sock, const char *name)
{
	struct request q;
	struct ifinfomsg info = {0};
	request_begin(&q, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	request_add(&q, IFLA_IFNAME, name, strlen(name) + 1);
	if (converse(sock, &q, read_link, &info) < 0)
		info.ifi_index = 0;
	return info;
}

static int find_link(int sock, const char *name)
{
	return get_link(sock, name).ifi_index;
}

static int set_up(int sock, int index)
{
	struct request q;
	struct ifinfomsg *info = request_begin(&q, RTM_NEWLINK, NLM_F_ACK, sizeof(*info));
	info->ifi_index = index;
	info->ifi_flags = info->ifi_change = IFF_UP;
	return converse(sock, &q, NULL, NULL);
}

/* The addresses to be kept, as the RTM_NEWADDR messages that the kernel describes them with. */
struct addresses {
	int index;
	struct buf messages;
};

static void keep_address(const struct nlmsghdr *m, void *arg)
{
	struct addresses *a = arg;
	const struct ifaddrmsg *info = NLMSG_DATA(m);
	if (m->nlmsg_type != RTM_NEWADDR || (int)info->ifa_index != a->index ||
		info->ifa_scope != RT_SCOPE_UNIVERSE || !(info->ifa_flags & IFA_F_PERMANENT))
		return;
	buf_add(&a->messages, m, m->nlmsg_len);
	while (a->messages.len % NLMSG_ALIGNTO)
		buf_addc(&a->messages, 0);
}

static int list_addresses(int sock, struct addresses *a)
{
	struct request q;
	request_begin(&q, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return converse(sock, &q, keep_address, a);
}

/* The address of @m on the device @index; what belonged to its past is left out. */
static int add_address(int sock, const struct nlmsghdr *m, int index)
{
	struct request q;
	const struct ifaddrmsg *old = NLMSG_DATA(m);
	struct ifaddrmsg *info = request_begin(
		&q, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, sizeof(*info));
	info->ifa_family = old->ifa_family;
	info->ifa_prefixlen = old->ifa_prefixlen;
	info->ifa_scope = old->ifa_scope;
	info->ifa_index = (uint32_t)index;
	size_t left = IFA_PAYLOAD(m);
	for (const struct rtattr *a = IFA_RTA(old); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if ((a->rta_type == IFA_ADDRESS || a->rta_type == IFA_LOCAL ||
			    a->rta_type == IFA_BROADCAST) &&
			RTA_PAYLOAD(a) <= ATTR_MAX)
			request_add(&q, a->rta_type, RTA_DATA(a), RTA_PAYLOAD(a));
	return converse(sock, &q, NULL, NULL);
}

/* Both ends of the move. */
struct netdev_move {
	int here, there; /* sockets */
	int ns;
	const char *name, *inside; /* @inside: with %d the kernel chooses a number */
};

/* A device that is in the container now, and what it was before. */
struct moved {
	const char *name;
	int index; /* in the container; 0: has not got there */
	bool up;
	struct addresses addresses;
};

/* The kernel sets it down itself, once nothing can fail any more: a device that stays keeps its addresses and routes. */
static int rename_and_move(int sock, int index, const char *name, int ns)
{
	struct request q;
	struct ifinfomsg *info = request_begin(&q, RTM_NEWLINK, NLM_F_ACK, sizeof(*info));
	info->ifi_index = index;
	request_add(&q, IFLA_IFNAME, name, strlen(name) + 1);
	request_add(&q, IFLA_NET_NS_FD, &ns, sizeof(ns));
	return converse(sock, &q, NULL, NULL);
}

/* Indexes of all that is there, to tell which one has come. */
struct link_list {
	int *v;
	size_t count;
};

static void add_index(const struct nlmsghdr *m, void *arg)
{
	struct link_list *l = arg;
	if (m->nlmsg_type != RTM_NEWLINK)
		return;
	l->v = xreallocarray(l->v, l->count + 1, sizeof(*l->v));
	l->v[l->count++] = ((const struct ifinfomsg *)NLMSG_DATA(m))->ifi_index;
}

static int list_links(int sock, struct link_list *l)
{
	struct request q;
	request_begin(&q, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	return converse(sock, &q, add_index, l);
}

/* The device that was not there @before; 0 if there is none or more than one. */
static int find_new(int sock, const struct link_list *before)
{
	struct link_list now = {0};
	int found = 0;
	if (list_links(sock, &now) < 0)
		return 0;
	for (size_t i = 0; i < now.count; i++) {
		bool old = false;
		for (size_t k = 0; k < before->count; k++)
			old = old || before->v[k] == now.v[i];
		if (!old)
			found = found ? -1 : now.v[i];
	}
	free(now.v);
	return found > 0 ? found : 0;
}

static int add_addresses(int sock, int index, const struct buf *messages)
{
	size_t left = messages->len;
	for (const struct nlmsghdr *m = (const struct nlmsghdr *)messages->data; NLMSG_OK(m, left);
		m = NLMSG_NEXT(m, left))
		if (add_address(sock, m, index) < 0)
			return -1;
	return 0;
}

static int settle(const struct netdev_move *v, const struct moved *d, struct err **err)
{
	if (add_addresses(v->there, d->index, &d->addresses.messages) < 0)
		return err_sys(err, errno, "linux.netDevices: give %s its address in the container",
			v->name);
	if (set_up(v->there, d->index) < 0)
		return err_sys(err, errno, "linux.netDevices: set %s up in the container", v->name);
	return 0;
}

static int move_one(const struct netdev_move *v, struct moved *d, struct err **err)
{
	bool template = strchr(v->inside, '%');
	const struct ifinfomsg info = get_link(v->here, v->name);
	*d = (struct moved){.name = v->name,
		.up = info.ifi_flags & IFF_UP,
		.addresses = {.index = info.ifi_index}};
	if (!info.ifi_index)
		return err_sysk(err, ERR_NOT_FOUND, errno,
			"linux.netDevices: find the network device %s", v->name);
	if (!template && find_link(v->there, v->inside))
		return err_set(err, ERR_CONFLICT,
			"linux.netDevices: the container has a network device %s already",
			v->inside);
	struct link_list before = {0};
	int r = 0;
	if (list_links(v->there, &before) < 0 || list_addresses(v->here, &d->addresses) < 0 ||
		rename_and_move(v->here, info.ifi_index, v->inside, v->ns) < 0)
		r = err_sys(err, errno, "linux.netDevices: move %s into the container as %s",
			v->name, v->inside);
	if (r == 0)
		d->index = template ? find_new(v->there, &before) : find_link(v->there, v->inside);
	free(before.v);
	if (r == 0 && !d->index)
		r = err_set(err, ERR_SYSTEM, "linux.netDevices: %s did not arrive in the container",
			v->name);
	return r < 0 ? -1 : settle(v, d, err);
}

struct netdevs {
	int here,
		there; /* sockets; the second keeps the container's namespace, so that devices can come back from it */
	int home; /* our namespace */
	struct moved *v;
	size_t count;
};

/* To where it was, with its name and addresses; routes over it are lost. */
static void move_back(const struct netdevs *n, const struct moved *d)
{
	int index = 0;
	if (rename_and_move(n->there, d->index, d->name, n->home) == 0)
		index = find_link(n->here, d->name);
	if (!index || add_addresses(n->here, index, &d->addresses.messages) < 0 ||
		(d->up && set_up(n->here, index) < 0))
		log_warn("linux.netDevices: give %s back: %s", d->name, err_text(errno));
}

void netdevs_give_back(struct netdevs *n)
{
	for (size_t i = n ? n->count : 0; i-- > 0;)
		if (n->v[i].index)
			move_back(n, &n->v[i]);
	netdevs_free(n);
}

void netdevs_free(struct netdevs *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->count; i++)
		buf_free(&n->v[i].addresses.messages);
	fd_close(n->here);
	fd_close(n->there);
	fd_close(n->home);
	free(n->v);
	free(n);
}

/* A socket stays in the namespace that it was made in. */
static int socket_in(int ns, struct err **err)
{
	auto_fd int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(ns, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "enter the container's network namespace");
	auto_fd int sock = route_socket();
	int saved = errno;
	if (setns(own, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "return from the container's network namespace");
	errno = saved;
	return sock < 0 ? err_sys(err, errno, "open a netlink socket") : steal_fd(&sock);
}

static int open_ends(struct netdevs *n, int ns, struct err **err)
{
	n->here = route_socket();
	if (n->here < 0)
		return err_sys(err, errno, "open a netlink socket");
	n->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (n->home < 0)
		return err_sys(err, errno, "open the network namespace");
	n->there = socket_in(ns, err);
	return n->there < 0 ? -1 : 0;
}

int netdev_move_all(struct netdevs **out, const struct plan *plan, int ns, struct err **err)
{
	struct netdevs *n = xcalloc(1, sizeof(*n));
	n->here = n->there = n->home = -1;
	n->v = xcalloc(plan->net_device_count, sizeof(*n->v));
	int r = open_ends(n, ns, err);
	while (r == 0 && n->count < plan->net_device_count) {
		const struct oci_net_device *d = &plan->net_devices[n->count];
		struct netdev_move v = {.here = n->here,
			.there = n->there,
			.ns = ns,
			.name = d->host_name,
			.inside = str_empty(d->name) ? d->host_name : d->name};
		r = move_one(&v, &n->v[n->count++], err);
	}
	if (r < 0)
		netdevs_give_back(n);
	else
		*out = n;
	return r;
}
