/*
 * The systemd cgroup driver: a container's cgroup is a transient unit of systemd's, a scope (or a slice that the
 * container is alone in), as runc makes it under --systemd-cgroup. systemd keeps the tree and knows the limits;
 * what it has no property for is written to the cgroup by us, which Delegate= allows.
 *
 * D-Bus is spoken by kist-systemd, a program of its own that the static programs start (docs/decisions/0012): one
 * connection here is one such process. Its protocol is in src/runtime/systemd_wire.h.
 *
 * The config's names: linux.cgroupsPath is "slice:prefix:name" (runc's docs/systemd.md).
 */
#ifndef KIST_RUNTIME_SYSTEMD_H
#define KIST_RUNTIME_SYSTEMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/** Which unit a container is. Plain data, owned strings. */
struct systemd_unit {
	char *helper; /* path of kist-systemd; may be NULL where nothing is to be asked of it */
	char *name; /* "kist-web.scope" */
	char *slice; /* "system.slice"; where the unit is put */
	bool user; /* the user's own manager, not the machine's */
};

/**
 * Reads @path ("slice:prefix:name"; NULL or empty: "::kist:<id>" in that form) for container @id. An empty slice is
 * system.slice, for @user user.slice. Pure. ERR_INVALID names linux.cgroupsPath.
 */
int systemd_unit_parse(
	struct systemd_unit *out, const char *path, const char *id, bool user, struct err **err);
void systemd_unit_clear(struct systemd_unit *unit);
/** A copy of everything. */
void systemd_unit_copy(struct systemd_unit *to, const struct systemd_unit *from);
/** "a-b.slice" as systemd nests it: "/a.slice/a-b.slice"; "-.slice" (or "-") is "". Owned; NULL with ERR_INVALID. */
char *systemd_slice_path(const char *slice, struct err **err);
/** Whether the unit is a slice and not a scope. */
bool systemd_unit_is_slice(const struct systemd_unit *unit);

/** Whether this machine was started with systemd (sd_booted(3)); ERR_UNAVAILABLE says so. */
int systemd_check_booted(struct err **err);
/** Whether the caller's cgroups are the user manager's to give: not root, or root of a user namespace that the
 * machine's systemd lies outside of. */
bool systemd_wants_user(void);

/** A property as D-Bus takes it; owns what it points to. */
struct systemd_prop {
	char *name;
	/* signature: one of "bynqiuxtdsog", "a" and one of these, or "a(ss)" */
	char type[8];
	uint32_t since; /* systemd version before which it is left out */
	size_t count; /* values; 1 unless an array; two to a "(ss)" */
	uint64_t *numbers; /* integers as they are (negative ones sign extended), "d" its bits */
	char **strings; /* for "s", "o", "g", "(ss)"; count of them */
};

struct systemd_props {
	struct systemd_prop *v;
	size_t count;
};

void systemd_props_clear(struct systemd_props *props);
#define auto_systemd_props __attribute__((cleanup(systemd_props_clear))) struct systemd_props

/* Building; everything is copied. @since: systemd's version that brought the property, 0 for any. */

struct systemd_prop *systemd_add(
	struct systemd_props *p, const char *name, const char *type, uint32_t since);
void systemd_add_number(
	struct systemd_props *p, const char *name, char type, uint64_t value, uint32_t since);
void systemd_add_string(
	struct systemd_props *p, const char *name, const char *value, uint32_t since);
/** Further values of an array. */
void systemd_prop_number(struct systemd_prop *prop, uint64_t value);
void systemd_prop_string(struct systemd_prop *prop, const char *value);

/**
 * A property from the annotation org.systemd.property.@name: a name of letters, the value in GVariant's text format
 * (booleans, numbers with or without a type in front, strings, arrays of one of them, also "@as []"). A number whose
 * name ends in "Sec" is in seconds and becomes the property ending in "USec". Pure; bounded by @text.
 */
int systemd_prop_parse(
	struct systemd_props *props, const char *name, const char *text, struct err **err);

struct oci_resources;
struct oci_pair;
/** What every container's unit gets, without its limits: config.md annotations included. */
int systemd_props_base(struct systemd_props *props, const struct systemd_unit *unit, const char *id,
	const struct oci_pair *annotations, size_t annotation_count, struct err **err);
/**
 * The limits that systemd has properties for; it would undo them otherwise whenever it writes its own. @v2: the
 * layout of the machine. Best effort but for values that are no numbers where some must be: ERR_INVALID.
 */
int systemd_props_limits(
	struct systemd_props *props, const struct oci_resources *res, bool v2, struct err **err);
/** Limits that systemd takes when it starts the unit, and never again: memory.oom.group as OOMPolicy= of a scope. */
void systemd_props_at_start(struct systemd_props *props, const struct systemd_unit *unit,
	const struct oci_resources *res);

/** The helper's name. */
#define SYSTEMD_HELPER "kist-systemd"

struct systemd; /* a running kist-systemd */

/** Starts @unit->helper and has it connect to the unit's manager. ERR_UNAVAILABLE where there is none. */
int systemd_connect(struct systemd **out, const struct systemd_unit *unit, struct err **err);
/** Ends the helper. */
void systemd_close(struct systemd *s);
/** Where the unit's cgroup is, or will be: below the cgroup file system's root. Owned. */
char *systemd_path(struct systemd *s, const struct systemd_unit *unit, struct err **err);
/** Starts the transient unit with process @pid in it and waits until it has been done. Its cgroup is where
 * systemd_path() said. ERR_CONFLICT if there is a unit of that name. */
int systemd_start(struct systemd *s, const struct systemd_unit *unit,
	const struct systemd_props *props, pid_t pid, struct err **err);
/** Says that the unit is on record. One that was started and is not is stopped when the connection ends, also by the
 * caller's death. */
int systemd_keep(struct systemd *s, const struct systemd_unit *unit, struct err **err);
/** Moves @pid into the running unit: for who may not do that himself. */
int systemd_attach(struct systemd *s, const struct systemd_unit *unit, pid_t pid, struct err **err);
/** Changes properties until the unit ends; has been applied on return. */
int systemd_set(struct systemd *s, const struct systemd_unit *unit,
	const struct systemd_props *props, struct err **err);
/** Stops the unit and has it forgotten, also if it failed. None of that name is success. */
int systemd_stop(struct systemd *s, const struct systemd_unit *unit, struct err **err);

#endif
