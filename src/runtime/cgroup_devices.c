/*
 * Devices on v2: a BPF program of type cgroup_device, made from the container's rules.
 *
 * Rules apply in order, the later over the earlier, each to the kinds of access that it names. So the
 * program walks them backwards with the set of accesses that nobody has decided yet: a rule that allows
 * takes its accesses out of the set, and an empty set is a yes; a rule that denies any access still in
 * the set is a no; so is the end. Registers: r2 type, r3 undecided accesses, r4 major, r5 minor.
 */
#include <linux/bpf.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "base/mem.h"
#include "cgroup_private.h"

#define RULES_MAX 2000
#define RULE_INSNS 8

/* config-linux.md "Default Devices", ptys, and mknod of everything: nodes are harmless while opening
 * them is not allowed. /dev/net/tun (10:200) is in no specification, but with every other runtime; whoever opens it
 * makes devices in the network namespaces that they have CAP_NET_ADMIN over. */
const struct oci_device_rule cgroup_default_devices[] = {
	{.allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true},
	{.allow = true, .type = 'b', .major = -1, .minor = -1, .mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 1,
		.minor = 3,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 1,
		.minor = 5,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 1,
		.minor = 7,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 1,
		.minor = 8,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 1,
		.minor = 9,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 5,
		.minor = 0,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 5,
		.minor = 2,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 136,
		.minor = -1,
		.read = true,
		.write = true,
		.mknod = true},
	{.allow = true,
		.type = 'c',
		.major = 10,
		.minor = 200,
		.read = true,
		.write = true,
		.mknod = true},
};
const size_t cgroup_default_device_count = ARRAY_LEN(cgroup_default_devices);

struct program {
	struct bpf_insn *v;
	size_t count;
	bool decided; /* whatever would follow is unreachable, which the verifier refuses */
};

static void emit(
	struct program *p, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	p->v[p->count++] = (struct bpf_insn){
		.code = code, .dst_reg = dst, .src_reg = src, .off = off, .imm = imm};
}

static void emit_return(struct program *p, int value)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_start(struct program *p)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0);
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_3, BPF_REG_2, 0, 0);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
	emit(p, BPF_ALU64 | BPF_RSH | BPF_K, BPF_REG_3, 0, 0, 16);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0);
}
#define START_INSNS 6

static void emit_rule(struct program *p, const struct oci_device_rule *rule)
{
	int access = (rule->mknod ? BPF_DEVCG_ACC_MKNOD : 0) |
		     (rule->read ? BPF_DEVCG_ACC_READ : 0) |
		     (rule->write ? BPF_DEVCG_ACC_WRITE : 0);
	const int all = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;
	size_t start = p->count;
	if (rule->type != 'a')
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 0,
			rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
	if (rule->major >= 0)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 0, (int32_t)rule->major);
	if (rule->minor >= 0)
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 0, (int32_t)rule->minor);
	size_t conditions = p->count;
	if (access == all && conditions == start) {
		emit_return(p, rule->allow);
		p->decided = true;
		return;
	}
	if (rule->allow) {
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_3, 0, 0, ~access);
		emit(p, BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, 2, 0);
	} else {
		emit(p, BPF_JMP | BPF_JSET | BPF_K, BPF_REG_3, 0, 1, access);
		emit(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
	}
	emit_return(p, rule->allow);
	for (size_t i = start; i < conditions; i++)
		p->v[i].off = (int16_t)(p->count - i - 1);
}

static int check_rule(const struct oci_device_rule *rule, struct err **err)
{
	if (rule->major > INT32_MAX || rule->minor > INT32_MAX)
		return err_set(err, ERR_INVALID,
			"device rule %c %ld:%ld: there is no such device number", rule->type,
			(long)rule->major, (long)rule->minor);
	return 0;
}

