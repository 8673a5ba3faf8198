/* From a container's document to a runtime configuration. */
#include <unistd.h>

#include "../cmocka_all.h"

#include "base/mem.h"
#include "mounts.h"
#include "spec.h"

struct fixture {
	struct container_doc doc;
	struct spec_facts facts;
	struct oci_config *config;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	memset(f->doc.id, 'a', 64);
	f->doc.path = xstrdup("/bin/sh");
	f->doc.args = xcalloc(2, sizeof(char *));
	f->doc.args[0] = xstrdup("-l");
	f->doc.config.hostname = xstrdup("box");
	f->doc.host.ipc_mode = xstrdup("private");
	f->doc.host.network_mode = xstrdup("bridge");
	f->facts = (struct spec_facts){.capabilities = (1ull << (OCI_CAP_LAST + 1)) - 1,
		.cgroup_path = "/kist/x",
		.hostname = "box",
		.hosts = "/c/hosts",
		.hostname_file = "/c/hostname",
		.resolv = "/c/resolv.conf"};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	oci_config_free(f->config);
	doc_clear(&f->doc);
	free(f);
	return 0;
}

static struct oci_config *build(struct fixture *f)
{
	auto_err *err = NULL;
	assert_int_equal(spec_build(&f->config, &f->doc, &f->facts, &err), 0);
	assert_int_equal(oci_config_validate(f->config, &err), 0);
	return f->config;
}

static const struct oci_mount *mount_at(const struct oci_config *c, const char *destination)
{
	for (size_t i = 0; i < c->mount_count; i++)
		if (str_eq(c->mounts[i].destination, destination))
			return &c->mounts[i];
	return NULL;
}

