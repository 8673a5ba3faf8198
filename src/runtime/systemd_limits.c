/*
 * Limits as properties of the unit (systemd.resource-control(5)). The files are written by us as well, more exactly
 * and with all that systemd has no words for; but a property that is not set has a default, which systemd writes
 * whenever it writes this unit's files (daemon-reload, set-property).
 */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"
#include "runtime/systemd.h"

#define INFINITE UINT64_MAX
#define PERIOD_DEFAULT 100000u
#define CPUSET_MAX 8192 /* CPUs; Linux has at most that many */

#define PTS_MAJOR 136 /* the one group of devices that every container has */

#define SINCE_PERIOD 242
#define SINCE_CPUSET 244
#define SINCE_IDLE 252
#define SINCE_SCOPE_OOM 253

static uint64_t limit(int64_t value)
{
	return value < 0 ? INFINITE : (uint64_t)value;
}

/* systemd thinks in whole per cent: rounded up, so that the file may be written with the exact value. */
static uint64_t per_second(uint64_t quota, uint64_t period)
{
	if (quota > UINT64_MAX / 1000000)
		return INFINITE;
	uint64_t usec = quota * 1000000 / period;
	return (usec + 9999) / 10000 * 10000;
}

static void add_quota(struct systemd_props *p, int64_t quota, uint64_t period)
{
	if (period)
		systemd_add_number(p, "CPUQuotaPeriodUSec", 't', period, SINCE_PERIOD);
	systemd_add_number(p, "CPUQuotaPerSecUSec", 't',
		quota > 0 ? per_second((uint64_t)quota, period ? period : PERIOD_DEFAULT)
			  : INFINITE,
		0);
}

/* "0-3,7" as a mask of bytes, the lowest first. */
static int add_cpuset(struct systemd_props *p, const char *name, const char *field,
	const char *list, struct err **err)
{
	uint8_t mask[CPUSET_MAX / 8] = {0};
	size_t used = 0;
	auto_free char *text = xstrdup(list);
	auto_strv ranges = strv_split(str_trim(text), ',');
	for (size_t i = 0; ranges[i]; i++) {
		char *dash = strchr(ranges[i], '-');
		uint32_t first, last;
		if (dash)
			*dash = 0;
		if (str_to_u32(ranges[i], &first) < 0 ||
			str_to_u32(dash ? dash + 1 : ranges[i], &last) < 0 || first > last ||
			last >= CPUSET_MAX)
			return err_set(err, ERR_INVALID, "%s: invalid list \"%s\"", field, list);
		for (uint32_t n = first; n <= last; n++)
			mask[n / 8] |= (uint8_t)(1u << n % 8);
		if (used < last / 8 + 1)
			used = last / 8 + 1;
	}
	struct systemd_prop *prop = systemd_add(p, name, "ay", SINCE_CPUSET);
	for (size_t i = 0; i < used; i++)
		systemd_prop_number(prop, mask[i]);
	return 0;
}

static void add_memory(struct systemd_props *p, const struct oci_resources *r, bool v2)
{
	bool limited = r->memory.limit.set && r->memory.limit.v;
	if (limited)
		systemd_add_number(
			p, v2 ? "MemoryMax" : "MemoryLimit", 't', limit(r->memory.limit.v), 0);
	if (!v2)
		return;
	if (r->memory.reservation.set && r->memory.reservation.v)
		systemd_add_number(p, "MemoryLow", 't', limit(r->memory.reservation.v), 0);
	/* swap counts memory too; where that makes no sense, the file's turn brings the error */
	if (!r->memory.swap.set || !r->memory.swap.v)
		return;
	if (r->memory.swap.v < 0)
		systemd_add_number(p, "MemorySwapMax", 't', INFINITE, 0);
	else if (limited && r->memory.limit.v > 0 && r->memory.swap.v >= r->memory.limit.v)
		systemd_add_number(p, "MemorySwapMax", 't',
			(uint64_t)(r->memory.swap.v - r->memory.limit.v), 0);
}

