/* config-linux.md "Control groups". */
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "reader.h"

#define MEMORY(key, kind, member) FIELD_OPT(struct oci_resources, key, kind, memory.member)
static const struct field memory_fields[] = {
	MEMORY("limit", FIELD_I64, limit),
	MEMORY("reservation", FIELD_I64, reservation),
	MEMORY("swap", FIELD_I64, swap),
	MEMORY("kernel", FIELD_I64, kernel),
	MEMORY("kernelTCP", FIELD_I64, kernel_tcp),
	MEMORY("swappiness", FIELD_U64, swappiness),
	MEMORY("disableOOMKiller", FIELD_BOOL, disable_oom_killer),
	MEMORY("useHierarchy", FIELD_BOOL, use_hierarchy),
	MEMORY("checkBeforeUpdate", FIELD_BOOL, check_before_update),
};

#define CPU(key, kind, member) FIELD_OPT(struct oci_resources, key, kind, cpu.member)
static const struct field cpu_fields[] = {
	CPU("shares", FIELD_U64, shares),
	CPU("quota", FIELD_I64, quota),
	CPU("burst", FIELD_U64, burst),
	CPU("period", FIELD_U64, period),
	CPU("realtimeRuntime", FIELD_I64, realtime_runtime),
	CPU("realtimePeriod", FIELD_U64, realtime_period),
	CPU("idle", FIELD_I64, idle),
	FIELD(struct oci_resources, "cpus", FIELD_STR, cpu.cpus),
	FIELD(struct oci_resources, "mems", FIELD_STR, cpu.mems),
};

static const struct field pids_fields[] = {
	FIELD_OPT(struct oci_resources, "limit", FIELD_I64, pids_limit),
};

static const struct field blkio_fields[] = {
	FIELD_OPT(struct oci_resources, "weight", FIELD_U16, blkio.weight),
	FIELD_OPT(struct oci_resources, "leafWeight", FIELD_U16, blkio.leaf_weight),
};

static const struct field network_fields[] = {
	FIELD_OPT(struct oci_resources, "classID", FIELD_U32, net_class_id),
};

static const struct field weight_fields[] = {
	FIELD(struct oci_blkio_weight, "major", FIELD_I64, major),
	FIELD(struct oci_blkio_weight, "minor", FIELD_I64, minor),
	FIELD_HAS(struct oci_blkio_weight, "weight", FIELD_U16, weight, has_weight),
	FIELD_HAS(struct oci_blkio_weight, "leafWeight", FIELD_U16, leaf_weight, has_leaf_weight),
};

static const struct field rate_fields[] = {
	FIELD(struct oci_blkio_rate, "major", FIELD_I64, major),
	FIELD(struct oci_blkio_rate, "minor", FIELD_I64, minor),
	FIELD(struct oci_blkio_rate, "rate", FIELD_U64, rate),
};

static int parse_weight(const struct at *at, void *out)
{
	return READ_FIELDS(at, weight_fields, out);
}

static int parse_rate(const struct at *at, void *out)
{
	return READ_FIELDS(at, rate_fields, out);
}

static int parse_blkio(const struct at *at, struct oci_resources *r)
{
	const struct {
		const char *key;
		struct oci_blkio_rates *rates;
	} lists[] = {
		{"throttleReadBpsDevice", &r->blkio.read_bps},
		{"throttleWriteBpsDevice", &r->blkio.write_bps},
		{"throttleReadIOPSDevice", &r->blkio.read_iops},
		{"throttleWriteIOPSDevice", &r->blkio.write_iops},
	};
	if (READ_FIELDS(at, blkio_fields, r) < 0 ||
		READ_LIST(at, "weightDevice", r->blkio.weight_devices, r->blkio.weight_device_count,
			parse_weight) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (READ_LIST(at, lists[i].key, lists[i].rates->v, lists[i].rates->count,
			    parse_rate) < 0)
			return -1;
	}
	return 0;
}

static const struct field rule_fields[] = {
	FIELD(struct oci_device_rule, "allow", FIELD_BOOL, allow),
	FIELD(struct oci_device_rule, "major", FIELD_I64, major),
	FIELD(struct oci_device_rule, "minor", FIELD_I64, minor),
};

/* A key with a string of a few known letters; absent: @otherwise. */
static int parse_letters(const struct at *at, const char *key, const char *allowed,
	const char *otherwise, const char **out)
{
	const json_t *j = json_object_get(at->j, key);
	*out = otherwise;
	if (!j || json_is_null(j))
		return 0;
	if (!json_is_string(j))
		return at_bad(at, key, "expected a string");
	const char *s = json_string_value(j);
	if (*s && !strpbrk(s, allowed))
		return at_bad(at, key, "holds none of \"%s\"", allowed);
	if (s[strspn(s, allowed)])
		log_warn("a device rule's %s \"%s\": only \"%s\" have a meaning", key, s, allowed);
	*out = *s ? s : otherwise;
	return 0;
}

