/*
 * The mount API of Linux 5.2 and later: mounts are made detached, as descriptors, and moved into
 * place. A detached mount is in no namespace: when the last descriptor closes it is gone, so a
 * crash leaves nothing behind. All functions return -1 with errno and are safe between clone and
 * exec, unless they say otherwise.
 */
#ifndef KIST_SYS_NEWMOUNT_H
#define KIST_SYS_NEWMOUNT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/mount.h>

#ifndef MOVE_MOUNT_BENEATH
#define MOVE_MOUNT_BENEATH 0x00000200
#endif

/* struct mount_attr as the kernel has it (glibc 2.36 has it as well, older ones do not). */
struct newmount_attr {
	uint64_t set, clear, propagation, userns_fd;
};

int newmount_fsopen(const char *fstype);
/** FSCONFIG_SET_FLAG where @value is NULL, else FSCONFIG_SET_STRING. */
int newmount_option(int context, const char *key, const char *value);
int newmount_option_fd(int context, const char *key, int fd);
/** FSCONFIG_CMD_CREATE and fsmount(2): the detached mount. */
int newmount_make(int context, uint64_t attr);
/** FSCONFIG_CMD_CREATE alone. */
int newmount_create(int context);
/** A context for the file system that is mounted at the descriptor @mnt; options then change it. */
int newmount_pick(int mnt);
/** FSCONFIG_CMD_RECONFIGURE. */
int newmount_reconfigure(int context);
/** fsopen, option pairs (NULL-terminated: key, value, key, value; value NULL is a flag), make. */
int newmount_simple(const char *fstype, const char *const *options, uint64_t attr);

/** A detached copy of the mount at @dir/@path (may be "" for @dir itself). */
int newmount_clone(int dir, const char *path, bool recursive);
/** Attaches the detached mount @mnt on what the descriptor @target is. */
int newmount_move(int mnt, int target);
/** The same on the folder @name in @dir: one that is ours, or its path would be anybody's. No link is followed. */
int newmount_move_to(int mnt, int dir, const char *name);
int newmount_setattr(int mnt, bool recursive, const struct newmount_attr *attr);
/** Lazily unmounts the mount that @fd is the top of. Changes the working folder (fchdir, then
 * umount2(2) of "."), which is the only way to name a mount by descriptor. */
int newmount_detach(int fd);

/** What the kernel says about a failed step on @context (fsconfig log): copied to @msg without the
 * leading level; empty if there is nothing. Returns its length. */
int newmount_log(int context, char *msg, unsigned int room);

#endif
