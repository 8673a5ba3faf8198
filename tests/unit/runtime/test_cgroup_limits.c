/* What is written where, on both versions: into plain files that are called as the kernel's are. The
 * kernel's own answers are test_cgroup_live.c's matter. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

struct fake {
	char path[64];
	struct cgroup_mount mount;
	struct cgroup_dir dir;
};

static int setup(void **state)
{
	struct fake *f = xcalloc(1, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "/tmp/kist-test-limits.XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->mount.path = f->path;
	f->mount.controllers = CTL_BIT(CTL_COUNT) - 1;
	f->dir = (struct cgroup_dir){
		.mount = &f->mount, .rel = (char *)"x", .fd = open(f->path, O_DIRECTORY)};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fake *f = *state;
	close(f->dir.fd);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

/* A control file with its present content. */
static void control(struct fake *f, const char *name, const char *content)
{
	auto_fd int fd = openat(f->dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
}

static void expect(struct fake *f, const char *name, const char *content)
{
	auto_buf text = BUF_INIT;
	assert_int_equal(file_read(f->dir.fd, name, 4096, &text, NULL), 0);
	if (!str_eq(buf_str(&text), content))
		fail_msg("%s: \"%s\" instead of \"%s\"", name, buf_str(&text), content);
}

#define SET(opt, value) ((opt).set = true, (opt).v = (value))

static void v2_memory(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	control(f, "memory.max", "");
	control(f, "memory.swap.max", "");
	control(f, "memory.low", "");
	SET(r.memory.limit, 100);
	SET(r.memory.swap, 250);
	SET(r.memory.reservation, 50);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "memory.max", "100");
	expect(f, "memory.swap.max", "150");
	expect(f, "memory.low", "50");
	/* no swap at all, and no limit at all */
	control(f, "memory.swap.max", "");
	SET(r.memory.swap, 100);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "memory.swap.max", "0");
	control(f, "memory.max", "");
	control(f, "memory.swap.max", "");
	r.memory.swap.set = false;
	SET(r.memory.limit, -1);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "memory.max", "max");
	expect(f, "memory.swap.max", "max");
}

static void v2_memory_refusals(void **state)
{
	struct fake *f = *state;
	auto_err *err = NULL;
	control(f, "memory.max", "max\n");
	struct oci_resources no_limit = {0}, small = {0}, swappy = {0}, immortal = {0},
			     checked = {0};
	SET(no_limit.memory.swap, 5);
	assert_int_equal(cgroup_v2_set(&f->dir, &no_limit, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	SET(small.memory.limit, 9);
	SET(small.memory.swap, 8);
	assert_int_equal(cgroup_v2_set(&f->dir, &small, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	SET(swappy.memory.swappiness, 10);
	assert_int_equal(cgroup_v2_set(&f->dir, &swappy, &err), -1);
	assert_non_null(strstr(err->msg, "swappiness"));
	SET(immortal.memory.disable_oom_killer, true);
	assert_int_equal(cgroup_v2_set(&f->dir, &immortal, &err), -1);
	assert_non_null(strstr(err->msg, "OOM killer"));
	control(f, "memory.current", "1000\n");
	SET(checked.memory.limit, 999);
	SET(checked.memory.check_before_update, true);
	assert_int_equal(cgroup_v2_set(&f->dir, &checked, &err), -1);
	assert_int_equal(err->kind, ERR_CONFLICT);
}

/* Swap alone is measured against the limit in force. */
static void v2_swap_alone(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	control(f, "memory.max", "100\n");
	control(f, "memory.swap.max", "");
	SET(r.memory.swap, 250);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "memory.swap.max", "150");
	SET(r.memory.swap, 99);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), -1);
	/* nothing to take off where memory itself is unlimited */
	control(f, "memory.max", "");
	control(f, "memory.swap.max", "");
	SET(r.memory.limit, -1);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "memory.swap.max", "99");
	/* more than is used now, or it would be killed at once */
	struct oci_resources checked = {0};
	control(f, "memory.max", "100\n");
	control(f, "memory.current", "200\n");
	SET(checked.memory.swap, 150);
	SET(checked.memory.check_before_update, true);
	assert_int_equal(cgroup_v2_set(&f->dir, &checked, NULL), -1);
}

