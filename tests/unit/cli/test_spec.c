#include "../cmocka_all.h"

#include <unistd.h>

#include "base/json.h"
#include "base/str.h"
#include "spec.h"

static void same_json(json_t *j, const char *expected)
{
	auto_buf out = BUF_INIT;
	assert_non_null(j);
	json_write(j, &out);
	assert_string_equal(buf_str(&out), expected);
}

static void publish(const char *value, const char *exposed_text, const char *bindings_text)
{
	auto_json *exposed = json_object(), *bindings = json_object();
	auto_err *err = NULL;
	if (spec_publish(value, exposed, bindings, &err) < 0)
		fail_msg("%s: %s", value, err_msg(err));
	same_json(exposed, exposed_text);
	same_json(bindings, bindings_text);
}

static void publish_fails(const char *value, const char *message)
{
	auto_json *exposed = json_object(), *bindings = json_object();
	auto_err *err = NULL;
	assert_int_equal(spec_publish(value, exposed, bindings, &err), -1);
	assert_string_equal(err_msg(err), message);
}

static void ports(void **state)
{
	publish("80", "{\"80/tcp\":{}}", "{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"\"}]}");
	publish("8080:80/UDP", "{\"80/udp\":{}}",
		"{\"80/udp\":[{\"HostIp\":\"\",\"HostPort\":\"8080\"}]}");
	publish("127.0.0.1::80", "{\"80/tcp\":{}}",
		"{\"80/tcp\":[{\"HostIp\":\"127.0.0.1\",\"HostPort\":\"\"}]}");
	publish("[::1]:81:80", "{\"80/tcp\":{}}",
		"{\"80/tcp\":[{\"HostIp\":\"::1\",\"HostPort\":\"81\"}]}");
	publish("90-91:80-81", "{\"80/tcp\":{},\"81/tcp\":{}}",
		"{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"90\"}],"
		"\"81/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"91\"}]}");
	publish("8000-8010:80", "{\"80/tcp\":{}}",
		"{\"80/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"8000-8010\"}]}");
	publish("65535:65535", "{\"65535/tcp\":{}}",
		"{\"65535/tcp\":[{\"HostIp\":\"\",\"HostPort\":\"65535\"}]}");
}

static void bad_ports(void **state)
{
	publish_fails("abc", "invalid containerPort: abc");
	publish_fails("65536", "invalid containerPort: 65536");
	publish_fails("99999:80", "invalid hostPort: 99999");
	publish_fails("80:", "no port specified: 80:<empty>");
	publish_fails("a.b:80:80", "invalid IP address: a.b");
	publish_fails("80/foo", "invalid proto: foo");
	publish_fails("81-80", "invalid containerPort: 81-80");
	publish_fails("80-90:80-85",
		"invalid ranges specified for container and host Ports: 80-85 and 80-90");
}

static void mount_is(const char *csv, const char *expected)
{
	auto_err *err = NULL;
	auto_json *j = spec_mount(csv, &err);
	if (!j)
		fail_msg("%s: %s", csv, err_msg(err));
	same_json(j, expected);
}

static void mount_fails(const char *csv, const char *message)
{
	auto_err *err = NULL;
	assert_null(spec_mount(csv, &err));
	assert_string_equal(err_msg(err), message);
}

static void mounts(void **state)
{
	mount_is("type=bind,src=/a,dst=/b,readonly",
		"{\"Type\":\"bind\",\"Source\":\"/a\",\"Target\":\"/b\",\"ReadOnly\":true}");
	mount_is("target=/a", "{\"Type\":\"volume\",\"Target\":\"/a\"}");
	mount_is("type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=1777",
		"{\"Type\":\"tmpfs\",\"Target\":\"/t\",\"TmpfsOptions\":{\"SizeBytes\":1048576,"
		"\"Mode\":1023}}");
	mount_is("type=volume,src=v,dst=/v,volume-nocopy,\"volume-opt=o=a,b\"",
		"{\"Type\":\"volume\",\"Source\":\"v\",\"Target\":\"/"
		"v\",\"VolumeOptions\":{\"NoCopy\":"
		"true,\"DriverConfig\":{\"Options\":{\"o\":\"a,b\"}}}}");
	mount_fails("type=bind", "target is required");
	mount_fails("foo=bar,dst=/a", "unexpected key 'foo' in 'foo=bar'");
	mount_fails("foo,dst=/a", "invalid field 'foo' must be a key=value pair");
	mount_fails("type=bind,src=/a,dst=/b,volume-nocopy",
		"cannot mix 'volume-*' options with mount type 'bind'");
	mount_fails("dst=/a,ro=maybe", "invalid value for ro: maybe");
}

static void volume_is(const char *value, const char *bind)
{
	auto_free char *out = NULL;
	assert_int_equal(spec_volume(value, &out, NULL), 0);
	if (bind)
		assert_string_equal(out, bind);
	else
		assert_null(out);
}

static void volumes(void **state)
{
	auto_err *err = NULL;
	auto_free char *bind = NULL;
	assert_int_equal(chdir("/tmp"), 0);
	volume_is("/data", NULL);
	volume_is("name:/data:ro", "name:/data:ro");
	volume_is("/a:/b", "/a:/b");
	volume_is("./x:/y:z", "/tmp/x:/y:z");
	volume_is("../x/../y:/y", "/y:/y");
	volume_is("~/x:/y", "~/x:/y");
	assert_int_equal(spec_volume("", &bind, &err), -1);
	assert_string_equal(err_msg(err), "invalid empty volume spec");
	assert_int_equal(spec_volume(":/b", &bind, &err), -1);
	assert_string_equal(err_msg(err), "invalid spec: :/b: empty section between colons");
}

