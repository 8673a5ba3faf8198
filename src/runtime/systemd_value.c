/*
 * Property values as text: the subset of GVariant's text format (docs.gtk.org, "GVariant Text Format") that systemd's
 * properties need. They come from annotations, so from whoever wrote the config.
 *
 *	value   = "@" type value | keyword value | array | string | number | "true" | "false"
 *	array   = "[" [ value { "," value } ] "]"
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "runtime/systemd.h"

#define NAME_MAX_LEN 128
#define ELEMENTS_MAX 4096

static const struct {
	const char *word;
	char type;
} keywords[] = {
	{"boolean", 'b'},
	{"byte", 'y'},
	{"int16", 'n'},
	{"uint16", 'q'},
	{"int32", 'i'},
	{"handle", 'i'},
	{"uint32", 'u'},
	{"int64", 'x'},
	{"uint64", 't'},
	{"double", 'd'},
	{"string", 's'},
	{"objectpath", 'o'},
	{"signature", 'g'},
};

static const struct {
	char type;
	bool is_signed;
	uint64_t max; /* of the magnitude of a positive one; a negative one may have one more */
} integers[] = {
	{'y', false, UINT8_MAX},
	{'n', true, INT16_MAX},
	{'q', false, UINT16_MAX},
	{'i', true, INT32_MAX},
	{'u', false, UINT32_MAX},
	{'x', true, INT64_MAX},
	{'t', false, UINT64_MAX},
};

struct parser {
	const char *at;
	struct systemd_prop *prop;
	char type; /* of the elements; 0: not known yet */
	const char *fault;
};

static int fail(struct parser *p, const char *why)
{
	if (!p->fault)
		p->fault = why;
	return -1;
}

static void skip_blanks(struct parser *p)
{
	p->at += strspn(p->at, " \t\r\n");
}

static bool take(struct parser *p, char c)
{
	skip_blanks(p);
	if (*p->at != c)
		return false;
	p->at++;
	return true;
}

/* The next word of letters and digits, if it is @word. */
static bool take_word(struct parser *p, const char *word)
{
	size_t n = strlen(word);
	if (strncmp(p->at, word, n) != 0 || isalnum((unsigned char)p->at[n]))
		return false;
	p->at += n;
	return true;
}

/* All elements are of one type: the first that says so decides. */
static int settle(struct parser *p, char type)
{
	if (p->type && p->type != type)
		return fail(p, "values of different types");
	p->type = type;
	return 0;
}

static int hex_digits(struct parser *p, int count, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < count; i++) {
		if (!isxdigit((unsigned char)p->at[i]))
			return fail(p, "an escape without its digits");
		char c = (char)tolower((unsigned char)p->at[i]);
		*out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	p->at += count;
	return 0;
}

static int add_utf8(struct parser *p, struct buf *out, uint32_t c)
{
	if (!c || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return fail(p, "an escape that is no character");
	if (c < 0x80) {
		buf_addc(out, (char)c);
		return 0;
	}
	int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
	buf_addc(out, (char)(lead[more] | c >> (6 * more)));
	while (more--)
		buf_addc(out, (char)(0x80 | (c >> (6 * more) & 0x3f)));
	return 0;
}

static int escape(struct parser *p, struct buf *out)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	char c = *p->at;
	if (!c)
		return fail(p, "a string without its end");
	p->at++;
	const char *known = strchr(from, c);
	uint32_t code;
	if (c == 'u' || c == 'U')
		return hex_digits(p, c == 'u' ? 4 : 8, &code) < 0 ? -1 : add_utf8(p, out, code);
	buf_addc(out, known ? to[known - from] : c);
	return 0;
}

static int parse_string(struct parser *p)
{
	auto_buf out = BUF_INIT;
	char quote = *p->at++;
	while (*p->at != quote) {
		if (!*p->at)
			return fail(p, "a string without its end");
		char c = *p->at++;
		if (c != '\\')
			buf_addc(&out, c);
		else if (escape(p, &out) < 0)
			return -1;
	}
	p->at++;
	if (!p->type)
		p->type = 's';
	if (!strchr("sog", p->type))
		return fail(p, "values of different types");
	systemd_prop_string(p->prop, buf_str(&out));
	return 0;
}

static int parse_boolean(struct parser *p, bool value)
{
	if (settle(p, 'b') < 0)
		return -1;
	systemd_prop_number(p->prop, value);
	return 0;
}

static int push_double(struct parser *p, double value)
{
	uint64_t bits;
	memcpy(&bits, &value, sizeof(bits));
	systemd_prop_number(p->prop, bits);
	return 0;
}

static int push_integer(struct parser *p, char type, bool negative, uint64_t magnitude)
{
	for (size_t i = 0; i < ARRAY_LEN(integers); i++) {
		if (integers[i].type != type)
			continue;
		bool fits = negative ? magnitude == 0 || (integers[i].is_signed &&
								 magnitude <= integers[i].max + 1)
				     : magnitude <= integers[i].max;
		if (!fits)
			return fail(p, "a number that its type cannot hold");
		systemd_prop_number(p->prop, negative ? 0 - magnitude : magnitude);
		return 0;
	}
	return fail(p, "a number where there should be none");
}

