/* Text forms of ports, as the Engine API's PortBindings and ExposedPorts have them. */
#include <arpa/inet.h>

#include "base/mem.h"
#include "base/str.h"
#include "net/port.h"

static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {{"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"sctp", IPPROTO_SCTP}};

int net_proto_parse(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (str_ieq(name, protocols[i].name))
			return protocols[i].number;
	return -1;
}

const char *net_proto_name(uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (protocols[i].number == proto)
			return protocols[i].name;
	return NULL;
}

static bool parse_number(const char *text, uint16_t *out)
{
	uint32_t value;
	if (str_to_u32(text, &value) < 0 || value > UINT16_MAX)
		return false;
	*out = (uint16_t)value;
	return true;
}

/* "80" or "80-90"; false also for a range that runs backwards. */
static bool parse_range(const char *text, uint16_t *first, uint16_t *last)
{
	const char *dash = strchr(text, '-');
	if (!dash) {
		if (!parse_number(text, first))
			return false;
		*last = *first;
		return true;
	}
	auto_free char *head = xstrndup(text, (size_t)(dash - text));
	return parse_number(head, first) && parse_number(dash + 1, last) && *first <= *last;
}

int net_expose_parse(
	const char *key, uint16_t *first, uint16_t *last, uint8_t *proto, struct err **err)
{
	const char *slash = strchr(key, '/');
	auto_free char *ports = slash ? xstrndup(key, (size_t)(slash - key)) : xstrdup(key);
	int number = net_proto_parse(slash ? slash + 1 : "tcp");

	if (number < 0)
		return err_set(err, ERR_INVALID, "invalid proto: %s", slash + 1);
	if (!parse_range(ports, first, last) || !*first)
		return err_set(err, ERR_INVALID, "invalid port specification: \"%s\"", ports);
	*proto = (uint8_t)number;
	return 0;
}

int net_port_parse(const char *key, const char *host_ip, const char *host_port,
	struct in_addr default_ip, struct net_port *out, struct err **err)
{
	struct in6_addr v6;
	uint16_t last = 0;

	*out = (struct net_port){.host_ip = default_ip};
	if (net_expose_parse(key, &out->container_port, &last, &out->proto, err) < 0)
		return -1;
	if (last != out->container_port)
		return err_set(err, ERR_INVALID, "invalid port specification: \"%s\"", key);
	if (!str_empty(host_ip) && net_addr_parse(host_ip, &out->host_ip) < 0) {
		if (inet_pton(AF_INET6, host_ip, &v6) == 1)
			return err_set(err, ERR_NOT_IMPLEMENTED,
				"ports cannot be published on the IPv6 address %s: not implemented",
				host_ip);
		return err_set(err, ERR_INVALID, "invalid IP address: %s", host_ip);
	}
	if (!str_empty(host_port) && !parse_range(host_port, &out->host_first, &out->host_last))
		return err_set(err, ERR_INVALID, "invalid port specification: \"%s\"", host_port);
	if (!out->host_first && out->host_last)
		return err_set(err, ERR_INVALID, "invalid port specification: \"%s\"", host_port);
	return 0;
}
