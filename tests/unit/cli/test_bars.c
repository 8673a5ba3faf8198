/* What a pull looks like on a terminal. */
#include "../cmocka_all.h"

#include "bars.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/timefmt.h"

#define SECOND TIME_NS_PER_SEC

static bool say(struct bars *b, const char *text, int64_t now)
{
	json_t *j = json_loads(text, 0, NULL);
	assert_non_null(j);
	bool layer = bars_take(b, j, now);
	json_decref(j);
	return layer;
}

static void download(struct bars *b, const char *id, long current, long total, int64_t now)
{
	char text[256];
	snprintf(text, sizeof(text),
		"{\"id\":\"%s\",\"status\":\"Downloading\",\"progressDetail\":{\"current\":%ld,"
		"\"total\":%ld}}",
		id, current, total);
	assert_true(say(b, text, now));
}

static char *picture(struct bars *b, unsigned rows, unsigned columns, int64_t now, bool last)
{
	struct buf out = BUF_INIT;
	bars_draw(b, rows, columns, now, last, &out);
	return buf_steal(&out);
}

static size_t count(const char *s, const char *what)
{
	size_t n = 0;
	for (; (s = strstr(s, what)); s++)
		n++;
	return n;
}

static void a_layer_has_a_bar_a_rate_and_the_time_left(void **state)
{
	struct bars *b = bars_new(false);
	download(b, "0123456789ab", 0, 100000000, 0);
	download(b, "0123456789ab", 25000000, 100000000, SECOND);
	auto_free char *p = picture(b, 24, 120, SECOND, false);
	assert_non_null(strstr(p, "0123456789ab  Downloading"));
	assert_non_null(strstr(p, "25MB/100MB"));
	assert_non_null(strstr(p, "25MB/s  3s"));
	assert_non_null(strstr(p, "[==========>"));
	/* the usual terminal has room for it, too */
	auto_free char *narrow = picture(b, 24, 80, SECOND, false);
	assert_non_null(strstr(narrow, "[==>"));
	assert_non_null(strstr(narrow, "25MB/s  3s"));
	bars_free(b);
}

static void all_layers_together_have_a_line(void **state)
{
	struct bars *b = bars_new(true);
	download(b, "0123456789ab", 0, 1000, 0);
	download(b, "0123456789ab", 500, 1000, SECOND);
	download(b, "aaaaaaaaaaaa", 250, 3000, SECOND);
	assert_true(say(b, "{\"id\":\"bbbbbbbbbbbb\",\"status\":\"Already exists\"}", SECOND));
	auto_free char *p = picture(b, 24, 120, SECOND, false);
	assert_non_null(strstr(p, "Total         1 of 3 layers"));
	assert_non_null(strstr(p, "750B/4kB"));
	assert_int_equal(count(p, "\n"), 4);
	bars_free(b);
}

static void the_next_picture_replaces_the_one_before(void **state)
{
	struct bars *b = bars_new(true);
	download(b, "0123456789ab", 1, 10, 0);
	download(b, "aaaaaaaaaaaa", 1, 10, 0);
	auto_free char *first = picture(b, 24, 80, 0, false);
	auto_free char *second = picture(b, 24, 80, 0, false);
	assert_null(strstr(first, "\x1b[3A"));
	assert_int_equal(strncmp(second, "\r\x1b[3A", 5), 0);
	bars_free(b);
}

static void more_layers_than_rows_show_those_that_move(void **state)
{
	struct bars *b = bars_new(true);
	char id[16], text[128];
	for (int i = 0; i < 40; i++) {
		snprintf(text, sizeof(text),
			"{\"id\":\"%012x\",\"status\":\"%s\",\"progressDetail\":{}}", i,
			i < 20 ? "Pull complete" : "Waiting");
		assert_true(say(b, text, 0));
	}
	snprintf(id, sizeof(id), "%012x", 39);
	download(b, id, 5, 10, 0);
	auto_free char *p = picture(b, 10, 80, 0, false);
	assert_int_equal(count(p, "\n"), 9);
	assert_non_null(strstr(p, id));
	assert_null(strstr(p, "Pull complete"));
	auto_free char *last = picture(b, 10, 80, 0, true);
	assert_int_equal(count(last, "\n"), 40);
	assert_null(strstr(last, "Total"));
	bars_free(b);
}

static void no_line_is_as_wide_as_the_terminal(void **state)
{
	for (unsigned columns = 2; columns < 200; columns++) {
		struct bars *b = bars_new(columns % 2);
		download(b, "0123456789ab", 0, 123456789, 0);
		download(b, "0123456789ab", 23456789, 123456789, SECOND);
		download(b, "aaaaaaaaaaaa", 5, 123456789, SECOND);
		auto_free char *p = picture(b, 24, columns, SECOND, false);
		size_t cells = 0;
		for (const char *c = p; *c; c++) {
			if (*c == '\x1b') {
				c += strcspn(c, "KJA");
				continue;
			}
			if (*c == '\n') {
				assert_true(cells < columns);
				cells = 0;
			} else if (((unsigned char)*c & 0xc0) != 0x80) {
				cells++;
			}
		}
		bars_free(b);
	}
}

static void silence_is_called_stalled(void **state)
{
	struct bars *b = bars_new(true);
	download(b, "0123456789ab", 0, 1000, 0);
	download(b, "0123456789ab", 500, 1000, SECOND);
	auto_free char *p = picture(b, 24, 120, 2 * SECOND, false);
	assert_null(strstr(p, "stalled"));
	auto_free char *late = picture(b, 24, 120, 60 * SECOND, false);
	assert_non_null(strstr(late, "stalled"));
	bars_free(b);
}

static void what_is_no_layers_is_text(void **state)
{
	struct bars *b = bars_new(true);
	auto_buf line = BUF_INIT;
	auto_json *j = json_loads("{\"id\":\"latest\",\"status\":\"Pulling from "
				  "library/x\\u001b[2J\\u009b2J\\u00a0\"}",
		0, NULL);
	assert_false(bars_take(b, j, 0));
	assert_false(bars_any(b));
	bars_text(j, &line);
	assert_string_equal(line.data, "latest: Pulling from library/x?[2J?2J\u00a0\n");
	bars_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_layer_has_a_bar_a_rate_and_the_time_left),
		cmocka_unit_test(all_layers_together_have_a_line),
		cmocka_unit_test(the_next_picture_replaces_the_one_before),
		cmocka_unit_test(more_layers_than_rows_show_those_that_move),
		cmocka_unit_test(no_line_is_as_wide_as_the_terminal),
		cmocka_unit_test(silence_is_called_stalled),
		cmocka_unit_test(what_is_no_layers_is_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
