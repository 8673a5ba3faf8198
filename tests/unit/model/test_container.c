#include "../cmocka_all.h"

#include "base/mem.h"
#include "base/str.h"
#include "model/container.h"
#include "model/image.h"
#include "model/requests.h"

/* What docker 28 sends for a `run` with many flags, with some members that it leaves out. */
static const char full[] =
	"{\"Hostname\":\"h\",\"Domainname\":\"d\",\"User\":\"u\",\"AttachStdin\":true,"
	"\"AttachStdout\":true,"
	"\"AttachStderr\":true,\"ExposedPorts\":{\"80/tcp\":{},\"53/"
	"udp\":{}},\"Tty\":true,\"OpenStdin\":true,"
	"\"StdinOnce\":true,\"Env\":[\"A=b\",\"C\"],\"Cmd\":[\"sh\",\"-c\",\"echo "
	"<&>\"],\"ArgsEscaped\":true,"
	"\"Image\":\"busybox\",\"Volumes\":{\"/v\":{}},\"WorkingDir\":\"/w\",\"Entrypoint\":[],"
	"\"NetworkDisabled\":true,\"MacAddress\":\"02:42:ac:11:00:02\",\"OnBuild\":[\"RUN x\"],"
	"\"Labels\":{\"b\":\"2\",\"a\":\"\"},\"StopSignal\":\"INT\",\"StopTimeout\":0,\"Shell\":["
	"\"/bin/ash\"],"
	"\"HostConfig\":{\"Binds\":[\"/a:/b:ro\"],\"ContainerIDFile\":\"/"
	"f\",\"LogConfig\":{\"Type\":\"json-file\","
	"\"Config\":{\"max-size\":\"1m\"}},\"NetworkMode\":\"bridge\",\"PortBindings\":{\"80/tcp\":"
	"[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"8080\"},{\"HostIp\":\"\",\"HostPort\":\"\"}],"
	"\"53/udp\":[]},"
	"\"RestartPolicy\":{\"Name\":\"no\",\"MaximumRetryCount\":0},\"AutoRemove\":true,"
	"\"VolumeDriver\":\"local\","
	"\"VolumesFrom\":null,\"ConsoleSize\":[24,80],\"Annotations\":{\"k\":\"v\"},\"CapAdd\":["
	"\"NET_ADMIN\"],"
	"\"CapDrop\":[\"ALL\"],\"CgroupnsMode\":\"private\",\"Dns\":[],\"DnsOptions\":[],"
	"\"DnsSearch\":[],"
	"\"ExtraHosts\":[\"x:1.2.3.4\"],\"GroupAdd\":[\"1\"],\"IpcMode\":\"private\",\"Cgroup\":"
	"\"\",\"Links\":null,"
	"\"OomScoreAdj\":-5,\"PidMode\":\"host\",\"Privileged\":true,\"PublishAllPorts\":true,"
	"\"ReadonlyRootfs\":true,\"SecurityOpt\":[\"seccomp=unconfined\"],\"Tmpfs\":{\"/"
	"t\":\"size=1m\"},"
	"\"UTSMode\":\"host\",\"UsernsMode\":\"host\",\"ShmSize\":67108864,\"Sysctls\":{\"net.a\":"
	"\"1\"},"
	"\"Runtime\":\"kist\",\"Isolation\":\"\",\"CpuShares\":512,\"Memory\":67108864,"
	"\"NanoCpus\":500000000,"
	"\"CgroupParent\":\"/x\",\"BlkioWeight\":300,\"BlkioWeightDevice\":[{\"Path\":\"/dev/"
	"sda\",\"Weight\":10}],"
	"\"BlkioDeviceReadBps\":[{\"Path\":\"/dev/sda\",\"Rate\":1}],\"BlkioDeviceWriteBps\":[],"
	"\"BlkioDeviceReadIOps\":null,\"BlkioDeviceWriteIOps\":[{\"Path\":\"/dev/"
	"sdb\",\"Rate\":9}],"
	"\"CpuPeriod\":100000,\"CpuQuota\":50000,\"CpuRealtimePeriod\":1,\"CpuRealtimeRuntime\":2,"
	"\"CpusetCpus\":\"0-1\",\"CpusetMems\":\"0\",\"Devices\":[{\"PathOnHost\":\"/dev/null\","
	"\"PathInContainer\":\"/dev/n\",\"CgroupPermissions\":\"rwm\"}],\"DeviceCgroupRules\":[\"c "
	"1:3 r\"],"
	"\"DeviceRequests\":null,\"MemoryReservation\":1,\"MemorySwap\":-1,\"MemorySwappiness\":60,"
	"\"OomKillDisable\":false,\"PidsLimit\":100,\"Ulimits\":[{\"Name\":\"nofile\",\"Hard\":"
	"1024,\"Soft\":512}],"
	"\"CpuCount\":0,\"CpuPercent\":0,\"IOMaximumIOps\":0,\"IOMaximumBandwidth\":0,"
	"\"Mounts\":[{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/"
	"v\",\"ReadOnly\":true,\"VolumeOptions\":"
	"{\"NoCopy\":true,\"Labels\":{\"l\":\"m\"},\"Subpath\":\"s\",\"DriverConfig\":{\"Name\":"
	"\"local\"}}},"
	"{\"Type\":\"bind\",\"Source\":\"/s\",\"Target\":\"/"
	"t\",\"BindOptions\":{\"Propagation\":\"rslave\","
	"\"NonRecursive\":true}},{\"Type\":\"tmpfs\",\"Target\":\"/"
	"u\",\"TmpfsOptions\":{\"SizeBytes\":5,"
	"\"Mode\":1023}}],\"MaskedPaths\":null,\"ReadonlyPaths\":[],\"Init\":true},"
	"\"NetworkingConfig\":{\"EndpointsConfig\":{\"bridge\":{\"IPAMConfig\":{\"IPv4Address\":"
	"\"1.2.3.4\"},"
	"\"Links\":null,\"Aliases\":[\"a\"],\"MacAddress\":\"\",\"DriverOpts\":null,\"GwPriority\":"
	"0,"
	"\"NetworkID\":\"\",\"EndpointID\":\"\",\"Gateway\":\"\",\"IPAddress\":\"\","
	"\"IPPrefixLen\":0,"
	"\"IPv6Gateway\":\"\",\"GlobalIPv6Address\":\"\",\"GlobalIPv6PrefixLen\":0,\"DNSNames\":"
	"null}}}}";

