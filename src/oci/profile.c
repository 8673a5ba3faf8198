/*
 * Docker's seccomp profile: the specification's document with conditions.
 *
 * "archMap" gives the architectures by the machine's own; a rule may carry "includes" and "excludes" with
 * capabilities of the container (all of the included must be there, none of the excluded), architectures
 * in Go's names and a lowest kernel version. Resolving leaves a plain document; one without any of these
 * comes out as it went in. Format: docs.docker.com "Seccomp security profiles for Docker".
 */
#include <sys/utsname.h>

#include "base/mem.h"
#include "base/str.h"
#include "reader.h"
#include "validate.h"

struct machine {
	uint64_t caps;
	const char *go_arch, *scmp_arch;
	int kernel_major, kernel_minor;
};

static const struct {
	const char *machine, *go, *scmp;
} arches[] = {
	{"x86_64", "amd64", "SCMP_ARCH_X86_64"},
	{"i686", "386", "SCMP_ARCH_X86"},
	{"aarch64", "arm64", "SCMP_ARCH_AARCH64"},
	{"armv7l", "arm", "SCMP_ARCH_ARM"},
	{"armv6l", "arm", "SCMP_ARCH_ARM"},
	{"ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE"},
	{"s390x", "s390x", "SCMP_ARCH_S390X"},
	{"riscv64", "riscv64", "SCMP_ARCH_RISCV64"},
	{"loongarch64", "loong64", "SCMP_ARCH_LOONGARCH64"},
	{"mips64", "mips64", "SCMP_ARCH_MIPS64"},
};

/* "6.1.0-13-amd64" and "4.8": what follows the second number, or NULL if there are no two. */
static const char *version_parse(const char *text, int *major, int *minor)
{
	char *end;
	long first = strtol(text, &end, 10);
	if (end == text || *end != '.' || first < 0 || first > 100000)
		return NULL;
	const char *second = end + 1;
	long last = strtol(second, &end, 10);
	if (end == second || last < 0 || last > 100000)
		return NULL;
	*major = (int)first;
	*minor = (int)last;
	return end;
}

static void machine_read(struct machine *m, uint64_t caps)
{
	struct utsname u;
	*m = (struct machine){.caps = caps};
	if (uname(&u) < 0)
		return;
	version_parse(u.release, &m->kernel_major, &m->kernel_minor);
	for (size_t i = 0; i < ARRAY_LEN(arches); i++) {
		if (str_eq(u.machine, arches[i].machine)) {
			m->go_arch = arches[i].go;
			m->scmp_arch = arches[i].scmp;
		}
	}
}

/* One of "includes" and "excludes". */
struct condition {
	char **caps, **arches;
	char *min_kernel;
};

static const struct field condition_fields[] = {
	FIELD(struct condition, "caps", FIELD_STRV, caps),
	FIELD(struct condition, "arches", FIELD_STRV, arches),
	FIELD(struct condition, "minKernel", FIELD_STR, min_kernel),
};

static void condition_clear(struct condition *c)
{
	strv_free(c->caps);
	strv_free(c->arches);
	free(c->min_kernel);
}

static int kernel_at_least(
	const struct at *at, const struct machine *m, const char *version, bool *out)
{
	int major = 0, minor = 0;
	const char *rest = version_parse(version, &major, &minor);
	if (!rest || *rest)
		return at_bad(at, "minKernel", "must be like \"4.8\"");
	*out = m->kernel_major > major || (m->kernel_major == major && m->kernel_minor >= minor);
	return 0;
}

static bool has_cap(const struct machine *m, const char *name)
{
	int number = oci_cap_number(name);
	return number >= 0 && (m->caps & (1ull << number));
}

/* Which parts of a condition hold. All of it must for "includes"; none of it may for "excludes". */
struct verdict {
	bool arch, all_caps, any_cap, kernel;
};

static int judge(
	const struct at *at, const struct machine *m, const struct condition *c, struct verdict *v)
{
	*v = (struct verdict){.all_caps = true};
	v->arch = strv_index(c->arches, m->go_arch ? m->go_arch : "") >= 0;
	for (size_t i = 0; c->caps && c->caps[i]; i++) {
		if (has_cap(m, c->caps[i]))
			v->any_cap = true;
		else
			v->all_caps = false;
	}
	return str_empty(c->min_kernel) ? 0 : kernel_at_least(at, m, c->min_kernel, &v->kernel);
}

static int includes(const struct at *at, const struct machine *m, bool *applies)
{
	struct at in;
	struct verdict v;
	struct condition c = {0};
	int r = at_object(at, "includes", &in);
	if (r <= 0)
		return r;
	r = READ_FIELDS(&in, condition_fields, &c);
	if (r == 0)
		r = judge(&in, m, &c, &v);
	if (r == 0 && ((strv_len(c.arches) && !v.arch) || !v.all_caps ||
			      (!str_empty(c.min_kernel) && !v.kernel)))
		*applies = false;
	condition_clear(&c);
	return r;
}

