/*
 * The kist command line: docker's verbs, spoken to a daemon over the Engine API.
 *
 * Everything is derived from one table of commands (commands.c): dispatch, help, shell completion and
 * the man pages. Single-threaded; owns standard input, output and error of the process.
 */
#ifndef KIST_CLI_CLI_H
#define KIST_CLI_CLI_H

/**
 * Runs the program: parses @argv, carries the command out, prints its output and errors.
 *
 * Returns the exit code of the process, as docker's: 0, 1 for a failed command, 64 for a bad template,
 * 125 for bad flags and for failures of `run` itself, 126 and 127 where the container's program could
 * not be executed or found, else the container's own.
 */
int cli_main(int argc, char **argv);

#endif
