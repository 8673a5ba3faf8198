/* config-linux.md "Seccomp". */
#include "base/mem.h"
#include "base/str.h"
#include "reader.h"

static const struct field seccomp_fields[] = {
	FIELD(struct oci_seccomp, "defaultAction", FIELD_STR, default_action),
	FIELD_OPT(struct oci_seccomp, "defaultErrnoRet", FIELD_U32, default_errno_ret),
	FIELD(struct oci_seccomp, "architectures", FIELD_STRV, architectures),
	FIELD(struct oci_seccomp, "flags", FIELD_STRV, flags),
	FIELD(struct oci_seccomp, "listenerPath", FIELD_STR, listener_path),
	FIELD(struct oci_seccomp, "listenerMetadata", FIELD_STR, listener_metadata),
};

static const struct field rule_fields[] = {
	FIELD(struct oci_seccomp_rule, "names", FIELD_STRV, names),
	FIELD(struct oci_seccomp_rule, "action", FIELD_STR, action),
	FIELD_OPT(struct oci_seccomp_rule, "errnoRet", FIELD_U32, errno_ret),
};

static const struct field arg_fields[] = {
	FIELD(struct oci_seccomp_arg, "index", FIELD_U32, index),
	FIELD(struct oci_seccomp_arg, "value", FIELD_U64, value),
	FIELD(struct oci_seccomp_arg, "valueTwo", FIELD_U64, value_two),
	FIELD(struct oci_seccomp_arg, "op", FIELD_STR, op),
};

static int parse_arg(const struct at *at, void *arg)
{
	return READ_FIELDS(at, arg_fields, arg);
}

int parse_seccomp_rule(const struct at *at, void *rule)
{
	struct oci_seccomp_rule *r = rule;
	if (READ_FIELDS(at, rule_fields, r) < 0)
		return -1;
	return READ_LIST(at, "args", r->args, r->arg_count, parse_arg);
}

int parse_seccomp_head(const struct at *at, struct oci_seccomp *out)
{
	return READ_FIELDS(at, seccomp_fields, out);
}

int parse_seccomp(const struct at *at, struct oci_seccomp *out)
{
	if (parse_seccomp_head(at, out) < 0)
		return -1;
	return READ_LIST(at, "syscalls", out->rules, out->rule_count, parse_seccomp_rule);
}
