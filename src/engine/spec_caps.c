/* --cap-add, --cap-drop, --privileged. */
#include <ctype.h>

#include "base/mem.h"
#include "spec.h"

static int unknown_cap(const char *name, const char *what, struct err **err)
{
	auto_free char *upper = xasprintf("%s%s", str_starts(name, "CAP_") ? "" : "CAP_", name);
	for (char *s = upper; *s; s++)
		*s = (char)toupper((unsigned char)*s);
	return err_set(err, ERR_INVALID, "invalid %s: unknown capability: \"%s\"", what, upper);
}

static int one_cap(const char *name, const char *what, uint64_t *bit, bool *all, struct err **err)
{
	*all = str_ieq(name, "ALL") || str_ieq(name, "CAP_ALL");
	if (*all)
		return 0;
	int number = oci_cap_number(name);
	if (number < 0)
		return unknown_cap(name, what, err);
	*bit = 1ull << number;
	return 0;
}

static int cap_list(
	char *const *names, const char *what, uint64_t *set, bool *all, struct err **err)
{
	*set = 0;
	*all = false;
	for (size_t i = 0; names && names[i]; i++) {
		uint64_t bit = 0;
		bool this_all;
		if (one_cap(names[i], what, &bit, &this_all, err))
			return -1;
		*all |= this_all;
		*set |= bit;
	}
	return 0;
}

int spec_caps(uint64_t *out, char *const *add, char *const *drop, bool privileged, uint64_t all,
	struct err **err)
{
	uint64_t added, dropped;
	bool add_all, drop_all;

	if (cap_list(add, "CapAdd", &added, &add_all, err) ||
		cap_list(drop, "CapDrop", &dropped, &drop_all, err))
		return -1;
	if (privileged)
		*out = all;
	else if (add_all)
		*out = all & ~dropped;
	else if (drop_all)
		*out = added;
	else
		*out = (SPEC_CAPS_DEFAULT & ~dropped) | added;
	return 0;
}

void spec_caps_apply(struct oci_process *p, uint64_t caps)
{
	p->has_capabilities = true;
	p->capabilities.bounding = caps;
	p->capabilities.permitted = caps;
	p->capabilities.effective = caps;
}
