#include "../cmocka_all.h"

#include "base/json.h"
#include "ports.h"

static void check(const char *json, const char *expected)
{
	auto_json *j = json_parse(json, strlen(json), "test", NULL);
	auto_free char *text = ports_text(j);
	assert_string_equal(text, expected);
}

#define P(ip, in, out, type)                                                                       \
	"{\"IP\":\"" ip "\",\"PrivatePort\":" #in ",\"PublicPort\":" #out ",\"Type\":\"" type "\"" \
	"}"
#define E(in, type) "{\"PrivatePort\":" #in ",\"Type\":\"" type "\"}"

static void text(void **state)
{
	check("[]", "");
	check("[" E(80, "tcp") "]", "80/tcp");
	check("[" E(82, "tcp") "," E(81, "tcp") "," E(80, "tcp") "," E(80, "udp") "]",
		"80-82/tcp, 80/udp");
	check("[" P("0.0.0.0", 80, 80, "tcp") "," P("::", 80, 80, "tcp") "]",
		"0.0.0.0:80->80/tcp, [::]:80->80/tcp");
	check("[" P("0.0.0.0", 80, 8080, "tcp") "," E(90, "tcp") "]",
		"90/tcp, 0.0.0.0:8080->80/tcp");
	check("[" P("0.0.0.0", 80, 80, "tcp") "," P("0.0.0.0", 81, 81, "tcp") "," P(
		      "0.0.0.0", 90, 90, "tcp") "]",
		"0.0.0.0:80-81->80-81/tcp, 0.0.0.0:90->90/tcp");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
