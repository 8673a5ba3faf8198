/* What a compiled filter says to a system call, found out without installing it. */
#ifndef KIST_RUNTIME_SECCOMP_TRY_H
#define KIST_RUNTIME_SECCOMP_TRY_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * Runs the @n instructions of @filter (struct sock_filter, however aligned) on @data, as the kernel
 * would (seccomp(2)). Returns SECCOMP_RET_*; what the kernel would not have loaded kills. Between
 * clone and exec: safe.
 */
unsigned int seccomp_try(const void *filter, size_t n, const struct seccomp_data *data);

/** Does the filter let this native call with this first argument pass? false where we do not know
 * what the kernel calls this architecture. */
bool seccomp_lets_pass(const void *filter, size_t n, int call, unsigned long argument);

#endif
