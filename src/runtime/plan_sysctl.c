/* Which kernel parameters a container may set: those that belong to a namespace of its own. */
#include "plan_private.h"

#include "base/mem.h"
#include "base/str.h"

static const char *const ipc_keys[] = {
	"kernel.msgmax",
	"kernel.msgmnb",
	"kernel.msgmni",
	"kernel.sem",
	"kernel.shmall",
	"kernel.shmmax",
	"kernel.shmmni",
	"kernel.shm_rmid_forced",
};

/* "a.b.c" and "a/b/c" are the same key (sysctl(8)): the first separator decides, and the other
 * character then is part of a name ("net/ipv4/conf/eth0.1/forwarding"). */
static char *dotted(const char *key)
{
	char *copy = xstrdup(key);
	const char *first = strpbrk(key, "./");
	if (first && *first == '/')
		for (char *c = copy; *c; c++)
			*c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
	return copy;
}

static int namespace_of(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(ipc_keys); i++)
		if (str_eq(key, ipc_keys[i]))
			return OCI_NS_IPC;
	if (str_starts(key, "fs.mqueue."))
		return OCI_NS_IPC;
	if (str_starts(key, "net."))
		return OCI_NS_NETWORK;
	if (str_eq(key, "kernel.domainname"))
		return OCI_NS_UTS;
	/* limits on what a user namespace may make of others */
	if (str_starts(key, "user."))
		return OCI_NS_USER;
	return -1;
}

int plan_sysctl_namespace(const char *key)
{
	auto_free char *plain = dotted(key);
	return namespace_of(plain);
}

static int check_one(const struct oci_linux *l, const char *key, struct err **err)
{
	static const char *const names[OCI_NS_COUNT] = {[OCI_NS_IPC] = "ipc",
		[OCI_NS_NETWORK] = "network",
		[OCI_NS_UTS] = "uts",
		[OCI_NS_USER] = "user"};
	auto_free char *plain = dotted(key);
	if (str_eq(plain, "kernel.hostname"))
		return err_set(err, ERR_INVALID,
			"sysctl \"%s\" is not allowed as it conflicts with the OCI \"hostname\" "
			"field",
			key);
	int ns = namespace_of(plain);
	if (ns < 0)
		return err_set(err, ERR_INVALID,
			"sysctl \"%s\" is not in a separate kernel namespace", key);
	if (!l->ns[ns].present)
		return err_set(err, ERR_INVALID,
			"sysctl \"%s\" is not allowed in the host's %s namespace", key, names[ns]);
	return 0;
}

int plan_sysctl_check(const struct oci_linux *l, struct err **err)
{
	for (size_t i = 0; i < l->sysctl.count; i++)
		if (check_one(l, l->sysctl.v[i].key, err) < 0)
			return -1;
	return 0;
}
