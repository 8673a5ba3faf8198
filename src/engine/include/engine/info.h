/* What the engine knows about itself and its machine, for /info and /version. */
#ifndef KIST_ENGINE_INFO_H
#define KIST_ENGINE_INFO_H

#include "engine/engine.h"

struct engine_info {
	char *id; /* made once per data root; UUID form */
	uint32_t containers, running, paused, stopped, images;
	char *storage_driver; /* of new containers: "overlay2" or "vfs" */
	char *backing_fs; /* "extfs" */
	char *data_root;
	char *kernel; /* uname -r */
	char *operating_system; /* os-release's PRETTY_NAME */
	char *os_version; /* VERSION_ID */
	char *architecture; /* "x86_64" */
	char *hostname;
	uint32_t cpus;
	int64_t memory; /* bytes */
	int64_t system_time; /* ns */
	uint32_t events_listeners;
	uint32_t descriptors, threads;
	const char *cgroup_version; /* "1" or "2" */
	const char *cgroup_driver; /* "cgroupfs" */
	bool memory_limit, swap_limit, cpu_period, cpu_quota, cpu_shares, cpuset, pids_limit,
		oom_kill_disable, blkio, ipv4_forwarding, bridge_nf_iptables, bridge_nf_ip6tables;
	bool apparmor, selinux, seccomp;
	char **warnings;
};
int engine_info(struct engine *e, struct engine_info **out, struct err **err);
void engine_info_free(struct engine_info *info);

#endif
