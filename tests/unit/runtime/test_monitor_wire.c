#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "runtime/monitor.h"

static void config_comes_back(void **state)
{
	struct monitor_config in = {
		.tty = true,
		.stdin_once = true,
		.log_enabled = true,
		.log_name = "x-json.log",
		.log_max_size = 1 << 20,
		.log_max_file = 3,
		.log_attrs = "{\"a\":1}",
	};
	auto_buf bytes = BUF_INIT;
	monitor_config_encode(&in, &bytes);
	struct wire w = wire_from(bytes.data, bytes.len);
	struct monitor_config out;
	assert_int_equal(monitor_config_decode(&out, &w, NULL), 0);
	assert_int_equal(wire_done(&w, "config", NULL), 0);
	assert_true(out.tty && !out.open_stdin && out.stdin_once && out.log_enabled);
	assert_string_equal(out.log_name, in.log_name);
	assert_int_equal(out.log_max_size, in.log_max_size);
	assert_int_equal(out.log_max_file, 3);
	assert_string_equal(out.log_attrs, in.log_attrs);
}

static void log_names_lead_nowhere(void **state)
{
	const char *const bad[] = {"", ".", "..", "a/b", "../x", "/etc/passwd", NULL};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct monitor_config in = {.log_enabled = true, .log_name = bad[i]};
		auto_buf bytes = BUF_INIT;
		auto_err *err = NULL;
		monitor_config_encode(&in, &bytes);
		struct wire w = wire_from(bytes.data, bytes.len);
		struct monitor_config out;
		assert_int_equal(monitor_config_decode(&out, &w, &err), -1);
		assert_int_equal(err->kind, ERR_INVALID);
	}
}

static void attach_comes_back(void **state)
{
	struct monitor_attach in = {
		.exec_id = "e1",
		.in = true,
		.err = true,
		.keys = "\x10\x11",
		.early = "ab\0c",
		.early_len = 4,
		.head = "HTTP/1.1 101 UPGRADED\r\n\r\n",
		.head_len = 25,
	};
	auto_buf bytes = BUF_INIT;
	monitor_attach_encode(&in, &bytes);
	struct wire w = wire_from(bytes.data, bytes.len);
	struct monitor_attach out;
	assert_int_equal(monitor_attach_decode(&out, &w, NULL), 0);
	assert_string_equal(out.exec_id, "e1");
	assert_true(out.in && !out.out && out.err && !out.raw);
	assert_string_equal(out.keys, "\x10\x11");
	assert_int_equal(out.early_len, 4);
	assert_memory_equal(out.early, "ab\0c", 4);
	assert_int_equal(out.head_len, 25);
}

static void exit_comes_back(void **state)
{
	struct monitor_exit in = {UINT64_MAX, 137, 9, true, 1, INT64_MAX};
	auto_buf bytes = BUF_INIT;
	monitor_exit_encode(&in, &bytes);
	struct wire w = wire_from(bytes.data, bytes.len);
	struct monitor_exit out;
	assert_int_equal(monitor_exit_decode(&out, &w, NULL), 0);
	assert_true(out.generation == in.generation && out.code == 137 && out.signal == 9 &&
		    out.oom && out.started_at == 1 && out.finished_at == INT64_MAX);
}

/* Whatever is cut short is an error, never a read beyond the end. */
static void cut_short(void **state)
{
	struct monitor_attach attach = {.exec_id = "e1", .keys = "k", .head = "hh", .head_len = 2};
	struct monitor_config config = {.log_enabled = true, .log_name = "l"};
	struct monitor_exit ended = {.code = 1};
	struct buf bytes[3] = {BUF_INIT, BUF_INIT, BUF_INIT};
	monitor_attach_encode(&attach, &bytes[0]);
	monitor_config_encode(&config, &bytes[1]);
	monitor_exit_encode(&ended, &bytes[2]);
	for (int kind = 0; kind < 3; kind++) {
		for (size_t n = 0; n < bytes[kind].len; n++) {
			auto_free char *exact = xmemdup(bytes[kind].data, n);
			struct wire w = wire_from(exact, n);
			int r = kind == 0   ? monitor_attach_decode(&attach, &w, NULL)
				: kind == 1 ? monitor_config_decode(&config, &w, NULL)
					    : monitor_exit_decode(&ended, &w, NULL);
			assert_int_equal(r, -1);
		}
		buf_free(&bytes[kind]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(config_comes_back),
		cmocka_unit_test(log_names_lead_nowhere),
		cmocka_unit_test(attach_comes_back),
		cmocka_unit_test(exit_comes_back),
		cmocka_unit_test(cut_short),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