static char *write_request(const struct create_request *c, unsigned api)
{
	struct buf out = BUF_INIT;
	model_write(&model_create_request, c, api, &out);
	return buf_steal(&out);
}

static void parse(const char *text, struct create_request *c)
{
	auto_err *e = NULL;
	if (model_parse(&model_create_request, text, strlen(text), c, "", &e) < 0)
		fail_msg("%s", err_msg(e));
}

static void test_round_trip_keeps_everything(void **state)
{
	(void)state;
	struct create_request c = {0};
	parse(full, &c);
	auto_free char *text = write_request(&c, 0);
	auto_json *before = json_parse(full, strlen(full), "before", NULL);
	auto_json *after = json_parse(text, strlen(text), "after", NULL);
	assert_non_null(before);
	assert_non_null(after);
	if (!json_equal(before, after))
		assert_string_equal(full, text); /* shows where */
	create_request_clear(&c);
}

static void test_copy_is_equal_and_independent(void **state)
{
	(void)state;
	struct create_request a = {0}, b = {0};
	parse(full, &a);
	auto_free char *before = write_request(&a, 0);
	model_copy(&model_create_request, &b, &a);
	create_request_clear(&a);
	auto_free char *after = write_request(&b, 0);
	assert_string_equal(before, after);
	create_request_clear(&b);
}

static void test_reads_values(void **state)
{
	(void)state;
	struct create_request c = {0};
	parse(full, &c);
	assert_string_equal(c.config.cmd[2], "echo <&>");
	assert_non_null(c.config.entrypoint);
	assert_null(c.config.entrypoint[0]);
	assert_true(c.config.stop_timeout.set);
	assert_int_equal(c.config.stop_timeout.v, 0);
	assert_string_equal(str_map_get(&c.config.labels, "b"), "2");
	assert_int_equal(c.host.port_bindings.n, 2);
	assert_string_equal(c.host.port_bindings.v[0].bindings.v[0].host_port, "8080");
	assert_int_equal(c.host.res.memory_swap, -1);
	assert_int_equal(c.host.res.oom_kill_disable, TRI_FALSE);
	assert_int_equal(c.host.mounts.v[2].tmpfs->mode, 01777);
	assert_string_equal(c.net.endpoints.v[0].key, "bridge");
	assert_string_equal(c.net.endpoints.v[0].settings.ipam->ipv4, "1.2.3.4");
	create_request_clear(&c);
}

