/*
 * The small languages inside flags of run and create: ports, mounts, volumes, limits... Each parser
 * turns one value into the JSON that the Engine API wants (ContainerCreate), with docker's messages.
 */
#ifndef KIST_CLI_SPEC_H
#define KIST_CLI_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/**
 * "[[ip:][hostPort]:]containerPort[/proto]", with ranges: adds to ExposedPorts and PortBindings.
 */
int spec_publish(const char *value, json_t *exposed, json_t *bindings, struct err **err);
/** "port[-port][/proto]" of --expose. */
int spec_expose(const char *value, json_t *exposed, struct err **err);
/** "80-90" or "80": decimal, first <= last. -1 without an error object. */
int spec_port_range(const char *text, uint16_t *first, uint16_t *last);

/** One value of --mount (CSV) to a Mount object; NULL on error. */
json_t *spec_mount(const char *csv, struct err **err);
/**
 * One value of -v. *bind is what goes to HostConfig.Binds (owned), or NULL for an anonymous volume
 * whose path is @value.
 */
int spec_volume(const char *value, char **bind, struct err **err);
/** An absolute path for one relative to the working folder, without "." and ".."; for free(). */
char *spec_absolute(const char *path);

struct spec_network {
	char *name;
	json_t *endpoint; /* EndpointSettings given in the long form; an object */
};
/** "name" or "name=...,alias=...,ip=...". */
int spec_network(const char *value, struct spec_network *out, struct err **err);
void spec_network_free(struct spec_network *n);

/** "nofile=1024:2048" to {Name, Soft, Hard}. */
json_t *spec_ulimit(const char *value, struct err **err);
/** "/dev/x[:/dev/y][:rwm]" to {PathOnHost, PathInContainer, CgroupPermissions}. */
json_t *spec_device(const char *value, struct err **err);
/** "/dev/sda:1mb" to {Path, Rate}; @bytes: the rate takes a unit. */
json_t *spec_throttle(const char *value, bool bytes, struct err **err);
/** "/dev/sda:300" to {Path, Weight}. */
json_t *spec_weight(const char *value, struct err **err);
/** "on-failure:3" to {Name, MaximumRetryCount}. */
json_t *spec_restart(const char *value, struct err **err);
/** "1.5" CPUs to billionths. */
int64_t spec_cpus(const char *value);

/**
 * Values of --security-opt to SecurityOpt; a seccomp profile is read from its file and goes inline.
 * *unconfined is set by systempaths=unconfined, which is no option of the daemon's.
 */
int spec_security(char *const *values, json_t *out, bool *unconfined, struct err **err);

/* Checks while flags are parsed (flag_check). */
int check_env(const char *value, struct err **err);
int check_label(const char *value, struct err **err);
int check_sysctl(const char *value, struct err **err);
int check_extra_host(const char *value, struct err **err);
int check_ip(const char *value, struct err **err);
int check_ulimit(const char *value, struct err **err);
int check_mount(const char *value, struct err **err);
int check_network(const char *value, struct err **err);
int check_throttle_bytes(const char *value, struct err **err);
int check_throttle_count(const char *value, struct err **err);
int check_weight(const char *value, struct err **err);
int check_attach(const char *value, struct err **err);
int check_mac(const char *value, struct err **err);
int check_not_implemented(const char *value, struct err **err);

/** host=ip or host:ip to "host:ip", brackets of IPv6 removed; for free(). */
char *spec_extra_host(const char *value);
/** IPv4 or IPv6 address in text. */
bool spec_is_ip(const char *text);

/** Comma-separated fields, with "quoted, ones"; NULL with ERR_INVALID on an unclosed quote. */
char **spec_csv(const char *text, struct err **err);

#endif
