/* The flags of run and create, in the order of their help. */
#include "run.h"
#include "spec.h"

/* clang-format off */
#define FLAGS_BEFORE_DETACH \
	{"add-host", 0, FLAG_LIST, NULL, "Add a custom host-to-IP mapping (host:ip)", NULL, check_extra_host}, \
	{"annotation", 0, FLAG_LIST, "map", "Add an annotation to the container (passed through to the OCI runtime)", "map[]"}, \
	{"attach", 'a', FLAG_LIST, NULL, "Attach to STDIN, STDOUT or STDERR", NULL, check_attach, false, "stdin stdout stderr"}, \
	{"blkio-weight", 0, FLAG_UINT16, NULL, "Block IO (relative weight), between 10 and 1000, or 0 to disable", "0"}, \
	{"blkio-weight-device", 0, FLAG_LIST, NULL, "Block IO weight (relative device weight)", "[]", check_weight}, \
	{"cap-add", 0, FLAG_LIST, NULL, "Add Linux capabilities", NULL, NULL, false, "@capabilities"}, \
	{"cap-drop", 0, FLAG_LIST, NULL, "Drop Linux capabilities", NULL, NULL, false, "@capabilities"}, \
	{"cgroup-parent", 0, FLAG_STRING, NULL, "Optional parent cgroup for the container"}, \
	{"cgroupns", 0, FLAG_STRING, NULL, "Cgroup namespace to use (host|private)\n" \
		"'host':    Share the host's cgroup namespace\n" \
		"'private': Give the container a cgroup namespace of its own\n" \
		"'':        What the daemon is configured for (default)", NULL, NULL, false, "host private"}, \
	{"cidfile", 0, FLAG_STRING, NULL, "Write the container ID to the file", NULL, NULL, false, "@files"}, \
	{"cpu-period", 0, FLAG_INT, NULL, "Limit CPU CFS (Completely Fair Scheduler) period"}, \
	{"cpu-quota", 0, FLAG_INT, NULL, "Limit CPU CFS (Completely Fair Scheduler) quota"}, \
	{"cpu-rt-period", 0, FLAG_INT, NULL, "Limit CPU real-time period in microseconds"}, \
	{"cpu-rt-runtime", 0, FLAG_INT, NULL, "Limit CPU real-time runtime in microseconds"}, \
	{"cpu-shares", 'c', FLAG_INT, NULL, "CPU shares (relative weight)"}, \
	{"cpus", 0, FLAG_DECIMAL, NULL, "Number of CPUs"}, \
	{"cpuset-cpus", 0, FLAG_STRING, NULL, "CPUs in which to allow execution (0-3, 0,1)"}, \
	{"cpuset-mems", 0, FLAG_STRING, NULL, "MEMs in which to allow execution (0-3, 0,1)"}

