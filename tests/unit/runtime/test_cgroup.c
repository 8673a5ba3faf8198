/* Finding the hierarchies on every kind of machine, from what such machines show; and conversions. */
#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "cgroup_layout.h"
#include "cgroup_private.h"

#define ROOT "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"

static const char v1_machine[] = ROOT
	"30 24 0:26 / /sys/fs/cgroup ro,nosuid shared:9 - tmpfs tmpfs ro,mode=755\n"
	"32 30 0:28 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd\n"
	"35 30 0:31 / /sys/fs/cgroup/cpu,cpuacct rw shared:14 master:3 - cgroup cgroup "
	"rw,cpu,cpuacct\n"
	"36 30 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	"37 30 0:33 / /sys/fs/cgroup/net_cls,net_prio rw - cgroup cgroup rw,net_cls,net_prio\n";
static const char v1_self[] = "12:memory:/user.slice\n5:cpuacct,cpu:/user.slice/a:b\n"
			      "3:net_cls,net_prio:/\n1:name=systemd:/user.slice/session-1.scope\n";

static const char hybrid_machine[] =
	ROOT "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	     "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
	     "36 31 0:33 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
	     "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
static const char hybrid_self[] = "5:devices:/\n1:cpu:/x\n0::/y\n";

static const char v2_machine[] = ROOT "29 22 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 "
				      "cgroup2 rw,nsdelegate,memory_recursiveprot\n";
static const char v2_self[] = "0::/user.slice/user-0.slice/session-2.scope\n";

static const struct cgroup_mount *named(const struct cgroup_layout *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++) {
		if (str_eq(l->v[i].name, name))
			return &l->v[i];
	}
	return NULL;
}

static void v1(void **state)
{
	auto_cgroup_layout l = {0};
	assert_int_equal(cgroup_layout_parse(&l, v1_machine, v1_self, NULL), 0);
	assert_int_equal(l.mode, CGROUP_V1);
	assert_int_equal(l.count, 4);
	const struct cgroup_mount *cpu = named(&l, "cpu,cpuacct");
	assert_non_null(cpu);
	assert_int_equal(cpu->controllers, CTL_BIT(CTL_CPU) | CTL_BIT(CTL_CPUACCT));
	assert_string_equal(cpu->own, "/user.slice/a:b");
	assert_string_equal(named(&l, "systemd")->own, "/user.slice/session-1.scope");
	assert_int_equal(named(&l, "systemd")->controllers, 0);
	assert_ptr_equal(cgroup_layout_find(&l, CTL_NET_PRIO), named(&l, "net_cls,net_prio"));
	assert_null(cgroup_layout_find(&l, CTL_PIDS));
	assert_null(cgroup_layout_find(&l, CTL_DEVICES));
}

static void hybrid(void **state)
{
	auto_cgroup_layout l = {0};
	assert_int_equal(cgroup_layout_parse(&l, hybrid_machine, hybrid_self, NULL), 0);
	assert_int_equal(l.mode, CGROUP_HYBRID);
	assert_true(named(&l, "unified")->v2);
	assert_string_equal(named(&l, "unified")->own, "/y");
	/* v1 where it is, v2 for what needs no controller there */
	assert_ptr_equal(cgroup_layout_find(&l, CTL_DEVICES), named(&l, "devices"));
	assert_ptr_equal(cgroup_layout_find(&l, CTL_FREEZER), named(&l, "unified"));
	assert_null(cgroup_layout_find(&l, CTL_MEMORY));
}

static void v2(void **state)
{
	auto_cgroup_layout l = {0};
	assert_int_equal(cgroup_layout_parse(&l, v2_machine, v2_self, NULL), 0);
	assert_int_equal(l.mode, CGROUP_V2);
	assert_int_equal(l.count, 1);
	assert_string_equal(l.v[0].path, "/sys/fs/cgroup");
	assert_ptr_equal(cgroup_layout_find(&l, CTL_DEVICES), &l.v[0]);
	l.v[0].controllers =
		cgroup_controller_list("cpuset cpu io memory hugetlb pids rdma misc\n", true);
	assert_ptr_equal(cgroup_layout_find(&l, CTL_BLKIO), &l.v[0]);
	assert_null(cgroup_layout_find(&l, CTL_NET_CLS));
}

