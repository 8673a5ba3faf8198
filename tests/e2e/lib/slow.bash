# Time limits of the tests are for a machine that runs at its own speed; KIST_SLOW says by how much this one is slower.
# Only limits: nothing waits longer than what it waits for.

# patience SECONDS: how many to allow here; as many decimals, up to three, as there were.
patience() {
	local whole=${1%.*} part thousandths
	case $1 in
	*.*)
		part=${1#*.}000
		thousandths=$(((10#${whole:-0} * 1000 + 10#${part:0:3}) * ${KIST_SLOW:-1}))
		printf '%d.%03d\n' $((thousandths / 1000)) $((thousandths % 1000))
		;;
	*) echo $(($1 * ${KIST_SLOW:-1})) ;;
	esac
}

# chances N: how often to try what only goes wrong at some moments: N times, and fewer where everything is slow.
chances() {
	local slow=${KIST_SLOW:-1}
	echo $(($1 * 3 / (slow > 3 ? slow : 3)))
}

# timeout SECONDS COMMAND...
timeout() {
	command timeout "$(patience "$1")" "${@:2}"
}

# retry SECONDS COMMAND...: until it succeeds; for what happens soon, but not at once.
retry() {
	# whole seconds: the first may be nearly over
	local end=$((SECONDS + $(patience "$1") + 1)) said
	shift
	until said=$("$@" 2>&1); do
		[ $SECONDS -lt $end ] || { echo "$said"; return 1; }
		sleep 0.05
	done
}

# ageless: a list without the ages in it, and the columns that they move, as seconds pass between two lists.
ageless() {
	sed -E 's/(Less than a|About a|[0-9]+) (second|minute)s?/some time/g; s/  +/ /g'
}
