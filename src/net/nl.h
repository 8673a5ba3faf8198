/* rtnetlink: several requests in one sendmsg(2), their answers collected. Messages are built with libmnl. */
#ifndef KIST_NET_NL_H
#define KIST_NET_NL_H

#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include "base/err.h"

#define NL_BATCH_BYTES 4096
#define NL_BATCH_MAX 12

/** Requests to be sent together. The kernel carries out all of them in the one system call, so that a
 * kill -9 cannot fall between them; one that fails does not stop the next. */
struct nl_batch {
	_Alignas(struct nlmsghdr) char data[NL_BATCH_BYTES];
	size_t len; /* of finished messages */
	struct nlmsghdr *open; /* the one being built, or NULL */
	unsigned int count;
	const char *what[NL_BATCH_MAX]; /* for error messages: "set eth0 up" */
};

/** A netlink socket of @bus (NETLINK_ROUTE, ...) in the calling thread's network namespace. */
int nl_socket(int bus, struct err **err);

/** Starts the next message with a zeroed fixed header of @extra bytes, returned through @header.
 * Attributes are then added with mnl_attr_put*() to the returned message. */
struct nlmsghdr *nl_add(struct nl_batch *batch, uint16_t type, uint16_t flags, const char *what,
	size_t extra, void *header);

/** Sends everything and reads one acknowledgement each. The first failure is reported: its errno in
 * err->sys and the kernel's own words, if it gave some. */
int nl_run(int sock, struct nl_batch *batch, struct err **err);

/** Sends the single request in @batch and gives every answer to @each (MNL_CB_OK to go on). A dump if
 * the request has NLM_F_DUMP. Errors as nl_run. */
int nl_ask(int sock, struct nl_batch *batch, mnl_cb_t each, void *data, struct err **err);

/** What one interface is; index 0 if there is none of that name. */
struct nl_link {
	int index;
	int master;
	unsigned int flags;
	uint32_t mtu;
	char kind[16]; /* "bridge", "veth", "" */
	char alias[64]; /* IFLA_IFALIAS */
};
int nl_link_get(int sock, const char *name, struct nl_link *out, struct err **err);

/** Adds "delete interface @name". */
void nl_add_link_delete(struct nl_batch *batch, const char *name);

#endif
