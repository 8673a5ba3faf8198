# bash completion for kist-oci. Verbs and options come from the program's own help, so there is no table of them here.

# _kist_oci_takes_value HELP OPTION: is what follows OPTION its value?
_kist_oci_takes_value() {
	awk -v option="$2" '/^   -/ {
		if ($2 == "value," && $3 == option || $1 == option && $2 ~ /^value,?$/)
			found = 1
	} END { exit !found }' <<<"$1"
}

_kist_oci() {
	local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} verb='' option='' help list='' word i arguments=0
	local -a globals=()
	COMPREPLY=()
	help=$("$program" --help 2>/dev/null) || return
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		option=''
		if [[ $word == -?* ]]; then
			# bash cuts --root=DIR into three
			if _kist_oci_takes_value "$help" "$word"; then
				option=$word
				[[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
				((i++))
				[ "$verb" ] || [ "$i" -ge "$COMP_CWORD" ] || globals+=("$option" "${COMP_WORDS[i]}")
			fi
		elif [ -z "$verb" ]; then
			verb=$word
			help=$("$program" "$verb" --help 2>/dev/null) || return
		else
			((arguments++))
			# what follows is a command line of the container's, or ps's
			[[ $verb == exec || $verb == ps ]] && return
		fi
	done
	[[ $cur == = ]] && cur=''
	if [ "$option" ] && _kist_oci_is_value "$option"; then
		case $option in
		--log-format) list='text json' ;;
		--format | -f) list='table json' ;;
		--rootless) list='true false auto' ;;
		--manage-cgroups-mode) list='soft full strict ignore' ;;
		*) return ;; # files, by "complete -o default"
		esac
	elif [[ $cur == -* ]]; then
		list=$(awk '/^   -/ { for (i = 1; i <= 3; i++) if ($i ~ /^-/) { sub(/,$/, "", $i); print $i } }' <<<"$help")
	elif [ -z "$verb" ]; then
		list=$(awk '/^[A-Z]/ { on = /^COMMANDS:/ } on && /^   / { print $1 }' <<<"$help")
	elif [ "$arguments" = 0 ] && [[ $verb != create && $verb != run && $verb != restore && $help == *'<container-id>'* ]]; then
		list=$("$program" "${globals[@]}" list -q 2>/dev/null)
	elif [ "$arguments" = 1 ] && [ "$verb" = kill ]; then
		list=$(compgen -A signal SIG)
	fi
	mapfile -t COMPREPLY < <(compgen -W "$list" -- "$cur")
}

# The word that is being completed, is it the value of the option before it?
_kist_oci_is_value() {
	local before=${COMP_WORDS[COMP_CWORD - 1]}
	[[ ${COMP_WORDS[COMP_CWORD]} == = ]] && return 0
	[[ $before == = ]] && before=${COMP_WORDS[COMP_CWORD - 2]}
	[ "$before" = "$1" ]
}

complete -o default -F _kist_oci kist-oci
