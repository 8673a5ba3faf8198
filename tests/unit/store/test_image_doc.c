/* Image configurations, manifests, indexes, and changes by instruction. */
#include "../cmocka_all.h"
#include "base/mem.h"
#include "base/str.h"
#include "oci/image.h"

#define D1 "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define D2 "sha256:2222222222222222222222222222222222222222222222222222222222222222"

static const char full[] =
	"{\"architecture\":\"arm64\",\"variant\":\"v8\",\"os\":\"linux\",\"author\":\"me\","
	"\"created\":\"2024-05-06T07:08:09.5Z\",\"comment\":\"c\",\"docker_version\":\"1\","
	"\"config\":{\"User\":\"1:2\",\"Env\":[\"A=b\"],\"Cmd\":[\"x\",\"y\"],"
	"\"Entrypoint\":\"sh\",\"ExposedPorts\":{\"90/udp\":{},\"80/tcp\":{}},"
	"\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\",\"Labels\":{\"l\":\"m\"},"
	"\"StopSignal\":\"SIGINT\",\"StopTimeout\":3,\"Shell\":[\"bash\"],\"OnBuild\":[\"RUN x\"],"
	"\"Healthcheck\":{\"Test\":[\"CMD\",\"t\"],\"Interval\":5,\"Retries\":2}},"
	"\"history\":[{\"created\":\"2024-05-06T07:08:09Z\",\"created_by\":\"s\"},"
	"{\"empty_layer\":true,\"comment\":\"e\"}],"
	"\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" D1 "\"]}}";

static void check_full(const struct oci_image *i)
{
	assert_string_equal(i->architecture, "arm64");
	assert_string_equal(i->variant, "v8");
	assert_true(i->created == 1714979289500000000LL);
	assert_string_equal(i->config.user, "1:2");
	assert_string_equal(i->config.entrypoint[0], "sh");
	assert_string_equal(i->config.exposed_ports[0], "80/tcp");
	assert_string_equal(i->config.exposed_ports[1], "90/udp");
	assert_string_equal(i->config.labels.v[0].value, "m");
	assert_int_equal(i->config.stop_timeout, 3);
	assert_int_equal(i->config.healthcheck->retries, 2);
	assert_int_equal(i->history_count, 2);
	assert_true(i->history[1].empty_layer);
	assert_string_equal(i->diff_ids[0].str, D1);
}

static void reads_and_writes_all_fields(void **state)
{
	(void)state;
	auto_oci_image *a = NULL;
	auto_oci_image *b = NULL;
	auto_buf out = BUF_INIT;
	assert_int_equal(oci_image_parse(&a, full, strlen(full), NULL), 0);
	check_full(a);
	oci_image_emit(a, &out);
	assert_int_equal(oci_image_parse(&b, out.data, out.len, NULL), 0);
	check_full(b);
}

static void expect_bad(const char *doc, const char *says)
{
	struct err *err = NULL;
	auto_oci_image *image = NULL;
	assert_int_equal(oci_image_parse(&image, doc, strlen(doc), &err), -1);
	if (!strstr(err->msg, says))
		fail_msg("\"%s\" does not say \"%s\"", err->msg, says);
	err_free(err);
}

static void names_what_is_wrong(void **state)
{
	(void)state;
	expect_bad("[]", "not a JSON object");
	expect_bad("{", "invalid JSON");
	expect_bad("{}", "rootfs is missing");
	expect_bad("{\"rootfs\":{\"type\":\"tar\"}}", "is not \"layers\"");
	expect_bad("{\"rootfs\":{\"diff_ids\":[1]}}", "diff_ids[0]");
	expect_bad("{\"rootfs\":{\"diff_ids\":[\"sha256:../..\"]}}", "diff_ids[0]");
	expect_bad("{\"rootfs\":{},\"config\":{\"Env\":[1]}}", "config.Env");
	expect_bad("{\"rootfs\":{},\"config\":[]}", "config");
	expect_bad("{\"rootfs\":{},\"created\":\"yesterday\"}", "not a time");
	auto_buf many = BUF_INIT;
	buf_adds(&many, "{\"rootfs\":{\"diff_ids\":[\"" D1 "\"");
	for (int i = 0; i < 127; i++)
		buf_adds(&many, ",\"" D1 "\"");
	buf_adds(&many, "]}}");
	expect_bad(buf_str(&many), "128 layers");
	auto_buf bomb = BUF_INIT;
	buf_adds(&bomb, "{\"a\":[");
	for (int i = 0; i < 200000; i++)
		buf_adds(&bomb, "[],");
	buf_adds(&bomb, "0]}");
	expect_bad(buf_str(&bomb), "values");
}

