/* The flags of run and create, in the order of their help. */
#include "run.h"
#include "spec.h"

/* clang-format off */
#define FLAGS_BEFORE_DETACH \
	{"add-host", 0, FLAG_LIST, NULL, "Line for /etc/hosts, NAME:IP; host-gateway is the host's address", NULL, check_extra_host}, \
	{"annotation", 0, FLAG_LIST, "map", "Annotation KEY=VALUE for the OCI runtime's config.json", "map[]"}, \
	{"attach", 'a', FLAG_LIST, NULL, "Stream to connect: stdin, stdout or stderr; output alone unless -d or -i says otherwise", NULL, check_attach, false, "stdin stdout stderr"}, \
	{"blkio-weight", 0, FLAG_UINT16, NULL, "Share of disk time against other containers, 10 to 1000; 0 leaves the kernel's", "0"}, \
	{"blkio-weight-device", 0, FLAG_LIST, NULL, "The same for one disk, PATH:WEIGHT", "[]", check_weight}, \
	{"cap-add", 0, FLAG_LIST, NULL, "Capability to add, such as NET_ADMIN, or ALL", NULL, NULL, false, "@capabilities"}, \
	{"cap-drop", 0, FLAG_LIST, NULL, "Capability to take away, or ALL", NULL, NULL, false, "@capabilities"}, \
	{"cgroup-parent", 0, FLAG_STRING, NULL, "Cgroup to make the container's below"}, \
	{"cgroupns", 0, FLAG_STRING, NULL, "What /proc/self/cgroup shows from (host|private)\n" \
		"'host':    From the host's root of the tree\n" \
		"'private': From the container's own cgroup\n" \
		"'':        As the daemon has it (default)", NULL, NULL, false, "host private"}, \
	{"cidfile", 0, FLAG_STRING, NULL, "New file that receives the container's ID", NULL, NULL, false, "@files"}, \
	{"cpu-period", 0, FLAG_INT, NULL, "Length of the period of --cpu-quota, in microseconds (1000 to 1000000)"}, \
	{"cpu-quota", 0, FLAG_INT, NULL, "CPU time in each period, in microseconds, at least 1000"}, \
	{"cpu-rt-period", 0, FLAG_INT, NULL, "Length of the period of --cpu-rt-runtime, in microseconds"}, \
	{"cpu-rt-runtime", 0, FLAG_INT, NULL, "Real-time CPU time in each period, in microseconds"}, \
	{"cpu-shares", 'c', FLAG_INT, NULL, "Share of CPU time when CPUs are short, 2 to 262144; the kernel's own is 1024"}, \
	{"cpus", 0, FLAG_DECIMAL, NULL, "Most CPU time to use, in CPUs: 1.5 is one and a half"}, \
	{"cpuset-cpus", 0, FLAG_STRING, NULL, "CPUs to run on, such as 0-3 or 0,1"}, \
	{"cpuset-mems", 0, FLAG_STRING, NULL, "NUMA nodes to take memory from, such as 0-3 or 0,1"}

