#include "format.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fdio.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "table.h"
#include "template.h"
#include "template_ast.h"
#include "width.h"

json_t *format_row(const struct format *f)
{
	json_t *row = json_object();
	json_put_str(row, "#row", f->row_type);
	return row;
}

/* The two-character sequences \t and \n mean a tab and a newline, outside of strings and in them. */
static char *unescape(const char *s)
{
	struct buf b = BUF_INIT;
	for (; *s; s++) {
		if (*s == '\\' && (s[1] == 't' || s[1] == 'n')) {
			buf_addc(&b, s[1] == 't' ? '\t' : '\n');
			s++;
		} else {
			buf_addc(&b, *s);
		}
	}
	return buf_steal(&b);
}

struct format_out {
	const struct format *f;
	char **wanted; /* the only fields of rows that anybody reads; NULL: not known */
	struct template *t; /* NULL: rows as JSON */
	bool table;
	struct buf text;
};

/* Fields of one of our own templates, which hold nothing but "{{.Name}}". */
static char **fields_of(const char *template)
{
	char **v = NULL;
	for (const char *p = strstr(template, "{{."); p; p = strstr(p, "{{.")) {
		p += strlen("{{.");
		strv_take(&v, xstrndup(p, strcspn(p, "}")));
	}
	return v;
}

static char *without_spaces(const char *s)
{
	s += strspn(s, " ");
	size_t n = strlen(s);
	while (n && s[n - 1] == ' ')
		n--;
	return xstrndup(s, n);
}

/* What @text asks for, and whether it is a table: whatever begins with that word, as with docker.
 * NULL: JSON. */
static char *choose(struct format_out *o, const char *text, bool quiet)
{
	const char *columns = str_after(str_empty(text) ? "table" : text, "table");
	if (columns && !*columns) {
		const char *own = quiet ? o->f->quiet : o->f->table;
		o->wanted = fields_of(own);
		o->table = !quiet;
		return xstrdup(own);
	}
	if (str_eq(text, "json"))
		return NULL;
	o->table = columns;
	return without_spaces(columns ? columns : text);
}

static int add(struct format_out *o, json_t *row, enum template_mode mode, struct err **err)
{
	if (!o->t)
		value_json_row(row, &o->text);
	else if (template_run(o->t, row, mode, &o->text, err) < 0)
		return err_wrap(err, "failed to execute template");
	buf_addc(&o->text, '\n');
	return 0;
}

static int add_header(struct format_out *o, struct err **err)
{
	auto_json *headers = format_row(o->f);
	for (const struct format_field *x = o->f->fields; x->name; x++)
		json_put_str(headers, x->name, x->header);
	return add(o, headers, TEMPLATE_HEADER, err);
}

struct format_out *format_open(
	const struct format *f, const char *text, bool quiet, struct err **err)
{
	struct format_out *o = xcalloc(1, sizeof(*o));
	o->f = f;
	auto_free char *chosen = choose(o, text, quiet);
	if (!chosen)
		return o;
	auto_free char *source = unescape(chosen);
	o->t = template_parse(source, err);
	if (!o->t)
		err_wrap(err, "failed to parse template");
	if (o->t && (!o->table || add_header(o, err) == 0))
		return o;
	format_out_free(o);
	return NULL;
}

void format_out_free(struct format_out *o)
{
	if (!o)
		return;
	template_free(o->t);
	strv_free(o->wanted);
	buf_free(&o->text);
	free(o);
}

bool format_wants(const struct format_out *o, const char *field)
{
	return !o->wanted || strv_index(o->wanted, field) >= 0;
}

int format_add(struct format_out *o, json_t *row, struct err **err)
{
	int rc = add(o, row, TEMPLATE_ROW, err);
	json_decref(row);
	return rc;
}

static int write_out(const struct buf *out)
{
	if (out->len && fd_write_all(STDOUT_FILENO, out->data, out->len) < 0) {
		fprintf(stderr, "kist: write to standard output: %s\n", err_text(errno));
		return 1;
	}
	return 0;
}

int format_write(struct format_out *o)
{
	auto_buf aligned = BUF_INIT;
	if (!o->table)
		return write_out(&o->text);
	table_align(buf_str(&o->text), TABLE_MIN_WIDTH, TABLE_PADDING, &aligned);
	return write_out(&aligned);
}

