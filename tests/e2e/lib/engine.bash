# Shared by the end-to-end tests: an engine of its own per file, in a network namespace of its own.
# KIST_PARKED=0: without monitors that are started ahead of time. KIST_DRIVER=vfs: with that storage driver.
#
# setup_file calls engine_start, teardown_file engine_stop. In between `docker` (28 or whatever is first in
# PATH) and `kist` talk to it. Nothing on the host is touched but cgroups below /kist-test-*.

KIST_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
KIST_BUILD=${KIST_BUILD:-$KIST_TOP/build}
BIN=$KIST_BUILD/bin
PATH=$BIN:$PATH
. "$KIST_TOP/tests/e2e/lib/slow.bash"
. "$KIST_TOP/tests/e2e/lib/sanitizer.bash"

# An image archive, made once per build folder.
busybox_archive() {
	local file=$KIST_BUILD/test-busybox.tar
	# somebody else's build
	[ -s "$file" ] || [ -w "$KIST_BUILD" ] || file=$BATS_RUN_TMPDIR/test-busybox.tar
	if [ ! -s "$file" ]; then
		"$KIST_TOP/scripts/busybox-image" -o "$file.$$" -t busybox:latest && mv "$file.$$" "$file"
	fi
	echo "$file"
}

# The engine's network namespace: as `ip netns exec`, but /sys (and its cgroups) stay.
in_net() {
	nsenter --net="/run/netns/$KIST_NETNS" -- "$@"
}

# A second host on the outside of the engine's machine: 192.0.2.2, the engine's is 192.0.2.1.
in_outside() {
	nsenter --net="/run/netns/$KIST_NETNS-out" -- "$@"
}

net_make() {
	export KIST_NETNS=kist-$$-$RANDOM
	ip netns add "$KIST_NETNS"
	ip netns add "$KIST_NETNS-out"
	in_net ip link set lo up
	in_net ip link add out0 type veth peer name in0 netns "$KIST_NETNS-out"
	in_net ip addr add 192.0.2.1/24 dev out0
	in_net ip link set out0 up
	in_net ip route add default via 192.0.2.2
	in_outside ip link set lo up
	in_outside ip addr add 192.0.2.2/24 dev in0
	in_outside ip link set in0 up
	# Before they carry, a question for a neighbour is lost, and the next one comes a second later.
	in_net timeout 60 sh -c 'until ip link show dev out0 | grep -q "state UP"; do :; done'
	in_outside timeout 60 sh -c 'until ip link show dev in0 | grep -q "state UP"; do :; done'
}

net_remove() {
	ip netns del "$KIST_NETNS" 2>/dev/null
	ip netns del "$KIST_NETNS-out" 2>/dev/null
	return 0
}