#define FLAGS_AFTER_DETACH \
	{"device", 0, FLAG_LIST, NULL, "Device of the host, PATH[:INSIDE][:rwm]", NULL, NULL, false, "@files"}, \
	{"device-cgroup-rule", 0, FLAG_LIST, NULL, "Devices to allow, such as 'c 10:200 rwm'"}, \
	{"device-read-bps", 0, FLAG_LIST, NULL, "Most bytes a second to read, DEVICE:N[k|m|g]", "[]", check_throttle_bytes}, \
	{"device-read-iops", 0, FLAG_LIST, NULL, "Most reads a second, DEVICE:N", "[]", check_throttle_count}, \
	{"device-write-bps", 0, FLAG_LIST, NULL, "Most bytes a second to write, DEVICE:N[k|m|g]", "[]", check_throttle_bytes}, \
	{"device-write-iops", 0, FLAG_LIST, NULL, "Most writes a second, DEVICE:N", "[]", check_throttle_count}, \
	{"disable-content-trust", 0, FLAG_BOOL, NULL, "Without effect", "true", NULL, true}, \
	{"dns", 0, FLAG_LIST, NULL, "Name server for /etc/resolv.conf, instead of the host's", NULL, check_ip}, \
	{"dns-opt", 0, FLAG_LIST, NULL, "Option for /etc/resolv.conf, such as ndots:2", NULL, NULL, true}, \
	{"dns-option", 0, FLAG_LIST, NULL, "Option for /etc/resolv.conf, such as ndots:2"}, \
	{"dns-search", 0, FLAG_LIST, NULL, "Domain in which to look up short names; '.' for none"}, \
	{"domainname", 0, FLAG_STRING, NULL, "NIS domain, as domainname prints it"}, \
	{"entrypoint", 0, FLAG_STRING, NULL, "Program to run before the arguments, instead of the image's; \"\" for none"}, \
	{"env", 'e', FLAG_LIST, NULL, "Environment variable NAME=VALUE; NAME alone takes our own value", NULL, check_env, false, "@env"}, \
	{"env-file", 0, FLAG_LIST, NULL, "File with a variable on each line, as for --env", NULL, NULL, false, "@files"}, \
	{"expose", 0, FLAG_LIST, NULL, "Port or range to mark as served, for --publish-all"}, \
	{"gpus", 0, FLAG_STRING, "gpu-request", "GPUs to use (not implemented)", NULL, check_not_implemented, true}, \
	{"group-add", 0, FLAG_LIST, NULL, "Further group of the process, by name or number"}, \
	{"health-cmd", 0, FLAG_STRING, NULL, "Shell command that succeeds while the container is healthy"}, \
	{"health-interval", 0, FLAG_DURATION, NULL, "Pause between two checks, such as 30s (ms|s|m|h)", "0s"}, \
	{"health-retries", 0, FLAG_INT, NULL, "Failed checks in a row that make it unhealthy"}, \
	{"health-start-interval", 0, FLAG_DURATION, NULL, "The same while the container starts", "0s"}, \
	{"health-start-period", 0, FLAG_DURATION, NULL, "Time after the start in which failed checks do not count", "0s"}, \
	{"health-timeout", 0, FLAG_DURATION, NULL, "Time after which a check counts as failed", "0s"}, \
	{"help", 0, FLAG_BOOL, NULL, "Show this text"}, \
	{"hostname", 'h', FLAG_STRING, NULL, "Host name inside (default the short ID)"}, \
	{"init", 0, FLAG_BOOL, NULL, "Make process 1 a small init, which passes signals on and collects orphans"}, \
	{"interactive", 'i', FLAG_BOOL, NULL, "Leave standard input open, for typing or a pipe"}, \
	{"ip", 0, FLAG_STRING, NULL, "IPv4 address to have, on a network with a subnet of yours"}, \
	{"ip6", 0, FLAG_STRING, NULL, "IPv6 address, likewise"}, \
	{"ipc", 0, FLAG_STRING, NULL, "Shared memory and queues: private, shareable, host, none or container:NAME"}, \
	{"isolation", 0, FLAG_STRING, NULL, "For Windows daemons; default is the only one on Linux"}, \
	{"kernel-memory", 0, FLAG_BYTES, NULL, "Without effect: gone from Linux", NULL, NULL, true}, \
	{"label", 'l', FLAG_LIST, NULL, "Label KEY=VALUE, to find the container by", NULL, check_label}, \
	{"label-file", 0, FLAG_LIST, NULL, "File with a label on each line", NULL, NULL, false, "@files"}, \
	{"link", 0, FLAG_LIST, NULL, "Older way of reaching a container, NAME[:ALIAS]"}, \
	{"log-driver", 0, FLAG_STRING, NULL, "Where output is kept (json-file, none)"}, \
	{"log-opt", 0, FLAG_LIST, NULL, "Setting of the log driver, such as max-size=10m"}, \
	{"mac-address", 0, FLAG_STRING, NULL, "MAC address of the interface, such as 02:42:ac:11:00:02"}, \
	{"memory", 'm', FLAG_BYTES, NULL, "Most memory to use, in bytes or N[k|m|g], at least 1m (with dockerd: 6m)"}, \
	{"memory-reservation", 0, FLAG_BYTES, NULL, "What is left alone when the host runs short, N[k|m|g]"}, \
	{"memory-swap", 0, FLAG_BYTES, NULL, "Most memory and swap together, N[k|m|g]; -1 for no limit (unset: twice --memory)"}, \
	{"memory-swappiness", 0, FLAG_INT, NULL, "How readily to swap, 0 to 100; -1 leaves the host's", "-1"}, \
	{"mount", 0, FLAG_LIST, "mount", "Mount as key=value pairs: type=bind|volume|tmpfs,src=...,dst=...[,readonly]", NULL, check_mount}, \
	{"name", 0, FLAG_STRING, NULL, "Name to call it by, made up if not given"}, \
	{"net", 0, FLAG_LIST, "network", "Network to join: bridge, none, host or container:NAME", NULL, check_network, true, "@networks"}, \
	{"net-alias", 0, FLAG_LIST, NULL, "Further name on the network", NULL, NULL, true}, \
	{"network", 0, FLAG_LIST, "network", "Network to join: bridge, none, host or container:NAME", NULL, check_network, false, "@networks"}, \
	{"network-alias", 0, FLAG_LIST, NULL, "Further name on the network"}, \
	{"no-healthcheck", 0, FLAG_BOOL, NULL, "Do not run the image's health check"}, \
	{"oom-kill-disable", 0, FLAG_BOOL, NULL, "Let processes wait when --memory is used up, not die (cgroup v1)"}, \
	{"oom-score-adj", 0, FLAG_INT, NULL, "How early to die when the host runs out of memory, 1000 first, -1000 never"}, \
	{"pid", 0, FLAG_STRING, NULL, "Processes to see: one's own, host or container:NAME"}, \
	{"pids-limit", 0, FLAG_INT, NULL, "Most processes and threads; -1 for no limit"}, \
	{"platform", 0, FLAG_STRING, NULL, "Platform OS[/ARCH[/VARIANT]], where the daemon has several"}, \
	{"privileged", 0, FLAG_BOOL, NULL, "Every capability and device, no seccomp filter: root inside is root outside"}, \
	{"publish", 'p', FLAG_LIST, NULL, "Port of the host that leads inside, [[IP:]PORT:]PORT[/udp]"}, \
	{"publish-all", 'P', FLAG_BOOL, NULL, "A free port of the host for each exposed one"}, \
	{"pull", 0, FLAG_STRING, NULL, "When to fetch the image: always, missing or never", "\"missing\"", NULL, false, "always missing never"}, \
	{"quiet", 'q', FLAG_BOOL, NULL, "Show no progress of a pull"}, \
	{"read-only", 0, FLAG_BOOL, NULL, "Forbid writing to the image's files; volumes stay writable"}, \
	{"restart", 0, FLAG_STRING, NULL, "When to start again by itself: no, on-failure[:TIMES], always or unless-stopped", "\"no\"", NULL, false, "no always on-failure unless-stopped"}, \
	{"rm", 0, FLAG_BOOL, NULL, "Leave nothing behind at the end: neither container nor nameless volumes"}, \
	{"runtime", 0, FLAG_STRING, NULL, "OCI runtime by its name in the daemon"}, \
	{"security-opt", 0, FLAG_LIST, NULL, "Confinement: seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined"}, \
	{"shm-size", 0, FLAG_BYTES, NULL, "Bytes in /dev/shm, N[k|m|g] (unset: 64m)"}

