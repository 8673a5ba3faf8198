#include "systemd_wire.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"

#define PROPS_MAX 1024
#define VALUES_MAX 8192

static const char basic_types[] = "bynqiuxtdsog";

static bool holds_strings(const char *type)
{
	return str_eq(type, "a(ss)") || strchr("sog", type[type[0] == 'a']);
}

static bool is_type(const char *type)
{
	if (!type || !*type)
		return false;
	if (str_eq(type, "a(ss)"))
		return true;
	const char *element = type + (type[0] == 'a');
	return element[0] && !element[1] && strchr(basic_types, element[0]);
}

static void put_prop(const struct systemd_prop *p, struct buf *out)
{
	wire_put_str(out, p->name);
	wire_put_str(out, p->type);
	wire_put_u32(out, p->since);
	wire_put_u32(out, (uint32_t)p->count);
	for (size_t i = 0; i < p->count; i++) {
		if (holds_strings(p->type))
			wire_put_str(out, p->strings[i]);
		else
			wire_put_u64(out, p->numbers[i]);
	}
}

void systemd_request_encode(const struct systemd_request *r, struct buf *out)
{
	wire_put_u32(out, SYSTEMD_MAGIC);
	wire_put_u32(out, r->op);
	wire_put_bool(out, r->user);
	wire_put_str(out, r->unit);
	wire_put_str(out, r->slice);
	wire_put_u32(out, r->pid);
	wire_put_u32(out, (uint32_t)r->props.count);
	for (size_t i = 0; i < r->props.count; i++)
		put_prop(&r->props.v[i], out);
}

static void take_values(struct wire *w, struct systemd_prop *prop)
{
	bool strings = holds_strings(prop->type);
	uint32_t count = wire_count(w, strings ? 4 : 8);
	bool array = prop->type[0] == 'a';
	if (count > VALUES_MAX || (!array && count != 1) ||
		(str_eq(prop->type, "a(ss)") && count % 2))
		w->bad = true;
	for (uint32_t i = 0; i < count && !w->bad; i++) {
		const char *s = strings ? wire_str(w) : NULL;
		if (!strings)
			systemd_prop_number(prop, wire_u64(w));
		else if (s)
			systemd_prop_string(prop, s);
		else
			w->bad = true;
	}
}

static void take_prop(struct wire *w, struct systemd_props *props)
{
	const char *name = wire_str(w), *type = wire_str(w);
	uint32_t since = wire_u32(w);
	if (str_empty(name) || !is_type(type)) {
		w->bad = true;
		return;
	}
	take_values(w, systemd_add(props, name, type, since));
}

int systemd_request_decode(
	struct systemd_request *out, const void *bytes, size_t n, struct err **err)
{
	struct wire w = wire_from(bytes, n);
	struct systemd_request r = {0};
	uint32_t magic = wire_u32(&w), op = wire_u32(&w);
	r.user = wire_bool(&w);
	r.unit = wire_str(&w);
	r.slice = wire_str(&w);
	r.pid = wire_u32(&w);
	uint32_t count = wire_count(&w, 16);
	if (magic != SYSTEMD_MAGIC || op >= SYSTEMD_OP_COUNT || str_empty(r.unit) || !r.slice ||
		count > PROPS_MAX || r.pid > INT32_MAX)
		w.bad = true;
	for (uint32_t i = 0; i < count && !w.bad; i++)
		take_prop(&w, &r.props);
	if (wire_done(&w, "the request to kist-systemd", err) < 0) {
		systemd_props_clear(&r.props);
		return -1;
	}
	r.op = (enum systemd_op)op;
	*out = r;
	return 0;
}

void systemd_answer_encode(const struct err *failed, const char *text, struct buf *out)
{
	wire_put_u32(out, SYSTEMD_MAGIC);
	wire_put_u32(out, failed ? (uint32_t)failed->kind + 1 : 0);
	wire_put_str(out, failed ? err_msg(failed) : text);
}

int systemd_answer_decode(char **text, const void *bytes, size_t n, struct err **err)
{
	struct wire w = wire_from(bytes, n);
	uint32_t magic = wire_u32(&w), kind = wire_u32(&w);
	const char *said = wire_str(&w);
	if (magic != SYSTEMD_MAGIC || kind > ERR_KIND_COUNT)
		w.bad = true;
	if (wire_done(&w, "kist-systemd's answer", err) < 0)
		return -1;
	if (kind)
		return err_set(err, (enum err_kind)(kind - 1), "%s", said ? said : "");
	*text = xstrdup(said ? said : "");
	return 0;
}
