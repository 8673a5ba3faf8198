/* Ownership of the document: everything in a struct oci_config is its own allocation. */
#include "oci/config.h"

#include "base/mem.h"
#include "base/str.h"
#include "free.h"

struct oci_config *oci_config_new(void)
{
	struct oci_config *c = xcalloc(1, sizeof(*c));
	c->version = xstrdup(OCI_VERSION);
	return c;
}

static void pairs_clear(struct oci_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->v[i].key);
		free(pairs->v[i].value);
	}
	free(pairs->v);
}

static void scheduler_free(struct oci_scheduler *s)
{
	if (!s)
		return;
	free(s->policy);
	strv_free(s->flags);
	free(s);
}

void oci_process_clear(struct oci_process *p)
{
	free(p->user.additional_gids);
	strv_free(p->args);
	strv_free(p->env);
	free(p->cwd);
	for (size_t i = 0; i < p->rlimit_count; i++)
		free(p->rlimits[i].type);
	free(p->rlimits);
	free(p->apparmor_profile);
	free(p->selinux_label);
	scheduler_free(p->scheduler);
	free(p->ioprio_class);
	free(p->exec_cpu_initial);
	free(p->exec_cpu_final);
}

void oci_process_free(struct oci_process *process)
{
	if (!process)
		return;
	oci_process_clear(process);
	free(process);
}

void oci_resources_clear(struct oci_resources *r)
{
	free(r->devices);
	free(r->cpu.cpus);
	free(r->cpu.mems);
	free(r->blkio.weight_devices);
	free(r->blkio.read_bps.v);
	free(r->blkio.write_bps.v);
	free(r->blkio.read_iops.v);
	free(r->blkio.write_iops.v);
	for (size_t i = 0; i < r->hugepage_count; i++)
		free(r->hugepages[i].page_size);
	free(r->hugepages);
	pairs_clear(&r->net_priorities);
	for (size_t i = 0; i < r->rdma_count; i++)
		free(r->rdma[i].device);
	free(r->rdma);
	pairs_clear(&r->unified);
}

void oci_resources_free(struct oci_resources *resources)
{
	if (!resources)
		return;
	oci_resources_clear(resources);
	free(resources);
}

void oci_seccomp_free(struct oci_seccomp *seccomp)
{
	if (!seccomp)
		return;
	free(seccomp->default_action);
	strv_free(seccomp->architectures);
	strv_free(seccomp->flags);
	free(seccomp->listener_path);
	free(seccomp->listener_metadata);
	for (size_t i = 0; i < seccomp->rule_count; i++) {
		struct oci_seccomp_rule *rule = &seccomp->rules[i];
		strv_free(rule->names);
		free(rule->action);
		for (size_t j = 0; j < rule->arg_count; j++)
			free(rule->args[j].op);
		free(rule->args);
	}
	free(seccomp->rules);
	free(seccomp);
}

static void memory_policy_free(struct oci_memory_policy *m)
{
	if (!m)
		return;
	free(m->mode);
	free(m->nodes);
	strv_free(m->flags);
	free(m);
}

static void intel_rdt_free(struct oci_intel_rdt *r)
{
	if (!r)
		return;
	free(r->clos_id);
	free(r->l3_cache_schema);
	free(r->mem_bw_schema);
	strv_free(r->schemata);
	free(r);
}

static void linux_clear(struct oci_linux *l)
{
	for (size_t i = 0; i < OCI_NS_COUNT; i++)
		free(l->ns[i].path);
	free(l->uid_map);
	free(l->gid_map);
	for (size_t i = 0; i < l->device_count; i++)
		free(l->devices[i].path);
	free(l->devices);
	for (size_t i = 0; i < l->net_device_count; i++) {
		free(l->net_devices[i].host_name);
		free(l->net_devices[i].name);
	}
	free(l->net_devices);
	free(l->cgroups_path);
	oci_resources_clear(&l->resources);
	pairs_clear(&l->sysctl);
	oci_seccomp_free(l->seccomp);
	free(l->rootfs_propagation);
	strv_free(l->masked_paths);
	strv_free(l->readonly_paths);
	free(l->mount_label);
	free(l->personality_domain);
	strv_free(l->personality_flags);
	memory_policy_free(l->memory_policy);
	intel_rdt_free(l->intel_rdt);
}

static void hooks_clear(struct oci_hook_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->v[i].path);
		strv_free(list->v[i].args);
		strv_free(list->v[i].env);
	}
	free(list->v);
}

void oci_config_free(struct oci_config *config)
{
	if (!config)
		return;
	free(config->version);
	free(config->root_path);
	free(config->hostname);
	free(config->domainname);
	for (size_t i = 0; i < config->mount_count; i++) {
		struct oci_mount *m = &config->mounts[i];
		free(m->destination);
		free(m->type);
		free(m->source);
		strv_free(m->options);
		free(m->uid_map);
		free(m->gid_map);
	}
	free(config->mounts);
	oci_process_clear(&config->process);
	hooks_clear(&config->hooks.prestart);
	hooks_clear(&config->hooks.create_runtime);
	hooks_clear(&config->hooks.create_container);
	hooks_clear(&config->hooks.start_container);
	hooks_clear(&config->hooks.poststart);
	hooks_clear(&config->hooks.poststop);
	pairs_clear(&config->annotations);
	linux_clear(&config->linux);
	free(config);
}
