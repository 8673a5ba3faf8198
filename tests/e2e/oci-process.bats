# The process and its surroundings as config.md and config-linux.md have them: what is handed over, scheduling,
# namespaces, descriptors.
load lib/bundle

# receiver SOCKET FILE: takes one message with a descriptor, like one who gave --pidfd-socket or --console-socket;
# writes "WORD PID" of a pidfd to FILE, or "WORD tty"
receiver() {
	rm -f "$1" "$2"
	timeout 30 python3 - "$1" "$2" 3>&- <<'PY' &
import array, os, re, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(sys.argv[1])
s.listen(1)
c, _ = s.accept()
text, anc, _, _ = c.recvmsg(4096, socket.CMSG_LEN(4))
fd = array.array("i", anc[0][2])[0]
info = open(f"/proc/self/fdinfo/{fd}").read()
pid = re.search(r"^Pid:\s*(\S+)", info, re.M)
with open(sys.argv[2] + ".tmp", "w") as f:
    f.write(text.decode() + " " + (pid.group(1) if pid else "tty" if os.isatty(fd) else "?") + "\n")
os.rename(sys.argv[2] + ".tmp", sys.argv[2])
c.recv(1)
# a terminal that nobody holds any more is hung up: nothing could open it
while os.isatty(fd) and os.path.exists(sys.argv[1]):
    time.sleep(0.05)
PY
	RECEIVER=$!
	wait_for [ -S "$1" ]
}

pid_of() {
	oci state "$1" | sed -n 's/.*"pid": \(.*\),/\1/p'
}

@test "pidfd-socket: create, run and exec send a pidfd of their process" {
	local s=$HOME_OCI/pidfd.sock f=$HOME_OCI/pidfd
	bundle p1
	receiver "$s" "$f"
	oci create -b "$BUNDLE" --pidfd-socket "$s" p1 </dev/null >/dev/null 2>&1 3>&-
	wait_for test -e "$f"
	[ "$(cat "$f")" = "standard $(pid_of p1)" ]
	oci start p1
	receiver "$s" "$f"
	oci exec --detach --pid-file "$HOME_OCI/pid" --pidfd-socket "$s" p1 sleep 1000 </dev/null >/dev/null 2>&1 3>&-
	wait_for test -e "$f"
	[ "$(cat "$f")" = "setns $(cat "$HOME_OCI/pid")" ]
	bundle p2
	receiver "$s" "$f"
	oci run --detach -b "$BUNDLE" --pidfd-socket "$s" p2 </dev/null >/dev/null 2>&1 3>&-
	wait_for test -e "$f"
	[ "$(cat "$f")" = "standard $(pid_of p2)" ]
	bundle p3
	run oci create -b "$BUNDLE" --pidfd-socket "$HOME_OCI/none.sock" p3
	[ "$status" = 1 ]
	[[ "$output" == *"--pidfd-socket"*none.sock* ]]
	run oci state p3
	[ "$status" = 1 ]
}

@test "socket activation: LISTEN_FDS arrive with their variables, in front of the preserved ones" {
	bundle a1 'p["args"] = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES $$; cat <&3; cat <&4; cat <&5; ls /proc/self/fd | tr \"\\n\" \" \""]'
	# exec keeps the pid that LISTEN_PID names
	run bash -c 'exec 3<<<one 4<<<two 5<<<three 7</dev/null; LISTEN_FDS=2 LISTEN_PID=$$ LISTEN_FDNAMES=a:b exec "$0" --root "$1/state" run -b "$2" --preserve-fds 1 a1' \
		"$KIST_BUILD/bin/kist-oci" "$HOME_OCI" "$BUNDLE"
	[ "${lines[0]}" = "2 1 a:b 1" ]
	[ "${lines[1]} ${lines[2]} ${lines[3]}" = "one two three" ]
	[ "${lines[4]}" = "0 1 2 3 4 5 6 " ]
	# another's sockets are not ours to hand on
	bundle a2 'p["args"] = ["sh", "-c", "echo -$LISTEN_FDS-; ls /proc/self/fd | tr \"\\n\" \" \""]'
	run bash -c 'exec 3<<<one; LISTEN_FDS=1 LISTEN_PID=1 exec "$0" --root "$1/state" run -b "$2" a2' \
		"$KIST_BUILD/bin/kist-oci" "$HOME_OCI" "$BUNDLE"
	[ "${lines[0]}" = "--" ]
	[ "${lines[1]}" = "0 1 2 3 " ]
	bundle a3
	run oci run -b "$BUNDLE" --preserve-fds 1000 a3
	[ "$status" = 1 ]
	[[ "$output" == *"unable to preserve file descriptor"* ]]
}

@test "preserved descriptors are the caller's: none that the runtime opened itself is handed on" {
	bundle a4 'p["args"] = ["ls", "-l", "/proc/self/fd"]'
	local n
	for n in 1 2 3 4 5; do
		run oci run -b "$BUNDLE" --preserve-fds "$n" a4 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
		[ "$status" = 1 ]
		[[ "$output" == *"unable to preserve file descriptor 3"* ]]
		[[ "$output" != *"$HOME_OCI/state"* ]]
	done
	bundle a5
	oci run -d -b "$BUNDLE" a5 </dev/null >/dev/null 2>&1 3>&-
	run oci exec --preserve-fds 2 a5 ls -l /proc/self/fd 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
	[ "$status" = 255 ]
	[[ "$output" == *"unable to preserve file descriptor 3"* ]]
}

@test "exec: a process whose pid file or terminal cannot be handed over does not stay" {
	bundle a6
	oci run -d -b "$BUNDLE" a6 </dev/null >/dev/null 2>&1 3>&-
	refused() { # one that stays must not hold the output that bats waits for
		! oci exec -d "$@" a6 sleep 1077 </dev/null >"$HOME_OCI/out" 2>&1 3>&- || false
	}
	refused --pid-file "$HOME_OCI/nowhere/pid"
	refused -t --console-socket "$HOME_OCI/nowhere"
	alone() {
		[ "$(oci ps -f json a6)" = "[$(pid_of a6)]" ]
	}
	wait_for alone
}

# systemd SOCKET LOG: takes notifications like it; acknowledges barriers by closing what they bring
systemd() {
	rm -f "$1" "$2"
	timeout 60 python3 - "$1" "$2" 3>&- <<'PY' &
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
s.bind("\0" + name[1:] if name[0] == "@" else name)
open(sys.argv[2], "w").close()
while True:
    text, anc, _, _ = s.recvmsg(4096, socket.CMSG_LEN(4))
    with open(sys.argv[2], "a") as log:
        log.write(text.decode() + f"# {len(anc)}\n")
    for _, _, data in anc:
        os.close(array.array("i", data)[0])
PY
	SYSTEMD=$!
	wait_for [ -e "$2" ]
}

# A static program that sends datagrams: busybox has none. Skips without a compiler.
notifier() {
	[ ! -e "$HOME_OCI/rootfs/bin/notify" ] || return 0
	command -v cc >/dev/null || skip "no C compiler to make the program with"
	cat >"$HOME_OCI/notify.c" <<-'END'
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <sys/un.h>
		int main(int argc, char **argv)
		{
			struct sockaddr_un a = {.sun_family = AF_UNIX};
			int s = socket(AF_UNIX, SOCK_DGRAM, 0);
			strcpy(a.sun_path, getenv("NOTIFY_SOCKET"));
			for (int i = 1; i < argc; i++)
				if (sendto(s, argv[i], strlen(argv[i]), 0, (void *)&a, sizeof(a)) < 0)
					return perror("sendto"), 1;
			return 0;
		}
	END
	cc -static -o "$HOME_OCI/rootfs/bin/notify" "$HOME_OCI/notify.c"
}

