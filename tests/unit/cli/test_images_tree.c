#include "../cmocka_all.h"
#include "base/json.h"
#include "base/str.h"
#include "images_tree.h"

#define ID(c) "\"sha256:" c c c c "00000000000000000000000000000000000000000000\""
#define MANIFEST(id, platform, kind, size, users)                                                  \
	"{\"ID\":" id ",\"Kind\":\"" kind "\",\"Size\":{\"Total\":" size ",\"Content\":" size      \
	"},\"ImageData\":{\"Platform\":{" platform "},\"Containers\":" users "}}"

static void expect(const char *json, unsigned columns, const char *want)
{
	auto_json *images = json_parse(json, strlen(json), "images", NULL);
	auto_buf out = BUF_INIT;
	assert_non_null(images);
	images_tree_draw(images, columns, &out);
	assert_string_equal(buf_str(&out), want);
}

static void platforms_hang_below_their_image_and_attestations_do_not(void **state)
{
	(void)state;
	expect("[{\"Id\":" ID(
		       "abcde") ",\"RepoTags\":[\"a:1\",\"b:1\"],\"Size\":1000000,\"Containers\":0,"
				"\"Manifests\":[" MANIFEST(ID("11111"),
					"\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":"
					"\"v7\"",
					"image", "2000", "[\"x\"]") "," MANIFEST(ID("22222"),
					"\"os\":\"unknown\"", "attestation", "5000",
					"null") "," MANIFEST(ID("33333"),
					"\"os\":\"linux\",\"architecture\":\"amd64\"", "image",
					"1000",
					"[]") "]},"
					      "{\"Id\":" ID("fffff") ",\"RepoTags\":[],\"Size\":5,"
								     "\"Containers\":-1}]",
		0,
		"                                                  Info -> U In Use\n"
		"\n"
		"IMAGE             ID             DISK USAGE   CONTENT SIZE   EXTRA\n"
		"a:1\n"
		"b:1               abcdeabcdeab          1MB            3kB   U\n"
		"├─ linux/arm/v7   111111111111          2kB            2kB   U\n"
		"└─ linux/amd64    333333333333          1kB            1kB\n"
		"\n"
		"<untagged>        ffffffffffff           5B             0B\n"
		"\n");
}

static void an_image_takes_what_its_platforms_take(void **state)
{
	(void)state;
	expect("[{\"Id\":" ID("abcde") ",\"RepoTags\":[\"a:1\"],\"Size\":1500,\"Manifests\":"
				       "[" MANIFEST(ID("11111"),
					       "\"os\":\"linux\",\"architecture\":\"arm\"", "image",
					       "2000", "[]") "," MANIFEST(ID("33333"),
					       "\"os\":\"linux\",\"architecture\":\"386\"", "image",
					       "1000", "[]") "]}]",
		0,
		"                                               Info -> U In Use\n"
		"\n"
		"IMAGE          ID             DISK USAGE   CONTENT SIZE   EXTRA\n"
		"a:1            abcdeabcdeab          3kB            3kB\n"
		"├─ linux/arm   111111111111          2kB            2kB\n"
		"└─ linux/386   333333333333          1kB            1kB\n"
		"\n");
}

static void without_platforms_there_is_no_room_between(void **state)
{
	(void)state;
	expect("[{\"Id\":" ID("abcde") ",\"RepoTags\":[\"a:1\"],\"Size\":1,\"Containers\":1},"
				       "{\"Id\":" ID(
					       "fffff") ",\"RepoTags\":[\"b:1\"],\"Size\":2}]",
		20,
		"    Info -> U In Use\n"
		"\n"
		"IMAGE   ID             DISK USAGE   CONTENT SIZE   EXTRA\n"
		"a:1     abcdeabcdeab           1B             0B   U\n"
		"b:1     ffffffffffff           2B             0B\n");
}

static void what_a_platform_is_called_does_not_steer_the_terminal(void **state)
{
	(void)state;
	auto_buf out = BUF_INIT;
	const char *json = "[{\"Id\":" ID("abcde") ",\"Manifests\":[" MANIFEST(ID("11111"),
		"\"os\":\"\\u001b[2J\",\"architecture\":\"\\u202e\"", "image", "1",
		"[]") "]},7,{}]";
	auto_json *images = json_parse(json, strlen(json), "images", NULL);
	images_tree_draw(images, 80, &out);
	assert_null(strchr(buf_str(&out), '\033'));
	assert_null(strstr(buf_str(&out), "\xe2\x80\xae"));
	assert_non_null(strstr(buf_str(&out), "\\x1b[2J"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(platforms_hang_below_their_image_and_attestations_do_not),
		cmocka_unit_test(an_image_takes_what_its_platforms_take),
		cmocka_unit_test(without_platforms_there_is_no_room_between),
		cmocka_unit_test(what_a_platform_is_called_does_not_steer_the_terminal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