static void test_defaults(void **state)
{
	struct oci_config *c = build(*state);

	assert_string_equal(c->process.args[0], "/bin/sh");
	assert_string_equal(c->process.args[1], "-l");
	assert_string_equal(c->process.cwd, "/");
	assert_string_equal(c->process.env[0],
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	assert_string_equal(c->process.env[1], "HOSTNAME=box");
	assert_true(c->process.capabilities.bounding == 0xa80425fbull);
	assert_true(c->process.capabilities.effective == 0xa80425fbull);
	assert_true(c->process.capabilities.inheritable == 0);
	assert_true(c->process.capabilities.ambient == 0);
	assert_string_equal(c->hostname, "box");
	assert_true(c->linux.ns[OCI_NS_PID].present && c->linux.ns[OCI_NS_NETWORK].present);
	assert_true(c->linux.ns[OCI_NS_UTS].present && c->linux.ns[OCI_NS_IPC].present);
	assert_false(c->linux.ns[OCI_NS_CGROUP].present);
	assert_false(c->linux.ns[OCI_NS_USER].present);
	assert_true(strv_index(c->linux.masked_paths, "/proc/kcore") >= 0);
	assert_true(strv_index(c->linux.readonly_paths, "/proc/sys") >= 0);
	assert_non_null(mount_at(c, "/etc/resolv.conf"));
	assert_true(strv_index(mount_at(c, "/sys")->options, "ro") >= 0);
	assert_true(strv_index(mount_at(c, "/dev/shm")->options, "size=67108864") >= 0);
}

static void test_cgroup_namespace_on_v2(void **state)
{
	struct fixture *f = *state;
	f->facts.cgroup_v2 = true;
	assert_true(build(f)->linux.ns[OCI_NS_CGROUP].present);
}

static void test_privileged(void **state)
{
	struct fixture *f = *state;
	f->doc.host.privileged = true;
	struct oci_config *c = build(f);

	assert_true(c->process.capabilities.bounding == f->facts.capabilities);
	assert_null(c->linux.masked_paths);
	assert_null(c->linux.readonly_paths);
	assert_true(strv_index(mount_at(c, "/sys")->options, "ro") < 0);
	assert_true(strv_index(mount_at(c, "/sys/fs/cgroup")->options, "ro") < 0);
	assert_int_equal(c->linux.resources.device_count, 1);
	assert_true(c->linux.resources.devices[0].allow);
}

static uint64_t caps_of(const char *add, const char *drop)
{
	char *a[] = {(char *)(uintptr_t)add, NULL}, *d[] = {(char *)(uintptr_t)drop, NULL};
	uint64_t caps = 0;
	auto_err *err = NULL;
	assert_int_equal(spec_caps(&caps, add ? a : NULL, drop ? d : NULL, false, 0xffff, &err), 0);
	return caps;
}

static void test_capabilities(void **state)
{
	char *bad[] = {(char *)(uintptr_t) "CAP_NOSUCH", NULL};
	uint64_t caps;
	auto_err *err = NULL;

	assert_true(caps_of(NULL, "ALL") == 0);
	assert_true(caps_of("ALL", NULL) == 0xffff);
	assert_true(caps_of("net_admin", "ALL") == 1ull << 12);
	assert_true(caps_of("ALL", "CAP_CHOWN") == 0xfffe);
	assert_true(caps_of("SYS_TIME", "chown") == ((SPEC_CAPS_DEFAULT | 1ull << 25) & ~1ull));
	assert_int_equal(spec_caps(&caps, bad, NULL, false, 0, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
}

static void test_environment(void **state)
{
	char *env[] = {(char *)(uintptr_t) "PATH=/mine", (char *)(uintptr_t) "A=1",
		(char *)(uintptr_t) "HOSTNAME", (char *)(uintptr_t) "A=2", NULL};
	auto_strv out = spec_env(env, "h", true);

	assert_int_equal(strv_len(out), 3);
	assert_string_equal(out[0], "PATH=/mine");
	assert_string_equal(out[1], "TERM=xterm");
	assert_string_equal(out[2], "A=2");
}

static void test_user_mount_replaces(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	struct mount_point *m = model_list_add(&f->doc.mounts);
	assert_int_equal(mount_parse_bind("/dev:/dev", m, &err), 0);
	m = model_list_add(&f->doc.mounts);
	assert_int_equal(mount_parse_bind("/h:/etc/hosts:ro", m, &err), 0);
	struct oci_config *c = build(f);

	assert_string_equal(mount_at(c, "/dev")->type, "bind");
	assert_null(mount_at(c, "/dev/pts"));
	assert_null(mount_at(c, "/dev/shm"));
	assert_string_equal(mount_at(c, "/etc/hosts")->source, "/h");
}

static void test_outer_before_inner(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	assert_int_equal(mount_parse_bind("/x:/a/b/c", model_list_add(&f->doc.mounts), &err), 0);
	assert_int_equal(mount_parse_bind("/y:/a", model_list_add(&f->doc.mounts), &err), 0);
	struct oci_config *c = build(f);
	assert_true(mount_at(c, "/a") < mount_at(c, "/a/b/c"));
}

static void test_propagation(void **state)
{
	struct fixture *f = *state;
	auto_err *err = NULL;
	assert_int_equal(mount_parse_bind("/x:/a:rslave", model_list_add(&f->doc.mounts), &err), 0);
	assert_string_equal(build(f)->linux.rootfs_propagation, "rslave");
}

static void test_resources(void **state)
{
	struct fixture *f = *state;
	struct resources *r = &f->doc.host.res;
	r->memory = 64 << 20;
	r->memory_swap = 128 << 20;
	r->nano_cpus = 1500000000;
	r->pids_limit.set = true;
	r->pids_limit.v = 0;
	struct ulimit *u = model_list_add(&r->ulimits);
	*u = (struct ulimit){xstrdup("nofile"), -1, -1};
	struct oci_config *c = build(f);

	assert_true(c->linux.resources.memory.limit.v == 64 << 20);
	assert_true(c->linux.resources.cpu.quota.v == 150000);
	assert_true(c->linux.resources.cpu.period.v == 100000);
	assert_false(c->linux.resources.pids_limit.set);
	assert_string_equal(c->process.rlimits[0].type, "RLIMIT_NOFILE");
	assert_true(c->process.rlimits[0].soft == UINT64_MAX);
}

static void test_device_rules(void **state)
{
	char type, access[4];
	int64_t major, minor;
	auto_err *err = NULL;

	assert_int_equal(spec_device_rule("c 1:* rwm", &type, &major, &minor, access, &err), 0);
	assert_int_equal(type, 'c');
	assert_true(major == 1 && minor == -1);
	assert_string_equal(access, "rwm");
	static const char *const bad[] = {"", "c 1:3", "x 1:3 r", "c 1 r", "c 1:-3 r", "c 1:3 rx",
		"c 1:3 ", "c  1:3 r", "c 1:3 rwmr"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(spec_device_rule(bad[i], &type, &major, &minor, access, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

static void test_security_options(void **state)
{
	struct host_config h = {0};
	struct spec_security s;
	auto_err *err = NULL;

	strv_add(&h.security_opt, "no-new-privileges");
	strv_add(&h.security_opt, "seccomp={}");
	strv_add(&h.security_opt, "label=disable");
	assert_int_equal(spec_security(&s, &h, &err), 0);
	assert_true(s.no_new_privileges);
	assert_string_equal(s.seccomp, "{}");
	strv_add(&h.security_opt, "nonsense");
	assert_int_equal(spec_security(&s, &h, &err), -1);
	assert_string_equal(err->msg, "invalid --security-opt 1: \"nonsense\"");
	strv_free(h.security_opt);
}

static void test_shared_namespaces(void **state)
{
	struct fixture *f = *state;
	str_replace(&f->doc.host.pid_mode, "host");
	str_replace(&f->doc.host.ipc_mode, "host");
	str_replace(&f->doc.host.uts_mode, "host");
	str_replace(&f->doc.host.network_mode, "container:abc");
	f->facts.ns_path[OCI_NS_NETWORK] = "/proc/7/ns/net";
	struct oci_config *c = build(f);

	assert_false(c->linux.ns[OCI_NS_PID].present || c->linux.ns[OCI_NS_IPC].present ||
		     c->linux.ns[OCI_NS_UTS].present);
	assert_string_equal(c->linux.ns[OCI_NS_NETWORK].path, "/proc/7/ns/net");
	assert_null(c->hostname);
	assert_string_equal(mount_at(c, "/dev/shm")->source, "/dev/shm");
	/* the host's own, where it has mounted one */
	assert_string_equal(mount_at(c, "/dev/mqueue")->type,
		access("/dev/mqueue", F_OK) == 0 ? "bind" : "mqueue");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_defaults),
		T(test_cgroup_namespace_on_v2),
		T(test_privileged),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_environment),
		T(test_user_mount_replaces),
		T(test_outer_before_inner),
		T(test_propagation),
		T(test_resources),
		cmocka_unit_test(test_device_rules),
		cmocka_unit_test(test_security_options),
		T(test_shared_namespaces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