# vm: always
@test "NOTIFY_SOCKET: start returns when the container is ready, and tells systemd whom to watch" {
	notifier
	systemd "$HOME_OCI/sd.sock" "$HOME_OCI/sd.log"
	bundle s1 'p["args"] = ["sh", "-c", "notify STATUS=starting MAINPID=7 \"STATUS=up\nREADY=1\nFDSTORE=1\nMAINPID=9\"; sleep 1000"]; p["user"] = {"uid": 1000, "gid": 1000}'
	NOTIFY_SOCKET=$HOME_OCI/sd.sock oci create -b "$BUNDLE" s1 </dev/null >/dev/null 2>&1 3>&-
	[ ! -s "$HOME_OCI/sd.log" ]
	NOTIFY_SOCKET=$HOME_OCI/sd.sock oci start s1
	[ "$(tr '\n' ' ' <"$HOME_OCI/sd.log")" = "STATUS=starting # 0 STATUS=up READY=1 MAINPID=$(pid_of s1) # 0 BARRIER=1# 1 " ]
	kill "$SYSTEMD"
}

@test "NOTIFY_SOCKET: what a killed start has left behind does not keep the next from starting" {
	notifier
	systemd "$HOME_OCI/sd.sock" "$HOME_OCI/sd.log"
	bundle s5 'p["args"] = ["sh", "-c", "notify READY=1; sleep 1000"]'
	NOTIFY_SOCKET=$HOME_OCI/sd.sock oci create -b "$BUNDLE" s5 </dev/null >/dev/null 2>&1 3>&-
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(sys.argv[1])' \
		"$HOME_OCI/state/s5/notify/notify.sock"
	NOTIFY_SOCKET=$HOME_OCI/sd.sock oci start s5
	is s5 running
	kill "$SYSTEMD"
}

@test "NOTIFY_SOCKET: run tells on what is said, detached until ready, in the foreground to the end" {
	notifier
	systemd "@kist-test-$$" "$HOME_OCI/sd.log"
	bundle s2 'p["args"] = ["sh", "-c", "notify READY=1; sleep 1000"]'
	NOTIFY_SOCKET=@kist-test-$$ oci run -d -b "$BUNDLE" s2 </dev/null >/dev/null 2>&1 3>&-
	grep -q "MAINPID=$(pid_of s2)" "$HOME_OCI/sd.log"
	bundle s3 'p["args"] = ["sh", "-c", "notify READY=1 WATCHDOG=1; notify STOPPING=1"]'
	NOTIFY_SOCKET=@kist-test-$$ oci run -b "$BUNDLE" s3 </dev/null
	wait_for grep -q STOPPING=1 "$HOME_OCI/sd.log"
	grep -q WATCHDOG=1 "$HOME_OCI/sd.log"
	# one that ends without a word keeps nobody waiting
	bundle s4 'p["args"] = ["true"]'
	NOTIFY_SOCKET=@kist-test-$$ oci run -d -b "$BUNDLE" s4 </dev/null >/dev/null 2>&1 3>&-
	kill "$SYSTEMD"
}

# veth NAME PEER, or skip
veth() {
	command -v ip >/dev/null || skip "no ip"
	ip link add "$1" type veth peer name "$2" 2>/dev/null || skip "this kernel has no veth devices"
}

unveth() {
	local device
	for device in kistd0 kistd1 kistd2 kistd3; do
		# a peer whose namespace has ended goes by itself, at any moment
		ip link del $device 2>/dev/null || ! ip link show $device >/dev/null 2>&1
	done
}

@test "netDevices: moved, renamed, with their permanent global addresses, and up" {
	veth kistd0 kistd1
	ip link set kistd0 up
	ip link set kistd1 up
	ip addr add 192.0.2.7/24 dev kistd0
	ip -6 addr add 2001:db8::7/64 dev kistd0 nodad
	ip addr add 198.51.100.9/24 scope link dev kistd0
	ip addr add 203.0.113.9/24 dev kistd0 valid_lft 1000 preferred_lft 1000
	bundle d1 'c["linux"]["netDevices"] = {"kistd0": {"name": "eth7"}}; p["args"] = ["ip", "addr", "show", "eth7"]; c["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "ip link show kistd0 >/dev/null 2>&1 && exit 1; exit 0"]}]}'
	run oci run -b "$BUNDLE" d1
	[ "$status" = 0 ]
	[[ "$output" == *"192.0.2.7/24"* && "$output" == *"2001:db8::7/64"* ]]
	[[ "$output" == *"<"*UP*">"* ]]
	[[ "$output" != *"198.51.100.9"* && "$output" != *"203.0.113.9"* ]]
	# a virtual device goes with its namespace
	wait_for eval '! ip link show kistd1 >/dev/null 2>&1'
	unveth
}

@test "netDevices: joined namespace, same name, a name with %d; what cannot be is refused and changes nothing" {
	veth kistd0 kistd1
	veth kistd2 kistd3
	ip link set kistd0 up
	ip netns add kist-test-$$
	ip link set kistd3 netns kist-test-$$
	local join="c['linux']['namespaces'] = [dict(n, path='/run/netns/kist-test-$$') if n['type'] == 'network' else n for n in c['linux']['namespaces']]"
	bundle d2 "$join; c['linux']['netDevices'] = {'kistd0': {'name': 'kistd3'}}"
	run oci run -b "$BUNDLE" d2
	[ "$status" = 1 ]
	[[ "$output" == *"the container has a network device kistd3 already"* ]]
	[[ "$(ip link show kistd0)" == *"<"*UP*">"* ]]
	bundle d2 "$join; c['linux']['netDevices'] = {'nosuch0': {}}"
	run oci run -b "$BUNDLE" d2
	[[ "$output" == *"linux.netDevices: find the network device nosuch0"* ]]
	bundle d2 "$join; c['linux']['netDevices'] = {'kistd0': {'name': 'a/b'}}"
	run oci run -b "$BUNDLE" d2
	[[ "$output" == *'linux.netDevices.kistd0.name: invalid network device name \"a/b\"'* ]]
	bundle d2 "c['linux']['netDevices'] = {'kistd0': {}}; c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'network']"
	run oci run -b "$BUNDLE" d2
	[[ "$output" == *"linux.netDevices: needs a network namespace"* ]]
	bundle d2 "c['linux']['netDevices'] = {'kistd0': {}}; c['linux']['namespaces'] = [dict(n, path='/proc/self/ns/net') if n['type'] == 'network' else n for n in c['linux']['namespaces']]"
	run oci run -b "$BUNDLE" d2
	[[ "$output" == *"linux.netDevices: the network namespace that is joined is the host's own"* ]]
	bundle d2 "$join; c['linux']['netDevices'] = {'kistd0': {'name': 'net%d'}, 'kistd2': {}}; p['args'] = ['ls', '/sys/class/net']"
	run oci run -b "$BUNDLE" d2
	[ "$status" = 0 ]
	[[ "$(echo $output)" == "kistd2 kistd3 lo net0" ]]
	# it stays in the namespace, whose owner is somebody else
	ip -n kist-test-$$ link show net0
	ip netns del kist-test-$$
	unveth
}

@test "netDevices: a device that cannot be moved keeps its addresses and routes" {
	ip link add kistd0 type bridge 2>/dev/null || skip "this kernel has no bridges"
	ip link set kistd0 up
	ip addr add 192.0.2.7/24 dev kistd0
	ip -6 addr add 2001:db8::7/64 dev kistd0 nodad
	ip -6 route add 2001:db8:1::/64 dev kistd0
	# bridges stay in the namespace that they were made in
	bundle d3 'c["linux"]["netDevices"] = {"kistd0": {"name": "eth7"}}'
	run oci run -b "$BUNDLE" d3
	[ "$status" = 1 ]
	[[ "$output" == *"linux.netDevices: move kistd0 into the container as eth7: "* ]]
	run ip addr show kistd0
	[[ "$output" == *"192.0.2.7/24"* && "$output" == *"2001:db8::7/64"* && "$output" == *"<"*UP*">"* ]]
	[ -n "$(ip -6 route show 2001:db8:1::/64 dev kistd0)" ]
	unveth
}

