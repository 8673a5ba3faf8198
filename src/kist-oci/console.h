/* Terminals and waiting: the console socket, and a process in the foreground. */
#ifndef KIST_OCI_CONSOLE_H
#define KIST_OCI_CONSOLE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "notify.h"

/** Whether a process with or without a terminal goes with how it is started: ERR_INVALID if not. */
int console_check(bool terminal, bool detach, const char *socket, struct err **err);

/** Sends the pty's master over the unix socket at @path, as runc's docs/terminals.md describes. */
int console_send(const char *path, int master, struct err **err);

/** A descriptor of our terminal: the standard streams', from the last, or the controlling one. -1 if there is none. */
int foreground_terminal(void);
/** Prepared before the process starts, so that no signal is lost: blocks what foreground_wait() forwards. */
int foreground_signals(struct err **err);
/**
 * Waits for @pid (a child), forwarding signals to it and, with @master >= 0, relaying between our terminal and the
 * pty. Returns the exit code (128 + signal), -1 on failure. @signals from foreground_signals();
 * @notify: what the container says there is told on, or NULL.
 */
int foreground_wait(
	pid_t pid, int pidfd, int master, int signals, struct notify *notify, struct err **err);

#endif
