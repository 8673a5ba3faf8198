/* Reading json-file logs over rotated files. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "logfiles.h"

struct fixture {
	char path[64];
	int dir;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	strcpy(f->path, "/tmp/kist-logfiles-XXXXXX");
	assert_non_null(mkdtemp(f->path));
	f->dir = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	fd_close(f->dir);
	tree_remove(AT_FDCWD, f->path, NULL);
	free(f);
	return 0;
}

/* Lines "<from>\n" ... "<to>\n", one a second; odd ones on stderr. */
static void put_lines(struct fixture *f, const char *name, int from, int to)
{
	int fd = openat(f->dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	for (int i = from; i <= to; i++)
		dprintf(fd,
			"{\"log\":\"%d\\n\",\"stream\":\"%s\",\"time\":\"2026-01-01T00:00:%02d."
			"5Z\"}\n",
			i, i % 2 ? "stderr" : "stdout", i);
	close(fd);
}

static void put_text(struct fixture *f, const char *name, const char *text)
{
	int fd = openat(f->dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	close(fd);
}

static void open_files(struct fixture *f, struct log_files *files, int64_t tail)
{
	log_files_open(files, openat(f->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), "log", tail);
}

static const struct log_options all = {.out = true, .err = true, .raw = true, .tail = -1};

/* One call looks at a bounded part of the file. */
static void read_all(struct log_files *files, const struct log_options *o, struct buf *out)
{
	while (log_files_read(files, o, out, 1 << 20) == LOG_MORE)
		;
}

static void expect(struct fixture *f, const struct log_options *o, const char *text)
{
	struct log_files files;
	auto_buf out = BUF_INIT;
	open_files(f, &files, o->tail);
	read_all(&files, o, &out);
	assert_string_equal(buf_str(&out), text);
	log_files_close(&files);
}

static void test_oldest_first(void **state)
{
	struct fixture *f = *state;
	put_lines(f, "log.2", 1, 2);
	put_lines(f, "log.1", 3, 4);
	put_lines(f, "log", 5, 6);
	expect(f, &all, "1\n2\n3\n4\n5\n6\n");
}

static void test_tail(void **state)
{
	struct fixture *f = *state;
	struct log_options o = all;
	static const char *const want[] = {"", "6\n", "5\n6\n", "4\n5\n6\n", "3\n4\n5\n6\n",
		"2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\n", "1\n2\n3\n4\n5\n6\n"};
	put_lines(f, "log.2", 1, 2);
	put_lines(f, "log.1", 3, 4);
	put_lines(f, "log", 5, 6);
	for (o.tail = 0; o.tail < (int64_t)ARRAY_LEN(want); o.tail++)
		expect(f, &o, want[o.tail]);
}

static void test_tail_with_empty_newest(void **state)
{
	struct fixture *f = *state;
	struct log_options o = all;
	put_lines(f, "log.1", 1, 3);
	put_text(f, "log", "");
	o.tail = 2;
	expect(f, &o, "2\n3\n");
}

static void test_tail_of_long_file(void **state)
{
	struct fixture *f = *state;
	struct log_options o = all;
	for (int i = 0; i < 200; i++)
		put_lines(f, "log", 10, 59);
	o.tail = 3;
	expect(f, &o, "57\n58\n59\n");
	o.tail = 9999;
	struct log_files files;
	auto_buf out = BUF_INIT;
	open_files(f, &files, o.tail);
	read_all(&files, &o, &out);
	assert_int_equal(out.len, 9999 * 3);
	log_files_close(&files);
}

static void test_times_and_streams(void **state)
{
	struct fixture *f = *state;
	struct log_options o = all;
	const int64_t base = 1767225600ll * 1000000000; /* 2026-01-01 */
	put_lines(f, "log", 1, 6);
	o.since = base + 3 * 1000000000ll;
	expect(f, &o, "3\n4\n5\n6\n");
	o.until = base + 5 * 1000000000ll;
	expect(f, &o, "3\n4\n");
	o.since = o.until = 0;
	o.err = false;
	expect(f, &o, "2\n4\n6\n");
}

static void test_torn_and_foreign_lines(void **state)
{
	struct fixture *f = *state;
	put_lines(f, "log", 1, 1);
	put_text(f, "log", "{\"log\":\"torn\n");
	put_text(f, "log", "[]\n{\"log\":7}\nnot json\n\n");
	put_lines(f, "log", 2, 2);
	put_text(f, "log", "{\"log\":\"unfinished");
	expect(f, &all, "1\n2\n");
}

static void test_format(void **state)
{
	struct fixture *f = *state;
	struct log_options o = all;
	put_text(f, "log",
		"{\"log\":\"x\\u0000y\",\"stream\":\"stderr\",\"attrs\":{\"a\":\"b\"},\"time\":"
		"\"2026-01-01T00:00:01.5Z\"}\n");
	o.raw = false;
	o.timestamps = o.details = true;
	struct log_files files;
	auto_buf out = BUF_INIT;
	open_files(f, &files, -1);
	log_files_read(&files, &o, &out, 1 << 20);
	static const char want[] = "\2\0\0\0\0\0\0\46"
				   "2026-01-01T00:00:01.500000000Z a=b x\0y";
	assert_int_equal(out.len, sizeof(want) - 1);
	assert_memory_equal(out.data, want, sizeof(want) - 1);
	log_files_close(&files);
}

static void test_following_over_rotation(void **state)
{
	struct fixture *f = *state;
	struct log_files files;
	auto_buf out = BUF_INIT;
	put_lines(f, "log", 1, 2);
	open_files(f, &files, -1);
	assert_int_equal(log_files_read(&files, &all, &out, 1 << 20), LOG_WAIT);
	put_lines(f, "log", 3, 3);
	/* two rotations behind the reader's back */
	assert_int_equal(renameat(f->dir, "log", f->dir, "log.1"), 0);
	put_lines(f, "log", 4, 4);
	assert_int_equal(renameat(f->dir, "log.1", f->dir, "log.2"), 0);
	assert_int_equal(renameat(f->dir, "log", f->dir, "log.1"), 0);
	put_lines(f, "log", 5, 5);
	assert_int_equal(log_files_read(&files, &all, &out, 1 << 20), LOG_WAIT);
	assert_string_equal(buf_str(&out), "1\n2\n3\n4\n5\n");
	/* the file being read is rotated out of existence */
	assert_int_equal(unlinkat(f->dir, "log", 0), 0);
	put_lines(f, "log", 6, 6);
	assert_int_equal(log_files_read(&files, &all, &out, 1 << 20), LOG_WAIT);
	assert_non_null(strstr(buf_str(&out), "6\n"));
	log_files_close(&files);
}

static void test_emptied_file(void **state)
{
	struct fixture *f = *state;
	struct log_files files;
	auto_buf out = BUF_INIT;
	put_lines(f, "log", 1, 3);
	open_files(f, &files, -1);
	log_files_read(&files, &all, &out, 1 << 20);
	int fd = openat(f->dir, "log", O_WRONLY | O_TRUNC | O_CLOEXEC);
	close(fd);
	put_lines(f, "log", 4, 4);
	log_files_read(&files, &all, &out, 1 << 20);
	assert_string_equal(buf_str(&out), "1\n2\n3\n4\n");
	log_files_close(&files);
}

static void test_bounded_portions(void **state)
{
	struct fixture *f = *state;
	struct log_files files;
	auto_buf all_out = BUF_INIT;
	put_lines(f, "log.1", 1, 9);
	put_lines(f, "log", 10, 19);
	open_files(f, &files, -1);
	enum log_more more;
	do {
		auto_buf out = BUF_INIT;
		more = log_files_read(&files, &all, &out, 4);
		assert_true(out.len <= 8);
		buf_add(&all_out, out.data, out.len);
	} while (more == LOG_MORE);
	assert_int_equal(all_out.len, 9 * 2 + 10 * 3);
	log_files_close(&files);
}

static void test_overlong_garbage(void **state)
{
	struct fixture *f = *state;
	auto_free char *line = xmalloc((1 << 20) + 1);
	memset(line, 'x', 1 << 20);
	line[1 << 20] = 0;
	put_text(f, "log", line);
	put_text(f, "log", "\n");
	put_lines(f, "log", 7, 7);
	expect(f, &all, "7\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_oldest_first),
		T(test_tail),
		T(test_tail_with_empty_newest),
		T(test_tail_of_long_file),
		T(test_times_and_streams),
		T(test_torn_and_foreign_lines),
		T(test_format),
		T(test_following_over_rotation),
		T(test_emptied_file),
		T(test_bounded_portions),
		T(test_overlong_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
