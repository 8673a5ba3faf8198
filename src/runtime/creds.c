#include "creds.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "seccomp_try.h"
#include "sys/procfs.h"

#define BIT(cap) (1ULL << (cap))

struct cap_sets {
	uint64_t effective, permitted, inheritable;
};

static int caps_get(struct cap_sets *out)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &head, data) < 0)
		return -1;
	out->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	out->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	out->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

static int caps_set(const struct cap_sets *s)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)s->effective, (uint32_t)s->permitted, (uint32_t)s->inheritable},
		{(uint32_t)(s->effective >> 32), (uint32_t)(s->permitted >> 32),
			(uint32_t)(s->inheritable >> 32)},
	};
	return (int)syscall(SYS_capset, &head, data);
}

/* What the plan gives to @user, as far as we have it ourselves. */
static void wanted(
	const struct plan_process *p, const struct user *user, struct oci_capabilities *out)
{
	*out = p->has_caps ? p->caps : (struct oci_capabilities){0};
	if (!p->caps_by_user || user->uid == 0)
		return;
	out->permitted = out->effective = out->ambient;
	out->inheritable = out->ambient;
}

void creds_warn(const struct plan_process *p)
{
	const struct oci_capabilities *c = &p->caps;
	struct cap_sets have;
	if (!p->has_caps || caps_get(&have) < 0)
		return;
	for (int cap = 0; cap <= OCI_CAP_LAST; cap++) {
		if (!((c->bounding | c->permitted | c->inheritable) & BIT(cap)))
			continue;
		if (!(have.permitted & BIT(cap)) || prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != 1)
			log_warn("capability %s cannot be granted: it is not ours to give",
				oci_cap_name(cap));
	}
}

static bool needs_admin(const struct plan_process *p)
{
	return p->bpf_len && !p->no_new_privs;
}

static void drop_bounding(uint64_t keep, struct reporter *r)
{
	for (unsigned int cap = 0; cap < 64; cap++) {
		if (keep & BIT(cap))
			continue;
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				return; /* beyond the last one that the kernel has */
			report_sys(r, "drop capability %u from the bounding set", cap);
		}
	}
}