# engine_start [kistd flags]: waits until it answers.
engine_start() {
	if [ -z "${KIST_HOME:-}" ]; then
		KIST_HOME=$(mktemp -d /tmp/kist-test.XXXXXX)
		export KIST_HOME
		export DOCKER_HOST=unix://$KIST_HOME/kist.sock KIST_HOST=unix://$KIST_HOME/kist.sock
		export DOCKER_CONFIG=$KIST_HOME/docker-config
		export KIST_CGROUP=kist-test-${KIST_HOME##*.}
		mkdir -p "$DOCKER_CONFIG"
		net_make
	fi
	engine_run "$@"
}

# The peer: the same tests against Docker itself, to see what they ask for (KIST_PEER=dockerd bats ...).
peer_run() {
	nsenter --net="/run/netns/$KIST_NETNS" -- unshare -m --propagation private sh -c 'mount --make-rshared /; exec "$@"' sh \
		dockerd --data-root "$KIST_HOME/data" --exec-root "$KIST_HOME/exec" --host "$DOCKER_HOST" \
		--pidfile "$KIST_HOME/dockerd.pid" --bip 10.88.0.1/24 --live-restore \
		>>"$KIST_HOME/kistd.log" 2>&1 </dev/null 3>&- &
}

# Not in_net: a function in the background is one shell more, and $! would be that instead of kistd.
# KIST_HOSTS: its /etc/hosts, a file; KIST_BUNDLE: its CA certificates.
kistd_run() {
	local within=()
	[ -z "${KIST_HOSTS:-}${KIST_BUNDLE:-}" ] || within=(unshare -m --propagation private sh -c '
		[ -z "$KIST_HOSTS" ] || mount --bind "$KIST_HOSTS" /etc/hosts || exit
		[ -z "$KIST_BUNDLE" ] || mount --bind "$KIST_BUNDLE" /etc/ssl/certs/ca-certificates.crt || exit
		exec "$@"' kistd)
	nsenter --net="/run/netns/$KIST_NETNS" -- "${within[@]}" "$BIN/kistd" --data-root "$KIST_HOME/data" --exec-root "$KIST_HOME/exec" \
		--host "$DOCKER_HOST" --pidfile "$KIST_HOME/kistd.pid" --bip 10.88.0.1/24 \
		--cgroup-parent "/$KIST_CGROUP" --parked-monitors "${KIST_PARKED:-2}" --log-level debug \
		${KIST_DRIVER:+--storage-driver "$KIST_DRIVER"} "$@" >>"$KIST_HOME/kistd.log" 2>&1 </dev/null 3>&- &
}

engine_run() {
	if [ "${KIST_PEER:-}" = dockerd ]; then peer_run; else kistd_run "$@"; fi
	echo $! >"$KIST_HOME/pid"
	local i
	for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
		curl -sf --unix-socket "$KIST_HOME/kist.sock" http://localhost/_ping >/dev/null && return 0
		kill -0 "$(cat "$KIST_HOME/pid")" 2>/dev/null || break
		sleep 0.05
	done
	echo "kistd did not start:" >&2
	tail -n 30 "$KIST_HOME/kistd.log" >&2
	return 1
}

engine_pid() {
	cat "$KIST_HOME/pid"
}

# Ends the daemon as a service manager would and waits; containers run on.
engine_end() {
	local pid
	pid=$(engine_pid)
	kill "${1:--TERM}" "$pid" 2>/dev/null
	wait_gone "$pid"
	wait "$pid" 2>/dev/null || true
}

# engine_reload FILE TEXT: the daemon's settings file has the text now, and the daemon has read it.
engine_reload() {
	local before i
	before=$(grep -c "settings reloaded" "$KIST_HOME/kistd.log" || true)
	echo "$2" >"$1"
	kill -HUP "$(engine_pid)"
	for i in $(seq "$(patience 100)"); do
		[ "$(grep -c "settings reloaded" "$KIST_HOME/kistd.log")" -gt "$before" ] && return 0
		sleep 0.05
	done
	tail -n 3 "$KIST_HOME/kistd.log"
	return 1
}

wait_gone() {
	local i
	for i in $(seq $((200 * ${KIST_SLOW:-1}))); do
		# a zombie that its parent has not collected is gone, too
		case $(ps -o stat= -p "$1" 2>/dev/null) in "" | Z*) return 0 ;; esac
		sleep 0.05
	done
	return 1
}

load_busybox() {
	docker load -q -i "$(busybox_archive)" >/dev/null
}

# umount_soon FOLDER: a monitor in waiting, or a helper, may end a moment after its daemon, which had the folder.
umount_soon() {
	retry 10 umount "$1"
}

# Removes all containers, ends the daemon, removes its folders. Fails if it leaked.
engine_stop() {
	local ids
	ids=$(docker ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
	engine_end
	keep_reports "$KIST_HOME/kistd.log"
	net_remove
	# only empty folders go: a container's own one that was left behind stays for the check at the end
	find /sys/fs/cgroup -depth -type d -path "*/$KIST_CGROUP*" -exec rmdir {} + 2>/dev/null
	if [ -n "${KIST_KEEP:-}" ]; then
		echo "# kept $KIST_HOME" >&3
	else
		rm -rf --one-file-system "$KIST_HOME"
	fi
}

# fails_with CODE TEXT COMMAND...: the exit code and a part of what it prints.
fails_with() {
	local code=$1 text=$2 status=0 output
	shift 2
	output=$("$@" 2>&1) || status=$?
	[ "$status" = "$code" ] || { echo "exit code $status instead of $code: $output"; return 1; }
	case $output in
	*"$text"*) ;;
	*) echo "no \"$text\" in: $output"; return 1 ;;
	esac
}

# flip FILE OFFSET: damages a byte, whatever it was; the file keeps its time.
flip() {
	python3 - "$1" "$2" <<'PY'
import os, sys
at = int(sys.argv[2])
st = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as f:
    f.seek(at)
    c = f.read(1)
    f.seek(at)
    f.write(bytes([c[0] ^ 1]))
os.utime(sys.argv[1], ns=(st.st_atime_ns, st.st_mtime_ns))
PY
}

# What is on the daemon's machine, for leak checks: everything that belongs to containers.
engine_traces() {
	ps -eo args= | grep '^kist-monitor' | grep -vc ' parked-'
	in_net ip -o link | grep -c veth
	ls "$KIST_HOME/exec/containers" 2>/dev/null | wc -l
	ls "$KIST_HOME/data/containers" 2>/dev/null | wc -l
}

# Between tests that make images of their own: neither containers nor images.
nothing_here() {
	local ids
	ids=$(docker ps -aq)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || docker rm -f -v $ids >/dev/null 2>&1
	ids=$(docker images -aq | sort -u)
	# shellcheck disable=SC2086
	[ -z "$ids" ] || docker rmi -f $ids >/dev/null 2>&1
}
