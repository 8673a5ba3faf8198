#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <sys/stat.h>
#include <cmocka.h>

#include "base/fdio.h"
#include "base/json.h"
#include "base/mem.h"
#include "logfile.h"

#define NAME "c-json.log"

struct fixture {
	char path[64];
	int dir;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-test-logfile-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->dir < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	close(f->dir);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

static struct logfile *must_open(
	struct fixture *f, int64_t max_size, uint32_t max_file, const char *attrs)
{
	struct logfile *log = NULL;
	assert_int_equal(logfile_open(&log, f->dir, NAME, max_size, max_file, attrs, NULL), 0);
	return log;
}

struct lines {
	json_t *v[64];
	size_t n;
};

/* Every line must be a whole JSON object. */
static struct lines read_lines(struct fixture *f, const char *name)
{
	struct lines l = {0};
	auto_buf text = BUF_INIT;
	assert_int_equal(file_read(f->dir, name, 1 << 24, &text, NULL), 0);
	char *save = NULL;
	for (char *at = strtok_r(text.len ? text.data : NULL, "\n", &save); at;
		at = strtok_r(NULL, "\n", &save)) {
		assert_true(l.n < ARRAY_LEN(l.v));
		l.v[l.n] = json_parse(at, strlen(at), "line", NULL);
		assert_non_null(l.v[l.n]);
		l.n++;
	}
	return l;
}

static void free_lines(struct lines *l)
{
	for (size_t i = 0; i < l->n; i++)
		json_decref(l->v[i]);
}

static const char *field(json_t *line, const char *key)
{
	return json_string_value(json_object_get(line, key));
}

static void writes_docker_lines(void **state)
{
	struct fixture *f = *state;
	struct logfile *log = must_open(f, 0, 1, "{\"a\":\"b\"}");
	struct log_stream out = {.name = "stdout"}, err = {.name = "stderr"};
	logfile_add(log, &out, "one\ntw", 6);
	logfile_add(log, &err, "e<\n", 3);
	logfile_add(log, &out, "o\nrest", 6);
	logfile_end(log, &out);
	logfile_end(log, &err);
	logfile_close(log);
	struct lines l = read_lines(f, NAME);
	assert_int_equal(l.n, 4);
	assert_string_equal(field(l.v[0], "log"), "one\n");
	assert_string_equal(field(l.v[0], "stream"), "stdout");
	assert_string_equal(field(l.v[1], "log"), "e<\n");
	assert_string_equal(field(l.v[1], "stream"), "stderr");
	assert_string_equal(field(l.v[2], "log"), "two\n");
	assert_string_equal(field(l.v[3], "log"), "rest");
	assert_string_equal(field(json_object_get(l.v[0], "attrs"), "a"), "b");
	assert_non_null(strchr(field(l.v[0], "time"), 'Z'));
	free_lines(&l);
	auto_buf text = BUF_INIT;
	assert_int_equal(file_read(f->dir, NAME, 65536, &text, NULL), 0);
	assert_non_null(strstr(text.data,
		"{\"log\":\"one\\n\",\"stream\":\"stdout\",\"attrs\":{\"a\":\"b\"},\"time\":\"2"));
}

static void long_line(struct fixture *f, size_t len, size_t step)
{
	auto_buf text = BUF_INIT;
	for (size_t i = 0; i < len; i++)
		buf_addc(&text, (char)('a' + i % 26));
	buf_adds(&text, "\nnext\n");
	struct logfile *log = must_open(f, 0, 1, NULL);
	struct log_stream out = {.name = "stdout"};
	for (size_t at = 0; at < text.len; at += step)
		logfile_add(log, &out, text.data + at, text.len - at < step ? text.len - at : step);
	logfile_end(log, &out);
	logfile_close(log);
}

static void splits_long_lines(void **state)
{
	struct fixture *f = *state;
	const size_t steps[] = {1000000, 4096, 1000, 16384, 16385};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		unlinkat(f->dir, NAME, 0);
		long_line(f, 40000, steps[i]);
		struct lines l = read_lines(f, NAME);
		assert_int_equal(l.n, 4);
		assert_int_equal(strlen(field(l.v[0], "log")), 16384);
		assert_int_equal(strlen(field(l.v[1], "log")), 16384);
		assert_int_equal(strlen(field(l.v[2], "log")), 40000 - 2 * 16384 + 1);
		assert_string_equal(field(l.v[0], "time"), field(l.v[1], "time"));
		assert_string_equal(field(l.v[0], "time"), field(l.v[2], "time"));
		assert_string_equal(field(l.v[3], "log"), "next\n");
		assert_string_not_equal(field(l.v[0], "time"), field(l.v[3], "time"));
		free_lines(&l);
	}
}

static void splits_at_the_very_edge(void **state)
{
	struct fixture *f = *state;
	long_line(f, 16383, 777);
	struct lines l = read_lines(f, NAME);
	assert_int_equal(l.n, 2); /* with its newline exactly one piece */
	free_lines(&l);
	unlinkat(f->dir, NAME, 0);
	long_line(f, 16384, 777);
	l = read_lines(f, NAME);
	assert_int_equal(l.n, 3); /* a full piece, then the newline alone, as moby */
	assert_string_equal(field(l.v[1], "log"), "\n");
	free_lines(&l);
}

