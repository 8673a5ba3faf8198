/* Rules of config-linux.md "Seccomp". The closed sets are the specification's; what libseccomp or the
 * kernel cannot do of them is found out when the filter is compiled. */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "validate.h"

#define BAD(err, ...) err_set((err), ERR_INVALID, __VA_ARGS__)

static const char *const actions[] = {
	"SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_TRAP",
	"SCMP_ACT_ERRNO",
	"SCMP_ACT_TRACE",
	"SCMP_ACT_ALLOW",
	"SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY",
};

static const char *const operators[] = {
	"SCMP_CMP_NE",
	"SCMP_CMP_LT",
	"SCMP_CMP_LE",
	"SCMP_CMP_EQ",
	"SCMP_CMP_GE",
	"SCMP_CMP_GT",
	"SCMP_CMP_MASKED_EQ",
};

static const char *const flags[] = {
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
};

static bool in_list(const char *const *list, size_t count, const char *s)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(list[i], s))
			return true;
	}
	return false;
}
#define IN_LIST(list, s) in_list((list), ARRAY_LEN(list), (s))

#define ARGS_MAX 6 /* a system call has no more */
#define ERRNO_MAX 4095 /* MAX_ERRNO: the kernel cuts larger ones */

static int check_errno(
	const char *where, const char *action, bool set, uint32_t value, struct err **err)
{
	if (!set)
		return 0;
	if (!str_eq(action, "SCMP_ACT_ERRNO") && !str_eq(action, "SCMP_ACT_TRACE"))
		return BAD(err, "linux.seccomp.%s: errnoRet has no meaning with %s", where, action);
	if (str_eq(action, "SCMP_ACT_ERRNO") && value > ERRNO_MAX)
		return BAD(err, "linux.seccomp.%s: errnoRet %u is not an errno", where, value);
	return 0;
}

static int check_rule(const struct oci_seccomp_rule *rule, size_t i, struct err **err)
{
	if (!strv_len(rule->names))
		return BAD(err, "linux.seccomp.syscalls[%zu].names: is empty", i);
	if (!IN_LIST(actions, rule->action))
		return BAD(err, "linux.seccomp.syscalls[%zu].action: there is no action %s", i,
			rule->action ? rule->action : "\"\"");
	char where[48];
	snprintf(where, sizeof(where), "syscalls[%zu]", i);
	if (check_errno(where, rule->action, rule->errno_ret.set, rule->errno_ret.v, err) < 0)
		return -1;
	for (size_t j = 0; j < rule->arg_count; j++) {
		if (rule->args[j].index >= ARGS_MAX)
			return BAD(err,
				"linux.seccomp.syscalls[%zu].args[%zu].index: must be below %d", i,
				j, ARGS_MAX);
		if (!IN_LIST(operators, rule->args[j].op))
			return BAD(err,
				"linux.seccomp.syscalls[%zu].args[%zu].op: there is no operator %s",
				i, j, rule->args[j].op ? rule->args[j].op : "\"\"");
	}
	return 0;
}

/* By write the runtime hands the listener on: what waited for the agent there would wait for ever. */
static int check_notify(const struct oci_seccomp *s, const struct oci_seccomp_rule *rule, size_t i,
	struct err **err)
{
	if (!str_eq(rule->action, "SCMP_ACT_NOTIFY"))
		return 0;
	if (str_empty(s->listener_path))
		return BAD(err, "linux.seccomp.listenerPath: is needed by SCMP_ACT_NOTIFY");
	for (size_t j = 0; rule->names[j]; j++)
		if (str_eq(rule->names[j], "write"))
			return BAD(err,
				"linux.seccomp.syscalls[%zu]: SCMP_ACT_NOTIFY cannot be used for "
				"the write syscall",
				i);
	return 0;
}

bool oci_seccomp_empty(const struct oci_seccomp *s)
{
	return str_empty(s->default_action) && !s->rule_count && str_empty(s->listener_path);
}

int oci_seccomp_validate(const struct oci_seccomp *s, struct err **err)
{
	if (!IN_LIST(actions, s->default_action))
		return BAD(err, "linux.seccomp.defaultAction: there is no action %s",
			s->default_action ? s->default_action : "\"\"");
	if (str_eq(s->default_action, "SCMP_ACT_NOTIFY"))
		return BAD(
			err, "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would wait for itself");
	if (check_errno("defaultErrnoRet", s->default_action, s->default_errno_ret.set,
		    s->default_errno_ret.v, err) < 0)
		return -1;
	for (size_t i = 0; s->flags && s->flags[i]; i++) {
		if (!IN_LIST(flags, s->flags[i]))
			return BAD(err, "linux.seccomp.flags: there is no flag %s", s->flags[i]);
	}
	for (size_t i = 0; s->architectures && s->architectures[i]; i++) {
		if (!str_starts(s->architectures[i], "SCMP_ARCH_"))
			return BAD(err, "linux.seccomp.architectures: there is no architecture %s",
				s->architectures[i]);
	}
	for (size_t i = 0; i < s->rule_count; i++) {
		if (check_rule(&s->rules[i], i, err) < 0)
			return -1;
		if (check_notify(s, &s->rules[i], i, err) < 0)
			return -1;
	}
	if (!str_empty(s->listener_metadata) && str_empty(s->listener_path))
		return BAD(err, "linux.seccomp.listenerMetadata: is given without listenerPath");
	return 0;
}
