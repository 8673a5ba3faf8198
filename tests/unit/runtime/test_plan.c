/* Compiling whole configs, and plans as bytes: whatever arrives is a plan or an error. */
#include "../cmocka_all.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/plan.h"

static const struct plan_options options = {.id = "c1", .bundle = "/b"};

/* A config that uses a bit of everything. */
static struct oci_config *config_new(void)
{
	static const char *const tmpfs[] = {"nosuid", "mode=755", NULL};
	static const char *const bind[] = {"rbind", "rro", "rslave", "shared", NULL};
	struct oci_config *c = oci_config_new();
	c->root_path = xstrdup("rootfs");
	c->hostname = xstrdup("h");
	c->has_process = true;
	strv_add(&c->process.args, "sh");
	strv_add(&c->process.env, "A=b");
	c->process.cwd = xstrdup("/");
	c->process.has_capabilities = true;
	c->process.capabilities.bounding = c->process.capabilities.permitted = 0xff;
	c->process.capabilities.effective = 0x0f;
	oci_rlimit_add(&c->process, "RLIMIT_NOFILE", 10, 20);
	oci_mount_add(c, "/dev", "tmpfs", "tmpfs", tmpfs);
	oci_mount_add(c, "/v", "bind", "/src", bind);
	for (int i = 0; i < OCI_NS_COUNT; i++)
		c->linux.ns[i].present = i == OCI_NS_MOUNT || i == OCI_NS_PID || i == OCI_NS_UTS ||
					 i == OCI_NS_NETWORK;
	oci_pair_add(&c->linux.sysctl, "net.ipv4.ip_forward", "1");
	oci_pair_add(&c->annotations, "k", "v");
	oci_device_add(&c->linux, "/dev/null", 'c', 1, 3);
	oci_device_add(&c->linux, "/dev/fuse", 'c', 10, 229);
	oci_device_rule_add(&c->linux.resources, false, 'a', -1, -1, "rwm");
	c->linux.resources.memory.limit.set = true;
	c->linux.resources.memory.limit.v = 1 << 20;
	c->linux.resources.cpu.cpus = xstrdup("0-1");
	oci_pair_add(&c->linux.resources.unified, "memory.high", "1");
	strv_add(&c->linux.masked_paths, "/proc/kcore");
	strv_add(&c->linux.readonly_paths, "/proc/sys");
	return c;
}

static struct plan *compile(const struct oci_config *c)
{
	struct plan *plan = NULL;
	auto_err *err = NULL;
	if (plan_compile(&plan, c, &options, &err) < 0)
		fail_msg("%s", err_msg(err));
	return plan;
}

static void refuse(const struct oci_config *c, enum err_kind kind, const char *word)
{
	struct plan *plan = NULL;
	auto_err *err = NULL;
	assert_int_equal(plan_compile(&plan, c, &options, &err), -1);
	assert_int_equal(err->kind, kind);
	if (!strstr(err->msg, word))
		fail_msg("\"%s\" does not name \"%s\"", err->msg, word);
}

static void test_compile(void **state)
{
	auto_oci_config *c = config_new();
	struct plan *p = compile(c);
	assert_int_equal(p->ns_new, CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET);
	assert_string_equal(p->root_path, "/b/rootfs");
	assert_int_equal(p->mount_count, 2);
	assert_int_equal(p->process.ioprio, -1);
	/* the defaults of the specification, but not twice */
	assert_int_equal(p->device_count, 7);
	for (int i = 0; i < OCI_NS_COUNT; i++)
		assert_int_equal(p->ns_fd[i], -1);
	plan_free(p);
}

