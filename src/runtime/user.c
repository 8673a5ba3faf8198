#include "user.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/rootpath.h"
#include "user_lines.h"

#define ID_MAX 2147483647u

static int fault_set(struct user_fault *f, enum err_kind kind, const char *fmt, const char *a)
{
	f->kind = kind;
	f->sys = 0;
	report_format(f->text, sizeof(f->text), fmt, a);
	return -1;
}

static int range_fault(struct user_fault *f)
{
	return fault_set(f, ERR_INVALID, "%s", "uids and gids must be in range 0-2147483647");
}

/* 1: a number that fits, 0: not a number, -1: a number out of range */
static int parse_id(const char *s, uint32_t *out)
{
	uint64_t v = 0;
	if (!*s)
		return 0;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return 0;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > (1ULL << 40))
			v = 1ULL << 40;
	}
	if (v > ID_MAX)
		return -1;
	*out = (uint32_t)v;
	return 1;
}

static void copy_text(char *out, size_t room, const char *s)
{
	size_t n = strnlen(s, room - 1);
	memcpy(out, s, n);
	out[n] = 0;
}

static int read_fault(const struct user_lines *l, const char *file, struct user_fault *f)
{
	if (!l->failed)
		return 0;
	fault_set(f, ERR_INVALID,
		l->failed == USER_LINES_IO ? "cannot read %s"
					   : "%s is too large or has a line that is too long",
		file);
	return -1;
}

struct split {
	char user[USER_NAME_MAX], group[USER_NAME_MAX];
	uint32_t uid, gid;
	int user_number, group_number; /* as parse_id() says */
};

static int split_spec(struct split *s, const char *spec, struct user_fault *f)
{
	size_t n = strcspn(spec, ":");
	const char *rest = spec[n] ? spec + n + 1 : "";
	size_t m = strcspn(rest, ":");
	if (n >= sizeof(s->user) || m >= sizeof(s->group))
		return fault_set(f, ERR_INVALID, "%s", "the user's name is too long");
	memcpy(s->user, spec, n);
	s->user[n] = 0;
	memcpy(s->group, rest, m);
	s->group[m] = 0;
	s->user_number = parse_id(s->user, &s->uid);
	s->group_number = parse_id(s->group, &s->gid);
	return s->user_number < 0 || s->group_number < 0 ? range_fault(f) : 0;
}

static bool user_matches(const struct split *s, const char *name, const char *uid)
{
	uint32_t id = 0;
	if (!s->user[0])
		return parse_id(uid, &id) == 1 && id == 0;
	if (s->user_number == 1)
		return parse_id(uid, &id) == 1 && id == s->uid;
	return strcmp(name, s->user) == 0;
}

static int find_user(struct user *out, const struct split *s, int passwd, struct user_fault *f)
{
	struct user_lines lines;
	char *field[6];
	user_lines_start(&lines, passwd);
	out->uid = s->user_number == 1 ? s->uid : 0;
	out->gid = 0;
	copy_text(out->home, sizeof(out->home), "/");
	while (user_lines_next(&lines, field, 6) > 0) {
		if (!field[3] || !user_matches(s, field[0], field[2]))
			continue;
		/* a line without numbers is nobody, and least of all root */
		int uid = parse_id(field[2], &out->uid), gid = parse_id(field[3], &out->gid);
		if (uid < 0 || gid < 0)
			return range_fault(f);
		if (!uid || !gid)
			continue;
		copy_text(out->name, sizeof(out->name), field[0]);
		if (field[5] && *field[5])
			copy_text(out->home, sizeof(out->home), field[5]);
		return 0;
	}
	if (read_fault(&lines, "/etc/passwd", f) < 0)
		return -1;
	if (s->user[0] && s->user_number != 1)
		return fault_set(f, ERR_INVALID,
			"unable to find user %s: no matching entries in passwd file", s->user);
	out->gid = 0;
	return 0;
}

static int add_group(struct user *out, uint32_t gid, struct user_fault *f)
{
	for (size_t i = 0; i < out->group_count; i++)
		if (out->groups[i] == gid)
			return 0;
	if (out->group_count == USER_GROUPS_MAX)
		return fault_set(f, ERR_INVALID, "%s", "the user is in too many groups");
	out->groups[out->group_count++] = gid;
	return 0;
}

static bool lists_member(const char *members, const char *name)
{
	size_t n = strlen(name);
	while (members && *members) {
		size_t len = strcspn(members, ",");
		if (len == n && memcmp(members, name, n) == 0)
			return true;
		members += len + (members[len] == ',');
	}
	return false;
}

