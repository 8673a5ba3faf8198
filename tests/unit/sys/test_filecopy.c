#include "sys/filecopy.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int unnamed(void)
{
	int fd = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

static void expect_at(int fd, off_t at, const char *text)
{
	char room[16];
	size_t n = strlen(text);
	assert_int_equal(pread(fd, room, n, at), n);
	assert_memory_equal(room, text, n);
}

static void copy(int from, int to)
{
	struct stat st, copied;
	assert_int_equal(fstat(from, &st), 0);
	assert_int_equal(filecopy_content(from, to, &st), 0);
	assert_int_equal(fstat(to, &copied), 0);
	assert_int_equal(copied.st_size, st.st_size);
}

static void holes_stay_holes(void **state)
{
	const off_t far = (off_t)1 << 40;
	struct stat st;
	int from = unnamed(), to = unnamed();
	assert_int_equal(pwrite(from, "begin", 5, 0), 5);
	assert_int_equal(pwrite(from, "middle", 6, far), 6);
	assert_int_equal(ftruncate(from, 2 * far), 0);
	copy(from, to);
	expect_at(to, 0, "begin");
	expect_at(to, far, "middle");
	assert_int_equal(fstat(to, &st), 0);
	assert_true(st.st_blocks < 1000);
	close(from);
	close(to);
}

static void what_the_kernel_does_not_copy_goes_through_us(void **state)
{
	enum { SIZE = 300000 };
	char *content = malloc(SIZE), *copied = malloc(SIZE);
	/* a memfd and a file: two file systems */
	int from = memfd_create("from", MFD_CLOEXEC), to = unnamed();
	for (size_t i = 0; i < SIZE; i++)
		content[i] = (char)(i * 7 + i / 1000);
	assert_int_equal(pwrite(from, content, SIZE, 0), SIZE);
	copy(from, to);
	assert_int_equal(pread(to, copied, SIZE, 0), SIZE);
	assert_memory_equal(copied, content, SIZE);
	free(content);
	free(copied);
	close(from);
	close(to);
}

static void an_empty_file_is_one(void **state)
{
	int from = unnamed(), to = unnamed();
	copy(from, to);
	close(from);
	close(to);
}

static void one_that_ends_early_is_an_error(void **state)
{
	struct stat st;
	int from = unnamed(), to = unnamed();
	assert_int_equal(pwrite(from, "0123456789", 10, 0), 10);
	assert_int_equal(fstat(from, &st), 0);
	assert_int_equal(ftruncate(from, 4), 0);
	st.st_blocks = 8;
	assert_int_equal(filecopy_content(from, to, &st), -1);
	assert_int_equal(errno, EIO);
	close(from);
	close(to);
}

/* Of which nothing is left to be read, so that zeroes would do. */
static void a_sparse_one_that_ends_early_is_an_error(void **state)
{
	struct stat st;
	int from = unnamed(), to = unnamed();
	assert_int_equal(pwrite(from, "0123456789", 10, 0), 10);
	assert_int_equal(pwrite(from, "0123456789", 10, 1 << 20), 10);
	assert_int_equal(fstat(from, &st), 0);
	assert_true(st.st_blocks * 512 < st.st_size);
	assert_int_equal(ftruncate(from, 1 << 19), 0);
	assert_int_equal(filecopy_content(from, to, &st), -1);
	assert_int_equal(errno, EIO);
	close(from);
	close(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_stay_holes),
		cmocka_unit_test(what_the_kernel_does_not_copy_goes_through_us),
		cmocka_unit_test(an_empty_file_is_one),
		cmocka_unit_test(one_that_ends_early_is_an_error),
		cmocka_unit_test(a_sparse_one_that_ends_early_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
