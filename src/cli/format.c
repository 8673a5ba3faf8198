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

static int run_rows(const struct template *t, const struct format *f, bool header, json_t *rows,
	struct buf *out, struct err **err)
{
	size_t i;
	json_t *row;
	if (header) {
		auto_json *headers = format_row(f);
		for (const struct format_field *x = f->fields; x->name; x++)
			json_put_str(headers, x->name, x->header);
		if (template_run(t, headers, TEMPLATE_HEADER, out, err) < 0)
			return err_wrap(err, "failed to execute template");
		buf_addc(out, '\n');
	}
	json_array_foreach(rows, i, row)
	{
		if (template_run(t, row, TEMPLATE_ROW, out, err) < 0)
			return err_wrap(err, "failed to execute template");
		buf_addc(out, '\n');
	}
	return 0;
}

static int write_out(const struct buf *out)
{
	if (out->len && fd_write_all(STDOUT_FILENO, out->data, out->len) < 0) {
		fprintf(stderr, "kist: write to standard output: %s\n", err_text(errno));
		return 1;
	}
	return 0;
}

static int print_template(const struct format *f, const char *text, bool table, json_t *rows)
{
	auto_err *err = NULL;
	auto_buf plain = BUF_INIT, aligned = BUF_INIT;
	auto_free char *source = unescape(text);
	auto_template *t = template_parse(source, &err);
	if (!t) {
		err_wrap(&err, "failed to parse template");
		return cli_error(err);
	}
	int rc = run_rows(t, f, table, rows, &plain, &err);
	if (rc < 0)
		return cli_error(err);
	if (table)
		table_align(buf_str(&plain), TABLE_MIN_WIDTH, TABLE_PADDING, &aligned);
	return write_out(table ? &aligned : &plain);
}

int format_print(const struct format *f, const char *text, bool quiet, json_t *rows)
{
	bool table = str_empty(text) || str_eq(text, "table");
	if (quiet && table)
		return print_template(f, f->quiet, false, rows);
	if (table)
		return print_template(f, f->table, true, rows);
	if (str_starts(text, "table ")) {
		auto_free char *copy = xstrdup(text + 6);
		return print_template(f, str_trim(copy), true, rows);
	}
	if (!str_eq(text, "json"))
		return print_template(f, text, false, rows);
	auto_buf out = BUF_INIT;
	size_t i;
	json_t *row;
	json_array_foreach(rows, i, row)
	{
		value_json_row(row, &out);
		buf_addc(&out, '\n');
	}
	return write_out(&out);
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
	size_t chars = 0, cut = 0, n = 0;
	for (; s[n]; n++) {
		if (((unsigned char)s[n] & 0xc0) == 0x80)
			continue;
		if (chars == max - 1)
			cut = n;
		chars++;
	}
	if (chars <= max)
		return xstrdup(s);
	return xasprintf("%.*s\xe2\x80\xa6", (int)cut, s);
}

const char *format_short_id(const char *id, char buf[13])
{
	const char *hex = str_after(id, "sha256:");
	snprintf(buf, 13, "%s", hex ? hex : id);
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