#define FLAGS_AFTER_DETACH \
	{"device", 0, FLAG_LIST, NULL, "Add a host device to the container", NULL, NULL, false, "@files"}, \
	{"device-cgroup-rule", 0, FLAG_LIST, NULL, "Add a rule to the cgroup allowed devices list"}, \
	{"device-read-bps", 0, FLAG_LIST, NULL, "Limit read rate (bytes per second) from a device", "[]", check_throttle_bytes}, \
	{"device-read-iops", 0, FLAG_LIST, NULL, "Limit read rate (IO per second) from a device", "[]", check_throttle_count}, \
	{"device-write-bps", 0, FLAG_LIST, NULL, "Limit write rate (bytes per second) to a device", "[]", check_throttle_bytes}, \
	{"device-write-iops", 0, FLAG_LIST, NULL, "Limit write rate (IO per second) to a device", "[]", check_throttle_count}, \
	{"disable-content-trust", 0, FLAG_BOOL, NULL, "Skip image verification", "true", NULL, true}, \
	{"dns", 0, FLAG_LIST, NULL, "Set custom DNS servers", NULL, check_ip}, \
	{"dns-opt", 0, FLAG_LIST, NULL, "Set DNS options", NULL, NULL, true}, \
	{"dns-option", 0, FLAG_LIST, NULL, "Set DNS options"}, \
	{"dns-search", 0, FLAG_LIST, NULL, "Set custom DNS search domains"}, \
	{"domainname", 0, FLAG_STRING, NULL, "Container NIS domain name"}, \
	{"entrypoint", 0, FLAG_STRING, NULL, "Overwrite the default ENTRYPOINT of the image"}, \
	{"env", 'e', FLAG_LIST, NULL, "Set environment variables", NULL, check_env, false, "@env"}, \
	{"env-file", 0, FLAG_LIST, NULL, "Read in a file of environment variables", NULL, NULL, false, "@files"}, \
	{"expose", 0, FLAG_LIST, NULL, "Expose a port or a range of ports"}, \
	{"gpus", 0, FLAG_STRING, "gpu-request", "GPU devices to add to the container (not implemented)", NULL, check_not_implemented, true}, \
	{"group-add", 0, FLAG_LIST, NULL, "Add additional groups to join"}, \
	{"health-cmd", 0, FLAG_STRING, NULL, "Command to run to check health"}, \
	{"health-interval", 0, FLAG_DURATION, NULL, "Time between running the check (ms|s|m|h)", "0s"}, \
	{"health-retries", 0, FLAG_INT, NULL, "Consecutive failures needed to report unhealthy"}, \
	{"health-start-interval", 0, FLAG_DURATION, NULL, "Time between running the check during the start period (ms|s|m|h)", "0s"}, \
	{"health-start-period", 0, FLAG_DURATION, NULL, "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h)", "0s"}, \
	{"health-timeout", 0, FLAG_DURATION, NULL, "Maximum time to allow one check to run (ms|s|m|h)", "0s"}, \
	{"help", 0, FLAG_BOOL, NULL, "Print usage"}, \
	{"hostname", 'h', FLAG_STRING, NULL, "Container host name"}, \
	{"init", 0, FLAG_BOOL, NULL, "Run an init inside the container that forwards signals and reaps processes"}, \
	{"interactive", 'i', FLAG_BOOL, NULL, "Keep STDIN open even if not attached"}, \
	{"ip", 0, FLAG_STRING, NULL, "IPv4 address (e.g., 172.30.100.104)"}, \
	{"ip6", 0, FLAG_STRING, NULL, "IPv6 address (e.g., 2001:db8::33)"}, \
	{"ipc", 0, FLAG_STRING, NULL, "IPC mode to use"}, \
	{"isolation", 0, FLAG_STRING, NULL, "Container isolation technology"}, \
	{"kernel-memory", 0, FLAG_BYTES, NULL, "Kernel memory limit", NULL, NULL, true}, \
	{"label", 'l', FLAG_LIST, NULL, "Set meta data on a container", NULL, check_label}, \
	{"label-file", 0, FLAG_LIST, NULL, "Read in a line delimited file of labels", NULL, NULL, false, "@files"}, \
	{"link", 0, FLAG_LIST, NULL, "Add link to another container"}, \
	{"log-driver", 0, FLAG_STRING, NULL, "Logging driver for the container"}, \
	{"log-opt", 0, FLAG_LIST, NULL, "Log driver options"}, \
	{"mac-address", 0, FLAG_STRING, NULL, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"}, \
	{"memory", 'm', FLAG_BYTES, NULL, "Memory limit"}, \
	{"memory-reservation", 0, FLAG_BYTES, NULL, "Memory soft limit"}, \
	{"memory-swap", 0, FLAG_BYTES, NULL, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"}, \
	{"memory-swappiness", 0, FLAG_INT, NULL, "Tune container memory swappiness (0 to 100)", "-1"}, \
	{"mount", 0, FLAG_LIST, "mount", "Attach a filesystem mount to the container", NULL, check_mount}, \
	{"name", 0, FLAG_STRING, NULL, "Assign a name to the container"}, \
	{"net", 0, FLAG_LIST, "network", "Connect a container to a network", NULL, check_network, true, "@networks"}, \
	{"net-alias", 0, FLAG_LIST, NULL, "Add network-scoped alias for the container", NULL, NULL, true}, \
	{"network", 0, FLAG_LIST, "network", "Connect a container to a network", NULL, check_network, false, "@networks"}, \
	{"network-alias", 0, FLAG_LIST, NULL, "Add network-scoped alias for the container"}, \
	{"no-healthcheck", 0, FLAG_BOOL, NULL, "Disable any container-specified HEALTHCHECK"}, \
	{"oom-kill-disable", 0, FLAG_BOOL, NULL, "Disable OOM Killer"}, \
	{"oom-score-adj", 0, FLAG_INT, NULL, "Tune host's OOM preferences (-1000 to 1000)"}, \
	{"pid", 0, FLAG_STRING, NULL, "PID namespace to use"}, \
	{"pids-limit", 0, FLAG_INT, NULL, "Tune container pids limit (set -1 for unlimited)"}, \
	{"platform", 0, FLAG_STRING, NULL, "Set platform if server is multi-platform capable"}, \
	{"privileged", 0, FLAG_BOOL, NULL, "Give extended privileges to this container"}, \
	{"publish", 'p', FLAG_LIST, NULL, "Publish a container's port(s) to the host"}, \
	{"publish-all", 'P', FLAG_BOOL, NULL, "Publish all exposed ports to random ports"}, \
	{"pull", 0, FLAG_STRING, NULL, "Pull image before creating (\"always\", \"missing\", \"never\")", "\"missing\"", NULL, false, "always missing never"}, \
	{"quiet", 'q', FLAG_BOOL, NULL, "Suppress the pull output"}, \
	{"read-only", 0, FLAG_BOOL, NULL, "Mount the container's root filesystem as read only"}, \
	{"restart", 0, FLAG_STRING, NULL, "Restart policy to apply when a container exits", "\"no\"", NULL, false, "no always on-failure unless-stopped"}, \
	{"rm", 0, FLAG_BOOL, NULL, "Automatically remove the container and its associated anonymous volumes when it exits"}, \
	{"runtime", 0, FLAG_STRING, NULL, "Runtime to use for this container"}, \
	{"security-opt", 0, FLAG_LIST, NULL, "Security Options"}, \
	{"shm-size", 0, FLAG_BYTES, NULL, "Size of /dev/shm"}

