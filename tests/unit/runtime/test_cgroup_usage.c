/* What is counted, read from plain files that are called as the kernel's are. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_usage_private.h"

struct fake {
	char path[64];
	struct cgroup_mount mount;
	struct cgroup_dir dir;
	struct cgroup_usage usage;
};

static int setup(void **state)
{
	struct fake *f = xcalloc(1, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "/tmp/kist-test-usage.XXXXXX");
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
	cgroup_usage_clear(&f->usage);
	close(f->dir.fd);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

static void control(struct fake *f, const char *name, const char *content)
{
	auto_fd int fd = openat(f->dir.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
}

static void v1_cpu(void **state)
{
	struct fake *f = *state;
	control(f, "cpuacct.usage", "1234\n");
	control(f, "cpuacct.stat", "user 3\nsystem 4\n");
	control(f, "cpuacct.usage_percpu", "1000 234 \n");
	control(f, "cpuacct.usage_all", "cpu user system\n0 7 8\n1 9 10\n");
	control(f, "cpu.stat", "nr_periods 5\nnr_throttled 6\nthrottled_time 70\n");
	control(f, "cpuset.cpus", "0-2,7\n");
	control(f, "cpuset.mems", "0\n");
	control(f, "cpuset.sched_relax_domain_level", "-1\n");
	cgroup_v1_usage(&f->dir, &f->usage);
	const struct cgroup_usage *u = &f->usage;
	assert_int_equal(u->cpu_total, 1234);
	assert_int_equal(u->cpu_user, 30000000);
	assert_int_equal(u->cpu_kernel, 40000000);
	assert_int_equal(u->percpu.count, 2);
	assert_int_equal(u->percpu.v[1], 234);
	assert_int_equal(u->percpu_user.v[1], 9);
	assert_int_equal(u->percpu_kernel.v[0], 8);
	assert_int_equal(u->throttled_time, 70);
	assert_int_equal(u->cpus.count, 4);
	assert_int_equal(u->cpus.v[3], 7);
	assert_int_equal(u->mems.count, 1);
	assert_int_equal(u->sched_relax_domain_level, -1);
}

static void v1_memory_and_pids(void **state)
{
	struct fake *f = *state;
	control(f, "memory.stat", "cache 9\nrss 3\nbad\n");
	control(f, "memory.limit_in_bytes", "9223372036854771712\n");
	control(f, "memory.usage_in_bytes", "100\n");
	control(f, "memory.memsw.usage_in_bytes", "120\n");
	control(f, "memory.kmem.tcp.failcnt", "2\n");
	control(f, "pids.current", "4\n");
	control(f, "pids.max", "max\n");
	control(f, "hugetlb.2MB.limit_in_bytes", "1\n");
	control(f, "hugetlb.2MB.rsvd.limit_in_bytes", "1\n");
	control(f, "hugetlb.2MB.rsvd.usage_in_bytes", "2097152\n");
	control(f, "hugetlb.1GB.limit_in_bytes", "1\n");
	control(f, "hugetlb.1GB.usage_in_bytes", "3\n");
	cgroup_v1_usage(&f->dir, &f->usage);
	const struct cgroup_usage *u = &f->usage;
	assert_int_equal(u->cache, 9);
	assert_int_equal(u->raw_count, 2);
	assert_true(u->memory.limit == 9223372036854771712u);
	assert_int_equal(u->swap.usage, 120);
	assert_int_equal(u->kernel_tcp.failcnt, 2);
	assert_int_equal(u->pids, 4);
	assert_int_equal(u->pids_limit, 0);
	assert_int_equal(u->hugetlb_count, 2);
	for (size_t i = 0; i < u->hugetlb_count; i++)
		assert_int_equal(
			u->hugetlb[i].usage, str_eq(u->hugetlb[i].size, "2MB") ? 2097152 : 3);
}

/* The scheduler's own counters first, those of the throttling where it counts nothing. */
static void v1_block_io(void **state)
{
	struct fake *f = *state;
	control(f, "blkio.bfq.io_serviced_recursive", "");
	control(f, "blkio.throttle.io_serviced_recursive", "8:0 Read 5\n8:0 Total 5\nTotal 5\n");
	control(f, "blkio.throttle.io_service_bytes_recursive", "8:0 Read 4096\nTotal 4096\n");
	cgroup_v1_usage(&f->dir, &f->usage);
	assert_int_equal(f->usage.io[CGROUP_IO_SERVICED].count, 2);
	assert_int_equal(f->usage.io[CGROUP_IO_BYTES].count, 1);
	assert_int_equal(f->usage.io[CGROUP_IO_BYTES].v[0].value, 4096);
	assert_string_equal(f->usage.io[CGROUP_IO_BYTES].v[0].op, "Read");
	control(f, "blkio.bfq.io_serviced_recursive", "259:1 Write 7\n");
	cgroup_usage_clear(&f->usage);
	cgroup_v1_usage(&f->dir, &f->usage);
	assert_int_equal(f->usage.io[CGROUP_IO_SERVICED].count, 1);
	assert_int_equal(f->usage.io[CGROUP_IO_SERVICED].v[0].major, 259);
	assert_int_equal(f->usage.io[CGROUP_IO_SERVICED].v[0].minor, 1);
	/* CFQ's, of which some have no kind */
	assert_int_equal(unlinkat(f->dir.fd, "blkio.bfq.io_serviced_recursive", 0), 0);
	control(f, "blkio.sectors_recursive", "8:0 16\n");
	cgroup_usage_clear(&f->usage);
	cgroup_v1_usage(&f->dir, &f->usage);
	assert_int_equal(f->usage.io[CGROUP_IO_SECTORS].v[0].value, 16);
	assert_string_equal(f->usage.io[CGROUP_IO_SECTORS].v[0].op, "");
}

