# Cgroups, to the letter of config-linux.md "Control groups". One text for v1, hybrid and v2: a test asks for a
# controller's file by both of its names, and skips where the machine does not have the controller.
bats_require_minimum_version 1.5.0
load lib/bundle

v2() {
	[ -e /sys/fs/cgroup/cgroup.controllers ]
}

# The mount point of a controller by its name on v1; fails where there is none.
hierarchy() {
	local name=$1 m
	if v2; then
		[ "$name" != blkio ] || name=io
		case $name in
		devices | freezer | cpuacct) ;;
		*) grep -qw "$name" /sys/fs/cgroup/cgroup.controllers || return 1 ;;
		esac
		echo /sys/fs/cgroup
		return
	fi
	for m in /sys/fs/cgroup/*; do
		case ,${m##*/}, in *,"$name",*) echo "$m" && return ;; esac
	done
	# left over for v2 on a hybrid machine
	grep -qsw "$name" /sys/fs/cgroup/unified/cgroup.controllers && echo /sys/fs/cgroup/unified
}

need() { # CONTROLLER...
	local name
	for name in "$@"; do
		hierarchy "$name" >/dev/null || skip "no cgroup controller $name on this machine"
	done
}

# knob ID CONTROLLER V1-FILE V2-FILE: the file's path, which exists, or the test is skipped.
knob() {
	local dir name=$3
	dir=$(hierarchy "$2")$CGROUP/$1
	[ ! -e "$dir/cgroup.controllers" ] || name=$4
	echo "$dir/$name"
}

value() {
	cat "$(knob "$@")"
}

need_knob() { # CONTROLLER V1-FILE V2-FILE, asked of the root's child
	local dir name=$2
	need "$1"
	dir=$(hierarchy "$1")
	[ ! -e "$dir/cgroup.controllers" ] || name=$3
	mkdir -p "$dir$CGROUP"
	[ "$dir" = /sys/fs/cgroup ] && echo "+$(v2name "$1")" >/sys/fs/cgroup/cgroup.subtree_control
	[ -e "$dir$CGROUP/$name" ] || skip "this kernel has no $name"
}

v2name() {
	[ "$1" = blkio ] && echo io || echo "$1"
}

start() { # ID: detached, from the bundle that was made last
	oci run -d -b "$BUNDLE" "$1" </dev/null >/dev/null 3>&-
}

# --- limits ---

# vm: always
@test "memory: limit, swap and reservation arrive; -1 lifts them" {
	need memory
	bundle m1 'r["memory"] = {"limit": 67108864, "swap": 134217728, "reservation": 33554432}'
	start m1
	[ "$(value m1 memory memory.limit_in_bytes memory.max)" = 67108864 ]
	[ "$(value m1 memory memory.soft_limit_in_bytes memory.low)" = 33554432 ]
	if v2; then
		[ "$(value m1 memory - memory.swap.max)" = 67108864 ]
	else
		[ "$(value m1 memory memory.memsw.limit_in_bytes -)" = 134217728 ]
	fi
	oci update --memory -1 --memory-reservation -1 m1
	if v2; then
		[ "$(value m1 memory - memory.max)" = max ]
		[ "$(value m1 memory - memory.swap.max)" = max ]
		[ "$(value m1 memory - memory.low)" = max ]
	else
		[ "$(value m1 memory memory.limit_in_bytes -)" = 9223372036854771712 ]
		[ "$(value m1 memory memory.memsw.limit_in_bytes -)" = 9223372036854771712 ]
		[ "$(value m1 memory memory.soft_limit_in_bytes -)" = 9223372036854771712 ]
	fi
}

@test "memory: limit and swap are written in the order that works, up and down" {
	need_knob memory memory.memsw.limit_in_bytes memory.swap.max
	bundle m2 'r["memory"] = {"limit": 33554432, "swap": 33554432}'
	start m2
	oci update --memory 64m --memory-swap 128m m2
	oci update --memory 256m --memory-swap 512m m2
	oci update --memory 32m --memory-swap 48m m2
	[ "$(value m2 memory memory.limit_in_bytes memory.max)" = 33554432 ]
	if v2; then
		[ "$(value m2 memory - memory.swap.max)" = 16777216 ]
	else
		[ "$(value m2 memory memory.memsw.limit_in_bytes -)" = 50331648 ]
	fi
	# swap alone, against the limit in force
	oci update --memory-swap 40m m2
	if v2; then
		[ "$(value m2 memory - memory.swap.max)" = 8388608 ]
	else
		[ "$(value m2 memory memory.memsw.limit_in_bytes -)" = 41943040 ]
	fi
	run ! oci update --memory-swap 16m m2
	run ! oci update --memory 64m --memory-swap 32m m2
	[[ "$output" == *"memory+swap limit 33554432 is below the memory limit 67108864"* ]]
	oci update --memory 64m --memory-swap -1 m2
}

@test "memory: checkBeforeUpdate refuses a limit below what is used" {
	need memory
	# the shell becomes its last command, and has no memory in use then
	bundle m3 'r["memory"] = {"limit": 67108864}; p["args"] = ["sh", "-c", "x=$(head -c 20000000 /dev/zero | tr \"\\0\" x); sleep 1000; echo"]'
	start m3
	more_than_8m() {
		[ "$(value m3 memory memory.usage_in_bytes memory.current)" -gt 16000000 ]
	}
	wait_for more_than_8m
	echo '{"memory": {"limit": 8388608, "checkBeforeUpdate": true}}' >"$HOME_OCI/limits"
	run ! oci update -r "$HOME_OCI/limits" m3
	[[ "$output" == *"checkBeforeUpdate"* ]]
	is m3 running
	[ "$(value m3 memory memory.limit_in_bytes memory.max)" = 67108864 ]
}

@test "memory: kernel is ignored with a warning, useHierarchy without" {
	need memory
	bundle m4 'r["memory"] = {"limit": 67108864, "kernel": 10000000, "useHierarchy": True}'
	oci run -d -b "$BUNDLE" m4 </dev/null >"$HOME_OCI/out" 2>&1 3>&-
	grep -q "kernel memory (memory.kernel) is ignored" "$HOME_OCI/out"
	run oci update --kernel-memory 1m --memory 32m m4
	[ "$status" = 0 ]
	[[ "$output" == *"kernel memory is ignored"* ]]
	[ "$(value m4 memory memory.limit_in_bytes memory.max)" = 33554432 ]
}

