# The classic demonstrations of what a container is, with the stock docker command.
load lib/engine

setup_file() {
	engine_start
	load_busybox
}
teardown_file() {
	engine_stop
}
teardown() {
	docker rm -f -v c1 c2 >/dev/null 2>&1 || true
}

pid_of() {
	docker inspect -f '{{.State.Pid}}' "$1"
}

@test "its namespaces differ from the host's" {
	docker run -d --name c1 busybox sleep 100
	local ns pid
	pid=$(pid_of c1)
	for ns in pid mnt net uts ipc; do
		[ "$(readlink /proc/self/ns/$ns)" != "$(readlink "/proc/$pid/ns/$ns")" ]
	done
	[ "$(readlink /proc/self/ns/user)" = "$(readlink "/proc/$pid/ns/user")" ]
}

@test "it has a hostname of its own: the start of its id" {
	id=$(docker run -d --name c1 busybox sleep 100)
	[ "$(docker exec c1 hostname)" = "${id:0:12}" ]
	[ "$(docker run --rm busybox hostname)" != "$(hostname)" ]
	[ "$(docker run --rm --hostname moon.example busybox hostname)" = moon.example ]
}

@test "it has an /etc/hosts of its own with its name and address" {
	id=$(docker run -d --name c1 busybox sleep 100)
	address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' c1)
	docker exec c1 grep -q "^$address[[:space:]]*${id:0:12}$" /etc/hosts
	docker exec c1 grep -q "^127.0.0.1[[:space:]]*localhost$" /etc/hosts
}

@test "ps shows its processes only" {
	run docker run --rm busybox ps -o pid,args
	[ "$status" = 0 ]
	[ "${#lines[@]}" = 2 ]
	[[ "${lines[1]}" =~ ^\ *1\ +ps ]]
}

@test "its root is an overlay" {
	docker run --rm busybox mount | grep -E '^overlay on / type overlay \(rw'
}

@test "a memory limit kills, with 137, and says so" {
	run docker run --name c1 --memory 24m --memory-swap 24m busybox \
		sh -c 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60; x=$(head -c 60000000 /dev/zero | tr "\0" x); echo survived'
	[ "$status" = 137 ]
	[ "$(docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' c1)" = "true 137" ]
}

@test "the kernel holds the memory limit that was asked for" {
	docker run -d --name c1 --memory 48m busybox sleep 100
	pid=$(pid_of c1)
	path=$(sed -n 's/^[0-9]*:memory://p' "/proc/$pid/cgroup")
	if [ -n "$path" ]; then
		[ "$(cat "/sys/fs/cgroup/memory$path/memory.limit_in_bytes")" = 50331648 ]
	else
		[ "$(cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/memory.max")" = 50331648 ]
	fi
}

@test "a cpu limit throttles" {
	docker run -d --name c1 --cpus 0.2 busybox sh -c 'while :; do :; done'
	pid=$(pid_of c1)
	path=$(sed -n 's/^[0-9]*:cpu[^:]*:\(.*\)$/\1/p' "/proc/$pid/cgroup" | head -n 1)
	if [ -n "$path" ]; then
		stat=$(ls -d /sys/fs/cgroup/cpu"$path"/cpu.stat)
	else
		stat=/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/cpu.stat
	fi
	throttled() { [ "$(awk '/^nr_throttled/ {print $2}' "$stat")" -ge 3 ]; }
	retry 10 throttled
}

@test "a pids limit refuses fork" {
	run docker run --name c1 --pids-limit 10 busybox \
		sh -c 'i=0; while [ $i -lt 20 ]; do sleep 3 & i=$((i+1)); done; wait'
	[[ "$output" == *"can't fork"* ]]
}

@test "a write limit delays" {
	device=$(df --output=source "$KIST_HOME" | tail -n 1)
	[ -b "$device" ] || skip "the data root is on no block device"
	start=$(date +%s%N)
	docker run -d --name c1 --device-write-bps "$device:1mb" busybox \
		sh -c 'dd if=/dev/zero of=/x bs=1M count=8 conv=fsync 2>/dev/null'
	[ "$(docker wait c1)" = 0 ]
	[ $((($(date +%s%N) - start) / 1000000)) -gt 3000 ]
}