static void test_namespace_rules(void **state)
{
	auto_oci_config *c = config_new();
	c->linux.ns[OCI_NS_UTS].present = false;
	refuse(c, ERR_INVALID, "hostname");
	c->linux.ns[OCI_NS_UTS].present = true;
	c->linux.time_offsets.boottime_secs.set = true;
	refuse(c, ERR_INVALID, "timeOffsets");
	c->linux.time_offsets.boottime_secs.set = false;
	c->linux.ns[OCI_NS_USER].present = true;
	refuse(c, ERR_INVALID, "uidMappings");
	c->linux.ns[OCI_NS_USER].present = false;
	c->linux.ns[OCI_NS_MOUNT].present = false;
	struct plan *shared = compile(c);
	assert_int_equal(shared->ns_new & CLONE_NEWNS, 0);
	assert_false(shared->host_mounts);
	plan_free(shared);
	c->linux.ns[OCI_NS_MOUNT].present = true;
	c->linux.ns[OCI_NS_NETWORK].path = xstrdup("/run/ns");
	struct plan *p = compile(c);
	assert_string_equal(p->ns_path[OCI_NS_NETWORK], "/run/ns");
	assert_false(p->ns_new & CLONE_NEWNET);
	plan_free(p);
}

static void try_sysctl(const char *key, bool ok)
{
	auto_oci_config *c = config_new();
	oci_pair_add(&c->linux.sysctl, key, "1");
	if (!ok)
		refuse(c, ERR_INVALID, key);
	else
		plan_free(compile(c));
}

static void test_sysctl_rules(void **state)
{
	try_sysctl("net.core.somaxconn", true);
	try_sysctl("net/ipv4/conf/eth0.1/forwarding", true);
	try_sysctl("kernel.domainname", true);
	try_sysctl("kernel.hostname", false);
	try_sysctl("kernel.msgmax", false); /* no ipc namespace in this config */
	try_sysctl("fs.mqueue.msg_max", false);
	try_sysctl("kernel.pid_max", false);
	try_sysctl("vm.swappiness", false);
	try_sysctl("kernel/pid_max", false);
	try_sysctl("", false);
}

static void test_process_rules(void **state)
{
	auto_oci_config *c = config_new();
	c->process.capabilities.effective = 0x100;
	refuse(c, ERR_INVALID, "effective");
	c->process.capabilities.effective = 0;
	c->process.user.uid = 0x80000000u;
	refuse(c, ERR_INVALID, "2147483647");
	c->process.user.uid = 0;
	oci_rlimit_add(&c->process, "RLIMIT_NONSENSE", 1, 1);
	refuse(c, ERR_INVALID, "RLIMIT_NONSENSE");
	str_replace(&c->process.rlimits[1].type, "RLIMIT_CORE");
	c->process.rlimits[1].soft = 5;
	refuse(c, ERR_INVALID, "RLIMIT_CORE");
	c->process.rlimits[1].soft = 1;
	str_replace(&c->process.ioprio_class, "IOPRIO_CLASS_X");
	refuse(c, ERR_INVALID, "IOPRIO_CLASS_X");
	str_replace(&c->process.ioprio_class, NULL);
	str_replace(&c->process.cwd, "x");
	refuse(c, ERR_INVALID, "cwd");
}

static void test_ambient_needs_inheritable(void **state)
{
	auto_oci_config *c = config_new();
	c->process.capabilities.ambient = 0x3;
	c->process.capabilities.inheritable = 0x1;
	struct plan *p = compile(c);
	assert_int_equal(p->process.caps.ambient, 0x1);
	plan_free(p);
}

static void test_env_has_every_name_once(void **state)
{
	static const char *const more[] = {"B=", "AB=x=y", "A=2", "HOME=", "B=3", "B A=4"};
	static const char *const expected[] = {"AB=x=y", "A=2", "HOME=", "B=3", "B A=4"};
	auto_oci_config *c = config_new();
	for (size_t i = 0; i < ARRAY_LEN(more); i++)
		strv_add(&c->process.env, more[i]);
	struct plan *p = compile(c);
	for (size_t i = 0; i < ARRAY_LEN(expected); i++)
		assert_string_equal(p->process.env[i], expected[i]);
	assert_null(p->process.env[ARRAY_LEN(expected)]);
	plan_free(p);
	strv_add(&c->process.env, "=x");
	refuse(c, ERR_INVALID, "process.env[7]");
	str_replace(&c->process.env[7], "NAME");
	refuse(c, ERR_INVALID, "process.env[7]");
}

