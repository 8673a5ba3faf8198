/*
 * From a container's document to the runtime's: what Docker's flags mean in the terms of the OCI runtime
 * specification. One file per group of flags; spec.c puts them together.
 */
#ifndef KIST_ENGINE_SPEC_H
#define KIST_ENGINE_SPEC_H

#include "base/str.h"
#include "engine/container.h"
#include "oci/config.h"

/** What the document does not say: facts of the machine and of this start. Strings borrowed, NULL
 * where not given. */
struct spec_facts {
	bool cgroup_v2; /* containers get a cgroup namespace by default */
	uint64_t capabilities; /* what "ALL" means: the daemon's own bounding set */
	int32_t oom_score_adj; /* for containers that ask for none: not the monitor's, which is protected */
	const char *cgroup_path;
	const char *hosts, *hostname_file, *resolv; /* host paths of the generated files */
	const char *hostname; /* NULL: the namespace is somebody else's */
	const char *shm_source; /* host path to bind at /dev/shm; NULL: a tmpfs of its own */
	const char *ns_path[OCI_NS_COUNT]; /* of the container that is joined */
};

/** Everything but the root, which the store knows, the user, whom the image knows, and the system call
 * filter, which is kept compiled (seccomp_cache.h). */
int spec_build(struct oci_config **out, const struct container_doc *doc,
	const struct spec_facts *facts, struct err **err);

/* spec_caps.c */
#define SPEC_CAPS_DEFAULT                                                                          \
	(1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 | 1ull << 7 |       \
		1ull << 8 | 1ull << 10 | 1ull << 13 | 1ull << 18 | 1ull << 27 | 1ull << 29 |       \
		1ull << 31)
/** Docker's default set, changed by --cap-add and --cap-drop. ERR_INVALID for an unknown name. */
int spec_caps(uint64_t *out, char *const *add, char *const *drop, bool privileged, uint64_t all,
	struct err **err);
/** The same set for bounding, permitted and effective; never inheritable or ambient (CVE-2022-24769). */
void spec_caps_apply(struct oci_process *p, uint64_t caps);

/* spec_env.c */
/** PATH, HOSTNAME and TERM, then @env over them: a NAME=value replaces in place, a NAME alone removes. */
char **spec_env(char *const *env, const char *hostname, bool tty);
/** Puts @over over @base by the same rules (exec). */
char **spec_env_merge(char *const *base, char *const *over);

/* spec_security.c: --security-opt */
struct spec_security {
	bool no_new_privileges;
	bool seccomp_unconfined;
	const char *seccomp; /* JSON text, borrowed; NULL: the default profile */
	bool systempaths_unconfined;
};
/** ERR_INVALID "invalid --security-opt 1: \"x\"", ERR_NOT_IMPLEMENTED for AppArmor and SELinux labels. */
int spec_security(struct spec_security *out, const struct host_config *host, struct err **err);

/* spec_mounts.c */
/** What is hidden of /proc and /sys, where the request did not say. */
void spec_hidden_defaults(struct host_config *host);
int spec_mounts(struct oci_config *c, const struct container_doc *doc,
	const struct spec_facts *facts, struct err **err);

/* spec_devices.c */
int spec_devices(struct oci_config *c, const struct host_config *host, struct err **err);
/** Parses "c 1:3 rwm"; ERR_INVALID "invalid device cgroup rule format: '...'". */
int spec_device_rule(const char *rule, char *type, int64_t *major, int64_t *minor, char access[4],
	struct err **err);

/* spec_resources.c */
void spec_rlimit(struct oci_process *p, const struct ulimit *u);
int spec_resources(struct oci_config *c, const struct host_config *host, struct err **err);

#endif
