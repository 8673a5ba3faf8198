#include "nl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

int nl_socket(int bus, struct err **err)
{
	auto_fd int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, bus);
	if (sock < 0)
		return err_sys(err, errno, "open netlink socket");
	int on = 1;
	/* Both only improve error messages (Linux 4.12, 4.10): not having them is fine. */
	setsockopt(sock, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	setsockopt(sock, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return steal_fd(&sock);
}

static void batch_finish(struct nl_batch *batch)
{
	if (batch->open)
		batch->len += MNL_ALIGN(batch->open->nlmsg_len);
	batch->open = NULL;
	/* Messages here are a few hundred bytes: outgrowing the batch is a mistake in this program. */
	if (batch->len > NL_BATCH_BYTES)
		abort();
}

struct nlmsghdr *nl_add(struct nl_batch *batch, uint16_t type, uint16_t flags, const char *what,
	size_t extra, void *header)
{
	batch_finish(batch);
	if (batch->count == NL_BATCH_MAX || batch->len + 512 > NL_BATCH_BYTES)
		abort();
	struct nlmsghdr *msg = mnl_nlmsg_put_header(batch->data + batch->len);
	msg->nlmsg_type = type;
	msg->nlmsg_flags = NLM_F_REQUEST | flags;
	msg->nlmsg_seq = batch->count + 1;
	*(void **)header = mnl_nlmsg_put_extra_header(msg, extra);
	batch->what[batch->count++] = what;
	batch->open = msg;
	return msg;
}

static int find_ack_text(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		*(const char **)data = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

/* The kernel's explanation in an acknowledgement, or NULL. */
static const char *ack_text(const struct nlmsghdr *msg)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(msg);
	const char *text = NULL;
	size_t skip = sizeof(*ack);
	if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	if (!(msg->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&ack->msg);
	if (mnl_nlmsg_get_payload_len(msg) < skip)
		return NULL;
	mnl_attr_parse(msg, skip, find_ack_text, &text);
	return text;
}

static int ack_error(const struct nlmsghdr *msg, const char *what, struct err **err)
{
	const struct nlmsgerr *ack = mnl_nlmsg_get_payload(msg);
	const char *text = ack_text(msg);
	if (text)
		return err_sys(err, -ack->error, "%s: %s", what, text);
	return err_sys(err, -ack->error, "%s", what);
}

static int batch_send(int sock, const struct nl_batch *batch, struct err **err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	ssize_t sent;
	do
		sent = sendto(sock, batch->data, batch->len, 0, (struct sockaddr *)&kernel,
			sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_sys(err, errno, "%s: send netlink request", batch->what[0]);
	return 0;
}

static ssize_t receive(int sock, void *buf, size_t size)
{
	ssize_t got;
	do
		got = recv(sock, buf, size, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

int nl_run(int sock, struct nl_batch *batch, struct err **err)
{
	batch_finish(batch);
	/* Acknowledgements are wanted of all. */
	int left = (int)batch->len;
	for (struct nlmsghdr *msg = (void *)batch->data; mnl_nlmsg_ok(msg, left);
		msg = mnl_nlmsg_next(msg, &left))
		msg->nlmsg_flags |= NLM_F_ACK;
	if (batch_send(sock, batch, err) < 0)
		return -1;

	int result = 0;
	for (unsigned int seen = 0; seen < batch->count;) {
		_Alignas(struct nlmsghdr) char buf[8192];
		ssize_t got = receive(sock, buf, sizeof(buf));
		if (got < 0)
			return err_sys(err, errno, "%s: read netlink answer", batch->what[0]);
		left = (int)got;
		for (struct nlmsghdr *msg = (void *)buf; mnl_nlmsg_ok(msg, left);
			msg = mnl_nlmsg_next(msg, &left)) {
			if (msg->nlmsg_type != NLMSG_ERROR)
				continue;
			const struct nlmsgerr *ack = mnl_nlmsg_get_payload(msg);
			unsigned int i = msg->nlmsg_seq - 1;
			seen++;
			if (ack->error && result == 0 && i < batch->count)
				result = ack_error(msg, batch->what[i], err);
		}
	}
	return result;
}

int nl_ask(int sock, struct nl_batch *batch, mnl_cb_t each, void *data, struct err **err)
{
	batch_finish(batch);
	bool dump = ((struct nlmsghdr *)batch->data)->nlmsg_flags & NLM_F_DUMP;
	if (batch_send(sock, batch, err) < 0)
		return -1;
	for (;;) {
		_Alignas(struct nlmsghdr) char buf[32768];
		ssize_t got = receive(sock, buf, sizeof(buf));
		if (got < 0)
			return err_sys(err, errno, "%s: read netlink answer", batch->what[0]);
		int left = (int)got;
		for (struct nlmsghdr *msg = (void *)buf; mnl_nlmsg_ok(msg, left);
			msg = mnl_nlmsg_next(msg, &left)) {
			if (msg->nlmsg_type == NLMSG_DONE)
				return 0;
			if (msg->nlmsg_type == NLMSG_ERROR) {
				const struct nlmsgerr *ack = mnl_nlmsg_get_payload(msg);
				return ack->error ? ack_error(msg, batch->what[0], err) : 0;
			}
			each(msg, data);
			if (!dump)
				return 0;
		}
	}
}

static int link_kind(const struct nlattr *attr, void *data)
{
	struct nl_link *out = data;
	if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
		strncpy(out->kind, mnl_attr_get_str(attr), sizeof(out->kind) - 1);
	return MNL_CB_OK;
}

static int link_attr(const struct nlattr *attr, void *data)
{
	struct nl_link *out = data;
	switch (mnl_attr_get_type(attr)) {
	case IFLA_MASTER:
		out->master = (int)mnl_attr_get_u32(attr);
		break;
	case IFLA_MTU:
		out->mtu = mnl_attr_get_u32(attr);
		break;
	case IFLA_IFALIAS:
		strncpy(out->alias, mnl_attr_get_str(attr), sizeof(out->alias) - 1);
		break;
	case IFLA_LINKINFO:
		mnl_attr_parse_nested(attr, link_kind, out);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int link_message(const struct nlmsghdr *msg, void *data)
{
	struct nl_link *out = data;
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(msg);
	if (msg->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	out->index = info->ifi_index;
	out->flags = info->ifi_flags;
	return mnl_attr_parse(msg, sizeof(*info), link_attr, out);
}

int nl_link_get(int sock, const char *name, struct nl_link *out, struct err **err)
{
	struct nl_batch batch = {0};
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(&batch, RTM_GETLINK, 0, "look up interface", sizeof(*info), &info);
	auto_err *why = NULL;

	memset(out, 0, sizeof(*out));
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
	if (nl_ask(sock, &batch, link_message, out, &why) == 0)
		return 0;
	if (why->sys == ENODEV)
		return 0;
	err_move(err, &why);
	return err_wrap(err, "%s", name);
}

void nl_add_link_delete(struct nl_batch *batch, const char *name)
{
	struct ifinfomsg *info;
	struct nlmsghdr *msg =
		nl_add(batch, RTM_DELLINK, 0, "delete interface", sizeof(*info), &info);
	mnl_attr_put_strz(msg, IFLA_IFNAME, name);
}
