#include "../cmocka_all.h"

#include <linux/capability.h>

#include "base/buf.h"
#include "document.h"

static void everything_of_a_process(void **state)
{
	auto_oci_config *c = config_with(
		"'process':{'terminal':true,'consoleSize':{'height':25,'width':80},"
		"'user':{'uid':1000,'gid':100,'umask':18,'additionalGids':[5,6]},"
		"'args':['sh','-c','x'],'env':['A=b'],'cwd':'/tmp','capabilities':{"
		"'bounding':['CAP_KILL','CAP_NOT_YET'],'ambient':['CAP_CHOWN']},"
		"'rlimits':[{'type':'RLIMIT_NOFILE','soft':10,'hard':18446744073709551615}],"
		"'noNewPrivileges':true,'apparmorProfile':'a','selinuxLabel':'s','oomScoreAdj':-5,"
		"'scheduler':{'policy':'SCHED_FIFO','priority':3,'flags':['SCHED_FLAG_RESET_ON_"
		"FORK']},"
		"'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':4},"
		"'execCPUAffinity':{'initial':'0','final':'1'}}",
		NULL);
	assert_non_null(c);
	const struct oci_process *p = &c->process;
	assert_true(c->has_process && p->terminal && p->no_new_privileges);
	assert_int_equal(p->console_height, 25);
	assert_int_equal(p->user.uid, 1000);
	assert_true(p->user.has_umask && p->user.umask == 18);
	assert_int_equal(p->user.additional_gid_count, 2);
	assert_int_equal(p->user.additional_gids[1], 6);
	assert_int_equal(strv_len(p->args), 3);
	assert_string_equal(p->cwd, "/tmp");
	assert_true(p->has_capabilities);
	assert_true(p->capabilities.bounding == 1ull << CAP_KILL);
	assert_true(p->capabilities.ambient == 1ull << CAP_CHOWN);
	assert_int_equal(p->capabilities.effective, 0);
	assert_true(p->rlimits[0].hard == UINT64_MAX);
	assert_true(p->has_oom_score_adj && p->oom_score_adj == -5);
	assert_string_equal(p->scheduler->flags[0], "SCHED_FLAG_RESET_ON_FORK");
	assert_int_equal(p->ioprio_priority, 4);
	assert_string_equal(p->exec_cpu_final, "1");
}

static void mounts_and_hooks(void **state)
{
	auto_oci_config *c = config_with(
		"'mounts':[{'destination':'/"
		"proc','type':'proc','source':'proc','options':['ro','nosuid']},"
		"{'destination':'/a','uidMappings':[{'containerID':1,'hostID':2,'size':3}],"
		"'gidMappings':[{'containerID':0,'hostID':0,'size':1}]}],"
		"'hooks':{'prestart':[{'path':'/h','args':['h','1'],'env':['X=y'],'timeout':3}],"
		"'poststop':[{'path':'/p'}]},'annotations':{'z':'1','a':'2'}",
		NULL);
	assert_non_null(c);
	assert_int_equal(c->mount_count, 2);
	assert_string_equal(c->mounts[0].options[1], "nosuid");
	assert_null(c->mounts[1].type);
	assert_int_equal(c->mounts[1].uid_map[0].host, 2);
	assert_int_equal(c->hooks.prestart.v[0].timeout, 3);
	assert_int_equal(c->hooks.poststop.count, 1);
	assert_int_equal(c->hooks.create_runtime.count, 0);
	/* in the document's order */
	assert_string_equal(c->annotations.v[0].key, "z");
	assert_string_equal(c->annotations.v[1].value, "2");
}

