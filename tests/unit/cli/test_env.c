#include "../cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/str.h"
#include "env.h"
#include "filter.h"

static char *make_file(const char *text)
{
	char *path = xstrdup("/tmp/kist-test-env-XXXXXX");
	auto_fd int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
	return path;
}

static void variables(void **state)
{
	auto_free char *path =
		make_file("\xef\xbb\xbf"
			  "A=1\r\n# comment\n\n  B=two words\nKIST_T_SET\nKIST_T_UNSET\n");
	auto_strv out = NULL;
	setenv("KIST_T_SET", "mine", 1);
	unsetenv("KIST_T_UNSET");
	char *const files[] = {path, NULL};
	const char *const values[] = {"C=", "KIST_T_SET", "KIST_T_UNSET", NULL};
	assert_int_equal(env_collect(files, (char *const *)values, &out, NULL), 0);
	auto_free char *all = strv_join(out, "|");
	assert_string_equal(all, "A=1|B=two words|KIST_T_SET=mine|C=|KIST_T_SET=mine|KIST_T_UNSET");
	unlink(path);
}

static void bad_files(void **state)
{
	auto_free char *path = make_file("A B=1\n");
	auto_strv out = NULL;
	auto_err *err = NULL;
	char *const files[] = {path, NULL};
	const char *const absent[] = {"/nonexistent/env", NULL};
	assert_int_equal(env_collect(files, NULL, &out, &err), -1);
	assert_non_null(strstr(err_msg(err), "variable 'A B' contains whitespaces"));
	assert_int_equal(env_collect((char *const *)absent, NULL, &out, &err), -1);
	assert_string_equal(err_msg(err), "open /nonexistent/env: no such file or directory");
	unlink(path);
}

static void labels(void **state)
{
	auto_free char *path = make_file("a=1\nalone\n");
	auto_strv out = NULL;
	char *const files[] = {path, NULL};
	const char *const values[] = {"b", NULL};
	assert_int_equal(label_collect(files, (char *const *)values, &out, NULL), 0);
	auto_free char *all = strv_join(out, "|");
	assert_string_equal(all, "a=1|b");
	unlink(path);
}

static void filters(void **state)
{
	const char *const values[] = {"Status=exited", "status = created", "name=a=b", NULL};
	auto_free char *text = filter_text((char *const *)values);
	assert_string_equal(
		text, "{\"status\":{\"exited\":true,\"created\":true},\"name\":{\"a=b\":true}}");
	assert_null(filter_text(NULL));
	assert_int_equal(check_filter("foo", NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables),
		cmocka_unit_test(bad_files),
		cmocka_unit_test(labels),
		cmocka_unit_test(filters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