static void manifest_is_no_index(void **state)
{
	(void)state;
	static const char m[] = "{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST
				"\",\"config\":{\"digest\":\"" D1 "\",\"size\":3},\"layers\":"
				"[{\"digest\":\"" D2 "\",\"size\":4}]}";
	static const char *const bad[] = {
		/* CVE-2021-41190: one document that reads as both */
		"{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\"},\"layers\":[],"
		"\"manifests\":[]}",
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_INDEX
		"\",\"config\":{\"digest\":\"" D1 "\"},\"layers\":[]}",
		"{\"schemaVersion\":1,\"config\":{\"digest\":\"" D1 "\"}}",
		"{\"schemaVersion\":2,\"layers\":[]}",
		"{\"schemaVersion\":2,\"config\":{\"digest\":\"md5:1\"}}",
		"{\"schemaVersion\":2,\"config\":{\"digest\":\"" D1 "\",\"size\":-1}}",
		"{\"schemaVersion\":2,\"config\":7}",
	};
	auto_oci_manifest *manifest = NULL;
	auto_oci_index *index = NULL;
	assert_int_equal(oci_manifest_parse(&manifest, m, strlen(m), NULL), 0);
	assert_int_equal(manifest->layer_count, 1);
	assert_int_equal(manifest->layers[0].size, 4);
	assert_int_equal(oci_index_parse(&index, m, strlen(m), NULL), -1);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_oci_manifest *none = NULL;
		auto_oci_index *no_index = NULL;
		assert_int_equal(oci_manifest_parse(&none, bad[i], strlen(bad[i]), NULL), -1);
		assert_int_equal(oci_index_parse(&no_index, bad[i], strlen(bad[i]), NULL), -1);
	}
}

static void applies_instructions(void **state)
{
	(void)state;
	static const char *const good[] = {
		"CMD [\"a\", \"b\"]",
		"ENTRYPOINT run me",
		"env A=1 B=\"x y\"",
		"ENV A=2",
		"ENV C d e",
		"EXPOSE 80 53/udp 8000-8001",
		"LABEL k=v",
		"USER nobody",
		"WORKDIR /a",
		"WORKDIR b",
		"VOLUME [\"/v\"]",
		"VOLUME /w /v",
		"STOPSIGNAL SIGTERM",
		"ONBUILD RUN x",
		"HEALTHCHECK --interval=5s --retries=3 CMD curl x",
	};
	struct oci_image_config c = {0};
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_int_equal(oci_image_config_change(&c, good[i], NULL), 0);
	auto_free char *env = strv_join(c.env, "|");
	auto_free char *ports = strv_join(c.exposed_ports, " ");
	auto_free char *volumes = strv_join(c.volumes, " ");
	auto_free char *entry = strv_join(c.entrypoint, "|");
	assert_string_equal(env, "A=2|B=x y|C=d e");
	assert_string_equal(ports, "53/udp 80/tcp 8000/tcp 8001/tcp");
	assert_string_equal(volumes, "/v /w");
	assert_string_equal(entry, "/bin/sh|-c|run me");
	assert_string_equal(c.working_dir, "/a/b");
	assert_string_equal(c.healthcheck->test[0], "CMD-SHELL");
	assert_true(c.healthcheck->interval == 5000000000LL);
	static const char *const bad[] = {"", "RUN x", "FROM x", "ENV", "ENV A", "ENV A=\"x",
		"EXPOSE 99999", "EXPOSE 80/icmp", "HEALTHCHECK FOO", "ONBUILD FROM x"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(oci_image_config_change(&c, bad[i], NULL), -1);
	oci_image_config_clear(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_and_writes_all_fields),
		cmocka_unit_test(names_what_is_wrong),
		cmocka_unit_test(manifest_is_no_index),
		cmocka_unit_test(applies_instructions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
