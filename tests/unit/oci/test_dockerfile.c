/* Dockerfiles, the words in them, and what they change. */
#include "../cmocka_all.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/dockerfile.h"
#include "oci/image.h"

/* NAME[flag,flag]REST;... */
static char *parsed(const char *text)
{
	struct buf out = BUF_INIT;
	auto_dockerfile *d = NULL;
	struct err *err = NULL;
	if (dockerfile_parse(&d, text, strlen(text), &err) < 0) {
		buf_adds(&out, err_msg(err));
		err_freep(&err);
		return buf_steal(&out);
	}
	for (size_t i = 0; i < d->count; i++) {
		auto_free char *flags = d->v[i].flags ? strv_join(d->v[i].flags, ",") : NULL;
		buf_addf(&out, "%s[%s]%s;", d->v[i].name, flags ? flags : "", d->v[i].rest);
	}
	return buf_steal(&out);
}

static void reads_lines_as_docker_does(void **state)
{
	static const char *const cases[][2] = {
		{"", ""},
		{"\n  \n# c\n", ""},
		{"CMD a", "CMD[]a;"},
		{"  CMD   a  b  \r\nENV x=y", "CMD[]a  b;ENV[]x=y;"},
		{"\xef\xbb\xbf"
		 "CMD a",
			"CMD[]a;"},
		{"CMD a \\\n b \\\n\n# comment\n  # another\n c\nUSER x", "CMD[]a  b  c;USER[]x;"},
		{"CMD a\\\\\nb c", "CMD[]a\\\\;b[]c;"},
		{"CMD a \\  \n b", "CMD[]a  b;"},
		{"CMD a \\", "CMD[]a;"},
		{"\\\nCMD a", "CMD[]a;"},
		{"# escape=`\nCMD a `\n b\\\nUSER x", "CMD[]a  b\\;USER[]x;"},
		{"# comment\n# escape=`\nCMD a `\nUSER x", "CMD[]a `;USER[]x;"},
		{"# syntax=x\n# escape = `\nCMD a `\nb", "CMD[]a b;"},
		{"# escape=x\nCMD a",
			"dockerfile parse error line 1: invalid escape token 'x' does not "
			"match ` or \\"},
		{"HEALTHCHECK --a=b  --c=\"d e\" CMD x --y",
			"HEALTHCHECK[--a=b,--c=d e]CMD x --y;"},
		{"CMD -- --x", "CMD[]--x;"},
		{"CMD", "CMD[];"},
		{"ONBUILD RUN --mount=x y", "ONBUILD[]RUN --mount=x y;"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *got = parsed(cases[i][0]);
		assert_string_equal(got, cases[i][1]);
	}
}

static char *const env[] = {
	(char *)"A=1", (char *)"B=two  words", (char *)"EMPTY=", (char *)"AB=3", NULL};

static void expands_variables_quotes_and_escapes(void **state)
{
	static const char *const cases[][2] = {
		{"plain", "plain"},
		{"$A-$B", "1-two  words"},
		{"${A}B $AB", "1B 3"},
		{"$UNSET.${UNSET}", "."},
		{"'$A'\"$A\"", "$A1"},
		{"\\$A \\\"x\\\"", "$A \"x\""},
		{"\"a\\b \\\" \\$A \\\\\"", "a\\b \" $A \\"},
		{"'a\\b'", "a\\b"},
		{"a\\", "a"},
		{"$", "$"},
		{"$ x", "$ x"},
		{"${UNSET:-d}${A:-d}${EMPTY:-d}${EMPTY-d}", "d1d"},
		{"${UNSET:+d}${A:+d}${EMPTY:+d}${EMPTY+d}", "dd"},
		{"${A:?no}", "1"},
		{"${UNSET:-${A}x'}'}", "1x}"},
		{"${UNSET:-${UNSET:-\"$B\"}}", "two  words"},
		{"$1$10x$?", "x"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *got = NULL;
		assert_int_equal(dockerfile_expand(cases[i][0], env, '\\', &got, NULL), 0);
		assert_string_equal(got, cases[i][1]);
	}
	auto_free char *got = NULL;
	assert_int_equal(dockerfile_expand("`$A \\$A", env, '`', &got, NULL), 0);
	assert_string_equal(got, "$A \\1");
}

static void what_does_not_end_is_refused(void **state)
{
	static const char *const bad[][2] = {
		{"'x", "single-quote"},
		{"\"x", "double-quote"},
		{"${", "missing '}'"},
		{"${A", "missing '}'"},
		{"${A:-x", "missing '}'"},
		{"${}", "bad substitution"},
		{"${:x}", "bad substitution"},
		{"${A!x}", "unsupported modifier (!)"},
		{"${A:x}", "unsupported modifier (:x)"},
		{"${UNSET:?why}", "UNSET: why"},
		{"${UNSET?}", "UNSET: is not allowed to be unset"},
		{"${EMPTY:?}", "EMPTY: is not allowed to be empty"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err *err = NULL;
		char *got = NULL;
		assert_int_equal(dockerfile_expand(bad[i][0], env, '\\', &got, &err), -1);
		if (!strstr(err->msg, bad[i][1]))
			fail_msg("%s: %s", bad[i][0], err->msg);
		err_freep(&err);
	}
}

static void expansion_is_bounded(void **state)
{
	auto_buf deep = BUF_INIT;
	auto_buf wide = BUF_INIT;
	char *got = NULL;
	for (int i = 0; i < 100000; i++)
		buf_adds(&deep, "${X:-");
	assert_int_equal(dockerfile_expand(buf_str(&deep), NULL, '\\', &got, NULL), -1);
	auto_free char *big = xasprintf("BIG=%0*d", 60000, 0);
	char *const much[] = {big, NULL};
	for (int i = 0; i < 100; i++)
		buf_adds(&wide, "$BIG");
	struct err *err = NULL;
	assert_int_equal(dockerfile_expand(buf_str(&wide), much, '\\', &got, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	err_freep(&err);
}

static void words_part_at_blanks_of_variables_but_not_of_quotes(void **state)
{
	auto_strv words = NULL;
	assert_int_equal(
		dockerfile_expand_words("$B\"$B\" 'x y'z  \\ w", env, '\\', &words, NULL), 0);
	auto_free char *joined = strv_join(words, "|");
	assert_string_equal(joined, "two|wordstwo  words|x yz| w");
}

static void json_is_told_from_the_shells(void **state)
{
	auto_strv v = NULL;
	assert_int_equal(dockerfile_json(" [\"a\", \"b c\"]", &v, NULL), 1);
	assert_string_equal(v[1], "b c");
	strv_free(v);
	assert_int_equal(dockerfile_json("[]", &v, NULL), 1);
	assert_int_equal(strv_len(v), 0);
	strv_free(v);
	assert_int_equal(dockerfile_json("[\"a\", b]", &v, NULL), 0);
	assert_int_equal(dockerfile_json("[\"a\"] x", &v, NULL), 0);
	assert_int_equal(dockerfile_json("[ a ]", &v, NULL), 0);
	assert_int_equal(dockerfile_json("[\"a\", 1]", &v, NULL), -1);
	assert_null(v);
}

static void later_changes_see_earlier_ones(void **state)
{
	struct oci_image_config c = {0};
	strv_add(&c.env, "PATH=/bin");
	strv_add(&c.env, "PORTS=80 81");
	strv_add(&c.cmd, "old");
	char *const changes[] = {(char *)"ENV P=$PATH:/x Q=$P", (char *)"ENV R=$P",
		(char *)"WORKDIR $R/../y/", (char *)"WORKDIR z", (char *)"EXPOSE $PORTS",
		(char *)"LABEL \"a b\"=$P old=\"x $R\"", (char *)"USER \"$P\" x",
		(char *)"VOLUME $P", (char *)"ENTRYPOINT []", (char *)"CMD []", NULL};
	struct err *err = NULL;
	if (oci_image_config_changes(&c, changes, &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_free char *got = strv_join(c.env, "|");
	auto_free char *ports = strv_join(c.exposed_ports, " ");
	/* within one instruction variables are as they were before it */
	assert_string_equal(got, "PATH=/bin|PORTS=80 81|P=/bin:/x|Q=|R=/bin:/x");
	assert_string_equal(c.working_dir, "/bin:/y/z");
	assert_string_equal(ports, "80/tcp 81/tcp");
	assert_string_equal(oci_pairs_get(&c.labels, "a b"), "/bin:/x");
	assert_string_equal(oci_pairs_get(&c.labels, "old"), "x /bin:/x");
	assert_string_equal(c.user, "/bin:/x x");
	assert_string_equal(c.volumes[0], "/bin:/x");
	assert_null(c.entrypoint);
	assert_int_equal(strv_len(c.cmd), 0);
	oci_image_config_clear(&c);
}

static void an_entrypoint_takes_the_command_away(void **state)
{
	struct oci_image_config c = {0};
	char *const first[] = {(char *)"CMD a", (char *)"ENTRYPOINT b", NULL};
	char *const second[] = {(char *)"ENTRYPOINT [\"c\"]", NULL};
	assert_int_equal(oci_image_config_changes(&c, first, NULL), 0);
	assert_string_equal(c.cmd[2], "a");
	assert_int_equal(oci_image_config_changes(&c, second, NULL), 0);
	assert_null(c.cmd);
	oci_image_config_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines_as_docker_does),
		cmocka_unit_test(expands_variables_quotes_and_escapes),
		cmocka_unit_test(what_does_not_end_is_refused),
		cmocka_unit_test(expansion_is_bounded),
		cmocka_unit_test(words_part_at_blanks_of_variables_but_not_of_quotes),
		cmocka_unit_test(json_is_told_from_the_shells),
		cmocka_unit_test(later_changes_see_earlier_ones),
		cmocka_unit_test(an_entrypoint_takes_the_command_away),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
