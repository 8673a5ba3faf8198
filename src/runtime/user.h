/*
 * Who the container's process is to be, from the container's own /etc/passwd and /etc/group,
 * without libc's name service. The files are hostile: opened inside the root, regular files only,
 * bounded in size and line length (CVE-2024-9676).
 *
 * The rules are Docker's (moby sys/user GetExecUser): "user[:group]"; a number is always a number,
 * never a name (CVE-2016-3697), and needs no entry; ids go up to 2^31-1 (CVE-2024-40635). Without a
 * group the user's primary group and those that list the user apply (CVE-2022-36109: the primary
 * one included).
 *
 * Runs in the child: allocates nothing. The parsers take descriptors, for tests and fuzzing.
 */
#ifndef KIST_RUNTIME_USER_H
#define KIST_RUNTIME_USER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "report.h"
#include "runtime/plan.h"

#define USER_FILE_MAX (8U << 20)
#define USER_LINE_MAX 65536
#define USER_GROUPS_MAX 4096
#define USER_HOME_MAX 1024
#define USER_NAME_MAX 256

struct user {
	uint32_t uid, gid;
	uint32_t groups[USER_GROUPS_MAX]; /* supplementary, the primary one first */
	size_t group_count;
	char home[USER_HOME_MAX];
	char name[USER_NAME_MAX]; /* entry that matched, or "" */
};

/** What went wrong, in Docker's words. */
struct user_fault {
	enum err_kind kind;
	int sys;
	char text[256];
};

/**
 * Resolves @spec ("" is root). @passwd and @group are descriptors at their beginning, or -1 for an
 * absent file. 0, or -1 with @fault.
 */
int user_resolve(struct user *out, const char *spec, const char *const *group_add, int passwd,
	int group, struct user_fault *fault);
/** Only the home of @uid ("/" if it has none). */
int user_find_home(struct user *out, uint32_t uid, int passwd, struct user_fault *fault);

/** Child: fills @out for @process from the files below @root. */
void user_prepare(
	struct user *out, const struct plan_process *process, int root, struct reporter *r);

#endif
