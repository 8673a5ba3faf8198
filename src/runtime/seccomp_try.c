#include "seccomp_try.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <stdint.h>
#include <string.h>

struct machine {
	uint32_t a, x, mem[BPF_MEMWORDS];
	const struct seccomp_data *data;
	bool bad;
};

static uint32_t load(struct machine *m, const struct sock_filter *f)
{
	uint32_t v = 0;
	switch (BPF_MODE(f->code)) {
	case BPF_IMM:
		return f->k;
	case BPF_LEN:
		return sizeof(*m->data);
	case BPF_MEM:
		m->bad |= f->k >= BPF_MEMWORDS;
		return m->bad ? 0 : m->mem[f->k];
	case BPF_ABS:
		m->bad |= f->k % 4 || f->k > sizeof(*m->data) - 4;
		if (!m->bad)
			memcpy(&v, (const char *)m->data + f->k, sizeof(v));
		return v;
	default:
		m->bad = true;
		return 0;
	}
}

static uint32_t calculate(struct machine *m, const struct sock_filter *f)
{
	uint32_t k = BPF_SRC(f->code) == BPF_X ? m->x : f->k;
	switch (BPF_OP(f->code)) {
	case BPF_ADD:
		return m->a + k;
	case BPF_SUB:
		return m->a - k;
	case BPF_MUL:
		return m->a * k;
	case BPF_DIV:
		m->bad |= !k;
		return k ? m->a / k : 0;
	case BPF_OR:
		return m->a | k;
	case BPF_AND:
		return m->a & k;
	case BPF_XOR:
		return m->a ^ k;
	case BPF_LSH:
		return k < 32 ? m->a << k : 0;
	case BPF_RSH:
		return k < 32 ? m->a >> k : 0;
	case BPF_NEG:
		return 0 - m->a;
	default:
		m->bad = true;
		return 0;
	}
}

static size_t jump(struct machine *m, const struct sock_filter *f)
{
	uint32_t k = BPF_SRC(f->code) == BPF_X ? m->x : f->k;
	switch (BPF_OP(f->code)) {
	case BPF_JA:
		return f->k;
	case BPF_JEQ:
		return m->a == k ? f->jt : f->jf;
	case BPF_JGT:
		return m->a > k ? f->jt : f->jf;
	case BPF_JGE:
		return m->a >= k ? f->jt : f->jf;
	case BPF_JSET:
		return m->a & k ? f->jt : f->jf;
	default:
		m->bad = true;
		return 0;
	}
}

static void store(struct machine *m, const struct sock_filter *f, uint32_t v)
{
	m->bad |= f->k >= BPF_MEMWORDS;
	if (!m->bad)
		m->mem[f->k] = v;
}

unsigned int seccomp_try(const void *filter, size_t n, const struct seccomp_data *data)
{
	struct machine m = {.data = data};
	size_t skip;
	/* jumps lead forward only, so this ends */
	for (size_t i = 0; i < n && !m.bad; i++) {
		struct sock_filter copy, *f = &copy;
		memcpy(f, (const char *)filter + i * sizeof(*f), sizeof(*f));
		switch (BPF_CLASS(f->code)) {
		case BPF_LD:
			m.a = load(&m, f);
			break;
		case BPF_LDX:
			m.x = load(&m, f);
			break;
		case BPF_ST:
			store(&m, f, m.a);
			break;
		case BPF_STX:
			store(&m, f, m.x);
			break;
		case BPF_ALU:
			m.a = calculate(&m, f);
			break;
		case BPF_JMP:
			skip = jump(&m, f);
			m.bad |= skip >= n - i;
			i += skip;
			break;
		case BPF_RET:
			return BPF_RVAL(f->code) == BPF_A ? m.a : f->k;
		case BPF_MISC:
			if (BPF_MISCOP(f->code) == BPF_TAX)
				m.x = m.a;
			else
				m.a = m.x;
			break;
		}
	}
	return SECCOMP_RET_KILL_PROCESS;
}

bool seccomp_lets_pass(const void *filter, size_t n, int call, unsigned long argument)
{
#if defined(__x86_64__)
	const uint32_t arch = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
	const uint32_t arch = AUDIT_ARCH_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
	const uint32_t arch = AUDIT_ARCH_RISCV64;
#else
	const uint32_t arch = 0;
#endif
	struct seccomp_data data = {.nr = call, .arch = arch, .args = {argument}};
	unsigned int says = arch ? seccomp_try(filter, n, &data) : SECCOMP_RET_KILL_PROCESS;
	says &= SECCOMP_RET_ACTION_FULL;
	return says == SECCOMP_RET_ALLOW || says == SECCOMP_RET_LOG;
}
