/*
 * The container's terminal. The pty comes from a devpts that is proven to be one, its other side
 * from the kernel (TIOCGPTPEER) and not from a path, and what is bound on /dev/console is that
 * descriptor (CVE-2025-52565). All in the child.
 */
#ifndef KIST_RUNTIME_TTY_H
#define KIST_RUNTIME_TTY_H

#include "report.h"
#include "runtime/plan.h"

/**
 * Opens a pair in @devpts (the mount, or -1: what @root has at /dev/pts), sends the master to the
 * parent and returns the container's side. @lf_only as in struct run_io.
 */
int tty_open(int devpts, int root, const struct plan_process *p, bool lf_only, struct reporter *r);
/** Binds @tty on /dev/console below @root. Needs the mount namespace that the pty's devpts is in.
 */
void tty_bind_console(int tty, int root, struct reporter *r);
/** Makes @tty the controlling terminal of this session leader. */
void tty_control(int tty, struct reporter *r);

#endif
