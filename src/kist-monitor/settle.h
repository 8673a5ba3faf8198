/* Giving memory back when there is nothing to do: a monitor mostly waits, and there may be thousands. */
#ifndef KIST_MONITOR_SETTLE_H
#define KIST_MONITOR_SETTLE_H

/** Returns free heap to the kernel and drops the program's pages that are not needed now: the code that made the
 * container is of no more use, and the kernel reads back from the page cache what is. */
void settle(void);

#endif
