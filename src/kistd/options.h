/*
 * The daemon's settings: flags and daemon.json, in dockerd's names. One table describes each, and
 * gives parsing, checking, conflicts between the two, and --help.
 */
#ifndef KIST_KISTD_OPTIONS_H
#define KIST_KISTD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct options {
	char *config_file;
	char *data_root, *exec_root, *pidfile, *group, *log_level;
	char **hosts; /* NULL: the default */
	bool debug;
	/* network */
	char *bridge, *bip, *fixed_cidr, *default_gateway, *ip;
	int64_t mtu;
	bool icc, ip_forward, ip_masq, iptables;
	/* containers */
	char *cgroup_parent, *init_path, *seccomp_profile;
	char *storage_driver;
	bool live_restore;
	int64_t parked_monitors;
	/* registries */
	char **registry_mirrors, **insecure_registries;
	char *certs_dir, *http_proxy, *https_proxy, *no_proxy;
	int64_t max_downloads, max_uploads;
	int64_t attempts, registry_timeout; /* seconds */
	/* TLS */
	bool tls, tlsverify, insecure_tcp;
	char *tlscacert, *tlscert, *tlskey;
	/* not settings */
	bool help, version, list_settings;
};

/** Defaults, then flags, then the file. ERR_INVALID names what is wrong. */
int options_load(struct options *o, char **argv, struct err **err);
/** For SIGHUP, and to take it back: exchanges what may change while running (debug, log-level, what operations with
 * registries begin with). */
void options_exchange(struct options *a, struct options *b);
void options_free(struct options *o);
void options_help(FILE *out);
/** The keys of daemon.json, one a line: name, kind, help, with tabs between. For the manual page. */
void options_keys(FILE *out);

#endif
