/* config.json and credential helpers, the way docker keeps them. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/fdio.h"
#include "base/json.h"
#include "base/str.h"
#include "credential_helper.h"
#include "credentials.h"

static char folder[] = "/tmp/kist-test-credentials.XXXXXX";

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", folder, name);
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	auto_free char *path = path_of(name);
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), mode, false, NULL), 0);
}

static char *read_text(const char *name)
{
	struct buf b = BUF_INIT;
	auto_free char *path = path_of(name);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &b, NULL), 0);
	return buf_steal(&b);
}

static void open_config(struct config_file *c, const char *text)
{
	if (text)
		write_file("config.json", text, 0600);
	assert_int_equal(config_file_open(c, NULL), 0);
}

/* A helper that keeps one file for each server, as "get", "store", "erase" and "list" ask for. */
static const char helper[] = "#!/bin/sh\n"
			     "d=$(dirname \"$0\")/kept; mkdir -p \"$d\"\n"
			     "name() { tr -c 'a-z0-9\\n' _; }\n"
			     "case $1 in\n"
			     "store) in=$(cat); s=$(printf %s \"$in\" | sed "
			     "'s/.*\"ServerURL\":\"\\([^\"]*\\)\".*/\\1/');\n"
			     "  printf '%s' \"$in\" >\"$d/$(echo \"$s\" | name)\" ;;\n"
			     "get) read -r s; f=$d/$(echo \"$s\" | name);\n"
			     "  [ -e \"$f\" ] || { echo 'credentials not found in native "
			     "keychain'; exit 1; }; cat \"$f\" ;;\n"
			     "erase) read -r s; rm \"$d/$(echo \"$s\" | name)\" 2>/dev/null || { "
			     "echo 'no such entry'; exit 1; } ;;\n"
			     "list) echo '{\"a.example\":\"alice\",\"b.example\":\"bob\"}' ;;\n"
			     "esac\n";

static int set_up(void **state)
{
	auto_free char *path = NULL;
	assert_non_null(mkdtemp(folder));
	setenv("DOCKER_CONFIG", folder, 1);
	path = xasprintf("%s:/usr/bin:/bin", folder);
	setenv("PATH", path, 1);
	write_file("docker-credential-file", helper, 0755);
	write_file("docker-credential-broken", "#!/bin/sh\necho it hurts; exit 3\n", 0755);
	write_file("docker-credential-mad", "#!/bin/sh\necho 'no json'\n", 0755);
	write_file("docker-credential-plain", "not executable", 0644);
	return 0;
}

static int tear_down(void **state)
{
	return tree_remove(AT_FDCWD, folder, NULL);
}

static void put(struct config_file *c, const char *server, const char *user, const char *password,
	const char *token)
{
	struct credentials cred = {xstrdup(user), xstrdup(password), xstrdup(token), xstrdup("")};
	assert_int_equal(credentials_store(c, server, &cred, NULL), 0);
	credentials_clear(&cred);
}

static void get(const struct config_file *c, const char *server, const char *user,
	const char *password, const char *token)
{
	auto_credentials cred = {0};
	assert_int_equal(credentials_get(c, server, &cred, NULL), 0);
	assert_string_equal(cred.user, user);
	assert_string_equal(cred.password, password);
	assert_string_equal(cred.token, token);
}

static void a_login_is_kept_as_docker_keeps_it(void **state)
{
	auto_config_file c = {0}, again = {0};
	open_config(&c, "{\"unknown\":[1,2],\"auths\":{\"z.example\":{}}}");
	put(&c, "a.example:5000", "alice", "wonder:land", "");
	auto_free char *text = read_text("config.json");
	assert_string_equal(text, "{\n\t\"unknown\": [\n\t\t1,\n\t\t2\n\t],\n\t\"auths\": "
				  "{\n\t\t\"z.example\": "
				  "{},\n\t\t\"a.example:5000\": {\n\t\t\t\"auth\": "
				  "\"YWxpY2U6d29uZGVyOmxhbmQ=\"\n\t\t}\n\t}\n}");
	open_config(&again, NULL);
	get(&again, "a.example:5000", "alice", "wonder:land", "");
	get(&again, "z.example", "", "", "");
	get(&again, "b.example", "", "", "");
}

