#include "container_json.h"

#include "base/str.h"

void write_mounts(struct jsonw *w, const struct container_doc *doc)
{
	jw_array(w, "Mounts");
	for (size_t i = 0; i < doc->mounts.n; i++) {
		const struct mount_point *m = &doc->mounts.v[i];
		if (m->hidden)
			continue;
		jw_object(w, NULL);
		jw_str(w, "Type", m->type);
		if (!str_empty(m->name))
			jw_str(w, "Name", m->name);
		jw_str(w, "Source", m->source);
		jw_str(w, "Destination", m->destination);
		if (!str_empty(m->driver))
			jw_str(w, "Driver", m->driver);
		jw_str(w, "Mode", m->mode);
		jw_bool(w, "RW", m->rw);
		jw_str(w, "Propagation", m->propagation);
		jw_end_object(w);
	}
	jw_end_array(w);
}

void write_networks(struct jsonw *w, const struct container_network *net, unsigned api)
{
	jw_object(w, "Networks");
	for (size_t i = 0; i < net->endpoints.n; i++) {
		jw_key(w, net->endpoints.v[i].key);
		model_write(&model_endpoint_settings, &net->endpoints.v[i].settings, api, w->out);
	}
	jw_end_object(w);
}
