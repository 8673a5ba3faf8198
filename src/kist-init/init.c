/*
 * PID 1 of a container that was started with --init: "kist-init -- program args".
 *
 * Starts the program, hands every signal on to it, reaps whatever is orphaned, and ends with the
 * program's exit code (128 + signal if one killed it); with pid 1 the kernel ends the rest. One
 * thread, no allocation.
 */
#include "kernel.h"

#define SIG_BIT(n) (1UL << ((n)-1))

/* Raised by the kernel for a fault of our own, or by the terminal for touching it: never waited
 * for. */
#define NOT_OURS                                                                                   \
	(SIG_BIT(4) | SIG_BIT(5) | SIG_BIT(6) | SIG_BIT(7) | SIG_BIT(8) | SIG_BIT(11) |            \
		SIG_BIT(21) | SIG_BIT(22) | SIG_BIT(31))
#define TTOU SIG_BIT(22)
#define CHLD 17

#define ENOENT 2
#define ENOEXEC 8
#define EACCES 13
#define ENOTDIR 20

#define PATH_ROOM 4096

static unsigned long length(const char *s)
{
	unsigned long n = 0;
	while (s[n])
		n++;
	return n;
}

static void say(const char *s)
{
	k_write(2, s, length(s));
}

static int equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

static int has_slash(const char *s)
{
	for (; *s; s++)
		if (*s == '/')
			return 1;
	return 0;
}

static const char *search_path(char **env)
{
	for (; *env; env++) {
		const char *e = *env;
		if (e[0] == 'P' && e[1] == 'A' && e[2] == 'T' && e[3] == 'H' && e[4] == '=')
			return e + 5;
	}
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* One folder of PATH, which begins at @at; tells where the next begins. */
static long exec_in(const char **at, char **argv, char **env)
{
	static char full[PATH_ROOM];
	unsigned long n = 0, name = length(argv[0]);
	const char *p = *at;
	for (; *p && *p != ':'; p++)
		if (n < PATH_ROOM)
			full[n++] = *p;
	*at = *p ? p + 1 : p;
	if (n + name + 2 > PATH_ROOM)
		return -ENOENT;
	if (n)
		full[n++] = '/';
	for (unsigned long i = 0; i <= name; i++)
		full[n + i] = argv[0][i];
	return k_execve(full, argv, env);
}

/* As execvp(3): the last fault, but a file that is there and refused matters more than one missing.
 */
static long exec_program(char **argv, char **env)
{
	if (has_slash(argv[0]))
		return k_execve(argv[0], argv, env);
	long result = -ENOENT;
	for (const char *at = search_path(env); *at;) {
		long r = exec_in(&at, argv, env);
		if (r != -ENOENT && r != -ENOTDIR)
			result = r;
	}
	return result;
}

static void run_program(char **argv, char **env, const sigbits *mask) __attribute__((noreturn));
static void run_program(char **argv, char **env, const sigbits *mask)
{
	/* its own group in the foreground, so that ^C at the terminal goes to it and not to us */
	k_own_group();
	sigbits ttou = TTOU;
	k_set_mask(&ttou, 0);
	k_foreground(0);
	k_set_mask(mask, 0);
	long r = exec_program(argv, env);
	say("kist-init: exec ");
	say(argv[0]);
	say(r == -ENOENT	? " failed: no such file or directory\n"
		: r == -EACCES	? " failed: permission denied\n"
		: r == -ENOEXEC ? " failed: Exec format error\n"
				: " failed\n");
	k_exit(r == -ENOENT ? 127 : 126);
}

static int exit_code(int status)
{
	int sig = status & 0x7f;
	return sig ? 128 + sig : (status >> 8) & 0xff;
}

static void reap(long program)
{
	int status;
	for (long pid; (pid = k_wait_nohang(&status)) > 0;)
		if (pid == program)
			k_exit(exit_code(status));
}

int init_main(int argc, char **argv, char **env)
{
	int first = argc > 1 && equal(argv[1], "--") ? 2 : 1;
	if (first >= argc) {
		say("usage: kist-init [--] program [args]\n");
		return 125;
	}
	sigbits wanted = ~(sigbits)0 & ~NOT_OURS, old = 0;
	k_set_mask(&wanted, &old);
	k_subreaper();
	long program = k_fork();
	if (program < 0) {
		say("kist-init: cannot fork\n");
		return 125;
	}
	if (program == 0)
		run_program(argv + first, env, &old);
	for (;;) {
		long sig = k_wait_signal(&wanted);
		if (sig == CHLD)
			reap(program);
		else if (sig > 0)
			k_kill(program, sig);
	}
}
