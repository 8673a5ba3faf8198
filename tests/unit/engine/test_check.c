/* What create refuses. */
#include "../cmocka_all.h"

#include "create.h"

static void refuses(const struct container_config *c, const struct host_config *h,
	enum err_kind kind, const char *text)
{
	auto_err *err = NULL;
	assert_int_equal(config_check(NULL, c, h, &err), -1);
	assert_int_equal(err->kind, kind);
	assert_non_null(strstr(err->msg, text));
}

static void test_modes(void **state)
{
	struct container_config c = {0};
	char odd[] = "odd", host[] = "host", join[] = "container:", name[] = "h";

	refuses(&c, &(struct host_config){.pid_mode = odd}, ERR_INVALID, "invalid PID mode: odd");
	refuses(&c, &(struct host_config){.pid_mode = join}, ERR_INVALID, "invalid PID mode");
	refuses(&c, &(struct host_config){.ipc_mode = odd}, ERR_INVALID, "invalid IPC mode: odd");
	refuses(&c, &(struct host_config){.uts_mode = odd}, ERR_INVALID, "invalid UTS mode: odd");
	c.hostname = name;
	refuses(&c, &(struct host_config){.uts_mode = host}, ERR_INVALID,
		"conflicting options: hostname and the UTS mode");
	char other[] = "container:x";
	refuses(&c, &(struct host_config){.network_mode = other}, ERR_INVALID,
		"conflicting options: hostname and the network mode");
}

static void test_restart(void **state)
{
	struct container_config c = {0};
	char always[] = "always", odd[] = "odd";
	struct host_config h = {.restart.name = always};

	refuses(&c, &h, ERR_NOT_IMPLEMENTED, "restart policy 'always'");
	h.auto_remove = true;
	refuses(&c, &h, ERR_INVALID, "can't create 'AutoRemove' container with restart policy");
	h = (struct host_config){.restart.name = odd};
	refuses(&c, &h, ERR_INVALID, "unknown policy 'odd'");
}

static void test_logs(void **state)
{
	struct container_config c = {0};
	char journald[] = "journald", odd[] = "odd", file[] = "json-file";
	struct host_config h = {.log.type = journald};

	refuses(&c, &h, ERR_NOT_IMPLEMENTED, "log driver 'journald'");
	h.log.type = odd;
	refuses(&c, &h, ERR_INVALID, "no log driver named 'odd'");
	h.log.type = file;
	str_map_set(&h.log.config, "max-size", "huge");
	refuses(&c, &h, ERR_INVALID, "max-size");
	str_map_set(&h.log.config, "max-size", "1m");
	str_map_set(&h.log.config, "colour", "red");
	refuses(&c, &h, ERR_INVALID, "unknown log opt 'colour'");
	str_map_free(&h.log.config);
}

static void test_process(void **state)
{
	char relative[] = "x/y", odd[] = "NOSUCH";
	struct host_config h = {0};

	refuses(&(struct container_config){.working_dir = relative}, &h, ERR_INVALID,
		"needs to be an absolute path");
	refuses(&(struct container_config){.stop_signal = odd}, &h, ERR_INVALID,
		"Invalid signal: NOSUCH");
	h.oom_score_adj = 1001;
	refuses(&(struct container_config){0}, &h, ERR_INVALID, "range for oom score adj");
}

static void limit(const struct resources *r, const char *text)
{
	auto_err *err = NULL;
	auto_strv warnings = NULL;
	assert_int_equal(resources_check(r, 2, &warnings, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_non_null(strstr(err->msg, text));
}

static void test_limits(void **state)
{
	char cpus[] = "0-4", words[] = "a", empty[] = "1,";

	limit(&(struct resources){.memory = 4096}, "Minimum memory limit allowed is");
	limit(&(struct resources){.memory_swap = 1 << 24}, "always set the Memory limit");
	limit(&(struct resources){.memory = 1 << 24, .memory_swap = 1 << 23},
		"should be larger than memory limit");
	limit(&(struct resources){.memory = 1 << 24, .memory_reservation = 1 << 25},
		"less than memory reservation");
	limit(&(struct resources){.nano_cpus = 3000000000},
		"Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available");
	limit(&(struct resources){.nano_cpus = 1000000}, "Range of CPUs");
	limit(&(struct resources){.nano_cpus = 1000000000, .cpu_quota = 5000},
		"Nano CPUs and CPU Quota");
	limit(&(struct resources){.cpu_period = 10}, "CPU cfs period");
	limit(&(struct resources){.cpu_quota = 10}, "CPU cfs quota");
	limit(&(struct resources){.cpuset_cpus = cpus},
		"Requested CPUs are not available - requested 0-4, available: 0-1");
	limit(&(struct resources){.cpuset_cpus = words}, "Invalid value a for cpuset cpus");
	limit(&(struct resources){.cpuset_cpus = empty}, "Invalid value 1, for cpuset cpus");
	limit(&(struct resources){.blkio_weight = 5}, "Range of blkio weight");

	struct resources r = {0};
	struct ulimit *u = model_list_add(&r.ulimits);
	*u = (struct ulimit){xstrdup("nofile"), 10, 20};
	limit(&r, "ulimit soft limit must be less than or equal to hard limit: 20 > 10");
	u->soft = 5;
	auto_err *err = NULL;
	auto_strv warnings = NULL;
	assert_int_equal(resources_check(&r, 2, &warnings, &err), 0);
	free(u->name);
	free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_logs),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
