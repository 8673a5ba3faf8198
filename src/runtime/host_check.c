/* A namespace that is joined by path may be the caller's own: what would change that one is refused. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "ns.h"
#include "plan_private.h"
#include "setup.h"

/* Is the namespace that is joined that of @process, a folder in /proc? */
static bool is_of(const struct setup *s, enum oci_ns ns, const char *process)
{
	char path[32];
	struct stat theirs, joined;
	snprintf(path, sizeof(path), "%s/ns/%s", process, ns_file(ns));
	if (s->ns[ns] < 0 || fstatat(s->proc, path, &theirs, 0) < 0 ||
		fstat(s->ns[ns], &joined) < 0)
		return false;
	return theirs.st_dev == joined.st_dev && theirs.st_ino == joined.st_ino;
}

static bool is_own(const struct setup *s, enum oci_ns ns)
{
	return is_of(s, ns, "self");
}

int host_check(const struct setup *s, struct err **err)
{
	const struct plan *plan = s->plan;
	/* pivot_root(2) takes the old root from everybody in there */
	if (is_own(s, OCI_NS_MOUNT) || is_of(s, OCI_NS_MOUNT, "1"))
		return err_set(err, ERR_INVALID,
			"linux.namespaces: the mount namespace that is joined is the host's own");
	if ((!str_empty(plan->hostname) || !str_empty(plan->domainname)) && is_own(s, OCI_NS_UTS))
		return err_set(err, ERR_INVALID,
			"%s: the UTS namespace that is joined is the host's own",
			str_empty(plan->hostname) ? "domainname" : "hostname");
	for (size_t i = 0; i < plan->sysctl_count; i++) {
		int ns = plan_sysctl_namespace(plan->sysctl[i].key);
		if (ns >= 0 && is_own(s, (enum oci_ns)ns))
			return err_set(err, ERR_INVALID,
				"sysctl \"%s\" not allowed in host %s namespace",
				plan->sysctl[i].key, ns_name((enum oci_ns)ns));
	}
	if (plan->net_device_count && is_own(s, OCI_NS_NETWORK))
		return err_set(err, ERR_INVALID,
			"linux.netDevices: the network namespace that is joined is the host's own");
	return 0;
}