static void the_file_is_for_its_owner_alone(void **state)
{
	auto_free char *nested = path_of("new/folder"), *path = path_of("new/folder/config.json");
	auto_free char *outer = path_of("new");
	struct stat st;
	auto_config_file c = {0};
	setenv("DOCKER_CONFIG", nested, 1);
	open_config(&c, NULL);
	put(&c, "a.example", "u", "p", "");
	setenv("DOCKER_CONFIG", folder, 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(outer, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

static void a_link_to_the_file_stays_a_link(void **state)
{
	auto_free char *link = path_of("config.json"), *real = path_of("real.json");
	auto_config_file c = {0};
	struct stat st;
	write_file("real.json", "{}", 0640);
	unlink(link);
	assert_int_equal(symlink(real, link), 0);
	open_config(&c, NULL);
	put(&c, "a.example", "u", "p", "");
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(stat(real, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_size > 10);
	unlink(link);
}

static void old_entries_with_a_scheme_are_found_by_host(void **state)
{
	auto_config_file c = {0};
	open_config(&c, "{\"auths\":{\"https://a.example/v1/\":{\"auth\":\"dTpw\"}}}");
	get(&c, "a.example", "u", "p", "");
	get(&c, "example", "", "", "");
}

static void an_identity_token_takes_the_passwords_place(void **state)
{
	auto_config_file c = {0};
	open_config(
		&c, "{\"auths\":{\"a.example\":{\"auth\":\"dTo=\",\"identitytoken\":\"tok\"}}}");
	get(&c, "a.example", "u", "", "tok");
	auto_free char *header = credentials_header("a.example");
	auto_buf plain = BUF_INIT;
	assert_int_equal(base64_decode(header, strlen(header), &plain), 0);
	assert_string_equal(plain.data, "{\"username\":\"u\",\"serveraddress\":\"a.example\","
					"\"identitytoken\":\"tok\"}");
}

static void nobody_is_an_empty_header(void **state)
{
	auto_config_file c = {0};
	open_config(&c, "{}");
	auto_free char *header = credentials_header("a.example");
	assert_string_equal(header, "e30=");
}

static void nonsense_in_the_file_is_refused_by_name(void **state)
{
	auto_config_file c = {0}, bad = {0};
	auto_credentials cred = {0};
	auto_err *err = NULL, *err2 = NULL;
	open_config(&c, "{\"auths\":{\"a.example\":{\"auth\":\"!!\"}}}");
	assert_int_equal(credentials_get(&c, "a.example", &cred, &err), -1);
	assert_non_null(strstr(err->msg, "auths.a.example.auth"));
	write_file("config.json", "[]", 0600);
	assert_int_equal(config_file_open(&bad, &err2), -1);
	assert_non_null(strstr(err2->msg, "config.json: expected a JSON object"));
}

static void a_helper_keeps_what_config_json_does_not(void **state)
{
	auto_config_file c = {0};
	open_config(&c, "{\"credsStore\":\"file\",\"credHelpers\":{\"plain.example\":\"\"}}");
	put(&c, "a.example", "alice", "secret", "");
	auto_free char *text = read_text("config.json");
	assert_null(strstr(text, "secret"));
	assert_non_null(strstr(text, "\"a.example\": {}"));
	get(&c, "a.example", "alice", "secret", "");
	get(&c, "b.example", "", "", "");
	assert_int_equal(credentials_erase(&c, "a.example", NULL), 0);
	get(&c, "a.example", "", "", "");
	put(&c, "plain.example", "u", "in-the-file", "");
	get(&c, "plain.example", "u", "in-the-file", "");
	assert_null(credentials_helper(&c, "plain.example"));
}

static void a_helper_keeps_tokens_under_a_name_of_their_own(void **state)
{
	auto_config_file c = {0};
	open_config(&c, "{\"credHelpers\":{\"a.example\":\"file\"}}");
	put(&c, "a.example", "alice", "", "the-token");
	get(&c, "a.example", "", "", "the-token");
}

static void helpers_list_what_they_have(void **state)
{
	auto_config_file c = {0};
	open_config(&c, "{\"credsStore\":\"file\",\"auths\":{\"a.example\":{},\"c.example\":{}}}");
	auto_strv all = credentials_list(&c);
	auto_free char *text = strv_join(all, " ");
	assert_string_equal(text, "a.example c.example b.example");
}

static void helpers_that_fail_are_named(void **state)
{
	static const struct {
		const char *name, *says;
	} bad[] = {{"broken", "docker-credential-broken get: it hurts"},
		{"mad", "docker-credential-mad get"},
		{"plain", "docker-credential-plain, which config.json names, is not in PATH"},
		{"absent", "docker-credential-absent, which config.json names, is not in PATH"},
		{"../file", "is not in PATH"}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_err *err = NULL;
		char *user, *secret;
		assert_int_equal(helper_get(bad[i].name, "a", &user, &secret, &err), -1);
		assert_non_null(strstr(err->msg, bad[i].says));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_is_kept_as_docker_keeps_it),
		cmocka_unit_test(the_file_is_for_its_owner_alone),
		cmocka_unit_test(a_link_to_the_file_stays_a_link),
		cmocka_unit_test(old_entries_with_a_scheme_are_found_by_host),
		cmocka_unit_test(an_identity_token_takes_the_passwords_place),
		cmocka_unit_test(nobody_is_an_empty_header),
		cmocka_unit_test(nonsense_in_the_file_is_refused_by_name),
		cmocka_unit_test(a_helper_keeps_what_config_json_does_not),
		cmocka_unit_test(a_helper_keeps_tokens_under_a_name_of_their_own),
		cmocka_unit_test(helpers_list_what_they_have),
		cmocka_unit_test(helpers_that_fail_are_named),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