static void limits(void **state)
{
	auto_err *err = NULL;
	auto_json *a = spec_ulimit("nofile=10:20", NULL), *b = spec_ulimit("core=-1", NULL);
	same_json(a, "{\"Name\":\"nofile\",\"Hard\":20,\"Soft\":10}");
	same_json(b, "{\"Name\":\"core\",\"Hard\":-1,\"Soft\":-1}");
	assert_null(spec_ulimit("nofile=7:6", &err));
	assert_string_equal(
		err_msg(err), "ulimit soft limit must be less than or equal to hard limit: 7 > 6");
	assert_null(spec_ulimit("foo=1", &err));
	assert_string_equal(err_msg(err), "invalid ulimit type: foo");
	assert_int_equal(spec_cpus("1.5"), 1500000000);
	assert_int_equal(spec_cpus(".001"), 1000000);
	auto_json *d = spec_device("/dev/zero:/dev/z:r", NULL),
		  *e = spec_device("/dev/null:rw", NULL);
	same_json(d, "{\"PathOnHost\":\"/dev/zero\",\"PathInContainer\":\"/dev/z\","
		     "\"CgroupPermissions\":\"r\"}");
	same_json(e, "{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/null\","
		     "\"CgroupPermissions\":\"rw\"}");
	assert_null(spec_device("null", &err));
	assert_string_equal(err_msg(err), "null is not an absolute path");
	auto_json *t = spec_throttle("/dev/sda:1mb", true, NULL);
	same_json(t, "{\"Path\":\"/dev/sda\",\"Rate\":1048576}");
	auto_json *r = spec_restart("on-failure:3", NULL);
	same_json(r, "{\"Name\":\"on-failure\",\"MaximumRetryCount\":3}");
	assert_null(spec_restart(":3", &err));
}

static void networks(void **state)
{
	struct spec_network n;
	auto_err *err = NULL;
	assert_int_equal(spec_network("host", &n, NULL), 0);
	assert_string_equal(n.name, "host");
	spec_network_free(&n);
	assert_int_equal(spec_network("name=a,alias=b,ip=1.2.3.4", &n, NULL), 0);
	assert_string_equal(n.name, "a");
	same_json(n.endpoint, "{\"Aliases\":[\"b\"],\"IPAMConfig\":{\"IPv4Address\":\"1.2.3.4\"}}");
	spec_network_free(&n);
	assert_int_equal(spec_network("a,b=c", &n, &err), -1);
	assert_string_equal(err_msg(err), "invalid field a");
	spec_network_free(&n);
	assert_int_equal(spec_network("name=a,gw-priority=1", &n, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_IMPLEMENTED);
	spec_network_free(&n);
}

static void checks(void **state)
{
	assert_int_equal(check_sysctl("net.a=b", NULL), 0);
	assert_int_equal(check_sysctl("kernel.sem=1", NULL), 0);
	assert_int_equal(check_sysctl("kernel.sem", NULL), -1);
	assert_int_equal(check_sysctl("vm.x=1", NULL), -1);
	assert_int_equal(check_extra_host("a:1.2.3.4", NULL), 0);
	assert_int_equal(check_extra_host("a=[::1]", NULL), 0);
	assert_int_equal(check_extra_host("a:host-gateway", NULL), 0);
	assert_int_equal(check_extra_host("a:1.2.3", NULL), -1);
	assert_int_equal(check_extra_host("a", NULL), -1);
	assert_int_equal(check_mac("92:d0:c6:0a:29:33", NULL), 0);
	assert_int_equal(check_mac("92:d0", NULL), -1);
	auto_free char *host = spec_extra_host("a=[::1]");
	assert_string_equal(host, "a:::1");
}

static void security(void **state)
{
	auto_json *out = json_array();
	auto_err *err = NULL;
	bool unconfined;
	const char *const good[] = {"no-new-privileges", "seccomp=unconfined",
		"systempaths=unconfined", "label:disable", NULL};
	const char *const bad[] = {"foo", NULL};
	const char *const absent[] = {"seccomp=/nonexistent/p.json", NULL};
	assert_int_equal(spec_security((char *const *)good, out, &unconfined, NULL), 0);
	assert_true(unconfined);
	same_json(out, "[\"no-new-privileges\",\"seccomp=unconfined\",\"label:disable\"]");
	assert_int_equal(spec_security((char *const *)bad, out, &unconfined, &err), -1);
	assert_string_equal(err_msg(err), "Invalid --security-opt: \"foo\"");
	assert_int_equal(spec_security((char *const *)absent, out, &unconfined, &err), -1);
	assert_string_equal(err_msg(err),
		"opening seccomp profile (/nonexistent/p.json) failed: open "
		"/nonexistent/p.json: no such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(bad_ports),
		cmocka_unit_test(mounts),
		cmocka_unit_test(volumes),
		cmocka_unit_test(limits),
		cmocka_unit_test(networks),
		cmocka_unit_test(checks),
		cmocka_unit_test(security),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
