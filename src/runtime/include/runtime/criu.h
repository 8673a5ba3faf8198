/*
 * Checkpoint and restore of a container by criu(8), which does all the work: kist tells it what of the container
 * comes from outside, and makes that anew at a restore.
 *
 * criu runs as "criu swrk 3" and is spoken to in its RPC (criu.proto). At a restore it runs inside the container's
 * cgroup, so that what it brings forth is there from birth, and in a mount namespace of its own, whose root file
 * system needs no clearing up. The restored init is a child of the caller.
 *
 * A checkpoint is criu's images plus "descriptors.json": what the container's standard streams were, as runc
 * writes it (which knows pipes only). Images of other runtimes can be restored where their mounts carry the names that runc gives them.
 *
 * For single-threaded programs with privilege. criu 3.15 or newer.
 */
#ifndef KIST_RUNTIME_CRIU_H
#define KIST_RUNTIME_CRIU_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/plan.h"
#include "runtime/run.h"

/** Strings are borrowed. What is NULL, false or empty is not asked for. */
struct criu_options {
	const char *program; /* name or path of criu; NULL: "criu" in $PATH */
	const char *image_path; /* folder of the images; made (mode 0700) for a checkpoint */
	const char
		*work_path; /* folder of log files, made where missing; NULL: that of the images */
	const char
		*parent_path; /* checkpoint: an earlier pre-dump's images, relative to image_path */
	const char
		*cgroup_mode; /* "soft", "full", "strict", "ignore"; NULL: criu's default, soft */
	const char *page_server; /* checkpoint: "ADDRESS:PORT" */
	char *const *empty_ns; /* "network" or nothing: kist does not restore interfaces anyway */
	const char *lsm_profile, *lsm_mount_context; /* restore: "TYPE:NAME"; criu 3.16 */
	bool leave_running, pre_dump; /* checkpoint */
	bool tcp_established, tcp_skip_in_flight, link_remap, ext_unix_sk, shell_job, file_locks;
	bool auto_dedup, lazy_pages;
	int status_fd; /* checkpoint with lazy_pages: gets a NUL byte when pages are served; -1 */
};

/** ERR_INVALID for what can be known to be wrong without criu, naming the option. */
int criu_options_check(const struct criu_options *options, struct err **err);

/**
 * How a checkpoint calls what is open at @fd: "pipe:[INODE]", "file[MOUNT:INODE]" for files and devices, else what
 * readlink of /proc/self/fd/N says. Owned. By the first two names streams are replaced at a restore.
 */
char *criu_stream_name(int fd);

/**
 * Dumps the container whose init is @pid. @streams are the criu_stream_name()s of its standard streams, taken when it
 * was made (may be NULL). Unless leave_running or pre_dump, its processes are gone
 * afterwards; cgroup and the rest are the caller's to remove. After a failure it runs on.
 */
int criu_checkpoint(const struct plan *plan, pid_t pid, const struct cgroup *cgroup,
	char *const *streams, const struct criu_options *options, struct err **err);

/**
 * Makes the container of @plan from images: as run_create() and run_start() together, with the same result in
 * *out (tty_master where it had a terminal). prestart and createRuntime hooks run once the namespaces exist. @io's
 * streams stand in for those recorded in descriptors.json that were pipes, files or devices. @folder is an absolute path of an
 * existing empty folder: where criu sees the root file system. After a failure nothing is left.
 */
int criu_restore(struct run **out, const struct plan *plan, const struct run_io *io,
	const char *folder, const struct criu_options *options, struct err **err);

#endif
