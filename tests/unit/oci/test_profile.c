#include "../cmocka_all.h"

#include <linux/capability.h>
#include <sys/utsname.h>

#include "base/buf.h"
#include "document.h"

static struct oci_seccomp *parse(const char *text, uint64_t caps, struct err **err)
{
	auto_free char *json = quoted(text);
	struct oci_seccomp *s = NULL;
	return oci_seccomp_parse(&s, json, strlen(json), caps, err) < 0 ? NULL : s;
}

#define HEAD "{'defaultAction':'SCMP_ACT_ERRNO',"
#define RULE(name, more) "{'names':['" name "'],'action':'SCMP_ACT_ALLOW'" more "}"

/* Names of the rules that are left, joined by blanks. */
static char *names(const char *rules, uint64_t caps)
{
	auto_free char *text = xasprintf(HEAD "'syscalls':[%s]}", rules);
	struct oci_seccomp *s = parse(text, caps, NULL);
	assert_non_null(s);
	auto_buf out = BUF_INIT;
	for (size_t i = 0; i < s->rule_count; i++)
		buf_addf(&out, "%s%s", out.len ? " " : "", s->rules[i].names[0]);
	oci_seccomp_free(s);
	return buf_steal(&out);
}

static void expect(const char *rules, uint64_t caps, const char *wanted)
{
	auto_free char *got = names(rules, caps);
	assert_string_equal(got, wanted);
}

#define CAP(c) (1ull << (c))

static void conditions(void **state)
{
	static const char *const admin =
		RULE("a", ",'includes':{'caps':['CAP_SYS_ADMIN']}") "," RULE(
			"b", ",'excludes':{'caps':['CAP_SYS_ADMIN']}") "," RULE("c", "");
	expect(admin, 0, "b c");
	expect(admin, CAP(CAP_SYS_ADMIN), "a c");
	static const char *const both =
		RULE("a", ",'includes':{'caps':['CAP_BPF','CAP_CHOWN']}") "," RULE(
			"b", ",'excludes':{'caps':['CAP_BPF','CAP_CHOWN']}");
	expect(both, CAP(CAP_BPF), "");
	expect(both, CAP(CAP_BPF) | CAP(CAP_CHOWN), "a");
	expect(both, 0, "b");
	expect(RULE("a", ",'includes':{'minKernel':'3.0'}"), 0, "a");
	expect(RULE("a", ",'includes':{'minKernel':'999.1'}"), 0, "");
	expect(RULE("a", ",'excludes':{'minKernel':'3.0'}"), 0, "");
	expect(RULE("a", ",'includes':{}"), 0, "a");
	expect(RULE("a", ",'includes':{'arches':['vax']}"), 0, "");
	expect(RULE("a", ",'excludes':{'arches':['vax']}"), 0, "a");
	expect("{'name':'old','action':'SCMP_ACT_ALLOW'}", 0, "old");
}

static void architectures(void **state)
{
	struct utsname u;
	uname(&u);
	if (!str_eq(u.machine, "x86_64"))
		skip();
	struct oci_seccomp *s = parse(HEAD
		"'archMap':[{'architecture':'SCMP_ARCH_AARCH64','subArchitectures':['SCMP_ARCH_ARM'"
		"]},"
		"{'architecture':'SCMP_ARCH_X86_64','subArchitectures':['SCMP_ARCH_X86']}]}",
		0, NULL);
	assert_non_null(s);
	assert_int_equal(strv_len(s->architectures), 2);
	assert_string_equal(s->architectures[0], "SCMP_ARCH_X86_64");
	assert_string_equal(s->architectures[1], "SCMP_ARCH_X86");
	oci_seccomp_free(s);
	expect(RULE("a", ",'includes':{'arches':['amd64']}"), 0, "a");
}

static void refusals(void **state)
{
	static const char *const bad[] = {
		HEAD "'architectures':['SCMP_ARCH_X86'],'archMap':[{'architecture':'SCMP_ARCH_X86_"
		     "64'}]}",
		HEAD "'syscalls':[{'name':'a','names':['b'],'action':'SCMP_ACT_ALLOW'}]}",
		HEAD "'syscalls':[" RULE("a", ",'includes':{'minKernel':'x'}") "]}",
		HEAD "'syscalls':[" RULE("a", ",'includes':[]") "]}",
		HEAD "'syscalls':[3]}",
		HEAD "'syscalls':{}}",
		HEAD "'archMap':[3]}",
		"{'syscalls':[]}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_err *err = NULL;
		assert_null(parse(bad[i], 0, &err));
		assert_non_null(err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conditions),
		cmocka_unit_test(architectures),
		cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