@test "memory: kernelTCP arrives and is updated where the kernel has it, elsewhere it is ignored with a warning" {
	need memory
	local file out=$HOME_OCI/out
	bundle m6 'r["memory"] = {"limit": 67108864, "kernelTCP": 10485760}'
	oci run -d -b "$BUNDLE" m6 </dev/null >"$out" 2>&1 3>&-
	file=$(hierarchy memory)$CGROUP/m6/memory.kmem.tcp.limit_in_bytes
	if [ -e "$file" ]; then
		[ ! -s "$out" ]
		[ "$(cat "$file")" = 10485760 ]
		oci update --kernel-memory-tcp 4m m6
		[ "$(cat "$file")" = 4194304 ]
		oci update --kernel-memory-tcp -1 m6
		[ "$(cat "$file")" -gt 4000000000000 ]
		run ! oci update --kernel-memory-tcp 4x m6
		[[ "$output" == *"invalid value for kernel-memory-tcp: 4x"* ]]
	else
		grep -q "memory.kernelTCP) is ignored" "$out"
		run oci update --kernel-memory-tcp 4m m6
		[ "$status" = 0 ]
		[[ "$output" == *"memory.kernelTCP) is ignored"* ]]
	fi
}

@test "update: a limit that is refused leaves those before it as they were" {
	need memory cpu pids cpuset
	local all before
	bundle u1 'r["memory"] = {"limit": 67108864}; r["cpu"] = {"shares": 1024}; r["pids"] = {"limit": 100}'
	start u1
	all() {
		value u1 cpu cpu.shares cpu.weight
		value u1 cpu cpu.cfs_period_us cpu.max
		value u1 memory memory.limit_in_bytes memory.max
		value u1 pids pids.max pids.max
		value u1 cpuset cpuset.cpus cpuset.cpus
	}
	before=$(all)
	# within one controller, and with others before or after
	run ! oci update --cpu-share 500 --cpu-quota 1 u1
	[ "$(all)" = "$before" ]
	run ! oci update --memory 33554432 --cpu-share 500 --cpu-quota 1 --pids-limit 50 --cpuset-cpus 0 u1
	[ "$(all)" = "$before" ]
	run ! oci update --memory 33554432 --cpu-share 500 --cpu-period 50000 --pids-limit 50 --cpuset-cpus 9999 u1
	[ "$(all)" = "$before" ]
	oci update --memory 33554432 --pids-limit 50 u1
	[ "$(value u1 memory memory.limit_in_bytes memory.max)" = 33554432 ]
	[ "$(value u1 pids pids.max pids.max)" = 50 ]
}

@test "memory: swappiness and a disabled OOM killer on v1, errors that name them on v2" {
	need memory
	# 2^64 - 1 asks for nothing
	bundle m4 'r["memory"] = {"limit": 67108864, "swappiness": 2 ** 64 - 1}'
	start m4
	bundle m5 'r["memory"] = {"limit": 67108864, "swappiness": 10}'
	if v2; then
		run ! oci run -d -b "$BUNDLE" m5 </dev/null 3>&-
		[[ "$output" == *"memory.swappiness"* ]]
	else
		start m5
		[ "$(value m5 memory memory.swappiness -)" = 10 ]
	fi
	bundle m6 'r["memory"] = {"limit": 67108864, "disableOOMKiller": True}'
	if v2; then
		run ! oci run -d -b "$BUNDLE" m6 </dev/null 3>&-
		[[ "$output" == *"memory.disableOOMKiller"* ]]
	else
		start m6
		grep -q "oom_kill_disable 1" "$(knob m6 memory memory.oom_control -)"
	fi
	bundle m7 'r["memory"] = {"limit": 67108864, "disableOOMKiller": False}'
	start m7
}

@test "memory: a container with 512 KiB starts" {
	need memory
	bundle m8 'r["memory"] = {"limit": 524288}; p["args"] = ["sleep", "1000"]'
	start m8
	is m8 running
	[ "$(value m8 memory memory.limit_in_bytes memory.max)" = 524288 ]
	oci delete --force m8
	oci create -b "$BUNDLE" m8 </dev/null >/dev/null 3>&-
	oci start m8
	is m8 running
}

# vm: always
@test "cpu: shares, quota, period, burst and idle arrive; shares become a weight on v2" {
	need cpu
	bundle c1 'r["cpu"] = {"shares": 512, "quota": 50000, "period": 100000}'
	start c1
	if v2; then
		[ "$(value c1 cpu - cpu.weight)" = 59 ]
		[ "$(value c1 cpu - cpu.max)" = "50000 100000" ]
	else
		[ "$(value c1 cpu cpu.shares -)" = 512 ]
		[ "$(value c1 cpu cpu.cfs_quota_us -)" = 50000 ]
		[ "$(value c1 cpu cpu.cfs_period_us -)" = 100000 ]
	fi
	# one alone keeps the other
	oci update --cpu-period 50000 c1
	oci update --cpu-quota 30000 --cpu-share 2048 c1
	if v2; then
		[ "$(value c1 cpu - cpu.max)" = "30000 50000" ]
		[ "$(value c1 cpu - cpu.weight)" = 174 ]
	else
		[ "$(value c1 cpu cpu.cfs_quota_us -)" = 30000 ]
		[ "$(value c1 cpu cpu.cfs_period_us -)" = 50000 ]
		[ "$(value c1 cpu cpu.shares -)" = 2048 ]
	fi
	oci update --cpu-quota -1 c1
	if v2; then
		[ "$(value c1 cpu - cpu.max)" = "max 50000" ]
	else
		[ "$(value c1 cpu cpu.cfs_quota_us -)" = -1 ]
	fi
	if ! v2; then
		run ! oci update --cpu-share 1 c1
		[[ "$output" == *"the minimum allowed cpu-shares is 2"* ]]
	fi
}

