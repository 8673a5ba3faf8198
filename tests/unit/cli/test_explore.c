/* Images taken apart: what they cost, what the screen shows, and names that would steer a terminal. */
#include "../cmocka_all.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "escape.h"
#include "explore.h"
#include "explore_view.h"

#define HEAD                                                                                       \
	"{\"Image\":\"sha256:i\",\"RepoTags\":[\"a:1\"],\"Layers\":[{\"DiffId\":\"sha256:x\","     \
	"\"CreatedBy\":\"one\"},{\"DiffId\":\"sha256:y\",\"CreatedBy\":\"two\"}]}"
#define FILE_EVENT(layer, change, size)                                                            \
	"{\"Layer\":" #layer ",\"Change\":\"" #change "\",\"Type\":\"file\",\"Mode\":420,"         \
	"\"Size\":" #size "}"
#define FOLDER "{\"Layer\":0,\"Change\":\"added\",\"Type\":\"folder\",\"Mode\":493}"
#define REMOVED "{\"Layer\":1,\"Change\":\"removed\"}"
#define PATH(path, events) "{\"Path\":\"" path "\",\"Events\":[" events "]}"

static int add(struct explored *x, const char *line, struct err **err)
{
	auto_json *j = json_parse(line, strlen(line), "line", NULL);
	assert_non_null(j);
	return explored_add(x, j, err);
}

static struct explored *make(const char *const *lines)
{
	struct explored *x = explored_new();
	assert_int_equal(add(x, HEAD, NULL), 0);
	for (size_t i = 0; lines[i]; i++)
		assert_int_equal(add(x, lines[i], NULL), 0);
	explored_finish(x);
	return x;
}

static const char *const image[] = {
	PATH("bin", FOLDER),
	PATH("bin/sh", FILE_EVENT(0, added, 1000)),
	PATH("bin/tool", FILE_EVENT(0, added, 300) "," FILE_EVENT(1, changed, 200)),
	PATH("gone", FOLDER "," REMOVED),
	PATH("gone/big", FILE_EVENT(0, added, 500) "," REMOVED),
	PATH("new", FILE_EVENT(1, added, 7)),
	NULL,
};

static void what_is_wasted_does_not_round_away(void **state)
{
	struct explored x = {.size = 100000, .visible = 99999};
	assert_true(explored_percent(&x, 0.1) == 99.9);
	assert_true(explored_percent(&x, 0.01) == 99.99);
	x.visible = 99000;
	assert_true(explored_percent(&x, 0.1) == 99);
	x.visible = x.size;
	assert_true(explored_percent(&x, 0.1) == 100);
	x.size = x.visible = 0;
	assert_true(explored_percent(&x, 0.1) == 100);
}

static void wasted_bytes_are_those_that_nobody_sees(void **state)
{
	auto_explored *x = make(image);
	size_t n;
	assert_int_equal(x->size, 2007);
	assert_int_equal(x->visible, 1207);
	assert_int_equal(x->wasteful, 2);
	assert_int_equal(x->layers[0].size, 1800);
	assert_int_equal(x->layers[0].wasted, 800);
	assert_int_equal(x->layers[1].wasted, 0);
	assert_int_equal(x->layers[0].added, 5);
	assert_int_equal(x->layers[1].changed, 1);
	assert_int_equal(x->layers[1].removed, 2);
	assert_true(explored_efficiency(x) > 0.601 && explored_efficiency(x) < 0.602);
	auto_free struct ranked *wasteful = explored_wasteful(x, 1, &n);
	assert_int_equal(n, 1);
	assert_int_equal(wasteful[0].bytes, 500);
	auto_free char *path = file_path(wasteful[0].file);
	assert_string_equal(path, "/gone/big");
	auto_free struct ranked *biggest = explored_biggest(x, 0, &n);
	assert_int_equal(n, 3);
	assert_int_equal(biggest[0].bytes, 1000);
	assert_int_equal(biggest[1].bytes, 200);
}

static void names_of_one_file_count_once(void **state)
{
#define LINKED(inode, size)                                                                        \
	"{\"Layer\":0,\"Change\":\"added\",\"Type\":\"file\",\"Mode\":420,\"Inode\":" #inode       \
	",\"Size\":" #size "}"
	static const char *const lines[] = {
		PATH("a", LINKED(5, 100) "," REMOVED),
		PATH("b", LINKED(5, 100)),
		PATH("c", LINKED(6, 30) "," REMOVED),
		PATH("d", LINKED(6, 30) "," REMOVED),
		NULL,
	};
	auto_explored *x = make(lines);
	assert_int_equal(x->size, 130);
	assert_int_equal(x->visible, 100); /* b still shows what a did */
	assert_int_equal(x->wasteful, 1);
}

