/*
 * Who may change a container: record locks on two bytes of the file "lock" in its folder.
 *
 *	0	of every verb that changes something
 *	1	besides, of those that make or start it: create, run, restore and start, whose hooks may hang
 *
 * Not flock(2): init is cloned while they are held and must not hold them too. The kernel knows whose they are and takes them
 * away when that process ends, so that there is nothing on record that may be stale.
 */
#ifndef KIST_OCI_STATE_LOCK_H
#define KIST_OCI_STATE_LOCK_H

#include "base/err.h"

enum state_lock {
	LOCK_NONE,
	LOCK_CHANGE, /* waits for as long as it takes */
	LOCK_MAKE, /* the same, with byte 1 */
	LOCK_DELETE, /* waits for a moment */
	LOCK_FORCE, /* the same; then whoever makes or starts the container is killed */
};

/**
 * Locks @file, a descriptor of container @id's, until it is closed (it or another one of the same file). ERR_CONFLICT if
 * LOCK_DELETE or LOCK_FORCE have waited in vain: the message names the process that has it.
 */
int state_lock_take(int file, enum state_lock how, const char *id, struct err **err);

#endif
