#include "platform.h"

#include <stddef.h>

#include "base/str.h"

const char *platform_arch(void)
{
#if defined(__x86_64__)
	return "amd64";
#elif defined(__aarch64__)
	return "arm64";
#elif defined(__arm__)
	return "arm";
#elif defined(__i386__)
	return "386";
#elif defined(__riscv) && __riscv_xlen == 64
	return "riscv64";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
	return "ppc64le";
#elif defined(__s390x__)
	return "s390x";
#elif defined(__loongarch64)
	return "loong64";
#else
	return "unknown"; /* add Go's name for this machine */
#endif
}

const char *platform_variant(void)
{
#if defined(__arm__)
#if __ARM_ARCH >= 7
	return "v7";
#else
	return "v6";
#endif
#elif defined(__aarch64__)
	return "v8";
#else
	return NULL;
#endif
}

int platform_score(const char *os, const char *arch, const char *variant)
{
	if (!str_empty(os) && !str_eq(os, "linux"))
		return -1;
	if (!str_empty(arch) && !str_eq(arch, platform_arch()))
		return -1;
	if (str_empty(variant))
		return 1;
	const char *own = platform_variant();
	if (str_eq(variant, own))
		return 2;
	/* "v1" of amd64 is the plain one; arm's older variants run on newer machines */
	if (!own)
		return str_eq(variant, "v1") ? 2 : -1;
	return strcmp(variant, own) < 0 ? 0 : -1;
}
