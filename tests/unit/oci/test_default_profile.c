/* The installed profile: what Docker's containers may and may not do. */
#include "../cmocka_all.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "oci/config.h"
#include "runtime/seccomp.h"

#define DOCKER_CAPS 0xa80425fbull

static struct oci_seccomp *profile(uint64_t caps)
{
	auto_buf text = BUF_INIT;
	struct oci_seccomp *s = NULL;
	assert_int_equal(file_read(AT_FDCWD, PROFILE, 1u << 20, &text, NULL), 0);
	assert_int_equal(oci_seccomp_parse(&s, text.data, text.len, caps, NULL), 0);
	return s;
}

static bool jumps(const struct sock_filter *f, uint32_t a)
{
	switch (BPF_OP(f->code)) {
	case BPF_JEQ:
		return a == f->k;
	case BPF_JGT:
		return a > f->k;
	case BPF_JGE:
		return a >= f->k;
	default:
		return a & f->k;
	}
}

/* The kernel's machine, as far as libseccomp uses it. */
static uint32_t verdict(const struct buf *bpf, const struct seccomp_data *data)
{
	const struct sock_filter *f = (const struct sock_filter *)bpf->data;
	uint32_t a = 0;
	for (size_t i = 0; i < bpf->len / sizeof(*f); i++) {
		switch (BPF_CLASS(f[i].code)) {
		case BPF_LD:
			memcpy(&a, (const char *)data + f[i].k, sizeof(a));
			break;
		case BPF_ALU:
			assert_int_equal(BPF_OP(f[i].code), BPF_AND);
			a &= f[i].k;
			break;
		case BPF_JMP:
			if (BPF_OP(f[i].code) == BPF_JA)
				i += f[i].k;
			else
				i += jumps(&f[i], a) ? f[i].jt : f[i].jf;
			break;
		default:
			assert_int_equal(BPF_CLASS(f[i].code), BPF_RET);
			return f[i].k;
		}
	}
	fail_msg("the filter has no end");
	return 0;
}

static void compile(uint64_t caps, struct buf *bpf)
{
	uint32_t flags;
	struct oci_seccomp *s = profile(caps);
	assert_int_equal(seccomp_compile(s, NULL, bpf, &flags, NULL), 0);
	oci_seccomp_free(s);
}

#define ALLOW SECCOMP_RET_ALLOW
#define REFUSE(e) (SECCOMP_RET_ERRNO | (e))

struct expectation {
	int call;
	uint64_t arg;
	uint32_t answer;
};

static void check(const struct buf *bpf, const struct expectation *e, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct seccomp_data data = {
			.nr = e[i].call, .arch = AUDIT_ARCH_X86_64, .args = {e[i].arg}};
		uint32_t got = verdict(bpf, &data);
		if (got != e[i].answer)
			fail_msg("call %d with %lx: %x instead of %x", e[i].call,
				(unsigned long)e[i].arg, got, e[i].answer);
	}
}

#ifdef __x86_64__
static void plain_container(void **state)
{
	auto_buf bpf = BUF_INIT;
	static const struct expectation calls[] = {
		{SYS_read, 0, ALLOW}, {SYS_openat, 0, ALLOW}, {SYS_execve, 0, ALLOW},
		{SYS_ptrace, 0, ALLOW}, {SYS_clone, SIGCHLD, ALLOW},
		{SYS_clone, CLONE_VM | CLONE_THREAD, ALLOW},
		{SYS_clone, CLONE_NEWUSER, REFUSE(EPERM)},
		{SYS_clone, CLONE_NEWNET | SIGCHLD, REFUSE(EPERM)}, {SYS_clone3, 0, REFUSE(ENOSYS)},
		{SYS_unshare, CLONE_NEWUSER, REFUSE(EPERM)}, {SYS_mount, 0, REFUSE(EPERM)},
		{SYS_bpf, 0, REFUSE(EPERM)}, {SYS_keyctl, 0, REFUSE(EPERM)},
		{SYS_add_key, 0, REFUSE(EPERM)}, {SYS_kexec_load, 0, REFUSE(EPERM)},
		{SYS_userfaultfd, 0, REFUSE(EPERM)}, {SYS_open_by_handle_at, 0, REFUSE(EPERM)},
		{425, 0, REFUSE(EPERM)}, /* io_uring_setup */
		{SYS_chroot, 0, ALLOW}, /* CAP_SYS_CHROOT is among Docker's */
		{SYS_personality, PER_LINUX, ALLOW}, {SYS_personality, PER_LINUX32, ALLOW},
		{SYS_personality, 0xffffffff, ALLOW},
		{SYS_personality, ADDR_NO_RANDOMIZE, REFUSE(EPERM)}, {SYS_socket, AF_INET, ALLOW},
		{SYS_socket, AF_NETLINK, ALLOW}, {SYS_socket, AF_VSOCK, REFUSE(EPERM)},
		{600, 0, REFUSE(ENOSYS)}, /* newer than the profile */
	};
	compile(DOCKER_CAPS, &bpf);
	check(&bpf, calls, ARRAY_LEN(calls));
}

static void more_capabilities(void **state)
{
	auto_buf bpf = BUF_INIT;
	static const struct expectation calls[] = {
		{SYS_clone, CLONE_NEWUSER, ALLOW},
		{SYS_clone3, 0, ALLOW},
		{SYS_mount, 0, ALLOW},
		{SYS_unshare, 0, ALLOW},
		{SYS_reboot, 0, REFUSE(EPERM)},
		{SYS_keyctl, 0, REFUSE(EPERM)},
	};
	compile(DOCKER_CAPS | 1ull << CAP_SYS_ADMIN, &bpf);
	check(&bpf, calls, ARRAY_LEN(calls));
}

static void other_calling_conventions(void **state)
{
	auto_buf bpf = BUF_INIT;
	compile(DOCKER_CAPS, &bpf);
	struct seccomp_data data = {.nr = 3, .arch = AUDIT_ARCH_I386};
	assert_int_equal(verdict(&bpf, &data), ALLOW);
	data.nr = 21; /* mount */
	assert_int_equal(verdict(&bpf, &data), REFUSE(EPERM));
	data.nr = 900;
	assert_int_equal(verdict(&bpf, &data), REFUSE(ENOSYS));
	data = (struct seccomp_data){.nr = 0x40000000, .arch = AUDIT_ARCH_X86_64};
	assert_int_equal(verdict(&bpf, &data), ALLOW);
	data = (struct seccomp_data){.nr = 0, .arch = AUDIT_ARCH_AARCH64};
	assert_int_equal(verdict(&bpf, &data), SECCOMP_RET_KILL_THREAD);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef __x86_64__
		cmocka_unit_test(plain_container),
		cmocka_unit_test(more_capabilities),
		cmocka_unit_test(other_calling_conventions),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