@test "netDevices: where a later one, or create itself, fails, those that are in the container come back as they were" {
	veth kistd0 kistd1
	veth kistd2 kistd3
	local change wrong
	wrong=$(printf '%s\n' "c['linux']['netDevices'] = {'kistd0': {'name': 'eth7'}, 'kistd2': {'name': 'net%d'}, 'kistd3': {'name': 'eth7'}}" \
		"c['linux']['netDevices'] = {'kistd0': {'name': 'eth7'}, 'kistd2': {}}; c['hooks'] = {'createRuntime': [{'path': '/bin/sh', 'args': ['sh', '-c', 'ip link show kistd0 || exit 3']}]}")
	while read -r change; do
		ip link set kistd0 up
		ip link set kistd1 up
		ip addr replace 192.0.2.7/24 dev kistd0
		ip -6 addr replace 2001:db8::7/64 dev kistd0 nodad
		bundle d4 "$change"
		run oci run -b "$BUNDLE" d4
		echo "$output"
		[ "$status" = 1 ]
		[[ "$output" == *"the container has a network device eth7 already"* || "$output" == *"createRuntime hook /bin/sh: exit status 3"* ]]
		[[ "$output" != *"give kistd"* ]]
		run ip addr show kistd0
		[[ "$output" == *"192.0.2.7/24"* && "$output" == *"2001:db8::7/64"* && "$output" == *"<"*UP*">"* ]]
		run ip addr show kistd2
		echo "$output"
		[[ "$status" = 0 && "$output" != *"<"*UP*">"* ]]
	done <<<"$wrong"
	unveth
}

@test "memoryPolicy: every mode with its nodes and flags, on start and exec; mistakes are named" {
	local mode
	policy() { # MEMBERS: what numa_maps says of init's stack
		bundle m1 "c['linux']['memoryPolicy'] = {$1}; p['args'] = ['sh', '-c', 'grep stack /proc/self/numa_maps']"
		run oci run -b "$BUNDLE" m1
	}
	[ -e /proc/self/numa_maps ] || skip "this kernel has no NUMA"
	policy "'mode': 'MPOL_BIND', 'nodes': '0'"
	[[ "$output" == *" bind:0 "* ]]
	policy "'mode': 'MPOL_BIND', 'nodes': '0', 'flags': ['MPOL_F_STATIC_NODES']"
	[[ "$output" == *" bind=static:0 "* ]]
	policy "'mode': 'MPOL_PREFERRED', 'nodes': '0', 'flags': ['MPOL_F_RELATIVE_NODES']"
	[[ "$output" == *" prefer=relative:0 "* ]]
	policy "'mode': 'MPOL_INTERLEAVE', 'nodes': '0'"
	[[ "$output" == *" interleave:0 "* ]]
	policy "'mode': 'MPOL_LOCAL'"
	[[ "$output" == *" local "* ]]
	policy "'mode': 'MPOL_DEFAULT'"
	[[ "$output" == *" default "* ]]
	policy "'mode': 'MPOL_PREFERRED_MANY', 'nodes': '0'"
	[[ "$output" == *"prefer (many):0"* ]]
	policy "'mode': 'MPOL_WEIGHTED_INTERLEAVE', 'nodes': '0'"
	[[ "$output" == *"weighted interleave:0"* || "$output" == *"linux.memoryPolicy: set the memory policy"* ]]
	policy "'mode': 'MPOL_BIND', 'nodes': '0', 'flags': ['MPOL_F_NUMA_BALANCING']"
	[[ "$output" == *" bind"*":0 "* || "$output" == *"linux.memoryPolicy: set the memory policy"* ]]
	policy "'mode': 'MPOL_BIND'"
	[[ "$output" == *"linux.memoryPolicy.nodes: MPOL_BIND needs at least one"* ]]
	policy "'mode': 'MPOL_LOCAL', 'nodes': '0'"
	[[ "$output" == *"linux.memoryPolicy.nodes: MPOL_LOCAL takes none"* ]]
	policy "'mode': 'MPOL_FAR', 'nodes': '0'"
	[[ "$output" == *"linux.memoryPolicy.mode: there is no mode"* ]]
	policy "'mode': 'MPOL_BIND', 'nodes': '0', 'flags': ['MPOL_F_X']"
	[[ "$output" == *"linux.memoryPolicy.flags: there is no flag"* ]]
	policy "'mode': 'MPOL_BIND', 'nodes': '3-1'"
	[[ "$output" == *"linux.memoryPolicy.nodes:"*"is not a list"* ]]
	policy "'mode': 'MPOL_BIND', 'nodes': '1000'"
	[[ "$output" == *"linux.memoryPolicy: set the memory policy"* ]]
	bundle m2 "c['linux']['memoryPolicy'] = {'mode': 'MPOL_BIND', 'nodes': '0'}"
	oci run -d -b "$BUNDLE" m2 </dev/null >/dev/null 2>&1 3>&-
	run oci exec m2 grep stack /proc/self/numa_maps
	[[ "$output" == *" bind:0 "* ]]
}

# vm: always
@test "execCPUAffinity: initial and final of an exec; a container has all CPUs, however few the caller" {
	[ "$(nproc)" -ge 2 ] || skip "needs two CPUs"
	local list all
	allowed() { sed -n 's/Cpus_allowed_list:\s*//p' "$@"; }
	all=$(allowed /proc/self/status)
	bundle c1 "p['execCPUAffinity'] = {'initial': '0', 'final': '1'}"
	taskset -c 0 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -d -b "$BUNDLE" c1 </dev/null >/dev/null 2>&1 3>&-
	[ "$(allowed "/proc/$(pid_of c1)/status")" = "$all" ]
	[ "$(oci exec c1 cat /proc/self/status | allowed)" = 1 ]
	affine() { # AFFINITY: of an exec by --process
		echo "{\"args\": [\"cat\", \"/proc/self/status\"], \"cwd\": \"/\", \"env\": [\"PATH=/bin\"], \"user\": {\"uid\": 0, \"gid\": 0}, \"execCPUAffinity\": $1}" >"$HOME_OCI/process.json"
		run oci exec --process "$HOME_OCI/process.json" c1
		list=$(allowed <<<"$output")
	}
	affine '{"initial": "1"}'
	# older kernels forget it when the process enters a cgroup of v2
	[ "$(printf '6.2\n%s\n' "$(uname -r)" | sort -V | head -n 1)" != 6.2 ] || [ "$list" = 1 ]
	affine '{"final": " 0, 1 "}'
	[ "$list" = 0-1 ]
	affine '{}'
	[ "$list" = "$all" ]
	affine '{"final": "0-"}'
	[ "$status" = 255 ]
	[[ "$output" == *"process.execCPUAffinity.final:"*"is not a list"* ]]
	affine '{"initial": "65537"}'
	[[ "$output" == *"process.execCPUAffinity.initial:"*"up to 65536"* ]]
	affine '{"final": "4000"}'
	[[ "$output" == *"process.execCPUAffinity.final: set the CPU affinity"* ]]
}

