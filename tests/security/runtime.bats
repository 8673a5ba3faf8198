# Published escapes from containers, staged: each attack is set up and must fail, cleanly.
load ../e2e/lib/engine

setup_file() {
	engine_start
	load_busybox
	export ATTACK=$KIST_HOME/attack
	mkdir -p "$ATTACK"
	cc -O2 -static -o "$ATTACK/catch" "$BATS_TEST_DIRNAME/catch.c"
	printf '#!/proc/self/exe\n' >"$ATTACK/self"
	chmod 755 "$ATTACK/self" "$ATTACK/catch"
	echo "the host's secret" >"$KIST_HOME/secret"
}
teardown_file() {
	engine_stop
}
setup() {
	OUT=$(mktemp -d "$KIST_HOME/out.XXXXXX")
}
teardown() {
	docker rm -f -v c1 >/dev/null 2>&1 || true
	docker volume rm evil >/dev/null 2>&1 || true
	[ ! -d "$KIST_HOME/oci" ] || "$BIN/kist-oci" --root "$KIST_HOME/oci" delete --force o1 || true
}

# A sanitized program is not static: without its libraries the container cannot start it, and there is nothing to catch.
static_programs() {
	[ -z "${KIST_ASAN:-}" ] || skip "a program with a sanitizer does not start inside a container"
}