@test "cpu: a burst goes up and down with its quota" {
	need_knob cpu cpu.cfs_burst_us cpu.max.burst
	bundle c2 'r["cpu"] = {"quota": 50000, "burst": 40000, "period": 100000}'
	start c2
	[ "$(value c2 cpu cpu.cfs_burst_us cpu.max.burst)" = 40000 ]
	oci update --cpu-quota 90000 --cpu-burst 80000 c2
	[ "$(value c2 cpu cpu.cfs_burst_us cpu.max.burst)" = 80000 ]
	oci update --cpu-quota 20000 --cpu-burst 10000 c2
	[ "$(value c2 cpu cpu.cfs_burst_us cpu.max.burst)" = 10000 ]
	oci update --cpu-burst 0 c2
	[ "$(value c2 cpu cpu.cfs_burst_us cpu.max.burst)" = 0 ]
	run ! oci update --cpu-burst 30000 c2
	[[ "$output" == *burst* ]]
}

@test "cpu: idle, with shares in either direction" {
	need_knob cpu cpu.idle cpu.idle
	bundle c3 'r["cpu"] = {"idle": 1, "shares": 512}'
	start c3
	[ "$(value c3 cpu cpu.idle cpu.idle)" = 1 ]
	oci update --cpu-idle 0 --cpu-share 1024 c3
	[ "$(value c3 cpu cpu.idle cpu.idle)" = 0 ]
	[ "$(value c3 cpu cpu.shares cpu.weight)" = "$(v2 && echo 100 || echo 1024)" ]
	oci update --cpu-idle 1 c3
	[ "$(value c3 cpu cpu.idle cpu.idle)" = 1 ]
	run ! oci update --cpu-idle 2 c3
}

@test "cpu: realtime limits where the kernel has them, an error that names them elsewhere" {
	need cpu
	bundle c4 'r["cpu"] = {"realtimeRuntime": 10000, "realtimePeriod": 1000000}'
	if v2; then
		run ! oci run -d -b "$BUNDLE" c4 </dev/null 3>&-
		[[ "$output" == *"cpu.realtime"* ]]
	elif [ -e "$(hierarchy cpu)/cpu.rt_runtime_us" ]; then
		mkdir -p "$(hierarchy cpu)$CGROUP"
		echo 20000 >"$(hierarchy cpu)$CGROUP/cpu.rt_runtime_us"
		start c4
		[ "$(value c4 cpu cpu.rt_runtime_us -)" = 10000 ]
		oci update --cpu-rt-period 900000 --cpu-rt-runtime 9000 c4
		[ "$(value c4 cpu cpu.rt_period_us -)" = 900000 ]
	else
		run ! oci run -d -b "$BUNDLE" c4 </dev/null 3>&-
		[[ "$output" == *"cpu.rt_"* ]]
	fi
}

# vm: always
@test "cpuset: CPUs and nodes arrive; without them a container has its parent's" {
	need cpuset
	bundle c5 'r["cpu"] = {"cpus": "0", "mems": "0"}'
	start c5
	[ "$(value c5 cpuset cpuset.cpus cpuset.cpus)" = 0 ]
	[ "$(value c5 cpuset cpuset.mems cpuset.mems)" = 0 ]
	run -0 oci exec c5 grep Cpus_allowed_list /proc/self/status
	[ "$(echo "$output" | tr -d '\t ')" = Cpus_allowed_list:0 ]
	bundle c6
	start c6
	if ! v2; then
		[ "$(value c6 cpuset cpuset.cpus -)" = "$(cat "$(hierarchy cpuset)/cpuset.cpus")" ]
		[ "$(value c6 cpuset cpuset.mems -)" = "$(cat "$(hierarchy cpuset)/cpuset.mems")" ]
	fi
	oci update --cpuset-cpus 0 --cpuset-mems 0 c6
	[ "$(value c6 cpuset cpuset.cpus cpuset.cpus)" = 0 ]
	run ! oci update --cpuset-cpus 4095 c6
	[[ "$output" == *cpuset.cpus* ]]
}

# vm: always
@test "pids: a limit, none with -1, and no second process with 0" {
	need pids
	bundle p1 'r["pids"] = {"limit": 20}'
	start p1
	[ "$(value p1 pids pids.max pids.max)" = 20 ]
	oci update --pids-limit -1 p1
	[ "$(value p1 pids pids.max pids.max)" = max ]
	oci update --pids-limit 0 p1
	[ "$(value p1 pids pids.max pids.max)" = 1 ]
	bundle p2 'r["pids"] = {"limit": 0}; p["args"] = ["sh", "-c", "echo one; sleep 0; echo $?"]'
	run oci run -b "$BUNDLE" p2
	[ "${lines[0]}" = one ]
	[[ "$output" == *"fork"* ]]
	bundle p3 'r["pids"] = {"limit": -1}'
	start p3
	[ "$(value p3 pids pids.max pids.max)" = max ]
	bundle p4 'r["pids"] = {}'
	start p4
	[ "$(value p4 pids pids.max pids.max)" = max ]
}