static void parts_of_linux(void **state)
{
	auto_oci_config *c = config_with(
		"'hostname':'h','linux':{'namespaces':[{'type':'uts'},{'type':'mount'},"
		"{'type':'network','path':'/proc/1/ns/net'},{'type':'time'},{'type':'user'}],"
		"'uidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
		"'gidMappings':[{'containerID':0,'hostID':100000,'size':65536}],"
		"'timeOffsets':{'monotonic':{'secs':-5},'boottime':{'nanosecs':7}},"
		"'devices':[{'path':'/dev/"
		"x','type':'u','major':1,'minor':2,'fileMode':438,'uid':3}],"
		"'netDevices':{'eth0':{'name':'in0'},'eth1':{}},'cgroupsPath':'/"
		"a','sysctl':{'net.a':'1'},"
		"'rootfsPropagation':'rslave','maskedPaths':['/m'],'readonlyPaths':['/r'],"
		"'personality':{'domain':'LINUX32','flags':[]},'intelRdt':{'closID':'c','schemata':"
		"['MB:0=1'],'enableMonitoring':true},'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0'"
		",'flags':['MPOL_F_STATIC_NODES']}}",
		NULL);
	assert_non_null(c);
	const struct oci_linux *l = &c->linux;
	assert_true(l->ns[OCI_NS_UTS].present && !l->ns[OCI_NS_UTS].path);
	assert_string_equal(l->ns[OCI_NS_NETWORK].path, "/proc/1/ns/net");
	assert_false(l->ns[OCI_NS_PID].present);
	assert_true(l->time_offsets.monotonic_secs.set && l->time_offsets.monotonic_secs.v == -5);
	assert_int_equal(l->time_offsets.boottime_nsecs, 7);
	assert_int_equal(l->devices[0].type, 'c');
	assert_true(l->devices[0].has_mode && l->devices[0].mode == 0666);
	assert_true(l->devices[0].has_uid && !l->devices[0].has_gid);
	assert_string_equal(l->net_devices[0].name, "in0");
	assert_null(l->net_devices[1].name);
	assert_string_equal(l->personality_domain, "LINUX32");
	assert_string_equal(l->intel_rdt->clos_id, "c");
	assert_string_equal(l->intel_rdt->schemata[0], "MB:0=1");
	assert_true(l->intel_rdt->enable_monitoring && !l->intel_rdt->l3_cache_schema);
	assert_string_equal(l->memory_policy->mode, "MPOL_BIND");
	assert_string_equal(l->memory_policy->nodes, "0");
	assert_string_equal(l->memory_policy->flags[0], "MPOL_F_STATIC_NODES");
}

static void unknown_and_null_are_nothing(void **state)
{
	auto_oci_config *c =
		config_with("'future':{'a':[1]},'hostname':null,'mounts':null,'hooks':{'prestart':"
			    "null},'linux':null,"
			    "'process':{'args':['a'],'cwd':'/','rlimits':null,'user':null,'new':1}",
			NULL);
	assert_non_null(c);
	assert_null(c->hostname);
	assert_int_equal(c->mount_count, 0);
}

static void wrong_types_are_named(void **state)
{
	assert_refused("'process':{'terminal':'yes'}", "process.terminal: expected true or false");
	assert_refused("'process':[]", "process: expected an object");
	assert_refused(
		"'process':{'args':'sh','cwd':'/'}", "process.args: expected a list of strings");
	assert_refused(
		"'process':{'args':['sh',4],'cwd':'/'}", "process.args[1]: expected a string");
	assert_refused("'process':{'args':['s\\u0000h'],'cwd':'/'}",
		"process.args[0]: must not contain NUL");
	assert_refused("'mounts':[{'destination':'/'},3]", "mounts[1]: expected an object");
	assert_refused("'mounts':[{'type':'proc'}]", "mounts[0].destination: is missing");
	assert_refused("'mounts':{}", "mounts: expected a list");
	assert_refused(
		"'process':{'user':{'uid':-1}}", "process.user.uid: the number is out of range");
	assert_refused("'process':{'user':{'uid':4294967296}}",
		"process.user.uid: the number is out of range");
	assert_refused("'process':{'user':{'uid':1.5}}", "process.user.uid: expected an integer");
	assert_refused("'process':{'user':{'additionalGids':['a']}}",
		"process.user.additionalGids: expected an");
	assert_refused("'process':{'oomScoreAdj':18446744073709551615}",
		"process.oomScoreAdj: 18446744073709551615 is out");
	assert_refused("'annotations':{'a':1}", "annotations.a: expected a string");
	assert_refused("'hooks':{'poststop':[{'path':'h'}]}",
		"hooks.poststop[0].path: must be an absolute path");
	assert_refused("'hooks':{'poststop':[{'path':'/h','timeout':0}]}",
		"hooks.poststop[0].timeout: must be");
	assert_refused(
		"'linux':{'devices':[{'path':'/d','type':'x'}]}", "linux.devices[0].type: must be");
	assert_refused("'linux':{'devices':[{'path':'/d','type':'c'}]}",
		"linux.devices[0]: a device needs");
	assert_refused("'linux':{'namespaces':[{'type':'pid'},{'type':'pid'}]}",
		"linux.namespaces[1].type: namespace");
	assert_refused("'linux':{'namespaces':[{'type':'pid','path':'x'}]}",
		"linux.namespaces[0].path: must be");
}