static int parse_rule(const struct at *at, void *element)
{
	struct oci_device_rule *rule = element;
	const char *type, *access;
	rule->major = rule->minor = -1;
	if (READ_FIELDS(at, rule_fields, rule) < 0 ||
		parse_letters(at, "type", "acbu", "a", &type) < 0 ||
		parse_letters(at, "access", "rwm", "rwm", &access) < 0)
		return -1;
	if (strlen(type) != 1)
		return at_bad(at, "type", "must be \"a\", \"c\" or \"b\"");
	rule->type = *type == 'u' ? 'c' : *type;
	rule->read = strchr(access, 'r') != NULL;
	rule->write = strchr(access, 'w') != NULL;
	rule->mknod = strchr(access, 'm') != NULL;
	if (rule->type == 'a' && (rule->major >= 0 || rule->minor >= 0))
		log_warn("a device rule of type \"a\" is about every device, whatever its numbers");
	return 0;
}

static const struct field hugepage_fields[] = {
	FIELD(struct oci_hugepage, "pageSize", FIELD_STR, page_size),
	FIELD(struct oci_hugepage, "limit", FIELD_U64, limit),
};

static int parse_hugepage(const struct at *at, void *element)
{
	struct oci_hugepage *page = element;
	if (READ_FIELDS(at, hugepage_fields, page) < 0)
		return -1;
	/* it becomes part of a file's name */
	if (!page->page_size || !str_all_of(page->page_size, "0123456789KMGB", 2, 16))
		return at_bad(at, "pageSize", "must be like \"2MB\"");
	return 0;
}

static int parse_network(const struct at *at, struct oci_resources *r)
{
	if (READ_FIELDS(at, network_fields, r) < 0)
		return -1;
	const json_t *list = json_object_get(at->j, "priorities");
	if (!list || json_is_null(list))
		return 0;
	if (!json_is_array(list))
		return at_bad(at, "priorities", "expected a list");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);
		const char *name = json_string_value(json_object_get(entry, "name"));
		uint32_t priority = 0;
		if (!name || !*name || strpbrk(name, " \t\n/"))
			return at_bad(
				at, "priorities", "entry %zu needs the name of an interface", i);
		if (read_integer(at, "priorities", json_object_get(entry, "priority"), FIELD_U32,
			    &priority) < 0)
			return -1;
		char text[16];
		snprintf(text, sizeof(text), "%u", priority);
		oci_pair_add(&r->net_priorities, name, text);
	}
	return 0;
}

static const struct field rdma_fields[] = {
	FIELD_OPT(struct oci_rdma, "hcaHandles", FIELD_U32, handles),
	FIELD_OPT(struct oci_rdma, "hcaObjects", FIELD_U32, objects),
};

static int parse_rdma(const struct at *at, struct oci_resources *r)
{
	struct at in, entry;
	int found = at_object(at, "rdma", &in);
	if (found <= 0)
		return found;
	const char *name;
	json_t *value;
	r->rdma = xcalloc(json_object_size(in.j) + 1, sizeof(*r->rdma));
	json_object_foreach((json_t *)in.j, name, value)
	{
		if (!*name || strpbrk(name, " \t\n"))
			return at_bad(&in, name, "is not the name of a device");
		struct oci_rdma *rdma = &r->rdma[r->rdma_count++];
		rdma->device = xstrdup(name);
		if ((found = at_object(&in, name, &entry)) < 0 ||
			(found && READ_FIELDS(&entry, rdma_fields, rdma) < 0))
			return -1;
	}
	return 0;
}

int parse_resources(const struct at *at, struct oci_resources *r)
{
	static const struct {
		const char *key;
		const struct field *fields;
		size_t count;
	} parts[] = {
		{"memory", memory_fields, ARRAY_LEN(memory_fields)},
		{"cpu", cpu_fields, ARRAY_LEN(cpu_fields)},
		{"pids", pids_fields, ARRAY_LEN(pids_fields)},
	};
	struct at in;
	int found;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		if ((found = at_object(at, parts[i].key, &in)) < 0 ||
			(found && read_fields(&in, parts[i].fields, parts[i].count, r) < 0))
			return -1;
	}
	/* what runc, whose pointers it is for, takes for none */
	if (r->memory.swappiness.set && r->memory.swappiness.v == UINT64_MAX)
		r->memory.swappiness.set = false;
	if (r->memory.kernel.set)
		log_warn("the limit on kernel memory (memory.kernel) is ignored");
	if (READ_LIST(at, "devices", r->devices, r->device_count, parse_rule) < 0)
		return -1;
	if ((found = at_object(at, "blockIO", &in)) < 0 || (found && parse_blkio(&in, r) < 0))
		return -1;
	if (READ_LIST(at, "hugepageLimits", r->hugepages, r->hugepage_count, parse_hugepage) < 0)
		return -1;
	if ((found = at_object(at, "network", &in)) < 0 || (found && parse_network(&in, r) < 0))
		return -1;
	if (parse_rdma(at, r) < 0)
		return -1;
	return read_pairs(at, "unified", &r->unified);
}
