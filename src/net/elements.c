#include "elements.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "nl.h"

/* Elements of one message: well below the 64 KB that an attribute can hold. */
#define CHUNK 256
#define CHUNK_BYTES 32768

/* What a key and a value look like in the kernel: every part fills whole 32-bit words. */
struct key {
	uint32_t ip; /* only in MAP_ONE */
	uint8_t proto, pad[3];
	uint16_t port, pad2;
};
struct value {
	uint32_t ip;
	uint16_t port, pad;
};

void mapping_add(struct mapping_list *list, const struct mapping *map)
{
	if (list->count == list->room) {
		list->room = list->room ? list->room * 2 : 8;
		list->v = xreallocarray(list->v, list->room, sizeof(*list->v));
	}
	list->v[list->count++] = *map;
}

void mapping_free(struct mapping_list *list)
{
	free(list->v);
	*list = (struct mapping_list){0};
}

int mapping_compare(const void *a, const void *b)
{
	const struct mapping *x = a, *y = b;
	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	if (x->host_port != y->host_port)
		return x->host_port < y->host_port ? -1 : 1;
	if (x->host_ip.s_addr != y->host_ip.s_addr)
		return x->host_ip.s_addr < y->host_ip.s_addr ? -1 : 1;
	if (x->to_ip.s_addr != y->to_ip.s_addr)
		return x->to_ip.s_addr < y->to_ip.s_addr ? -1 : 1;
	if (x->to_port != y->to_port)
		return x->to_port < y->to_port ? -1 : 1;
	return 0;
}

static void set_add(struct nftnl_set *set, const struct mapping *map, bool with_value)
{
	struct nftnl_set_elem *elem = nftnl_set_elem_alloc();
	struct key key = {
		.ip = map->host_ip.s_addr, .proto = map->proto, .port = htons(map->host_port)};
	struct value value = {.ip = map->to_ip.s_addr, .port = htons(map->to_port)};
	size_t skip = map->host_ip.s_addr ? 0 : offsetof(struct key, proto);

	if (!elem)
		abort();
	nftnl_set_elem_set(
		elem, NFTNL_SET_ELEM_KEY, (char *)&key + skip, (uint32_t)(sizeof(key) - skip));
	if (with_value)
		nftnl_set_elem_set(elem, NFTNL_SET_ELEM_DATA, &value, sizeof(value));
	nftnl_set_elem_add(set, elem);
}

struct batch {
	struct buf buf;
	uint32_t seq;
};

/* One message with elements list->v[from..] that belong to @name; returns where to go on. */
static size_t put_chunk(struct batch *batch, uint16_t type, const char *table, const char *name,
	const struct mapping_list *list, size_t from)
{
	bool one = str_eq(name, MAP_ONE), adding = type == NFT_MSG_NEWSETELEM;
	struct nftnl_set *set = nftnl_set_alloc();
	size_t i = from, n = 0;

	if (!set)
		abort();
	nftnl_set_set_str(set, NFTNL_SET_TABLE, table);
	nftnl_set_set_str(set, NFTNL_SET_NAME, name);
	for (; i < list->count && n < CHUNK; i++)
		if (one == (list->v[i].host_ip.s_addr != 0)) {
			set_add(set, &list->v[i], adding);
			n++;
		}
	if (n) {
		char *room = buf_reserve(&batch->buf, CHUNK_BYTES);
		/* Acknowledged, so that success is heard of; the kernel does it all before sendto()
		 * returns. */
		struct nlmsghdr *msg = nftnl_nlmsg_build_hdr(room, type, NFPROTO_IPV4,
			(adding ? NLM_F_CREATE : 0) | NLM_F_ACK, batch->seq++);
		nftnl_set_elems_nlmsg_build_payload(msg, set);
		batch->buf.len += MNL_ALIGN(msg->nlmsg_len);
	}
	nftnl_set_free(set);
	return i;
}

static void put_list(
	struct batch *batch, uint16_t type, const char *table, const struct mapping_list *list)
{
	for (size_t i = 0; list && i < list->count;)
		i = put_chunk(batch, type, table, MAP_ANY, list, i);
	for (size_t i = 0; list && i < list->count;)
		i = put_chunk(batch, type, table, MAP_ONE, list, i);
}

static void put_edge(struct batch *batch, bool begin)
{
	char *room = buf_reserve(&batch->buf, MNL_NLMSG_HDRLEN + 64);
	struct nlmsghdr *msg =
		begin ? nftnl_batch_begin(room, batch->seq++) : nftnl_batch_end(room, batch->seq++);
	batch->buf.len += MNL_ALIGN(msg->nlmsg_len);
}