#define FLAGS_LAST \
	{"stop-signal", 0, FLAG_STRING, NULL, "Signal that asks the process to end (unset: the image's, else SIGTERM)", NULL, NULL, false, "@signals"}, \
	{"stop-timeout", 0, FLAG_INT, NULL, "Seconds from that signal to SIGKILL (unset: 10)"}, \
	{"storage-opt", 0, FLAG_LIST, NULL, "Setting of the storage driver"}, \
	{"sysctl", 0, FLAG_LIST, "map", "Kernel setting inside, NAME=VALUE", "map[]", check_sysctl}, \
	{"tmpfs", 0, FLAG_LIST, NULL, "Empty folder in memory, PATH[:OPTIONS]"}, \
	{"tty", 't', FLAG_BOOL, NULL, "Give the process a terminal"}, \
	{"ulimit", 0, FLAG_LIST, "ulimit", "Resource limit NAME=SOFT[:HARD], such as nofile=1024", "[]", check_ulimit}, \
	{"user", 'u', FLAG_STRING, NULL, "Whom to run as, USER[:GROUP], by name or number"}, \
	{"userns", 0, FLAG_STRING, NULL, "Ids of users: host for the daemon's own"}, \
	{"uts", 0, FLAG_STRING, NULL, "Host name: host shares the daemon's"}, \
	{"volume", 'v', FLAG_LIST, NULL, "Folder or volume to mount, SOURCE:INSIDE[:ro]; INSIDE alone is a new volume", NULL, NULL, false, "@volumes"}, \
	{"volume-driver", 0, FLAG_STRING, NULL, "Driver of volumes that --volume makes"}, \
	{"volumes-from", 0, FLAG_LIST, NULL, "Container whose volumes to mount too, NAME[:ro]", NULL, NULL, false, "@containers"}, \
	{"workdir", 'w', FLAG_STRING, NULL, "Folder inside to start in"}, \
	{NULL}

const struct flag_spec run_flags[] = {
	FLAGS_BEFORE_DETACH,
	{"detach", 'd', FLAG_BOOL, NULL, "Do not wait: print the ID and leave it running"},
	{"detach-keys", 0, FLAG_STRING, NULL, "Keys that leave it running and return (unset: ctrl-p,ctrl-q)"},
	FLAGS_AFTER_DETACH,
	{"sig-proxy", 0, FLAG_BOOL, NULL, "Pass our signals on to the process", "true"},
	FLAGS_LAST
};

const struct flag_spec create_flags[] = {
	FLAGS_BEFORE_DETACH,
	FLAGS_AFTER_DETACH,
	FLAGS_LAST
};
/* clang-format on */