/* No swap accounting: nothing to forbid, but nothing to grant either. */
static void v2_without_swap(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	control(f, "memory.max", "");
	SET(r.memory.limit, 100);
	SET(r.memory.swap, 100);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	control(f, "memory.max", "");
	SET(r.memory.swap, -1);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	SET(r.memory.swap, 101);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), -1);
}

/* What cannot be had on v2 is an error that names the field. */
static void v2_realtime(void **state)
{
	struct fake *f = *state;
	auto_err *err = NULL;
	struct oci_resources runtime = {0}, period = {0};
	SET(runtime.cpu.realtime_runtime, 5000);
	assert_int_equal(cgroup_v2_set(&f->dir, &runtime, &err), -1);
	assert_non_null(strstr(err->msg, "realtimeRuntime"));
	SET(period.cpu.realtime_period, 5000);
	assert_int_equal(cgroup_v2_set(&f->dir, &period, &err), -1);
	assert_non_null(strstr(err->msg, "realtimePeriod"));
}

/* The file that cannot be written shows which was written before it. */
static void idle_and_shares(void **state)
{
	struct fake *f = *state;
	struct oci_resources on = {0}, off = {0};
	SET(on.cpu.shares, 1024);
	SET(on.cpu.idle, 1);
	off = on;
	SET(off.cpu.idle, 0);
	control(f, "cpu.weight", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &on, NULL), -1);
	expect(f, "cpu.weight", "100");
	control(f, "cpu.shares", "");
	assert_int_equal(cgroup_v1_set(&f->dir, &on, NULL), -1);
	expect(f, "cpu.shares", "1024");
	assert_int_equal(unlinkat(f->dir.fd, "cpu.weight", 0), 0);
	assert_int_equal(unlinkat(f->dir.fd, "cpu.shares", 0), 0);
	control(f, "cpu.idle", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &off, NULL), -1);
	expect(f, "cpu.idle", "0");
	control(f, "cpu.idle", "");
	assert_int_equal(cgroup_v1_set(&f->dir, &off, NULL), -1);
	expect(f, "cpu.idle", "0");
}

/* The controller that is at fault is named, on this machine or in this folder. */
static void v2_missing_controllers(void **state)
{
	struct fake *f = *state;
	auto_err *err = NULL;
	struct oci_resources r = {0};
	struct oci_pair pair = {(char *)"memory.high", (char *)"5"};
	control(f, "cgroup.controllers", "cpu pids\n");
	SET(r.memory.limit, 5);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, &err), -1);
	assert_non_null(strstr(err->msg, "\"memory\""));
	assert_non_null(strstr(err->msg, "could not be enabled"));
	struct oci_resources unified = {.unified = {.v = &pair, .count = 1}};
	assert_int_equal(cgroup_v2_set(&f->dir, &unified, &err), -1);
	assert_non_null(strstr(err->msg, "\"memory\""));
	pair.key = (char *)"nonsense.max";
	assert_int_equal(cgroup_v2_set(&f->dir, &unified, &err), -1);
	assert_non_null(strstr(err->msg, "\"nonsense\""));
	pair.key = (char *)"plain";
	assert_int_equal(cgroup_v2_set(&f->dir, &unified, &err), -1);
	assert_non_null(strstr(err->msg, "CONTROLLER.PARAMETER"));
	/* with its controller on, a missing file is a missing file */
	pair.key = (char *)"cpu.nonsense";
	assert_int_equal(cgroup_v2_set(&f->dir, &unified, &err), -1);
	assert_non_null(strstr(err->msg, "/x/cpu.nonsense"));
}

static void v2_cpu_and_pids(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	control(f, "cpu.max", "");
	control(f, "cpu.weight", "");
	control(f, "cpuset.cpus", "");
	control(f, "pids.max", "");
	SET(r.cpu.shares, 1024);
	SET(r.cpu.quota, 50000);
	SET(r.cpu.period, 100000);
	SET(r.pids_limit, -1);
	r.cpu.cpus = (char *)"0-1";
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "cpu.weight", "100");
	expect(f, "cpu.max", "50000 100000");
	expect(f, "cpuset.cpus", "0-1");
	expect(f, "pids.max", "max");
	control(f, "pids.max", "");
	SET(r.pids_limit, 0); /* no process beside the first */
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "pids.max", "1");
	/* a period alone keeps the quota, a quota alone leaves the period to the kernel */
	struct oci_resources period = {0}, quota = {0};
	control(f, "cpu.max", "25000 100000\n");
	SET(period.cpu.period, 400000);
	assert_int_equal(cgroup_v2_set(&f->dir, &period, NULL), 0);
	expect(f, "cpu.max", "25000 400000\n"); /* a plain file keeps its tail */
	control(f, "cpu.max", "");
	SET(quota.cpu.quota, -1);
	assert_int_equal(cgroup_v2_set(&f->dir, &quota, NULL), 0);
	expect(f, "cpu.max", "max");
}