/* In a container or a chroot: subtrees, the same hierarchy twice, blanks and backslashes in names. */
static void subtrees(void **state)
{
	auto_cgroup_layout l = {0};
	static const char mountinfo[] =
		"1 0 0:1 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
		"2 0 0:1 / /host/sys\\040fs/me\\134mory rw shared:1 master:2 propagate_from:3 - "
		"cgroup cgroup rw,memory\n"
		"3 0 0:2 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n"
		"4 0 0:2 /docker/def /other/cpu ro - cgroup cgroup rw,cpu\n";
	assert_int_equal(cgroup_layout_parse(&l, mountinfo,
				 "2:cpu:/docker/abc/in/side\n1:memory:/docker/abc\n", NULL),
		0);
	assert_int_equal(l.count, 2);
	assert_string_equal(named(&l, "memory")->path, "/host/sys fs/me\\mory");
	assert_string_equal(named(&l, "memory")->own, "/docker/abc");
	assert_string_equal(named(&l, "cpu")->path, "/sys/fs/cgroup/cpu");
	assert_string_equal(named(&l, "cpu")->own, "/in/side");
}

static void nothing_and_nonsense(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n\n",
		ROOT,
		"1 0 0:1 / /x rw - cgroup cgroup rw\n", /* neither controller nor name */
		"1 0 0:1 / /x rw cgroup cgroup rw,cpu\n", /* no hyphen */
		"1 0 0:1 / /x\n",
		"- - - - - -",
		"1 0 0:1 / /x rw - cgroup",
		"1 0 0:1 /\\ /\\04 rw - ext4 \\777 rw",
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		auto_cgroup_layout l = {0};
		auto_err *err = NULL;
		assert_int_equal(cgroup_layout_parse(&l, texts[i], ":::\n0\n:\n0:", &err), -1);
		assert_int_equal(err->kind, ERR_UNAVAILABLE);
	}
}

/* The values of crun and runc, which people compare with. */
static void conversions(void **state)
{
	assert_int_equal(cgroup_weight_from_shares(2), 1);
	assert_int_equal(cgroup_weight_from_shares(1024), 100);
	assert_int_equal(cgroup_weight_from_shares(3), 2);
	assert_int_equal(cgroup_weight_from_shares(512), 59);
	assert_int_equal(cgroup_weight_from_shares(2048), 174);
	assert_int_equal(cgroup_weight_from_shares(262143), 10000);
	assert_int_equal(cgroup_weight_from_shares(262144), 10000);
	assert_int_equal(cgroup_weight_from_shares(0), 1);
	assert_int_equal(cgroup_weight_from_shares(UINT64_MAX), 10000);
	assert_int_equal(cgroup_io_weight(10), 1);
	assert_int_equal(cgroup_io_weight(1000), 10000);
	assert_int_equal(cgroup_io_weight(500), 4950);
}

static void flat_keyed_files(void **state)
{
	static const char text[] = "low 0\noom 3\noom_kill 12\nbad x\n";
	assert_int_equal(cgroup_text_key(text, "oom"), 3);
	assert_int_equal(cgroup_text_key(text, "oom_kill"), 12);
	assert_int_equal(cgroup_text_key(text, "kill"), -1);
	assert_int_equal(cgroup_text_key(text, "bad"), -1);
	assert_int_equal(cgroup_text_key("", "low"), -1);
}

static void paths(void **state)
{
	static const char *const bad[] = {"/", "", "/../x", "/a/../../b", "/.", "//"};
	struct cgroup *cg = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_err *err = NULL;
		assert_int_equal(cgroup_open(&cg, bad[i], &err), -1);
		assert_true(err->kind == ERR_INVALID || err->kind == ERR_UNAVAILABLE ||
			    (i == 1 && err->kind == ERR_NOT_FOUND));
	}
	auto_err *err = NULL;
	assert_int_equal(cgroup_open(&cg, "/kist-test-that-is-not/there", &err), -1);
	assert_true(err->kind == ERR_NOT_FOUND || err->kind == ERR_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(v1),
		cmocka_unit_test(hybrid),
		cmocka_unit_test(v2),
		cmocka_unit_test(subtrees),
		cmocka_unit_test(nothing_and_nonsense),
		cmocka_unit_test(conversions),
		cmocka_unit_test(flat_keyed_files),
		cmocka_unit_test(paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
