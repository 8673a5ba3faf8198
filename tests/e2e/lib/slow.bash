# Time limits of the tests are for a machine that runs at its own speed; KIST_SLOW says by how much this one is slower.
# Only limits: nothing waits longer than what it waits for.

# patience SECONDS: the whole number of seconds to allow here.
patience() {
	echo $(($1 * ${KIST_SLOW:-1}))
}

# timeout SECONDS COMMAND...
timeout() {
	command timeout "$(patience "$1")" "${@:2}"
}

# retry SECONDS COMMAND...: until it succeeds; for what happens soon, but not at once.
retry() {
	local end=$((SECONDS + $(patience "$1"))) said
	shift
	until said=$("$@" 2>&1); do
		[ $SECONDS -lt $end ] || { echo "$said"; return 1; }
		sleep 0.05
	done
}
