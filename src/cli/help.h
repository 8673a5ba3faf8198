/* Help texts made from the table of commands, laid out as docker's. */
#ifndef KIST_CLI_HELP_H
#define KIST_CLI_HELP_H

#include "base/buf.h"
#include "command.h"

/** "Usage:  kist run [OPTIONS] IMAGE ...\n" for a command called by @path. */
void help_usage(struct buf *out, const struct command *cmd, const char *path);
/** The whole help of one command. */
void help_command(struct buf *out, const struct command *cmd, const char *path, int columns);
void help_group(struct buf *out, const struct group *group);
/** `kist help`. */
void help_top(struct buf *out, int columns);
/** All names: "kist container ls, kist container list, kist ps"; empty if there is only one. */
void help_aliases(struct buf *out, const struct command *cmd);
/** Two columns of flags, wrapped at @columns as pflag wraps. */
void help_flags(struct buf *out, const struct flag_spec *flags, int columns);

#endif
