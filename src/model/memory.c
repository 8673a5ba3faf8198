/* Owning: clearing, copying, growing; and what counts as empty. */
#include "table.h"

#include "base/mem.h"
#include "base/str.h"

void *model_list_grow(void *list, size_t size)
{
	struct model_list *l = list;
	l->v = xreallocarray(l->v, l->n + 1, size);
	return memset((char *)l->v + l->n++ * size, 0, size);
}

/* ---- maps ---- */

const char *str_map_get(const struct str_map *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].key, key) == 0)
			return m->v[i].value;
	return NULL;
}

void str_map_set(struct str_map *m, const char *key, const char *value)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->v[i].key, key) == 0) {
			str_replace(&m->v[i].value, value);
			return;
		}
	struct str_pair *p = model_list_grow(m, sizeof(*p));
	p->key = xstrdup(key);
	p->value = xstrdup(value);
}

void str_map_free(struct str_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->v[i].key);
		free(m->v[i].value);
	}
	free(m->v);
	*m = (struct str_map){0};
}

static void map_copy(struct str_map *dst, const struct str_map *src)
{
	if (!src->v)
		return;
	dst->v = xmalloc((src->n ? src->n : 1) * sizeof(*dst->v));
	for (; dst->n < src->n; dst->n++) {
		dst->v[dst->n].key = xstrdup(src->v[dst->n].key);
		dst->v[dst->n].value = xstrdup(src->v[dst->n].value);
	}
}

/* --- clearing ------------------------------------------------------------------------------------
 * */

static void list_clear(const struct model_field *f, struct model_list *l)
{
	for (size_t i = 0; i < l->n; i++) {
		void *item = (char *)l->v + i * f->sub->size;
		if (f->kind == M_KEYED)
			free(*(char **)item);
		model_clear(f->sub, item);
	}
	free(l->v);
	*l = (struct model_list){0};
}

void model_field_clear(const struct model_field *f, void *obj)
{
	void *at = model_at(f, obj);
	switch (f->kind) {
	case M_BOOL:
		*(bool *)at = false;
		return;
	case M_TRI:
		*(enum tristate *)at = TRI_NULL;
		return;
	case M_I64:
	case M_U64:
		*(uint64_t *)at = 0;
		return;
	case M_PAIR:
		memset(at, 0, 2 * sizeof(uint64_t));
		return;
	case M_OPT:
		*(struct opt_i64 *)at = (struct opt_i64){0};
		return;
	case M_STR:
		str_replace(at, NULL);
		return;
	case M_STRV:
	case M_SLICE:
	case M_SET:
		strv_freep(at);
		return;
	case M_MAP:
		str_map_free(at);
		return;
	case M_RAW:
		json_decref(*(json_t **)at);
		*(json_t **)at = NULL;
		return;
	case M_OBJECT:
	case M_EMBED:
		model_clear(f->sub, at);
		return;
	case M_POINTER:
		if (*(void **)at)
			model_clear(f->sub, *(void **)at);
		mem_freep(at);
		return;
	case M_LIST:
	case M_KEYED:
		list_clear(f, at);
		return;
	}
}

void model_clear(const struct model_type *t, void *obj)
{
	for (const struct model_field *f = t->fields; !model_field_end(f); f++)
		model_field_clear(f, obj);
}

/* ---- copying ---- */

static char **strv_copy_exact(char *const *v) /* an empty one stays apart from NULL */
{
	return !v ? NULL : *v ? strv_copy(v) : xcalloc(1, sizeof(char *));
}

static void copy_members(const struct model_type *t, void *dst, const void *src);

static void list_copy(
	const struct model_field *f, struct model_list *dst, const struct model_list *src)
{
	if (!src->v)
		return;
	dst->v = xcalloc(src->n ? src->n : 1, f->sub->size);
	for (; dst->n < src->n; dst->n++) {
		char *to = (char *)dst->v + dst->n * f->sub->size;
		const char *from = (const char *)src->v + dst->n * f->sub->size;
		if (f->kind == M_KEYED)
			*(char **)to = xstrdup_null(*(char *const *)from);
		copy_members(f->sub, to, from);
	}
}

static void field_copy(const struct model_field *f, void *to, const void *from)
{
	switch (f->kind) {
	case M_BOOL:
		*(bool *)to = *(const bool *)from;
		return;
	case M_TRI:
		*(enum tristate *)to = *(const enum tristate *)from;
		return;
	case M_I64:
	case M_U64:
		*(uint64_t *)to = *(const uint64_t *)from;
		return;
	case M_PAIR:
		memcpy(to, from, 2 * sizeof(uint64_t));
		return;
	case M_OPT:
		*(struct opt_i64 *)to = *(const struct opt_i64 *)from;
		return;
	case M_STR:
		*(char **)to = xstrdup_null(*(char *const *)from);
		return;
	case M_STRV:
	case M_SLICE:
	case M_SET:
		*(char ***)to = strv_copy_exact(*(char **const *)from);
		return;
	case M_MAP:
		map_copy(to, from);
		return;
	case M_RAW:
		*(json_t **)to = json_deep_copy(*(json_t *const *)from);
		return;
	case M_OBJECT:
	case M_EMBED:
		copy_members(f->sub, to, from);
		return;
	case M_POINTER:
		if (*(void *const *)from) {
			*(void **)to = xcalloc(1, f->sub->size);
			copy_members(f->sub, *(void **)to, *(void *const *)from);
		}
		return;
	case M_LIST:
	case M_KEYED:
		list_copy(f, to, from);
		return;
	}
}

static void copy_members(const struct model_type *t, void *dst, const void *src)
{
	for (const struct model_field *f = t->fields; !model_field_end(f); f++)
		field_copy(f, model_at(f, dst), model_at(f, src));
}

void model_copy(const struct model_type *t, void *dst, const void *src)
{
	model_clear(t, dst);
	copy_members(t, dst, src);
}

/* ---- emptiness ---- */

static bool object_zero(const struct model_type *t, const void *obj)
{
	for (const struct model_field *f = t->fields; !model_field_end(f); f++)
		if (!model_field_zero(f, obj))
			return false;
	return true;
}

bool model_field_zero(const struct model_field *f, const void *obj)
{
	const void *at = model_at(f, obj);
	switch (f->kind) {
	case M_BOOL:
		return !*(const bool *)at;
	case M_TRI:
		return *(const enum tristate *)at == TRI_NULL;
	case M_I64:
	case M_U64:
		return *(const uint64_t *)at == 0;
	case M_PAIR:
		return ((const uint64_t *)at)[0] == 0 && ((const uint64_t *)at)[1] == 0;
	case M_OPT:
		return !((const struct opt_i64 *)at)->set;
	case M_STR:
		return str_empty(*(char *const *)at);
	case M_STRV:
	case M_SLICE:
	case M_SET:
		return strv_len(*(char **const *)at) == 0;
	case M_MAP:
	case M_LIST:
	case M_KEYED:
		return ((const struct model_list *)at)->n == 0;
	case M_RAW: {
		const json_t *j = *(json_t *const *)at;
		return !j || (json_array_size(j) == 0 && json_object_size(j) == 0);
	}
	case M_OBJECT:
	case M_EMBED:
		return object_zero(f->sub, at);
	case M_POINTER:
		return !*(void *const *)at;
	}
	return true;
}