/* Digits as C writes them; strtod() only for what has a point, an exponent, or a double's type. */
static int parse_number(struct parser *p)
{
	const char *start = p->at;
	bool negative = *p->at == '-';
	if (*p->at == '-' || *p->at == '+')
		p->at++;
	if (!isdigit((unsigned char)*p->at))
		return fail(p, "no value that is understood");
	const char *digits = p->at;
	bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
	size_t n = strspn(digits, "0123456789");
	char *end;
	if (!hex && (p->type == 'd' || digits[n] == '.' || digits[n] == 'e')) {
		if (settle(p, 'd') < 0)
			return -1;
		double value = strtod(start, &end);
		p->at = end;
		return push_double(p, value);
	}
	errno = 0;
	uint64_t magnitude = strtoull(digits, &end, 0);
	if (errno || isalnum((unsigned char)*end))
		return fail(p, "no number that is understood");
	p->at = end;
	if (!p->type)
		p->type = 'i';
	return push_integer(p, p->type, negative, magnitude);
}

static bool is_element(char type)
{
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if (keywords[i].type == type)
			return true;
	}
	return false;
}

static int parse_scalar(struct parser *p)
{
	skip_blanks(p);
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
		if (!take_word(p, keywords[i].word))
			continue;
		if (settle(p, keywords[i].type) < 0)
			return -1;
		skip_blanks(p);
		break;
	}
	if (*p->at == '@') {
		if (!is_element(p->at[1]))
			return fail(p, "an unknown type");
		if (settle(p, p->at[1]) < 0)
			return -1;
		p->at += 2;
		skip_blanks(p);
	}
	if (*p->at == '\'' || *p->at == '"')
		return parse_string(p);
	if (take_word(p, "true"))
		return parse_boolean(p, true);
	if (take_word(p, "false"))
		return parse_boolean(p, false);
	return parse_number(p);
}

static int parse_array(struct parser *p)
{
	if (take(p, ']'))
		return p->type ? 0 : fail(p, "an empty array without a type (\"@as []\")");
	do {
		if (p->prop->count == ELEMENTS_MAX)
			return fail(p, "too many values");
		if (parse_scalar(p) < 0)
			return -1;
	} while (take(p, ','));
	return take(p, ']') ? 0 : fail(p, "an array without its end");
}

static int parse_value(struct parser *p)
{
	bool array = false;
	skip_blanks(p);
	if (p->at[0] == '@' && p->at[1] == 'a') {
		if (!is_element(p->at[2]))
			return fail(p, "an unknown type");
		p->type = p->at[2];
		p->at += 3;
		array = true;
	}
	bool open = take(p, '[');
	if (array && !open)
		return fail(p, "no array where the type says so");
	if ((open ? parse_array(p) : parse_scalar(p)) < 0)
		return -1;
	skip_blanks(p);
	if (*p->at)
		return fail(p, "more than one value");
	snprintf(p->prop->type, sizeof(p->prop->type), "%s%c", open ? "a" : "", p->type);
	return 0;
}

/* "TimeoutStopSec" is what unit files say; on the bus it is "TimeoutStopUSec". */
static bool in_seconds(const char *name)
{
	size_t n = strlen(name);
	return n > 3 && str_eq(name + n - 3, "Sec") && name[n - 4] >= 'a' && name[n - 4] <= 'z';
}

#define USEC_PER_SEC 1000000u

static int to_usec(struct parser *p)
{
	struct systemd_prop *prop = p->prop;
	if (str_eq(prop->type, "d")) {
		double seconds;
		memcpy(&seconds, prop->numbers, sizeof(seconds));
		if (!(seconds >= 0 && seconds < 1e12))
			return fail(p, "no number of seconds");
		prop->numbers[0] = (uint64_t)(seconds * USEC_PER_SEC);
	} else if (prop->type[0] && strchr("ynqiuxt", prop->type[0]) && !prop->type[1]) {
		bool is_signed = strchr("nix", prop->type[0]);
		if ((is_signed && (int64_t)prop->numbers[0] < 0) ||
			prop->numbers[0] > UINT64_MAX / USEC_PER_SEC)
			return fail(p, "no number of seconds");
		prop->numbers[0] *= USEC_PER_SEC;
	} else {
		return fail(p, "no number of seconds");
	}
	snprintf(prop->type, sizeof(prop->type), "t");
	return 0;
}

int systemd_prop_parse(
	struct systemd_props *props, const char *name, const char *text, struct err **err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	if (!str_all_of(name, letters, 3, NAME_MAX_LEN))
		return err_set(err, ERR_INVALID,
			"annotations.org.systemd.property.%s: not a property's name", name);
	bool seconds = in_seconds(name);
	auto_free char *usec = seconds ? xasprintf("%.*sUSec", (int)strlen(name) - 3, name) : NULL;
	struct systemd_prop *prop = systemd_add(props, seconds ? usec : name, "", 0);
	struct parser p = {.at = text, .prop = prop};
	int r = parse_value(&p);
	if (r == 0 && seconds)
		r = to_usec(&p);
	if (r < 0)
		return err_set(err, ERR_INVALID, "annotations.org.systemd.property.%s: \"%s\": %s",
			name, text, p.fault);
	return 0;
}
