#!/usr/bin/env bats
# AppArmor and SELinux in kist-oci. What needs AppArmor runs in tests/vm/run -- bats tests/e2e/oci-lsm.bats
load lib/bundle

apparmor() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]
}

setup() {
	case $BATS_TEST_DESCRIPTION in
	*"without AppArmor"*) ! apparmor || skip "AppArmor is on here" ;;
	*"without SELinux"* | *"believes that SELinux"*) [ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is on here" ;;
	*)
		apparmor || skip "AppArmor is not on here: tests/vm/run"
		[ "$(id -u)" = 0 ] || skip "only root loads profiles"
		[ -d /sys/kernel/security/apparmor ] || mount -t securityfs securityfs /sys/kernel/security
		apparmor_parser --replace --skip-cache <<-PROFILES
			profile kist-test-deny flags=(attach_disconnected,mediate_deleted) {
			  file,
			  signal,
			  capability,
			  deny /tmp/denied w,
			}
			profile kist-test-other flags=(attach_disconnected,mediate_deleted) {
			  file,
			  signal,
			  capability,
			}
		PROFILES
		;;
	esac
}

WRITABLE='c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"})'

@test "without AppArmor a profile is an error that says so, for create and exec" {
	bundle profile 'p["apparmorProfile"] = "docker-default"'
	run oci create --bundle "$BUNDLE" profile
	[ "$status" -eq 1 ]
	[[ $output == *"process.apparmorProfile: AppArmor is not enabled on this machine"* ]]
	[ -z "$(oci list -q)" ]
	bundle plain
	oci run --detach --bundle "$BUNDLE" plain
	run oci exec --apparmor docker-default plain true
	[ "$status" -eq 255 ]
	[[ $output == *"AppArmor is not enabled on this machine"* ]]
}

@test "without SELinux a label is an error that says so, for processes and mounts" {
	bundle label 'p["selinuxLabel"] = "system_u:system_r:container_t:s0:c1,c2"'
	run oci create --bundle "$BUNDLE" label
	[ "$status" -eq 1 ]
	[[ $output == *"process.selinuxLabel: SELinux is not enabled on this machine"* ]]
	bundle mount 'c["linux"]["mountLabel"] = "system_u:object_r:container_file_t:s0:c1,c2"'
	run oci create --bundle "$BUNDLE" mount
	[ "$status" -eq 1 ]
	[[ $output == *"linux.mountLabel: SELinux is not enabled on this machine"* ]]
	bundle plain
	oci run --detach --bundle "$BUNDLE" plain
	run oci exec --process-label system_u:system_r:container_t:s0 plain true
	[ "$status" -eq 255 ]
	[[ $output == *"process.selinuxLabel"* ]]
}

# as_if ID: runs the container of that bundle while kist-oci believes that SELinux is on. The kernel knows better, and its
# refusals show what it was asked for.
as_if() {
	run traced 30 -f -qq -P /sys/fs/selinux -o "$HOME_OCI/calls" -e trace=statfs \
		-e inject=statfs:retval=0:poke_exit=@arg2=8cff7cf900000000 \
		"$KIST_BUILD/bin/kist-oci" --root "$HOME_OCI/state" run --bundle "$BUNDLE" "$1"
	echo "$output"
	grep -q SELINUX_MAGIC "$HOME_OCI/calls"
}

@test "where it believes that SELinux is on, labels go to the kernel as they are: process, mounts, message queues" {
	command -v strace >/dev/null || skip "strace is not installed"
	[ "$(uname -m)" = x86_64 ] || skip "writes struct statfs as x86-64 has it"
	local label=system_u:object_r:container_file_t:s0:c1,c2
	bundle label "p['selinuxLabel'] = '$label'"
	as_if label
	[ "$status" = 1 ]
	[[ $output == *"process.selinuxLabel: "*"$label"* && $output != *"not enabled"* ]]
	# the first that is no proc; what a kernel without SELinux says of the option
	bundle label "c['linux']['mountLabel'] = '$label'"
	as_if label
	[ "$status" = 1 ]
	[[ $output == *"mount tmpfs at /dev: context"*"context"* ]]
	bundle label "c['linux']['mountLabel'] = '$label'
c['mounts'] = [m for m in c['mounts'] if m['type'] in ('proc', 'mqueue')]; c['linux']['maskedPaths'] = []"
	as_if label
	[ "$status" = 1 ]
	[[ $output == *"linux.mountLabel: label /dev/mqueue"* ]]
	# nothing for proc, sysfs and bind mounts
	mkdir -p "$HOME_OCI/rootfs/"{dev,proc,sys,mnt}
	bundle label "c['linux']['mountLabel'] = '$label'
c['mounts'] = [m for m in c['mounts'] if m['type'] in ('proc', 'sysfs')] + [{'destination': '/mnt', 'type': 'bind', 'source': '$HOME_OCI', 'options': ['bind']}]
c['linux']['maskedPaths'] = []; p['args'] = ['echo', 'ran']"
	as_if label
	[ "$status" = 0 ]
	[[ $output == *ran* ]]
	# masks of folders are a file system, too
	bundle label "c['linux']['mountLabel'] = '$label'
c['mounts'] = [m for m in c['mounts'] if m['type'] in ('proc', 'sysfs')]; c['linux']['maskedPaths'] = ['/mnt']"
	as_if label
	[ "$status" = 1 ]
	[[ $output == *mnt* ]]
	rmdir "$HOME_OCI/rootfs/mnt"
}

@test "a container's first process is confined by its profile" {
	bundle confined "$WRITABLE
p['apparmorProfile'] = 'kist-test-deny'
p['args'] = ['sh', '-c', 'cat /proc/self/attr/current; echo x >/tmp/free && echo free; echo x >/tmp/denied || echo denied']"
	run oci run --bundle "$BUNDLE" confined
	[ "$status" -eq 0 ]
	[[ $output == *"kist-test-deny (enforce)"* ]]
	[[ $output == *free* ]]
	[[ $output == *"Permission denied"*denied* ]]
}

@test "exec is confined by the container's profile, or by that of --apparmor" {
	bundle exec "$WRITABLE
p['apparmorProfile'] = 'kist-test-deny'"
	oci run --detach --bundle "$BUNDLE" exec
	run oci exec exec sh -c 'cat /proc/self/attr/current; echo x >/tmp/denied'
	[ "$status" -eq 1 ]
	[[ $output == *"kist-test-deny (enforce)"*"Permission denied"* ]]
	run oci exec --apparmor kist-test-other exec sh -c 'cat /proc/self/attr/current; echo x >/tmp/denied'
	[ "$status" -eq 0 ]
	[[ $output == *"kist-test-other (enforce)"* ]]
}

@test "a profile that is not loaded fails create and exec by its name" {
	bundle missing 'p["apparmorProfile"] = "kist-test-missing"'
	run oci create --bundle "$BUNDLE" missing
	[ "$status" -eq 1 ]
	[[ $output == *"process.apparmorProfile: "*kist-test-missing*" is not loaded"* ]]
	[ -z "$(oci list -q)" ]
	bundle plain
	oci run --detach --bundle "$BUNDLE" plain
	run oci exec --apparmor kist-test-missing plain true
	[ "$status" -eq 255 ]
	[[ $output == *"is not loaded"* ]]
}

@test "a container without a profile is not confined" {
	bundle none 'p["args"] = ["cat", "/proc/self/attr/current"]'
	run oci run --bundle "$BUNDLE" none
	[ "$status" -eq 0 ]
	[[ $output == unconfined* ]]
}