static void v2(void **state)
{
	struct fake *f = *state;
	control(f, "cpu.stat", "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_throttled 1\n");
	control(f, "cpu.pressure",
		"some avg10=1.50 avg60=0.00 avg300=0.25 total=77\n"
		"full avg10=0.00 avg60=0.00 avg300=0.00 total=5\n");
	control(f, "memory.stat", "anon 1\nfile 4096\n");
	control(f, "memory.current", "10\n");
	control(f, "memory.max", "100\n");
	control(f, "memory.swap.current", "5\n");
	control(f, "memory.swap.max", "50\n");
	control(f, "io.stat", "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n8:0 \n");
	control(f, "hugetlb.2MB.max", "max\n");
	control(f, "hugetlb.2MB.rsvd.max", "max\n");
	control(f, "hugetlb.2MB.rsvd.current", "8\n");
	control(f, "hugetlb.2MB.events", "max 3\n");
	cgroup_v2_usage(&f->dir, true, &f->usage);
	const struct cgroup_usage *u = &f->usage;
	assert_int_equal(u->cpu_total, 5000);
	assert_int_equal(u->throttled_periods, 1);
	assert_true(u->cpu_pressure.known && !u->memory_pressure.known);
	assert_true(u->cpu_pressure.some.avg10 == 1.5 && u->cpu_pressure.some.avg300 == 0.25);
	assert_int_equal(u->cpu_pressure.some.total, 77);
	assert_int_equal(u->cpu_pressure.full.total, 5);
	assert_int_equal(u->cache, 4096);
	assert_int_equal(u->swap.usage, 15);
	assert_int_equal(u->swap.limit, 150);
	assert_int_equal(u->io[CGROUP_IO_BYTES].count, 2);
	assert_string_equal(u->io[CGROUP_IO_SERVICED].v[1].op, "Write");
	assert_int_equal(u->io[CGROUP_IO_SERVICED].v[1].value, 4);
	assert_int_equal(u->hugetlb_count, 1);
	assert_int_equal(u->hugetlb[0].usage, 8);
	assert_int_equal(u->hugetlb[0].failcnt, 3);
}

/* On a hybrid machine the CPU is counted on v1. */
static void hybrid(void **state)
{
	struct fake *f = *state;
	control(f, "cpu.stat", "usage_usec 5\n");
	control(f, "cpu.pressure", "some avg10=1.50 avg60=0.00 avg300=0.25 total=77\n");
	cgroup_v2_usage(&f->dir, false, &f->usage);
	assert_int_equal(f->usage.cpu_total, 0);
	assert_false(f->usage.cpu_pressure.known);
}

#define USAGE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USAGE_TEST(v1_cpu),
		USAGE_TEST(v1_memory_and_pids),
		USAGE_TEST(v1_block_io),
		USAGE_TEST(v2),
		USAGE_TEST(hybrid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
