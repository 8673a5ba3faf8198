#!/usr/bin/env bats
# AppArmor and SELinux in kist-oci. What needs AppArmor runs in tests/vm/run -- bats tests/e2e/oci-lsm.bats
load lib/bundle

apparmor() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ]
}

setup() {
	case $BATS_TEST_DESCRIPTION in
	*"without AppArmor"*) ! apparmor || skip "AppArmor is on here" ;;
	*"without SELinux"*) [ ! -e /sys/fs/selinux/enforce ] || skip "SELinux is on here" ;;
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
