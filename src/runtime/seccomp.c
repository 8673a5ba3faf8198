/* From the document to BPF; libseccomp does the work. */
#include "runtime/seccomp.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "seccomp_private.h"

#define BPF_MAX (4096u * 8) /* BPF_MAXINSNS instructions: the kernel takes no more */

/* linux/seccomp.h; older headers lack the later ones */
static const struct {
	const char *name;
	uint32_t bit;
} filter_flags[] = {
	{"SECCOMP_FILTER_FLAG_TSYNC", 1u << 0},
	{"SECCOMP_FILTER_FLAG_LOG", 1u << 1},
	{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1u << 2},
	{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1u << 5},
};
#define FLAG_TSYNC (1u << 0)
#define FLAG_SPEC_ALLOW (1u << 2)
#define FLAG_NEW_LISTENER (1u << 3)
#define FLAG_TSYNC_ESRCH (1u << 4)
#define FLAG_WAIT_KILLABLE_RECV (1u << 5)

static bool notifies(const struct oci_seccomp *profile)
{
	for (size_t i = 0; i < profile->rule_count; i++)
		if (str_eq(profile->rules[i].action, "SCMP_ACT_NOTIFY"))
			return true;
	return false;
}

/* A document without the key gets SPEC_ALLOW, as runc does: the mitigation that a filter used to imply
 * costs more than it gives where the kernel has others. An empty list means none. */
static uint32_t collect_flags(const struct oci_seccomp *profile)
{
	uint32_t bits = profile->flags ? 0 : FLAG_SPEC_ALLOW;
	for (size_t i = 0; profile->flags && profile->flags[i]; i++) {
		for (size_t j = 0; j < ARRAY_LEN(filter_flags); j++) {
			if (str_eq(profile->flags[i], filter_flags[j].name))
				bits |= filter_flags[j].bit;
		}
	}
	/* seccomp(2): a new listener does not go with TSYNC alone, nor how to wait for one without it */
	if (notifies(profile))
		bits |= FLAG_NEW_LISTENER | (bits & FLAG_TSYNC ? FLAG_TSYNC_ESRCH : 0);
	else
		bits &= ~FLAG_WAIT_KILLABLE_RECV;
	return bits;
}

