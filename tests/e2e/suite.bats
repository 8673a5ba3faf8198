# tests/vm/suite, which sorts what comes out of a virtual machine.

setup() {
	SUITE=$BATS_TEST_DIRNAME/../vm/suite
	LOGS=$BATS_TEST_TMPDIR
}

# with_suite CODE ARGUMENT...: what Python is to do with the module suite
with_suite() {
	python3 -c '
import importlib.machinery, importlib.util, os, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("suite", sys.argv[1])
suite = importlib.util.module_from_spec(importlib.util.spec_from_loader("suite", loader))
loader.exec_module(suite)
'"$1" "$SUITE" "${@:2}"
}

# sort_out OUTPUT: as if a machine that was to run 2 tests of e2e/a.bats and 1 of e2e/b.bats had printed it
sort_out() {
	printf "$1" | with_suite '
sink = suite.Sink(sys.argv[2], "root", 0, {"e2e/a.bats": 2, "e2e/b.bats": 1})
for line in sys.stdin:
    sink.line(line)
sink.end("125")' "$LOGS"
}

# The tree $LOGS/top with its build folder: finish CODE... writes what a machine prints for e2e/a.bats that ended with
# these codes (the file, what is left), and keeps it; again says what of e2e/a.bats and e2e/b.bats is to run.
tree() {
	mkdir -p "$LOGS"/top/{tests/e2e,scripts,share,build/bin,build/share}
	echo a >"$LOGS/top/tests/e2e/a.bats"
	echo b >"$LOGS/top/tests/e2e/b.bats"
	echo 1 >"$LOGS/top/build/bin/kist-oci"
}

kept() {
	with_suite '
top = sys.argv[2] + "/top"
suite.TOP, suite.TESTS = top, top + "/tests"
kept = suite.Kept(top + "/build", sys.argv[2], "image")
a, b = [[("root", "e2e/%s.bats" % name, ".", 1)] for name in "ab"]
'"$1" "$LOGS" "${@:2}"
}

finish() {
	kept '
kept.bring([a, b])
place = kept.place(a)
for name, code in zip(kept.files(a)[::2], sys.argv[3:]):
    open("%s/%s" % (sys.argv[2], name), "w").write("ok 1\n")
    open("%s/%s.code" % (sys.argv[2], name), "w").write(code + "\n")
open(top + "/build/bin/kist-oci", "a").write(os.environ.get("MEANWHILE", ""))
print(kept.keep(a, place))' "$@"
	rm "$LOGS"/vm-*
}

again() {
	kept 'print(*[jobs[0][1] for jobs in kept.bring([a, b])])'
}

code() {
	cat "$LOGS/vm-root-$1.tap.code"
}

not_ok() {
	grep -c '^not ok' "$LOGS/vm-root-$1.tap"
}

@test "a file whose tests all ran keeps the exit code of its bats" {
	sort_out '#file e2e/a.bats\n1..2\nok 1 one in 3ms\nnot ok 2 two in 4ms\n# why\n#code 1\n#file e2e/b.bats\n1..1\nok 1 three # skip no\n\n#code 0\n'
	[ "$(code a) $(not_ok a)" = "1 1" ]
	run not_ok b
	[ "$(code b) $output" = "0 0" ]
}

@test "a file of which fewer tests ran than planned has failed, whatever its bats says" {
	sort_out '#file e2e/a.bats\n1..1\nok 1 one in 3ms\n\n#code 0\n#file e2e/b.bats\n1..0\n\n#code 0\n'
	[ "$(code a) $(not_ok a)" = "1 1" ]
	grep -qx 'not ok 2 e2e/a.bats: 1 of 2 tests ran' "$LOGS/vm-root-a.tap"
	[ "$(code b) $(not_ok b)" = "1 1" ]
}

@test "a file in which the machine ended, or bats was cut off, has failed" {
	sort_out '#file e2e/a.bats\n1..2\nok 1 one\nok 2 tw#file e2e/b.bats\n'
	[ "$(code a)" = 125 ]
	sort_out '#file e2e/a.bats\n1..2\nok 1 one\n#file e2e/b.bats\n1..1\nok 1 three\n'
	[ "$(code a) $(not_ok a)" = "1 1" ]
	[ "$(code b)" = 125 ]
}

