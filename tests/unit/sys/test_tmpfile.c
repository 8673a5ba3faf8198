/* A file without a name, also where the file system has none to give. */
#include "../cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/tmpfile.h"

static int refusal; /* what O_TMPFILE gets; 0: the kernel's answer */

/* openat(), by the name that it has with 64-bit offsets */
int __real_openat64(int dir, const char *name, int flags, ...);
int __wrap_openat64(int dir, const char *name, int flags, ...);
int __wrap_openat64(int dir, const char *name, int flags, ...)
{
	va_list more;
	va_start(more, flags);
	mode_t mode = va_arg(more, mode_t);
	va_end(more);
	if (refusal && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = refusal;
		return -1;
	}
	return __real_openat64(dir, name, flags, mode);
}

static char folder[] = "/tmp/kist-tmpfile.XXXXXX";

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder); /* fails if a name is left */
}

static int open_folder(void)
{
	int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(dir >= 0);
	return dir;
}

static void it_has_no_name_and_can_be_written_and_read(int dir)
{
	struct stat st;
	char got[4];
	int fd = tmpfile_open(dir, O_APPEND);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFL) & O_APPEND);
	assert_int_equal(write(fd, "text", 4), 4);
	assert_int_equal(pread(fd, got, 4, 0), 4);
	assert_memory_equal(got, "text", 4);
	close(fd);
}

static void the_kernel_s_own(void **state)
{
	(void)state;
	int dir = open_folder();
	refusal = 0;
	it_has_no_name_and_can_be_written_and_read(dir);
	close(dir);
}

static void a_name_that_is_taken_away_where_there_is_no_o_tmpfile(void **state)
{
	(void)state;
	int dir = open_folder();
	refusal = EOPNOTSUPP;
	it_has_no_name_and_can_be_written_and_read(dir);
	/* another one is there, as a kill -9 may leave it: it is not touched */
	int other = openat(dir, ".spool.0", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	assert_true(other >= 0);
	it_has_no_name_and_can_be_written_and_read(dir);
	struct stat st;
	assert_int_equal(fstat(other, &st), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(unlinkat(dir, ".spool.0", 0), 0);
	close(other);
	close(dir);
}

static void any_other_refusal_is_told(void **state)
{
	(void)state;
	int dir = open_folder();
	refusal = ENOSPC;
	assert_int_equal(tmpfile_open(dir, 0), -1);
	assert_int_equal(errno, ENOSPC);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_s_own),
		cmocka_unit_test(a_name_that_is_taken_away_where_there_is_no_o_tmpfile),
		cmocka_unit_test(any_other_refusal_is_told),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