static void test_null_and_empty_stay_apart(void **state)
{
	(void)state;
	static const char *const texts[] = {"{\"Env\":null}", "{\"Env\":[]}"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct create_request c = {0};
		parse(texts[i], &c);
		auto_free char *text = write_request(&c, 0);
		assert_non_null(strstr(text, i ? "\"Env\":[]" : "\"Env\":null"));
		create_request_clear(&c);
	}
}

static void test_go_rules(void **state)
{
	(void)state;
	struct create_request c = {0};
	/* case does not matter, the last one wins, a string is a vector of one, unknown names are skipped */
	parse("{\"hostname\":\"a\",\"HOSTNAME\":\"b\",\"Cmd\":\"one\",\"Nonsense\":[1,{}],"
	      "\"hostconfig\":{\"memory\":5}}",
		&c);
	assert_string_equal(c.config.hostname, "b");
	assert_string_equal(c.config.cmd[0], "one");
	assert_null(c.config.cmd[1]);
	assert_int_equal(c.host.res.memory, 5);
	create_request_clear(&c);
}

static void test_type_errors_name_the_field(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"[]", "cannot unmarshal array into field  of type ContainerCreateRequest"},
		{"{\"Tty\":1}", "cannot unmarshal number 1 into field Tty of type bool"},
		{"{\"HostConfig\":{\"Memory\":\"x\"}}",
			"cannot unmarshal string into field HostConfig.Memory of type int64"},
		{"{\"HostConfig\":{\"Memory\":1.5}}",
			"cannot unmarshal number 1.5 into field HostConfig.Memory of type int64"},
		{"{\"HostConfig\":{\"BlkioWeight\":65536}}",
			"cannot unmarshal number 65536 into field HostConfig.BlkioWeight of type "
			"uint16"},
		{"{\"HostConfig\":{\"BlkioWeight\":-1}}", "cannot unmarshal number -1 into field "
							  "HostConfig.BlkioWeight of type uint16"},
		{"{\"HostConfig\":{\"PortBindings\":{\"80/tcp\":[{\"HostPort\":80}]}}}",
			"cannot unmarshal number 80 into field "
			"HostConfig.PortBindings.80/tcp.HostPort of "
			"type string"},
		{"{\"Labels\":{\"a\":1}}",
			"cannot unmarshal number 1 into field Labels.a of type string"},
		{"{\"Env\":[1]}", "cannot unmarshal number 1 into field Env of type string"},
		{"{\"Env\":[\"a\\u0000b\"]}",
			"cannot unmarshal string into field Env of type string"},
		{"{\"Volumes\":{\"/a\":1}}",
			"cannot unmarshal number 1 into field Volumes of type struct {}"},
		{"{\"HostConfig\":{\"Mounts\":[{\"BindOptions\":[]}]}}",
			"cannot unmarshal array into field HostConfig.Mounts.BindOptions of type "
			"BindOptions"},
		{"{\"Healthcheck\":1}",
			"cannot unmarshal number 1 into field Healthcheck of type object"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct create_request c = {0};
		auto_err *e = NULL;
		assert_int_equal(model_parse(&model_create_request, cases[i].text,
					 strlen(cases[i].text), &c, "", &e),
			-1);
		assert_int_equal(e->kind, ERR_INVALID);
		assert_string_equal(e->msg, cases[i].message);
		create_request_clear(&c);
	}
}

static void test_what_is_not_built_is_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"always\"}}}",
			"HostConfig.RestartPolicy.Name \"always\" is not implemented"},
		{"{\"HostConfig\":{\"Links\":[\"x\"]}}", "HostConfig.Links is not implemented"},
		{"{\"HostConfig\":{\"Runtime\":\"runsc\"}}",
			"HostConfig.Runtime \"runsc\" is not implemented"},
		{"{\"Healthcheck\":{\"Test\":[\"CMD\",\"true\"]}}",
			"Healthcheck is not implemented"},
		{"{\"HostConfig\":{\"DeviceRequests\":[{\"Count\":-1}]}}",
			"HostConfig.DeviceRequests is not implemented"},
		{"{\"NetworkingConfig\":{\"EndpointsConfig\":{\"bridge\":{\"Links\":[\"a\"]}}}}",
			"NetworkingConfig.EndpointsConfig.bridge.Links is not implemented"},
		{"{\"HostConfig\":{\"RestartPolicy\":{\"Name\":\"no\"},\"Runtime\":\"runc\","
		 "\"Isolation\":"
		 "\"default\",\"UsernsMode\":\"host\",\"VolumesFrom\":[],\"StorageOpt\":{},"
		 "\"DeviceRequests\":[]},"
		 "\"Healthcheck\":{\"Test\":[\"NONE\"],\"Interval\":0}}",
			NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct create_request c = {0};
		auto_err *e = NULL;
		parse(cases[i].text, &c);
		int rc = model_check_built(&model_create_request, &c, "", &e);
		assert_int_equal(rc, cases[i].message ? -1 : 0);
		if (cases[i].message) {
			assert_int_equal(e->kind, ERR_NOT_IMPLEMENTED);
			assert_string_equal(e->msg, cases[i].message);
		}
		create_request_clear(&c);
	}
}