# A block device to throttle: "MAJOR:MINOR" of a whole one.
block_device() {
	local d
	for d in /sys/block/*; do
		[ -e "$d/dev" ] && [ "$(cat "$d/size")" -gt 0 ] && cat "$d/dev" && return
	done
	skip "no block device to throttle"
}

# vm: always
@test "blockIO: throttles of a device arrive, an update changes them" {
	need_knob blkio blkio.throttle.read_bps_device io.max
	local dev major
	dev=$(block_device)
	major=${dev%:*}
	bundle b1 "
d = {'major': $major, 'minor': ${dev#*:}}
r['blockIO'] = {'throttleReadBpsDevice': [dict(d, rate=1048576)], 'throttleWriteBpsDevice': [dict(d, rate=2097152)], 'throttleReadIOPSDevice': [dict(d, rate=500)], 'throttleWriteIOPSDevice': [dict(d, rate=600)]}"
	start b1
	if v2; then
		[ "$(value b1 blkio - io.max)" = "$dev rbps=1048576 wbps=2097152 riops=500 wiops=600" ]
	else
		[ "$(value b1 blkio blkio.throttle.read_bps_device -)" = "$dev 1048576" ]
		[ "$(value b1 blkio blkio.throttle.write_bps_device -)" = "$dev 2097152" ]
		[ "$(value b1 blkio blkio.throttle.read_iops_device -)" = "$dev 500" ]
		[ "$(value b1 blkio blkio.throttle.write_iops_device -)" = "$dev 600" ]
	fi
	echo "{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": $major, \"minor\": ${dev#*:}, \"rate\": 0}]}}" | oci update -r - b1
	if v2; then
		[ "$(value b1 blkio - io.max)" = "$dev rbps=max wbps=2097152 riops=500 wiops=600" ]
	else
		[ -z "$(value b1 blkio blkio.throttle.read_bps_device -)" ]
	fi
	echo '{"blockIO": {"throttleReadBpsDevice": [{"major": 4000, "minor": 9, "rate": 1}]}}' >"$HOME_OCI/limits"
	run ! oci update -r "$HOME_OCI/limits" b1
	[[ "$output" == *"4000:9"* ]]
}

@test "blockIO: a weight, or an error that names the file where no scheduler takes one" {
	need blkio
	local dir weight
	bundle b2
	start b2
	dir=$(hierarchy blkio)$CGROUP/b2
	for weight in io.bfq.weight io.weight blkio.weight blkio.bfq.weight; do
		if [ -e "$dir/$weight" ]; then
			oci update --blkio-weight 500 b2
			[[ "$(cat "$dir/$weight")" == *$([ "$weight" = io.weight ] && echo 4950 || echo 500)* ]]
			return
		fi
	done
	run ! oci update --blkio-weight 500 b2
	[[ "$output" == *weight* ]]
	run ! oci update --blkio-weight 1001 b2
	echo '{"blockIO": {"leafWeight": 500}}' >"$HOME_OCI/limits"
	run ! oci update -r "$HOME_OCI/limits" b2
	[[ "$output" == *leaf* ]]
}

@test "hugepages: a limit counts reservations too; an unknown size is named" {
	need hugetlb
	local size
	size=$(ls /sys/kernel/mm/hugepages | sed -n 's/hugepages-2048kB/2MB/p')
	[ -n "$size" ] || skip "no huge pages of 2 MB"
	bundle h1 'r["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4194304}]'
	start h1
	[ "$(value h1 hugetlb hugetlb.2MB.limit_in_bytes hugetlb.2MB.max)" = 4194304 ]
	[ "$(value h1 hugetlb hugetlb.2MB.rsvd.limit_in_bytes hugetlb.2MB.rsvd.max)" = 4194304 ]
	bundle h2 'r["hugepageLimits"] = [{"pageSize": "3MB", "limit": 4194304}]'
	run ! oci run -d -b "$BUNDLE" h2 </dev/null 3>&-
	[[ "$output" == *"hugetlb.3MB"* ]]
}

@test "a limit on a controller that the machine does not have is an error that names it" {
	local name key
	for name in net_cls net_prio rdma; do
		hierarchy "$name" >/dev/null && continue
		case $name in
		net_cls) key='r["network"] = {"classID": 1048577}' ;;
		net_prio) key='r["network"] = {"priorities": [{"name": "lo", "priority": 5}]}' ;;
		rdma) key='r["rdma"] = {"mlx5_1": {"hcaHandles": 3}}' ;;
		esac
		bundle a1 "$key"
		run ! oci run -b "$BUNDLE" a1 </dev/null 3>&-
		[[ "$output" == *"controller"*"$name"* ]]
		run ! oci state a1
	done
}

@test "network: class and priorities arrive on v1" {
	need net_cls net_prio
	v2 && skip "cgroup v2 has neither"
	bundle n1 'r["network"] = {"classID": 1048577, "priorities": [{"name": "lo", "priority": 5}]}'
	start n1
	[ "$(value n1 net_cls net_cls.classid -)" = 1048577 ]
	grep -q "^lo 5$" "$(knob n1 net_prio net_prio.ifpriomap -)"
}

# The kernel keeps a hierarchy that had dead cgroups in it when it was unmounted, and other tests would find it in /proc/self/cgroup.
no_net_hierarchy() {
	grep -q net_cls /proc/self/cgroup || return 0
	unshare -m --propagation private sh -ec 'mount -t cgroup -o net_cls,net_prio none "$1"; umount "$1"' sh "$HOME_OCI/net"
	! grep -q net_cls /proc/self/cgroup
}

# In a mount namespace of its own, where v2 has everything else: a new hierarchy shows in every process's list of cgroups, which
# tests that run beside this one on a v1 machine count.
@test "network: class and priorities arrive on hierarchies of v1 that are mounted beside v2" {
	v2 || skip "cgroup v1 has its hierarchies already"
	[ "$(awk '$1 ~ /^net_(cls|prio)$/ && $2 == 0 && $4 == 1' /proc/cgroups | wc -l)" = 2 ] || skip "this kernel has no net_cls and net_prio to mount"
	mkdir -p "$HOME_OCI/net"
	bundle n2 'r["network"] = {"classID": 1048577, "priorities": [{"name": "lo", "priority": 5}]}; c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]'
	unshare -m --propagation private bash -euc '
		oci() { timeout 300 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" "$@"; }
		mount -t cgroup -o net_cls,net_prio none "$HOME_OCI/net"
		oci run -d -b "$1" n2 </dev/null
		cd "$HOME_OCI/net$CGROUP/n2"
		[ "$(cat net_cls.classid)" = 1048577 ]
		grep -q "^lo 5$" net_prio.ifpriomap
		[ "$(wc -l <cgroup.procs)" = 1 ]
		echo "{\"network\": {\"classID\": 2097154}}" | oci update -r - n2
		[ "$(cat net_cls.classid)" = 2097154 ]
		cd /
		oci delete --force n2
		[ ! -e "$HOME_OCI/net$CGROUP/n2" ]
		rmdir "$HOME_OCI/net$CGROUP"' bash "$BUNDLE"
	retry 10 no_net_hierarchy
}

# vm: always
@test "unified: any file of v2, line by line; paths, unknown controllers and v1 are refused" {
	if ! v2; then
		bundle u1 'r["unified"] = {"memory.high": "max"}'
		run ! oci run -b "$BUNDLE" u1 </dev/null 3>&-
		[[ "$output" == *"unified resource"*"controller"*"memory"* ]]
		return
	fi
	need memory pids
	bundle u1 'r["unified"] = {"memory.high": "50000000", "memory.oom.group": "1", "pids.max": "33"}'
	start u1
	[ "$(value u1 memory - memory.high)" = 49999872 ]
	[ "$(value u1 memory - memory.oom.group)" = 1 ]
	[ "$(value u1 pids - pids.max)" = 33 ]
	echo '{"unified": {"memory.high": "max"}}' | oci update -r - u1
	[ "$(value u1 memory - memory.high)" = max ]
	local bad
	for bad in ../memory.max a/b .. '' plain nonsense.max memory.nonsense; do
		bundle u2 "r['unified'] = {'$bad': '1'}"
		run ! oci run -b "$BUNDLE" u2 </dev/null 3>&-
		[[ "$output" == *"$bad"* ]]
		[ ! -e "/sys/fs/cgroup$CGROUP/u2" ]
	done
}

@test "update: a file or standard input instead of flags; wrong values change nothing and name the flag" {
	need memory pids
	local flag
	bundle v1 'r.update({"memory": {"limit": 67108864}, "pids": {"limit": 50}})'
	start v1
	echo '{"pids": {"limit": 60}}' >"$HOME_OCI/limits"
	# the file alone counts
	oci update -r "$HOME_OCI/limits" --pids-limit 70 v1
	[ "$(value v1 pids pids.max pids.max)" = 60 ]
	echo '{}' | oci update --resources - v1
	for flag in --memory --memory-swap --memory-reservation --cpu-quota --cpu-period --cpu-share --cpu-burst \
		--cpu-idle --cpu-rt-period --cpu-rt-runtime --pids-limit --blkio-weight; do
		run ! oci update "$flag" nonsense v1
		[[ "$output" == *"${flag#--}"* ]]
	done
	echo '{"memory": {"limit": "x"}}' >"$HOME_OCI/limits"
	run ! oci update -r "$HOME_OCI/limits" v1
	[[ "$output" == *memory.limit* ]]
	run ! oci update -r "$HOME_OCI/absent" v1
	[ "$(value v1 memory memory.limit_in_bytes memory.max)" = 67108864 ]
	[ "$(value v1 pids pids.max pids.max)" = 60 ]
	oci update --pids-limit 0x30 v1
	[ "$(value v1 pids pids.max pids.max)" = 48 ]
	# 0 and nothing are "not asked for", as for runc; -1 is "none"
	oci update --memory '' --cpu-quota '' v1
	oci update --memory 0 --cpu-quota 0 --cpu-share 0 --blkio-weight 0 v1
	[ "$(value v1 memory memory.limit_in_bytes memory.max)" = 67108864 ]
	oci kill v1 KILL
	wait_for is v1 stopped
	run ! oci update --pids-limit 5 v1
	[[ "$output" == *"not running"* ]]
}

# --- what is counted ---

# The paths of all members of the JSON on standard input, numbers of lists left out.
shape() {
	python3 -c '
import json, sys
def walk(j, path):
    if isinstance(j, dict):
        for k in j: yield from walk(j[k], path + "/" + k)
    else:
        yield path
# what is left out when it is zero
varying = ("/data/blkio", "/data/memory/cache", "/data/memory/kernelTCP", "/data/cpu/psi", "/data/memory/psi",
    "/data/cpu/throttling", "/data/memory/usage/max", "/data/hugetlb")
print("\n".join(sorted(p for p in walk(json.load(sys.stdin), "") if not p.startswith(varying))))'
}

# vm: always
@test "events --stats says what runc says, member for member" {
	bundle e1 'r.update({"memory": {"limit": 67108864}, "pids": {"limit": 12}})'
	start e1
	oci events --stats e1 | python3 -c '
import json, sys
e = json.load(sys.stdin)
assert e["type"] == "stats" and e["id"] == "e1", e
d = e["data"]
assert list(d) == ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"], list(d)
assert d["memory"]["usage"]["limit"] == 67108864 and d["memory"]["usage"]["usage"] > 0, d["memory"]
assert d["memory"]["swap"]["limit"] > 67108864 and d["memory"]["usage"]["failcnt"] == 0
assert "pgfault" in d["memory"]["raw"]
assert d["pids"] == {"current": 1, "limit": 12}, d["pids"]
assert d["cpu"]["usage"]["total"] > 0 and "kernel" in d["cpu"]["usage"] and "user" in d["cpu"]["usage"]
assert d["intel_rdt"] == {} and d["network_interfaces"] is None'
	command -v runc >/dev/null || skip "no runc to compare with"
	oci events --stats e1 | shape >"$HOME_OCI/ours"
	oci delete --force e1
	runc --root "$HOME_OCI/runc" run -d -b "$BUNDLE" e1 </dev/null >/dev/null 2>&1 3>&-
	runc --root "$HOME_OCI/runc" events --stats e1 | shape >"$HOME_OCI/theirs"
	runc --root "$HOME_OCI/runc" delete --force e1
	diff "$HOME_OCI/theirs" "$HOME_OCI/ours"
}

@test "events --stats has pressure on v2, if the kernel counts it" {
	v2 || skip "cgroup v1 has none"
	bundle e2
	start e2
	[ -e "/sys/fs/cgroup$CGROUP/e2/cpu.pressure" ] || skip "this kernel counts no pressure"
	oci events --stats e2 | python3 -c '
import json, sys
d = json.load(sys.stdin)["data"]
for part in "cpu", "memory", "blkio":
    for line in "some", "full":
        assert set(d[part]["psi"][line]) == {"avg10", "avg60", "avg300", "total"}, d[part]'
}

@test "events --stats has huge pages by size, where they are limited" {
	need hugetlb
	[ -e /sys/kernel/mm/hugepages/hugepages-2048kB ] || skip "no huge pages of 2 MB"
	bundle e3 'r["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4194304}]'
	start e3
	run -0 oci events --stats e3
	[[ "$output" == *'"hugetlb":{'*'"2MB":{"failcnt":0}'* ]]
}

@test "events at an interval, until the container ends" {
	bundle e4 'p["args"] = ["sleep", "4"]'
	start e4
	run -0 oci events --interval 300ms e4
	[ "$(grep -c '"type":"stats"' <<<"$output")" -ge 2 ]
	run ! oci events --interval 0s e4
	[[ "$output" == *"interval must be greater than 0"* ]]
	run ! oci events e4
	[[ "$output" == *"is not running"* ]]
}

# vm: always
@test "events says when memory runs out, also in a cgroup that the container made" {
	need memory
	bundle e5 'r["memory"] = {"limit": 67108864, "swap": 67108864}; p["args"] = ["sh", "-c", "mkfifo /tmp/go; read -r x </tmp/go; head -c 40000000 /dev/zero | tail; sleep 1000"]; c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})'
	start e5
	local dir
	wait_for oci exec e5 test -p /tmp/go
	dir=$(hierarchy memory)$CGROUP/e5
	if v2; then
		mkdir "$dir/all" "$dir/inner"
		oci ps -f json e5 | tr -d '[]' | tr , '\n' | while read -r pid; do
			echo "$pid" >"$dir/inner/cgroup.procs"
		done
		echo +memory >"$dir/cgroup.subtree_control"
		echo 0 >"$dir/inner/memory.swap.max"
		echo 16777216 >"$dir/inner/memory.max"
	else
		mkdir "$dir/inner"
		echo 16777216 >"$dir/inner/memory.limit_in_bytes"
		oci ps -f json e5 | tr -d '[]' | tr , '\n' | while read -r pid; do
			echo "$pid" >"$dir/inner/cgroup.procs"
		done
	fi
	timeout 20 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" events --interval 60s e5 >"$HOME_OCI/out" 2>&1 3>&- &
	sleep "$(patience 1)"
	oci exec e5 sh -c "echo go >/tmp/go"
	wait_for grep -q '"type":"oom","id":"e5"' "$HOME_OCI/out"
	oci delete --force e5
	wait $!
}

# --- devices ---

# vm: always
@test "devices: rules apply in order, each to the kinds of access that it names" {
	bundle d1 'r["devices"] = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "w"}]
caps = p["capabilities"]
for s in "bounding", "effective", "permitted": caps[s] += ["CAP_MKNOD"]
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["dev"]})
p["args"] = ["sh", "-c", "mknod /tmp/kmsg c 1 11; mknod /tmp/mem c 1 1; mknod /tmp/tun c 10 200; (: <>/tmp/tun) 2>&1 | grep -q permitted && echo no tun; for d in /dev/null /dev/zero /tmp/kmsg /tmp/mem; do (: <$d) 2>/dev/null && echo $d r; (: >$d) 2>/dev/null && echo $d w; done; true"]'
	run -0 oci run -b "$BUNDLE" d1
	[ "$output" = "/dev/null r
/dev/null w
/dev/zero r
/dev/zero w
/tmp/kmsg w" ]
}

# vm: always
@test "devices: an update never takes away what both lists allow" {
	bundle d2 'r["devices"] = [{"allow": False, "access": "rwm"}, {"allow": True, "type": "c", "major": 1, "minor": 11, "access": "r"}]
caps = p["capabilities"]
for s in "bounding", "effective", "permitted": caps[s] += ["CAP_MKNOD"]
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["dev"]})
p["args"] = ["sh", "-c", "mknod /tmp/kmsg c 1 11; while : <>/dev/null; do :; done 2>/tmp/why; sleep 1000"]'
	start d2
	local rule
	for rule in 10:201 10:229 10:201 10:229; do
		echo "{\"devices\": [{\"allow\": false, \"access\": \"rwm\"}, {\"allow\": true, \"type\": \"c\", \"major\": ${rule%:*}, \"minor\": ${rule#*:}, \"access\": \"rwm\"}]}" | oci update -r - d2
	done
	[ -z "$(oci exec d2 cat /tmp/why)" ]
	run ! oci exec d2 sh -c ': </tmp/kmsg'
	[[ "$output" == *"Operation not permitted"* ]]
	if ! v2; then
		grep -qx "c 10:229 rwm" "$(knob d2 devices devices.list -)"
		run ! grep -q "c 10:201" "$(knob d2 devices devices.list -)"
		run ! grep -q "^a" "$(knob d2 devices devices.list -)"
	fi
}

@test "devices: all may be allowed, but for some" {
	bundle d3 'r["devices"] = [{"allow": True, "access": "rwm"}, {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "rw"}]
caps = p["capabilities"]
for s in "bounding", "effective", "permitted": caps[s] += ["CAP_MKNOD", "CAP_SYSLOG"]
c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["dev"]})
p["args"] = ["sh", "-c", "mknod /tmp/kmsg c 1 11; mknod /tmp/absent c 10 250; (: <>/tmp/absent); (: </tmp/kmsg) || echo no kmsg"]'
	run oci run -b "$BUNDLE" d3
	# nobody has this number: that is told only to those who may ask
	[[ "$output" == *"absent: No such device"* ]]
	[[ "$output" == *"kmsg: Operation not permitted"*"no kmsg"* ]]
}

# --- paths ---

# vm: always
@test "cgroupsPath: absolute below the mount points, relative below (v2: beside) the caller's own" {
	need pids
	bundle q1
	start q1
	[ -d "$(hierarchy pids)$CGROUP/q1" ]
	local base here
	base=$(hierarchy pids)
	mkdir -p "$base$CGROUP/caller/shell"
	bundle q2 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"][1:] + "-relative/q2"'
	# from another cgroup than the verbs that follow
	here=$base$CGROUP/caller/shell
	sh -c "echo \$\$ >$here/cgroup.procs && exec \"\$@\"" sh \
		timeout 20 "$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run -d -b "$BUNDLE" q2 </dev/null >/dev/null 3>&-
	if v2; then
		[ -d "$base$CGROUP/caller$CGROUP-relative/q2" ]
	else
		[ -d "$here$CGROUP-relative/q2" ]
	fi
	is q2 running
	oci update --pids-limit 33 q2
	oci pause q2
	is q2 paused
	oci resume q2
	oci delete --force q2
	[ ! -e "$base$CGROUP/caller$CGROUP-relative/q2" ]
	[ ! -e "$here$CGROUP-relative/q2" ]
}

@test "cgroupsPath: without one a container has a cgroup of its own; the root is refused, .. leads no further" {
	local path
	bundle q3 'del c["linux"]["cgroupsPath"]'
	start q3
	find /sys/fs/cgroup -type d -path '*/kist/q3' | grep -q q3
	oci delete --force q3
	run ! grep -q q3 <(find /sys/fs/cgroup -type d -path '*/kist/q3')
	# what it lay in stays, for others; here there are none, unless they are somebody's who uses this machine
	find /sys/fs/cgroup -maxdepth 2 -type d -name kist -exec rmdir {} + 2>/dev/null || true
	for path in "/..$CGROUP/q4" "$CGROUP/x/../../..$CGROUP/./q4"; do
		bundle q4 "c['linux']['cgroupsPath'] = '$path'; p['args'] = ['true']"
		start q4
		[ -n "$(find /sys/fs/cgroup -type d -path "/sys/fs/cgroup*$CGROUP/q4")" ]
		oci delete --force q4
	done
	for path in / /. /.. /a/..; do
		bundle q4 "c['linux']['cgroupsPath'] = '$path'"
		run ! oci run -b "$BUNDLE" q4 </dev/null 3>&-
		[[ "$output" == *cgroup* ]]
	done
}

