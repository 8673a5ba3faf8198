#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"

void ports_init(struct ports *ports)
{
	auto_buf text = BUF_INIT;
	uint32_t first, last;

	*ports = (struct ports){.first = 49153, .last = 65535};
	auto_fd int fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fd_read_all(fd, 64, &text, "ip_local_port_range", NULL) < 0 || !text.len)
		return;
	/* "32768<tab>60999<newline>" */
	char *low = str_trim(text.data), *high = low + strcspn(low, "\t ");
	if (*high)
		*high++ = '\0';
	if (str_to_u32(low, &first) == 0 && str_to_u32(str_trim(high), &last) == 0 && first > 0 &&
		first <= last && last <= UINT16_MAX) {
		ports->first = (uint16_t)first;
		ports->last = (uint16_t)last;
	}
}

static unsigned int bucket_of(uint8_t proto, uint16_t port)
{
	return (port ^ (unsigned int)proto << 6) % PORTS_BUCKETS;
}

void ports_free(struct ports *ports)
{
	for (size_t i = 0; i < PORTS_BUCKETS; i++) {
		struct held *next;
		for (struct held *h = ports->bucket[i]; h; h = next) {
			next = h->next;
			fd_close(h->fd);
			free(h);
		}
		ports->bucket[i] = NULL;
	}
	ports->count = 0;
}

bool ports_taken(const struct ports *ports, uint8_t proto, struct in_addr ip, uint16_t port)
{
	for (const struct held *h = ports->bucket[bucket_of(proto, port)]; h; h = h->next) {
		if (h->map.proto != proto || h->map.host_port != port)
			continue;
		if (!ip.s_addr || !h->map.host_ip.s_addr || h->map.host_ip.s_addr == ip.s_addr)
			return true;
	}
	return false;
}

struct held *ports_find(const struct ports *ports, uint8_t proto, struct in_addr ip, uint16_t port)
{
	struct held *h = ports->bucket[bucket_of(proto, port)];
	while (h && (h->map.proto != proto || h->map.host_port != port ||
			    h->map.host_ip.s_addr != ip.s_addr))
		h = h->next;
	return h;
}

struct held *ports_claim(struct ports *ports, const struct mapping *map)
{
	if (ports_taken(ports, map->proto, map->host_ip, map->host_port))
		return NULL;
	struct held *held = xcalloc(1, sizeof(*held));
	struct held **slot = &ports->bucket[bucket_of(map->proto, map->host_port)];
	held->map = *map;
	held->fd = -1;
	held->next = *slot;
	*slot = held;
	ports->count++;
	return held;
}

uint16_t ports_next_free(
	const struct ports *ports, uint8_t proto, struct in_addr ip, uint32_t from, uint16_t last)
{
	for (uint32_t port = from; port <= last; port++)
		if (!ports_taken(ports, proto, ip, (uint16_t)port))
			return (uint16_t)port;
	return 0;
}

void ports_drop(struct ports *ports, struct held *held)
{
	struct held **slot = &ports->bucket[bucket_of(held->map.proto, held->map.host_port)];
	while (*slot != held)
		slot = &(*slot)->next;
	*slot = held->next;
	ports->count--;
	fd_close(held->fd);
	free(held);
}

static int socket_type(uint8_t proto)
{
	return proto == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM;
}

int port_hold(uint8_t proto, struct in_addr ip, uint16_t port)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {.len = 1, .filter = &nothing};
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = ip};
	int on = 1;

	auto_fd int fd = socket(AF_INET, socket_type(proto) | SOCK_CLOEXEC, proto);
	if (fd < 0)
		return errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT ? -2 : -1;
	setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	/* Connections of a former server that are still in TIME_WAIT are no conflict. Another program
	 * could share a bound port by the same option, but not one that is listened to. */
	if (proto != IPPROTO_UDP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -1;
	if (proto != IPPROTO_UDP && listen(fd, 1) < 0)
		return -1;
	return steal_fd(&fd);
}
