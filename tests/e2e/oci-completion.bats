# Completion of kist-oci's command line in three shells (share/completions), held to the same answers.
load lib/bundle

# completed WORD...: what the shell ($COMPLETION) offers for the last of the words that stand behind kist-oci, in $output
completed() {
	output=$("offered_by_$COMPLETION" "$@")
	echo "$*: $output"
}

offered_by_bash() {
	. "$KIST_TOP/share/completions/kist-oci.bash"
	COMP_WORDS=("$KIST_BUILD/bin/kist-oci" "$@")
	COMP_CWORD=$#
	_kist_oci
	echo "${COMPREPLY[*]}"
}

# What zsh's completion system is handed, cut down to what goes with the word that is there.
offered_by_zsh() {
	zsh -f -c '
		offer() {
			local -a with
			with=(${(M)@:#${words[CURRENT]#${cut}}*})
			(( ! $#with )) || print -r -- $with
		}
		compadd() { [[ $1 == -a ]] && offer ${(P)2} }
		_describe() { offer ${${(P)2}%%:*} }
		compset() { cut="*=" }
		_files() { }
		words=("$@") CURRENT=$# cut=
		. "$0"' "$KIST_TOP/share/completions/kist-oci.zsh" "$KIST_BUILD/bin/kist-oci" "$@"
}

offered_by_fish() {
	PATH=$KIST_BUILD/bin:$PATH fish --no-config -c '
		source $argv[1]
		complete -C (string join " " -- kist-oci $argv[2..])' "$KIST_TOP/share/completions/kist-oci.fish" "$@" | cut -f 1 | sort | xargs
}

completes_kist_oci() {
	local verb
	completed ""
	[ "$output" = "checkpoint create delete events exec features kill list pause ps restore resume run spec start state update" ]
	for verb in $output; do
		completed "$verb" --
		[ "$output" ] || [[ "$verb" == @(features|pause|resume|start|state) ]]
	done
	completed --lo
	[ "$output" = "--log --log-format" ]
	completed --log-format ""
	[[ "$output" == @("text json"|"json text") ]]
	completed --root /x run --bun
	[ "$output" = --bundle ]
	bundle first
	oci create -b "$BUNDLE" first </dev/null >/dev/null 2>&1 3>&-
	for verb in start "kill -a" exec "exec --cwd /tmp"; do
		completed --root "$HOME_OCI/state" $verb f
		[ "$output" = first ]
	done
	cd "$BUNDLE"
	for verb in run create "exec x" "exec --cwd"; do
		completed --root "$HOME_OCI/state" $verb f
		[ -z "$output" ]
	done
	completed kill first SIGK
	[ "$output" = SIGKILL ]
	completed list -f ""
	[[ "$output" == @("table json"|"json table") ]]
}

@test "bash completion: verbs, options, their values, containers and signals" {
	COMPLETION=bash
	completes_kist_oci
	completed --log-format = j
	[ "$output" = json ]
	completed --root = /x run --bun
	[ "$output" = --bundle ]
}

@test "zsh completion: verbs, options, their values, containers and signals" {
	command -v zsh >/dev/null || skip "zsh is not installed"
	COMPLETION=zsh
	completes_kist_oci
	completed --root=/x run --bun
	[ "$output" = --bundle ]
	completed --root="$HOME_OCI/state" start f
	[ "$output" = first ]
	completed run --bundle=/x --pid-f
	[ "$output" = --pid-file ]
}

@test "fish completion: verbs, options, their values, containers and signals" {
	command -v fish >/dev/null || skip "fish is not installed"
	COMPLETION=fish
	completes_kist_oci
	completed --log-format=j
	[ "$output" = --log-format=json ]
	completed --root="$HOME_OCI/state" start f
	[ "$output" = first ]
	completed run --bundle=/x --pid-f
	[ "$output" = --pid-file ]
}
