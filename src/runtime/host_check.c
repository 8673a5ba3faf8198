/* A namespace that is joined by path may be the caller's own: what would change that one is refused. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "ns.h"
#include "plan_private.h"
#include "setup.h"

static bool is_own(const struct setup *s, enum oci_ns ns)
{
	static const char *const files[OCI_NS_COUNT] = {
		[OCI_NS_NETWORK] = "self/ns/net",
		[OCI_NS_IPC] = "self/ns/ipc",
		[OCI_NS_UTS] = "self/ns/uts",
		[OCI_NS_USER] = "self/ns/user",
	};
	struct stat own, joined;
	if (s->ns[ns] < 0 || !files[ns] || fstatat(s->proc, files[ns], &own, 0) < 0 ||
		fstat(s->ns[ns], &joined) < 0)
		return false;
	return own.st_dev == joined.st_dev && own.st_ino == joined.st_ino;
}

int host_check(const struct setup *s, struct err **err)
{
	const struct plan *plan = s->plan;
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
