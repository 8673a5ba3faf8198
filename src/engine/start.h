/* The pieces of one start, all freed at its end. */
#ifndef KIST_ENGINE_START_H
#define KIST_ENGINE_START_H

#include "core.h"
#include "runtime/plan.h"

struct start {
	struct container *container;
	struct monitor_client *monitor;
	struct net_hold hold; /* until it is the container's */
	struct oci_config *config;
	struct plan *plan;
	struct store_snapshot snapshot;
	void *bpf;
	int ns_fd[OCI_NS_COUNT]; /* of containers that are joined; -1 */
	char *ns_path[OCI_NS_COUNT];
	struct container
		*files_of; /* whose hosts, hostname and resolv.conf are used; NULL: its own */
	char *cgroup, *hosts, *hostname_file, *resolv, *shm;
	bool created;
	pid_t pid;
	uint64_t ticks;
	int64_t started_at;
};

#endif