# what busybox cannot tell, a static program does; the machine's python outside asks /proc
@test "scheduler: every policy, nice, priority and flags, on start and exec" {
	sched() { # MEMBERS: "policy priority nice flags" of the container's process
		bundle sc "p['scheduler'] = {$1}"
		oci delete --force sc
		if ! oci run -d -b "$BUNDLE" sc </dev/null >"$HOME_OCI/out" 2>&1 3>&-; then
			output=$(cat "$HOME_OCI/out")
			return
		fi
		output=$(python3 -c '
import ctypes, os, struct, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(56)
assert libc.syscall(315, pid, buf, 56, 0) == 0
size, policy, flags, nice, priority, runtime, deadline, period = struct.unpack_from("IIQiIQQQ", buf)
print(policy, priority, nice, flags, runtime, deadline, period)' "$(pid_of sc)")
	}
	[ "$(uname -m)" = x86_64 ] || skip "asks sched_getattr by x86-64's number"
	sched "'policy': 'SCHED_OTHER', 'nice': 7"
	[ "$output" = "0 0 7 0 0 0 0" ] || [[ "$output" == "0 0 7 0 "*" 0 0" ]]
	sched "'policy': 'SCHED_BATCH', 'nice': 3"
	[[ "$output" == "3 0 3 0"* ]]
	sched "'policy': 'SCHED_IDLE'"
	[[ "$output" == "5 0 $(nice) 0"* ]] # who is idle keeps the nice value that he had
	sched "'policy': 'SCHED_OTHER', 'flags': ['SCHED_FLAG_RESET_ON_FORK']"
	[[ "$output" == "0 0 0 1"* ]]
	sched "'policy': 'SCHED_FIFO', 'priority': 5"
	[[ "$output" == "1 5 0 0"* || "$output" == *"process.scheduler: set the scheduler"* ]]
	sched "'policy': 'SCHED_RR', 'priority': 6, 'flags': ['SCHED_FLAG_RESET_ON_FORK']"
	[[ "$output" == "2 6 0 1"* || "$output" == *"process.scheduler: set the scheduler"* ]]
	sched "'policy': 'SCHED_DEADLINE', 'runtime': 1000000, 'deadline': 10000000, 'period': 10000000"
	[[ "$output" == "6 0 0 0 1000000 10000000 10000000" || "$output" == *"process.scheduler: set the scheduler"* ]]
	# Linux has no SCHED_ISO
	sched "'policy': 'SCHED_ISO'"
	[[ "$output" == *"process.scheduler: set the scheduler"* ]]
	sched "'policy': 'SCHED_X'"
	[[ "$output" == *"process.scheduler.policy"* ]]
	sched "'policy': 'SCHED_OTHER', 'priority': 5"
	[[ "$output" == *"process.scheduler.priority"* ]]
	sched "'policy': 'SCHED_OTHER', 'runtime': 5"
	[[ "$output" == *"need SCHED_DEADLINE"* ]]
	sched "'policy': 'SCHED_OTHER', 'flags': ['SCHED_FLAG_Y']"
	[[ "$output" == *"process.scheduler.flags"* ]]
	bundle sc2
	oci run -d -b "$BUNDLE" sc2 </dev/null >/dev/null 2>&1 3>&-
	echo '{"args": ["sh", "-c", "cut -d\" \" -f19,41 /proc/self/stat"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 5, "gid": 5}, "scheduler": {"policy": "SCHED_BATCH", "nice": -3}}' >"$HOME_OCI/process.json"
	# asked for by one without privileges, given by one who has them
	run oci exec --process "$HOME_OCI/process.json" sc2
	[ "$output" = "-3 3" ]
}

@test "scheduler: the kernel is asked for exactly the policy, values and flags, also where it grants none" {
	command -v strace >/dev/null || skip "strace is not installed"
	asked() { # MEMBERS: what sched_setattr is called with
		bundle asked "p['scheduler'] = {$1}; p['args'] = ['true']"
		traced 30 -f -qq -o "$HOME_OCI/calls" -e trace=sched_setattr \
			"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" asked </dev/null >"$HOME_OCI/out" 2>&1 3>&- || true
		output=$(sed -n 's/.*sched_setattr([0-9]*, {size=[0-9]*, \(.*\)}, 0) .*/\1/p' "$HOME_OCI/calls")
		echo "$1: $output"
	}
	local flag plain="sched_nice=0, sched_priority=0, sched_runtime=0, sched_deadline=0, sched_period=0"
	for flag in RESET_ON_FORK RECLAIM DL_OVERRUN KEEP_POLICY KEEP_PARAMS; do
		asked "'policy': 'SCHED_OTHER', 'flags': ['SCHED_FLAG_$flag']"
		# strace leaves out what is to be kept
		[[ "$output" == *"sched_flags=SCHED_FLAG_$flag"* ]]
		[[ "sched_policy=SCHED_OTHER, sched_flags=SCHED_FLAG_$flag, $plain" == *"$output"* ]]
	done
	# the specification has no values for these: the system's own
	for flag in UTIL_CLAMP_MIN UTIL_CLAMP_MAX; do
		asked "'policy': 'SCHED_OTHER', 'flags': ['SCHED_FLAG_$flag']"
		[[ "$output" == "sched_policy=SCHED_OTHER, sched_flags=SCHED_FLAG_$flag, $plain, sched_util_min=4294967295, sched_util_max=4294967295" ]]
	done
	asked "'policy': 'SCHED_BATCH', 'nice': -7, 'flags': ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM']"
	[[ "$output" == "sched_policy=SCHED_BATCH, sched_flags=SCHED_FLAG_RESET_ON_FORK|SCHED_FLAG_RECLAIM, sched_nice=-7, "* ]]
	asked "'policy': 'SCHED_FIFO', 'priority': 5"
	[[ "$output" == "sched_policy=SCHED_FIFO, sched_flags=0, sched_nice=0, sched_priority=5, "* ]]
	asked "'policy': 'SCHED_RR', 'priority': 99"
	[[ "$output" == "sched_policy=SCHED_RR, sched_flags=0, sched_nice=0, sched_priority=99, "* ]]
	asked "'policy': 'SCHED_DEADLINE', 'runtime': 1000000, 'deadline': 5000000, 'period': 10000000, 'flags': ['SCHED_FLAG_RECLAIM', 'SCHED_FLAG_DL_OVERRUN']"
	[[ "$output" == "sched_policy=SCHED_DEADLINE, sched_flags=SCHED_FLAG_RECLAIM|SCHED_FLAG_DL_OVERRUN, sched_nice=0, sched_priority=0, sched_runtime=1000000, sched_deadline=5000000, sched_period=10000000" ]]
}

@test "ioPriority: class and priority, on start and exec" {
	command -v ionice >/dev/null || skip "no ionice"
	io() {
		bundle io "p['ioPriority'] = {$1}"
		oci delete --force io
		oci run -d -b "$BUNDLE" io </dev/null >"$HOME_OCI/out" 2>&1 3>&- || true
	}
	io "'class': 'IOPRIO_CLASS_BE', 'priority': 6"
	[ "$(ionice -p "$(pid_of io)")" = "best-effort: prio 6" ]
	io "'class': 'IOPRIO_CLASS_RT', 'priority': 2"
	[ "$(ionice -p "$(pid_of io)")" = "realtime: prio 2" ]
	io "'class': 'IOPRIO_CLASS_IDLE', 'priority': 0"
	[ "$(ionice -p "$(pid_of io)")" = idle ]
	oci exec -d --pid-file "$HOME_OCI/pid" io sleep 1000 </dev/null >/dev/null 2>&1 3>&-
	[ "$(ionice -p "$(cat "$HOME_OCI/pid")")" = idle ]
	io "'class': 'IOPRIO_CLASS_BE', 'priority': 8"
	grep -q "process.ioPriority.priority" "$HOME_OCI/out"
	io "'class': 'IOPRIO_CLASS_X', 'priority': 1"
	grep -q "process.ioPriority.class" "$HOME_OCI/out"
}

@test "personality: LINUX32 shows in uname, on start and exec; others are refused" {
	bundle pe "c['linux']['personality'] = {'domain': 'LINUX32'}; p['args'] = ['uname', '-m']"
	run oci run -b "$BUNDLE" pe
	[ "$output" = "$(setarch linux32 uname -m)" ]
	bundle pe "c['linux']['personality'] = {'domain': 'LINUX32'}"
	oci run -d -b "$BUNDLE" pe </dev/null >/dev/null 2>&1 3>&-
	run oci exec pe uname -m
	[ "$output" = "$(setarch linux32 uname -m)" ]
	bundle pe2 "c['linux']['personality'] = {'domain': 'LINUX'}; p['args'] = ['uname', '-m']"
	run setarch linux32 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" pe2
	[ "$output" = "$(uname -m)" ]
	bundle pe2 "c['linux']['personality'] = {'domain': 'BSD'}"
	run oci run -b "$BUNDLE" pe2
	[[ "$output" == *'linux.personality.domain: unknown domain \"BSD\"'* ]]
	bundle pe2 "c['linux']['personality'] = {'domain': 'LINUX', 'flags': ['ADDR_NO_RANDOMIZE']}"
	run oci run -b "$BUNDLE" pe2
	[[ "$output" == *"linux.personality.flags: unknown flag"* ]]
}

@test "run.oci.keep_original_groups: the caller's groups stay, in an exec and a user namespace, too" {
	local keep='c["annotations"] = {"run.oci.keep_original_groups": "1"}; p["user"] = {"uid": 5, "gid": 6, "additionalGids": [7]}; p["args"] = ["id", "-G"]'
	bundle kg "$keep"
	run setpriv --groups 4242,4243 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" kg
	[ "$output" = "6 4242 4243" ]
	bundle kg2 "$keep; p['args'] = ['sleep', '1000']"
	oci run -d -b "$BUNDLE" kg2 </dev/null >/dev/null 2>&1
	run setpriv --groups 4244 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" exec kg2 id -G
	[ "$output" = "6 4244" ]
	oci delete -f kg2
	bundle kg3 "$keep; c['linux']['namespaces'].append({'type': 'user'}); c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 5000}]"
	run setpriv --groups 104000 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" kg3
	[ "$output" = "6 4000" ]
	bundle kg4 'p["user"] = {"uid": 5, "gid": 6}; p["args"] = ["id", "-G"]'
	run setpriv --groups 4242 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" kg4
	[ "$output" = 6 ]
}

@test "rlimits, oomScoreAdj, umask, groups, no_new_privs" {
	bundle rl 'p["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99}, {"type": "RLIMIT_CORE", "soft": 0, "hard": 4096}]; p["oomScoreAdj"] = 321; p["user"] = {"uid": 5, "gid": 6, "umask": 0o27, "additionalGids": [7, 8]}; p["noNewPrivileges"] = True; p["args"] = ["sh", "-c", "ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj; umask; id -u; id -g; id -G; grep NoNewPrivs /proc/self/status"]'
	run oci run -b "$BUNDLE" rl
	[ "$(echo $output)" = "77 99 321 0027 5 6 6 7 8 NoNewPrivs: 1" ]
	# bits that a umask does not have are left out; without one it is runc's, and not the caller's
	bundle rl1 'p["user"] = {"uid": 0, "gid": 0, "umask": 0o7026}; p["args"] = ["sh", "-c", "umask"]'
	[ "$(oci run -b "$BUNDLE" rl1)" = 0026 ]
	bundle rl1 'p["args"] = ["sh", "-c", "umask"]'
	[ "$(umask 077; oci run -b "$BUNDLE" rl1)" = 0022 ]
	bundle rl2 'p["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 7, "hard": 9}] * 2'
	run oci run -b "$BUNDLE" rl2
	[ "$status" = 1 ]
	[[ "$output" == *"process.rlimits[1].type: RLIMIT_NOFILE is given twice"* ]]
	bundle rl3 'p["rlimits"] = []; p.pop("oomScoreAdj", None); p["args"] = ["cat", "/proc/self/oom_score_adj"]'
	echo 55 >/proc/self/oom_score_adj
	run oci run -b "$BUNDLE" rl3
	[ "$output" = 55 ]
	bundle rl4 'p["oomScoreAdj"] = 1001'
	run oci run -b "$BUNDLE" rl4
	[[ "$output" == *"process.oomScoreAdj"* ]]
}

@test "capabilities: every set is as asked; unknown ones are warned of" {
	bundle ca 'p["capabilities"] = {"bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"], "permitted": ["CAP_CHOWN", "CAP_KILL"], "effective": ["CAP_KILL"], "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}; p["user"] = {"uid": 5, "gid": 5}; p["args"] = ["grep", "^Cap", "/proc/self/status"]'
	run oci run -b "$BUNDLE" ca
	# what a program executed by an ordinary user keeps: the ambient ones
	[ "$(echo $output)" = "CapInh: 0000000000000020 CapPrm: 0000000000000020 CapEff: 0000000000000020 CapBnd: 00000000000000a1 CapAmb: 0000000000000020" ]
	bundle ca2 'p["capabilities"] = {k: ["CAP_CHOWN", "CAP_TIME_TRAVEL"] for k in ("bounding", "permitted", "effective")}; p["args"] = ["grep", "^CapEff", "/proc/self/status"]'
	run oci run -b "$BUNDLE" ca2
	[ "$status" = 0 ]
	[[ "$output" == *"CAP_TIME_TRAVEL"* ]]
	[[ "$output" == *"CapEff:"*"0000000000000001"* ]]
	bundle ca4 'p["capabilities"] = {k: ["CAP_CHOWN"] for k in ("bounding", "permitted", "effective", "ambient")}; p["args"] = ["true"]'
	run oci run -b "$BUNDLE" ca4
	[ "$status" = 0 ]
	[[ "$output" == *"level=warning msg=\"cannot be ambient, being not permitted and inheritable: CAP_CHOWN\""* ]]
	# the effective ones count for the execution itself
	cp "$HOME_OCI/rootfs/bin/busybox" "$HOME_OCI/rootfs/bin/busybox-others"
	chown 5:5 "$HOME_OCI/rootfs/bin/busybox-others"
	chmod 700 "$HOME_OCI/rootfs/bin/busybox-others"
	bundle ca5 'p["capabilities"] = {k: ["CAP_DAC_OVERRIDE"] for k in ("bounding", "permitted", "effective")}; p["args"] = ["busybox-others", "true"]'
	oci run -b "$BUNDLE" ca5
	bundle ca5 'p["capabilities"] = {"bounding": ["CAP_DAC_OVERRIDE"], "permitted": ["CAP_DAC_OVERRIDE"]}; p["args"] = ["busybox-others", "true"]'
	run oci run -b "$BUNDLE" ca5
	rm "$HOME_OCI/rootfs/bin/busybox-others"
	[ "$status" = 1 ]
	[[ "$output" == *"exec /bin/busybox-others: permission denied"* ]]
	command -v setpriv >/dev/null || skip "no setpriv to take a capability away with"
	bundle ca3 'p["capabilities"] = {k: ["CAP_CHOWN", "CAP_SYS_TIME"] for k in ("bounding", "permitted", "effective")}; p["args"] = ["grep", "^CapEff", "/proc/self/status"]'
	run setpriv --bounding-set -sys_time "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -b "$BUNDLE" ca3
	[ "$status" = 0 ]
	[[ "$output" == *"capability CAP_SYS_TIME cannot be granted"* ]]
	[[ "$output" == *"CapEff:"*"0000000000000001"* ]]
}

@test "env: a name that is there several times counts once, the last; HOME is the user's unless it says something" {
	mkdir -p "$HOME_OCI/rootfs/etc"
	echo 'me:x:77:77::/home/me:/bin/sh' >"$HOME_OCI/rootfs/etc/passwd"
	bundle ev 'p["env"] = ["A=1", "PATH=/bin", "A=", "HOME=/x", "HOME="]; p["args"] = ["env"]; p["user"] = {"uid": 77, "gid": 77}'
	run oci run -b "$BUNDLE" ev
	[ "$(echo $output)" = "PATH=/bin A= HOME=/home/me" ]
	bundle ev2
	oci run -d -b "$BUNDLE" ev2 </dev/null >/dev/null 2>&1 3>&-
	run oci exec -e TERM=a -e TERM=b -e HOME=/y ev2 env
	[[ "$output" == *TERM=b* && "$output" != *TERM=a* && "$output" != *xterm* && "$output" == *HOME=/y* ]]
	run oci exec -e =x ev2 true
	[ "$status" = 255 ]
	[[ "$output" == *'process.env[2]: \"=x\" is not NAME=VALUE'* ]]
	rm "$HOME_OCI/rootfs/etc/passwd"
}

@test "cwd: made where it is missing, under a read-only root too, and never outside the root; an exec's must be there" {
	local readonly
	for readonly in True False; do
		bundle wd "c['root']['readonly'] = $readonly; p['cwd'] = '/made/of/$readonly'; p['args'] = ['sh', '-c', 'pwd; stat -c %a .']"
		run oci run -b "$BUNDLE" wd
		[ "$(echo $output)" = "/made/of/$readonly 755" ]
		[ -d "$HOME_OCI/rootfs/made/of/$readonly" ]
		bundle wd "c['root']['readonly'] = $readonly; p['cwd'] = '/../../..$HOME_OCI/escaped'; p['args'] = ['pwd']"
		run oci run -b "$BUNDLE" wd
		[ "$output" = "$HOME_OCI/escaped" ]
		[ ! -e "$HOME_OCI/escaped" ]
	done
	bundle wd "p['cwd'] = '/bin/busybox'"
	run oci run -b "$BUNDLE" wd
	[ "$status" = 1 ]
	[[ "$output" == *"chdir to cwd"*"/bin/busybox"*"not a directory"* ]]
	bundle wd
	oci run -d -b "$BUNDLE" wd </dev/null >/dev/null 2>&1 3>&-
	run oci exec --cwd /missing wd true
	[ "$status" = 255 ]
	[[ "$output" == *"chdir to cwd"*"/missing"* ]]
	rm -rf "$HOME_OCI/rootfs/made" "$HOME_OCI/rootfs/tmp/kist-test"*
}

@test "sysctl: those of the container's namespaces; none of the host's, even where it is joined by path" {
	bundle sy 'c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1", "net/ipv4/conf/lo/forwarding": "1", "kernel.shmmax": "65536", "fs.mqueue.msg_max": "20", "kernel.domainname": "there"}; p["args"] = ["cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/lo/forwarding", "/proc/sys/kernel/shmmax", "/proc/sys/fs/mqueue/msg_max", "/proc/sys/kernel/domainname"]'
	run oci run -b "$BUNDLE" sy
	[ "$(echo $output)" = "1 1 65536 20 there" ]
	# also where its own /proc is read-only, or masked there
	bundle sy 'c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}; [m for m in c["mounts"] if m["type"] == "proc"][0]["options"] = ["ro"]; p["args"] = ["cat", "/proc/sys/net/ipv4/ip_forward"]'
	run oci run -b "$BUNDLE" sy
	[ "$output" = 1 ]
	bundle sy 'c["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "80"}; c["linux"]["readonlyPaths"] = []; c["linux"]["maskedPaths"] = ["/proc/sys/net/ipv4/conf"]; p["args"] = ["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"]'
	run oci run -b "$BUNDLE" sy
	[ "$output" = 80 ]
	bundle sy 'c["linux"]["sysctl"] = {"net.ipv4.conf.lo.forwarding": "1"}; c["linux"]["maskedPaths"] = ["/proc/sys/net/ipv4/conf"]; p["args"] = ["ls", "/proc/sys/net/ipv4/conf"]'
	run oci run -b "$BUNDLE" sy
	[ "$status" = 0 ]
	[ "$output" = "" ]
	refused() { # CHANGE MESSAGE
		bundle sy "$1"
		run oci run -b "$BUNDLE" sy
		[ "$status" = 1 ]
		[[ "$output" == *"$2"* ]] || { echo "$output, not $2"; false; }
	}
	local own='c["linux"]["namespaces"] = [dict(n, path="/proc/self/ns/%s") if n["type"] == "%s" else n for n in c["linux"]["namespaces"]]'
	refused "$(printf "$own" net network); c['linux']['sysctl'] = {'net.ipv4.ip_forward': '1'}" "not allowed in host network namespace"
	refused "$(printf "$own" ipc ipc); c['linux']['sysctl'] = {'kernel.shmmax': '1'}" "not allowed in host ipc namespace"
	refused "$(printf "$own" uts uts)" "hostname: the UTS namespace that is joined is the host's own"
	refused 'c["linux"]["sysctl"] = {"vm.swappiness": "1"}' "is not in a separate kernel namespace"
	refused 'c["linux"]["sysctl"] = {"kernel.hostname": "x"}' "conflicts with the OCI"
	refused 'c["linux"]["sysctl"] = {"user.max_net_namespaces": "1"}' "not allowed in the host's user namespace"
	refused 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "network"]; c["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}' "not allowed in the host's network namespace"
	refused 'c["linux"]["sysctl"] = {"net.ipv4.nosuch": "1"}' "sysctl net.ipv4.nosuch: open"
}

@test "hostname, domainname, consoleSize and the session keyring are the container's own" {
	bundle ho 'c["linux"].pop("maskedPaths"); c["hostname"] = "inner"; c["domainname"] = "example"; p["args"] = ["sh", "-c", "hostname; cat /proc/sys/kernel/domainname; grep -c _ses.ho /proc/keys"]'
	run oci run -b "$BUNDLE" ho
	[ "$(echo $output)" = "inner example 1" ] || [ ! -e /proc/keys ]
	# an empty name is none
	bundle ho1 'c["hostname"] = c["domainname"] = ""; p["args"] = ["cat", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname"]'
	run oci run -b "$BUNDLE" ho1
	[ "$output" = "$(cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname)" ]
	local s=$HOME_OCI/tty.sock f=$HOME_OCI/tty
	bundle ho2 'p["terminal"] = True; p["consoleSize"] = {"height": 33, "width": 77}; p["args"] = ["sh", "-c", "stty size > /dev/shm/size; sleep 1000"]'
	receiver "$s" "$f"
	oci run -d -b "$BUNDLE" --console-socket "$s" ho2 </dev/null >/dev/null 2>&1 3>&-
	wait_for test -e "$f"
	grep -q tty "$f"
	wait_for oci exec ho2 grep -qx "33 77" /dev/shm/size
}

@test "exec is in its container's session keyring, unless that was made with --no-new-keyring" {
	[ -e /proc/keys ] || skip "this kernel has no keys"
	local flag before ours id
	for flag in "" --no-new-keyring; do
		id=kr${flag:+n}
		bundle $id 'c["linux"].pop("maskedPaths"); p["args"] = ["sh", "-c", "cat /proc/keys >/dev/shm/keys; sleep 1000"]'
		oci run -d $flag -b "$BUNDLE" $id </dev/null >/dev/null 2>&1 3>&-
		before=$(grep -c "_ses: " /proc/keys || true)
		run oci exec $id grep _ses /proc/keys
		# none without a name, as who makes a new one for itself has; services of systemd have them
		[ "$(grep -c "_ses: " <<<"$output")" -le "$before" ]
		if [ -n "$flag" ]; then
			[[ "$output" != *"_ses.$id:"* ]]
		else
			# the same one, and not another of that name
			ours=$(grep "_ses.$id:" <<<"$output" | cut -d ' ' -f 1)
			[ "$(wc -w <<<"$ours")" = 1 ]
			wait_for oci exec $id grep -q "^$ours .*_ses.$id:" /dev/shm/keys
		fi
		oci delete --force $id
	done
}

@test "a hard limit that may not be had fails create, by name" {
	bundle hl 'p["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 2 ** 40}]'
	! oci create -b "$BUNDLE" hl </dev/null >"$HOME_OCI/out" 2>&1 3>&- || false
	grep -q "set RLIMIT_NOFILE: it may not be raised" "$HOME_OCI/out"
	run oci state hl
	[ "$status" = 1 ]
}

# a program's own account of its descriptors
FDS='ls /proc/self/fd | tr "\n" " "'

@test "descriptors: a process has 0, 1 and 2, and what was asked for, however it is made" {
	local s=$HOME_OCI/fd.sock f=$HOME_OCI/fd a=$HOME_OCI/fdpid.sock b=$HOME_OCI/fdpid
	# 3 is the folder that ls reads
	local plain="0 1 2 3 "
	bundle fd "c['mounts'].append({'destination': '/out', 'type': 'bind', 'source': '$HOME_OCI', 'options': ['bind']}); p['args'] = ['sh', '-c', '''$FDS > /out/fds''']; c['hooks'] = {k: [{'path': '/bin/sh', 'args': ['sh', '-c', '''$FDS > ''' + ('/out' if k == 'startContainer' else '$HOME_OCI') + '/fds.' + k]}] for k in ('prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop')}; c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'listenerPath': '$HOME_OCI/fdagent.sock', 'syscalls': [{'names': ['mkdir'], 'action': 'SCMP_ACT_NOTIFY'}]}"
	rm -f "$HOME_OCI/fdagent.sock"
	timeout 60 python3 "$BATS_TEST_DIRNAME/lib/seccomp_agent.py" "$HOME_OCI/fdagent.sock" "$HOME_OCI/agent.log" 0 3>&- &
	wait_for test -S "$HOME_OCI/fdagent.sock"
	receiver "$a" "$b"
	oci run -b "$BUNDLE" --pidfd-socket "$a" fd </dev/null 8</etc/passwd 9</
	[ "$(cat "$HOME_OCI/fds")" = "$plain" ]
	local kind
	for kind in prestart createRuntime createContainer startContainer poststart poststop; do
		[ "$(cat "$HOME_OCI/fds.$kind")" = "$plain" ]
	done
	# with a terminal, through create and start
	bundle fd2 "p['terminal'] = True; c['mounts'].append({'destination': '/out', 'type': 'bind', 'source': '$HOME_OCI', 'options': ['bind']}); p['args'] = ['sh', '-c', '''$FDS > /out/fds2; sleep 1000''']"
	receiver "$s" "$f"
	oci create -b "$BUNDLE" --console-socket "$s" fd2 </dev/null >/dev/null 2>&1 3>&- 8</etc/passwd
	oci start fd2
	wait_for test -s "$HOME_OCI/fds2"
	[ "$(cat "$HOME_OCI/fds2")" = "$plain" ]
	# exec: plain, with a terminal and everything else
	run oci exec fd2 sh -c "$FDS" 8</etc/passwd 9</
	[ "$output" = "$plain" ]
	receiver "$s" "$f"
	receiver "$a" "$b"
	oci exec -d -t --console-socket "$s" --pidfd-socket "$a" fd2 sh -c "$FDS > /out/fds3; sleep 1000" </dev/null >/dev/null 2>&1 3>&- 8</etc/passwd
	wait_for test -s "$HOME_OCI/fds3"
	[ "$(cat "$HOME_OCI/fds3")" = "$plain" ]
	run bash -c 'exec 3</dev/null 4</dev/null 8</; exec "$0" --root "$1/state" exec --preserve-fds 2 fd2 sh -c "$2"' "$KIST_BUILD/bin/kist-oci" "$HOME_OCI" "$FDS"
	[ "$output" = "0 1 2 3 4 5 " ]
}

@test "namespaces: all eight are new, or joined by path, each of its type" {
	local kind entry
	bundle ns1 'c["linux"]["namespaces"].append({"type": "time"}); c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"] + [{"type": "cgroup"}]; c["linux"]["timeOffsets"] = {"monotonic": {"secs": 86400, "nanosecs": 5}, "boottime": {"secs": 172800}}'
	oci run -d -b "$BUNDLE" ns1 </dev/null >/dev/null 2>&1 3>&-
	local pid
	pid=$(pid_of ns1)
	for kind in pid net mnt ipc uts cgroup time; do
		[ "$(readlink "/proc/$pid/ns/$kind")" != "$(readlink "/proc/self/ns/$kind")" ]
	done
	[[ "$(oci exec ns1 ip link show lo)" == *"<LOOPBACK,UP,LOWER_UP>"* ]]
	run oci exec ns1 cat /proc/self/timens_offsets
	[[ "$(echo $output)" == *"monotonic 86400 5 boottime 172800 0"* ]]
	# a second one in all of them but its mounts
	bundle ns2 "names = {'network': 'net', 'ipc': 'ipc', 'uts': 'uts', 'pid': 'pid', 'cgroup': 'cgroup', 'time': 'time'}; c.pop('hostname'); c['linux']['namespaces'] = [{'type': 'mount'}] + [{'type': t, 'path': '/proc/$pid/ns/' + f} for t, f in names.items()]"
	oci run -d -b "$BUNDLE" ns2 </dev/null >/dev/null 2>&1 3>&-
	for kind in pid net ipc uts cgroup time; do
		[ "$(readlink "/proc/$(pid_of ns2)/ns/$kind")" = "$(readlink "/proc/$pid/ns/$kind")" ]
	done
	[ "$(readlink "/proc/$(pid_of ns2)/ns/mnt")" != "$(readlink "/proc/$pid/ns/mnt")" ]
	# an exec is in all of them
	oci exec -d --pid-file "$HOME_OCI/pid" ns2 sleep 1000 </dev/null >/dev/null 2>&1 3>&-
	for kind in pid net mnt ipc uts cgroup time; do
		[ "$(readlink "/proc/$(cat "$HOME_OCI/pid")/ns/$kind")" = "$(readlink "/proc/$(pid_of ns2)/ns/$kind")" ]
	done
	# a mount namespace in which the bundle can be found is joined, too
	unshare -m sleep 1000 3>&- &
	local other=$!
	wait_for eval '[ "$(readlink /proc/'$other'/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]'
	bundle ns3 "c['linux']['namespaces'] = [{'type': 'mount', 'path': '/proc/$other/ns/mnt'}, {'type': 'pid'}]; c.pop('hostname'); c['linux'].pop('maskedPaths'); c['linux'].pop('readonlyPaths'); p['args'] = ['readlink', '/proc/self/ns/mnt']"
	run oci run -b "$BUNDLE" ns3
	[ "$status" = 0 ]
	[ "$output" = "$(readlink "/proc/$other/ns/mnt")" ]
	kill "$other"
	for entry in "network mnt" "mount net" "pid uts" "uts ipc" "ipc pid" "cgroup time" "time cgroup" "user net"; do
		set -- $entry
		bundle ns4 "c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != '$1'] + [{'type': '$1', 'path': '/proc/$pid/ns/$2'}]; c['linux'].pop('maskedPaths'); c['linux'].pop('readonlyPaths')"
		run oci run -b "$BUNDLE" ns4
		[ "$status" = 1 ]
		[[ "$output" == *"/proc/$pid/ns/$2 is not a $1 namespace"* ]] || { echo "$entry: $output"; false; }
	done
	bundle ns5 "c['linux']['namespaces'] += [{'type': 'pid'}]"
	run oci run -b "$BUNDLE" ns5
	[[ "$output" == *'namespace \"pid\" is given twice'* ]]
	bundle ns5 "c['linux']['namespaces'] += [{'type': 'clock'}]"
	run oci run -b "$BUNDLE" ns5
	[[ "$output" == *'there is no namespace \"clock\"'* ]]
	bundle ns5 "c['linux']['namespaces'] += [{'type': 'time', 'path': 'relative'}]"
	run oci run -b "$BUNDLE" ns5
	[[ "$output" == *"must be an absolute path"* ]]
}

@test "intelRdt: refused where no resctrl file system is mounted; wrong members by their names" {
	rdt() { # MEMBERS
		bundle rdt "c['linux']['intelRdt'] = {$1}"
		run oci create -b "$BUNDLE" rdt
		[ "$status" = 1 ]
	}
	rdt "'closID': 'a/b'"
	[[ "$output" == *"linux.intelRdt.closID: invalid class of service"* ]]
	rdt "'memBwSchema': 'L3:0=f'"
	[[ "$output" == *'linux.intelRdt.memBwSchema: must start with \"MB:\"'* ]]
	rdt "'schemata': ['L3:0=f\\nMB:0=1']"
	[[ "$output" == *"linux.intelRdt.schemata: must be one line"* ]]
	! grep -q " - resctrl " /proc/self/mountinfo || skip "there is a resctrl file system here"
	rdt "'l3CacheSchema': 'L3:0=f'"
	[[ "$output" == *"linux.intelRdt: no resctrl file system is mounted"* ]]
	run oci list -q
	[ -z "$output" ]
	bundle rdt2
	oci run -d -b "$BUNDLE" rdt2 </dev/null >/dev/null 2>&1 3>&-
	run oci update --l3-cache-schema L3:0=f rdt2
	[ "$status" = 1 ]
	[[ "$output" == *"linux.intelRdt: no resctrl file system is mounted"* ]]
	run oci update --mem-bw-schema MB:0=10 rdt2
	[ "$status" = 1 ]
}

@test "features: the document is complete, and what it lists is accepted" {
	oci features >"$HOME_OCI/features.json"
	python3 - "$HOME_OCI/features.json" <<'PY'
import json, sys
f = json.load(open(sys.argv[1]))
assert f["ociVersionMin"] == "1.0.0" and f["ociVersionMax"] == "1.3.0"
assert f["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
linux = f["linux"]
assert linux["namespaces"] == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]
assert "CAP_CHOWN" in linux["capabilities"] and "CAP_CHECKPOINT_RESTORE" in linux["capabilities"]
assert set(linux["cgroup"]) == {"v1", "v2", "systemd", "systemdUser", "rdma"}
s = linux["seccomp"]
assert s["enabled"] and len(s["actions"]) == 9 and len(s["operators"]) == 7
assert "SCMP_ARCH_X86_64" in s["archs"] and set(s["supportedFlags"]) <= set(s["knownFlags"])
assert linux["apparmor"]["enabled"] and linux["selinux"]["enabled"]
assert linux["intelRdt"] == {"enabled": True, "schemata": True, "monitoring": True}
assert len(linux["memoryPolicy"]["modes"]) == 7 and len(linux["memoryPolicy"]["flags"]) == 3
assert linux["netDevices"]["enabled"] and linux["mountExtensions"]["idmap"]["enabled"]
assert {"rbind", "rro", "rslave", "tmpcopyup", "nosymfollow", "idmap"} <= set(f["mountOptions"])
assert isinstance(f["potentiallyUnsafeConfigAnnotations"], list) and f["annotations"]
PY
	# every action, operator, flag and architecture of this byte order in one profile, at both ends of the versions
	local version
	for version in Min Max; do
		bundle fe "import json, os
f = json.load(open(os.environ['HOME_OCI'] + '/features.json'))
s = f['linux']['seccomp']
c['ociVersion'] = f['ociVersion$version']
calls = iter(['mkdir', 'rmdir', 'link', 'symlink', 'chown', 'chmod', 'rename', 'mknod', 'sync', 'umask', 'getsid', 'getpgid', 'acct', 'syslog', 'alarm', 'pause'])
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': [a for a in s['archs'] if any(w in a for w in ('AARCH64', 'ARM', 'EL', 'LE', 'RISCV', '_X')) == (__import__('sys').byteorder == 'little')], 'flags': s['supportedFlags'],
    'syscalls': [{'names': [next(calls)], 'action': a} for a in s['actions'] if a != 'SCMP_ACT_NOTIFY'] +
        [{'names': [next(calls)], 'action': 'SCMP_ACT_ERRNO', 'args': [{'index': 0, 'value': 1, 'op': o}]} for o in s['operators']]}
p['args'] = ['echo', 'ran']"
		run oci run -b "$BUNDLE" fe
		[ "$output" = ran ] || { echo "$output"; false; }
	done
	bundle fe 'c["ociVersion"] = "2.0.0"'
	run oci run -b "$BUNDLE" fe
	[[ "$output" == *"ociVersion: version 2.0.0 is not supported"* ]]
}

