# tests/vm/suite, which sorts what comes out of a virtual machine.

setup() {
	SUITE=$BATS_TEST_DIRNAME/../vm/suite
	LOGS=$BATS_TEST_TMPDIR
}

# sort_out OUTPUT: as if a machine that was to run 2 tests of e2e/a.bats and 1 of e2e/b.bats had printed it
sort_out() {
	printf "$1" | python3 -c '
import importlib.machinery, importlib.util, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("suite", sys.argv[1])
suite = importlib.util.module_from_spec(importlib.util.spec_from_loader("suite", loader))
loader.exec_module(suite)
sink = suite.Sink(sys.argv[2], "root", 0, {"e2e/a.bats": 2, "e2e/b.bats": 1})
for line in sys.stdin:
    sink.line(line)
sink.end("125")' "$SUITE" "$LOGS"
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
