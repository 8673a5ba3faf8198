/* The user's terminal: raw mode and back, and its size. */
#ifndef KIST_CLI_TERMINAL_H
#define KIST_CLI_TERMINAL_H

#include <stdbool.h>
#include <termios.h>

struct terminal {
	int fd; /* -1: nothing to restore */
	struct termios saved;
};

/** Switches @fd to raw mode if it is a terminal; remembers how it was. */
void terminal_raw(struct terminal *t, int fd);
/** Puts the terminal back; may be called twice. */
void terminal_restore(struct terminal *t);
/** Rows and columns of standard output's terminal; false if it is none or has no size. */
bool terminal_size(unsigned *rows, unsigned *columns);

#define auto_terminal __attribute__((cleanup(terminal_restore))) struct terminal

#endif