static const struct {
	const char *name;
	enum scmp_compare op;
} operators[] = {
	{"SCMP_CMP_NE", SCMP_CMP_NE},
	{"SCMP_CMP_LT", SCMP_CMP_LT},
	{"SCMP_CMP_LE", SCMP_CMP_LE},
	{"SCMP_CMP_EQ", SCMP_CMP_EQ},
	{"SCMP_CMP_GE", SCMP_CMP_GE},
	{"SCMP_CMP_GT", SCMP_CMP_GT},
	{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
};

/* Actions that carry no number. */
static const struct {
	const char *name;
	uint32_t action;
} plain_actions[] = {
	{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
	{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
	{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
	{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
	{"SCMP_ACT_LOG", SCMP_ACT_LOG},
	{"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY},
};

static int find_action(
	const char *name, bool has_errno, uint32_t number, uint32_t *out, struct err **err)
{
	uint32_t value = has_errno ? number : EPERM;
	if (str_eq(name, "SCMP_ACT_ERRNO")) {
		*out = SCMP_ACT_ERRNO(value);
		return 0;
	}
	if (str_eq(name, "SCMP_ACT_TRACE")) {
		*out = SCMP_ACT_TRACE(value);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(plain_actions); i++) {
		if (str_eq(name, plain_actions[i].name)) {
			*out = plain_actions[i].action;
			return 0;
		}
	}
	return err_set(err, ERR_INVALID, "seccomp: there is no action %s", name ? name : "\"\"");
}

uint32_t seccomp_arch_token(const char *name)
{
	const char *rest = str_after(name, "SCMP_ARCH_");
	auto_free char *lower = xstrdup(rest ? rest : "");
	for (char *c = lower; *c; c++)
		*c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
	return seccomp_arch_resolve_name(lower);
}

bool seccomp_has_architecture(const char *name)
{
	return seccomp_arch_token(name) != 0;
}

static int add_architectures(
	scmp_filter_ctx ctx, const struct oci_seccomp *profile, struct err **err)
{
	for (size_t i = 0; profile->architectures && profile->architectures[i]; i++) {
		const char *name = profile->architectures[i];
		uint32_t token = seccomp_arch_token(name);
		if (!token)
			return err_set(err, ERR_INVALID,
				"linux.seccomp.architectures: libseccomp %u.%u.%u does not know %s",
				seccomp_version()->major, seccomp_version()->minor,
				seccomp_version()->micro, name);
		int r = seccomp_arch_add(ctx, token);
		if (r < 0 && r != -EEXIST)
			return err_sys(err, -r, "seccomp: add architecture %s", name);
	}
	return 0;
}

static int make_condition(
	const struct oci_seccomp_arg *arg, struct scmp_arg_cmp *out, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
		if (str_eq(arg->op, operators[i].name)) {
			*out = (struct scmp_arg_cmp){.arg = arg->index,
				.op = operators[i].op,
				.datum_a = arg->value,
				.datum_b = arg->value_two};
			return 0;
		}
	}
	return err_set(
		err, ERR_INVALID, "seccomp: there is no operator %s", arg->op ? arg->op : "\"\"");
}

#define CONDITIONS_MAX 6

/* libseccomp wants each argument once in a rule. Conditions that share one are alternatives, a rule to
 * each: what Docker's profiles rely on. */
static bool shares_argument(const struct oci_seccomp_rule *rule)
{
	unsigned seen = 0;
	for (size_t i = 0; i < rule->arg_count; i++) {
		unsigned bit = 1u << rule->args[i].index;
		if (seen & bit)
			return true;
		seen |= bit;
	}
	return false;
}

static int add_call(scmp_filter_ctx ctx, uint32_t action, int number, const char *name,
	const struct oci_seccomp_rule *rule, struct err **err)
{
	struct scmp_arg_cmp conditions[CONDITIONS_MAX];
	bool alternatives = shares_argument(rule);
	unsigned count = 0;
	int r = 0;
	for (size_t i = 0; i < rule->arg_count; i++) {
		if (make_condition(&rule->args[i], &conditions[count], err) < 0)
			return -1;
		if (alternatives)
			r = seccomp_rule_add_array(ctx, action, number, 1, conditions);
		else
			count++;
		if (r < 0 && r != -EEXIST)
			return err_sys(err, -r, "seccomp: add a rule for %s", name);
	}
	if (!alternatives)
		r = seccomp_rule_add_array(ctx, action, number, count, conditions);
	if (r < 0 && r != -EEXIST)
		return err_sys(err, -r, "seccomp: add a rule for %s", name);
	return 0;
}

static int add_rules(scmp_filter_ctx ctx, const struct oci_seccomp *profile, uint32_t otherwise,
	struct err **err)
{
	for (size_t i = 0; i < profile->rule_count; i++) {
		const struct oci_seccomp_rule *rule = &profile->rules[i];
		uint32_t action;
		if (find_action(
			    rule->action, rule->errno_ret.set, rule->errno_ret.v, &action, err) < 0)
			return -1;
		if (action == otherwise) /* says nothing, and libseccomp refuses it */
			continue;
		for (size_t j = 0; rule->names && rule->names[j]; j++) {
			int number = seccomp_syscall_resolve_name(rule->names[j]);
			if (number == __NR_SCMP_ERROR)
				continue; /* newer than the library, or of another architecture */
			if (add_call(ctx, action, number, rule->names[j], rule, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int export(scmp_filter_ctx ctx, struct buf *bpf, struct err **err)
{
	auto_fd int fd = memfd_create("seccomp", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, errno, "create a memory file");
	int r = seccomp_export_bpf(ctx, fd);
	if (r < 0)
		return err_sys(err, -r, "seccomp: generate the filter");
	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, errno, "read the filter");
	return fd_read_all(fd, BPF_MAX, bpf, "the filter", err);
}

static int compile(const struct oci_seccomp *profile, struct buf *bpf, struct err **err)
{
	uint32_t otherwise;
	if (find_action(profile->default_action, profile->default_errno_ret.set,
		    profile->default_errno_ret.v, &otherwise, err) < 0)
		return -1;
	scmp_filter_ctx ctx = seccomp_init(otherwise);
	if (!ctx)
		return err_set(err, ERR_SYSTEM, "seccomp: libseccomp refuses the default action %s",
			profile->default_action);
	/* a binary search over the calls instead of a chain (libseccomp 2.5): half the time per call */
	seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	int r = add_architectures(ctx, profile, err);
	if (r == 0)
		r = add_rules(ctx, profile, otherwise, err);
	if (r == 0) {
		seccomp_enosys_stub(profile, bpf);
		r = export(ctx, bpf, err);
	}
	seccomp_release(ctx);
	return r;
}

int seccomp_compile(const struct oci_seccomp *profile, const char *cache, struct buf *bpf,
	uint32_t *flags, struct err **err)
{
	auto_buf key = BUF_INIT;
	for (size_t i = 0; i < profile->rule_count; i++) {
		for (size_t j = 0; j < profile->rules[i].arg_count; j++) {
			if (profile->rules[i].args[j].index >= CONDITIONS_MAX)
				return err_set(err, ERR_INVALID,
					"seccomp: a system call has %d arguments", CONDITIONS_MAX);
		}
	}
	*flags = collect_flags(profile);
	if (cache) {
		seccomp_cache_key(profile, &key);
		if (seccomp_cache_load(cache, &key, bpf) == 0)
			return 0;
	}
	auto_buf fresh = BUF_INIT;
	if (compile(profile, &fresh, err) < 0)
		return -1;
	if (cache)
		seccomp_cache_store(cache, &key, &fresh);
	buf_add(bpf, fresh.data, fresh.len);
	return 0;
}
