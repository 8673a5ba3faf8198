/*
 * The plan as bytes: the magic, then the fields in the order of struct plan. Daemon and monitor may be
 * of different builds after an upgrade, so the number changes with any change here.
 */
#include "plan_private.h"

#include <linux/filter.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/mem.h"
#include "codec.h"
#include "sys/child.h"

#define PLAN_MAGIC 0x414c504bu /* "KPLA" */
#define PROCESS_MAGIC 0x3450504bu /* "KPP4" */

#define NS_FLAGS                                                                                   \
	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | \
		CLONE_NEWCGROUP | CLONE_NEWTIME)

/* Walks the list @v of @count elements with @walk. */
#define CODEC_EACH(c, v, count, min, walk)                                                         \
	do {                                                                                       \
		codec_list(c, (void **)&(v), &(count), sizeof(*(v)), min);                         \
		for (size_t codec_i = 0; codec_i < (count); codec_i++)                             \
			walk(c, (void *)&(v)[codec_i]);                                            \
	} while (0)

static void walk_magic(struct codec *c, uint32_t magic)
{
	uint32_t found = magic;
	codec_u32(c, &found);
	codec_check(c, found == magic);
}

static void walk_id_map(struct codec *c, struct oci_id_map *m)
{
	codec_u32(c, &m->container);
	codec_u32(c, &m->host);
	codec_u32(c, &m->size);
}

static void walk_pair(struct codec *c, struct oci_pair *p)
{
	codec_str(c, (const char **)&p->key);
	codec_str(c, (const char **)&p->value);
	codec_check(c, p->key && p->value);
}

static void walk_numbers(struct codec *c, const uint32_t **v, size_t *count)
{
	codec_list(c, (void **)v, count, sizeof(**v), 4);
	for (size_t i = 0; i < *count; i++)
		codec_u32(c, (uint32_t *)&(*v)[i]);
}

static void walk_mount(struct codec *c, struct plan_mount *m)
{
	uint32_t kind = m->kind;
	codec_u32(c, &kind);
	if (c->in) /* a plan that is written may lie in read-only memory */
		m->kind = (enum plan_step_kind)kind;
	codec_str(c, &m->fstype);
	codec_str(c, &m->source);
	codec_str(c, &m->target);
	codec_str(c, &m->data);
	codec_u64(c, &m->attr_set);
	codec_u64(c, &m->attr_clear);
	codec_u64(c, &m->rec_attr_set);
	codec_u64(c, &m->rec_attr_clear);
	codec_u32(c, &m->sb_flags);
	walk_numbers(c, &m->propagation, &m->propagation_count);
	codec_bool(c, &m->recursive);
	codec_bool(c, &m->copy_up);
	codec_bool(c, &m->is_dir_hint);
	codec_u32(c, &m->links);
	uint32_t idmap = m->idmap;
	codec_u32(c, &idmap);
	if (c->in)
		m->idmap = (enum plan_idmap)idmap;
	codec_check(c, idmap <= PLAN_IDMAP_TREE && !(m->links & ~PLAN_LINK_ALL));
	CODEC_EACH(c, m->uid_map, m->uid_map_count, 12, walk_id_map);
	CODEC_EACH(c, m->gid_map, m->gid_map_count, 12, walk_id_map);
	codec_check(c, kind <= STEP_CGROUP && m->target && m->target[0] == '/');
	codec_check(c, kind != STEP_MOUNT || m->fstype);
}

static void walk_device(struct codec *c, struct plan_device *d)
{
	codec_str(c, &d->path);
	codec_u32(c, &d->mode);
	codec_u32(c, &d->major);
	codec_u32(c, &d->minor);
	codec_u32(c, &d->uid);
	codec_u32(c, &d->gid);
	codec_bool(c, &d->requested);
	codec_check(c, d->path);
}

static void walk_rlimit(struct codec *c, struct plan_rlimit *r)
{
	codec_i32(c, &r->resource);
	codec_u64(c, &r->soft);
	codec_u64(c, &r->hard);
	codec_check(c, r->resource >= 0 && r->resource < (int)RLIM_NLIMITS);
}

static void walk_caps(struct codec *c, struct oci_capabilities *caps)
{
	codec_u64(c, &caps->bounding);
	codec_u64(c, &caps->effective);
	codec_u64(c, &caps->inheritable);
	codec_u64(c, &caps->permitted);
	codec_u64(c, &caps->ambient);
}

