/* Questions to the user on the terminal. */
#ifndef KIST_CLI_PROMPT_H
#define KIST_CLI_PROMPT_H

#include <stdbool.h>

#include "base/err.h"

#define PROMPT_MAX 4096

/**
 * Prints @question on standard output and reads a line from standard input, without its end; owned.
 * @secret: what is typed is not shown. A signal that ends or stops the program finds the terminal as it
 * was. NULL at the end of input ("": the user typed nothing), or beyond PROMPT_MAX bytes.
 */
char *prompt_line(const char *question, bool secret, struct err **err);

#endif