static int send_all(int sock, const struct buf *buf, struct err **err)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	int room = (int)buf->len + 65536;
	/* A thousand ports are one message of the socket: the default buffer holds 200 KB. */
	if (room > 150000 && setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) < 0)
		setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	ssize_t sent;
	do
		sent = sendto(
			sock, buf->data, buf->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_sys(err, errno, "send to nftables");
	return 0;
}

/* Every answer is there when sendto() has returned: reads until the socket is empty. */
static int read_answers(int sock, struct err **err)
{
	bool answered = false;
	int failed = 0;
	for (;;) {
		_Alignas(struct nlmsghdr) char buf[8192];
		ssize_t got = recv(sock, buf, sizeof(buf), MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			break;
		if (got < 0)
			return err_sys(err, errno, "read nftables' answer");
		int left = (int)got;
		for (struct nlmsghdr *msg = (void *)buf; mnl_nlmsg_ok(msg, left);
			msg = mnl_nlmsg_next(msg, &left)) {
			if (msg->nlmsg_type != NLMSG_ERROR)
				continue;
			const struct nlmsgerr *ack = mnl_nlmsg_get_payload(msg);
			answered = true;
			if (ack->error && !failed)
				failed = -ack->error;
		}
	}
	if (failed)
		return err_sys(err, failed, "change the packet filter's port map");
	if (!answered)
		return err_set(err, ERR_SYSTEM, "nftables did not answer");
	return 0;
}

int elements_change(int sock, const char *table, const struct mapping_list *del,
	const struct mapping_list *add, struct err **err)
{
	struct batch batch = {.buf = BUF_INIT, .seq = 1};
	if (!(del && del->count) && !(add && add->count))
		return 0;
	put_edge(&batch, true);
	put_list(&batch, NFT_MSG_DELSETELEM, table, del);
	put_list(&batch, NFT_MSG_NEWSETELEM, table, add);
	put_edge(&batch, false);
	int result = send_all(sock, &batch.buf, err);
	if (result == 0)
		result = read_answers(sock, err);
	buf_free(&batch.buf);
	return result;
}

static int read_element(struct nftnl_set_elem *elem, void *data)
{
	struct mapping_list *out = data;
	uint32_t key_len = 0, value_len = 0;
	const char *raw = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_KEY, &key_len);
	const void *raw_value = nftnl_set_elem_get(elem, NFTNL_SET_ELEM_DATA, &value_len);
	struct key key = {0};
	struct value value;
	size_t skip = sizeof(key) - key_len;

	if (!raw || !raw_value || value_len != sizeof(value) ||
		(skip != 0 && skip != offsetof(struct key, proto)))
		return 0;
	memcpy((char *)&key + skip, raw, key_len);
	memcpy(&value, raw_value, sizeof(value));
	struct mapping map = {.host_ip.s_addr = key.ip,
		.host_port = ntohs(key.port),
		.proto = key.proto,
		.to_ip.s_addr = value.ip,
		.to_port = ntohs(value.port)};
	mapping_add(out, &map);
	return 0;
}

static int read_message(const struct nlmsghdr *msg, void *data)
{
	struct nftnl_set *set = nftnl_set_alloc();
	if (!set)
		abort();
	if (nftnl_set_elems_nlmsg_parse(msg, set) == 0)
		nftnl_set_elem_foreach(set, read_element, data);
	nftnl_set_free(set);
	return MNL_CB_OK;
}

static int read_map(
	int sock, const char *table, const char *name, struct mapping_list *out, struct err **err)
{
	struct nl_batch batch = {0};
	struct nfgenmsg *head;
	struct nlmsghdr *msg = nl_add(&batch, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM,
		NLM_F_DUMP, "read the packet filter's port map", sizeof(*head), &head);
	head->nfgen_family = NFPROTO_IPV4;
	head->version = NFNETLINK_V0;
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_TABLE, table);
	mnl_attr_put_strz(msg, NFTA_SET_ELEM_LIST_SET, name);
	return nl_ask(sock, &batch, read_message, out, err);
}

int elements_read(int sock, const char *table, struct mapping_list *out, struct err **err)
{
	if (read_map(sock, table, MAP_ANY, out, err) < 0)
		return -1;
	return read_map(sock, table, MAP_ONE, out, err);
}
