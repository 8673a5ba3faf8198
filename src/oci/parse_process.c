/* config.md "Process", "User", "Linux Process". */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reader.h"

static const struct field process_fields[] = {
	FIELD(struct oci_process, "terminal", FIELD_BOOL, terminal),
	FIELD(struct oci_process, "args", FIELD_STRV, args),
	FIELD(struct oci_process, "env", FIELD_STRV, env),
	FIELD(struct oci_process, "cwd", FIELD_STR, cwd),
	FIELD(struct oci_process, "noNewPrivileges", FIELD_BOOL, no_new_privileges),
	FIELD(struct oci_process, "apparmorProfile", FIELD_STR, apparmor_profile),
	FIELD(struct oci_process, "selinuxLabel", FIELD_STR, selinux_label),
	FIELD_HAS(struct oci_process, "oomScoreAdj", FIELD_I32, oom_score_adj, has_oom_score_adj),
};

static const struct field console_fields[] = {
	FIELD(struct oci_process, "height", FIELD_U32, console_height),
	FIELD(struct oci_process, "width", FIELD_U32, console_width),
};

static const struct field ioprio_fields[] = {
	FIELD(struct oci_process, "class", FIELD_STR, ioprio_class),
	FIELD(struct oci_process, "priority", FIELD_I32, ioprio_priority),
};

static const struct field affinity_fields[] = {
	FIELD(struct oci_process, "initial", FIELD_STR, exec_cpu_initial),
	FIELD(struct oci_process, "final", FIELD_STR, exec_cpu_final),
};

static const struct field user_fields[] = {
	FIELD(struct oci_user, "uid", FIELD_U32, uid),
	FIELD(struct oci_user, "gid", FIELD_U32, gid),
	FIELD_HAS(struct oci_user, "umask", FIELD_U32, umask, has_umask),
};

static const struct field scheduler_fields[] = {
	FIELD(struct oci_scheduler, "policy", FIELD_STR, policy),
	FIELD(struct oci_scheduler, "nice", FIELD_I32, nice),
	FIELD(struct oci_scheduler, "priority", FIELD_I32, priority),
	FIELD(struct oci_scheduler, "flags", FIELD_STRV, flags),
	FIELD(struct oci_scheduler, "runtime", FIELD_U64, runtime),
	FIELD(struct oci_scheduler, "deadline", FIELD_U64, deadline),
	FIELD(struct oci_scheduler, "period", FIELD_U64, period),
};

static const struct field rlimit_fields[] = {
	FIELD(struct oci_rlimit, "type", FIELD_STR, type),
	FIELD(struct oci_rlimit, "soft", FIELD_U64, soft),
	FIELD(struct oci_rlimit, "hard", FIELD_U64, hard),
};

static int parse_user(const struct at *at, struct oci_user *user)
{
	if (READ_FIELDS(at, user_fields, user) < 0)
		return -1;
	const json_t *list = json_object_get(at->j, "additionalGids");
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return at_bad(at, "additionalGids", "expected a list of integers");
	user->additional_gids = xcalloc(json_array_size(list) + 1, sizeof(*user->additional_gids));
	size_t i;
	const json_t *gid;
	json_array_foreach(list, i, gid)
	{
		if (read_integer(at, "additionalGids", gid, FIELD_U32, &user->additional_gids[i]) <
			0)
			return -1;
		user->additional_gid_count++;
	}
	return 0;
}

/* A capability that this program does not know is one that the kernel will not have either, or that a
 * newer document asks for: warned about and left out, as runc and crun do. */
static int parse_capability_set(const struct at *at, const char *key, uint64_t *out)
{
	char **names = NULL;
	const struct field field = {.key = key, .kind = FIELD_STRV, .flag = FIELD_ALWAYS};
	if (read_fields(at, &field, 1, &names) < 0) {
		strv_free(names);
		return -1;
	}
	for (size_t i = 0; names && names[i]; i++) {
		int number = oci_cap_number(names[i]);
		if (number < 0)
			log_warn("ignoring unknown capability %s", names[i]);
		else
			*out |= 1ull << number;
	}
	strv_free(names);
	return 0;
}

static int parse_capabilities(const struct at *at, struct oci_capabilities *out)
{
	if (parse_capability_set(at, "bounding", &out->bounding) < 0 ||
		parse_capability_set(at, "effective", &out->effective) < 0 ||
		parse_capability_set(at, "inheritable", &out->inheritable) < 0 ||
		parse_capability_set(at, "permitted", &out->permitted) < 0)
		return -1;
	return parse_capability_set(at, "ambient", &out->ambient);
}

static int parse_rlimit(const struct at *at, void *rlimit)
{
	struct oci_rlimit *r = rlimit;
	if (READ_FIELDS(at, rlimit_fields, r) < 0)
		return -1;
	return r->type ? 0 : at_bad(at, "type", "is missing");
}

static int parse_scheduling(const struct at *at, struct oci_process *p)
{
	struct at in;
	int r = at_object(at, "scheduler", &in);
	if (r < 0)
		return -1;
	if (r) {
		p->scheduler = xcalloc(1, sizeof(*p->scheduler));
		if (READ_FIELDS(&in, scheduler_fields, p->scheduler) < 0)
			return -1;
		if (!p->scheduler->policy)
			return at_bad(&in, "policy", "is missing");
	}
	if ((r = at_object(at, "ioPriority", &in)) < 0 ||
		(r && READ_FIELDS(&in, ioprio_fields, p) < 0))
		return -1;
	if (r && !p->ioprio_class)
		return at_bad(&in, "class", "is missing");
	if ((r = at_object(at, "execCPUAffinity", &in)) < 0 ||
		(r && READ_FIELDS(&in, affinity_fields, p) < 0))
		return -1;
	return 0;
}

int parse_process(const struct at *at, struct oci_process *p)
{
	struct at in;
	int r;
	if (READ_FIELDS(at, process_fields, p) < 0)
		return -1;
	if ((r = at_object(at, "consoleSize", &in)) < 0 ||
		(r && READ_FIELDS(&in, console_fields, p) < 0))
		return -1;
	if ((r = at_object(at, "user", &in)) < 0 || (r && parse_user(&in, &p->user) < 0))
		return -1;
	if ((r = at_object(at, "capabilities", &in)) < 0 ||
		(r && parse_capabilities(&in, &p->capabilities) < 0))
		return -1;
	p->has_capabilities = r > 0;
	if (READ_LIST(at, "rlimits", p->rlimits, p->rlimit_count, parse_rlimit) < 0)
		return -1;
	return parse_scheduling(at, p);
}
