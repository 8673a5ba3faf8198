/*
 * Where the kernel enters kist-oci, in front of libc: a program that must be sealed (sys/sealed_self.h) executes
 * itself once more, and the first of the two lives had better be short. What libc does before main() asks the
 * processor for its features in dozens of CPUID instructions, each of which a hypervisor emulates: 0.3 ms
 * where this takes 0.05.
 *
 * Nothing here may use libc: no thread-local storage (so no stack protector), no string functions (they are
 * chosen at start-up). Whatever does not work is left to sealed_self_ensure().
 */
#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/mount.h>

#include "sys/rawcall.h"

#if !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns") /* into calls of string functions */
#endif

#define ST_RDONLY_FLAG 1 /* statfs(2) */
#define STREAMS_LAST 2 /* stderr */

#if defined(__x86_64__)

/* rdx is libc's: a function to call at exit, or 0 */
__asm__(".globl kist_oci_entry\n"
	"kist_oci_entry:\n"
	"	xor %ebp, %ebp\n"
	"	mov %rsp, %rdi\n"
	"	push %rdx\n"
	"	sub $8, %rsp\n"
	"	call kist_oci_before_libc\n"
	"	add $8, %rsp\n"
	"	pop %rdx\n"
	"	jmp _start\n");

#elif defined(__aarch64__)

/* x0 is libc's: a function to call at exit, or 0 */
__asm__(".globl kist_oci_entry\n"
	"kist_oci_entry:\n"
	"	mov x29, #0\n"
	"	mov x19, x0\n"
	"	mov x0, sp\n"
	"	bl kist_oci_before_libc\n"
	"	mov x0, x19\n"
	"	b _start\n");

#endif

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* Any argument, because what comes before the verb is not ours to parse: sealed in vain is no harm. */
static int starts_containers(char *const *argv)
{
	for (; *argv; argv++)
		if (equal(*argv, "run") || equal(*argv, "create") || equal(*argv, "exec") ||
			equal(*argv, "restore"))
			return 1;
	return 0;
}

void kist_oci_before_libc(long *stack);
void kist_oci_before_libc(long *stack)
{
	/* on the stack, and the empty path is its end: a page of constants would have to be brought in */
	char self[] = "/proc/self/exe";
	const char *empty = self + sizeof(self) - 1;
	char **argv = (char **)(stack + 1);
	char **env = argv + *stack + 1;
	struct statfs fs;
	fs.f_flags = 0;
	if (*stack < 2 || !starts_containers(argv + 1))
		return;
	if (CALL(statfs, self, &fs, 0, 0, 0) < 0 || (fs.f_flags & ST_RDONLY_FLAG))
		return;
	/* it stays open: sealed_self_mount() */
	long mnt = CALL(open_tree, AT_FDCWD, self, OPEN_TREE_CLONE, 0, 0);
	if (mnt < 0)
		return;
	struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY, .propagation = 1 << 18};
	/* it is to be nobody's stdin, where that is closed: main() opens those first */
	if (mnt > STREAMS_LAST &&
		CALL(mount_setattr, mnt, empty, AT_EMPTY_PATH, &readonly, sizeof(readonly)) == 0)
		CALL(execveat, mnt, empty, argv, env, AT_EMPTY_PATH);
	CALL(close, mnt, 0, 0, 0, 0);
}