static void v2_io(void **state)
{
	struct fake *f = *state;
	struct oci_blkio_rate rate = {.major = 8, .minor = 16, .rate = 1048576}, off = {.major = 8};
	struct oci_resources r = {0};
	r.blkio.write_iops.v = &rate;
	r.blkio.write_iops.count = 1;
	control(f, "io.max", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "io.max", "8:16 wiops=1048576");
	struct oci_resources lifted = {0};
	lifted.blkio.read_bps.v = &off;
	lifted.blkio.read_bps.count = 1;
	control(f, "io.max", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &lifted, NULL), 0);
	expect(f, "io.max", "8:0 rbps=max");
	/* BFQ takes the weight as it is, io.cost on its own scale */
	struct oci_resources weight = {0};
	SET(weight.blkio.weight, 500);
	control(f, "io.weight", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &weight, NULL), 0);
	expect(f, "io.weight", "default 4950");
	control(f, "io.bfq.weight", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &weight, NULL), 0);
	expect(f, "io.bfq.weight", "500");
}

static void v2_others(void **state)
{
	struct fake *f = *state;
	struct oci_pair pairs[] = {
		{(char *)"memory.high", (char *)"5"}, {(char *)"../x", (char *)"1"}};
	struct oci_hugepage page = {.page_size = (char *)"2MB", .limit = 4194304};
	struct oci_rdma rdma = {.device = (char *)"mlx5_0"};
	struct oci_resources r = {
		.hugepages = &page, .hugepage_count = 1, .rdma = &rdma, .rdma_count = 1};
	r.unified.v = pairs;
	r.unified.count = 1;
	SET(rdma.handles, 2);
	SET(rdma.objects, 3);
	control(f, "hugetlb.2MB.max", "");
	control(f, "hugetlb.2MB.rsvd.max", "");
	control(f, "rdma.max", "");
	control(f, "memory.high", "");
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
	expect(f, "hugetlb.2MB.max", "4194304");
	expect(f, "hugetlb.2MB.rsvd.max", "4194304");
	expect(f, "rdma.max", "mlx5_0 hca_handle=2 hca_object=3");
	expect(f, "memory.high", "5");
	auto_err *err = NULL;
	r.unified.count = 2;
	assert_int_equal(cgroup_v2_set(&f->dir, &r, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
}

/* Which of the two is written first shows when the other cannot be written. */
static void v1_swap_order(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	auto_err *err = NULL;
	SET(r.memory.limit, 100);
	SET(r.memory.swap, 200);
	control(f, "memory.memsw.limit_in_bytes", "150\n");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, &err), -1); /* no memory.limit_in_bytes */
	expect(f, "memory.memsw.limit_in_bytes", "200\n");
	control(f, "memory.memsw.limit_in_bytes", "300\n");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, &err), -1);
	expect(f, "memory.memsw.limit_in_bytes", "300\n");
	control(f, "memory.limit_in_bytes", "");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	expect(f, "memory.limit_in_bytes", "100");
	expect(f, "memory.memsw.limit_in_bytes", "200\n");
}

