/* Properties of units: building lists of them, and what every container's unit has. */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "oci/config.h"
#include "runtime/systemd.h"

#define ANNOTATION "org.systemd.property."

struct systemd_prop *systemd_add(
	struct systemd_props *p, const char *name, const char *type, uint32_t since)
{
	p->v = xreallocarray(p->v, p->count + 1, sizeof(*p->v));
	struct systemd_prop *prop = &p->v[p->count++];
	*prop = (struct systemd_prop){.name = xstrdup(name), .since = since};
	snprintf(prop->type, sizeof(prop->type), "%s", type);
	return prop;
}

void systemd_prop_number(struct systemd_prop *prop, uint64_t value)
{
	prop->numbers = xreallocarray(prop->numbers, prop->count + 1, sizeof(*prop->numbers));
	prop->numbers[prop->count++] = value;
}

void systemd_prop_string(struct systemd_prop *prop, const char *value)
{
	prop->strings = xreallocarray(prop->strings, prop->count + 1, sizeof(*prop->strings));
	prop->strings[prop->count++] = xstrdup(value);
}

void systemd_add_number(
	struct systemd_props *p, const char *name, char type, uint64_t value, uint32_t since)
{
	systemd_prop_number(systemd_add(p, name, (char[]){type, 0}, since), value);
}

void systemd_add_string(
	struct systemd_props *p, const char *name, const char *value, uint32_t since)
{
	systemd_prop_string(systemd_add(p, name, "s", since), value);
}

void systemd_props_clear(struct systemd_props *props)
{
	for (size_t i = 0; i < props->count; i++) {
		struct systemd_prop *prop = &props->v[i];
		for (size_t j = 0; prop->strings && j < prop->count; j++)
			free(prop->strings[j]);
		free(prop->strings);
		free(prop->numbers);
		free(prop->name);
	}
	free(props->v);
	*props = (struct systemd_props){0};
}

/*
 * With DefaultDependencies= the unit would be stopped at shutdown before whoever manages the container can do that.
 * Accounting is on whatever the limits are, or systemd would not turn the controllers on.
 */
int systemd_props_base(struct systemd_props *props, const struct systemd_unit *unit, const char *id,
	const struct oci_pair *annotations, size_t annotation_count, struct err **err)
{
	static const char *const accounting[] = {
		"CPUAccounting", "MemoryAccounting", "TasksAccounting", "IOAccounting"};
	bool slice = systemd_unit_is_slice(unit);
	auto_free char *description = xasprintf("kist container %s", id);
	systemd_add_string(props, "Description", description, 0);
	if (slice) {
		/* its place follows from its name */
		systemd_prop_string(systemd_add(props, "Wants", "as", 0), unit->slice);
	} else {
		systemd_add_string(props, "Slice", unit->slice, 0);
		systemd_add_number(props, "Delegate", 'b', true, 218);
		/* or a scope whose processes were killed for want of memory stays as "failed" */
		systemd_add_string(props, "CollectMode", "inactive-or-failed", 236);
	}
	systemd_add_number(props, "DefaultDependencies", 'b', false, 0);
	for (size_t i = 0; i < ARRAY_LEN(accounting); i++)
		systemd_add_number(props, accounting[i], 'b', true, 0);
	for (size_t i = 0; i < annotation_count; i++) {
		const char *name = str_after(annotations[i].key, ANNOTATION);
		if (name && systemd_prop_parse(props, name, annotations[i].value, err) < 0)
			return -1;
	}
	return 0;
}
