/* features: what this runtime can do, as features.md of the specification asks. */
#include <seccomp.h>
#include <stdio.h>

#include "base/json.h"
#include "helper.h"
#include "oci.h"
#include "oci/config.h"
#include "runtime/plan.h"
#include "runtime/seccomp.h"
#include "runtime/systemd.h"

static const char *const hooks[] = {
	"prestart",
	"createRuntime",
	"createContainer",
	"startContainer",
	"poststart",
	"poststop",
};
static const char *const namespaces[] = {
	"cgroup",
	"ipc",
	"mount",
	"network",
	"pid",
	"time",
	"user",
	"uts",
};
static const char *const seccomp_actions[] = {
	"SCMP_ACT_ALLOW",
	"SCMP_ACT_ERRNO",
	"SCMP_ACT_KILL",
	"SCMP_ACT_KILL_PROCESS",
	"SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_LOG",
	"SCMP_ACT_NOTIFY",
	"SCMP_ACT_TRACE",
	"SCMP_ACT_TRAP",
};
static const char *const seccomp_operators[] = {
	"SCMP_CMP_EQ",
	"SCMP_CMP_GE",
	"SCMP_CMP_GT",
	"SCMP_CMP_LE",
	"SCMP_CMP_LT",
	"SCMP_CMP_MASKED_EQ",
	"SCMP_CMP_NE",
};
/* The specification's, of which this libseccomp has some. */
static const char *const seccomp_arches[] = {
	"SCMP_ARCH_AARCH64",
	"SCMP_ARCH_ARM",
	"SCMP_ARCH_LOONGARCH64",
	"SCMP_ARCH_M68K",
	"SCMP_ARCH_MIPS",
	"SCMP_ARCH_MIPS64",
	"SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL",
	"SCMP_ARCH_MIPSEL64",
	"SCMP_ARCH_MIPSEL64N32",
	"SCMP_ARCH_PARISC",
	"SCMP_ARCH_PARISC64",
	"SCMP_ARCH_PPC",
	"SCMP_ARCH_PPC64",
	"SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_RISCV64",
	"SCMP_ARCH_S390",
	"SCMP_ARCH_S390X",
	"SCMP_ARCH_SH",
	"SCMP_ARCH_SHEB",
	"SCMP_ARCH_X32",
	"SCMP_ARCH_X86",
	"SCMP_ARCH_X86_64",
};
static const char *const seccomp_flags[] = {
	"SECCOMP_FILTER_FLAG_TSYNC",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	"SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
};
/* With these whoever writes a config has more than containers: units' properties, a file of criu's options. */
static const char *const unsafe_annotations[] = {
	"org.criu.config",
	"org.systemd.property.",
	PLAN_KEEP_GROUPS,
};

static json_t *strings(const char *const *list, size_t count)
{
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(list[i]));
	return array;
}
#define STRINGS(list) strings((list), ARRAY_LEN(list))

static json_t *capabilities(void)
{
	json_t *array = json_array();
	for (int i = 0; i <= OCI_CAP_LAST; i++)
		json_array_append_new(array, json_string(oci_cap_name(i)));
	return array;
}

static json_t *arches(void)
{
	json_t *array = json_array();
	for (size_t i = 0; i < ARRAY_LEN(seccomp_arches); i++)
		if (seccomp_has_architecture(seccomp_arches[i]))
			json_array_append_new(array, json_string(seccomp_arches[i]));
	return array;
}

static json_t *memory_policy(void)
{
	json_t *j = json_object(), *modes = json_array(), *flags = json_array();
	for (size_t i = 0; plan_memory_mode(i); i++)
		json_array_append_new(modes, json_string(plan_memory_mode(i)));
	for (size_t i = 0; plan_memory_flag(i); i++)
		json_array_append_new(flags, json_string(plan_memory_flag(i)));
	json_put(j, "modes", modes);
	json_put(j, "flags", flags);
	return j;
}

static json_t *mount_options(void)
{
	auto_strv options = plan_mount_options();
	return strings((const char *const *)options, strv_len(options));
}

static json_t *seccomp_json(void)
{
	json_t *j = json_object();
	json_put(j, "enabled", json_true());
	json_put(j, "actions", STRINGS(seccomp_actions));
	json_put(j, "operators", STRINGS(seccomp_operators));
	json_put(j, "archs", arches());
	json_put(j, "knownFlags", STRINGS(seccomp_flags));
	json_put(j, "supportedFlags", STRINGS(seccomp_flags));
	return j;
}

static json_t *flag(const char *key, bool value)
{
	json_t *j = json_object();
	json_put(j, key, json_boolean(value));
	return j;
}

static json_t *linux_json(const struct globals *g)
{
	auto_free char *helper = helper_find(g, SYSTEMD_HELPER);
	bool systemd = helper;
	json_t *j = json_object(), *cgroup = json_object(), *extensions = json_object();
	json_put(cgroup, "v1", json_true());
	json_put(cgroup, "v2", json_true());
	json_put(cgroup, "systemd", json_boolean(systemd));
	json_put(cgroup, "systemdUser", json_boolean(systemd));
	json_put(cgroup, "rdma", json_true());
	json_put(extensions, "idmap", flag("enabled", true));
	json_put(j, "namespaces", STRINGS(namespaces));
	json_put(j, "capabilities", capabilities());
	json_put(j, "cgroup", cgroup);
	json_put(j, "seccomp", seccomp_json());
	json_put(j, "apparmor", flag("enabled", true));
	json_put(j, "selinux", flag("enabled", true));
	json_t *rdt = flag("enabled", true);
	json_put(rdt, "schemata", json_true());
	json_put(rdt, "monitoring", json_true());
	json_put(j, "intelRdt", rdt);
	json_put(j, "memoryPolicy", memory_policy());
	json_put(j, "netDevices", flag("enabled", true));
	json_put(j, "mountExtensions", extensions);
	return j;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct scmp_version *v = seccomp_version();
	auto_free char *seccomp = xasprintf("%u.%u.%u", v->major, v->minor, v->micro);
	auto_json *j = json_object();
	json_t *annotations = json_object();
	json_put_str(annotations, "io.github.seccomp.libseccomp.version", seccomp);
	/* where engines look before they offer checkpoints */
	json_put_str(annotations, "org.opencontainers.runc.checkpoint.enabled", "true");
	json_put_str(j, "ociVersionMin", "1.0.0");
	json_put_str(j, "ociVersionMax", OCI_VERSION);
	json_put(j, "hooks", STRINGS(hooks));
	json_put(j, "mountOptions", mount_options());
	json_put(j, "linux", linux_json(g));
	json_put(j, "annotations", annotations);
	json_put(j, "potentiallyUnsafeConfigAnnotations", STRINGS(unsafe_annotations));
	auto_free char *text = json_dumps(j, JSON_INDENT(4));
	puts(text);
	return 0;
}

const struct verb verb_features = {
	.name = "features",
	.usage = "",
	.help = "print what this runtime can do, as JSON",
	.max_args = 0,
	.run = run,
};
