#include "../cmocka_all.h"

#include "document.h"

static struct oci_resources *parse(const char *text, struct err **err)
{
	auto_free char *json = quoted(text);
	struct oci_resources *r = NULL;
	return oci_resources_parse(&r, json, strlen(json), err) < 0 ? NULL : r;
}

static void all_of_them(void **state)
{
	struct oci_resources *r = parse(
		"{'memory':{'limit':1,'reservation':2,'swap':-1,'kernel':4,'kernelTCP':5,'"
		"swappiness':60,"
		"'disableOOMKiller':true,'useHierarchy':false,'checkBeforeUpdate':true},"
		"'cpu':{'shares':1,'quota':-1,'burst':3,'period':4,'realtimeRuntime':5,'"
		"realtimePeriod':6,"
		"'cpus':'0-1,3','mems':'0','idle':1},'pids':{'limit':-1},"
		"'blockIO':{'weight':10,'leafWeight':1000,'weightDevice':[{'major':8,'minor':0,'"
		"weight':500}],"
		"'throttleReadBpsDevice':[{'major':8,'minor':0,'rate':600}],"
		"'throttleWriteIOPSDevice':[{'major':8,'minor':16,'rate':18446744073709551615}]},"
		"'hugepageLimits':[{'pageSize':'2MB','limit':9}],"
		"'network':{'classID':1048577,'priorities':[{'name':'eth0','priority':500}]},"
		"'rdma':{'mlx5_1':{'hcaHandles':3}},'unified':{'memory.high':'5','io.max':'8:0 "
		"rbps=1'},"
		"'devices':[{'allow':false,'access':'rwm'},{'allow':true,'type':'c','major':10,'"
		"access':'rw'}]}",
		NULL);
	assert_non_null(r);
	assert_true(r->memory.limit.set && r->memory.limit.v == 1);
	assert_true(r->memory.swap.v == -1);
	assert_true(r->memory.disable_oom_killer.v && r->memory.use_hierarchy.set);
	assert_true(r->cpu.quota.v == -1 && r->cpu.idle.v == 1);
	assert_string_equal(r->cpu.cpus, "0-1,3");
	assert_true(r->pids_limit.set && r->pids_limit.v == -1);
	assert_int_equal(r->blkio.weight_devices[0].weight, 500);
	assert_false(r->blkio.weight_devices[0].has_leaf_weight);
	assert_int_equal(r->blkio.read_bps.v[0].rate, 600);
	assert_true(r->blkio.write_iops.v[0].rate == UINT64_MAX);
	assert_string_equal(r->hugepages[0].page_size, "2MB");
	assert_true(r->net_class_id.set);
	assert_string_equal(r->net_priorities.v[0].value, "500");
	assert_true(r->rdma[0].handles.v == 3 && !r->rdma[0].objects.set);
	assert_string_equal(r->unified.v[1].key, "io.max");
	assert_int_equal(r->devices[0].type, 'a');
	assert_true(r->devices[0].major == -1 && r->devices[0].mknod);
	assert_true(r->devices[1].major == 10 && r->devices[1].minor == -1 && !r->devices[1].mknod);
	oci_resources_free(r);
}

static void absent_is_not_zero(void **state)
{
	struct oci_resources *r = parse("{'memory':{'limit':0},'cpu':{}}", NULL);
	assert_non_null(r);
	assert_true(r->memory.limit.set);
	assert_false(r->memory.swap.set || r->cpu.shares.set || r->pids_limit.set);
	oci_resources_free(r);
	r = parse("{'memory':{'swappiness':18446744073709551615}}", NULL);
	assert_non_null(r);
	assert_false(r->memory.swappiness.set);
	oci_resources_free(r);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *json, *message;
	} cases[] = {
		{"{'memory':{'limit':'1g'}}", "memory.limit: expected an integer"},
		{"{'memory':{'swappiness':101}}",
			"linux.resources.memory.swappiness: 101 is out of range"},
		{"{'memory':{'swappiness':18446744073709551614}}",
			"linux.resources.memory.swappiness: 18446744073709551614 is out of range"},
		{"{'memory':{'limit':9,'swap':8}}",
			"linux.resources.memory.swap: memory+swap 8 is below"},
		{"{'cpu':{'shares':-1}}", "cpu.shares: the number is out of range"},
		{"{'cpu':{'cpus':'0;1'}}", "linux.resources.cpu.cpus: \"0;1\" is not a list"},
		{"{'cpu':{'idle':2}}", "linux.resources.cpu.idle: must be 0 or 1"},
		{"{'blockIO':{'weight':5}}", "linux.resources.blockIO.weight: 5 is out of range"},
		{"{'blockIO':{'weight':70000}}", "blockIO.weight: the number is out of range"},
		{"{'blockIO':{'weightDevice':[{'major':1,'minor':1}]}}",
			"linux.resources.blockIO.weightDevice[0]: has no weight"},
		{"{'hugepageLimits':[{'pageSize':'../x','limit':1}]}",
			"hugepageLimits[0].pageSize: must be"},
		{"{'devices':[{'allow':true,'type':'z'}]}", "devices[0].type: holds none of"},
		{"{'devices':[{'allow':true,'type':'cb'}]}", "devices[0].type: must be"},
		{"{'devices':[{'allow':true,'access':'xy'}]}", "devices[0].access: holds none of"},
		{"{'rdma':{'a b':{}}}", "rdma.a b: is not the name of a device"},
		{"{'network':{'priorities':[{'priority':1}]}}",
			"network.priorities: entry 0 needs"},
		{"{'unified':{'a':1}}", "unified.a: expected a string"},
		{"{'pids':3}", "pids: expected an object"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_err *err = NULL;
		assert_null(parse(cases[i].json, &err));
		if (!str_starts(err_msg(err), cases[i].message))
			fail_msg("\"%s\" instead of \"%s\"", err_msg(err), cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_them),
		cmocka_unit_test(absent_is_not_zero),
		cmocka_unit_test(what_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