#define FLAGS_LAST \
	{"stop-signal", 0, FLAG_STRING, NULL, "Signal to stop the container", NULL, NULL, false, "@signals"}, \
	{"stop-timeout", 0, FLAG_INT, NULL, "Timeout (in seconds) to stop a container"}, \
	{"storage-opt", 0, FLAG_LIST, NULL, "Storage driver options for the container"}, \
	{"sysctl", 0, FLAG_LIST, "map", "Sysctl options", "map[]", check_sysctl}, \
	{"tmpfs", 0, FLAG_LIST, NULL, "Mount a tmpfs directory"}, \
	{"tty", 't', FLAG_BOOL, NULL, "Allocate a pseudo-TTY"}, \
	{"ulimit", 0, FLAG_LIST, "ulimit", "Ulimit options", "[]", check_ulimit}, \
	{"user", 'u', FLAG_STRING, NULL, "Username or UID (format: <name|uid>[:<group|gid>])"}, \
	{"userns", 0, FLAG_STRING, NULL, "User namespace to use"}, \
	{"uts", 0, FLAG_STRING, NULL, "UTS namespace to use"}, \
	{"volume", 'v', FLAG_LIST, NULL, "Bind mount a volume", NULL, NULL, false, "@volumes"}, \
	{"volume-driver", 0, FLAG_STRING, NULL, "Optional volume driver for the container"}, \
	{"volumes-from", 0, FLAG_LIST, NULL, "Mount volumes from the specified container(s)", NULL, NULL, false, "@containers"}, \
	{"workdir", 'w', FLAG_STRING, NULL, "Working directory inside the container"}, \
	{NULL}

const struct flag_spec run_flags[] = {
	FLAGS_BEFORE_DETACH,
	{"detach", 'd', FLAG_BOOL, NULL, "Run container in background and print container ID"},
	{"detach-keys", 0, FLAG_STRING, NULL, "Override the key sequence for detaching a container"},
	FLAGS_AFTER_DETACH,
	{"sig-proxy", 0, FLAG_BOOL, NULL, "Proxy received signals to the process", "true"},
	FLAGS_LAST
};

const struct flag_spec create_flags[] = {
	FLAGS_BEFORE_DETACH,
	FLAGS_AFTER_DETACH,
	FLAGS_LAST
};
/* clang-format on */