static void an_empty_image_is_efficient(void **state)
{
	static const char *const none[] = {NULL};
	auto_explored *x = make(none);
	assert_true(explored_efficiency(x) == 1);
	struct view v;
	view_init(&v, x);
	for (int key = KEY_NONE; key <= KEY_BACKSPACE; key++)
		view_press(&v, (enum view_key)key, '/');
	view_free(&v);
}

static void lengths_of_any_size_add_up(void **state)
{
	static const char *const lines[] = {
		PATH("a", FILE_EVENT(0, added, 9223372036854775807)),
		PATH("b", FILE_EVENT(0, added, 9223372036854775807) "," REMOVED),
		PATH("c", FILE_EVENT(0, added, 9223372036854775807)),
		NULL,
	};
	auto_explored *x = make(lines);
	assert_int_equal(x->size, INT64_MAX);
	assert_true(x->visible <= x->size);
	assert_true(explored_efficiency(x) <= 1);
}

static void lines_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		PATH("", FOLDER),
		PATH("nowhere/x", FOLDER),
		PATH("x", ""),
		PATH("x", FILE_EVENT(2, added, 1)),
		PATH("x", FILE_EVENT(-1, added, 1)),
		PATH("x", FILE_EVENT(0, added, -1)),
		PATH("x", FILE_EVENT(0, eaten, 1)),
		PATH("x", FILE_EVENT(1, added, 1) "," FILE_EVENT(0, added, 1)),
		PATH("x", FOLDER "," FOLDER "," FOLDER "," FOLDER "," FOLDER),
		"{\"Path\":\"x\",\"PathHex\":\"zz\",\"Events\":[" FOLDER "]}",
		"{\"error\":\"disk on fire\"}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_explored *x = explored_new();
		struct err *err = NULL;
		assert_int_equal(add(x, HEAD, NULL), 0);
		assert_int_equal(add(x, bad[i], &err), -1);
		assert_non_null(err);
		err_free(err);
	}
}

static void an_error_in_the_stream_steers_no_terminal(void **state)
{
	auto_explored *x = explored_new();
	struct err *err = NULL;
	assert_int_equal(add(x, HEAD, NULL), 0);
	assert_int_equal(add(x, "{\"error\":\"\\u001b[2J on fire\"}", &err), -1);
	assert_string_equal(err_msg(err), "Error response from daemon: ?[2J on fire");
	err_free(err);
}

static void hexadecimal_names_are_bytes(void **state)
{
	static const char *const lines[] = {
		"{\"Path\":\"\\ufffd\",\"PathHex\":\"ff0a\",\"Events\":[" FOLDER "]}", NULL};
	auto_explored *x = make(lines);
	assert_string_equal(x->root->child->name, "\xff\n");
}

/* The screen's rows: "bin/ sh new". */
static char *rows_of(const struct view *v)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < v->count; i++)
		buf_addf(&out, "%s%s%s%s", i ? " " : "", i == v->at ? "*" : "",
			v->rows[i].file->name, v->rows[i].file->child ? "/" : "");
	return buf_steal(&out);
}

#define EXPECT_ROWS(v, text)                                                                       \
	do {                                                                                       \
		auto_free char *got = rows_of(v);                                                  \
		assert_string_equal(got, text);                                                    \
	} while (0)

static void the_screen_folds_sorts_and_looks_at_single_layers(void **state)
{
	auto_explored *x = make(image);
	struct view v;
	view_init(&v, x);
	EXPECT_ROWS(&v, "*bin/ new");
	view_press(&v, KEY_RIGHT, 0);
	EXPECT_ROWS(&v, "*bin/ sh tool new");
	view_press(&v, KEY_DOWN, 0);
	view_press(&v, KEY_DOWN, 0);
	EXPECT_ROWS(&v, "bin/ sh *tool new");
	view_press(&v, KEY_LEFT, 0);
	EXPECT_ROWS(&v, "*bin/ sh tool new");
	view_press(&v, KEY_CHARACTER, '[');
	EXPECT_ROWS(&v, "*bin/ sh tool gone/");
	view_press(&v, KEY_CHARACTER, ']');
	view_press(&v, KEY_TAB, 0); /* layer 1 alone: bin is on the way to tool */
	EXPECT_ROWS(&v, "*bin/ tool gone/ new");
	assert_null(view_event(&v, v.rows[0].file));
	assert_int_equal(view_size(&v, v.rows[0].file), 200);
	view_press(&v, KEY_TAB, 0);
	view_press(&v, KEY_CHARACTER, 's');
	EXPECT_ROWS(&v, "*bin/ sh tool new");
	view_press(&v, KEY_END, 0);
	EXPECT_ROWS(&v, "bin/ sh tool *new");
	assert_false(view_press(&v, KEY_CHARACTER, 'q'));
	view_free(&v);
}

