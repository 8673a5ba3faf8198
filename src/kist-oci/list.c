/* list: the containers below --root. */
#include <dirent.h>
#include <stdio.h>

#include "base/timefmt.h"
#include "state.h"

struct list_options {
	const char *format;
	bool quiet;
};

static const struct option options[] = {
	{"format, f", OPTION_STR, offsetof(struct list_options, format), "table (default) or json"},
	{"quiet, q", OPTION_BOOL, offsetof(struct list_options, quiet), "names alone, one a line"},
};

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names in order; no folder is no container. */
static char **names(const char *root)
{
	char **list = NULL;
	DIR *dir = opendir(root);
	struct dirent *entry;
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while (dir && (entry = readdir(dir))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' && entry->d_name[0] != ':')
			strv_add(&list, entry->d_name);
	}
	if (dir)
		closedir(dir);
	if (list)
		qsort(list, strv_len(list), sizeof(*list), compare);
	return list;
}

struct row {
	char *cell[6];
};
static const char *const titles[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};

static void fill_row(struct row *row, const struct state *s)
{
	char created[TIME_STR_LEN];
	enum status status = state_status(s);
	row->cell[0] = xstrdup(s->id);
	row->cell[1] = xasprintf("%d", status == STATUS_STOPPED ? 0 : (int)s->pid);
	row->cell[2] = xstrdup(status_name(status));
	row->cell[3] = xstrdup(s->bundle ? s->bundle : "");
	row->cell[4] = xstrdup(time_rfc3339(s->created, created));
	row->cell[5] = s->owner ? xasprintf("#%u", s->owner) : xstrdup("root");
}

/* Columns as wide as their widest cell and three blanks, at least twelve: Go's tabwriter as runc sets it. */
static void print_table(const struct row *rows, size_t count)
{
	size_t width[ARRAY_LEN(titles)] = {0};
	for (size_t c = 0; c < ARRAY_LEN(titles); c++) {
		width[c] = strlen(titles[c]);
		for (size_t r = 0; r < count; r++) {
			size_t n = strlen(rows[r].cell[c]);
			width[c] = n > width[c] ? n : width[c];
		}
		width[c] = width[c] + 3 < 12 ? 12 : width[c] + 3;
	}
	size_t last = ARRAY_LEN(titles) - 1;
	for (size_t c = 0; c < last; c++)
		printf("%-*s", (int)width[c], titles[c]);
	printf("%s\n", titles[last]);
	for (size_t r = 0; r < count; r++) {
		for (size_t c = 0; c < last; c++)
			printf("%-*s", (int)width[c], rows[r].cell[c]);
		printf("%s\n", rows[r].cell[last]);
	}
}

static int list_table(const struct globals *g, char **ids)
{
	size_t n = strv_len(ids), count = 0;
	struct row *rows = xcalloc(n + 1, sizeof(*rows));
	for (size_t i = 0; i < n; i++) {
		auto_state *s = NULL;
		if (state_open(&s, g, ids[i], false, NULL) == 0)
			fill_row(&rows[count++], s);
	}
	print_table(rows, count);
	for (size_t i = 0; i < count; i++) {
		for (size_t c = 0; c < ARRAY_LEN(titles); c++)
			free(rows[i].cell[c]);
	}
	free(rows);
	return 0;
}

static int list_json(const struct globals *g, char **ids)
{
	auto_buf out = BUF_INIT;
	bool any = false;
	for (size_t i = 0; ids && ids[i]; i++) {
		auto_state *s = NULL;
		if (state_open(&s, g, ids[i], false, NULL) < 0)
			continue; /* deleted meanwhile */
		buf_adds(&out, any ? "," : "[");
		state_document(s, false, true, &out);
		any = true;
	}
	puts(any ? (buf_addc(&out, ']'), buf_str(&out)) : "null");
	return 0;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct list_options *o = opts;
	auto_strv ids = names(g->root);
	if (o->quiet) {
		for (size_t i = 0; ids && ids[i]; i++)
			puts(ids[i]);
		return 0;
	}
	if (str_empty(o->format) || str_eq(o->format, "table"))
		return list_table(g, ids);
	if (str_eq(o->format, "json"))
		return list_json(g, ids);
	err_set(err, ERR_INVALID, "invalid format option");
	return 1;
}

const struct verb verb_list = {
	.name = "list",
	.usage = "",
	.help = "show the containers below --root",
	VERB_OPTIONS(options, struct list_options),
	.max_args = 0,
	.run = run,
};