@test "cgroupsPath: an existing cgroup is used when it is empty, refused with processes in or below it, or frozen" {
	need pids
	local dir freezer
	dir=$(hierarchy pids)$CGROUP/q5
	mkdir -p "$dir/below"
	bundle q5
	start q5
	oci delete --force q5
	mkdir -p "$dir/below"
	sleep 1000 3>&- &
	echo $! >"$dir/below/cgroup.procs"
	run ! oci run -b "$BUNDLE" q5 </dev/null 3>&-
	[[ "$output" == *"not empty"* ]]
	[ -d "$dir/below" ]
	kill $!
	wait $! || true
	rmdir "$dir/below" "$dir"
	if v2; then
		mkdir -p "$dir"
		freezer=$dir/cgroup.freeze
		echo 1 >"$freezer"
	else
		need freezer
		mkdir -p "$(hierarchy freezer)$CGROUP/q5"
		freezer=$(hierarchy freezer)$CGROUP/q5/freezer.state
		echo FROZEN >"$freezer"
	fi
	run ! oci run -b "$BUNDLE" q5 </dev/null 3>&-
	[[ "$output" == *frozen* ]]
	v2 && echo 0 >"$freezer" || echo THAWED >"$freezer"
}

@test "v2: controllers are enabled along the path, and what cannot be is named" {
	v2 || skip "cgroup v1 has no subtree_control"
	need memory pids
	bundle q6 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/a/b/q6"; r["memory"] = {"limit": 33554432}'
	start q6
	[ "$(cat "/sys/fs/cgroup$CGROUP/a/b/q6/memory.max")" = 33554432 ]
	oci delete --force q6
	# a cgroup with processes of its own cannot hand memory on
	mkdir "/sys/fs/cgroup$CGROUP/busy"
	sleep 1000 3>&- &
	echo $! >"/sys/fs/cgroup$CGROUP/busy/cgroup.procs"
	bundle q7 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/busy/q7"; r["memory"] = {"limit": 33554432}'
	run ! oci run -b "$BUNDLE" q7 </dev/null 3>&-
	[[ "$output" == *"controller"*memory*"could not be enabled"* ]]
	[ ! -e "/sys/fs/cgroup$CGROUP/busy/q7" ]
	kill $!
	wait $! || true
}