static void test_versions_hide_fields(void **state)
{
	(void)state;
	struct create_request c = {0};
	parse(full, &c);
	auto_free char *old = write_request(&c, 143);
	auto_free char *now = write_request(&c, 148);
	assert_null(strstr(old, "DNSNames"));
	assert_non_null(strstr(now, "DNSNames"));
	assert_non_null(strstr(now, "GwPriority"));
	create_request_clear(&c);
}

static void test_image_config(void **state)
{
	(void)state;
	static const char text[] = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{"
				   "\"Cmd\":[\"sh\"],\"Env\":[\"P=/\"]},"
				   "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:ab\"]},"
				   "\"history\":[{\"created_by\":\"x\","
				   "\"empty_layer\":true}]}";
	struct image_config c = {0};
	assert_int_equal(model_parse(&model_image_config, text, strlen(text), &c, "", NULL), 0);
	assert_string_equal(c.rootfs.diff_ids[0], "sha256:ab");
	assert_true(c.history.v[0].empty_layer);
	auto_buf out = BUF_INIT;
	model_write(&model_image_run_config, &c.config, 151, &out);
	assert_string_equal(buf_str(&out), "{\"Env\":[\"P=/\"],\"Cmd\":[\"sh\"]}");
	image_config_clear(&c);
}

static void test_image_origin(void **state)
{
	(void)state;
	static const char text[] = "{\"container\":\"0af1\",\"config\":{\"Hostname\":\"new\"},"
				   "\"container_config\":{\"Hostname\":\"old\"}}";
	struct image_origin o = {0};
	assert_int_equal(model_parse(&model_image_origin, text, strlen(text), &o, "", NULL), 0);
	assert_string_equal(o.container, "0af1");
	assert_string_equal(o.config.hostname, "old");
	image_origin_clear(&o);
	assert_int_equal(model_parse(&model_image_origin, "{}", 2, &o, "", NULL), 0);
	assert_null(o.container);
	image_origin_clear(&o);
}

/* Whatever is thrown at it, it answers, and frees what it took. */
static void test_garbled_input(void **state)
{
	(void)state;
	static const char noise[] = "{}[],:\"0-9nulltruefalse\\u0000\xff";
	unsigned seed = 1;
	for (int round = 0; round < 4000; round++) {
		auto_free char *text = xstrdup(full);
		for (int k = 0; k < 1 + round % 4; k++)
			text[(size_t)rand_r(&seed) % (sizeof(full) - 1)] =
				noise[(size_t)rand_r(&seed) % (sizeof(noise) - 1)];
		struct create_request c = {0};
		auto_err *e = NULL;
		if (model_parse(&model_create_request, text, sizeof(full) - 1, &c, "", &e) == 0) {
			auto_free char *one = write_request(&c, 0);
			struct create_request again = {0};
			parse(one, &again);
			auto_free char *two = write_request(&again, 0);
			assert_string_equal(one, two);
			create_request_clear(&again);
		} else {
			assert_int_equal(e->kind, ERR_INVALID);
		}
		create_request_clear(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_keeps_everything),
		cmocka_unit_test(test_copy_is_equal_and_independent),
		cmocka_unit_test(test_reads_values),
		cmocka_unit_test(test_null_and_empty_stay_apart),
		cmocka_unit_test(test_go_rules),
		cmocka_unit_test(test_type_errors_name_the_field),
		cmocka_unit_test(test_what_is_not_built_is_named),
		cmocka_unit_test(test_versions_hide_fields),
		cmocka_unit_test(test_image_config),
		cmocka_unit_test(test_image_origin),
		cmocka_unit_test(test_garbled_input),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