static int find_named_group(
	struct user *out, const struct split *s, int group, struct user_fault *f)
{
	struct user_lines lines;
	char *field[4];
	if (s->group_number == 1) {
		out->gid = s->gid;
		return 0;
	}
	user_lines_start(&lines, group);
	while (user_lines_next(&lines, field, 4) > 0) {
		if (!field[2] || strcmp(field[0], s->group) != 0)
			continue;
		int ok = parse_id(field[2], &out->gid);
		if (ok)
			return ok < 0 ? range_fault(f) : 0;
	}
	if (read_fault(&lines, "/etc/group", f) < 0)
		return -1;
	return fault_set(f, ERR_INVALID,
		"unable to find group %s: no matching entries in group file", s->group);
}

static int find_memberships(struct user *out, int group, struct user_fault *f)
{
	struct user_lines lines;
	char *field[4];
	if (!out->name[0])
		return 0;
	user_lines_start(&lines, group);
	while (user_lines_next(&lines, field, 4) > 0) {
		uint32_t gid;
		if (!field[2] || !lists_member(field[3], out->name) ||
			parse_id(field[2], &gid) != 1)
			continue;
		if (add_group(out, gid, f) < 0)
			return -1;
	}
	return read_fault(&lines, "/etc/group", f);
}

static int add_named(struct user *out, const char *name, int group, struct user_fault *f)
{
	struct user_lines lines;
	char *field[4];
	uint32_t gid;
	int number = parse_id(name, &gid);
	if (number)
		return number < 0 ? range_fault(f) : add_group(out, gid, f);
	user_lines_start(&lines, group);
	while (user_lines_next(&lines, field, 4) > 0)
		if (field[2] && strcmp(field[0], name) == 0 && parse_id(field[2], &gid) == 1)
			return add_group(out, gid, f);
	if (read_fault(&lines, "/etc/group", f) < 0)
		return -1;
	return fault_set(
		f, ERR_INVALID, "Unable to find group %s: no matching entries in group file", name);
}

int user_resolve(struct user *out, const char *spec, const char *const *group_add, int passwd,
	int group, struct user_fault *fault)
{
	struct split s;
	out->group_count = 0;
	out->name[0] = 0;
	if (split_spec(&s, spec, fault) < 0 || find_user(out, &s, passwd, fault) < 0)
		return -1;
	if (s.group[0] && find_named_group(out, &s, group, fault) < 0)
		return -1;
	if (add_group(out, out->gid, fault) < 0)
		return -1;
	if (!s.group[0] && find_memberships(out, group, fault) < 0)
		return -1;
	for (; group_add && *group_add; group_add++)
		if (add_named(out, *group_add, group, fault) < 0)
			return -1;
	return 0;
}

int user_find_home(struct user *out, uint32_t uid, int passwd, struct user_fault *fault)
{
	struct split s = {.user = "#", .uid = uid, .user_number = 1};
	return find_user(out, &s, passwd, fault);
}

static int open_file(int root, const char *path)
{
	int fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		fd_close(fd);
		fd = -1;
	}
	return fd;
}

static bool has_home(const struct plan_process *p)
{
	for (const char **e = p->env; e && *e; e++)
		if (strncmp(*e, "HOME=", 5) == 0 && (*e)[5])
			return true;
	return false;
}

static void use_numbers(struct user *out, const struct plan_process *p, struct reporter *r)
{
	out->uid = p->uid;
	out->gid = p->gid;
	if (p->gid_count > USER_GROUPS_MAX)
		report_fail(r, ERR_INVALID, 0, "the process is in too many groups");
	out->group_count = p->gid_count;
	for (size_t i = 0; i < p->gid_count; i++)
		out->groups[i] = p->gids[i];
}

void user_prepare(
	struct user *out, const struct plan_process *process, int root, struct reporter *r)
{
	struct user_fault fault;
	if (!process->user_spec && has_home(process)) {
		use_numbers(out, process, r);
		return;
	}
	auto_fd int passwd = open_file(root, "/etc/passwd");
	if (!process->user_spec) {
		if (user_find_home(out, process->uid, passwd, &fault) < 0)
			copy_text(out->home, sizeof(out->home), "/");
		use_numbers(out, process, r);
		return;
	}
	auto_fd int group = open_file(root, "/etc/group");
	if (user_resolve(out, process->user_spec, (const char *const *)process->group_add, passwd,
		    group, &fault) < 0)
		report_fail(r, fault.kind, fault.sys, "%s", fault.text);
}