static int add_cpu(
	struct systemd_props *p, const struct oci_resources *r, bool v2, struct err **err)
{
	bool idle = v2 && r->cpu.idle.set && r->cpu.idle.v == 1;
	if (idle)
		systemd_add_number(p, "CPUWeight", 't', 0, SINCE_IDLE);
	else if (r->cpu.shares.set && r->cpu.shares.v)
		systemd_add_number(p, v2 ? "CPUWeight" : "CPUShares", 't',
			v2 ? cgroup_weight_from_shares(r->cpu.shares.v) : r->cpu.shares.v, 0);
	if ((r->cpu.quota.set && r->cpu.quota.v) || (r->cpu.period.set && r->cpu.period.v))
		add_quota(p, r->cpu.quota.set ? r->cpu.quota.v : 0,
			r->cpu.period.set ? r->cpu.period.v : 0);
	if (!str_empty(r->cpu.cpus) &&
		add_cpuset(p, "AllowedCPUs", "linux.resources.cpu.cpus", r->cpu.cpus, err) < 0)
		return -1;
	if (str_empty(r->cpu.mems))
		return 0;
	return add_cpuset(p, "AllowedMemoryNodes", "linux.resources.cpu.mems", r->cpu.mems, err);
}

static const char *access_of(const struct oci_device_rule *rule, char text[4])
{
	int n = 0;
	if (rule->read)
		text[n++] = 'r';
	if (rule->write)
		text[n++] = 'w';
	if (rule->mknod)
		text[n++] = 'm';
	text[n] = 0;
	return text;
}

/*
 * systemd's list only allows, has no order, and cannot say every rule. So it gets everything that any rule allows:
 * no less than what our own program (v1: devices.list), which is there beside it, lets through. Rules that it has
 * no words for (any minor of a major, both kinds at once) leave the list empty, which means everything.
 */
static bool device_word(const struct oci_device_rule *rule, char *out, size_t room)
{
	bool ptys = rule->type == 'c' && rule->major == PTS_MAJOR && rule->minor < 0;
	if (rule->type == 'a' || (rule->major < 0 && rule->minor >= 0) ||
		(rule->major >= 0 && rule->minor < 0 && !ptys))
		return false;
	const char *kind = rule->type == 'b' ? "block" : "char";
	if (ptys)
		snprintf(out, room, "char-pts");
	else if (rule->major < 0)
		snprintf(out, room, "%s-*", kind);
	else
		snprintf(out, room, "/dev/%s/%lld:%lld", kind, (long long)rule->major,
			(long long)rule->minor);
	return true;
}

static bool add_allowed(
	struct systemd_prop *list, const struct oci_device_rule *rules, size_t count)
{
	char word[64], access[4];
	for (size_t i = 0; i < count; i++) {
		if (!rules[i].allow)
			continue;
		if (!device_word(&rules[i], word, sizeof(word)))
			return false;
		systemd_prop_string(list, word);
		systemd_prop_string(list, access_of(&rules[i], access));
	}
	return true;
}

static void drop_last(struct systemd_props *p)
{
	struct systemd_props last = {.v = xmemdup(&p->v[p->count - 1], sizeof(*p->v)), .count = 1};
	p->count--;
	systemd_props_clear(&last);
}

static void add_devices(struct systemd_props *p, const struct oci_resources *r)
{
	if (!r->device_count)
		return;
	systemd_add(p, "DeviceAllow", "a(ss)", 0); /* empty: forgets the old ones */
	struct systemd_prop *list = systemd_add(p, "DeviceAllow", "a(ss)", 0);
	bool whole = add_allowed(list, r->devices, r->device_count) &&
		     add_allowed(list, cgroup_default_devices, cgroup_default_device_count);
	if (!whole)
		drop_last(p);
	systemd_add_string(p, "DevicePolicy", whole ? "strict" : "auto", 0);
}

