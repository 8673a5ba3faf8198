/*
 * ENOSYS for system calls that are newer than the profile.
 *
 * A list of what is allowed cannot name what has not been invented, and EPERM for an unknown call breaks C
 * libraries, which fall back on ENOSYS only. Numbers grow with time on every architecture, so a call
 * above the highest one that the profile names (to allow or to deny it) is taken for new. Same rule as
 * runc's, which containers are tested with.
 *
 *	ld [arch]
 *	  for each architecture:	jne #arch, next
 *					ld [nr]
 *	    x86-64 only, for x32:	jge #0x40000000, to the comparison for x32
 *					jgt #last, enosys; ja filter
 *	filter: what libseccomp made, which loads arch again
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"
#include "seccomp_private.h"

#define X32_BIT 0x40000000u
#define ARCHES_MAX 32

static bool lets_through(const char *action)
{
	return str_eq(action, "SCMP_ACT_ALLOW") || str_eq(action, "SCMP_ACT_LOG") ||
	       str_eq(action, "SCMP_ACT_TRACE");
}

/* Highest number that @profile names on @token; -1 for none. */
static int64_t last_call(const struct oci_seccomp *profile, uint32_t token)
{
	int64_t last = -1;
	for (size_t i = 0; i < profile->rule_count; i++) {
		for (size_t j = 0; profile->rules[i].names && profile->rules[i].names[j]; j++) {
			int number = seccomp_syscall_resolve_name_arch(
				token, profile->rules[i].names[j]);
			if (number >= 0 && number > last)
				last = number;
		}
	}
	return last;
}

static void emit(struct buf *bpf, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	struct sock_filter f = {.code = code, .jt = yes, .jf = no, .k = k};
	buf_add(bpf, &f, sizeof(f));
}

static void emit_check(struct buf *bpf, int64_t last)
{
	emit(bpf, BPF_JMP | BPF_JGT | BPF_K, 0, 1, (uint32_t)last);
	emit(bpf, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
}

/* Tokens of libseccomp are audit's, but that x32 shares x86-64's there and has one of its own here. */
static void emit_arch(struct buf *bpf, uint32_t token, int64_t last, int64_t last_x32)
{
	bool both = token == SCMP_ARCH_X86_64 && last_x32 >= 0;
	emit(bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
	emit(bpf, BPF_JMP | BPF_JEQ | BPF_K, 0, token == SCMP_ARCH_X86_64 ? (both ? 6 : 4) : 3,
		token);
	emit(bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
	if (both) {
		emit(bpf, BPF_JMP | BPF_JGE | BPF_K, 2, 0, X32_BIT);
		emit_check(bpf, last);
		/* the 64-bit call passes through here too, and is below any x32 number */
		emit_check(bpf, last_x32);
		return;
	}
	if (token ==
		SCMP_ARCH_X86_64) /* x32 without rules of its own is for the filter to refuse */
		emit(bpf, BPF_JMP | BPF_JGE | BPF_K, 2, 0, X32_BIT);
	emit_check(bpf, last);
}

void seccomp_enosys_stub(const struct oci_seccomp *profile, struct buf *bpf)
{
	uint32_t tokens[ARCHES_MAX] = {seccomp_arch_native()};
	size_t count = 1;
	int64_t last_x32 = -1;
	if (lets_through(profile->default_action) ||
		(profile->default_errno_ret.set && profile->default_errno_ret.v == ENOSYS))
		return;
	for (size_t i = 0; profile->architectures && profile->architectures[i]; i++) {
		uint32_t token = seccomp_arch_token(profile->architectures[i]);
		if (token == SCMP_ARCH_X32)
			last_x32 = last_call(profile, token);
		else if (token != tokens[0] && count < ARCHES_MAX)
			tokens[count++] = token;
	}
	for (size_t i = 0; i < count; i++) {
		int64_t last = last_call(profile, tokens[i]);
		if (last >= 0)
			emit_arch(bpf, tokens[i], last, last_x32);
	}
}