static void mends_a_torn_line(void **state)
{
	struct fixture *f = *state;
	const char *torn = "{\"log\":\"a\\n\",\"stream\":\"stdout\",\"time\":\"t\"}\n{\"log\":\"b";
	assert_int_equal(file_replace(f->dir, NAME, torn, strlen(torn), 0640, false, NULL), 0);
	struct logfile *log = must_open(f, 0, 1, NULL);
	struct log_stream out = {.name = "stdout"};
	logfile_add(log, &out, "c\n", 2);
	logfile_close(log);
	struct lines l = read_lines(f, NAME);
	assert_int_equal(l.n, 2);
	assert_string_equal(field(l.v[1], "log"), "c\n");
	free_lines(&l);
}

static size_t count_lines(struct fixture *f, const char *name)
{
	if (faccessat(f->dir, name, F_OK, 0) < 0)
		return 0;
	struct lines l = read_lines(f, name);
	size_t n = l.n;
	free_lines(&l);
	return n;
}

static void write_numbers(struct logfile *log, int from, int to)
{
	struct log_stream out = {.name = "stdout"};
	auto_buf text = BUF_INIT;
	for (int i = from; i < to; i++)
		buf_addf(&text, "%05d\n", i);
	logfile_add(log, &out, text.data, text.len);
	logfile_end(log, &out);
}

/* Four lines to a file: each has 76 bytes, less the zeroes at the end of its time, ten at most. */
#define FOUR_LINES 250

static void rotates(void **state)
{
	struct fixture *f = *state;
	struct logfile *log = must_open(f, FOUR_LINES, 3, NULL);
	write_numbers(log, 0, 20);
	logfile_close(log);
	assert_int_equal(count_lines(f, NAME), 4);
	assert_int_equal(count_lines(f, NAME ".1"), 4);
	assert_int_equal(count_lines(f, NAME ".2"), 4);
	assert_int_equal(faccessat(f->dir, NAME ".3", F_OK, 0), -1);
	struct lines l = read_lines(f, NAME ".2");
	assert_string_equal(field(l.v[0], "log"), "00008\n");
	free_lines(&l);
	l = read_lines(f, NAME);
	assert_string_equal(field(l.v[3], "log"), "00019\n");
	free_lines(&l);
}

static void one_file_is_emptied(void **state)
{
	struct fixture *f = *state;
	struct logfile *log = must_open(f, FOUR_LINES, 1, NULL);
	write_numbers(log, 0, 10);
	logfile_close(log);
	assert_int_equal(count_lines(f, NAME), 2);
	assert_int_equal(faccessat(f->dir, NAME ".1", F_OK, 0), -1);
}

static void full_disk_leaves_whole_lines(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, tight = {4096, 4096};
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	tight.rlim_max = old.rlim_max;
	struct logfile *log = must_open(f, 0, 1, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	write_numbers(log, 0, 200);
	write_numbers(log, 200, 300);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	struct stat st;
	assert_int_equal(fstatat(f->dir, NAME, &st, 0), 0);
	assert_true(st.st_size > 4000 && st.st_size <= 4096);
	write_numbers(log, 777, 778);
	logfile_close(log);
	auto_buf text = BUF_INIT;
	assert_int_equal(file_read(f->dir, NAME, 65536, &text, NULL), 0);
	assert_non_null(strstr(text.data, "\"}\n{\"log\":\"00777\\n\""));
}

static void refuses_what_is_not_a_file(void **state)
{
	struct fixture *f = *state;
	struct logfile *log = NULL;
	auto_err *err = NULL;
	assert_int_equal(symlinkat("/etc/passwd", f->dir, NAME), 0);
	assert_int_equal(logfile_open(&log, f->dir, NAME, 0, 1, NULL, &err), -1);
	assert_non_null(err);
	unlinkat(f->dir, NAME, 0);
	assert_int_equal(mkfifoat(f->dir, NAME, 0600), 0);
	assert_int_equal(logfile_open(&log, f->dir, NAME, 0, 1, NULL, &err), -1);
}

static void multibyte_across_reads(void **state)
{
	struct fixture *f = *state;
	struct logfile *log = must_open(f, 0, 1, NULL);
	struct log_stream out = {.name = "stdout"};
	logfile_add(log, &out, "gr\xc3", 3);
	logfile_add(log, &out, "\xbc\xc3\x9f \xff\n", 6);
	logfile_close(log);
	struct lines l = read_lines(f, NAME);
	assert_string_equal(field(l.v[0], "log"), "gr\xc3\xbc\xc3\x9f \xef\xbf\xbd\n");
	free_lines(&l);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(writes_docker_lines),
		WITH(splits_long_lines),
		WITH(splits_at_the_very_edge),
		WITH(mends_a_torn_line),
		WITH(rotates),
		WITH(one_file_is_emptied),
		WITH(full_disk_leaves_whole_lines),
		WITH(refuses_what_is_not_a_file),
		WITH(multibyte_across_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
