/* GET /containers/{id}/json */
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "container_json.h"
#include "request.h"

static void write_state(struct jsonw *w, const struct container_state *s)
{
	bool paused = s->status == CONTAINER_PAUSED;
	bool restarting = s->status == CONTAINER_RESTARTING;
	jw_object(w, "State");
	jw_str(w, "Status", container_status_name(s->status));
	jw_bool(w, "Running", s->status == CONTAINER_RUNNING || paused || restarting);
	jw_bool(w, "Paused", paused);
	jw_bool(w, "Restarting", restarting);
	jw_bool(w, "OOMKilled", s->oom_killed);
	jw_bool(w, "Dead", s->status == CONTAINER_DEAD);
	jw_i64(w, "Pid", s->pid);
	jw_i64(w, "ExitCode", s->exit_code);
	jw_str(w, "Error", s->error);
	jw_time(w, "StartedAt", s->started_at);
	jw_time(w, "FinishedAt", s->finished_at);
	jw_end_object(w);
}

static void write_graph(struct jsonw *w, const struct container_snapshot *c)
{
	auto_free char *lower = strv_join(c->layers, ":");
	jw_object(w, "GraphDriver");
	/* a driver without layers has nothing to tell, as Docker's vfs */
	if (!c->layers) {
		jw_null(w, "Data");
		jw_str(w, "Name", c->storage_driver);
		jw_end_object(w);
		return;
	}
	jw_object(w, "Data");
	jw_str(w, "ID", c->doc->id);
	jw_str(w, "LowerDir", lower);
	jw_str(w, "MergedDir", c->merged);
	jw_str(w, "UpperDir", c->upper);
	jw_str(w, "WorkDir", c->work);
	jw_end_object(w);
	jw_str(w, "Name", c->storage_driver);
	jw_end_object(w);
}

static bool same_port(const struct container_port *a, const struct container_port *b)
{
	return a->port == b->port && str_eq(a->proto, b->proto);
}

/* {"80/tcp": [{"HostIp": ..., "HostPort": ...}], "81/tcp": null}; they come sorted. */
static void write_ports(struct jsonw *w, const struct container_network *net)
{
	jw_object(w, "Ports");
	for (size_t i = 0; i < net->ports.n;) {
		const struct container_port *p = &net->ports.v[i];
		char key[32], number[16];
		snprintf(key, sizeof(key), "%u/%s", p->port, p->proto);
		if (!p->host_ip) {
			jw_null(w, key);
			i++;
			continue;
		}
		jw_array(w, key);
		for (; i < net->ports.n && same_port(&net->ports.v[i], p); i++) {
			snprintf(number, sizeof(number), "%u", net->ports.v[i].host_port);
			jw_object(w, NULL);
			jw_str(w, "HostIp", net->ports.v[i].host_ip);
			jw_str(w, "HostPort", number);
			jw_end_object(w);
		}
		jw_end_array(w);
	}
	jw_end_object(w);
}

/* What old clients read outside of "Networks": the default bridge's endpoint. */
static void write_bridge(struct jsonw *w, const struct container_network *net)
{
	static const struct endpoint_settings none;
	const struct endpoint_settings *e = &none;
	for (size_t i = 0; i < net->endpoints.n; i++)
		if (str_eq(net->endpoints.v[i].key, "bridge"))
			e = &net->endpoints.v[i].settings;
	jw_null(w, "SecondaryIPAddresses");
	jw_null(w, "SecondaryIPv6Addresses");
	jw_str(w, "EndpointID", e->endpoint_id);
	jw_str(w, "Gateway", e->gateway);
	jw_str(w, "GlobalIPv6Address", e->global_ipv6_address);
	jw_i64(w, "GlobalIPv6PrefixLen", e->global_ipv6_prefix_len);
	jw_str(w, "IPAddress", e->ip_address);
	jw_i64(w, "IPPrefixLen", e->ip_prefix_len);
	jw_str(w, "IPv6Gateway", e->ipv6_gateway);
	jw_str(w, "MacAddress", e->mac_address);
}

static void write_network(struct jsonw *w, const struct container_network *net, unsigned api)
{
	jw_object(w, "NetworkSettings");
	jw_str(w, "Bridge", "");
	jw_str(w, "SandboxID", net->sandbox_id);
	jw_str(w, "SandboxKey", net->sandbox_key);
	write_ports(w, net);
	jw_bool(w, "HairpinMode", false);
	jw_str(w, "LinkLocalIPv6Address", "");
	jw_i64(w, "LinkLocalIPv6PrefixLen", 0);
	write_bridge(w, net);
	write_networks(w, net, api);
	jw_end_object(w);
}

static void write_files(struct jsonw *w, const struct container_snapshot *c)
{
	auto_free char *name = xasprintf("/%s", c->name);
	jw_str(w, "ResolvConfPath", c->resolv_path);
	jw_str(w, "HostnamePath", c->hostname_path);
	jw_str(w, "HostsPath", c->hosts_path);
	jw_str(w, "LogPath", c->log_path);
	jw_str(w, "Name", name);
	jw_i64(w, "RestartCount", 0);
	jw_str(w, "Driver", c->storage_driver);
	jw_str(w, "Platform", c->doc->platform);
	jw_str(w, "MountLabel", "");
	jw_str(w, "ProcessLabel", "");
	jw_str(w, "AppArmorProfile", "");
	jw_strv(w, "ExecIDs", c->exec_ids);
}

int api_container_inspect(struct request *req, struct err **err)
{
	bool size = req_bool(req, "size", false);
	struct container_snapshot *c;
	if (engine_container_inspect(req_engine(req), req_var(req, "id"), size, &c, err) < 0)
		return -1;
	const struct container_doc *doc = c->doc;
	struct jsonw w = res_json(req, 200);
	jw_object(&w, NULL);
	jw_str(&w, "Id", doc->id);
	jw_time(&w, "Created", doc->created);
	jw_str(&w, "Path", doc->path);
	jw_strv(&w, "Args", doc->args);
	write_state(&w, &c->state);
	jw_str(&w, "Image", doc->image_id);
	write_files(&w, c);
	jw_key(&w, "HostConfig");
	model_write(&model_host_config, &doc->host, req->api, w.out);
	write_graph(&w, c);
	if (size) {
		jw_i64(&w, "SizeRw", c->size_rw);
		jw_i64(&w, "SizeRootFs", c->size_root);
	}
	write_mounts(&w, doc);
	jw_key(&w, "Config");
	model_write(&model_container_config, &doc->config, req->api, w.out);
	write_network(&w, c->net, req->api);
	jw_end_object(&w);
	buf_addc(w.out, '\n');
	container_snapshot_free(c);
	return 0;
}