@test "v2: in a threaded tree a container runs without domain controllers, and says which it cannot have" {
	v2 || skip "cgroup v1 has no threaded trees"
	need memory pids
	mkdir -p "/sys/fs/cgroup$CGROUP/tree/threads"
	echo threaded >"/sys/fs/cgroup$CGROUP/tree/threads/cgroup.type"
	bundle q8 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/tree/q8"; r["pids"] = {"limit": 44}; p["args"] = ["sleep", "1000"]'
	start q8
	[ "$(cat "/sys/fs/cgroup$CGROUP/tree/q8/cgroup.type")" = threaded ]
	[ "$(cat "/sys/fs/cgroup$CGROUP/tree/q8/pids.max")" = 44 ]
	oci delete --force q8
	bundle q9 'c["linux"]["cgroupsPath"] = os.environ["CGROUP"] + "/tree/q9"; r["memory"] = {"limit": 33554432}'
	run ! oci run -b "$BUNDLE" q9 </dev/null 3>&-
	[[ "$output" == *controller*memory* ]]
}

# --- exec --cgroup ---

# vm: always
@test "exec --cgroup: a cgroup below the container's, which must exist and lie inside" {
	need pids
	local dir=$CGROUP/x1 h
	bundle x1
	start x1
	if v2; then
		mkdir "/sys/fs/cgroup$dir/sub"
		run -0 oci exec --cgroup sub x1 cat /proc/self/cgroup
		[ "$output" = "0::/sub" ] || [ "$output" = "0::$dir/sub" ]
		run -255 oci exec --cgroup pids:sub x1 true
		[[ "$output" == *"one path for all"* ]]
	else
		for h in /sys/fs/cgroup/*"$dir"; do
			[ ! -e "$h/cgroup.clone_children" ] || echo 1 >"$h/cgroup.clone_children"
			mkdir "$h/sub" "$h/other"
		done
		run -0 oci exec --cgroup sub x1 cat /proc/self/cgroup
		[ "$(grep -c '/sub$' <<<"$output")" = "$(wc -l <<<"$output")" ]
		run -0 oci exec --cgroup pids:other x1 cat /proc/self/cgroup
		[[ "$(grep :pids: <<<"$output")" == */other ]]
		run ! grep other <<<"$(grep -v :pids: <<<"$output")"
		run -0 oci exec --cgroup pids,memory:sub --cgroup cpu:other x1 cat /proc/self/cgroup
		[[ "$(grep :cpu: <<<"$output")" == */other ]]
		[[ "$(grep :memory: <<<"$output")" == */sub ]]
		run -255 oci exec --cgroup pids:sub --cgroup pids:other x1 true
		[[ "$output" == *"specified multiple times"* ]]
		run -255 oci exec --cgroup pids:sub --cgroup other x1 true
		[[ "$output" == *"other (missing "* ]]
		run -255 oci exec --cgroup :sub x1 true
		[[ "$output" == *":sub (empty "* ]]
		run -255 oci exec --cgroup nonsense:sub x1 true
		[[ "$output" == *"unknown controller"* ]]
	fi
	run -255 oci exec --cgroup absent x1 true
	[[ "$output" == *absent* ]]
	run -255 oci exec --cgroup ../x1 x1 true
	[[ "$output" == *"leads out"* ]]
	run -255 oci exec --cgroup sub/../../x1 x1 true
	run -0 oci exec --cgroup / x1 cat /proc/self/cgroup
	run ! grep sub <<<"$output"
}

