/* Checks of single values while flags are parsed, with docker's messages. */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "spec.h"

bool spec_is_ip(const char *text)
{
	struct in6_addr address;
	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

int check_env(const char *value, struct err **err)
{
	if (!*value || *value == '=')
		return err_set(err, ERR_INVALID, "invalid environment variable: %s", value);
	return 0;
}

int check_label(const char *value, struct err **err)
{
	if (!*value || *value == '=')
		return err_set(err, ERR_INVALID, "invalid label '%s': empty name", value);
	return 0;
}

int check_sysctl(const char *value, struct err **err)
{
	static const char *const allowed[] = {"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",
		"kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
		"kernel.shm_rmid_forced"};
	const char *eq = strchr(value, '=');
	size_t n = eq ? (size_t)(eq - value) : 0;
	for (size_t i = 0; eq && i < ARRAY_LEN(allowed); i++)
		if (strlen(allowed[i]) == n && memcmp(allowed[i], value, n) == 0)
			return 0;
	if (eq && (str_starts(value, "net.") || str_starts(value, "fs.mqueue.")))
		return 0;
	return err_set(err, ERR_INVALID, "sysctl '%s' is not allowed", value);
}

char *spec_extra_host(const char *value)
{
	size_t n = strcspn(value, strchr(value, '=') ? "=" : ":");
	const char *ip = value[n] ? value + n + 1 : "";
	size_t len = strlen(ip);
	if (len > 2 && ip[0] == '[' && ip[len - 1] == ']')
		return xasprintf("%.*s:%.*s", (int)n, value, (int)len - 2, ip + 1);
	return xasprintf("%.*s:%s", (int)n, value, ip);
}

int check_extra_host(const char *value, struct err **err)
{
	auto_free char *plain = spec_extra_host(value);
	const char *colon = strchr(plain, ':');
	if (colon == plain || !colon[1])
		return err_set(err, ERR_INVALID, "bad format for add-host: \"%s\"", value);
	if (!str_eq(colon + 1, "host-gateway") && !spec_is_ip(colon + 1))
		return err_set(
			err, ERR_INVALID, "invalid IP address in add-host: \"%s\"", colon + 1);
	return 0;
}

int check_ip(const char *value, struct err **err)
{
	if (!spec_is_ip(value))
		return err_set(
			err, ERR_INVALID, "IP address is not correctly formatted: %s", value);
	return 0;
}

int check_attach(const char *value, struct err **err)
{
	if (!str_ieq(value, "stdin") && !str_ieq(value, "stdout") && !str_ieq(value, "stderr"))
		return err_set(err, ERR_INVALID, "valid streams are STDIN, STDOUT and STDERR");
	return 0;
}

int check_mac(const char *value, struct err **err)
{
	bool good = strlen(value) == 17;
	for (size_t i = 0; good && i < 17; i++)
		good = i % 3 == 2 ? value[i] == ':' : isxdigit((unsigned char)value[i]) != 0;
	if (!good)
		return err_set(err, ERR_INVALID, "%s is not a valid mac address", value);
	return 0;
}

int check_not_implemented(const char *value, struct err **err)
{
	return err_set(err, ERR_NOT_IMPLEMENTED, "not implemented");
}
