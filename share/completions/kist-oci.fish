# fish completion for kist-oci. Verbs, options and what is said of them come from the program's own help.

# Reads a help: is what follows OPTION its value?
function __kist_oci_takes_value -a option
    awk -v option="$option" '/^   -/ {
		if ($2 == "value," && $3 == option || $1 == option && $2 ~ /^value,?$/)
			found = 1
	} END { exit !found }'
end

# Reads a help: "NAME<tab>what it is" for each verb, or for each option.
function __kist_oci_verbs
    awk '/^[A-Z]/ { on = /^COMMANDS:/ } on && /^   / { name = $1; sub(/^ *[^ ]+ +/, ""); print name "\t" $0 }'
end

function __kist_oci_options
    awk '/^   -/ { n = split(substr($0, 1, 37), words); text = substr($0, 38)
		for (i = 1; i <= n; i++) { sub(/,$/, "", words[i]); if (words[i] ~ /^-/) print words[i] "\t" text } }'
end

# The candidates for the value of OPTION, each with PREFIX in front of it.
function __kist_oci_values -a option prefix current
    switch $option
        case --log-format
            printf '%s\n' $prefix{text,json}
        case --format -f
            printf '%s\n' $prefix{table,json}
        case --rootless
            printf '%s\n' $prefix{true,false,auto}
        case --manage-cgroups-mode
            printf '%s\n' $prefix{soft,full,strict,ignore}
        case '*'
            for path in (__fish_complete_path $current)
                echo $prefix$path
            end
    end
end

function __kist_oci_candidates
    set -l tokens (commandline -opc)
    set -l current (commandline -ct)
    set -l program $tokens[1]
    set -l verb
    set -l option
    set -l arguments 0
    set -l globals
    set -l help ($program --help 2>/dev/null | string collect)
    for word in $tokens[2..]
        if test -n "$option"
            test -n "$verb"; or set -a globals $option $word
            set option
        else if string match -qr -- '^-.' $word
            if not string match -q -- '*=*' $word; and echo $help | __kist_oci_takes_value $word
                set option $word
            else if test -z "$verb"
                set -a globals $word
            end
        else if test -z "$verb"
            set verb $word
            set help ($program $verb --help 2>/dev/null | string collect)
        else
            set arguments (math $arguments + 1)
            # what follows is a command line of the container's, or ps's
            if contains -- $verb exec ps
                __fish_complete_path $current
                return
            end
        end
    end
    if test -n "$option"
        __kist_oci_values $option '' $current
    else if string match -q -- '-*=*' $current
        set -l parts (string split -m 1 = -- $current)
        __kist_oci_values $parts[1] $parts[1]= "$parts[2]"
    else if string match -q -- '-*' $current
        echo $help | __kist_oci_options
    else if test -z "$verb"
        echo $help | __kist_oci_verbs
    else if test $arguments = 0; and not contains -- $verb create run restore; and string match -q -- '*<container-id>*' $help
        $program $globals list -q 2>/dev/null
    else if test $arguments = 1; and test $verb = kill
        # "kill -l" is one line or several
        printf 'SIG%s\n' (kill -l | string split -n ' ')
    end
end

complete -c kist-oci -f -a '(__kist_oci_candidates)'
