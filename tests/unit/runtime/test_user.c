/* Users and groups from an image's files, by Docker's rules. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "user.h"

static const char passwd_text[] = "root:x:0:0:root:/root:/bin/sh\n"
				  "# a comment: with:colons\n"
				  "\n"
				  "adm:x:3:4:adm:/var/adm:/bin/false\n"
				  "1000:x:0:0:a trap:/root:/bin/sh\n"
				  "bob:x:1000:1001:Bob:/home/bob:/bin/sh\n"
				  "broken:x:notanumber:0::/:\n"
				  "huge:x:4294967296:0::/:\n"
				  "short:x\n"
				  "homeless:x:7:7::\n"
				  "last:x:8:9::/l:/s";
static const char group_text[] = "root:x:0:root\n"
				 "bin:x:1:root,bin,adm\n"
				 "bobs:x:1001:\n"
				 "video:x:44:alice,bob\n"
				 "audio:x:63:bobby,xbob\n"
				 "77:x:0:\n"
				 "bad:x:zz:bob\n";

static int file_of(const void *p, size_t n)
{
	int fd = memfd_create("t", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, p, n), 0);
	return fd;
}

static struct user user;
static struct user_fault fault;

static int resolve(const char *spec, const char *const *add)
{
	auto_fd int passwd = file_of(passwd_text, sizeof(passwd_text) - 1);
	auto_fd int group = file_of(group_text, sizeof(group_text) - 1);
	return user_resolve(&user, spec, add, passwd, group, &fault);
}

static void expect(const char *spec, uint32_t uid, uint32_t gid, const char *home)
{
	if (resolve(spec, NULL) < 0)
		fail_msg("%s: %s", spec, fault.text);
	assert_int_equal(user.uid, uid);
	assert_int_equal(user.gid, gid);
	assert_string_equal(user.home, home);
	assert_int_equal(user.groups[0], gid);
}

static void refuse(const char *spec, const char *text)
{
	assert_int_equal(resolve(spec, NULL), -1);
	assert_string_equal(fault.text, text);
	assert_int_equal(fault.kind, ERR_INVALID);
}

static void test_names_and_numbers(void **state)
{
	expect("", 0, 0, "/root");
	expect("root", 0, 0, "/root");
	expect("bob", 1000, 1001, "/home/bob");
	expect("1000", 1000, 1001, "/home/bob"); /* CVE-2016-3697: not the user named 1000 */
	expect("4242", 4242, 0, "/");
	expect("4242:77", 4242, 77, "/"); /* and not the group named 77 */
	expect("bob:video", 1000, 44, "/home/bob");
	expect("adm:5", 3, 5, "/var/adm");
	expect("homeless", 7, 7, "/");
	expect("last", 8, 9, "/l");
	expect("2147483647", 2147483647, 0, "/");
	expect("bob:", 1000, 1001, "/home/bob");
}

static void test_groups(void **state)
{
	assert_int_equal(resolve("bob", NULL), 0);
	assert_int_equal(user.group_count, 2);
	assert_int_equal(user.groups[0], 1001);
	assert_int_equal(user.groups[1], 44);
	assert_int_equal(resolve("", NULL), 0);
	assert_int_equal(user.group_count, 2);
	assert_int_equal(user.groups[1], 1);
	/* an explicit group means only that one */
	assert_int_equal(resolve("bob:bin", NULL), 0);
	assert_int_equal(user.group_count, 1);
}

static void test_group_add(void **state)
{
	const char *const add[] = {"audio", "63", "12345", "root", NULL};
	assert_int_equal(resolve("bob", add), 0);
	assert_int_equal(user.group_count, 5);
	assert_int_equal(user.groups[2], 63);
	assert_int_equal(user.groups[3], 12345);
	assert_int_equal(user.groups[4], 0);
	const char *const unknown[] = {"nosuch", NULL};
	assert_int_equal(resolve("bob", unknown), -1);
	assert_string_equal(
		fault.text, "Unable to find group nosuch: no matching entries in group file");
}

static void test_refusals(void **state)
{
	refuse("foo", "unable to find user foo: no matching entries in passwd file");
	refuse("bob:foo", "unable to find group foo: no matching entries in group file");
	refuse("broken", "unable to find user broken: no matching entries in passwd file");
	refuse("short", "unable to find user short: no matching entries in passwd file");
	/* CVE-2024-40635 */
	refuse("2147483648", "uids and gids must be in range 0-2147483647");
	refuse("4294967296", "uids and gids must be in range 0-2147483647");
	refuse("99999999999999999999999", "uids and gids must be in range 0-2147483647");
	refuse("0:2147483648", "uids and gids must be in range 0-2147483647");
	refuse("huge", "uids and gids must be in range 0-2147483647");
	refuse("-1", "unable to find user -1: no matching entries in passwd file");
	refuse("bob:bad", "unable to find group bad: no matching entries in group file");
}

static void test_absent_files(void **state)
{
	assert_int_equal(user_resolve(&user, "12:13", NULL, -1, -1, &fault), 0);
	assert_int_equal(user.uid, 12);
	assert_int_equal(user.gid, 13);
	assert_int_equal(user_resolve(&user, "", NULL, -1, -1, &fault), 0);
	assert_int_equal(user.uid, 0);
	assert_string_equal(user.home, "/");
	assert_int_equal(user_resolve(&user, "bob", NULL, -1, -1, &fault), -1);
	assert_string_equal(
		fault.text, "unable to find user bob: no matching entries in passwd file");
}

static void test_bounds(void **state)
{
	auto_buf text = BUF_INIT;
	/* a line as long as may be, with the match behind it */
	for (int i = 0; i < 6000; i++)
		buf_adds(&text, "0123456789");
	buf_adds(&text, ":x:5:5::/:\nbob:x:1:2::/b:\n");
	auto_fd int ok = file_of(text.data, text.len);
	assert_int_equal(user_resolve(&user, "bob", NULL, ok, -1, &fault), 0);
	for (int i = 0; i < 7000; i++)
		buf_adds(&text, "0123456789");
	auto_fd int line = file_of(text.data, text.len);
	assert_int_equal(user_resolve(&user, "nobody", NULL, line, -1, &fault), -1);
	assert_non_null(strstr(fault.text, "too large"));
	auto_free char *zeros = xcalloc(1, USER_FILE_MAX + 2);
	memset(zeros, '\n', USER_FILE_MAX + 2);
	auto_fd int large = file_of(zeros, USER_FILE_MAX + 2);
	assert_int_equal(user_resolve(&user, "nobody", NULL, large, -1, &fault), -1);
	assert_non_null(strstr(fault.text, "too large"));
}

static void test_home_of_a_number(void **state)
{
	auto_fd int passwd = file_of(passwd_text, sizeof(passwd_text) - 1);
	assert_int_equal(user_find_home(&user, 1000, passwd, &fault), 0);
	assert_string_equal(user.home, "/home/bob");
	assert_int_equal(user_find_home(&user, 999, passwd, &fault), 0);
	assert_string_equal(user.home, "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_numbers),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_group_add),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_absent_files),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_home_of_a_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