static int excludes(const struct at *at, const struct machine *m, bool *applies)
{
	struct at in;
	struct verdict v;
	struct condition c = {0};
	int r = at_object(at, "excludes", &in);
	if (r <= 0)
		return r;
	r = READ_FIELDS(&in, condition_fields, &c);
	if (r == 0)
		r = judge(&in, m, &c, &v);
	if (r == 0 && (v.arch || v.any_cap || v.kernel))
		*applies = false;
	condition_clear(&c);
	return r;
}

static void rule_clear(struct oci_seccomp_rule *rule)
{
	strv_free(rule->names);
	free(rule->action);
	for (size_t i = 0; i < rule->arg_count; i++)
		free(rule->args[i].op);
	free(rule->args);
	memset(rule, 0, sizeof(*rule));
}

/* Old profiles have one "name" to a rule. */
static int read_single_name(const struct at *at, struct oci_seccomp_rule *rule)
{
	const json_t *name = json_object_get(at->j, "name");
	if (!name || json_is_null(name))
		return 0;
	auto_free char *text = NULL;
	if (read_string(at, "name", name, &text) < 0)
		return -1;
	if (!*text)
		return 0;
	if (strv_len(rule->names))
		return at_bad(at, "name", "cannot be given together with names");
	strv_add(&rule->names, text);
	return 0;
}

static int resolve_rules(const struct at *at, const struct machine *m, struct oci_seccomp *s)
{
	const json_t *list = json_object_get(at->j, "syscalls");
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return at_bad(at, "syscalls", "expected a list");
	struct at in = {.up = at, .key = "syscalls", .j = list, .err = at->err};
	s->rules = xcalloc(json_array_size(list) + 1, sizeof(*s->rules));
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct at rule = {
			.up = &in, .index = i, .j = json_array_get(list, i), .err = at->err};
		bool applies = true;
		if (!json_is_object(rule.j))
			return at_bad(&rule, NULL, "expected an object");
		struct oci_seccomp_rule *out = &s->rules[s->rule_count++];
		if (parse_seccomp_rule(&rule, out) < 0 || read_single_name(&rule, out) < 0 ||
			includes(&rule, m, &applies) < 0 || excludes(&rule, m, &applies) < 0)
			return -1;
		if (!applies) {
			rule_clear(out);
			s->rule_count--;
		}
	}
	return 0;
}

struct arch_entry {
	char *architecture;
	char **sub;
};

static const struct field arch_fields[] = {
	FIELD(struct arch_entry, "architecture", FIELD_STR, architecture),
	FIELD(struct arch_entry, "subArchitectures", FIELD_STRV, sub),
};

static int resolve_arches(const struct at *at, const struct machine *m, struct oci_seccomp *s)
{
	const json_t *list = json_object_get(at->j, "archMap");
	if (!list || json_is_null(list) || (json_is_array(list) && !json_array_size(list)))
		return 0;
	if (!json_is_array(list))
		return at_bad(at, "archMap", "expected a list");
	if (strv_len(s->architectures))
		return at_bad(at, "archMap", "cannot be given together with architectures");
	struct at in = {.up = at, .key = "archMap", .j = list, .err = at->err};
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct at element = {
			.up = &in, .index = i, .j = json_array_get(list, i), .err = at->err};
		struct arch_entry entry = {0};
		if (!json_is_object(element.j))
			return at_bad(&element, NULL, "expected an object");
		int r = READ_FIELDS(&element, arch_fields, &entry);
		if (r == 0 && entry.architecture && str_eq(entry.architecture, m->scmp_arch)) {
			strv_add(&s->architectures, entry.architecture);
			for (size_t j = 0; entry.sub && entry.sub[j]; j++)
				strv_add(&s->architectures, entry.sub[j]);
		}
		free(entry.architecture);
		strv_free(entry.sub);
		if (r < 0)
			return -1;
	}
	return 0;
}

int oci_seccomp_parse(
	struct oci_seccomp **out, const void *json, size_t n, uint64_t caps, struct err **err)
{
	auto_json *doc = oci_document(json, n, "seccomp profile", err);
	if (!doc)
		return -1;
	struct at at = {.j = doc, .err = err};
	struct machine m;
	machine_read(&m, caps);
	struct oci_seccomp *s = xcalloc(1, sizeof(*s));
	if (parse_seccomp_head(&at, s) < 0 || resolve_arches(&at, &m, s) < 0 ||
		resolve_rules(&at, &m, s) < 0 || oci_seccomp_validate(s, err) < 0) {
		oci_seccomp_free(s);
		return -1;
	}
	*out = s;
	return 0;
}
