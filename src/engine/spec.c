/* A container's document and the facts of this start, put together as a runtime configuration. */
#include "spec.h"

#include "base/mem.h"

static void set_namespace(
	struct oci_config *c, enum oci_ns ns, const char *mode, const struct spec_facts *facts)
{
	struct oci_namespace *n = &c->linux.ns[ns];
	if (str_eq(mode, "host"))
		return;
	n->present = true;
	n->path = xstrdup_null(facts->ns_path[ns]);
}

static void set_namespaces(
	struct oci_config *c, const struct host_config *host, const struct spec_facts *facts)
{
	const char *cgroupns = host->cgroupns_mode;
	if (str_empty(cgroupns))
		cgroupns = facts->cgroup_v2 && !host->privileged ? "private" : "host";
	set_namespace(c, OCI_NS_MOUNT, NULL, facts);
	set_namespace(c, OCI_NS_PID, host->pid_mode, facts);
	set_namespace(c, OCI_NS_IPC, host->ipc_mode, facts);
	set_namespace(c, OCI_NS_UTS, host->uts_mode, facts);
	set_namespace(c, OCI_NS_NETWORK, host->network_mode, facts);
	set_namespace(c, OCI_NS_CGROUP, cgroupns, facts);
}

static bool sysctl_given(const struct host_config *host, const char *key)
{
	return str_map_get(&host->sysctls, key) != NULL;
}

/* Docker lets every program in a container ping and bind low ports of its own network. */
static void set_sysctls(struct oci_config *c, const struct host_config *host)
{
	static const char *const defaults[][2] = {
		{"net.ipv4.ip_unprivileged_port_start", "0"},
		{"net.ipv4.ping_group_range", "0 2147483647"},
	};
	if (!str_eq(host->network_mode, "host"))
		for (size_t i = 0; i < ARRAY_LEN(defaults); i++)
			if (!sysctl_given(host, defaults[i][0]))
				oci_pair_add(&c->linux.sysctl, defaults[i][0], defaults[i][1]);
	for (size_t i = 0; i < host->sysctls.n; i++)
		oci_pair_add(&c->linux.sysctl, host->sysctls.v[i].key, host->sysctls.v[i].value);
}

static int set_process(struct oci_config *c, const struct container_doc *doc,
	const struct spec_facts *facts, struct err **err)
{
	struct oci_process *p = &c->process;
	struct spec_security security;
	uint64_t caps;

	if (spec_caps(&caps, doc->host.cap_add, doc->host.cap_drop, doc->host.privileged,
		    facts->capabilities, err) ||
		spec_security(&security, &doc->host, err))
		return -1;
	c->has_process = true;
	p->has_oom_score_adj = true;
	p->oom_score_adj =
		doc->host.oom_score_adj ? (int32_t)doc->host.oom_score_adj : facts->oom_score_adj;
	spec_caps_apply(p, caps);
	p->terminal = doc->config.tty;
	p->console_height = (uint32_t)doc->host.console_size[0];
	p->console_width = (uint32_t)doc->host.console_size[1];
	strv_add(&p->args, doc->path);
	for (size_t i = 0; doc->args && doc->args[i]; i++)
		strv_add(&p->args, doc->args[i]);
	p->env = spec_env(doc->config.env, doc->config.hostname, doc->config.tty);
	p->cwd = xstrdup(str_empty(doc->config.working_dir) ? "/" : doc->config.working_dir);
	p->no_new_privileges = security.no_new_privileges;
	return 0;
}

int spec_build(struct oci_config **out, const struct container_doc *doc,
	const struct spec_facts *facts, struct err **err)
{
	auto_oci_config *c = oci_config_new();

	str_replace(&c->version, OCI_VERSION);
	str_replace(&c->root_path, "/"); /* the engine puts the overlay in its place */
	c->root_readonly = doc->host.readonly_rootfs;
	set_namespaces(c, &doc->host, facts);
	if (c->linux.ns[OCI_NS_UTS].present && !facts->ns_path[OCI_NS_UTS]) {
		str_replace(&c->hostname, facts->hostname);
		if (!str_empty(doc->config.domainname))
			str_replace(&c->domainname, doc->config.domainname);
	}
	str_replace(&c->linux.cgroups_path, facts->cgroup_path);
	set_sysctls(c, &doc->host);
	for (size_t i = 0; i < doc->host.annotations.n; i++)
		oci_pair_add(&c->annotations, doc->host.annotations.v[i].key,
			doc->host.annotations.v[i].value);
	if (set_process(c, doc, facts, err) || spec_mounts(c, doc, facts, err) ||
		spec_devices(c, &doc->host, err) || spec_resources(c, &doc->host, err))
		return -1;
	*out = steal_ptr(c);
	return 0;
}