static void the_screen_finds_what_is_folded_away(void **state)
{
	auto_explored *x = make(image);
	struct view v;
	view_init(&v, x);
	view_press(&v, KEY_CHARACTER, '/');
	for (const char *c = "qTOO"; *c; c++)
		view_press(&v, KEY_CHARACTER, *c);
	view_press(&v, KEY_ENTER, 0);
	EXPECT_ROWS(&v, "*bin/ new");
	assert_string_equal(v.notice, "nothing found");
	view_press(&v, KEY_CHARACTER, '/');
	for (const char *c = "TOOX"; *c; c++)
		view_press(&v, KEY_CHARACTER, *c);
	view_press(&v, KEY_BACKSPACE, 0);
	view_press(&v, KEY_ENTER, 0);
	EXPECT_ROWS(&v, "bin/ sh *tool new");
	view_press(&v, KEY_CHARACTER, 'n'); /* round to itself */
	EXPECT_ROWS(&v, "bin/ sh *tool new");
	view_free(&v);
}

static void the_chosen_row_stays_on_the_screen(void **state)
{
	auto_explored *x = make(image);
	struct view v;
	view_init(&v, x);
	view_press(&v, KEY_CHARACTER, '*');
	for (v.height = 3; v.height > 0; v.height--) {
		view_press(&v, KEY_END, 0);
		assert_true(v.at >= v.top && v.at < v.top + v.height);
		view_press(&v, KEY_PAGE_UP, 0);
		assert_true(v.at >= v.top && v.at < v.top + v.height);
		view_press(&v, KEY_HOME, 0);
		assert_int_equal(v.top, 0);
	}
	view_free(&v);
}

static void keys_are_read_from_a_terminals_bytes(void **state)
{
	static const struct {
		const char *bytes;
		size_t used;
		enum view_key key;
	} cases[] = {
		{"\x1b[A", 3, KEY_UP},
		{"\x1bOB", 3, KEY_DOWN},
		{"\x1b[1;5C", 6, KEY_RIGHT},
		{"\x1b[5~x", 4, KEY_PAGE_UP},
		{"\x1b[200~", 6, KEY_NONE},
		{"\x1b[", 0, KEY_CHARACTER},
		{"\x1b", 1, KEY_ESCAPE},
		{"\x1bx", 1, KEY_ESCAPE},
		{"\r", 1, KEY_ENTER},
		{"\x7f", 1, KEY_BACKSPACE},
		{"q", 1, KEY_CHARACTER},
		{"", 0, KEY_CHARACTER},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum view_key key;
		char byte;
		assert_int_equal(
			view_parse_key(cases[i].bytes, strlen(cases[i].bytes), &key, &byte),
			cases[i].used);
		if (cases[i].used)
			assert_int_equal(key, cases[i].key);
	}
}

static void names_cannot_steer_a_terminal(void **state)
{
	static const struct {
		const char *name, *shown;
	} cases[] = {
		{"plain.txt", "plain.txt"},
		{"\x1b[31mred", "\\x1b[31mred"},
		{"a\nb\tc\rd", "a\\nb\\tc\\x0dd"},
		{"back\\slash", "back\\\\slash"},
		{"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
		{"\xff\xc3", "\\xff\\xc3"},
		{"\xc2\x9b", "\\xc2\\x9b"}, /* C1: CSI in one character */
		{"\xe2\x80\xaetxt.exe", "\\u{202e}txt.exe"},
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
		{"\xc0\xaf", "\\xc0\\xaf"}, /* longer than need be */
		{"\x7f", "\\x7f"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *shown = escape_name(cases[i].name);
		assert_string_equal(shown, cases[i].shown);
	}
}

static void modes_read_like_those_of_ls(void **state)
{
	char text[11];
	assert_string_equal(file_mode_text('-', 0644, text), "-rw-r--r--");
	assert_string_equal(file_mode_text('d', 01777, text), "drwxrwxrwt");
	assert_string_equal(file_mode_text('-', 06755, text), "-rwsr-sr-x");
	assert_string_equal(file_mode_text('-', 07000, text), "---S--S--T");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wasted_bytes_are_those_that_nobody_sees),
		cmocka_unit_test(what_is_wasted_does_not_round_away),
		cmocka_unit_test(names_of_one_file_count_once),
		cmocka_unit_test(an_empty_image_is_efficient),
		cmocka_unit_test(lengths_of_any_size_add_up),
		cmocka_unit_test(lines_that_cannot_be_are_refused),
		cmocka_unit_test(an_error_in_the_stream_steers_no_terminal),
		cmocka_unit_test(hexadecimal_names_are_bytes),
		cmocka_unit_test(the_screen_folds_sorts_and_looks_at_single_layers),
		cmocka_unit_test(the_screen_finds_what_is_folded_away),
		cmocka_unit_test(the_chosen_row_stays_on_the_screen),
		cmocka_unit_test(keys_are_read_from_a_terminals_bytes),
		cmocka_unit_test(names_cannot_steer_a_terminal),
		cmocka_unit_test(modes_read_like_those_of_ls),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
