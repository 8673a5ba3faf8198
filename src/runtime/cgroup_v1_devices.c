/*
 * Devices on v1: the kernel keeps a default (all or nothing) and exceptions to it, and rules that are written one
 * after the other change them. Written as they come, they would take a running container's devices away and
 * give them back. So what they amount to is worked out here and compared with devices.list, and only the
 * difference is written, what is new first: Documentation/admin-guide/cgroup-v1/devices.rst.
 */
#include <fcntl.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroup_private.h"

#define LIST_MAX (1u << 20)
#define RULES_MAX 2000

enum { READ = 1, WRITE = 2, MKNOD = 4, ALL = 7 };

struct exception {
	char type;
	int64_t major, minor; /* -1: all */
	int access;
};

struct policy {
	bool allow; /* what has no exception */
	struct exception *v;
	size_t count;
};

static void policy_clear(struct policy *p)
{
	free(p->v);
	*p = (struct policy){0};
}
#define auto_policy __attribute__((cleanup(policy_clear))) struct policy

static bool same_devices(const struct exception *a, const struct exception *b)
{
	return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

static bool overlap(const struct exception *a, const struct exception *b)
{
	return a->type == b->type && (a->major < 0 || b->major < 0 || a->major == b->major) &&
	       (a->minor < 0 || b->minor < 0 || a->minor == b->minor);
}

static struct exception *find(const struct policy *p, const struct exception *wanted)
{
	for (size_t i = 0; i < p->count; i++) {
		if (same_devices(&p->v[i], wanted))
			return &p->v[i];
	}
	return NULL;
}

static void add(struct policy *p, const struct exception *e)
{
	struct exception *known = find(p, e);
	if (known) {
		known->access |= e->access;
		return;
	}
	p->v = xreallocarray(p->v, p->count + 1, sizeof(*p->v));
	p->v[p->count++] = *e;
}

/* The kernel takes back only what was given in the same words. */
static const struct exception *take_back(struct policy *p, const struct exception *e)
{
	for (size_t i = 0; i < p->count; i++) {
		struct exception *other = &p->v[i];
		if (same_devices(other, e))
			other->access &= ~e->access;
		else if (overlap(other, e) && (other->access & e->access))
			return other;
	}
	return NULL;
}

static void describe(char out[64], const struct exception *e)
{
	char major[24] = "*", minor[24] = "*";
	if (e->major >= 0)
		snprintf(major, sizeof(major), "%ld", (long)e->major);
	if (e->minor >= 0)
		snprintf(minor, sizeof(minor), "%ld", (long)e->minor);
	snprintf(out, 64, "%c %.20s:%.20s %s%s%s", e->type, major, minor,
		e->access & READ ? "r" : "", e->access & WRITE ? "w" : "",
		e->access & MKNOD ? "m" : "");
}

static int apply_exception(
	struct policy *p, const struct exception *e, bool allow, struct err **err)
{
	if (allow != p->allow) {
		add(p, e);
		return 0;
	}
	const struct exception *wider = take_back(p, e);
	if (!wider)
		return 0;
	char rule[64], other[64];
	describe(rule, e);
	describe(other, wider);
	return err_set(err, ERR_INVALID,
		"device rule \"%s\" would change a part of \"%s\", which cgroup v1 cannot", rule,
		other);
}

static int apply_rule(struct policy *p, const struct oci_device_rule *rule, struct err **err)
{
	struct exception e = {.type = rule->type,
		.major = rule->major,
		.minor = rule->minor,
		.access = (rule->read ? READ : 0) | (rule->write ? WRITE : 0) |
			  (rule->mknod ? MKNOD : 0)};
	if (rule->type != 'a')
		return apply_exception(p, &e, rule->allow, err);
	if (e.access == ALL) {
		policy_clear(p);
		p->allow = rule->allow;
		return 0;
	}
	/* v1's "a" is all or nothing */
	e.major = e.minor = -1;
	for (const char *type = "bc"; *type; type++) {
		e.type = *type;
		if (apply_exception(p, &e, rule->allow, err) < 0)
			return -1;
	}
	return 0;
}

/* "c 1:3 rwm", "b *:* m"; "a *:* rwm" if all but unknown exceptions is allowed. */
static void read_line(struct policy *p, const char *line)
{
	struct exception e = {.major = -1, .minor = -1};
	char major[16], minor[16], access[8];
	if (sscanf(line, "%c %15[^:]:%15s %7s", &e.type, major, minor, access) != 4)
		return;
	if (e.type == 'a') {
		p->allow = true;
		return;
	}
	if (*major != '*' && str_to_i64(major, &e.major) < 0)
		return;
	if (*minor != '*' && str_to_i64(minor, &e.minor) < 0)
		return;
	e.access = (strchr(access, 'r') ? READ : 0) | (strchr(access, 'w') ? WRITE : 0) |
		   (strchr(access, 'm') ? MKNOD : 0);
	add(p, &e);
}

static int read_list(struct policy *p, const struct cgroup_dir *d, struct err **err)
{
	auto_buf text = BUF_INIT;
	if (file_read(d->fd, "devices.list", LIST_MAX, &text, err) < 0)
		return err_wrap(err, "%s/%s", d->mount->path, d->rel);
	auto_strv lines = strv_split(buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++)
		read_line(p, lines[i]);
	return 0;
}

/* What the rules make of it, from the top: without one about everything what is there stays. */
static int wanted(struct policy *p, const struct oci_resources *r, struct err **err)
{
	for (size_t i = 0; i < r->device_count; i++) {
		if (apply_rule(p, &r->devices[i], err) < 0)
			return err_wrap(err, "linux.resources.devices[%zu]", i);
	}
	for (size_t i = 0; i < cgroup_default_device_count; i++)
		apply_rule(p, &cgroup_default_devices[i], NULL);
	return 0;
}

/* devices.deny and devices.allow, each opened once for all that is written to it. */
struct lists {
	const struct cgroup_dir *d;
	int fd[2];
};

static int write_line(struct lists *l, bool allow, const char *line, struct err **err)
{
	const char *file = allow ? "devices.allow" : "devices.deny";
	int *fd = &l->fd[allow];
	if (*fd < 0)
		*fd = openat(l->d->fd, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0 || fd_write(*fd, line, strlen(line)) < 0)
		return err_sys(err, errno, "write \"%s\" to %s/%s/%s", line, l->d->mount->path,
			l->d->rel, file);
	return 0;
}

static int write_exception(
	struct lists *l, bool allow, const struct exception *e, int access, struct err **err)
{
	struct exception part = *e;
	char line[64];
	part.access = access;
	if (!access)
		return 0;
	describe(line, &part);
	return write_line(l, allow, line, err);
}

static int write_difference(
	struct lists *l, const struct policy *now, const struct policy *then, struct err **err)
{
	for (size_t i = 0; i < then->count; i++) {
		const struct exception *known = find(now, &then->v[i]);
		int more = then->v[i].access & ~(known ? known->access : 0);
		if (write_exception(l, !then->allow, &then->v[i], more, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < now->count; i++) {
		const struct exception *kept = find(then, &now->v[i]);
		int less = now->v[i].access & ~(kept ? kept->access : 0);
		if (write_exception(l, then->allow, &now->v[i], less, err) < 0)
			return -1;
	}
	return 0;
}

static int change(
	const struct cgroup_dir *d, struct policy *now, const struct policy *then, struct err **err)
{
	struct lists l = {d, {-1, -1}};
	int r = 0;
	/* where all is allowed the list does not tell the exceptions: begin anew */
	if (now->allow != then->allow || (now->allow && then->allow)) {
		r = write_line(&l, then->allow, "a", err);
		policy_clear(now);
	}
	if (r == 0)
		r = write_difference(&l, now, then, err);
	fd_close(l.fd[false]);
	fd_close(l.fd[true]);
	return r;
}

int cgroup_v1_devices(const struct cgroup_dir *d, const struct oci_resources *r, struct err **err)
{
	auto_policy now = {0}, then = {0};
	if (!r->device_count)
		return 0;
	if (r->device_count > RULES_MAX)
		return err_set(err, ERR_INVALID, "more than %d device rules", RULES_MAX);
	if (read_list(&now, d, err) < 0)
		return -1;
	then.allow = now.allow;
	for (size_t i = 0; i < now.count; i++)
		add(&then, &now.v[i]);
	if (wanted(&then, r, err) < 0)
		return -1;
	return change(d, &now, &then, err);
}
