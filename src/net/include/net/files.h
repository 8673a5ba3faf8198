/*
 * The text of a container's /etc/hosts, /etc/hostname and /etc/resolv.conf, as Docker generates them.
 * Pure functions over text: the caller reads the host's files and writes the container's.
 */
#ifndef KIST_NET_FILES_H
#define KIST_NET_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/** Content of /etc/hosts. Strings are borrowed; NULL where not given. */
struct net_hosts {
	const char *address; /* the container's, NULL without an interface (none) */
	const char *hostname; /* written after the address */
	const char *domainname; /* "name.domain name" after the address if given */
	char *const *
		extra; /* --add-host entries "name:address" or "name=address"; may be "host-gateway" */
	const char
		*gateway; /* what host-gateway means: the bridge's address, or --host-gateway-ip */
};
/** Owned text. ERR_INVALID for a malformed entry ("bad format for add-host: \"...\"", "invalid IP
 * address in add-host: \"...\""), or host-gateway without @gateway. */
char *net_hosts_text(const struct net_hosts *hosts, struct err **err);
/** With --network host the host's own file is the base: @base is its text, extra entries follow. */
char *net_hosts_append(const char *base, const struct net_hosts *hosts, struct err **err);
/** Checks one --add-host entry (container create does this): 0 or ERR_INVALID. */
int net_hosts_check(const char *entry, struct err **err);

/** "<name>\n", owned. */
char *net_hostname_text(const char *hostname);

/** --dns, --dns-search, --dns-option; NULL or empty: from the host's file. */
struct net_resolv {
	char *const *servers; /* addresses */
	char *const *search; /* "." alone: no search line */
	char *const *options;
	bool keep_loopback; /* --network host: the host's loopback resolvers are reachable */
	bool has_ipv6; /* keep the host's IPv6 servers */
};
/**
 * @host is the text of the host's resolv.conf (bounded by the caller; NULL for none). Loopback
 * servers are left out, and if then none is left, 8.8.8.8 and 8.8.4.4 are used, as Docker does.
 * Owned text. ERR_INVALID for a --dns that is no address.
 */
char *net_resolv_text(const char *host, const struct net_resolv *own, struct err **err);
/** Where the host's real servers are: if @text (of /etc/resolv.conf) only names systemd-resolved's
 * 127.0.0.53, "/run/systemd/resolve/resolv.conf" is the file to read; else "/etc/resolv.conf". */
const char *net_resolv_path(const char *text);

#endif
