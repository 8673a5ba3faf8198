/* completion: the scripts for shells; __complete: what they call. */
#include <stdio.h>

#include "base/fdio.h"
#include "completion.h"

static const char bash_script[] =
	"# bash completion for kist\n"
	"_kist() {\n"
	"\tlocal cur words line files=\n"
	"\tCOMPREPLY=()\n"
	"\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
	"\t\t_get_comp_words_by_ref -n =: -c cur -w words\n"
	"\telse\n"
	"\t\tcur=${COMP_WORDS[COMP_CWORD]} words=(\"${COMP_WORDS[@]:0:COMP_CWORD+1}\")\n"
	"\tfi\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [ \"$line\" = :files ]; then files=1; else COMPREPLY+=(\"${line%%$'\\t'*}\"); fi\n"
	"\tdone < <(\"${words[0]}\" __complete -- \"${words[@]:1}\" 2>/dev/null)\n"
	"\tif [ -n \"$files\" ]; then\n"
	"\t\twhile IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -f -- \"$cur\")\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\tfi\n"
	"\tif declare -F __ltrim_colon_completions >/dev/null; then\n"
	"\t\t__ltrim_colon_completions \"$cur\"\n"
	"\tfi\n"
	"}\n"
	"complete -F _kist kist\n";

static const char zsh_script[] =
	"#compdef kist\n"
	"_kist() {\n"
	"\tlocal line files= word text\n"
	"\tlocal -a found\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :files ]]; then files=1; continue; fi\n"
	"\t\tword=${line%%$'\\t'*} text=\n"
	"\t\t[[ $line == *$'\\t'* ]] && text=${line#*$'\\t'}\n"
	"\t\tfound+=(\"${word//:/\\\\:}${text:+:$text}\")\n"
	"\tdone < <(${words[1]} __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)\n"
	"\t(( $#found )) && _describe -V kist found\n"
	"\t[[ -n $files ]] && _files\n"
	"}\n"
	"if [[ $funcstack[1] == _kist ]]; then _kist \"$@\"; else compdef _kist kist; fi\n";

static const char fish_script[] =
	"# fish completion for kist\n"
	"function __kist_complete\n"
	"\tset -l words (commandline -opc) (commandline -ct)\n"
	"\tfor line in ($words[1] __complete -- $words[2..-1] 2>/dev/null)\n"
	"\t\tif test \"$line\" = :files\n"
	"\t\t\t__fish_complete_path (commandline -ct)\n"
	"\t\telse\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c kist -f -a '(__kist_complete)'\n";

static const struct {
	const char *shell, *script;
} scripts[] = {{"bash", bash_script}, {"fish", fish_script}, {"zsh", zsh_script}};

static int cmd_completion(struct cli *cli, const struct args *a)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
		if (!str_eq(scripts[i].shell, a->rest[0]))
			continue;
		fputs(scripts[i].script, stdout);
		return 0;
	}
	fprintf(stderr, "kist: no completion for the shell \"%s\": bash, fish or zsh\n",
		a->rest[0]);
	return 1;
}

static int cmd_complete(struct cli *cli, const struct args *a)
{
	auto_buf out = BUF_INIT;
	char *const nothing[] = {(char[]){""}, NULL};
	completion_candidates(cli, a->nrest ? a->rest : nothing, &out);
	return fd_write_all(STDOUT_FILENO, buf_str(&out), out.len) < 0;
}

const struct command command_completion = {
	.name = "completion",
	.args = "bash|fish|zsh",
	.summary = "Print a script that completes command lines in a shell",
	.min_args = 1,
	.max_args = 1,
	.completes = "bash fish zsh",
	.run = cmd_completion,
};

const struct command command_complete = {
	.name = "__complete",
	.args = "[WORD...]",
	.summary = "Print candidates for the last word",
	.max_args = INT_MAX,
	.stop_at_arg = true,
	.hidden = true,
	.run = cmd_complete,
};