@test "a file that passed is not run again until it or what goes into its machine changes" {
	tree
	[ "$(finish 0 0)" = True ]
	[ "$(again)" = e2e/b.bats ]
	[ "$(code a) $(cat "$LOGS/vm-root-a.tap") $(code leftovers-a)" = "0 ok 1 0" ]
	echo b2 >"$LOGS/top/tests/e2e/b.bats"
	[ "$(again)" = e2e/b.bats ]
	cp -r "$LOGS/kept" "$LOGS/kept.1"
	echo 2 >"$LOGS/top/build/bin/kist-oci"
	[ "$(again)" = "e2e/a.bats e2e/b.bats" ]
	[ "$(ls "$LOGS/kept")" = "" ]
	cp -r "$LOGS/kept.1"/* "$LOGS/kept"
	echo 1 >"$LOGS/top/build/bin/kist-oci"
	[ "$(again)" = e2e/b.bats ]
	echo a2 >"$LOGS/top/tests/e2e/a.bats"
	[ "$(again)" = "e2e/a.bats e2e/b.bats" ]
}

@test "a file that failed, left something behind or changed while it ran is run again" {
	tree
	[ "$(finish 1 0)" = False ]
	[ "$(again)" = "e2e/a.bats e2e/b.bats" ]
	[ "$(finish 0 1)" = False ]
	[ "$(again)" = "e2e/a.bats e2e/b.bats" ]
	[ "$(MEANWHILE=2 finish 0 0)" = True ]
	[ "$(again)" = "e2e/a.bats e2e/b.bats" ]
}

# bash -e, which bats is, passes over "! command", and over all but the last of "a && b": in the midst of a test neither
# can fail.
@test "no statement in the midst of a test is one that cannot fail it" {
	run awk '
		FNR == 1 { held = "" }
		held != "" && !/^}/ { print held }
		{ held = "" }
		/^\t+! / && !/\|\|/ || /^\t+\[\[? [^&]*\]\]? && (\[[^&]*|! .*|[a-z_]+)$/ && !/\|\||(return|break|continue)$/ { held = FILENAME ":" FNR ": " $0 }' \
		"$BATS_TEST_DIRNAME"/*.bats "$BATS_TEST_DIRNAME"/../security/*.bats
	[ "$output" = "" ] || { echo "$output"; false; }
}

@test "who asks for AddressSanitizer asks base/asan.h, which knows gcc's and clang's" {
	local top=$BATS_TEST_DIRNAME/../.. cc
	for cc in gcc clang; do
		is_told() { "$cc" -I"$top/src/base/include" "$@" -dM -E "$top/src/base/include/base/asan.h" | grep __SANITIZE_ADDRESS__; }
		command -v "$cc" >/dev/null || { echo "$cc is not installed"; false; }
		is_told -fsanitize=address
		run is_told
		[ "$output" = "" ]
	done
	run grep -L '"base/asan.h"' $(grep -rlE --include='*.[ch]' \
		'__SANITIZE_ADDRESS__|address_sanitizer' "$top"/{src,tests,bench})
	[ "${output#"$top/src/base/include/base/"}" = asan.h ] || { echo "$output"; false; }
	run grep -rl 'address_sanitizer' "$top"/{src,tests/unit,tests/fuzz,bench}
	[ "${output#"$top/src/base/include/base/"}" = asan.h ] || { echo "$output"; false; }
}

@test "a peer that is installed and does not work fails its file, one that is not installed skips it" {
	local dir=$BATS_TEST_TMPDIR/path
	mkdir "$dir"
	find -H /bin /sbin /usr/bin /usr/sbin ! -type d ! -name 'podman*' -exec ln -sft "$dir" {} +
	with_path() {
		env -i PATH="$dir" HOME="$HOME" KIST_BUILD="$KIST_BUILD" \
			timeout 120 bats -T --formatter tap -f "exit codes" "$BATS_TEST_DIRNAME/oci-podman.bats" 3>&-
	}
	run with_path
	[[ "$status" = 0 && "$output" == *"# skip podman is not installed"* ]] || { echo "$output"; false; }
	printf '#!/bin/sh\necho "no podman today" >&2\nexit 125\n' >"$dir/podman"
	chmod +x "$dir/podman"
	[ -e "$dir/script" ] || ln -s podman "$dir/script"
	run with_path
	[[ "$status" = 1 && "$output" == *"podman does not work here:"*"no podman today"* ]] || { echo "$output"; false; }
	[[ "$output" != *"# skip"* ]] || { echo "$output"; false; }
	# the other files of peers skip for nothing else, either
	run grep -nE 'WHY="?[^"}]' "$BATS_TEST_DIRNAME"/oci-*.bats "$BATS_TEST_DIRNAME"/lib/*.bash
	[ "$(grep -v 'is not installed"' <<<"$output")" = "" ] || { echo "$output"; false; }
}