static int unified_number(
	struct systemd_props *p, const char *name, const struct oci_pair *pair, struct err **err)
{
	uint64_t value = INFINITE;
	auto_free char *text = xstrdup(pair->value);
	const char *word = str_trim(text);
	if (!str_eq(word, "max") && str_to_u64(word, &value) < 0)
		return err_set(err, ERR_INVALID,
			"linux.resources.unified.%s: expected a number, not \"%s\"", pair->key,
			pair->value);
	/* systemd knows no unit without any task */
	if (str_eq(name, "TasksMax") && !value)
		value = 1;
	systemd_add_number(p, name, 't', value, 0);
	return 0;
}

static int unified_quota(struct systemd_props *p, const struct oci_pair *pair, struct err **err)
{
	auto_free char *text = xstrdup(pair->value);
	auto_strv words = strv_split(str_trim(text), ' ');
	int64_t quota = 0;
	uint64_t period = PERIOD_DEFAULT;
	size_t n = strv_len(words);
	if (n > 2 || (!str_eq(words[0], "max") && str_to_i64(words[0], &quota) < 0) ||
		(n == 2 && (str_to_u64(words[1], &period) < 0 || !period)))
		return err_set(err, ERR_INVALID,
			"linux.resources.unified.%s: expected a quota and a period, not \"%s\"",
			pair->key, pair->value);
	add_quota(p, quota, period);
	return 0;
}

static const struct {
	const char *file, *property;
} unified_numbers[] = {
	{"memory.min", "MemoryMin"},
	{"memory.low", "MemoryLow"},
	{"memory.high", "MemoryHigh"},
	{"memory.max", "MemoryMax"},
	{"memory.swap.max", "MemorySwapMax"},
	{"pids.max", "TasksMax"},
	{"cpu.weight", "CPUWeight"},
};

static int add_unified(struct systemd_props *p, const struct oci_pair *pair, struct err **err)
{
	for (size_t i = 0; i < ARRAY_LEN(unified_numbers); i++) {
		if (str_eq(pair->key, unified_numbers[i].file))
			return unified_number(p, unified_numbers[i].property, pair, err);
	}
	auto_free char *field = xasprintf("linux.resources.unified.%s", pair->key);
	if (str_eq(pair->key, "cpu.max"))
		return unified_quota(p, pair, err);
	if (str_eq(pair->key, "cpuset.cpus"))
		return add_cpuset(p, "AllowedCPUs", field, pair->value, err);
	if (str_eq(pair->key, "cpuset.mems"))
		return add_cpuset(p, "AllowedMemoryNodes", field, pair->value, err);
	if (str_eq(pair->key, "cpu.idle") && str_eq(pair->value, "1"))
		systemd_add_number(p, "CPUWeight", 't', 0, SINCE_IDLE);
	return 0; /* systemd does not know it, so it does not undo it either */
}

int systemd_props_limits(
	struct systemd_props *props, const struct oci_resources *res, bool v2, struct err **err)
{
	add_devices(props, res);
	add_memory(props, res, v2);
	if (add_cpu(props, res, v2, err) < 0)
		return -1;
	if (res->blkio.weight.set && res->blkio.weight.v)
		systemd_add_number(props, v2 ? "IOWeight" : "BlockIOWeight", 't',
			v2 ? cgroup_io_weight(res->blkio.weight.v) : res->blkio.weight.v, 0);
	if (res->pids_limit.set && res->pids_limit.v)
		systemd_add_number(props, "TasksMax", 't', limit(res->pids_limit.v), 0);
	for (size_t i = 0; v2 && i < res->unified.count; i++) {
		if (add_unified(props, &res->unified.v[i], err) < 0)
			return -1;
	}
	return 0;
}

/* A manager of before has no word for it, and writes 0 to memory.oom.group whenever it writes the unit's files. */
void systemd_props_at_start(struct systemd_props *props, const struct systemd_unit *unit,
	const struct oci_resources *res)
{
	if (systemd_unit_is_slice(unit))
		return;
	for (size_t i = 0; i < res->unified.count; i++) {
		if (!str_eq(res->unified.v[i].key, "memory.oom.group"))
			continue;
		auto_free char *text = xstrdup(res->unified.v[i].value);
		systemd_add_string(props, "OOMPolicy",
			str_eq(str_trim(text), "1") ? "kill" : "continue", SINCE_SCOPE_OOM);
	}
}
