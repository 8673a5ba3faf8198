/* Names and numbers of capabilities, from linux/capability.h (CAP_CHECKPOINT_RESTORE came in 5.9). */
#include "oci/config.h"

#include <assert.h>

#include "base/mem.h"
#include "base/str.h"

static const char *const cap_names[] = {
	"CAP_CHOWN",
	"CAP_DAC_OVERRIDE",
	"CAP_DAC_READ_SEARCH",
	"CAP_FOWNER",
	"CAP_FSETID",
	"CAP_KILL",
	"CAP_SETGID",
	"CAP_SETUID",
	"CAP_SETPCAP",
	"CAP_LINUX_IMMUTABLE",
	"CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST",
	"CAP_NET_ADMIN",
	"CAP_NET_RAW",
	"CAP_IPC_LOCK",
	"CAP_IPC_OWNER",
	"CAP_SYS_MODULE",
	"CAP_SYS_RAWIO",
	"CAP_SYS_CHROOT",
	"CAP_SYS_PTRACE",
	"CAP_SYS_PACCT",
	"CAP_SYS_ADMIN",
	"CAP_SYS_BOOT",
	"CAP_SYS_NICE",
	"CAP_SYS_RESOURCE",
	"CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG",
	"CAP_MKNOD",
	"CAP_LEASE",
	"CAP_AUDIT_WRITE",
	"CAP_AUDIT_CONTROL",
	"CAP_SETFCAP",
	"CAP_MAC_OVERRIDE",
	"CAP_MAC_ADMIN",
	"CAP_SYSLOG",
	"CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND",
	"CAP_AUDIT_READ",
	"CAP_PERFMON",
	"CAP_BPF",
	"CAP_CHECKPOINT_RESTORE",
};
static_assert(ARRAY_LEN(cap_names) == OCI_CAP_LAST + 1, "one name per capability");

#define PREFIX_LEN 4 /* "CAP_" */

int oci_cap_number(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(cap_names); i++) {
		if (str_ieq(name, cap_names[i]) || str_ieq(name, cap_names[i] + PREFIX_LEN))
			return (int)i;
	}
	return -1;
}

const char *oci_cap_name(int number)
{
	if (number < 0 || (size_t)number >= ARRAY_LEN(cap_names))
		return NULL;
	return cap_names[number];
}
