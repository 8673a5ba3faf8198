/* The environment as an execve(2) gets it: every name once. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "plan_private.h"

struct variable {
	const char *text;
	size_t name; /* bytes before the '=' */
	size_t at;
};

static int same_name(const struct variable *a, const struct variable *b)
{
	return a->name == b->name && memcmp(a->text, b->text, a->name) == 0;
}

static int compare(const void *x, const void *y)
{
	const struct variable *a = x, *b = y;
	size_t n = a->name < b->name ? a->name : b->name;
	int r = memcmp(a->text, b->text, n);
	if (r)
		return r;
	if (a->name != b->name)
		return a->name < b->name ? -1 : 1;
	return a->at < b->at ? -1 : 1;
}

static int read_variables(struct variable *list, char *const *env, size_t count, struct err **err)
{
	for (size_t i = 0; i < count; i++) {
		const char *eq = strchr(env[i], '=');
		if (!eq || eq == env[i])
			return err_set(err, ERR_INVALID,
				"process.env[%zu]: \"%s\" is not NAME=VALUE", i, env[i]);
		list[i] = (struct variable){env[i], (size_t)(eq - env[i]), i};
	}
	return 0;
}

int plan_env_fill(struct plan_process *out, struct arena *arena, char *const *env, struct err **err)
{
	size_t count = 0, n = 0;
	while (env && env[count])
		count++;
	auto_free struct variable *list = xcalloc(count + 1, sizeof(*list));
	auto_free bool *covered = xcalloc(count + 1, sizeof(*covered));
	if (read_variables(list, env, count, err) < 0)
		return -1;
	qsort(list, count, sizeof(*list), compare);
	for (size_t i = 0; i + 1 < count; i++)
		covered[list[i].at] = same_name(&list[i], &list[i + 1]);
	out->env = arena_alloc(arena, count + 1, sizeof(*out->env));
	for (size_t i = 0; i < count; i++)
		if (!covered[i])
			out->env[n++] = env[i];
	return 0;
}
