# The OCI project's validation suite, where a checked-out tree of it and Go are at hand (RUNTIME_TOOLS).
load lib/slow

@test "runtime-tools: every program of the validation suite does what is expected of it" {
	[ -n "${RUNTIME_TOOLS:-}" ] || skip "RUNTIME_TOOLS does not name a checked-out runtime-tools"
	command -v go >/dev/null || [ -x "${RUNTIME_TOOLS_BUILD:-$RUNTIME_TOOLS/.kist}/runtimetest" ] || skip "go is not installed"
	run "$BATS_TEST_DIRNAME/../conformance/runtime-tools"
	echo "$output"
	[ "$status" = 0 ]
}
