/* Networks: what there is to see of bridge, host and none. */
#include "engine/network.h"

#include <stdio.h>

#include "base/str.h"
#include "request.h"

static void write_ipam(struct jsonw *w, const struct network_info *n)
{
	jw_object(w, "IPAM");
	jw_str(w, "Driver", "default");
	jw_null(w, "Options");
	if (n->subnet) {
		jw_array(w, "Config");
		jw_object(w, NULL);
		jw_str(w, "Subnet", n->subnet);
		if (n->gateway)
			jw_str(w, "Gateway", n->gateway);
		jw_end_object(w);
		jw_end_array(w);
	} else {
		jw_null(w, "Config");
	}
	jw_end_object(w);
}

static void write_options(struct jsonw *w, const struct network_info *n)
{
	char mtu[16];
	jw_object(w, "Options");
	if (n->bridge_name) {
		snprintf(mtu, sizeof(mtu), "%u", n->mtu);
		jw_str(w, "com.docker.network.bridge.default_bridge",
			n->default_bridge ? "true" : "false");
		jw_str(w, "com.docker.network.bridge.enable_icc", n->icc ? "true" : "false");
		jw_str(w, "com.docker.network.bridge.enable_ip_masquerade",
			n->masquerade ? "true" : "false");
		jw_str(w, "com.docker.network.bridge.host_binding_ipv4", "0.0.0.0");
		jw_str(w, "com.docker.network.bridge.name", n->bridge_name);
		jw_str(w, "com.docker.network.driver.mtu", mtu);
	}
	jw_end_object(w);
}

static void write_members(struct jsonw *w, const struct network_info *n)
{
	jw_object(w, "Containers");
	for (size_t i = 0; i < n->member_count; i++) {
		const struct network_member *m = &n->members[i];
		jw_object(w, m->id);
		jw_str(w, "Name", m->name);
		jw_str(w, "EndpointID", m->endpoint);
		jw_str(w, "MacAddress", m->mac);
		jw_str(w, "IPv4Address", m->ip4);
		jw_str(w, "IPv6Address", m->ip6);
		jw_end_object(w);
	}
	jw_end_object(w);
}

static void write_network(struct jsonw *w, const struct network_info *n, unsigned api)
{
	jw_object(w, NULL);
	jw_str(w, "Name", n->name);
	jw_str(w, "Id", n->id);
	jw_time(w, "Created", n->created_at);
	jw_str(w, "Scope", "local");
	jw_str(w, "Driver", n->driver);
	if (api >= 148)
		jw_bool(w, "EnableIPv4", true);
	jw_bool(w, "EnableIPv6", false);
	write_ipam(w, n);
	jw_bool(w, "Internal", false);
	jw_bool(w, "Attachable", false);
	jw_bool(w, "Ingress", false);
	jw_raw(w, "ConfigFrom", "{\"Network\":\"\"}");
	jw_bool(w, "ConfigOnly", false);
	write_members(w, n);
	write_options(w, n);
	jw_raw(w, "Labels", "{}");
	jw_end_object(w);
}

int api_network_list(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	struct network_info *v;
	size_t n;
	if (req_filters(req, &filters, err) < 0 ||
		engine_network_list(req_engine(req), &filters, &v, &n, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		write_network(&w, &v[i], req->api);
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	network_info_list_free(v, n);
	return 0;
}

int api_network_inspect(struct request *req, struct err **err)
{
	struct network_info *n;
	const char *scope = req_query(req, "scope");
	if (!str_empty(scope) && !str_eq(scope, "local"))
		return err_set(err, ERR_NOT_FOUND, "network %s not found", req_var(req, "id"));
	if (engine_network_inspect(req_engine(req), req_var(req, "id"), &n, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	write_network(&w, n, req->api);
	buf_addc(w.out, '\n');
	network_info_free(n);
	return 0;
}
