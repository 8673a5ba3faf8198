# Other people's engines over kist-oci. A file that loads it says in setup_file what it needs:
#
#   load lib/peers
#   setup_file() { peers_home podman && ...; }
#   setup() { peers_setup; }
#
# KIST_PEER_RUNTIME=/usr/sbin/runc runs the same tests over another runtime: that is how they were calibrated.
load lib/engine

# peers_home PROGRAM...: a folder, a cgroup and the runtime, if the programs are installed.
peers_home() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || { export PEERS_WHY="$program is not installed"; return 1; }
	done
	export RUNTIME=${KIST_PEER_RUNTIME:-$KIST_BUILD/bin/kist-oci}
	[ -x "$RUNTIME" ] || { echo "$RUNTIME: not there"; exit 1; }
	PEERS=$(mktemp -d /tmp/kist-test-peers.XXXXXX)
	export PEERS CGROUP=/kist-test-peers-$$
	IMAGE=$(busybox_archive)
	export IMAGE
}

# peers_failed WHAT LOG: a peer that is here and does not work fails the whole file, from setup_file.
peers_failed() {
	echo "$1 does not work here:"
	tail -n 10 "$2"
	return 1
}

# Every test of the file is skipped where setup_file found that the peer is not installed.
peers_setup() {
	[ -z "${PEERS_WHY:-}" ] || skip "$PEERS_WHY"
}

peers_clear() {
	[ -n "${PEERS:-}" ] || return 0
	find /sys/fs/cgroup -depth -path "*$CGROUP*" -type d -exec rmdir {} \; 2>/dev/null
	grep -o " $PEERS/[^ ]*" /proc/self/mountinfo | sort -ru | xargs -r umount -l
	rm -rf --one-file-system "$PEERS"
}

# Reads a limit of its own inside a container with this command: first v1's file, then v2's.
own_limit() { # CONTROLLER/FILE-OF-V1 FILE-OF-V2
	echo "cat /sys/fs/cgroup/$1 2>/dev/null || cat /sys/fs/cgroup/$2"
}

on_v2() {
	[ -e /sys/fs/cgroup/cgroup.controllers ]
}

# tty COMMAND: runs it with a terminal for its standard streams.
tty() {
	# open for both, the pipe has no end: at one, script(1) would type ^D before anybody listens
	[ -p "$PEERS/idle" ] || mkfifo "$PEERS/idle"
	SHELL=/bin/sh timeout 30 script -qec "$1" /dev/null 0<>"$PEERS/idle"
}
