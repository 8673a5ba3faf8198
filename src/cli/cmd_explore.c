/* image explore */
#include <stdio.h>
#include <unistd.h>

#include "base/fdio.h"
#include "cli.h"
#include "explore.h"
#include "explore_load.h"
#include "format.h"

#define EXIT_LIMIT 2 /* the image costs more than it may */

static int check_share(const char *value, struct err **err);
static int check_bytes(const char *value, struct err **err);
static int check_count(const char *value, struct err **err);

static const struct flag_spec flags[] = {
	{"highest-wasted-bytes", 0, FLAG_STRING, "bytes",
		"End with 2 if more is wasted (20MB, 512KiB, 1000)", NULL, check_bytes},
	{"highest-wasted-percent", 0, FLAG_STRING, "share",
		"End with 2 if a larger part of all bytes is wasted (10%, 0.1)", NULL, check_share},
	{"json", 0, FLAG_BOOL, NULL, "One JSON document"},
	{"lowest-efficiency", 0, FLAG_STRING, "share",
		"End with 2 if a smaller part of all bytes is seen (95%, 0.95)", NULL, check_share},
	{"text", 0, FLAG_BOOL, NULL, "As text, also on a terminal"},
	{"top", 0, FLAG_STRING, "number", "Lines in each list of files, 0 for all", "20",
		check_count},
	{NULL},
};

/* "95%", "0.95": 0.95; -1 for anything else. Digits and one point: the locale does not matter. */
static double share_of(const char *text)
{
	double value = 0, scale = 1;
	bool point = false, percent = str_ends(text, "%");
	size_t n = strlen(text) - percent, digits = 0;
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (text[i] < '0' || text[i] > '9' || ++digits > 15)
			return -1;
		value = value * 10 + (text[i] - '0');
		scale *= point ? 10 : 1;
	}
	value = value / scale / (percent ? 100 : 1);
	return digits == 0 || value > 1 ? -1 : value;
}

static int check_share(const char *value, struct err **err)
{
	if (share_of(value) < 0)
		return err_set(err, ERR_INVALID,
			"\"%s\" is neither a percentage (95%%) nor a part of one (0.95)", value);
	return 0;
}

/* As sizes are shown here: kB, MB, GB count by 1000; KiB, MiB, GiB by 1024. -1 for anything else. */
static int64_t bytes_of(const char *text)
{
	static const struct {
		const char *unit;
		int64_t factor;
	} units[] = {{"", 1}, {"b", 1}, {"k", 1000}, {"kb", 1000}, {"m", 1000000}, {"mb", 1000000},
		{"g", 1000000000}, {"gb", 1000000000}, {"kib", 1024}, {"mib", 1 << 20},
		{"gib", 1 << 30}};
	size_t n = strspn(text, "0123456789");
	auto_free char *digits = xstrndup(text, n);
	int64_t value, bytes;
	if (str_to_i64(digits, &value) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_ieq(text + n, units[i].unit))
			return __builtin_mul_overflow(value, units[i].factor, &bytes) ? -1 : bytes;
	return -1;
}

static int check_bytes(const char *value, struct err **err)
{
	if (bytes_of(value) < 0)
		return err_set(err, ERR_INVALID, "\"%s\" is no number of bytes", value);
	return 0;
}

static int check_count(const char *value, struct err **err)
{
	uint32_t n;
	if (str_to_u32(value, &n) < 0)
		return err_set(err, ERR_INVALID, "\"%s\" is no number", value);
	return 0;
}

/* Says which limits do not hold. */
static int check_limits(const struct explored *x, const struct args *a)
{
	const char *lowest = flag_str(a, "lowest-efficiency");
	const char *bytes = flag_str(a, "highest-wasted-bytes");
	const char *percent = flag_str(a, "highest-wasted-percent");
	int64_t wasted = x->size - x->visible;
	double efficiency = explored_efficiency(x);
	char text[32];
	int rc = 0;
	if (lowest && efficiency < share_of(lowest)) {
		fprintf(stderr, "kist: an efficiency of %.2f%% is lower than %s\n",
			explored_percent(x, 0.01), lowest);
		rc = EXIT_LIMIT;
	}
	if (bytes && wasted > bytes_of(bytes)) {
		fprintf(stderr, "kist: %s wasted are more than %s\n",
			format_size((double)wasted, text, sizeof(text)), bytes);
		rc = EXIT_LIMIT;
	}
	if (percent && 1 - efficiency > share_of(percent)) {
		fprintf(stderr, "kist: %.2f%% wasted are more than %s\n", (1 - efficiency) * 100,
			percent);
		rc = EXIT_LIMIT;
	}
	return rc;
}

static bool has_limits(const struct args *a)
{
	return flag_given(a, "lowest-efficiency") || flag_given(a, "highest-wasted-bytes") ||
	       flag_given(a, "highest-wasted-percent");
}

static int print_json(const struct explored *x, size_t top)
{
	auto_buf out = BUF_INIT;
	auto_json *j = explore_json(x, top);
	json_write(j, &out);
	buf_addc(&out, '\n');
	return fd_write_all(STDOUT_FILENO, out.data, out.len) < 0;
}

static int cmd_explore(struct cli *cli, const struct args *a)
{
	auto_err *err = NULL;
	const char *top_text = flag_str(a, "top");
	uint32_t top = 20;
	auto_explored *x = explored_load(cli, a->rest[0], &err);
	if (!x)
		return cli_error(err);
	if (top_text)
		str_to_u32(top_text, &top);
	bool screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !flag_bool(a, "json") &&
		      !flag_bool(a, "text") && !has_limits(a);
	if (screen)
		return explore_screen(x);
	if (flag_bool(a, "json")) {
		if (print_json(x, top))
			return 1;
	} else {
		explore_print(x, top, stdout);
		fflush(stdout);
	}
	return check_limits(x, a);
}

const struct command command_image_explore = {
	.group = "image",
	.name = "explore",
	.args = "IMAGE",
	.summary = "Show what each layer brought, and what of it is wasted",
	.flags = flags,
	.min_args = 1,
	.max_args = 1,
	.completes = "@images",
	.details = "On a terminal it is a tree to walk through; the screen's last line names the "
		   "keys. Wasted is "
		   "what lower layers brought and later ones replaced or removed: it is downloaded "
		   "and kept, and no "
		   "container sees it. Efficiency is the part of all layers' bytes that a "
		   "container sees.",
	.run = cmd_explore,
};