# --- freezer, kill, removal ---

# vm: always
@test "pause stops cgroups that the container made, too; exec --ignore-paused waits; a paused one is killed" {
	need freezer
	bundle f1 'p["args"] = ["sh", "-c", "while :; do date +%s%N >/tmp/now; sleep 0.05; done"]; c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})'
	start f1
	local dir a b i
	dir=$(hierarchy freezer)$CGROUP/f1
	mkdir "$dir/inner"
	for i in $(cat "$dir/cgroup.procs"); do
		echo "$i" >"$dir/inner/cgroup.procs" || true
	done
	wait_for oci exec f1 test -s /tmp/now
	a=$(oci exec f1 cat /tmp/now)
	oci pause f1
	is f1 paused
	run ! oci exec f1 true
	sleep 0.3
	oci exec --ignore-paused f1 echo waited >"$HOME_OCI/out" 2>&1 3>&- &
	sleep 0.5
	[ ! -s "$HOME_OCI/out" ]
	oci resume f1
	wait $!
	[ "$(cat "$HOME_OCI/out")" = waited ]
	wait_for moves "$a"
	oci pause f1
	oci kill f1 KILL
	wait_for is f1 stopped
}

moves() {
	[ "$(oci exec f1 cat /tmp/now)" != "$1" ]
}

