/* Appending to the document's lists, for the engine and the parser. */
#include "oci/config.h"

#include "base/mem.h"
#include "base/str.h"

/* Room for one more, zeroed. Lists here are a few dozen entries long: growing by one is enough. */
#define LIST_GROW(list, count)                                                                     \
	({                                                                                         \
		(list) = xreallocarray((list), (count) + 1, sizeof(*(list)));                      \
		memset(&(list)[count], 0, sizeof(*(list)));                                        \
		&(list)[(count)++];                                                                \
	})

struct oci_mount *oci_mount_add(struct oci_config *c, const char *destination, const char *type,
	const char *source, const char *const *options)
{
	struct oci_mount *m = LIST_GROW(c->mounts, c->mount_count);
	m->destination = xstrdup(destination);
	m->type = xstrdup_null(type);
	m->source = xstrdup_null(source);
	for (size_t i = 0; options && options[i]; i++)
		strv_add(&m->options, options[i]);
	return m;
}

void oci_pair_add(struct oci_pairs *pairs, const char *key, const char *value)
{
	struct oci_pair *pair = LIST_GROW(pairs->v, pairs->count);
	pair->key = xstrdup(key);
	pair->value = xstrdup(value);
}

void oci_rlimit_add(struct oci_process *p, const char *type, uint64_t soft, uint64_t hard)
{
	struct oci_rlimit *rlimit = LIST_GROW(p->rlimits, p->rlimit_count);
	rlimit->type = xstrdup(type);
	rlimit->soft = soft;
	rlimit->hard = hard;
}

struct oci_device *oci_device_add(
	struct oci_linux *l, const char *path, char type, int64_t major, int64_t minor)
{
	struct oci_device *device = LIST_GROW(l->devices, l->device_count);
	device->path = xstrdup(path);
	device->type = type;
	device->major = major;
	device->minor = minor;
	return device;
}

void oci_device_rule_add(struct oci_resources *r, bool allow, char type, int64_t major,
	int64_t minor, const char *access)
{
	struct oci_device_rule *rule = LIST_GROW(r->devices, r->device_count);
	rule->allow = allow;
	rule->type = type;
	rule->major = major;
	rule->minor = minor;
	rule->read = strchr(access, 'r') != NULL;
	rule->write = strchr(access, 'w') != NULL;
	rule->mknod = strchr(access, 'm') != NULL;
}
