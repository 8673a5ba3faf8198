#include "../cmocka_all.h"

#include "base/json.h"
#include "template.h"

static const char data[] =
	"{\"Name\":\"/web\",\"Id\":\"abcdef\",\"Count\":3,\"Zero\":0,\"On\":true,\"Ratio\":1.5,"
	"\"Env\":[\"A=1\",\"B=2\"],\"Empty\":[],\"State\":{\"Running\":true,\"Pid\":12},"
	"\"Labels\":{\"b\":\"2\",\"a.x\":\"1\"},\"None\":null,"
	"\"Ports\":{\"80/tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"8080\"}]}}";

static void check(const char *text, const char *expected)
{
	auto_err *err = NULL;
	auto_buf out = BUF_INIT;
	auto_json *j = json_parse(data, strlen(data), "test", &err);
	auto_template *t = template_parse(text, &err);
	if (!t)
		fail_msg("%s: %s", text, err_msg(err));
	if (template_run(t, j, TEMPLATE_RAW, &out, &err) < 0)
		fail_msg("%s: %s", text, err_msg(err));
	assert_string_equal(buf_str(&out), expected);
}

static void parse_fails(const char *text, const char *message)
{
	auto_err *err = NULL;
	auto_template *t = template_parse(text, &err);
	assert_null(t);
	assert_string_equal(err_msg(err), message);
}

static void run_fails(const char *text, const char *message)
{
	auto_err *err = NULL;
	auto_buf out = BUF_INIT;
	auto_json *j = json_parse(data, strlen(data), "test", &err);
	auto_template *t = template_parse(text, &err);
	assert_non_null(t);
	assert_int_equal(template_run(t, j, TEMPLATE_RAW, &out, &err), -1);
	assert_string_equal(err_msg(err), message);
}

static void fields(void **state)
{
	check("plain", "plain");
	check("{{.Name}} {{ .State.Pid }} {{.On}} {{.Ratio}}", "/web 12 true 1.5");
	check("{{$.Id}}{{(.State).Pid}}", "abcdef12");
	check("{{.Labels.missing}}", "<no value>");
	check("{{.Env}} {{.Labels}} {{.Empty}}", "[A=1 B=2] map[a.x:1 b:2] []");
	check("{{json .Labels}} {{json .Env}} {{json .None}}",
		"{\"b\":\"2\",\"a.x\":\"1\"} [\"A=1\",\"B=2\"] null");
	check("{{index .Labels \"a.x\"}}{{index .Labels \"zz\"}}{{index .Env 1}}", "1B=2");
	check("{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080");
	check("{{(index .Ports \"80/tcp\" 0).HostIp}}", "0.0.0.0");
	check("{{/* a comment */}}x{{- /* trimmed */ -}}  y", "xy");
	check("a  {{- .Count -}}  b", "a3b");
}

static void control(void **state)
{
	check("{{if .On}}yes{{else}}no{{end}}", "yes");
	check("{{if .Zero}}a{{else if eq .Count 3}}b{{else}}c{{end}}", "b");
	check("{{if .None}}a{{else if .Empty}}b{{else}}c{{end}}", "c");
	check("{{with .State}}{{.Pid}} {{$.Count}}{{end}}{{with .Zero}}x{{else}}y{{end}}", "12 3y");
	check("{{range .Env}}<{{.}}>{{end}}{{range .Empty}}x{{else}}none{{end}}", "<A=1><B=2>none");
	check("{{range $i, $e := .Env}}{{$i}}={{$e}};{{end}}", "0=A=1;1=B=2;");
	check("{{range $k, $v := .Labels}}{{$k}}={{$v}},{{end}}", "a.x=1,b=2,");
	check("{{range $p, $conf := .Ports}}{{$p}}->{{(index $conf 0).HostPort}}{{end}}",
		"80/tcp->8080");
	check("{{range .Env}}{{break}}{{end}}{{range .Env}}x{{continue}}y{{end}}", "xx");
	check("{{$x := 1}}{{if .On}}{{$x = 2}}{{end}}{{$x}}", "2");
	check("{{range 3}}{{.}}{{end}}", "012");
}

