/* Refusing what kist does not have yet, by name, rather than ignoring it. */
#include "table.h"

#include "base/mem.h"
#include "base/str.h"

static bool is_word(const char *words, const char *s)
{
	size_t n = strlen(s);
	for (const char *p = words; p && *p; p += strcspn(p, " ")) {
		p += strspn(p, " ");
		if (strncmp(p, s, n) == 0 && (p[n] == ' ' || p[n] == '\0') && n > 0)
			return true;
	}
	return false;
}

/* Depth is bounded by json_parse(). */
static bool raw_harmless(const json_t *j, const char *words)
{
	size_t i;
	const char *key;
	json_t *item;
	switch (json_typeof(j)) {
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)j, key,
			item) if (!raw_harmless(item, words)) return false;
		return true;
	case JSON_ARRAY:
		json_array_foreach(j, i, item) if (!raw_harmless(item, words)) return false;
		return true;
	case JSON_STRING:
		return json_string_length(j) == 0 || is_word(words, json_string_value(j));
	case JSON_INTEGER:
		return json_integer_value(j) == 0;
	case JSON_REAL:
		return json_real_value(j) == 0;
	case JSON_TRUE:
		return false;
	case JSON_FALSE:
	case JSON_NULL:
		return true;
	}
	return true;
}

static bool harmless(const struct model_field *f, const void *obj)
{
	if (model_field_zero(f, obj))
		return true;
	const void *at = model_at(f, obj);
	if (f->kind == M_STR)
		return is_word(f->same, *(char *const *)at);
	if (f->kind == M_RAW)
		return raw_harmless(*(json_t *const *)at, f->same);
	if (f->kind == M_TRI)
		return *(const enum tristate *)at != TRI_TRUE;
	return false;
}

static int refuse(const struct model_field *f, const void *obj, const char *what, struct err **err)
{
	const char *dot = str_empty(what) ? "" : ".";
	if (f->kind == M_STR)
		return err_set(err, ERR_NOT_IMPLEMENTED, "%s%s%s \"%s\" is not implemented", what,
			dot, f->name, *(char *const *)model_at(f, obj));
	return err_set(err, ERR_NOT_IMPLEMENTED, "%s%s%s is not implemented", what, dot, f->name);
}

static char *join(const char *what, const char *name)
{
	return xasprintf("%s%s%s", what, str_empty(what) || str_empty(name) ? "" : ".", name);
}

static int check_sub(
	const struct model_field *f, const void *at, const char *what, struct err **err);

static int check_item(
	const struct model_field *f, const void *item, const char *path, struct err **err)
{
	if (f->kind != M_KEYED)
		return model_check_built(f->sub, item, path, err);
	const struct model_field *value = &f->sub->fields[0];
	auto_free char *name = join(path, *(char *const *)item);
	return check_sub(value, model_at(value, item), name, err);
}

static int check_sub(
	const struct model_field *f, const void *at, const char *what, struct err **err)
{
	if (f->kind == M_EMBED)
		return model_check_built(f->sub, at, what, err);
	auto_free char *path = join(what, f->name);
	if (f->kind == M_OBJECT)
		return model_check_built(f->sub, at, path, err);
	if (f->kind == M_POINTER)
		return *(void *const *)at ? model_check_built(f->sub, *(void *const *)at, path, err)
					  : 0;
	const struct model_list *l = at;
	for (size_t i = 0; i < l->n; i++)
		if (check_item(f, (const char *)l->v + i * f->sub->size, path, err) < 0)
			return -1;
	return 0;
}

int model_check_built(
	const struct model_type *t, const void *obj, const char *what, struct err **err)
{
	for (const struct model_field *f = t->fields; !model_field_end(f); f++) {
		if ((f->flags & NOT_BUILT) && !harmless(f, obj))
			return refuse(f, obj, what, err);
		if (f->sub && check_sub(f, model_at(f, obj), what, err) < 0)
			return -1;
	}
	return 0;
}
