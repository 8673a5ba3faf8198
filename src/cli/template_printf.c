/* Go's Printf over template values: the verbs that make sense for strings, numbers and bools. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "template_ast.h"

struct directive {
	bool minus, zero, plus, sharp;
	int width, precision; /* -1: none */
	char verb;
};

static int number(const char **s)
{
	int n = 0;
	for (; isdigit((unsigned char)**s); (*s)++)
		if (n < 1000)
			n = n * 10 + (**s - '0');
	return n;
}

static const char *parse(const char *s, struct directive *d)
{
	*d = (struct directive){.width = -1, .precision = -1};
	for (;; s++) {
		if (*s == '-')
			d->minus = true;
		else if (*s == '0')
			d->zero = true;
		else if (*s == '+')
			d->plus = true;
		else if (*s == '#')
			d->sharp = true;
		else if (*s != ' ')
			break;
	}
	if (isdigit((unsigned char)*s))
		d->width = number(&s);
	if (*s == '.') {
		s++;
		d->precision = number(&s);
	}
	d->verb = *s;
	return *s ? s + 1 : s;
}

static void add_padded(struct buf *out, const struct directive *d, const char *text, bool numeric)
{
	size_t shown = 0;
	for (const char *p = text; *p; p++)
		shown += ((unsigned char)*p & 0xc0) != 0x80;
	int pad = d->width > (int)shown ? d->width - (int)shown : 0;
	if (!d->minus && d->zero && numeric) {
		bool sign = *text == '-' || *text == '+';
		buf_add(out, text, sign);
		while (pad-- > 0)
			buf_addc(out, '0');
		buf_adds(out, text + sign);
		return;
	}
	if (d->minus)
		buf_adds(out, text);
	buf_addf(out, "%*s", pad, "");
	if (!d->minus)
		buf_adds(out, text);
}

static void add_bad(struct buf *out, const struct directive *d, const json_t *v)
{
	buf_addf(out, "%%!%c(%s", d->verb, v ? value_type(v) : "<nil>");
	if (v) {
		buf_addc(out, '=');
		value_print(v, false, out);
	}
	buf_addc(out, ')');
}

static bool format_number(struct buf *text, const struct directive *d, const json_t *v)
{
	json_int_t n = json_integer_value(v);
	const char *sign = d->plus && n >= 0 ? "+" : "";
	unsigned long long u = n < 0 ? 0ULL - (unsigned long long)n : (unsigned long long)n;
	if (json_is_integer(v) && d->verb == 'd')
		buf_addf(text, "%s%lld", sign, (long long)n);
	else if (json_is_integer(v) && d->verb == 'x')
		buf_addf(text, "%s%s%llx", n < 0 ? "-" : sign, d->sharp ? "0x" : "", u);
	else if (json_is_integer(v) && d->verb == 'X')
		buf_addf(text, "%s%s%llX", n < 0 ? "-" : sign, d->sharp ? "0X" : "", u);
	else if (json_is_integer(v) && d->verb == 'o')
		buf_addf(text, "%s%llo", n < 0 ? "-" : sign, u);
	else if (json_is_integer(v) && d->verb == 'c' && n > 0 && n < 0x80)
		buf_addc(text, (char)n);
	else if (json_is_real(v) && (d->verb == 'f' || d->verb == 'F'))
		buf_addf(text, "%.*f", d->precision < 0 ? 6 : d->precision, json_real_value(v));
	else if (json_is_real(v) && d->verb == 'e')
		buf_addf(text, "%.*e", d->precision < 0 ? 6 : d->precision, json_real_value(v));
	else if (json_is_real(v) && d->verb == 'g')
		value_print(v, false, text);
	else
		return false;
	return true;
}

static void hex_text(struct buf *text, const char *s, bool upper)
{
	for (; *s; s++)
		buf_addf(text, upper ? "%02X" : "%02x", (unsigned char)*s);
}

static void format_one(struct buf *out, const struct directive *d, const json_t *v)
{
	auto_buf text = BUF_INIT;
	const char *s = json_string_value(v);
	bool numeric = json_is_number(v);
	if (d->verb == 'v' || (d->verb == 's' && (s || json_is_array(v) || json_is_object(v)))) {
		value_print(v, false, &text);
		if (s && d->precision >= 0 && (size_t)d->precision < text.len)
			text.data[text.len = (size_t)d->precision] = 0;
	} else if (d->verb == 'q' && s) {
		auto_buf quoted = BUF_INIT;
		json_t *copy = json_string(s);
		char *dumped = json_dumps(copy, JSON_ENCODE_ANY);
		buf_adds(&text, dumped ? dumped : "\"\"");
		free(dumped);
		json_decref(copy);
	} else if (d->verb == 't' && json_is_boolean(v)) {
		buf_adds(&text, json_is_true(v) ? "true" : "false");
	} else if ((d->verb == 'x' || d->verb == 'X') && s) {
		hex_text(&text, s, d->verb == 'X');
	} else if (!numeric || !format_number(&text, d, v)) {
		add_bad(out, d, v);
		return;
	}
	add_padded(out, d, buf_str(&text), numeric);
}

void function_printf(json_t **args, size_t nargs, struct buf *out)
{
	const char *s = json_string_value(args[0]);
	size_t next = 1;
	struct directive d;
	while (*s) {
		size_t n = strcspn(s, "%");
		buf_add(out, s, n);
		s += n;
		if (!*s)
			break;
		s = parse(s + 1, &d);
		if (d.verb == '%')
			buf_addc(out, '%');
		else if (!d.verb)
			buf_adds(out, "%!(NOVERB)");
		else if (next >= nargs)
			buf_addf(out, "%%!%c(MISSING)", d.verb);
		else
			format_one(out, &d, args[next++]);
	}
	if (next < nargs) {
		buf_adds(out, "%!(EXTRA ");
		for (size_t i = next; i < nargs; i++) {
			buf_addf(out, "%s%s=", i > next ? ", " : "", value_type(args[i]));
			value_print(args[i], false, out);
		}
		buf_addc(out, ')');
	}
}
