/* events */
#include <stdio.h>

#include "base/timefmt.h"
#include "flag_common.h"
#include "format.h"
#include "lines.h"
#include "template.h"
#include "template_ast.h"
#include "when.h"

static const struct flag_spec flags[] = {
	FLAG_FILTER("Only those that fit, KEY=VALUE; all keys must, one value of each"),
	{"format", 0, FLAG_STRING, NULL, FORMAT_HELP_RAW},
	{"since", 0, FLAG_STRING, NULL,
		"Begin with past ones, from this time on: 2006-01-02T15:04:05Z, or 10m for ten "
		"minutes ago"},
	{"until", 0, FLAG_STRING, NULL, "End at this time"},
	{NULL},
};

static const char *text_of(const json_t *j, const char *key)
{
	const char *s = json_string_value(json_object_get(j, key));
	return s ? s : "";
}

/* "2026-11-22T01:52:54.594000000Z container create ID (image=bb, name=c1)" */
static void print_plain(const json_t *event)
{
	char when[64];
	const json_t *actor = json_object_get(event, "Actor");
	const json_t *attributes = json_object_get(actor, "Attributes");
	int64_t ns = json_integer_value(json_object_get(event, "timeNano"));
	size_t n;
	if (!ns)
		ns = json_integer_value(json_object_get(event, "time")) * TIME_NS_PER_SEC;
	printf("%s %s %s %s", format_rfc3339(ns, true, when, sizeof(when)), text_of(event, "Type"),
		text_of(event, "Action"), text_of(actor, "ID"));
	auto_free const char **keys = value_keys(attributes, &n);
	for (size_t i = 0; i < n; i++)
		printf("%s%s=%s", i ? ", " : " (", keys[i], text_of(attributes, keys[i]));
	printf(n ? ")\n" : "\n");
}

struct printer {
	const struct template *t; /* NULL: plain or json */
	bool json;
};

static int print_event(void *data, json_t *event, const char *text, size_t n, struct err **err)
{
	const struct printer *p = data;
	if (p->json) {
		printf("%.*s\n", (int)n, text);
	} else if (!p->t) {
		print_plain(event);
	} else {
		auto_buf out = BUF_INIT;
		if (template_run(p->t, event, TEMPLATE_RAW, &out, err) < 0)
			return -1;
		printf("%s\n", buf_str(&out));
	}
	fflush(stdout);
	return 0;
}

static int events(struct cli *cli, const struct args *a, const struct printer *p, struct err **err)
{
	auto_buf path = BUF_INIT;
	struct http conn;
	auto_free char *filters = filter_text(flag_list(a, "filter"));
	buf_adds(&path, "/events");
	if (url_add_when(&path, "since", flag_str(a, "since"), err) < 0 ||
		url_add_when(&path, "until", flag_str(a, "until"), err) < 0)
		return -1;
	url_add(&path, "filters", filters);
	if (api_open(&cli->api, &conn, "GET", path.data, NULL, false, err) < 0)
		return -1;
	int rc = lines_read(&conn, print_event, (void *)p, err);
	http_close(&conn);
	return rc;
}

static int cmd_events(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	const char *format = flag_str(a, "format");
	bool json = str_eq(format, "json");
	auto_template *t = NULL;
	if (!str_empty(format) && !json) {
		t = template_parse(format, &err);
		if (!t) {
			err_wrap(&err, "Error parsing format");
			cli_error(err);
			return EXIT_TEMPLATE;
		}
	}
	const struct printer p = {t, json};
	if (events(cli, a, &p, &err) < 0)
		return cli_error(err);
	return 0;
}

const struct command command_events = {
	.group = "system",
	.name = "events",
	.top = "events",
	.args = "",
	.summary = "Print what happens to containers, images, networks, volumes",
	.flags = flags,
	.run = cmd_events,
};
