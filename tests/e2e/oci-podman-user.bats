# podman of an ordinary user with --runtime kist-oci: user namespaces that podman has made, keep-id among them.
bats_require_minimum_version 1.5.0
load lib/bundle
load lib/rootless
load lib/engine

setup_file() {
	HOME_OCI=$(mktemp -d /tmp/kist-test-oci.XXXXXX)
	export HOME_OCI WHY=""
	mkdir -p "$HOME_OCI/rootfs" "$HOME_OCI/vol"
	command -v podman >/dev/null || WHY="podman is not installed"
	command -v newuidmap >/dev/null || WHY="newuidmap is not installed"
	[ -z "$WHY" ] || return 0
	rootless_begin
	chmod 755 "$HOME_OCI"
	IMAGE=$(busybox_archive)
	cat >"$HOME_OCI/pod" <<-EOF
		#!/bin/sh
		cd /
		exec podman --root $HOME_OCI/store --runroot $HOME_OCI/run --tmpdir $HOME_OCI/tmp --storage-driver vfs \
			--cgroup-manager cgroupfs --events-backend file --runtime $KIST_BUILD/bin/kist-oci "\$@"
	EOF
	chmod 755 "$HOME_OCI/pod"
	cp "$IMAGE" "$HOME_OCI/busybox.tar"
	chmod 644 "$HOME_OCI/busybox.tar"
	if ! pod load -q -i "$HOME_OCI/busybox.tar" >"$HOME_OCI/load" 2>&1; then
		echo "podman does not work for this user:"
		tail -n 10 "$HOME_OCI/load"
		return 1
	fi
}

teardown_file() {
	if [ -n "${RL_USER:-}" ]; then
		pod unshare rm -rf "$HOME_OCI/store" >/dev/null 2>&1
		# ends the process that holds the user's namespaces, and the user cannot be removed with it
		pod system migrate >/dev/null 2>&1
		retry 10 eval '! pgrep -u "$RL_UID"'
		rootless_end
	fi
	rm -rf "$HOME_OCI"
}

setup() {
	[ -z "$WHY" ] || skip "$WHY"
}

teardown() {
	[ -n "$WHY" ] || pod rm --all --force -t 0 >/dev/null 2>&1
}

pod() {
	as_user timeout 60 "$HOME_OCI/pod" "$@" 3>&-
}

once() {
	run pod run --rm --network none "$@"
	echo "$output"
}

@test "an ordinary user's container is root inside and that user outside" {
	touch "$HOME_OCI/vol/mine"
	chown "$RL_UID:$RL_GID" "$HOME_OCI/vol" "$HOME_OCI/vol/mine"
	once -v "$HOME_OCI/vol:/mnt" busybox sh -c 'id -u; stat -c %u /mnt/mine; touch /mnt/new; cat /proc/self/uid_map'
	[ "${lines[0]} ${lines[1]}" = "0 0" ]
	[ "$(stat -c %u "$HOME_OCI/vol/new")" = "$RL_UID" ]
	[ "$(echo ${lines[2]})" = "0 $RL_UID 1" ] || [ "$(echo ${lines[2]})" = "0 0 65537" ]
}

@test "--userns keep-id: the user is themself inside, with the rest of their ids around" {
	rm -f "$HOME_OCI/vol/"*
	touch "$HOME_OCI/vol/mine"
	chown "$RL_UID:$RL_GID" "$HOME_OCI/vol" "$HOME_OCI/vol/mine"
	once --userns keep-id -v "$HOME_OCI/vol:/mnt" busybox sh -c 'id -u; id -g; stat -c %u:%g /mnt/mine; touch /mnt/new; stat -c %u /bin'
	[ "${lines[0]} ${lines[1]} ${lines[2]}" = "$RL_UID $RL_GID $RL_UID:$RL_GID" ]
	[ "${lines[3]}" = 0 ]
	[ "$(stat -c %u "$HOME_OCI/vol/new")" = "$RL_UID" ]
	once --userns keep-id --user 0:0 -v "$HOME_OCI/vol:/mnt" busybox sh -c 'id -u; touch /mnt/theirs'
	[ "$output" = 0 ]
	[ "$(stat -c %u "$HOME_OCI/vol/theirs")" = "$RL_SUBID" ]
}

@test "--userns keep-id: exec and its exit code" {
	pod run -d --name c1 --network none --userns keep-id busybox sleep 1000
	run pod exec c1 id -u
	[ "$output" = "$RL_UID" ]
	run pod exec --user 0 c1 id -u
	[ "$output" = 0 ]
	run pod exec c1 sh -c 'exit 7'
	[ "$status" = 7 ]
	pod rm -f -t 0 c1
}