static void set_ambient(uint64_t ambient, struct reporter *r)
{
	if (!ambient)
		return;
	for (unsigned int cap = 0; cap < 64; cap++)
		if ((ambient & BIT(cap)) &&
			prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
			report_sys(r, "raise ambient capability %u", cap);
}

static void set_final(
	const struct plan_process *p, const struct user *user, uint64_t extra, struct reporter *r)
{
	struct oci_capabilities want;
	struct cap_sets have;
	wanted(p, user, &want);
	if (caps_get(&have) < 0)
		report_sys(r, "read the capabilities");
	/* what we lack ourselves (a container engine in a container) cannot be given */
	struct cap_sets set = {
		.effective = (want.effective | extra) & have.permitted,
		.permitted = (want.permitted | extra) & have.permitted,
		.inheritable = want.inheritable & have.permitted,
	};
	if (caps_set(&set) < 0)
		report_sys(r, "set the capabilities");
	if (!extra)
		set_ambient(want.ambient & set.permitted & set.inheritable, r);
}

void creds_keyring(const char *name, struct reporter *r)
{
	long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
	/* no keys in this kernel, or none allowed by an outer filter: nothing to be kept apart */
	if (ring < 0 && errno != ENOSYS && errno != EPERM)
		report_sys(r, "join a session keyring");
	/* possessor everything; user view, read, search, link */
	if (ring >= 0)
		syscall(SYS_keyctl, KEYCTL_SETPERM, ring, 0x3f1b0000);
}

static void write_label(int proc, const char *file, const char *prefix, const char *label,
	const char *field, struct reporter *r)
{
	char text[4200];
	int n = report_format(text, sizeof(text), "%s%s", prefix, label);
	if (procfs_write(proc, file, text, (size_t)n) < 0)
		report_sys(r, "%s: \"%s\"%s", field, label,
			*prefix && errno == ENOENT ? " is not loaded" : "");
}

void creds_label(const struct plan_process *p, int proc, struct reporter *r)
{
	if (p->selinux) {
		write_label(proc, "self/attr/exec", "", p->selinux, "process.selinuxLabel", r);
		/* of the session keyring; ends at exec */
		write_label(proc, "self/attr/keycreate", "", p->selinux, "process.selinuxLabel", r);
	}
	if (!p->apparmor)
		return;
	auto_fd int own = procfs_openat(proc, "self/attr/apparmor/exec", O_PATH);
	write_label(proc, own >= 0 ? "self/attr/apparmor/exec" : "self/attr/exec", "exec ",
		p->apparmor, "process.apparmorProfile", r);
}

void creds_drop(const struct plan_process *p, const struct user *user, struct reporter *r)
{
	struct oci_capabilities want;
	wanted(p, user, &want);
	drop_bounding(want.bounding, r);
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		report_sys(r, "keep capabilities");
	if (!p->keep_groups && syscall(SYS_setgroups, user->group_count, user->groups) < 0)
		/* a user namespace may deny it; without groups to set nothing is lost */
		if (errno != EPERM || user->group_count)
			report_sys(r, "set supplementary groups");
	if (syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0)
		report_sys(r, "set group id %u", user->gid);
	if (syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
		report_sys(r, "set user id %u", user->uid);
	/* with fs.suid_dumpable at 1 these make us anybody's of that id to trace, once the capabilities are gone; an
	 * exec's stage has its caller's memory */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	set_final(p, user, needs_admin(p) ? BIT(CAP_SYS_ADMIN) : 0, r);
}

/*
 * The filter is in force here, and the agent that could answer for it is not yet there: of what the parent
 * needs in order to find it, write is never handed to an agent (oci_seccomp_validate()). What may pass by
 * sendmsg goes that way, as it takes no right to look into us; waiting may take the agent's leave, which
 * the parent has by then made possible.
 */
static void hand_over(int listener, const struct plan_process *p, struct reporter *r)
{
	if (seccomp_lets_pass(p->bpf, p->bpf_len / sizeof(struct sock_filter), SYS_sendmsg,
		    (unsigned long)r->sock))
		report_send_fd(r, REPORT_LISTENER, listener);
	else
		report_send(r, REPORT_LISTENER, listener);
	report_wait(r, PERMIT_HEARD);
	close(listener);
}

static void set_filter(const struct plan_process *p, struct reporter *r)
{
	struct sock_fprog program = {
		.len = (unsigned short)(p->bpf_len / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)p->bpf,
	};
	long listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, p->bpf_flags, &program);
	if (listener < 0)
		report_sys(r, "install the seccomp filter");
	if (p->bpf_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		hand_over((int)listener, p, r);
}

void creds_seal(const struct plan_process *p, const struct user *user, struct reporter *r)
{
	if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		report_sys(r, "set no_new_privs");
	if (!p->bpf_len)
		return;
	set_filter(p, r);
	if (needs_admin(p))
		set_final(p, user, 0, r);
}

bool creds_seal_early(const struct plan_process *p, const struct user *user, struct reporter *r)
{
	static const struct {
		int call;
		unsigned long argument;
	} needed[] = {
		{SYS_capset, 0},
		{SYS_prctl, PR_CAP_AMBIENT},
		{SYS_clone, CLONE_PARENT},
		{SYS_read, 0},
		{SYS_write, 0},
		{SYS_close, 0},
		{SYS_accept4, 0},
		{SYS_setsid, 0},
		{SYS_ioctl, 0},
		{SYS_rt_sigaction, SIGTERM},
		{SYS_rt_sigprocmask, 0},
		{SYS_exit_group, 0},
		{SYS_execve, 0},
	};
	if (!needs_admin(p))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!seccomp_lets_pass(p->bpf, p->bpf_len / sizeof(struct sock_filter),
			    needed[i].call, needed[i].argument))
			return false;
	creds_seal(p, user, r);
	return true;
}

pid_t creds_clone(void)
{
	/* not clone3: filters cannot see its flags and refuse it */
#if defined(__s390__)
	return (pid_t)syscall(SYS_clone, NULL, CLONE_PARENT, NULL, NULL, 0);
#else
	return (pid_t)syscall(SYS_clone, CLONE_PARENT, NULL, NULL, NULL, 0);
#endif
}