static void walk_user(struct codec *c, struct plan_process *p)
{
	codec_str(c, &p->user_spec);
	codec_strv(c, &p->group_add);
	codec_u32(c, &p->uid);
	codec_u32(c, &p->gid);
	walk_numbers(c, &p->gids, &p->gid_count);
	codec_bool(c, &p->keep_groups);
	codec_bool(c, &p->has_umask);
	codec_u32(c, &p->umask);
	codec_bool(c, &p->has_caps);
	walk_caps(c, &p->caps);
	codec_bool(c, &p->caps_by_user);
}

static void walk_scheduling(struct codec *c, struct plan_process *p)
{
	codec_bool(c, &p->has_oom_score_adj);
	codec_i32(c, &p->oom_score_adj);
	codec_bool(c, &p->has_scheduler);
	codec_u32(c, &p->sched_policy);
	codec_u32(c, &p->sched_priority);
	codec_i32(c, &p->sched_nice);
	codec_u64(c, &p->sched_flags);
	codec_u64(c, &p->sched_runtime);
	codec_u64(c, &p->sched_deadline);
	codec_u64(c, &p->sched_period);
	codec_i32(c, &p->ioprio);
}

static void walk_mask(struct codec *c, struct plan_mask *m)
{
	codec_blob(c, &m->bits, &m->len);
	codec_check(c, m->len % 8 == 0 && m->len <= PLAN_MASK_MAX / 8);
}

static void walk_execution(struct codec *c, struct plan_process *p)
{
	codec_bool(c, &p->has_personality);
	codec_u32(c, &p->personality);
	codec_bool(c, &p->has_memory_policy);
	codec_u32(c, &p->memory_policy);
	walk_mask(c, &p->memory_nodes);
	codec_str(c, &p->rdt.clos);
	codec_bool(c, &p->rdt.named);
	codec_strv(c, &p->rdt.schemata);
	codec_str(c, &p->rdt.monitor);
	walk_mask(c, &p->cpus_initial);
	walk_mask(c, &p->cpus_final);
}

static void walk_process(struct codec *c, struct plan_process *p)
{
	codec_strv(c, &p->args);
	codec_strv(c, &p->env);
	codec_str(c, &p->cwd);
	codec_bool(c, &p->cwd_create);
	codec_bool(c, &p->terminal);
	codec_u32(c, &p->console_height);
	codec_u32(c, &p->console_width);
	walk_user(c, p);
	CODEC_EACH(c, p->rlimits, p->rlimit_count, 20, walk_rlimit);
	codec_bool(c, &p->no_new_privs);
	codec_str(c, &p->apparmor);
	codec_str(c, &p->selinux);
	walk_scheduling(c, p);
	codec_bool(c, &p->use_init);
	codec_blob(c, &p->bpf, &p->bpf_len);
	codec_u32(c, &p->bpf_flags);
	codec_str(c, &p->listener_path);
	codec_str(c, &p->listener_metadata);
	codec_str(c, &p->listener_state);
	walk_execution(c, p);
	codec_check(c, p->args && p->args[0] && p->cwd && p->cwd[0] == '/');
	codec_check(c, p->bpf_len % sizeof(struct sock_filter) == 0 &&
			       p->bpf_len / sizeof(struct sock_filter) <= UINT16_MAX);
}

static void walk_hook(struct codec *c, struct plan_hook *h)
{
	codec_str(c, &h->path);
	codec_strv(c, &h->args);
	codec_strv(c, &h->env);
	codec_i32(c, &h->timeout);
	codec_check(c, h->path);
}

static void walk_hooks(struct codec *c, struct plan_hooks *h)
{
	CODEC_EACH(c, h->v, h->count, 16, walk_hook);
}

static void walk_root(struct codec *c, struct plan *p)
{
	uint32_t kind = p->root_kind;
	codec_u32(c, &kind);
	if (c->in)
		p->root_kind = (enum plan_root_kind)kind;
	codec_str(c, &p->root_path);
	codec_strv(c, &p->lower);
	codec_str(c, &p->upper);
	codec_str(c, &p->work);
	codec_bool(c, &p->root_volatile);
	codec_bool(c, &p->root_readonly);
	codec_u32(c, &p->etc);
	codec_check(c, !(p->etc & ~PLAN_ETC_ALL));
	codec_u64(c, &p->root_propagation);
	codec_bool(c, &p->no_pivot);
	if (kind == PLAN_ROOT_BIND)
		codec_check(c, p->root_path);
	else
		codec_check(c, kind == PLAN_ROOT_OVERLAY && p->lower && p->lower[0]);
}