/* Up to 2^64-1 as a number, and not as the text by which such numbers travel. */
static void big_integers(void **state)
{
	auto_oci_config *c =
		config_with("'process':{'args':['a'],'cwd':'/','rlimits':[{'type':'RLIMIT_CORE',"
			    "'soft':9223372036854775808,'hard':18446744073709551614}]}",
			NULL);
	assert_non_null(c);
	assert_true(c->process.rlimits[0].soft == 1ull << 63);
	assert_true(c->process.rlimits[0].hard == UINT64_MAX - 1);
	assert_refused("'process':{'rlimits':[{'type':'RLIMIT_CORE','hard':18446744073709551616}]}",
		"process.rlimits[0].hard: expected an integer");
	assert_refused(
		"'process':{'rlimits':[{'type':'RLIMIT_CORE','hard':-18446744073709551615}]}",
		"config.json:");
	auto_oci_config *quotes = config_with(
		"'hostname':'a\\\\','annotations':{'18446744073709551615':'18446744073709551615'},"
		"'linux':{'namespaces':[{'type':'uts'}]}",
		NULL);
	assert_non_null(quotes);
	assert_string_equal(quotes->annotations.v[0].key, "18446744073709551615");
	assert_string_equal(quotes->annotations.v[0].value, "18446744073709551615");
	assert_refused("'hostname':18446744073709551615", "hostname: expected a string");
}

static void documents_that_are_none(void **state)
{
	static const char *const bad[] = {"", "[]", "3", "{", "null", "{}", "\"x\""};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_err *err = NULL;
		struct oci_config *c = NULL;
		assert_int_equal(oci_config_parse(&c, bad[i], strlen(bad[i]), &err), -1);
		assert_non_null(err);
		assert_null(c);
	}
	auto_free char *large = xmalloc(17u << 20);
	memset(large, ' ', 17u << 20);
	auto_err *err = NULL;
	struct oci_config *c = NULL;
	assert_int_equal(oci_config_parse(&c, large, 17u << 20, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
}

static void process_alone(void **state)
{
	auto_free char *json = quoted("{'args':['id'],'cwd':'/','user':{'uid':3}}");
	struct oci_process *p = NULL;
	assert_int_equal(oci_process_parse(&p, json, strlen(json), NULL), 0);
	assert_int_equal(p->user.uid, 3);
	oci_process_free(p);
	auto_err *err = NULL;
	auto_free char *relative = quoted("{'args':['id'],'cwd':'tmp'}");
	assert_int_equal(oci_process_parse(&p, relative, strlen(relative), &err), -1);
	assert_string_equal(err->msg, "process.cwd: must be an absolute path");
}

/* Lists from a document grow like any other (kist-oci exec adds to the environment). */
static void lists_can_grow(void **state)
{
	auto_buf text = BUF_INIT;
	for (size_t n = 0; n < 40; n++) {
		text.len = 0;
		buf_adds(&text, "{\"args\":[\"a\"],\"cwd\":\"/\",\"env\":[");
		for (size_t i = 0; i < n; i++)
			buf_addf(&text, "%s\"X=%zu\"", i ? "," : "", i);
		buf_adds(&text, "]}");
		struct oci_process *p = NULL;
		assert_int_equal(oci_process_parse(&p, text.data, text.len, NULL), 0);
		for (size_t i = 0; i < 9; i++)
			strv_add(&p->env, "more");
		assert_int_equal(strv_len(p->env), n + 9);
		oci_process_free(p);
	}
}

/* The engine's way: the same struct without a document. */
static void filled_by_hand(void **state)
{
	auto_oci_config *c = oci_config_new();
	const char *const options[] = {"ro", NULL};
	str_replace(&c->root_path, "/r");
	oci_mount_add(c, "/proc", "proc", "proc", options);
	oci_mount_add(c, "/x", NULL, NULL, NULL);
	oci_pair_add(&c->annotations, "k", "v");
	oci_rlimit_add(&c->process, "RLIMIT_NOFILE", 1, 2);
	oci_device_add(&c->linux, "/dev/null", 'c', 1, 3)->has_mode = true;
	oci_device_rule_add(&c->linux.resources, true, 'c', 1, -1, "rm");
	assert_int_equal(oci_config_validate(c, NULL), 0);
	assert_string_equal(c->mounts[0].options[0], "ro");
	assert_null(c->mounts[1].options);
	const struct oci_device_rule *rule = &c->linux.resources.devices[0];
	assert_true(rule->read && rule->mknod && !rule->write);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_of_a_process),
		cmocka_unit_test(mounts_and_hooks),
		cmocka_unit_test(parts_of_linux),
		cmocka_unit_test(unknown_and_null_are_nothing),
		cmocka_unit_test(wrong_types_are_named),
		cmocka_unit_test(big_integers),
		cmocka_unit_test(documents_that_are_none),
		cmocka_unit_test(process_alone),
		cmocka_unit_test(lists_can_grow),
		cmocka_unit_test(filled_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