static void v1_others(void **state)
{
	struct fake *f = *state;
	struct oci_blkio_rate rate = {.major = 8, .minor = 0, .rate = 7};
	struct oci_resources r = {0};
	static const char *const files[] = {"cpu.cfs_quota_us", "cpu.cfs_period_us", "cpuset.mems",
		"pids.max", "blkio.throttle.read_bps_device", "blkio.weight", "net_cls.classid",
		"memory.oom_control", "memory.swappiness", "memory.soft_limit_in_bytes"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		control(f, files[i], "");
	SET(r.cpu.quota, -1);
	SET(r.cpu.period, 5000);
	SET(r.pids_limit, 9);
	SET(r.blkio.weight, 10);
	SET(r.net_class_id, 0x100001);
	SET(r.memory.disable_oom_killer, true);
	SET(r.memory.swappiness, 0);
	SET(r.memory.reservation, 77);
	r.cpu.mems = (char *)"0";
	r.blkio.read_bps.v = &rate;
	r.blkio.read_bps.count = 1;
	auto_err *err = NULL;
	if (cgroup_v1_set(&f->dir, &r, &err) < 0)
		fail_msg("%s", err_msg(err));
	expect(f, "cpu.cfs_quota_us", "-1");
	expect(f, "cpu.cfs_period_us", "5000");
	expect(f, "cpuset.mems", "0");
	expect(f, "pids.max", "9");
	expect(f, "blkio.throttle.read_bps_device", "8:0 7");
	expect(f, "blkio.weight", "10");
	expect(f, "net_cls.classid", "1048577");
	expect(f, "memory.oom_control", "1");
	expect(f, "memory.swappiness", "0");
	expect(f, "memory.soft_limit_in_bytes", "77");
}

static void rule(struct oci_resources *r, bool allow, char type, int64_t major, int64_t minor,
	const char *access)
{
	oci_device_rule_add(r, allow, type, major, minor, access);
}

/* The last write shows: additions come first, then what is taken back, and nothing that stays. */
static void v1_device_difference(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	control(f, "devices.list",
		"c *:* m\nb *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\nc 1:9 rwm\n"
		"c 5:0 rwm\nc 5:2 rwm\nc 136:* rwm\nc 10:200 rwm\nc 10:229 rw\nb 8:0 r\n");
	control(f, "devices.allow", "");
	control(f, "devices.deny", "");
	rule(&r, false, 'a', -1, -1, "rwm");
	rule(&r, true, 'c', 10, 229, "rwm");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	expect(f, "devices.allow", "c 10:229 m");
	expect(f, "devices.deny", "b 8:0 r");
	/* all of it from scratch, where all was allowed */
	control(f, "devices.list", "a *:* rwm\n");
	control(f, "devices.allow", "");
	control(f, "devices.deny", "");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	expect(f, "devices.deny", "a");
	/* nothing to do */
	control(f, "devices.list",
		"c *:* m\nb *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\nc 1:9 rwm\n"
		"c 5:0 rwm\nc 5:2 rwm\nc 136:* rwm\nc 10:200 rwm\nc 10:229 rwm\n");
	control(f, "devices.allow", "");
	control(f, "devices.deny", "");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	expect(f, "devices.allow", "");
	expect(f, "devices.deny", "");
	/* a hole in what was allowed at large */
	auto_err *err = NULL;
	rule(&r, true, 'c', 10, -1, "rwm");
	rule(&r, false, 'c', 10, 201, "w");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, "c 10:201 w"));
	assert_non_null(strstr(err->msg, "devices[3]"));
	free(r.devices);
}

/* "a" with some kinds of access only is both types of devices. */
static void v1_all_devices_in_part(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	control(f, "devices.list", "c *:* rwm\n");
	control(f, "devices.allow", "");
	control(f, "devices.deny", "");
	rule(&r, false, 'a', -1, -1, "w");
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	expect(f, "devices.deny", "c *:* w");
	free(r.devices);
}

