/* The configuration of an image made from a container: dockerd's rules, as its daemon/commit.go has them. */
#include "../cmocka_all.h"

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "commit_config.h"

static const char container_text[] =
	"{\"Hostname\":\"h\",\"User\":\"u\",\"ExposedPorts\":{\"90/udp\":{},\"80/"
	"tcp\":{}},\"Tty\":true,"
	"\"Env\":[\"A=1\",\"B=2\"],\"Cmd\":[\"run\",\"me\"],\"Healthcheck\":{\"Test\":[\"CMD\","
	"\"t\"],"
	"\"Interval\":5,\"Retries\":2},\"Image\":\"i\",\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/"
	"w\","
	"\"Entrypoint\":[\"e\"],\"OnBuild\":[\"RUN x\"],\"Labels\":{\"l\":\"m\",\"n\":\"o\"},"
	"\"StopSignal\":\"INT\",\"StopTimeout\":3,\"Shell\":[\"bash\",\"-c\"]}";

static void parse(const char *text, struct container_config *c)
{
	*c = (struct container_config){0};
	assert_int_equal(
		model_parse(&model_container_config, text, strlen(text), c, "test", NULL), 0);
}

/* The image's configuration as text. */
static char *made(const char *request, const char *change)
{
	struct container_config container, asked;
	struct oci_image image = {.architecture = (char *)"a", .os = (char *)"linux"};
	struct err *err = NULL;
	char *const changes[] = {(char *)(uintptr_t)change, NULL};
	struct buf json = BUF_INIT;
	parse(container_text, &container);
	if (request)
		parse(request, &asked);
	if (commit_config_make(&image.config, &container, request ? &asked : NULL,
		    change ? changes : NULL, &err) < 0) {
		buf_adds(&json, err_msg(err));
		err_freep(&err);
	} else {
		oci_image_emit(&image, &json);
		oci_image_config_clear(&image.config);
	}
	container_config_clear(&container);
	if (request)
		container_config_clear(&asked);
	return buf_steal(&json);
}

static void expect(const char *json, const char *part)
{
	if (!strstr(json, part))
		fail_msg("no %s in %s", part, json);
}

static void an_image_gets_what_the_container_has(void **state)
{
	auto_free char *json = made(NULL, NULL);
	expect(json,
		"\"config\":{\"User\":\"u\",\"ExposedPorts\":{\"80/tcp\":{},\"90/udp\":{}},"
		"\"Env\":[\"A=1\",\"B=2\"],\"Entrypoint\":[\"e\"],\"Cmd\":[\"run\",\"me\"],"
		"\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":5,\"Retries\":2},"
		"\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\",\"OnBuild\":[\"RUN x\"],"
		"\"Labels\":{\"l\":\"m\",\"n\":\"o\"},\"StopSignal\":\"INT\",\"StopTimeout\":3,"
		"\"Shell\":[\"bash\",\"-c\"]}");
	assert_null(strstr(json, "Hostname"));
}

static void a_request_goes_before_the_container(void **state)
{
	auto_free char *json =
		made("{\"User\":\"x\",\"Env\":[\"B=9\",\"C=3\"],\"Volumes\":{\"/q\":{}},"
		     "\"Labels\":{\"l\":\"z\"},\"ExposedPorts\":{\"1/tcp\":{}},"
		     "\"Healthcheck\":{\"Interval\":7}}",
			NULL);
	expect(json, "\"User\":\"x\"");
	expect(json, "\"Env\":[\"B=9\",\"C=3\",\"A=1\"]");
	expect(json, "\"Volumes\":{\"/q\":{},\"/v\":{}}");
	expect(json, "\"ExposedPorts\":{\"1/tcp\":{},\"80/tcp\":{},\"90/udp\":{}}");
	expect(json, "\"Labels\":{\"l\":\"z\",\"n\":\"o\"}");
	expect(json, "{\"Test\":[\"CMD\",\"t\"],\"Interval\":7,\"Retries\":2}");
	expect(json, "\"Entrypoint\":[\"e\"],\"Cmd\":[\"run\",\"me\"]");
}

static void an_entrypoint_keeps_the_containers_command_out(void **state)
{
	auto_free char *json = made("{\"Entrypoint\":[\"mine\"]}", NULL);
	expect(json, "\"Entrypoint\":[\"mine\"],\"Cmd\":null");
	auto_free char *changed = made(NULL, "ENTRYPOINT [\"mine\"]");
	expect(changed, "\"Entrypoint\":[\"mine\"],\"Cmd\":null");
	auto_free char *command = made(NULL, "CMD mine");
	/* the container's SHELL */
	expect(command, "\"Entrypoint\":[\"e\"],\"Cmd\":[\"bash\",\"-c\",\"mine\"]");
}

static void a_bad_change_makes_nothing(void **state)
{
	auto_free char *json = made(NULL, "COPY a b");
	assert_string_equal(json, "COPY is not a valid change command");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_gets_what_the_container_has),
		cmocka_unit_test(a_request_goes_before_the_container),
		cmocka_unit_test(an_entrypoint_keeps_the_containers_command_out),
		cmocka_unit_test(a_bad_change_makes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
