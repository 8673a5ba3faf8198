/* A container's /etc/hosts and /etc/hostname. */
#include <arpa/inet.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "net/files.h"

#define HOST_GATEWAY "host-gateway"

static const char common[] = "127.0.0.1\tlocalhost\n"
			     "::1\tlocalhost ip6-localhost ip6-loopback\n"
			     "fe00::\tip6-localnet\n"
			     "ff00::\tip6-mcastprefix\n"
			     "ff02::1\tip6-allnodes\n"
			     "ff02::2\tip6-allrouters\n";

static bool is_address(const char *text)
{
	struct in6_addr any;
	return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

/* A name that could end its line would let one entry write others. */
static bool is_name(const char *name)
{
	if (!*name)
		return false;
	for (; *name; name++)
		if ((unsigned char)*name <= ' ' || *name == 0x7f)
			return false;
	return true;
}

/* Splits "name:address", "name=address" or "name:[v6]" into owned parts. */
static int split_entry(const char *entry, char **name, char **address, struct err **err)
{
	size_t at = strcspn(entry, ":=");
	if (!entry[at] || at == 0)
		return err_set(err, ERR_INVALID, "bad format for add-host: \"%s\"", entry);
	auto_free char *head = xstrndup(entry, at);
	auto_free char *tail = xstrdup(entry + at + 1);
	size_t len = strlen(tail);
	if (len > 2 && tail[0] == '[' && tail[len - 1] == ']') {
		memmove(tail, tail + 1, len - 2);
		tail[len - 2] = '\0';
	}
	if (!is_name(head))
		return err_set(err, ERR_INVALID, "bad format for add-host: \"%s\"", entry);
	if (!is_address(tail) && !str_eq(tail, HOST_GATEWAY))
		return err_set(err, ERR_INVALID, "invalid IP address in add-host: \"%s\"", tail);
	*name = steal_ptr(head);
	*address = steal_ptr(tail);
	return 0;
}

int net_hosts_check(const char *entry, struct err **err)
{
	auto_free char *name = NULL, *address = NULL;
	return split_entry(entry, &name, &address, err);
}

static int add_extra(struct buf *out, const struct net_hosts *hosts, struct err **err)
{
	for (char *const *entry = hosts->extra; entry && *entry; entry++) {
		auto_free char *name = NULL, *address = NULL;
		const char *where;
		if (split_entry(*entry, &name, &address, err) < 0)
			return -1;
		where = str_eq(address, HOST_GATEWAY) ? hosts->gateway : address;
		if (!where)
			return err_set(
				err, ERR_INVALID, "unable to derive the IP value for host-gateway");
		buf_addf(out, "%s\t%s\n", where, name);
	}
	return 0;
}

/* "address<tab>name", or "address<tab>name.domain name" if the name is qualified. */
static int add_self(struct buf *out, const struct net_hosts *hosts, struct err **err)
{
	auto_free char *full = str_empty(hosts->domainname)
				       ? xstrdup(hosts->hostname)
				       : xasprintf("%s.%s", hosts->hostname, hosts->domainname);
	size_t label = strcspn(full, ".");

	if (!is_name(full))
		return err_set(err, ERR_INVALID, "invalid hostname \"%s\"", full);
	buf_addf(out, "%s\t%s", hosts->address, full);
	if (full[label] && label)
		buf_addf(out, " %.*s", (int)label, full);
	buf_addc(out, '\n');
	return 0;
}

char *net_hosts_text(const struct net_hosts *hosts, struct err **err)
{
	auto_buf out = BUF_INIT;
	buf_adds(&out, common);
	if (add_extra(&out, hosts, err) < 0)
		return NULL;
	if (hosts->address && hosts->hostname && add_self(&out, hosts, err) < 0)
		return NULL;
	return buf_steal(&out);
}

char *net_hosts_append(const char *base, const struct net_hosts *hosts, struct err **err)
{
	auto_buf out = BUF_INIT;
	buf_adds(&out, base);
	if (out.len && out.data[out.len - 1] != '\n')
		buf_addc(&out, '\n');
	if (add_extra(&out, hosts, err) < 0)
		return NULL;
	return buf_steal(&out);
}

char *net_hostname_text(const char *hostname)
{
	return xasprintf("%s\n", hostname);
}
