#include "../cmocka_all.h"

#include "document.h"

static void the_whole(void **state)
{
	auto_err *err = NULL;
	struct oci_config *c = NULL;
	static const char *const none = "{\"root\":{\"path\":\"r\"}}";
	assert_int_equal(oci_config_parse(&c, none, strlen(none), &err), -1);
	assert_string_equal(err->msg, "ociVersion: is missing");
	static const char *const two = "{\"ociVersion\":\"2.0\",\"root\":{\"path\":\"r\"}}";
	assert_int_equal(oci_config_parse(&c, two, strlen(two), &err), -1);
	assert_string_equal(err->msg, "ociVersion: version 2.0 is not supported, only 1.x");
	static const char *const rootless = "{\"ociVersion\":\"1.0\"}";
	assert_int_equal(oci_config_parse(&c, rootless, strlen(rootless), &err), -1);
	assert_string_equal(err->msg, "root.path: is missing");
}

static void assert_accepted(const char *members)
{
	auto_err *err = NULL;
	struct oci_config *c = config_with(members, &err);
	if (!c)
		fail_msg("%s: %s", members, err_msg(err));
	oci_config_free(c);
}

#define P(members) "'process':{'args':['a'],'cwd':'/'," members "}"

static void processes(void **state)
{
	assert_refused("'process':{'cwd':'/'}", "process.args: is empty");
	assert_refused("'process':{'args':[],'cwd':'/'}", "process.args: is empty");
	assert_refused("'process':{'args':['a']}", "process.cwd: must be an absolute path");
	assert_refused(P("'oomScoreAdj':1001"), "process.oomScoreAdj: 1001 is out of range");
	assert_refused(
		P("'user':{'uid':4294967295}"), "process.user.uid: 4294967295 is not a user id");
	assert_refused(
		P("'user':{'additionalGids':[4294967295]}"), "process.user.additionalGids[0]:");
	assert_accepted(P("'user':{'umask':512}"));
	assert_refused(P("'rlimits':[{'type':'RLIMIT_X'}]"),
		"process.rlimits[0].type: there is no rlimit");
	assert_refused(P("'rlimits':[{'type':'RLIMIT_AS','soft':2,'hard':1}]"),
		"process.rlimits[0]: soft limit 2");
	assert_refused(P("'rlimits':[{'type':'RLIMIT_AS'},{'type':'RLIMIT_AS'}]"),
		"process.rlimits[1].type: RLIMIT_AS is given twice");
	assert_refused(P("'scheduler':{'policy':'SCHED_X'}"),
		"process.scheduler.policy: there is no policy");
	assert_refused(P("'scheduler':{'policy':'SCHED_OTHER','nice':20}"),
		"process.scheduler.nice: 20 is out");
	assert_refused(P("'scheduler':{'policy':'SCHED_OTHER','priority':1}"),
		"process.scheduler.priority: only");
	assert_refused(P("'scheduler':{'policy':'SCHED_OTHER','runtime':1}"),
		"process.scheduler: runtime");
	assert_refused(P("'ioPriority':{'class':'IOPRIO_CLASS_BE','priority':8}"),
		"process.ioPriority.priority: 8");
}

static void namespaces(void **state)
{
	assert_refused("'hostname':'h'", "hostname: needs a UTS namespace");
	assert_refused("'domainname':'h'", "domainname: needs a UTS namespace");
	assert_refused("'linux':{'namespaces':[{'type':'user'}]}",
		"linux.namespaces: a new user namespace");
	assert_refused("'linux':{'uidMappings':[{'containerID':0,'hostID':0,'size':1}]}",
		"linux.uidMappings: needs a user namespace");
	assert_refused("'linux':{'namespaces':[{'type':'user'}],'uidMappings':[{'size':0}],"
		       "'gidMappings':[{'size':1}]}",
		"linux.uidMappings[0].size: must be greater than zero");
	assert_refused("'linux':{'namespaces':[{'type':'user'}],'uidMappings':[{'hostID':"
		       "4294967295,'size':2}],"
		       "'gidMappings':[{'size':1}]}",
		"linux.uidMappings[0]: goes beyond the last id");
	assert_refused(
		"'linux':{'timeOffsets':{'monotonic':{'secs':1}}}", "linux.timeOffsets: needs");
	assert_refused(
		"'linux':{'netDevices':{'a':{}}}", "linux.netDevices: needs a network namespace");
}

static void paths_and_words(void **state)
{
	assert_refused("'linux':{'namespaces':[{'type':'mount'}],'maskedPaths':['x']}",
		"linux.maskedPaths[0]: x is not an absolute path");
	assert_refused(
		"'linux':{'maskedPaths':['/x']}", "linux.maskedPaths: needs a mount namespace");
	assert_refused(
		"'linux':{'rootfsPropagation':'public'}", "linux.rootfsPropagation: there is no");
	assert_refused("'linux':{'sysctl':{'../x':'1'}}", "linux.sysctl: \"../x\" is not the name");
	assert_refused(
		"'linux':{'sysctl':{'/net/x':'1'}}", "linux.sysctl: \"/net/x\" is not the name");
	assert_refused("'mounts':[{'destination':''}]", "mounts[0].destination: is empty");
	assert_refused("'mounts':[{'destination':'/a','uidMappings':[{'size':1}]}]",
		"mounts[0]: needs both");
}

#define S(members) "'linux':{'seccomp':{" members "}}"

static void seccomp(void **state)
{
	assert_accepted(S(""));
	assert_refused(S("'syscalls':[{'names':['read'],'action':'SCMP_ACT_KILL'}]"),
		"linux.seccomp.defaultAction: there is no action");
	assert_refused(S("'defaultAction':'SCMP_ACT_NOTIFY'"),
		"linux.seccomp.defaultAction: SCMP_ACT_NOTIFY");
	assert_refused(S("'defaultAction':'SCMP_ACT_ERRNO','defaultErrnoRet':4096"),
		"linux.seccomp.defaultErrnoRet:");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','defaultErrnoRet':1"),
		"linux.seccomp.defaultErrnoRet:");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','flags':['X']"),
		"linux.seccomp.flags: there is no flag X");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','architectures':['x86']"),
		"linux.seccomp.architectures:");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'action':'SCMP_ACT_LOG'}]"),
		"linux.seccomp.syscalls[0].names: is empty");
	assert_refused(
		S("'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],'action':'X'}]"),
		"linux.seccomp.syscalls[0].action: there is no action X");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],'action':'"
			 "SCMP_ACT_LOG',"
			 "'args':[{'index':6,'op':'SCMP_CMP_EQ'}]}]"),
		"linux.seccomp.syscalls[0].args[0].index: must be below 6");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],'action':'"
			 "SCMP_ACT_LOG',"
			 "'args':[{'index':0,'op':'EQ'}]}]"),
		"linux.seccomp.syscalls[0].args[0].op: there is no operator EQ");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['a'],"
			 "'action':'SCMP_ACT_NOTIFY'}]"),
		"linux.seccomp.listenerPath: is needed");
	assert_refused(S("'defaultAction':'SCMP_ACT_ALLOW','listenerMetadata':'x'"),
		"linux.seccomp.listenerMetadata:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_whole),
		cmocka_unit_test(processes),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(paths_and_words),
		cmocka_unit_test(seccomp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
