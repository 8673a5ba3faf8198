/* list: the containers below --root. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/timefmt.h"
#include "launch.h"
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

static bool is_folder(DIR *dir, const struct dirent *entry)
{
	struct stat st;
	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISDIR(st.st_mode);
}

/* Names in order, NULL for none: nobody has to make the default folder. */
static int names(char ***out, const struct globals *g, struct err **err)
{
	char **list = NULL;
	DIR *dir = opendir(g->root);
	struct dirent *entry;
	if (!dir && (errno != ENOENT || !g->default_root))
		return err_sys(err, errno, "open --root %s", g->root);
	/* cppcheck-suppress readdirCalled ; one thread per stream, as POSIX allows */
	while (dir && (entry = readdir(dir))) {
		const char *name = entry->d_name;
		if (is_folder(dir, entry) && !str_eq(name, ".") && !str_eq(name, "..") &&
			!str_eq(name, SECCOMP_CACHE))
			strv_add(&list, name);
	}
	if (dir)
		closedir(dir);
	if (list)
		qsort(list, strv_len(list), sizeof(*list), compare);
	*out = list;
	return 0;
}

/* One that is broken does not hide the others. */
static int load(struct state **s, const struct globals *g, const char *id)
{
	auto_err *why = NULL;
	if (state_open(s, g, id, LOCK_NONE, &why) == 0)
		return 0;
	fprintf(stderr, "load container %s: %s\n", id, err_msg(why));
	return -1;
}

/* Whose folder it is, as /etc/passwd has it: the static program has no other name service. Owned. */
static char *owner_name(struct state *s)
{
	struct stat st;
	uint32_t uid = fstat(s->dir, &st) == 0 ? st.st_uid : s->owner;
	auto_buf text = BUF_INIT;
	if (file_read_given("/etc/passwd", 1u << 20, &text, NULL) < 0)
		return xasprintf("#%u", uid);
	auto_strv lines = strv_split(buf_str(&text), '\n');
	for (size_t i = 0; lines[i]; i++) {
		auto_strv fields = strv_split(lines[i], ':');
		uint32_t number;
		if (strv_len(fields) > 3 && str_to_u32(fields[2], &number) == 0 && number == uid)
			return xstrdup(fields[0]);
	}
	return xasprintf("#%u", uid);
}

struct row {
	char *cell[6];
};
static const char *const titles[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};

static void fill_row(struct row *row, struct state *s)
{
	char created[TIME_STR_LEN];
	enum status status = state_status(s);
	row->cell[0] = xstrdup(s->id);
	row->cell[1] = xasprintf(
		"%d", status == STATUS_STOPPED || status == STATUS_CREATING ? 0 : (int)s->pid);
	row->cell[2] = xstrdup(status_name(status));
	row->cell[3] = xstrdup(s->bundle ? s->bundle : "");
	row->cell[4] = xstrdup(time_rfc3339(s->created, created));
	row->cell[5] = owner_name(s);
}

static size_t letters(const char *utf8)
{
	size_t n = 0;
	for (; *utf8; utf8++)
		n += ((unsigned char)*utf8 & 0xc0) != 0x80;
	return n;
}

/* Columns as wide as their widest cell and three blanks, at least twelve: Go's tabwriter as runc sets it. */
static void print_table(const struct row *rows, size_t count)
{
	size_t width[ARRAY_LEN(titles)] = {0};
	for (size_t c = 0; c < ARRAY_LEN(titles); c++) {
		width[c] = strlen(titles[c]);
		for (size_t r = 0; r < count; r++) {
			size_t n = letters(rows[r].cell[c]);
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
			printf("%s%*s", rows[r].cell[c], (int)(width[c] - letters(rows[r].cell[c])),
				"");
		printf("%s\n", rows[r].cell[last]);
	}
}

static int list_table(const struct globals *g, char **ids)
{
	size_t n = strv_len(ids), count = 0;
	struct row *rows = xcalloc(n + 1, sizeof(*rows));
	for (size_t i = 0; ids && i < n; i++) {
		auto_state *s = NULL;
		if (load(&s, g, ids[i]) == 0)
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
		if (load(&s, g, ids[i]) < 0)
			continue;
		auto_free char *owner = owner_name(s);
		buf_adds(&out, any ? "," : "[");
		state_document(s, false, owner, &out);
		any = true;
	}
	puts(any ? (buf_addc(&out, ']'), buf_str(&out)) : "null");
	return 0;
}

static int run(const struct globals *g, void *opts, int argc, char **argv, struct err **err)
{
	const struct list_options *o = opts;
	auto_strv ids = NULL;
	if (names(&ids, g, err) < 0)
		return 1;
	if (o->quiet) {
		for (size_t i = 0; ids && ids[i]; i++)
			puts(ids[i]);
		return 0;
	}
	if (!o->format || str_eq(o->format, "table"))
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
