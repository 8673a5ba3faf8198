/* What every process of a container has from linux: personality, memory policy, resource classes. */
#include <linux/mempolicy.h>
#include <sys/personality.h>

#include "base/mem.h"
#include "base/str.h"
#include "plan_private.h"

/* linux/mempolicy.h of Linux 6.9 */
#define MODE_PREFERRED_MANY 5
#define MODE_WEIGHTED_INTERLEAVE 6
#define FLAG_NUMA_BALANCING (1u << 13)

static const struct policy_word {
	const char *name;
	uint32_t value;
} modes[] =
	{
		{"MPOL_DEFAULT", MPOL_DEFAULT},
		{"MPOL_PREFERRED", MPOL_PREFERRED},
		{"MPOL_BIND", MPOL_BIND},
		{"MPOL_INTERLEAVE", MPOL_INTERLEAVE},
		{"MPOL_LOCAL", MPOL_LOCAL},
		{"MPOL_PREFERRED_MANY", MODE_PREFERRED_MANY},
		{"MPOL_WEIGHTED_INTERLEAVE", MODE_WEIGHTED_INTERLEAVE},
},
  flags[] = {
	  {"MPOL_F_NUMA_BALANCING", FLAG_NUMA_BALANCING},
	  {"MPOL_F_RELATIVE_NODES", MPOL_F_RELATIVE_NODES},
	  {"MPOL_F_STATIC_NODES", MPOL_F_STATIC_NODES},
};

const char *plan_memory_mode(size_t i)
{
	return i < ARRAY_LEN(modes) ? modes[i].name : NULL;
}

const char *plan_memory_flag(size_t i)
{
	return i < ARRAY_LEN(flags) ? flags[i].name : NULL;
}

static const struct policy_word *find(const struct policy_word *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(list[i].name, name))
			return &list[i];
	return NULL;
}

static int fill_memory_policy(struct plan_process *out, struct arena *arena,
	const struct oci_memory_policy *m, struct err **err)
{
	if (!m)
		return 0;
	const struct policy_word *mode = find(modes, ARRAY_LEN(modes), m->mode);
	if (!mode)
		return err_set(err, ERR_INVALID, "linux.memoryPolicy.mode: there is no mode \"%s\"",
			m->mode ? m->mode : "");
	out->has_memory_policy = true;
	out->memory_policy = mode->value;
	for (size_t i = 0; m->flags && m->flags[i]; i++) {
		const struct policy_word *flag = find(flags, ARRAY_LEN(flags), m->flags[i]);
		if (!flag)
			return err_set(err, ERR_INVALID,
				"linux.memoryPolicy.flags: there is no flag \"%s\"", m->flags[i]);
		out->memory_policy |= flag->value;
	}
	return plan_mask_parse(
		&out->memory_nodes, arena, "linux.memoryPolicy.nodes", m->nodes, err);
}

static int fill_personality(struct plan_process *out, const struct oci_linux *l, struct err **err)
{
	if (str_empty(l->personality_domain))
		return 0;
	if (str_eq(l->personality_domain, "LINUX"))
		out->personality = PER_LINUX;
	else if (str_eq(l->personality_domain, "LINUX32"))
		out->personality = PER_LINUX32;
	else
		return err_set(err, ERR_INVALID, "linux.personality.domain: unknown domain \"%s\"",
			l->personality_domain);
	if (l->personality_flags && l->personality_flags[0])
		return err_set(err, ERR_INVALID, "linux.personality.flags: unknown flag \"%s\"",
			l->personality_flags[0]);
	out->has_personality = true;
	return 0;
}

static void fill_rdt(struct plan_process *out, struct arena *arena, const struct oci_intel_rdt *r,
	const char *id)
{
	if (!r)
		return;
	size_t n = 0, more = strv_len(r->schemata);
	const char **lines = arena_alloc(arena, more + 3, sizeof(*lines));
	if (!str_empty(r->l3_cache_schema))
		lines[n++] = r->l3_cache_schema;
	if (!str_empty(r->mem_bw_schema))
		lines[n++] = r->mem_bw_schema;
	for (size_t i = 0; i < more; i++)
		lines[n++] = r->schemata[i];
	out->rdt = (struct plan_rdt){
		.clos = str_empty(r->clos_id) ? id : r->clos_id,
		.named = !str_empty(r->clos_id),
		.schemata = lines,
		.monitor = r->enable_monitoring ? id : NULL,
	};
}

int plan_execution_fill(struct plan_process *out, struct arena *arena,
	const struct oci_linux *container, const char *id, struct err **err)
{
	fill_rdt(out, arena, container->intel_rdt, id ? id : "");
	if (fill_personality(out, container, err) < 0)
		return -1;
	return fill_memory_policy(out, arena, container->memory_policy, err);
}
