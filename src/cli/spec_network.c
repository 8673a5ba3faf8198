/* --network NAME, or its long form name=NAME,alias=...,ip=... */
#include <string.h>

#include "base/json.h"
#include "base/str.h"
#include "spec.h"

static int set_option(struct spec_network *n, const char *key, const char *value, struct err **err)
{
	if (str_eq(key, "name")) {
		str_replace(&n->name, value);
	} else if (str_eq(key, "alias")) {
		json_t *aliases = json_object_get(n->endpoint, "Aliases");
		if (!aliases) {
			aliases = json_array();
			json_object_set_new(n->endpoint, "Aliases", aliases);
		}
		json_array_append_new(aliases, json_string(value));
	} else if (str_eq(key, "mac-address")) {
		json_put_str(n->endpoint, "MacAddress", value);
	} else if (str_eq(key, "ip") || str_eq(key, "ip6")) {
		json_t *ipam = json_object_get(n->endpoint, "IPAMConfig");
		if (!ipam) {
			ipam = json_object();
			json_object_set_new(n->endpoint, "IPAMConfig", ipam);
		}
		json_put_str(ipam, str_eq(key, "ip") ? "IPv4Address" : "IPv6Address", value);
	} else if (str_eq(key, "driver-opt") || str_eq(key, "link-local-ip") ||
		   str_eq(key, "gw-priority")) {
		return err_set(
			err, ERR_NOT_IMPLEMENTED, "network option %s is not implemented", key);
	} else {
		return err_set(err, ERR_INVALID, "invalid field key %s", key);
	}
	return 0;
}

int spec_network(const char *value, struct spec_network *out, struct err **err)
{
	*out = (struct spec_network){.endpoint = json_object()};
	if (!strchr(value, '=')) {
		out->name = xstrdup(value);
		return 0;
	}
	auto_strv fields = spec_csv(value, err);
	for (size_t i = 0; fields && fields[i]; i++) {
		char *eq = strchr(fields[i], '=');
		if (!eq)
			return err_set(err, ERR_INVALID, "invalid field %s", fields[i]);
		*eq = 0;
		if (set_option(out, str_trim(fields[i]), str_trim(eq + 1), err) < 0)
			return -1;
	}
	if (!fields)
		return -1;
	if (str_empty(out->name))
		return err_set(err, ERR_INVALID, "network name/id is not specified");
	return 0;
}

void spec_network_free(struct spec_network *n)
{
	free(n->name);
	json_decref(n->endpoint);
	*n = (struct spec_network){0};
}

int check_network(const char *value, struct err **err)
{
	struct spec_network n;
	int rc = spec_network(value, &n, err);
	spec_network_free(&n);
	return rc;
}
