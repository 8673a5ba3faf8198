/* GET /containers/json */
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "container_json.h"
#include "request.h"

static void write_ports(struct jsonw *w, const struct container_network *net)
{
	jw_array(w, "Ports");
	for (size_t i = 0; i < net->ports.n; i++) {
		const struct container_port *p = &net->ports.v[i];
		jw_object(w, NULL);
		if (!str_empty(p->host_ip))
			jw_str(w, "IP", p->host_ip);
		jw_i64(w, "PrivatePort", p->port);
		if (p->host_port)
			jw_i64(w, "PublicPort", p->host_port);
		jw_str(w, "Type", p->proto);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static void write_command(struct jsonw *w, const struct container_doc *doc)
{
	auto_buf text = BUF_INIT;
	buf_adds(&text, doc->path ? doc->path : "");
	for (char *const *a = doc->args; a && *a; a++)
		buf_addf(&text, strchr(*a, ' ') ? " '%s'" : " %s", *a);
	jw_str(w, "Command", buf_str(&text));
}

/* "Up 5 minutes (Paused)", "Exited (0) 2 hours ago". */
static void write_status(struct jsonw *w, const struct container_state *s)
{
	char age[64];
	int64_t now = time_now();
	auto_buf text = BUF_INIT;
	switch (s->status) {
	case CONTAINER_RUNNING:
	case CONTAINER_PAUSED:
		buf_addf(&text, "Up %s%s", time_human(now - s->started_at, age, sizeof(age)),
			s->status == CONTAINER_PAUSED ? " (Paused)" : "");
		break;
	case CONTAINER_RESTARTING:
		buf_addf(&text, "Restarting (%d) %s ago", s->exit_code,
			time_human(now - s->finished_at, age, sizeof(age)));
		break;
	case CONTAINER_REMOVING:
		buf_adds(&text, "Removal In Progress");
		break;
	case CONTAINER_DEAD:
		buf_adds(&text, "Dead");
		break;
	case CONTAINER_CREATED:
		buf_adds(&text, "Created");
		break;
	case CONTAINER_EXITED:
		buf_addf(&text, "Exited (%d) %s ago", s->exit_code,
			time_human(now - s->finished_at, age, sizeof(age)));
		break;
	}
	jw_str(w, "Status", buf_str(&text));
}

static void write_labels(struct jsonw *w, const struct str_map *labels)
{
	jw_object(w, "Labels");
	for (size_t i = 0; i < labels->n; i++)
		jw_str(w, labels->v[i].key, labels->v[i].value);
	jw_end_object(w);
}

void container_summary_write(struct jsonw *w, const struct container_snapshot *c, unsigned api)
{
	const struct container_doc *doc = c->doc;
	auto_free char *name = xasprintf("/%s", c->name);
	jw_object(w, NULL);
	jw_str(w, "Id", doc->id);
	jw_array(w, "Names");
	jw_str(w, NULL, name);
	jw_end_array(w);
	jw_str(w, "Image", doc->config.image);
	jw_str(w, "ImageID", doc->image_id);
	write_command(w, doc);
	jw_i64(w, "Created", doc->created / TIME_NS_PER_SEC);
	write_ports(w, c->net);
	if (c->size_rw > 0)
		jw_i64(w, "SizeRw", c->size_rw);
	if (c->size_root > 0)
		jw_i64(w, "SizeRootFs", c->size_root);
	write_labels(w, &doc->config.labels);
	jw_str(w, "State", container_status_name(c->state.status));
	write_status(w, &c->state);
	jw_object(w, "HostConfig");
	jw_str(w, "NetworkMode", doc->host.network_mode);
	if (doc->host.annotations.n > 0 && api >= 146) {
		jw_object(w, "Annotations");
		for (size_t i = 0; i < doc->host.annotations.n; i++)
			jw_str(w, doc->host.annotations.v[i].key, doc->host.annotations.v[i].value);
		jw_end_object(w);
	}
	jw_end_object(w);
	jw_object(w, "NetworkSettings");
	write_networks(w, c->net, api);
	jw_end_object(w);
	write_mounts(w, doc);
	jw_end_object(w);
}

int api_container_list(struct request *req, struct err **err)
{
	auto_filters filters = {0};
	int64_t limit = 0;
	if (req_i64(req, "limit", &limit, err) < 0 || req_filters(req, &filters, err) < 0)
		return -1;
	struct container_list_options options = {
		.all = req_bool(req, "all", false),
		.size = req_bool(req, "size", false),
		.limit = limit > INT32_MAX ? INT32_MAX : (int)limit,
		.filters = &filters,
	};
	struct container_snapshot **v;
	size_t n;
	if (engine_container_list(req_engine(req), &options, &v, &n, err) < 0)
		return -1;
	struct jsonw w = res_json(req, 200);
	jw_array(&w, NULL);
	for (size_t i = 0; i < n; i++)
		container_summary_write(&w, v[i], req->api);
	jw_end_array(&w);
	buf_addc(w.out, '\n');
	container_snapshot_list_free(v, n);
	return 0;
}