int format_print(const struct format *f, const char *text, bool quiet, json_t *rows)
{
	auto_err *err = NULL;
	auto_format_out *o = format_open(f, text, quiet, &err);
	if (!o)
		return cli_error(err);
	size_t i;
	json_t *row;
	json_array_foreach(
		rows, i, row) if (format_add(o, json_incref(row), &err) < 0) return cli_error(err);
	return format_write(o);
}

int format_raw(const char *text, json_t *value, struct err **err)
{
	auto_buf out = BUF_INIT;
	int rc = 0;
	if (str_eq(text, "json")) {
		json_write(value, &out);
	} else {
		auto_free char *source = unescape(text);
		auto_template *t = template_parse(source, err);
		if (!t)
			return -1;
		rc = template_run(t, value, TEMPLATE_RAW, &out, err);
	}
	if (rc < 0)
		out.len = 0;
	buf_addc(&out, '\n');
	if (fd_write_all(STDOUT_FILENO, out.data, out.len) < 0 && rc == 0)
		return err_sys(err, errno, "write to standard output");
	return rc;
}

char *format_ago(int64_t ns, char *buf, size_t len)
{
	char age[64];
	int64_t now = time_now();
	time_human(now > ns ? now - ns : 0, age, sizeof(age));
	snprintf(buf, len, "%s ago", age);
	return buf;
}

char *format_time(int64_t ns, bool exact, char *buf, size_t len)
{
	time_t t = (time_t)(ns / TIME_NS_PER_SEC);
	struct tm tm;
	char digits[16] = "";
	if (exact)
		gmtime_r(&t, &tm);
	else
		localtime_r(&t, &tm);
	if (exact && ns % TIME_NS_PER_SEC) {
		size_t n = (size_t)snprintf(
			digits, sizeof(digits), ".%09d", (int)(ns % TIME_NS_PER_SEC));
		while (digits[n - 1] == '0')
			digits[--n] = 0;
	}
	snprintf(buf, len, "%04d-%02d-%02d %02d:%02d:%02d%s %+05ld %s", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, digits,
		tm.tm_gmtoff / 3600 * 100 + tm.tm_gmtoff / 60 % 60, exact ? "UTC" : tm.tm_zone);
	return buf;
}

char *format_rfc3339(int64_t ns, bool fraction, char *buf, size_t len)
{
	time_t t = (time_t)(ns / TIME_NS_PER_SEC);
	struct tm tm;
	char digits[16] = "", zone[16] = "Z";
	localtime_r(&t, &tm);
	long minutes = tm.tm_gmtoff / 60, away = minutes < 0 ? -minutes : minutes;
	if (fraction)
		snprintf(digits, sizeof(digits), ".%09d", (int)(ns % TIME_NS_PER_SEC));
	if (minutes)
		snprintf(zone, sizeof(zone), "%c%02d:%02d", minutes < 0 ? '-' : '+',
			(int)(away / 60), (int)(away % 60));
	snprintf(buf, len, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", tm.tm_year + 1900, tm.tm_mon + 1,
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, digits, zone);
	return buf;
}

char *format_size(double size, char *buf, size_t len)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
	size_t i = 0;
	for (; size >= 1000 && i + 1 < ARRAY_LEN(units); i++)
		size /= 1000;
	snprintf(buf, len, "%.4g%s", size, units[i]);
	return buf;
}

char *format_ellipsis(const char *s, size_t max)
{
	size_t columns = 0, cut = 0, len;
	for (size_t n = 0; s[n]; n += len) {
		uint32_t c = 0;
		len = utf8_decode(s + n, &c);
		len = len ? len : 1;
		columns += width_is_double(c) ? 2 : 1;
		if (columns < max)
			cut = n + len;
	}
	if (columns <= max)
		return xstrdup(s);
	return xasprintf("%.*s\xe2\x80\xa6", (int)cut, s);
}

const char *format_short_id(const char *id, char buf[13])
{
	const char *hex = str_after(id, "sha256:");
	size_t n = strnlen(hex ? hex : id, 12);
	memcpy(buf, hex ? hex : id, n);
	buf[n] = 0;
	return buf;
}

char *format_labels(const json_t *labels)
{
	struct buf b = BUF_INIT;
	size_t count;
	auto_free const char **keys = value_keys(labels, &count);
	for (size_t i = 0; i < count; i++) {
		const char *v = json_string_value(json_object_get(labels, keys[i]));
		buf_addf(&b, "%s%s=%s", i ? "," : "", keys[i], v ? v : "");
	}
	return buf_steal(&b);
}
