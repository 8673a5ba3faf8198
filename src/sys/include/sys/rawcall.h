/* System calls without libc, which may not be used before it has started or at all: x86-64 and aarch64. They return
 * what the kernel returns: a value, or a negative errno. */
#ifndef KIST_SYS_RAWCALL_H
#define KIST_SYS_RAWCALL_H

#include <asm/unistd.h>

#if defined(__x86_64__)

static inline long rawcall(long n, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long r;
	__asm__ volatile("syscall"
			 : "=a"(r)
			 : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			 : "rcx", "r11", "memory");
	return r;
}

#elif defined(__aarch64__)

static inline long rawcall(long n, long a, long b, long c, long d, long e)
{
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
			 : "memory");
	return x0;
}

#endif

/** The system call called @n, with five arguments. */
#define CALL(n, a, b, c, d, e)                                                                     \
	rawcall(__NR_##n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

#endif