static int compile(struct program *p, const struct oci_resources *res, struct err **err)
{
	if (res->device_count > RULES_MAX)
		return err_set(err, ERR_INVALID, "more than %d device rules", RULES_MAX);
	size_t rules = res->device_count + cgroup_default_device_count;
	p->v = xcalloc(START_INSNS + rules * RULE_INSNS + 2, sizeof(*p->v));
	emit_start(p);
	for (size_t i = cgroup_default_device_count; i-- && !p->decided;)
		emit_rule(p, &cgroup_default_devices[i]);
	for (size_t i = res->device_count; i-- && !p->decided;) {
		if (check_rule(&res->devices[i], err) < 0)
			return -1;
		emit_rule(p, &res->devices[i]);
	}
	if (!p->decided)
		emit_return(p, 0);
	return 0;
}

static int bpf(enum bpf_cmd cmd, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

/* Before Linux 5.11 programs were charged to RLIMIT_MEMLOCK, which is raised for the moment only: the
 * container must not inherit it. */
static int load_with_memlock(union bpf_attr *attr)
{
	struct rlimit old, high = {RLIM_INFINITY, RLIM_INFINITY};
	if (getrlimit(RLIMIT_MEMLOCK, &old) < 0 || setrlimit(RLIMIT_MEMLOCK, &high) < 0) {
		errno = EPERM;
		return -1;
	}
	int fd = bpf(BPF_PROG_LOAD, attr);
	int saved = errno;
	setrlimit(RLIMIT_MEMLOCK, &old);
	errno = saved;
	return fd;
}

static int load(const struct program *p)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uintptr_t)p->v;
	attr.insn_cnt = (uint32_t)p->count;
	attr.license = (uintptr_t) "Apache-2.0";
	int fd = bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 && errno == EPERM ? load_with_memlock(&attr) : fd;
}

#define OLD_MAX 64 /* the kernel attaches no more to one cgroup */

static int attach(int cgroup, int program, int replaced)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	attr.attach_flags = BPF_F_ALLOW_MULTI | (replaced >= 0 ? BPF_F_REPLACE : 0);
	attr.replace_bpf_fd = replaced >= 0 ? (uint32_t)replaced : 0;
	return bpf(BPF_PROG_ATTACH, &attr);
}

static void detach(int cgroup, int program)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)program;
	attr.attach_type = BPF_CGROUP_DEVICE;
	bpf(BPF_PROG_DETACH, &attr);
}

static size_t attached(int cgroup, int fds[OLD_MAX])
{
	uint32_t ids[OLD_MAX] = {0};
	union bpf_attr attr;
	memset(&attr, 0, sizeof(attr));
	attr.query.target_fd = (uint32_t)cgroup;
	attr.query.attach_type = BPF_CGROUP_DEVICE;
	attr.query.prog_ids = (uintptr_t)ids;
	attr.query.prog_cnt = OLD_MAX;
	if (bpf(BPF_PROG_QUERY, &attr) < 0)
		return 0;
	size_t count = 0, found = attr.query.prog_cnt;
	for (size_t i = 0; i < found; i++) {
		memset(&attr, 0, sizeof(attr));
		attr.prog_id = ids[i];
		int fd = bpf(BPF_PROG_GET_FD_BY_ID, &attr);
		if (fd >= 0)
			fds[count++] = fd;
	}
	return count;
}

/* All attached programs must agree, so the new one goes in before the old one goes out: at no moment
 * is more allowed than by one of them. BPF_F_REPLACE (5.6) does both at once. */
int cgroup_v2_devices(const struct cgroup_dir *d, const struct oci_resources *res, struct err **err)
{
	struct program p = {0};
	int r = compile(&p, res, err);
	auto_fd int fd = r < 0 ? -1 : load(&p);
	int loaded = errno;
	free(p.v);
	if (r < 0)
		return -1;
	if (fd < 0)
		return err_sys(err, loaded, "load the device program of cgroup %s", d->rel);
	int old[OLD_MAX];
	size_t count = attached(d->fd, old);
	bool replaced = count == 1 && attach(d->fd, fd, old[0]) == 0;
	if (!replaced) {
		r = attach(d->fd, fd, -1);
		loaded = errno;
		for (size_t i = 0; r == 0 && i < count; i++)
			detach(d->fd, old[i]);
	}
	for (size_t i = 0; i < count; i++)
		close(old[i]);
	if (r < 0)
		return err_sys(err, loaded, "attach the device program to cgroup %s", d->rel);
	return 0;
}
