#include "conntrack.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include "base/log.h"
#include "base/mem.h"
#include "nl.h"

/* linux/netfilter/nfnetlink_conntrack.h has the attributes, but not these bits. */
#define FILTER_PROTO_NUM (1U << 3)
#define FILTER_PROTO_DST_PORT (1U << 5)

void conntrack_forget_udp(int sock, uint16_t port)
{
	struct nl_batch batch = {0};
	struct nfgenmsg *head;
	auto_err *why = NULL;
	struct nlmsghdr *msg = nl_add(&batch, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE, 0,
		"forget UDP flows", sizeof(*head), &head);
	head->nfgen_family = NFPROTO_IPV4;
	head->version = NFNETLINK_V0;
	struct nlattr *tuple = mnl_attr_nest_start(msg, CTA_TUPLE_ORIG);
	struct nlattr *proto = mnl_attr_nest_start(msg, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(msg, CTA_PROTO_NUM, IPPROTO_UDP);
	mnl_attr_put_u16(msg, CTA_PROTO_DST_PORT, htons(port));
	mnl_attr_nest_end(msg, proto);
	mnl_attr_nest_end(msg, tuple);
	struct nlattr *filter = mnl_attr_nest_start(msg, CTA_FILTER);
	mnl_attr_put_u32(msg, CTA_FILTER_ORIG_FLAGS, FILTER_PROTO_NUM | FILTER_PROTO_DST_PORT);
	mnl_attr_put_u32(msg, CTA_FILTER_REPLY_FLAGS, 0);
	mnl_attr_nest_end(msg, filter);
	if (nl_run(sock, &batch, &why) < 0)
		log_debug("UDP port %u: %s", port, err_msg(why));
}
