/* Shell completion: the shells ask the hidden command "__complete", so they need no tables. */
#ifndef KIST_CLI_COMPLETION_H
#define KIST_CLI_COMPLETION_H

#include "cli.h"

/**
 * Candidates for the last of @words (the command line after "kist", the last one perhaps empty), one a
 * line: "word" or "word<TAB>description". A final line ":files" asks the shell for file names.
 */
void completion_candidates(struct cli *cli, char *const *words, struct buf *out);

#endif
