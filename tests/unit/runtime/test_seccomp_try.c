/* The filter that the kernel would run, run here: compared with what libseccomp was asked for. */
#include "../cmocka_all.h"

#include <errno.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "seccomp_try.h"

static void compile(scmp_filter_ctx ctx, struct buf *out)
{
	auto_fd int fd = memfd_create("filter", MFD_CLOEXEC);
	assert_int_equal(seccomp_export_bpf(ctx, fd), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(fd_read_all(fd, 1 << 20, out, "filter", NULL), 0);
	seccomp_release(ctx);
}

static bool passes(const struct buf *b, int call, unsigned long argument)
{
	return seccomp_lets_pass(b->data, b->len / sizeof(struct sock_filter), call, argument);
}

static void a_list_of_calls(void **state)
{
	for (uint32_t optimize = 1; optimize <= 2; optimize++) {
		auto_buf b = BUF_INIT;
		scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
		seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, optimize);
		for (int call = 0; call < 300; call += 2)
			seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
		seccomp_rule_add(ctx, SCMP_ACT_LOG, 301, 0);
		compile(ctx, &b);
		for (int call = 0; call < 330; call++)
			assert_int_equal(
				passes(&b, call, 0), (call < 300 && call % 2 == 0) || call == 301);
	}
}

/* As Docker's profile has clone: no namespaces. */
static void an_argument_counts(void **state)
{
	auto_buf b = BUF_INIT;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
		SCMP_A0(SCMP_CMP_MASKED_EQ, 0x7e020000, 0));
	seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, 0));
	seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(lseek), 1, SCMP_A0(SCMP_CMP_GT, 1UL << 40));
	compile(ctx, &b);
	assert_true(passes(&b, SYS_clone, CLONE_PARENT));
	assert_false(passes(&b, SYS_clone, CLONE_NEWUSER | SIGCHLD));
	assert_false(passes(&b, SYS_clone3, 0));
	assert_true(passes(&b, SYS_ioctl, 7));
	assert_false(passes(&b, SYS_lseek, 1UL << 40));
	assert_true(passes(&b, SYS_lseek, (1UL << 40) + 1));
}

static void nonsense_kills(void **state)
{
	static const struct sock_filter bad[][2] = {
		{{BPF_LD | BPF_W | BPF_ABS, 0, 0, sizeof(struct seccomp_data)},
			{BPF_RET, 0, 0, 0x7fff0000}},
		{{BPF_LD | BPF_MEM, 0, 0, 16}, {BPF_RET, 0, 0, 0x7fff0000}},
		{{BPF_JMP | BPF_JA, 0, 0, UINT32_MAX}, {BPF_RET, 0, 0, 0x7fff0000}},
		{{BPF_ALU | BPF_DIV | BPF_X, 0, 0, 0}, {BPF_RET, 0, 0, 0x7fff0000}},
		{{BPF_ST, 0, 0, 99}, {BPF_RET, 0, 0, 0x7fff0000}},
	};
	struct seccomp_data data = {0};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(seccomp_try(bad[i], 2, &data), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(seccomp_try(bad[0], 0, &data), SECCOMP_RET_KILL_PROCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_of_calls),
		cmocka_unit_test(an_argument_counts),
		cmocka_unit_test(nonsense_kills),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