# vm: always
@test "kill --all and SIGKILL reach every process of a shared pid namespace" {
	bundle k1 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]; p["args"] = ["sh", "-c", "sleep 1001 & sleep 1002 & exec sleep 1003"]'
	start k1
	three() {
		[ "$(oci ps -f json k1 | tr , '\n' | wc -l)" = "$1" ]
	}
	wait_for three 3
	oci kill --all k1 TERM
	wait_for is k1 stopped
	oci delete k1
	start k1
	wait_for three 3
	local pids
	pids=$(oci ps -f json k1 | tr -d '[]' | tr , ' ')
	oci kill k1 KILL
	wait_for is k1 stopped
	gone() {
		local pid
		for pid in $pids; do
			[ ! -e "/proc/$pid" ] || grep -q '^State:.Z' "/proc/$pid/status" || return 1
		done
	}
	wait_for gone
}

@test "delete --force ends a fork bomb without a pid namespace, and removes cgroups that it made" {
	need pids
	bundle k2 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "pid"]; r["pids"] = {"limit": 150}; p["args"] = ["sh", "-c", "f() { f & f; }; f 2>/dev/null; f"]'
	start k2
	local dir
	dir=$(hierarchy pids)$CGROUP/k2
	mkdir -p "$dir/a/b/c"
	sleep 1
	oci delete --force k2
	[ ! -e "$dir" ]
	run ! oci state k2
}

@test "delete removes what the container made below its cgroup, deep down" {
	bundle k3 'c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/sys/fs/cgroup"] + [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]
p["args"] = ["sh", "-c", "cd /sys/fs/cgroup; for h in . */; do [ ! -e $h/cgroup.procs ] || mkdir -p $h/a/b/c; done; find . -path \"*/a/b/c\" | head -n 1"]'
	run -0 oci run -b "$BUNDLE" k3
	[[ "$output" == *a/b/c ]]
	run ! grep -q . <(find /sys/fs/cgroup -type d -path "*$CGROUP/k3*")
}

# --- ownership and mounts ---

userns='c["linux"]["namespaces"] += [{"type": "user"}]; c["linux"]["uidMappings"] = c["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 200000, "size": 65536}]'
own_cgroup='c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"] + [{"type": "cgroup"}]'
writable='c["mounts"] = [m for m in c["mounts"] if m["destination"] != "/sys/fs/cgroup"] + [{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]}]'

# vm: always
@test "ownership: the user of a user namespace gets a writable cgroup of v2, and only what may be delegated" {
	chmod 755 "$HOME_OCI"
	bundle w1 "$userns; $own_cgroup; $writable; p['user'] = {'uid': 1000, 'gid': 1000}"
	start w1
	local dir file owner=201000
	dir=$(hierarchy pids)$CGROUP/w1
	v2 || owner=0
	for file in . cgroup.procs cgroup.subtree_control cgroup.threads; do
		[ ! -e "$dir/$file" ] || [ "$(stat -c %u "$dir/$file")" = $owner ]
	done
	for file in "$dir"/{pids.max,memory.max,cpu.max}; do
		[ ! -e "$file" ] || [ "$(stat -c %u "$file")" = 0 ]
	done
	# not where it is read-only, nor in the host's cgroup namespace
	bundle w2 "$userns; $own_cgroup; $writable; c['mounts'][-1]['options'] = ['ro']"
	start w2
	[ "$(stat -c %u "$(hierarchy pids)$CGROUP/w2")" = 0 ]
	bundle w3 "$userns; $writable; c['linux']['namespaces'] = [n for n in c['linux']['namespaces'] if n['type'] != 'cgroup']"
	start w3
	[ "$(stat -c %u "$(hierarchy pids)$CGROUP/w3")" = 0 ]
	bundle w4 "$own_cgroup; $writable; p['user'] = {'uid': 1000, 'gid': 1000}"
	start w4
	[ "$(stat -c %u "$(hierarchy pids)$CGROUP/w4")" = 0 ]
}

# vm: always
@test "/sys/fs/cgroup: the container's own cgroup, read-only or writable as the config says" {
	local how
	for how in "$own_cgroup" 'c["linux"]["namespaces"] = [n for n in c["linux"]["namespaces"] if n["type"] != "cgroup"]'; do
		# v2 without a cgroup namespace shows all of it, as everywhere
		if v2 && [ "$how" != "$own_cgroup" ]; then
			continue
		fi
		bundle g1 "$how; c['mounts'] = [m for m in c['mounts'] if m['destination'] != '/sys/fs/cgroup'] + [{'destination': '/sys/fs/cgroup', 'type': 'cgroup', 'source': 'cgroup', 'options': ['ro', 'nosuid', 'noexec', 'nodev']}]
p['args'] = ['sh', '-c', 'cd /sys/fs/cgroup; for h in . */; do [ -e \$h/cgroup.procs ] || continue; [ \"\$(cat \$h/cgroup.procs | wc -l)\" -le 9 ] && echo own; mkdir \$h/x 2>/dev/null && echo written; done']"
		run oci run -b "$BUNDLE" g1
		[[ "$output" == *own* ]]
		[[ "$output" != *written* ]]
		bundle g2 "$how; $writable
p['args'] = ['sh', '-c', 'cd /sys/fs/cgroup; for h in . */; do [ -e \$h/cgroup.procs ] || continue; mkdir \$h/x && echo written; done']"
		run oci run -b "$BUNDLE" g2
		[[ "$output" == *written* ]]
	done
}
