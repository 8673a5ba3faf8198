# kist-oci's own side under valgrind: no error, nothing lost. `make check-valgrind` builds the variant that it can
# look into ($KIST_VALGRIND) and runs this file; the containers themselves are made by the usual program.
load lib/bundle

setup() {
	[ -n "${KIST_VALGRIND:-}" ] || skip "make check-valgrind runs this"
}

# vg ARGUMENT...: the verb under valgrind, both of them from read-only mounts, so that the program need not seal itself,
# which would take it out of valgrind's sight: /proc/self/exe is the one or the other, depending on who asks. Its errors
# give 99.
vg() {
	timeout 120 unshare -m bash -c '
		for dir in "$1" /usr/libexec/valgrind; do
			mount -o bind,ro "$dir" "$dir" && mount -o remount,bind,ro "$dir" || exit 98
		done
		exec valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite --log-file="$2" \
			"$1/kist-oci" --root "$3" "${@:4}"' \
		bash "$(dirname "$KIST_VALGRIND")" "$HOME_OCI/valgrind.log" "$HOME_OCI/state" "$@" 3>&-
}

# expect CODE ARGUMENT...
expect() {
	local code=0
	vg "${@:2}" </dev/null >"$HOME_OCI/out" 2>&1 || code=$?
	[ "$code" = "$1" ] || {
		echo "$2: $code, not $1"
		cat "$HOME_OCI/out" "$HOME_OCI/valgrind.log"
		return 1
	}
}

@test "valgrind finds nothing in what looks at containers, freezes, limits and deletes them" {
	bundle vg 'c["annotations"] = {"a": "b"}; c["hooks"] = {"poststop": [{"path": "/bin/true"}]}; c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}'
	oci run -d -b "$BUNDLE" vg </dev/null >/dev/null 2>&1 3>&-
	expect 0 state vg
	expect 1 start vg
	expect 0 list
	expect 0 list -f json
	expect 0 ps -f json vg
	expect 0 pause vg
	expect 0 resume vg
	expect 1 resume vg
	expect 0 update --pids-limit 50 --memory 64m vg
	expect 1 update --memory x vg
	expect 0 events --stats vg
	expect 1 delete vg
	expect 1 kill vg FOO
	oci kill vg KILL
	wait_for is vg stopped
	expect 255 exec vg true
	expect 0 delete vg
	expect 1 delete vg
}

@test "valgrind finds nothing in reading options and documents, right and wrong" {
	mkdir -p "$HOME_OCI/vspec"
	expect 0 spec --bundle "$HOME_OCI/vspec"
	expect 1 spec --bundle "$HOME_OCI/vspec"
	expect 0 features
	expect 0 --version
	expect 0 exec --help
	expect 3 frob
	expect 1 create --frob x
	expect 1 exec -e A=b -e C=d -g 1 -g x id true
	expect 255 exec -e A=b -g 1 -c CAP_KILL --cwd / id true
	expect 1 --log "$HOME_OCI/vlog" --log-format json state nobody
	bundle vw 'p["rlimits"] = [{"type": "RLIMIT_FOO", "soft": 1, "hard": 1}]'
	expect 1 create -b "$BUNDLE" vw
	bundle vw 'c["mounts"].append({"destination": 5})'
	expect 1 create -b "$BUNDLE" vw
	bundle vw 'c["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_FOO"}'
	expect 1 create -b "$BUNDLE" vw
	bundle vw 'p["terminal"] = True'
	expect 1 create -b "$BUNDLE" vw
	echo '{' >"$BUNDLE/config.json"
	expect 1 create -b "$BUNDLE" vw
	expect 1 create -b /nonexistent vw
}

@test "valgrind finds nothing in making a container, starting it, executing in it, killing and deleting it" {
	bundle vm
	local code=0
	vg create -b "$BUNDLE" vm </dev/null >"$HOME_OCI/out" 2>&1 || code=$?
	# 3.24 lacks open_tree(2); 3.27 has that, but no clone3(2), and says nothing of it
	grep -q "unhandled .* syscall" "$HOME_OCI/valgrind.log" || grep -q "function not implemented" "$HOME_OCI/out" &&
		skip "this valgrind does not know the system calls that it takes ($(valgrind --version))"
	cat "$HOME_OCI/valgrind.log"
	[ "$code" = 0 ]
	expect 0 start vm
	expect 3 exec vm sh -c 'exit 3'
	expect 0 kill vm USR1
	expect 0 delete --force vm
}