static void walk_net_device(struct codec *c, struct oci_net_device *d)
{
	codec_str(c, (const char **)&d->host_name);
	codec_str(c, (const char **)&d->name);
	codec_check(c, d->host_name);
}

static void walk_namespaces(struct codec *c, struct plan *p)
{
	codec_u32(c, &p->ns_new);
	for (int i = 0; i < OCI_NS_COUNT; i++)
		codec_str(c, &p->ns_path[i]);
	CODEC_EACH(c, p->uid_map, p->uid_map_count, 12, walk_id_map);
	CODEC_EACH(c, p->gid_map, p->gid_map_count, 12, walk_id_map);
	codec_bool(c, &p->has_time_offsets);
	codec_i64(c, &p->monotonic_secs);
	codec_i64(c, &p->boottime_secs);
	codec_u32(c, &p->monotonic_nsecs);
	codec_u32(c, &p->boottime_nsecs);
	codec_str(c, &p->hostname);
	codec_str(c, &p->domainname);
	CODEC_EACH(c, p->net_devices, p->net_device_count, 8, walk_net_device);
	codec_check(c, !(p->ns_new & ~(uint32_t)NS_FLAGS));
}

static void walk_resources(struct codec *c, struct plan *p)
{
	if (c->out)
		plan_resources_encode(p->resources, c->out);
	else
		p->resources = plan_resources_decode(c->in, c->arena);
}

static void walk_plan(struct codec *c, struct plan *p)
{
	walk_magic(c, PLAN_MAGIC);
	codec_str(c, &p->id);
	codec_check(c, p->id);
	walk_root(c, p);
	walk_namespaces(c, p);
	CODEC_EACH(c, p->mounts, p->mount_count, 64, walk_mount);
	CODEC_EACH(c, p->devices, p->device_count, 25, walk_device);
	codec_strv(c, &p->masked);
	codec_strv(c, &p->readonly);
	CODEC_EACH(c, p->sysctl, p->sysctl_count, 8, walk_pair);
	codec_str(c, &p->init_path);
	codec_str(c, &p->mount_label);
	codec_str(c, &p->cgroup_path);
	codec_str(c, &p->systemd_helper);
	codec_bool(c, &p->systemd_user);
	codec_bool(c, &p->rootless);
	codec_bool(c, &p->cgroup_optional);
	walk_resources(c, p);
	codec_bool(c, &p->new_keyring);
	walk_process(c, &p->process);
	walk_hooks(c, &p->prestart);
	walk_hooks(c, &p->create_runtime);
	walk_hooks(c, &p->create_container);
	walk_hooks(c, &p->start_container);
	walk_hooks(c, &p->poststart);
	walk_hooks(c, &p->poststop);
	codec_str(c, &p->bundle);
	codec_str(c, &p->oci_version);
	CODEC_EACH(c, p->annotations, p->annotation_count, 8, walk_pair);
}

void plan_encode(const struct plan *plan, struct buf *out)
{
	struct codec c = {.out = out};
	walk_plan(&c, (struct plan *)plan);
}

int plan_decode(struct plan **out, const void *bytes, size_t n, struct err **err)
{
	struct wire w = wire_from(bytes, n);
	struct plan *plan = plan_new();
	struct codec c = {.in = &w, .arena = plan->arena};
	walk_plan(&c, plan);
	if (wire_done(&w, "the plan", err) < 0) {
		plan_free(plan);
		return -1;
	}
	*out = plan;
	return 0;
}

void plan_process_encode(const struct plan_process *process, struct buf *out)
{
	struct codec c = {.out = out};
	walk_magic(&c, PROCESS_MAGIC);
	walk_process(&c, (struct plan_process *)process);
}

int plan_process_decode(struct plan_process **out, const void *bytes, size_t n, struct err **err)
{
	struct wire w = wire_from(bytes, n);
	struct process_box *box = process_box_new();
	struct codec c = {.in = &w, .arena = box->arena};
	walk_magic(&c, PROCESS_MAGIC);
	walk_process(&c, &box->process);
	if (wire_done(&w, "the process plan", err) < 0) {
		plan_process_free(&box->process);
		return -1;
	}
	*out = &box->process;
	return 0;
}