@test "copy on write leaves the image alone" {
	docker run --name c1 busybox sh -c 'echo changed > /etc/passwd; rm /etc/group; echo new > /new'
	run docker run --rm busybox sh -c 'head -n 1 /etc/passwd; ls /etc/group; ls /new'
	[[ "$output" == *"root:x:0:0:root"* ]]
	[[ "$output" == *"/etc/group"* ]]
	[[ "$output" == *"/new: No such file"* ]]
}

@test "what it wrote is there after a restart" {
	docker run --name c1 busybox sh -c 'echo kept > /kept'
	docker start c1 >/dev/null
	docker wait c1
	docker rm -f c1
	docker run -d --name c1 busybox sh -c 'cat /kept 2>/dev/null; echo kept > /kept; sleep 100'
	docker restart -t 0 c1
	retry 5 bash -c '[ "$(docker logs c1)" = kept ]'
}

@test "two containers share one network namespace" {
	docker run -d --name c1 busybox sleep 100
	docker run -d --name c2 --network container:c1 busybox nc -l -p 7777 -e echo shared
	[ "$(readlink "/proc/$(pid_of c1)/ns/net")" = "$(readlink "/proc/$(pid_of c2)/ns/net")" ]
	retry 5 bash -c '[ "$(docker exec c1 nc 127.0.0.1 7777)" = shared ]'
}

@test "nsenter from the host sees its network" {
	docker run -d --name c1 busybox sleep 100
	address=$(docker inspect -f '{{.NetworkSettings.IPAddress}}' c1)
	[ -n "$address" ]
	nsenter -t "$(pid_of c1)" -n ip -4 -o addr show eth0 | grep -q " $address/"
}

@test "capabilities are docker's fourteen, and the filter is on" {
	run docker run --rm busybox sh -c 'grep -E "^(CapEff|CapBnd|CapInh|CapAmb|Seccomp|NoNewPrivs):" /proc/self/status'
	[[ "$output" == *"CapInh:	0000000000000000"* ]]
	[[ "$output" == *"CapEff:	00000000a80425fb"* ]]
	[[ "$output" == *"CapBnd:	00000000a80425fb"* ]]
	[[ "$output" == *"CapAmb:	0000000000000000"* ]]
	[[ "$output" == *"Seccomp:	2"* ]]
	[[ "$output" == *"NoNewPrivs:	0"* ]]
}

@test "no descriptor of the host leaks in" {
	docker run -d --name c1 busybox sleep 100
	[ "$(ls "/proc/$(pid_of c1)/fd" | tr '\n' ' ')" = "0 1 2 " ]
	[ "$(docker exec c1 ls /proc/self/fd | tr '\n' ' ')" = "0 1 2 3 " ]
}

@test "proc and sys are masked and read-only where docker's are" {
	run docker run --rm busybox sh -c '
		for f in /proc/kcore /proc/keys /proc/timer_list /proc/sched_debug; do [ ! -e $f ] || wc -c <$f; done
		for d in /proc/scsi /proc/acpi /sys/firmware; do [ ! -e $d ] || ls $d; done
		echo x >/proc/sys/kernel/hostname'
	[[ "$output" == *"hostname: Read-only file system"* ]]
	[ -z "$(echo "$output" | grep -v -e hostname -e '^0$')" ]
	run docker run --rm busybox sh -c 'for d in /proc/bus /proc/fs /proc/irq /proc/sys; do [ ! -e $d ] || grep -c " $d .*[ ,(]ro,\| $d proc ro" /proc/mounts; done | sort -u; touch /sys/x || echo sys; mkdir /sys/fs/cgroup/x || echo cgroup'
	[ "${lines[0]}" = 1 ]
	[[ "$output" == *sys* && "$output" == *cgroup* ]]
}

@test "devices: the usual ones, and no others may be made and used" {
	run docker run --rm busybox sh -c 'ls /dev | tr "\n" " "; mknod /tmp/sda b 8 0 && cat /tmp/sda; head -c 1 /dev/urandom | wc -c; echo to-null > /dev/null'
	[[ "$output" == *"fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"* ]]
	[[ "$output" == *"Operation not permitted"* ]]
}
