#include "props.h"

#include <errno.h>
#include <string.h>

#include "base/str.h"

/* sd-bus takes each type from a variable of its own size. */
static int append_number(sd_bus_message *m, char type, uint64_t value)
{
	union {
		uint8_t y;
		int b;
		int16_t n;
		uint16_t q;
		int32_t i;
		uint32_t u;
		int64_t x;
		uint64_t t;
	} v;
	switch (type) {
	case 'y':
		v.y = (uint8_t)value;
		break;
	case 'b':
		v.b = value != 0;
		break;
	case 'n':
	case 'q':
		v.q = (uint16_t)value;
		break;
	case 'i':
	case 'u':
		v.u = (uint32_t)value;
		break;
	case 'x':
	case 't':
	case 'd': /* its bits */
		v.t = value;
		break;
	default:
		return -EINVAL;
	}
	return sd_bus_message_append_basic(m, type, &v);
}

static int append_values(sd_bus_message *m, const struct systemd_prop *p, char type)
{
	for (size_t i = 0; i < p->count; i++) {
		int r = p->strings ? sd_bus_message_append_basic(m, type, p->strings[i])
				   : append_number(m, type, p->numbers[i]);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_pairs(sd_bus_message *m, const struct systemd_prop *p)
{
	int r = sd_bus_message_open_container(m, 'a', "(ss)");
	for (size_t i = 0; r >= 0 && i + 1 < p->count; i += 2)
		r = sd_bus_message_append(m, "(ss)", p->strings[i], p->strings[i + 1]);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_array(sd_bus_message *m, const struct systemd_prop *p)
{
	const char *element = p->type + 1;
	if (*element == '(')
		return append_pairs(m, p);
	int r = sd_bus_message_open_container(m, 'a', element);
	if (r >= 0)
		r = append_values(m, p, *element);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_prop(sd_bus_message *m, const struct systemd_prop *p)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");
	if (r >= 0)
		r = sd_bus_message_append_basic(m, 's', p->name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', p->type);
	if (r >= 0)
		r = p->type[0] == 'a' ? append_array(m, p) : append_values(m, p, p->type[0]);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int props_append(
	sd_bus_message *m, const struct systemd_props *props, uint32_t pid, uint32_t version)
{
	int r = sd_bus_message_open_container(m, 'a', "(sv)");
	for (size_t i = 0; r >= 0 && i < props->count; i++) {
		if (version >= props->v[i].since)
			r = append_prop(m, &props->v[i]);
	}
	if (r >= 0 && pid)
		r = sd_bus_message_append(m, "(sv)", "PIDs", "au", 1, pid);
	return r < 0 ? r : sd_bus_message_close_container(m);
}
