#compdef kist-oci
# zsh completion for kist-oci. Verbs, options and what is said of them come from the program's own help.

# _kist_oci_takes_value HELP OPTION: is what follows OPTION its value?
_kist_oci_takes_value() {
	awk -v option="$2" '/^   -/ {
		if ($2 == "value," && $3 == option || $1 == option && $2 ~ /^value,?$/)
			found = 1
	} END { exit !found }' <<<"$1"
}

# "NAME:what it is" for each verb of a help, or for each option.
_kist_oci_verbs() {
	awk '/^[A-Z]/ { on = /^COMMANDS:/ } on && /^   / { name = $1; sub(/^ *[^ ]+ +/, ""); print name ":" $0 }' <<<"$1"
}

_kist_oci_options() {
	awk '/^   -/ { n = split(substr($0, 1, 37), words); text = substr($0, 38)
		for (i = 1; i <= n; i++) { sub(/,$/, "", words[i]); if (words[i] ~ /^-/) print words[i] ":" text } }' <<<"$1"
}

_kist_oci() {
	local program=$words[1] cur=$words[CURRENT] verb= option= help word
	local -i i arguments=0
	local -a globals list
	help=$($program --help 2>/dev/null) || return 1
	for ((i = 2; i < CURRENT; i++)); do
		word=$words[i]
		option=
		if [[ $word == -?* ]]; then
			if [[ $word != *=* ]] && _kist_oci_takes_value "$help" "$word"; then
				option=$word
				((++i))
				[[ -n $verb ]] || ((i >= CURRENT)) || globals+=("$option" "$words[i]")
			elif [[ -z $verb ]]; then
				globals+=("$word")
			fi
		elif [[ -z $verb ]]; then
			verb=$word
			help=$($program $verb --help 2>/dev/null) || return 1
		else
			((++arguments))
			# what follows is a command line of the container's, or ps's
			[[ $verb != (exec|ps) ]] || { _files; return }
		fi
	done
	if ((i <= CURRENT)) && [[ $cur == -*=* ]]; then
		option=${cur%%=*}
		compset -P '*='
	elif ((i <= CURRENT)); then
		option=
	fi
	if [[ -n $option ]]; then
		case $option in
		--log-format) list=(text json) ;;
		--format | -f) list=(table json) ;;
		--rootless) list=(true false auto) ;;
		--manage-cgroups-mode) list=(soft full strict ignore) ;;
		*) _files; return ;;
		esac
		compadd -a list
	elif [[ $cur == -* ]]; then
		list=("${(@f)$(_kist_oci_options "$help")}")
		_describe option list
	elif [[ -z $verb ]]; then
		list=("${(@f)$(_kist_oci_verbs "$help")}")
		_describe command list
	elif ((arguments == 0)) && [[ $verb != (create|run|restore) && $help == *'<container-id>'* ]]; then
		list=(${(f)"$($program $globals list -q 2>/dev/null)"})
		compadd -a list
	elif ((arguments == 1)) && [[ $verb == kill ]]; then
		# between them stand EXIT, and ZERR and DEBUG
		list=(SIG${^signals[2,-3]})
		compadd -a list
	fi
}

_kist_oci "$@"
