/* Lists of CPUs and memory nodes, as cpuset(7) "List format" has them. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/str.h"
#include "plan_private.h"

#define NUMBER_MAX (PLAN_MASK_MAX - 64)

static const char *read_number(const char *at, unsigned long *out)
{
	char *end;
	if (*at < '0' || *at > '9')
		return NULL;
	*out = strtoul(at, &end, 10);
	return *out <= NUMBER_MAX ? end : NULL;
}

/* "3" or "0-3", to the end of @item */
static int add_range(uint64_t *bits, const char *item, unsigned long *highest)
{
	unsigned long first = 0, last;
	const char *at = read_number(item, &first);
	last = first;
	if (at && *at == '-')
		at = read_number(at + 1, &last);
	if (!at || *at || first > last)
		return -1;
	for (unsigned long i = first; i <= last; i++)
		bits[i / 64] |= 1ull << (i % 64);
	if (last > *highest)
		*highest = last;
	return 0;
}

int plan_mask_parse(struct plan_mask *out, struct arena *arena, const char *where, const char *list,
	struct err **err)
{
	unsigned long highest = 0;
	bool any = false;
	*out = (struct plan_mask){0};
	if (str_empty(list))
		return 0;
	auto_free uint64_t *bits = xcalloc(PLAN_MASK_MAX / 64, sizeof(*bits));
	auto_strv items = strv_split(list, ',');
	for (size_t i = 0; items[i]; i++) {
		/* as in runc: space around an item and empty items are nothing */
		char *item = items[i] + strspn(items[i], " \t\n");
		size_t n = strlen(item);
		while (n && strchr(" \t\n", item[n - 1]))
			item[--n] = 0;
		if (!*item)
			continue;
		if (add_range(bits, item, &highest) < 0)
			return err_set(err, ERR_INVALID,
				"%s: \"%s\" is not a list like \"0-3,7\" of numbers up to %d",
				where, list, NUMBER_MAX);
		any = true;
	}
	if (!any)
		return err_set(err, ERR_INVALID, "%s: \"%s\" names nothing", where, list);
	out->len = (highest / 64 + 1) * sizeof(*bits);
	uint64_t *kept = arena_alloc(arena, 1, out->len);
	memcpy(kept, bits, out->len);
	out->bits = kept;
	return 0;
}