@test "a joined pid namespace never shows a process with more than the container's privileges" {
	local extra caps
	bundle jp1
	oci run -d -b "$BUNDLE" jp1 </dev/null >/dev/null 2>&1 3>&-
	chmod 755 "$HOME_OCI" "$HOME_OCI/rootfs"
	for extra in "pass" "c['linux']['namespaces'] += [{'type': 'user'}]; c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]; c['mounts'][0] = {'destination': '/proc', 'type': 'bind', 'source': '/proc', 'options': ['rbind']}"; do
		# the bind: a user namespace gets no procfs of a pid namespace that is not its own
		bundle jp2 "c['linux']['namespaces'] = [dict(n, path='/proc/$(pid_of jp1)/ns/pid') if n['type'] == 'pid' else n for n in c['linux']['namespaces'] if n['type'] != 'cgroup']; $extra; p['capabilities'] = {k: ['CAP_KILL'] for k in ('bounding', 'permitted', 'effective')}; p['args'] = ['sleep', '1000']"
		oci create -b "$BUNDLE" jp2 </dev/null >"$HOME_OCI/out" 2>&1 3>&- || { cat "$HOME_OCI/out"; false; }
		# it waits for start, with what it will have and nothing more
		caps=$(sed -n 's/^CapPrm:\s*//p' "/proc/$(pid_of jp2)/status")
		[ "$caps" = 0000000000000020 ]
		[ "$(readlink "/proc/$(pid_of jp2)/ns/pid")" = "$(readlink "/proc/$(pid_of jp1)/ns/pid")" ]
		oci start jp2
		run oci exec jp2 ps -o comm
		[[ "$(echo $output)" == *sleep*sleep* ]] || [ "$extra" != pass ]
		oci delete --force jp2
	done
}

