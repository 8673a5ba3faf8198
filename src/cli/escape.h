/* Names that strangers chose, and messages that tell of them, for terminals. */
#ifndef KIST_CLI_ESCAPE_H
#define KIST_CLI_ESCAPE_H

#include <stddef.h>

/**
 * @s with everything that could steer a terminal or hide something made visible: control characters (C0, DEL,
 * C1) and bytes that are no UTF-8 as \xNN, "\n", "\t" and "\\" so, and the characters that turn the direction of
 * text or take no room as \u{N}. New.
 */
char *escape_name(const char *s);
/** A message from over the network, in which control characters but newline and tab become "?". New. */
char *escape_controls(const char *s);

#endif
