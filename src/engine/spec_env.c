/* A program's environment, in Docker's order. */
#include "spec.h"

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static size_t name_len(const char *entry)
{
	return strcspn(entry, "=");
}

static ssize_t env_find(char *const *env, const char *entry)
{
	size_t n = name_len(entry);
	for (ssize_t i = 0; env && env[i]; i++)
		if (name_len(env[i]) == n && memcmp(env[i], entry, n) == 0)
			return i;
	return -1;
}

static void env_remove(char **env, ssize_t at)
{
	free(env[at]);
	for (; env[at]; at++)
		env[at] = env[at + 1];
}

static void env_put(char ***env, const char *entry)
{
	ssize_t at = env_find(*env, entry);

	if (!strchr(entry, '=')) {
		if (at >= 0)
			env_remove(*env, at);
	} else if (at >= 0) {
		str_replace(&(*env)[at], entry);
	} else {
		strv_add(env, entry);
	}
}

char **spec_env_merge(char *const *base, char *const *over)
{
	char **env = strv_copy(base);
	for (size_t i = 0; over && over[i]; i++)
		env_put(&env, over[i]);
	return env;
}

char **spec_env(char *const *env, const char *hostname, bool tty)
{
	auto_strv start = NULL;

	strv_add(&start, DEFAULT_PATH);
	if (!str_empty(hostname))
		strv_take(&start, xasprintf("HOSTNAME=%s", hostname));
	if (tty)
		strv_add(&start, "TERM=xterm");
	return spec_env_merge(start, env);
}