@test "hooks of the runtime's see a container that joins a pid namespace before anything in there can" {
	local ns
	bundle jp1
	oci run -d -b "$BUNDLE" jp1 </dev/null >/dev/null 2>&1 3>&-
	cat >"$HOME_OCI/hook" <<-'END'
		#!/bin/sh
		# hook NAME FOLDER PID: what is seen of the container, and in the pid namespace of PID
		pid=$(sed 's/.*"pid":\([0-9]*\).*/\1/')
		for ns in net mnt uts pid_for_children; do
			echo $ns $(readlink /proc/$pid/ns/$ns)
		done >"$2/$1.ns"
		ls "/proc/$3/root/proc" | grep -c '^[0-9]*$' >"$2/$1.count"
	END
	chmod 755 "$HOME_OCI/hook"
	bundle jp2 "c['linux']['namespaces'] = [dict(n, path='/proc/$(pid_of jp1)/ns/pid') if n['type'] == 'pid' else n for n in c['linux']['namespaces']]; hook = lambda k: [{'path': '$HOME_OCI/hook', 'args': ['hook', k, '$HOME_OCI', '$(pid_of jp1)']}]; c['hooks'] = {k: hook(k) for k in ('prestart', 'createRuntime')}"
	oci create -b "$BUNDLE" jp2 </dev/null >"$HOME_OCI/said" 2>&1 3>&- || { cat "$HOME_OCI/said"; false; }
	for kind in prestart createRuntime; do
		for ns in net mnt uts pid_for_children; do
			grep -qxF "$ns $(readlink "/proc/$(pid_of jp2)/ns/$ns")" "$HOME_OCI/$kind.ns"
		done
		# jp1's first process alone
		[ "$(cat "$HOME_OCI/$kind.count")" = 1 ]
	done
	[ "$(ls "/proc/$(pid_of jp1)/root/proc" | grep -c '^[0-9]*$')" = 2 ]
	oci start jp2
	oci delete --force jp2
	alone() {
		[ "$(ls "/proc/$(pid_of jp1)/root/proc" | grep -c '^[0-9]*$')" = 1 ]
	}
	# whoever reaps orphans here has done so
	wait_for alone
	# one that fails leaves nothing
	python3 - "$BUNDLE/config.json" <<-'END'
		import json, sys
		c = json.load(open(sys.argv[1]))
		c["hooks"]["createRuntime"] = [{"path": "/bin/false"}]
		json.dump(c, open(sys.argv[1], "w"))
	END
	run oci create -b "$BUNDLE" jp2 </dev/null
	[ "$status" = 1 ]
	[[ "$output" == *"error running createRuntime hook /bin/false: exit status 1"* ]]
	wait_for alone
	run oci state jp2
	[ "$status" = 1 ]
}