static void functions(void **state)
{
	check("{{upper .Id}} {{lower \"ABC\"}} {{title \"ab cd\"}} {{len .Env}} {{len .Id}}",
		"ABCDEF abc Ab Cd 2 6");
	check("{{join .Env \",\"}} {{join (split \"a:b:c\" \":\") \"-\"}}", "A=1,B=2 a-b-c");
	check("{{truncate .Id 3}}|{{pad .Id 1 2}}|{{slice .Id 1 3}}", "abc| abcdef  |bc");
	check("{{printf \"%s-%05d|%-5s|%5s|%q|%v|%x|%t|%.1f%%\" .Id .Count \"a\" \"b\" \"c\" .Env "
	      "255 "
	      ".On .Ratio}}",
		"abcdef-00003|a    |    b|\"c\"|[A=1 B=2]|ff|true|1.5%");
	check("{{printf \"%d\" .Id}} {{printf \"%s\"}} {{printf \"x\" 1}}",
		"%!d(string=abcdef) %!s(MISSING) x%!(EXTRA int=1)");
	check("{{println .Id .Count}}{{print 1 2 \"a\"}}", "abcdef 3\n1 2a");
	check("{{.Id | upper | printf \"%s!\"}} {{.State.Pid | printf \"%05d\"}}", "ABCDEF! 00012");
	check("{{eq .Count 1 2 3}} {{ne .Id \"x\"}} {{lt 1 2}} {{le 2 2}} {{gt 1.5 1}} {{ge 1 2}}",
		"true true true true true false");
	check("{{and .On .Id}} {{or .Zero .Id}} {{not .On}} {{and .Zero .Missing}}",
		"abcdef abcdef false 0");
	check("{{eq .None nil}} {{`raw\\n`}} {{\"tab\\t\\x41\"}} {{'a'}} {{0x10}} {{-3}}",
		"true raw\\n tab\tA 97 16 -3");
}

static void parse_errors(void **state)
{
	parse_fails("{{", "template: :1: unclosed action");
	parse_fails("{{.Id", "template: :1: unclosed action");
	parse_fails("x\n{{foo .Id}}", "template: :2: function \"foo\" not defined");
	parse_fails("{{if .Id}}x", "template: :1: unexpected EOF");
	parse_fails("{{end}}", "template: :1: unexpected {{end}}");
	parse_fails("{{else}}", "template: :1: unexpected {{else}}");
	parse_fails("{{}}", "template: :1: missing value for command");
	parse_fails("{{.Id |}}", "template: :1: missing value for command");
	parse_fails("{{(.Id}}", "template: :1: unclosed left paren");
	parse_fails("{{.Id)}}", "template: :1: unexpected right paren");
	parse_fails("{{\"abc}}", "template: :1: unterminated quoted string");
	parse_fails("{{/* x}}", "template: :1: unclosed comment");
}

static void run_errors(void **state)
{
	run_fails("{{.Foo}}",
		"template: :1:2: executing \"\" at <.Foo>: map has no entry for key \"Foo\"");
	run_fails("{{.State.Foo}}",
		"template: :1:8: executing \"\" at <.State.Foo>: map has no entry for key \"Foo\"");
	run_fails("{{.Id.Foo}}", "template: :1:5: executing \"\" at <.Id.Foo>: can't evaluate "
				 "field Foo in type string");
	run_fails("{{index .Env 5}}", "template: :1:2: executing \"\" at <index .Env 5>: error "
				      "calling index: reflect: slice index out of range");
	run_fails("{{$x}}", "template: :1:2: executing \"\" at <$x>: undefined variable: $x");
	run_fails("{{lt \"a\" 1}}", "template: :1:2: executing \"\" at <lt \"a\" 1>: error calling "
				    "lt: invalid type for comparison");
	run_fails("{{upper}}",
		"template: :1:2: executing \"\" at <upper>: wrong number of args for "
		"upper: want 1 got 0");
}

static void nesting_is_bounded(void **state)
{
	auto_buf text = BUF_INIT;
	auto_err *err = NULL;
	buf_adds(&text, "{{");
	for (int i = 0; i < 100000; i++)
		buf_addc(&text, '(');
	auto_template *t = template_parse(text.data, &err);
	assert_null(t);
}

static void rows_and_headers(void **state)
{
	auto_err *err = NULL;
	auto_buf out = BUF_INIT;
	auto_json *row =
		json_pack("{s:s, s:s, s:{s:s}}", "#row", "*T", "ID", "1", "#labels", "a.b", "x");
	auto_template *t =
		template_parse("{{.ID}} {{.Label \"a.b\"}} {{.Label \"z\"}}|{{json .}}", &err);
	assert_int_equal(template_run(t, row, TEMPLATE_ROW, &out, &err), 0);
	assert_string_equal(out.data, "1 x |{\"ID\":\"1\"}");
	auto_template *bad = template_parse("{{.Foo}}", &err);
	assert_int_equal(template_run(bad, row, TEMPLATE_ROW, &out, &err), -1);
	assert_string_equal(err_msg(err),
		"template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *T");
	out.len = 0;
	auto_json *header = json_pack("{s:s, s:s}", "#row", "*T", "ID", "HEADER ID");
	auto_template *h = template_parse("{{lower .ID}} {{.Label \"a.b\"}} {{json .ID}}", NULL);
	assert_int_equal(template_run(h, header, TEMPLATE_HEADER, &out, NULL), 0);
	assert_string_equal(out.data, "HEADER ID b HEADER ID");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(control),
		cmocka_unit_test(functions),
		cmocka_unit_test(parse_errors),
		cmocka_unit_test(run_errors),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(rows_and_headers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
