/* Writing documents. */
#include "table.h"

#include "base/jsonw.h"
#include "base/mem.h"
#include "base/str.h"

static void write_members(
	struct jsonw *w, const struct model_type *t, const void *obj, unsigned api);

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void write_set(struct jsonw *w, const char *name, char *const *v)
{
	if (!v) {
		jw_null(w, name);
		return;
	}
	size_t n = strv_len(v);
	auto_free char **sorted = xmemdup(v, (n + 1) * sizeof(*v));
	qsort(sorted, n, sizeof(*sorted), by_text);
	jw_object(w, name);
	for (size_t i = 0; i < n; i++)
		jw_raw(w, sorted[i], "{}");
	jw_end_object(w);
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(const struct str_pair *const *)a)->key,
		(*(const struct str_pair *const *)b)->key);
}

static void write_map(struct jsonw *w, const char *name, const struct str_map *m)
{
	if (!m->v) {
		jw_null(w, name);
		return;
	}
	auto_free const struct str_pair **sorted = xmalloc((m->n + 1) * sizeof(*sorted));
	for (size_t i = 0; i < m->n; i++)
		sorted[i] = &m->v[i];
	qsort(sorted, m->n, sizeof(*sorted), by_key);
	jw_object(w, name);
	for (size_t i = 0; i < m->n; i++)
		jw_str(w, sorted[i]->key, sorted[i]->value);
	jw_end_object(w);
}

static void write_field(struct jsonw *w, const char *name, const struct model_field *f,
	const void *obj, unsigned api);

static void write_list(struct jsonw *w, const char *name, const struct model_field *f,
	const struct model_list *l, unsigned api)
{
	if (!l->v) {
		jw_null(w, name);
		return;
	}
	jw_array(w, name);
	for (size_t i = 0; i < l->n; i++) {
		jw_object(w, NULL);
		write_members(w, f->sub, (const char *)l->v + i * f->sub->size, api);
		jw_end_object(w);
	}
	jw_end_array(w);
}

static int by_first(const void *a, const void *b)
{
	return strcmp(**(char *const *const *)a, **(char *const *const *)b);
}

static void write_keyed(struct jsonw *w, const char *name, const struct model_field *f,
	const struct model_list *l, unsigned api)
{
	if (!l->v) {
		jw_null(w, name);
		return;
	}
	auto_free char *const **sorted = xmalloc((l->n + 1) * sizeof(*sorted));
	for (size_t i = 0; i < l->n; i++)
		sorted[i] = (char *const *)(const void *)((const char *)l->v + i * f->sub->size);
	qsort(sorted, l->n, sizeof(*sorted), by_first);
	jw_object(w, name);
	for (size_t i = 0; i < l->n; i++)
		write_field(w, *sorted[i], &f->sub->fields[0], sorted[i], api);
	jw_end_object(w);
}

static void write_raw(struct jsonw *w, const char *name, const json_t *j)
{
	if (!j) {
		jw_null(w, name);
		return;
	}
	jw_key(w, name);
	json_write(j, w->out);
}

static void write_scalar(
	struct jsonw *w, const char *name, const struct model_field *f, const void *at)
{
	const struct opt_i64 *opt = at;
	const enum tristate *tri = at;
	const uint64_t *number = at;
	switch (f->kind) {
	case M_BOOL:
		jw_bool(w, name, *(const bool *)at);
		return;
	case M_TRI:
		if (*tri == TRI_NULL)
			jw_null(w, name);
		else
			jw_bool(w, name, *tri == TRI_TRUE);
		return;
	case M_I64:
		jw_i64(w, name, *(const int64_t *)at);
		return;
	case M_U64:
		jw_u64(w, name, *number);
		return;
	case M_OPT:
		if (opt->set)
			jw_i64(w, name, opt->v);
		else
			jw_null(w, name);
		return;
	case M_PAIR:
		jw_array(w, name);
		jw_u64(w, NULL, number[0]);
		jw_u64(w, NULL, number[1]);
		jw_end_array(w);
		return;
	default: /* M_STR */
		jw_str(w, name, *(char *const *)at);
		return;
	}
}

static void write_object(struct jsonw *w, const char *name, const struct model_type *t,
	const void *obj, unsigned api)
{
	if (!obj) {
		jw_null(w, name);
		return;
	}
	jw_object(w, name);
	write_members(w, t, obj, api);
	jw_end_object(w);
}

static void write_field(struct jsonw *w, const char *name, const struct model_field *f,
	const void *obj, unsigned api)
{
	const void *at = model_at(f, obj);
	switch (f->kind) {
	case M_BOOL:
	case M_TRI:
	case M_I64:
	case M_U64:
	case M_OPT:
	case M_PAIR:
	case M_STR:
		write_scalar(w, name, f, at);
		return;
	case M_STRV:
	case M_SLICE:
		jw_strv(w, name, *(char **const *)at);
		return;
	case M_SET:
		write_set(w, name, *(char **const *)at);
		return;
	case M_MAP:
		write_map(w, name, at);
		return;
	case M_RAW:
		write_raw(w, name, *(json_t *const *)at);
		return;
	case M_OBJECT:
		write_object(w, name, f->sub, at, api);
		return;
	case M_EMBED:
		write_members(w, f->sub, at, api);
		return;
	case M_POINTER:
		write_object(w, name, f->sub, *(void *const *)at, api);
		return;
	case M_LIST:
		write_list(w, name, f, at, api);
		return;
	case M_KEYED:
		write_keyed(w, name, f, at, api);
		return;
	}
}

static void write_members(
	struct jsonw *w, const struct model_type *t, const void *obj, unsigned api)
{
	for (const struct model_field *f = t->fields; !model_field_end(f); f++) {
		if (api && api < f->since)
			continue;
		if ((f->flags & OMIT_EMPTY) && model_field_zero(f, obj))
			continue;
		write_field(w, f->name, f, obj, api);
	}
}

void model_write_members(const struct model_type *t, const void *obj, unsigned api, struct buf *out)
{
	struct jsonw w = jsonw_to(out);
	write_members(&w, t, obj, api);
}

void model_write(const struct model_type *t, const void *obj, unsigned api, struct buf *out)
{
	struct jsonw w = jsonw_to(out);
	write_object(&w, NULL, t, obj, api);
}