/* Controllers that the machines of today have on v2 only, or nowhere. */
static void v1_rare(void **state)
{
	struct fake *f = *state;
	struct oci_hugepage page = {.page_size = (char *)"2MB", .limit = 4194304};
	struct oci_rdma rdma = {.device = (char *)"mlx5_0"};
	struct oci_pair priority = {(char *)"eth0", (char *)"5"};
	struct oci_blkio_weight weight = {.major = 8, .has_weight = true, .weight = 300};
	struct oci_resources r = {.hugepages = &page,
		.hugepage_count = 1,
		.rdma = &rdma,
		.rdma_count = 1,
		.net_priorities = {.v = &priority, .count = 1}};
	r.blkio.weight_devices = &weight;
	r.blkio.weight_device_count = 1;
	weight.has_leaf_weight = true;
	weight.leaf_weight = 200;
	SET(rdma.objects, 3);
	SET(r.blkio.leaf_weight, 100);
	SET(r.pids_limit, 0);
	SET(r.cpu.realtime_runtime, 950000);
	SET(r.cpu.realtime_period, 1000000);
	SET(r.memory.kernel, 5);
	SET(r.memory.kernel_tcp, 1048576);
	static const char *const files[] = {"hugetlb.2MB.limit_in_bytes", "rdma.max",
		"hugetlb.2MB.rsvd.limit_in_bytes", "net_prio.ifpriomap", "blkio.weight",
		"blkio.weight_device", "blkio.leaf_weight", "blkio.leaf_weight_device",
		"cpu.rt_runtime_us", "cpu.rt_period_us", "pids.max",
		"memory.kmem.tcp.limit_in_bytes"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		control(f, files[i], "");
	auto_err *err = NULL;
	if (cgroup_v1_set(&f->dir, &r, &err) < 0)
		fail_msg("%s", err_msg(err));
	expect(f, "hugetlb.2MB.limit_in_bytes", "4194304");
	expect(f, "hugetlb.2MB.rsvd.limit_in_bytes", "4194304");
	expect(f, "rdma.max", "mlx5_0 hca_object=3");
	expect(f, "net_prio.ifpriomap", "eth0 5");
	expect(f, "blkio.weight_device", "8:0 300");
	expect(f, "blkio.leaf_weight", "100");
	expect(f, "blkio.leaf_weight_device", "8:0 200");
	expect(f, "cpu.rt_runtime_us", "950000");
	expect(f, "cpu.rt_period_us", "1000000");
	expect(f, "pids.max", "1");
	expect(f, "memory.kmem.tcp.limit_in_bytes", "1048576");
	/* a kernel may have gone without it; one before 5.7 has no reservations, BFQ has names of its own */
	assert_int_equal(unlinkat(f->dir.fd, "memory.kmem.tcp.limit_in_bytes", 0), 0);
	assert_int_equal(unlinkat(f->dir.fd, "hugetlb.2MB.rsvd.limit_in_bytes", 0), 0);
	assert_int_equal(unlinkat(f->dir.fd, "blkio.weight", 0), 0);
	control(f, "blkio.bfq.weight", "");
	control(f, "blkio.bfq.weight_device", "");
	SET(r.blkio.weight, 500);
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	expect(f, "blkio.bfq.weight", "500");
	expect(f, "blkio.bfq.weight_device", "8:0 300");
}

/* Zero is how Docker's API says "not asked for". */
static void zeroes_write_nothing(void **state)
{
	struct fake *f = *state;
	struct oci_resources r = {0};
	SET(r.memory.limit, 0);
	SET(r.memory.swap, 0);
	SET(r.cpu.shares, 0);
	SET(r.cpu.quota, 0);
	SET(r.cpu.period, 0);
	SET(r.blkio.weight, 0);
	assert_int_equal(cgroup_v1_set(&f->dir, &r, NULL), 0);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, NULL), 0);
}

static void messages_name_file_and_value(void **state)
{
	struct fake *f = *state;
	auto_err *err = NULL;
	struct oci_resources r = {0};
	SET(r.pids_limit, 12);
	assert_int_equal(cgroup_v2_set(&f->dir, &r, &err), -1);
	assert_non_null(strstr(err->msg, "/x/pids.max"));
	assert_non_null(strstr(err->msg, "\"12\""));
}

#define LIMITS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIMITS_TEST(v2_memory),
		LIMITS_TEST(v2_memory_refusals),
		LIMITS_TEST(v2_swap_alone),
		LIMITS_TEST(v2_without_swap),
		LIMITS_TEST(v2_realtime),
		LIMITS_TEST(idle_and_shares),
		LIMITS_TEST(v2_missing_controllers),
		LIMITS_TEST(v2_cpu_and_pids),
		LIMITS_TEST(v2_io),
		LIMITS_TEST(v2_others),
		LIMITS_TEST(v1_swap_order),
		LIMITS_TEST(v1_others),
		LIMITS_TEST(v1_rare),
		LIMITS_TEST(v1_device_difference),
		LIMITS_TEST(v1_all_devices_in_part),
		LIMITS_TEST(zeroes_write_nothing),
		LIMITS_TEST(messages_name_file_and_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