static void test_round_trip(void **state)
{
	auto_oci_config *c = config_new();
	struct plan *p = compile(c), *q = NULL;
	p->process.user_spec = "bob";
	auto_buf first = BUF_INIT;
	auto_buf second = BUF_INIT;
	plan_encode(p, &first);
	assert_int_equal(plan_decode(&q, first.data, first.len, NULL), 0);
	assert_string_equal(q->process.user_spec, "bob");
	assert_string_equal(q->mounts[0].data, "mode=755");
	assert_int_equal(q->mounts[1].rec_attr_set, MOUNT_ATTR_RDONLY);
	assert_int_equal(q->mounts[0].propagation_count, 0);
	assert_int_equal(q->mounts[1].propagation_count, 2);
	assert_int_equal(q->mounts[1].propagation[0], MS_SLAVE | MS_REC);
	assert_int_equal(q->mounts[1].propagation[1], MS_SHARED);
	assert_int_equal(q->resources->memory.limit.v, 1 << 20);
	assert_string_equal(q->resources->unified.v[0].key, "memory.high");
	assert_int_equal(q->process.rlimits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(q->ns_fd[OCI_NS_NETWORK], -1);
	plan_encode(q, &second);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	plan_free(p);
	plan_free(q);
}

static void test_every_prefix_is_refused(void **state)
{
	auto_oci_config *c = config_new();
	struct plan *p = compile(c);
	auto_buf bytes = BUF_INIT;
	plan_encode(p, &bytes);
	for (size_t n = 0; n < bytes.len; n++) {
		auto_free char *copy = xmemdup(bytes.data, n);
		struct plan *q = NULL;
		auto_err *err = NULL;
		assert_int_equal(plan_decode(&q, copy, n, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
	plan_free(p);
}

static void test_garbled_bytes_do_no_harm(void **state)
{
	auto_oci_config *c = config_new();
	struct plan *p = compile(c);
	auto_buf bytes = BUF_INIT;
	plan_encode(p, &bytes);
	for (size_t i = 0; i < bytes.len; i++) {
		for (int v = 0; v < 3; v++) {
			auto_free char *copy = xmemdup(bytes.data, bytes.len);
			copy[i] = (char)(v == 0 ? 0xff : v == 1 ? copy[i] + 1 : 0x80);
			struct plan *q = NULL;
			if (plan_decode(&q, copy, bytes.len, NULL) == 0) {
				auto_buf again = BUF_INIT;
				plan_encode(q, &again);
				plan_free(q);
			}
		}
	}
	plan_free(p);
}

static void test_process_round_trip(void **state)
{
	auto_oci_config *c = config_new();
	struct plan_process *p = NULL, *q = NULL;
	assert_int_equal(plan_process_compile(&p, &c->process, NULL, &options, NULL), 0);
	auto_buf bytes = BUF_INIT;
	plan_process_encode(p, &bytes);
	assert_int_equal(plan_process_decode(&q, bytes.data, bytes.len, NULL), 0);
	assert_string_equal(q->args[0], "sh");
	assert_null(q->args[1]);
	assert_string_equal(q->env[0], "A=b");
	for (size_t n = 0; n < bytes.len; n++) {
		auto_free char *copy = xmemdup(bytes.data, n);
		struct plan_process *r = NULL;
		assert_int_equal(plan_process_decode(&r, copy, n, NULL), -1);
	}
	plan_process_free(p);
	plan_process_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compile),
		cmocka_unit_test(test_namespace_rules),
		cmocka_unit_test(test_sysctl_rules),
		cmocka_unit_test(test_process_rules),
		cmocka_unit_test(test_ambient_needs_inheritable),
		cmocka_unit_test(test_env_has_every_name_once),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_prefix_is_refused),
		cmocka_unit_test(test_garbled_bytes_do_no_harm),
		cmocka_unit_test(test_process_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
