/* Signals by name and number, as Docker's clients write them. */
#include <signal.h>

#include "core.h"

static const struct {
	const char *name;
	int number;
} signals[] = {
	{"ABRT", SIGABRT},
	{"ALRM", SIGALRM},
	{"BUS", SIGBUS},
	{"CHLD", SIGCHLD},
	{"CLD", SIGCHLD},
	{"CONT", SIGCONT},
	{"FPE", SIGFPE},
	{"HUP", SIGHUP},
	{"ILL", SIGILL},
	{"INT", SIGINT},
	{"IO", SIGIO},
	{"IOT", SIGIOT},
	{"KILL", SIGKILL},
	{"PIPE", SIGPIPE},
	{"POLL", SIGPOLL},
	{"PROF", SIGPROF},
	{"PWR", SIGPWR},
	{"QUIT", SIGQUIT},
	{"SEGV", SIGSEGV},
	{"STKFLT", SIGSTKFLT},
	{"STOP", SIGSTOP},
	{"SYS", SIGSYS},
	{"TERM", SIGTERM},
	{"TRAP", SIGTRAP},
	{"TSTP", SIGTSTP},
	{"TTIN", SIGTTIN},
	{"TTOU", SIGTTOU},
	{"URG", SIGURG},
	{"USR1", SIGUSR1},
	{"USR2", SIGUSR2},
	{"VTALRM", SIGVTALRM},
	{"WINCH", SIGWINCH},
	{"XCPU", SIGXCPU},
	{"XFSZ", SIGXFSZ},
};

/* The kernel's numbers: glibc's SIGRTMIN keeps some for itself, containers do not care. */
#define RT_MIN 34
#define RT_MAX 64

static int realtime(const char *name)
{
	int n = 0;
	const char *rest;
	if ((rest = str_after(name, "RTMIN"))) {
		if (!*rest)
			return RT_MIN;
		if (*rest == '+' && !str_to_int(rest + 1, &n) && n >= 0 && n <= RT_MAX - RT_MIN)
			return RT_MIN + n;
	}
	if ((rest = str_after(name, "RTMAX"))) {
		if (!*rest)
			return RT_MAX;
		if (*rest == '-' && !str_to_int(rest + 1, &n) && n >= 0 && n <= RT_MAX - RT_MIN)
			return RT_MAX - n;
	}
	return -1;
}

int signal_number(const char *name)
{
	int n;
	if (!str_to_int(name, &n))
		return n > 0 && n <= RT_MAX ? n : -1;
	if (strlen(name) > 16)
		return -1;
	auto_free char *upper = xstrdup(name);
	for (char *s = upper; *s; s++)
		if (*s >= 'a' && *s <= 'z')
			*s = (char)(*s - 'a' + 'A');
	const char *bare = str_after(upper, "SIG");
	if (!bare)
		bare = upper;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		if (str_eq(signals[i].name, bare))
			return signals[i].number;
	return realtime(bare);
}
