#include "setup.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "sys/procfs.h"
#include "sys/rootpath.h"

/* "net.ipv4.ip_forward" and "net/ipv4/ip_forward" name the same file; see plan_sysctl.c */
static void sysctl_path(char *out, size_t room, const char *key, struct reporter *r)
{
	size_t n = strlen(key);
	if (n >= room)
		report_fail(r, ERR_INVALID, 0, "sysctl %s is too long", key);
	size_t first = strcspn(key, "./");
	bool swap = key[first] == '.';
	for (size_t i = 0; i <= n; i++)
		out[i] = !swap ? key[i] : key[i] == '.' ? '/' : key[i] == '/' ? '.' : key[i];
}

/* In the host's procfs the kernel has a sysctl of all network namespaces in one chain, which it walks: half a
 * millisecond with five hundred containers. The container's own has one of each; what somebody in a namespace that is
 * joined has mounted on it is not entered. */
void settings_prepare(struct setup *s)
{
	const struct plan *plan = s->plan;
	for (size_t i = 0; plan->sysctl_count && i < plan->mount_count && s->sysctls < 0; i++) {
		const struct plan_mount *m = &plan->mounts[i];
		if (m->kind == STEP_MOUNT && s->binds[i].mount >= 0 &&
			strcmp(m->fstype, "proc") == 0)
			s->sysctls =
				beneath_open(s->binds[i].mount, "sys", O_PATH | O_DIRECTORY, 0);
	}
}

/* The container's own may be read-only, in part or as a whole. */
static int open_sysctl(struct setup *s, const char *path)
{
	int fd = s->sysctls < 0 ? -1 : beneath_open(s->sysctls, path, O_WRONLY, 0);
	if (fd >= 0)
		return fd;
	auto_fd int sys = procfs_openat(s->proc, "sys", O_PATH | O_DIRECTORY);
	return sys < 0 ? -1 : beneath_open(sys, path, O_WRONLY, 0);
}

static void apply_sysctl(struct setup *s, const struct oci_pair *p)
{
	char path[512];
	sysctl_path(path, sizeof(path), p->key, &s->report);
	auto_fd int fd = open_sysctl(s, path);
	if (fd < 0)
		report_sys(&s->report, "sysctl %s: open", p->key);
	size_t n = strlen(p->value);
	if (write(fd, p->value, n) != (ssize_t)n)
		report_sys(&s->report, "sysctl %s: write \"%s\"", p->key, p->value);
}

void settings_apply(struct setup *s)
{
	const struct plan *plan = s->plan;
	if (plan->hostname && sethostname(plan->hostname, strlen(plan->hostname)) < 0)
		report_sys(&s->report, "set the host name \"%s\"", plan->hostname);
	if (plan->domainname && setdomainname(plan->domainname, strlen(plan->domainname)) < 0)
		report_sys(&s->report, "set the domain name \"%s\"", plan->domainname);
	for (size_t i = 0; i < plan->sysctl_count; i++)
		apply_sysctl(s, &plan->sysctl[i]);
	fd_closep(&s->sysctls);
}
