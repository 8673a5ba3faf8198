/* The resources part of a plan as bytes. */
#include "plan_private.h"

#include "codec.h"

#define CODEC_EACH(c, v, count, min, walk)                                                         \
	do {                                                                                       \
		codec_list(c, (void **)&(v), &(count), sizeof(*(v)), min);                         \
		for (size_t codec_i = 0; codec_i < (count); codec_i++)                             \
			walk(c, (void *)&(v)[codec_i]);                                            \
	} while (0)

#define CODEC_OPT(c, kind, field)                                                                  \
	do {                                                                                       \
		codec_bool(c, &(field).set);                                                       \
		codec_##kind(c, &(field).v);                                                       \
	} while (0)

static void walk_str(struct codec *c, char **s)
{
	codec_str(c, (const char **)s);
}

static void walk_rule(struct codec *c, struct oci_device_rule *r)
{
	codec_bool(c, &r->allow);
	codec_u8(c, (uint8_t *)&r->type);
	codec_i64(c, &r->major);
	codec_i64(c, &r->minor);
	codec_bool(c, &r->read);
	codec_bool(c, &r->write);
	codec_bool(c, &r->mknod);
}

static void walk_memory_cpu(struct codec *c, struct oci_resources *r)
{
	CODEC_OPT(c, i64, r->memory.limit);
	CODEC_OPT(c, i64, r->memory.reservation);
	CODEC_OPT(c, i64, r->memory.swap);
	CODEC_OPT(c, i64, r->memory.kernel);
	CODEC_OPT(c, i64, r->memory.kernel_tcp);
	CODEC_OPT(c, u64, r->memory.swappiness);
	CODEC_OPT(c, bool, r->memory.disable_oom_killer);
	CODEC_OPT(c, bool, r->memory.use_hierarchy);
	CODEC_OPT(c, bool, r->memory.check_before_update);
	CODEC_OPT(c, u64, r->cpu.shares);
	CODEC_OPT(c, u64, r->cpu.period);
	CODEC_OPT(c, u64, r->cpu.realtime_period);
	CODEC_OPT(c, u64, r->cpu.burst);
	CODEC_OPT(c, i64, r->cpu.quota);
	CODEC_OPT(c, i64, r->cpu.realtime_runtime);
	CODEC_OPT(c, i64, r->cpu.idle);
	walk_str(c, &r->cpu.cpus);
	walk_str(c, &r->cpu.mems);
	CODEC_OPT(c, i64, r->pids_limit);
}

static void walk_weight(struct codec *c, struct oci_blkio_weight *w)
{
	codec_i64(c, &w->major);
	codec_i64(c, &w->minor);
	codec_bool(c, &w->has_weight);
	codec_bool(c, &w->has_leaf_weight);
	codec_u16(c, &w->weight);
	codec_u16(c, &w->leaf_weight);
}

static void walk_rate(struct codec *c, struct oci_blkio_rate *r)
{
	codec_i64(c, &r->major);
	codec_i64(c, &r->minor);
	codec_u64(c, &r->rate);
}

static void walk_rates(struct codec *c, struct oci_blkio_rates *r)
{
	CODEC_EACH(c, r->v, r->count, 24, walk_rate);
}

static void walk_blkio(struct codec *c, struct oci_resources *r)
{
	CODEC_OPT(c, u16, r->blkio.weight);
	CODEC_OPT(c, u16, r->blkio.leaf_weight);
	CODEC_EACH(c, r->blkio.weight_devices, r->blkio.weight_device_count, 26, walk_weight);
	walk_rates(c, &r->blkio.read_bps);
	walk_rates(c, &r->blkio.write_bps);
	walk_rates(c, &r->blkio.read_iops);
	walk_rates(c, &r->blkio.write_iops);
}

static void walk_hugepage(struct codec *c, struct oci_hugepage *h)
{
	walk_str(c, &h->page_size);
	codec_u64(c, &h->limit);
	codec_check(c, h->page_size);
}

static void walk_rdma(struct codec *c, struct oci_rdma *r)
{
	walk_str(c, &r->device);
	CODEC_OPT(c, u32, r->handles);
	CODEC_OPT(c, u32, r->objects);
	codec_check(c, r->device);
}

static void walk_pair(struct codec *c, struct oci_pair *p)
{
	walk_str(c, &p->key);
	walk_str(c, &p->value);
	codec_check(c, p->key && p->value);
}

static void walk(struct codec *c, struct oci_resources *r)
{
	CODEC_EACH(c, r->devices, r->device_count, 21, walk_rule);
	walk_memory_cpu(c, r);
	walk_blkio(c, r);
	CODEC_EACH(c, r->hugepages, r->hugepage_count, 12, walk_hugepage);
	CODEC_OPT(c, u32, r->net_class_id);
	CODEC_EACH(c, r->net_priorities.v, r->net_priorities.count, 8, walk_pair);
	CODEC_EACH(c, r->rdma, r->rdma_count, 14, walk_rdma);
	CODEC_EACH(c, r->unified.v, r->unified.count, 8, walk_pair);
}

void plan_resources_encode(const struct oci_resources *r, struct buf *out)
{
	struct codec c = {.out = out};
	bool present = r;
	codec_bool(&c, &present);
	if (present)
		walk(&c, (struct oci_resources *)r);
}

struct oci_resources *plan_resources_decode(struct wire *w, struct arena *arena)
{
	struct codec c = {.in = w, .arena = arena};
	bool present = false;
	codec_bool(&c, &present);
	if (!present)
		return NULL;
	struct oci_resources *r = arena_alloc(arena, 1, sizeof(*r));
	walk(&c, r);
	return r;
}
