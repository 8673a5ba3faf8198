# The process and its surroundings as config.md and config-linux.md have them: what is handed over, scheduling,
# namespaces, descriptors.
load lib/bundle

# receiver SOCKET FILE: takes one message with a descriptor, like one who gave --pidfd-socket or --console-socket;
# writes "WORD PID" of a pidfd to FILE, or "WORD tty"
receiver() {
	rm -f "$1" "$2"
	timeout 30 python3 - "$1" "$2" 3>&- <<'PY' &
import array, os, re, socket, sys
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
		! ip link show $device >/dev/null 2>&1 || ip link del $device
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
	[ "$list" = 1 ]
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
