# What a sanitizer finds (make asan) goes to files that tests/run looks at (log_path). A helper of the daemon's knows
# nothing of them, as it starts without the daemon's environment, and what is confined could not open them: their reports
# are in the daemon's log.

# keep_reports LOG...: puts what it finds there beside the other reports.
keep_reports() {
	local prefix=${ASAN_OPTIONS:-} log found
	[ -n "${KIST_ASAN:-}" ] && [[ $prefix = *log_path=* ]] || return 0
	prefix=${prefix##*log_path=}
	for log; do
		[ -e "$log" ] || continue
		found=$(grep -aE -A 40 "ERROR: ([A-Za-z]+Sanitizer|Can't open file)|LeakSanitizer|[.][ch]:[0-9:]+ runtime error: " "$log") ||
			continue
		echo "$found" >"${prefix%%:*}.$(basename "$log").$$.$RANDOM"
	done
}

# traced SECONDS ARGUMENTS: strace, at most that long. LeakSanitizer traces the program itself, and fails where another does.
traced() {
	ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 timeout "$1" strace "${@:2}"
}