# image NAME COMMANDS: busybox's root file system changed by shell commands run in it.
image() {
	local root
	root=$(mktemp -d "$KIST_HOME/root.XXXXXX")
	docker image inspect "$1" >/dev/null 2>&1 && return
	tar -C "$root" -xf "$(busybox_archive)"
	mkdir "$root/fs"
	cat "$root"/*/layer.tar 2>/dev/null | tar -C "$root/fs" -xf - 2>/dev/null || return
	(cd "$root/fs" && eval "$2")
	tar -C "$root/fs" -cf - . | docker import -c 'CMD ["/bin/sh"]' - "$1" >/dev/null
	rm -rf --one-file-system "$root"
}

# watched OUT: waits until the attacker looks.
watched() {
	retry 10 grep -q watching "$1"
}

@test "CVE-2019-5736: the program that starts containers cannot be written from one" {
	static_programs
	local before i
	before=$(sha256sum <"$BIN/kist-monitor")
	docker run -d --name c1 -v "$ATTACK:/attack" -v "$OUT:/out" busybox /attack/catch exe /out/exe
	watched "$OUT/exe"
	for i in $(seq 100); do
		docker exec c1 /attack/self >/dev/null 2>&1 || true
		[ "$(wc -l <"$OUT/exe")" = 1 ] || break
	done
	# it did get hold of the program, and then of nothing
	cat "$OUT/exe"
	[ "$(tail -n 1 "$OUT/exe")" = "Read-only file system" ]
	[ "$(sha256sum <"$BIN/kist-monitor")" = "$before" ]
}

@test "CVE-2019-5736: nor with all privileges" {
	docker run -d --name c1 --privileged -v "$ATTACK:/attack" -v "$OUT:/out" busybox /attack/catch exe /out/exe
	watched "$OUT/exe"
	for i in $(seq 100); do
		docker exec --privileged c1 /attack/self >/dev/null 2>&1 || true
		[ "$(wc -l <"$OUT/exe")" = 1 ] || break
	done
	cat "$OUT/exe"
	[ "$(tail -n 1 "$OUT/exe")" = "Read-only file system" ]
}

@test "CVE-2019-5736: an entrypoint of #!/proc/self/exe gets nothing" {
	local before
	before=$(sha256sum <"$BIN/kist-monitor")
	run docker run --rm -v "$ATTACK:/attack" --entrypoint /attack/self busybox
	[ "$status" != 0 ]
	[ "$(sha256sum <"$BIN/kist-monitor")" = "$before" ]
}

@test "CVE-2019-5736: kist-oci cannot be written from its container" {
	static_programs
	local oci="$BIN/kist-oci --root $KIST_HOME/oci" bundle=$KIST_HOME/bundle before i
	before=$(sha256sum <"$BIN/kist-oci")
	mkdir -p "$bundle/rootfs/bin" "$bundle/rootfs/attack" "$bundle/rootfs/proc"
	cp "$(command -v busybox)" "$bundle/rootfs/bin/sh"
	cp "$ATTACK"/* "$bundle/rootfs/attack/"
	$oci spec --bundle "$bundle"
	python3 - "$bundle/config.json" "/$KIST_CGROUP/o1" "$OUT" <<'P'
import json, sys
c = json.load(open(sys.argv[1]))
c["process"]["terminal"] = False
c["process"]["rlimits"] = []
c["process"]["args"] = ["/attack/catch", "exe", "/out/exe"]
c["linux"]["cgroupsPath"] = sys.argv[2]
c["root"]["readonly"] = False
c["mounts"].append({"destination": "/out", "type": "bind", "source": sys.argv[3], "options": ["rbind", "rw"]})
json.dump(c, open(sys.argv[1], "w"))
P
	$oci run -d --bundle "$bundle" o1 >/dev/null 2>&1 </dev/null 3>&-
	watched "$OUT/exe"
	for i in $(seq 100); do
		$oci exec o1 /attack/self >/dev/null 2>&1 </dev/null || true
		[ "$(wc -l <"$OUT/exe")" = 1 ] || break
	done
	$oci delete --force o1
	cat "$OUT/exe"
	[ "$(tail -n 1 "$OUT/exe")" = "Read-only file system" ]
	[ "$(sha256sum <"$BIN/kist-oci")" = "$before" ]
}

@test "CVE-2019-5736: the init that is lent to a container is read-only there" {
	docker run -d --name c1 --init busybox sleep 100
	run docker exec c1 sh -c 'i=$(readlink /proc/1/exe); echo x >>"$i"'
	[ "$status" != 0 ]
	run docker exec c1 sh -c 'echo x >>/proc/1/exe'
	[ "$status" != 0 ]
}

@test "CVE-2016-3697: a numeric user is a number, not a name" {
	image numbers 'echo "1000:x:0:0::/:/bin/sh" >>etc/passwd'
	[ "$(docker run --rm -u 1000 numbers id -u)" = 1000 ]
	docker run -d --name c1 numbers sleep 100
	[ "$(docker exec -u 1000 c1 id -u)" = 1000 ]
}

@test "CVE-2016-9962: what is about to join a container shows it no descriptor of the host's" {
	local i
	docker run -d --name c1 -v "$ATTACK:/attack" -v "$OUT:/out" busybox /attack/catch fds /out/fds
	watched "$OUT/fds"
	for i in $(seq 30); do
		docker exec c1 true
	done
	[ "$(cat "$OUT/fds")" = watching ]
}

@test "CVE-2015-3627: a container has its three descriptors and no more" {
	docker run -d --name c1 busybox sleep 100
	# the fourth is the folder that is being listed
	[ "$(docker run --rm busybox ls /proc/self/fd | tr '\n' ' ')" = "0 1 2 3 " ]
	[ "$(docker exec c1 ls /proc/self/fd | tr '\n' ' ')" = "0 1 2 3 " ]
}

@test "CVE-2015-3630: procfs is read-only where it reaches the host, and masked where it tells too much" {
	docker run -d --name c1 busybox sleep 100
	run docker exec c1 sh -c 'echo 1 >/proc/sysrq-trigger'
	[ "$status" != 0 ]
	run docker exec c1 sh -c 'echo x >/proc/sys/kernel/core_pattern'
	[ "$status" != 0 ]
	[ -z "$(docker exec c1 cat /proc/keys /proc/timer_list 2>/dev/null)" ]
	run docker exec c1 sh -c 'umount /proc/keys || mount -o remount,rw /proc/sys'
	[ "$status" != 0 ]
}

@test "CVE-2015-3631: no volume over /proc" {
	run docker run --rm -v evil:/proc busybox true
	[ "$status" != 0 ]
	run docker run --rm -v evil:/proc/sys/kernel busybox true
	[ "$status" != 0 ]
	[ -z "$(docker ps -aq)" ]
}

@test "CVE-2019-16884: /proc as a symlink in the image does not move the masks" {
	image prolink 'rm -rf proc tmp/fake; mkdir -p tmp/fake; ln -s tmp/fake proc'
	run docker run --rm prolink cat /proc/self/status
	[ "$status" != 0 ]
	[ -z "$(docker ps -aq)" ]
}

@test "CVE-2019-19921: nor does a volume that another container fills" {
	image sneaky 'rm -rf proc; ln -s /evil/proc proc'
	docker volume create evil >/dev/null
	docker run --rm -v evil:/evil busybox mkdir -p /evil/proc/sys /evil/proc/self/attr
	run docker run --rm -v evil:/evil sneaky true
	[ "$status" != 0 ]
	[[ "$output" == *"/proc"*"ordinary directory"* || "$output" == *"ordinary directory"*"/proc"* ]]
	[ "$(docker run --rm -v evil:/evil busybox find /evil -mindepth 1 | sort | tr '\n' ' ')" = "/evil/proc /evil/proc/self /evil/proc/self/attr /evil/proc/sys " ]
}

@test "CVE-2023-27561: /sys as a symlink neither" {
	image syslink 'rm -rf sys; ln -s /tmp sys'
	run docker run --rm syslink true
	[ "$status" != 0 ]
	[[ "$output" == *"/sys"*"ordinary directory"* || "$output" == *"ordinary directory"*"/sys"* ]]
}

@test "CVE-2021-30465, CVE-2015-3629: a mount's target that is a symlink stays inside" {
	mkdir -p "$KIST_HOME/victim"
	image target "ln -s ../../../../../../../../$KIST_HOME/victim data; ln -s /proc/1/root out"
	run docker run --rm -v evil:/data/sub target sh -c 'touch /data/sub/file'
	[ -z "$(ls "$KIST_HOME/victim")" ]
	run docker run --rm -v evil:/out/sub target true
	[ "$status" != 0 ]
	[ ! -e /sub ]
	# one that the container made in its first life, for its second
	docker run --name c1 -v evil:/mnt/at/sub busybox sh -c "[ ! -L /mnt/at ] || exit 0
		mv /mnt/at /mnt/was && ln -s ../../../../../../../../$KIST_HOME/victim /mnt/at && exit 7" || [ $? = 7 ]
	run docker start -a c1
	echo "$output"
	[ -z "$(ls "$KIST_HOME/victim")" ]
	[ "$status" = 0 ]
}

@test "CVE-2022-29162, CVE-2022-24769, CVE-2022-27650: no inheritable capabilities, on start and on exec" {
	[ "$(docker run --rm busybox grep CapInh /proc/self/status | tr -d '\t ')" = CapInh:0000000000000000 ]
	[ "$(docker run --rm --cap-add ALL busybox grep CapInh /proc/self/status | tr -d '\t ')" = CapInh:0000000000000000 ]
	docker run -d --name c1 busybox sleep 100
	[ "$(docker exec c1 grep CapInh /proc/self/status | tr -d '\t ')" = CapInh:0000000000000000 ]
	[ "$(docker exec --privileged c1 grep CapInh /proc/self/status | tr -d '\t ')" = CapInh:0000000000000000 ]
	[ "$(docker exec -u 1000 c1 grep CapEff /proc/self/status | tr -d '\t ')" = CapEff:0000000000000000 ]
}

@test "CVE-2024-21626: a working directory of /proc/self/fd/N leads nowhere, on start" {
	local n
	for n in $(seq 3 24); do
		run docker run --rm -w "/proc/self/fd/$n" busybox sh -c "cat ../../../../../../../..$KIST_HOME/secret"
		[ "$status" != 0 ]
		[[ $output != *"the host's secret"* ]]
	done
	image cwdlink 'ln -s /proc/self/fd/7 link; ln -s /proc/self/cwd cwd'
	run docker run --rm -w /link cwdlink sh -c "cat ../../../../../../../..$KIST_HOME/secret"
	[[ $output != *"the host's secret"* ]]
	run docker run --rm -w /cwd cwdlink sh -c "cat ../../../../../../../..$KIST_HOME/secret"
	[[ $output != *"the host's secret"* ]]
}

@test "CVE-2024-21626: nor on exec" {
	local n
	docker run -d --name c1 busybox sleep 100
	for n in $(seq 3 24); do
		run docker exec -w "/proc/self/fd/$n" c1 sh -c "cat ../../../../../../../..$KIST_HOME/secret"
		[ "$status" != 0 ]
		[[ $output != *"the host's secret"* ]]
	done
}

@test "CVE-2024-40635: a user beyond 2^31-1 is refused, not wrapped to root" {
	local id
	docker run -d --name c1 busybox sleep 100
	for id in 2147483648 4294967295 4294967296 4294967296:4294967296 1:4294967296 18446744073709551616 -1; do
		run docker run --rm -u "$id" busybox id -u
		[ "$status" != 0 ]
		run docker exec -u "$id" c1 id -u
		[ "$status" != 0 ]
	done
}

@test "CVE-2025-31133: a /dev/null of the container's making masks nothing and exposes nothing" {
	docker run --rm -v evil:/evil busybox ln -s /proc/sys/kernel/core_pattern /evil/null
	local before
	before=$(cat /proc/sys/kernel/core_pattern)
	run docker run --rm -v evil:/dev busybox sh -c 'cat /proc/keys; echo x >/proc/keys'
	[ -z "$output" ]
	[ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
	image devlink 'rm -rf dev; mkdir dev; ln -s /proc/sysrq-trigger dev/null'
	run docker run --rm devlink sh -c 'stat -c %t:%T /dev/null; cat /proc/keys'
	[ "$output" = 1:3 ]
}

@test "CVE-2025-52565: /dev/console as a symlink in the image takes nothing outside" {
	mkdir -p "$KIST_HOME/victim2"
	image console "rm -rf dev; mkdir dev; ln -s ../../../../../$KIST_HOME/victim2/console dev/console"
	run docker run --rm -t console true
	[ -z "$(ls "$KIST_HOME/victim2")" ]
}

@test "CVE-2025-52881: what is written for a container goes to the real procfs" {
	docker run --rm -v evil:/evil busybox sh -c 'mkdir -p /evil/sys/net/ipv4; echo 0 >/evil/sys/net/ipv4/ip_forward'
	run docker run --rm --sysctl net.ipv4.ip_forward=1 -v evil:/proc busybox true
	[ "$status" != 0 ]
	[ "$(docker run --rm -v evil:/evil busybox cat /evil/sys/net/ipv4/ip_forward)" = 0 ]
	[ "$(docker run --rm --sysctl net.ipv4.ip_forward=1 busybox cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
}

@test "CVE-2022-36109, CVE-2023-25173: supplementary groups are those of image and user, with the primary one" {
	image groups 'echo "me:x:1000:1000::/:/bin/sh" >>etc/passwd; printf "me:x:1000:\nmore:x:2000:me\nadded:x:3000:\n" >>etc/group'
	[ "$(docker run --rm -u me groups id -G)" = "1000 2000" ]
	[ "$(docker run --rm -u me --group-add added groups id -G)" = "1000 2000 3000" ]
	[[ $(docker run --rm -u me groups grep Groups /proc/self/status) == *1000* ]]
	docker run -d --name c1 -u me groups sleep 100
	[ "$(docker exec c1 id -G)" = "1000 2000" ]
	[ "$(docker exec -u 4000:4000 c1 id -G)" = 4000 ]
}

@test "CVE-2020-15257: nothing of the engine's can be reached through abstract sockets" {
	docker run -d --name c1 busybox sleep 100
	run docker run --rm --network host busybox grep -E '@.*(kist|monitor)' /proc/net/unix
	[ "$status" = 1 ]
}

@test "CVE-2023-25809: a container's cgroups cannot be written" {
	run docker run --rm busybox sh -c 'mkdir /sys/fs/cgroup/x /sys/fs/cgroup/*/x'
	[ "$status" != 0 ]
	run docker run --rm busybox sh -c 'for f in /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs; do echo 1 >$f && exit 0; done; exit 3'
	[ "$status" = 3 ]
}
