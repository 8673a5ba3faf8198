/* What is said to criu, and whatever criu may answer. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "criu_private.h"

static const char *const modes[] = {"soft", "full", "strict", "ignore"};

static void test_options(void **state)
{
	static const char *const bad_servers[] = {
		"h", "h:", ":1", "h:0", "h:65536", "h:1x", "a:b:1", "[]:1", "[a:1", "a]:1", "::1"};
	auto_err *err = NULL;
	struct criu_options o = {.status_fd = -1};
	assert_int_equal(criu_options_check(&o, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		o.cgroup_mode = modes[i];
		assert_int_equal(criu_options_check(&o, NULL), 0);
	}
	o.cgroup_mode = "hard";
	assert_int_equal(criu_options_check(&o, &err), -1);
	assert_non_null(strstr(err->msg, "--manage-cgroups-mode hard"));
	o.cgroup_mode = NULL;
	for (size_t i = 0; i < ARRAY_LEN(bad_servers); i++) {
		o.page_server = bad_servers[i];
		assert_int_equal(criu_options_check(&o, &err), -1);
		assert_non_null(strstr(err->msg, "--page-server"));
	}
	o.page_server = NULL;
	o.parent_path = "/abs";
	assert_int_equal(criu_options_check(&o, &err), -1);
	assert_non_null(strstr(err->msg, "--parent-path"));
	o.parent_path = NULL;
	char *spaces[] = {(char *)"network", (char *)"pid", NULL};
	o.empty_ns = spaces;
	assert_int_equal(criu_options_check(&o, &err), -1);
	assert_non_null(strstr(err->msg, "pid"));
}

static void test_page_server(void **state)
{
	struct arena *arena = arena_new();
	char *address;
	int port;
	assert_int_equal(criu_page_server("host:80", arena, &address, &port), 0);
	assert_string_equal(address, "host");
	assert_int_equal(port, 80);
	assert_int_equal(criu_page_server("[fe80::1]:65535", arena, &address, &port), 0);
	assert_string_equal(address, "fe80::1");
	assert_int_equal(port, 65535);
	arena_free(arena);
}

static void every_option(struct criu_options *o)
{
	bool *flags[] = {&o->leave_running, &o->tcp_established, &o->tcp_skip_in_flight,
		&o->link_remap, &o->ext_unix_sk, &o->shell_job, &o->file_locks, &o->auto_dedup,
		&o->lazy_pages};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		*flags[i] = true;
}

/* As criu gets it: through bytes. */
static Criu__Request *travel(const Criu__Request *request)
{
	size_t n = criu__request__get_packed_size(request);
	auto_free uint8_t *bytes = xmalloc(n);
	assert_int_equal(criu__request__pack(request, bytes), n);
	Criu__Request *out = criu__request__unpack(NULL, n, bytes);
	assert_non_null(out);
	return out;
}

static void test_checkpoint_request(void **state)
{
	struct arena *arena = arena_new();
	static const struct criu_mount mounts[] = {
		{"/real", "/named"}, {"/proc/kcore", "/dev/null"}};
	const char *external[] = {"net[123]:extRootNetNS"};
	struct criu_facts facts = {.pid = 4711,
		.work = true,
		.root = "/bundle/rootfs",
		.log_file = "dump.log",
		.config_file = "/etc/criu/runc.conf",
		.freezer = "/sys/fs/cgroup/freezer/x",
		.mounts = mounts,
		.mount_count = ARRAY_LEN(mounts),
		.external = external,
		.external_count = 1};
	struct criu_options o = {.cgroup_mode = "ignore",
		.parent_path = "../before",
		.page_server = "1.2.3.4:99",
		.lsm_profile = "apparmor:x",
		.status_fd = -1};
	every_option(&o);
	Criu__Request *r = travel(criu_request(CRIU__REQUEST_TYPE__DUMP, &o, &facts, arena));
	const Criu__Options *p = r->options;
	assert_int_equal(r->type, CRIU__REQUEST_TYPE__DUMP);
	assert_int_equal(p->images, 4);
	assert_true(p->has_work && p->work == 5);
	assert_true(p->has_pid && p->pid == 4711);
	assert_true(p->leave_running && p->tcp_established && p->tcp_skip_in_flight &&
		    p->link_remap && p->ext_unix_sk && p->shell_job && p->file_locks &&
		    p->auto_dedup && p->lazy_pages && p->track_mem && p->notify &&
		    p->orphan_pts_master && p->manage_cgroups);
	assert_int_equal(p->cgroup_mode, CRIU__CGROUP_MODE__IGNORE);
	assert_string_equal(p->root, "/bundle/rootfs");
	assert_string_equal(p->log_file, "dump.log");
	assert_string_equal(p->config_file, "/etc/criu/runc.conf");
	assert_string_equal(p->freeze_cgroup, "/sys/fs/cgroup/freezer/x");
	assert_string_equal(p->parent, "../before");
	assert_string_equal(p->page_server->address, "1.2.3.4");
	assert_int_equal(p->page_server->port, 99);
	assert_int_equal(p->empty_ns, CLONE_NEWNET);
	assert_int_equal(p->n_mounts, 2);
	assert_string_equal(p->mounts[0]->key, "/real");
	assert_string_equal(p->mounts[0]->value, "/named");
	assert_string_equal(p->mounts[1]->value, "/dev/null");
	assert_int_equal(p->n_external, 1);
	assert_string_equal(p->external[0], "net[123]:extRootNetNS");
	/* what belongs to a restore */
	assert_false(p->has_sibling || p->has_evasive_devices);
	assert_null(p->lsm_profile);
	criu__request__free_unpacked(r, NULL);

	facts.work = false;
	o = (struct criu_options){.status_fd = -1};
	r = travel(criu_request(CRIU__REQUEST_TYPE__PRE_DUMP, &o, &facts, arena));
	assert_int_equal(r->options->n_mounts, 0);
	assert_int_equal(r->options->cgroup_mode, CRIU__CGROUP_MODE__DEFAULT);
	assert_false(r->options->has_work || r->options->has_track_mem ||
		     r->options->leave_running || r->options->lazy_pages);
	assert_null(r->options->page_server);
	criu__request__free_unpacked(r, NULL);
	arena_free(arena);
}

static void test_restore_request(void **state)
{
	struct arena *arena = arena_new();
	static const char *const pid_path = "/proc/1/ns/ipc";
	char text[] = "12:cpu,cpuacct:/kist/a:b\n3:name=systemd:/s\nnonsense\n0::/v2\n";
	struct criu_facts facts = {.root = "/run/x/criu-root", .log_file = "restore.log"};
	struct plan plan = {0};
	int fds[OCI_NS_COUNT], handed[OCI_NS_COUNT];
	size_t count = 0;
	for (int i = 0; i < OCI_NS_COUNT; i++)
		fds[i] = -1;
	fds[OCI_NS_NETWORK] = 70;
	fds[OCI_NS_PID] = 71;
	fds[OCI_NS_IPC] = 72;
	plan.ns_path[OCI_NS_IPC] = pid_path;
	criu_cgroup_roots(&facts, text, arena);
	criu_join_namespaces(&facts, &plan, fds, arena, handed, &count);
	assert_int_equal(count, 2);
	assert_int_equal(handed[0], 71);
	assert_int_equal(handed[1], 70);
	struct criu_options o = {.lsm_profile = "apparmor:x",
		.lsm_mount_context = "context",
		.cgroup_mode = "strict",
		.leave_running = true,
		.parent_path = "p",
		.status_fd = -1};
	Criu__Request *r = travel(criu_request(CRIU__REQUEST_TYPE__RESTORE, &o, &facts, arena));
	const Criu__Options *p = r->options;
	assert_true(p->sibling && p->evasive_devices);
	assert_string_equal(p->lsm_profile, "apparmor:x");
	assert_string_equal(p->lsm_mount_context, "context");
	/* it is made sure before that the cgroup is new */
	assert_int_equal(p->cgroup_mode, CRIU__CGROUP_MODE__FULL);
	assert_int_equal(p->n_inherit, 2);
	assert_string_equal(p->inherit[0]->key, "extRootPidNS");
	assert_int_equal(p->inherit[0]->fd, 6);
	assert_string_equal(p->inherit[1]->key, "extRootNetNS");
	assert_int_equal(p->inherit[1]->fd, 7);
	assert_int_equal(p->n_join_ns, 1);
	assert_string_equal(p->join_ns[0]->kind, "ipc");
	assert_string_equal(p->join_ns[0]->path, pid_path);
	static const char *const roots[][2] = {{"cpu", "/kist/a:b"}, {"cpuacct", "/kist/a:b"},
		{"name=systemd", "/s"}, {"", "/v2"}};
	assert_int_equal(p->n_cgroup_roots, ARRAY_LEN(roots));
	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		assert_string_equal(p->cgroup_roots[i]->controller, roots[i][0]);
		assert_string_equal(p->cgroup_roots[i]->path, roots[i][1]);
	}
	assert_false(p->has_pid || p->has_leave_running);
	assert_null(p->parent);
	criu__request__free_unpacked(r, NULL);
	arena_free(arena);
}

static void expect_mount(const struct criu_facts *f, size_t i, const char *key, const char *value)
{
	assert_true(i < f->mount_count);
	assert_string_equal(f->mounts[i].key, key);
	assert_string_equal(f->mounts[i].value, value);
}

static void test_mounts(void **state)
{
	struct arena *arena = arena_new();
	static const struct plan_mount mounts[] = {
		{.kind = STEP_MOUNT, .fstype = "proc", .target = "/proc"},
		{.kind = STEP_BIND, .source = "/src", .target = "//data//x/"},
		{.kind = STEP_BIND, .source = "/src", .target = "/data", .sb_flags = MS_REMOUNT},
		{.kind = STEP_BIND, .source = "/etc", .target = "/no-such-place"},
	};
	static const struct plan_device devices[] = {{.path = "/dev/fuse"}};
	const char *masked[] = {"/proc", "/proc/version", "/no-such-file", NULL};
	const struct plan plan = {.mounts = mounts,
		.mount_count = ARRAY_LEN(mounts),
		.devices = devices,
		.device_count = 1,
		.masked = masked};
	struct criu_facts f = {0};
	assert_int_equal(criu_find_mounts(&f, &plan, NULL, -1, arena, NULL), 0);
	assert_int_equal(f.mount_count, 4);
	expect_mount(&f, 0, "/data/x", "/src");
	expect_mount(&f, 1, "/no-such-place", "/etc");
	expect_mount(&f, 2, "/dev/null", "/dev/null");
	expect_mount(&f, 3, "/dev/fuse", "/dev/fuse");
	/* seen from a running container, here this very system: folders are masked by something else */
	auto_fd int root = open("/", O_PATH | O_CLOEXEC);
	assert_int_equal(criu_find_mounts(&f, &plan, NULL, root, arena, NULL), 0);
	assert_int_equal(f.mount_count, 4);
	expect_mount(&f, 0, "/data/x", "/data/x");
	expect_mount(&f, 1, "/no-such-place", "/no-such-place");
	expect_mount(&f, 2, "/proc/version", "/dev/null");
	arena_free(arena);
}

static void refuse_plan(const struct plan *plan, const char *word)
{
	auto_err *err = NULL;
	assert_int_equal(criu_check_plan(plan, &err), -1);
	assert_int_equal(err->kind, ERR_NOT_IMPLEMENTED);
	if (!strstr(err->msg, word))
		fail_msg("\"%s\" does not name \"%s\"", err->msg, word);
}

static void test_plans(void **state)
{
	struct plan_mount mount = {.target = "/mapped", .idmap = PLAN_IDMAP_TOP};
	struct plan plan = {0};
	refuse_plan(&plan, "mount namespace");
	plan.ns_new = CLONE_NEWNS;
	assert_int_equal(criu_check_plan(&plan, NULL), 0);
	plan.ns_path[OCI_NS_CGROUP] = "/proc/1/ns/cgroup";
	refuse_plan(&plan, "cgroup namespace");
	plan.ns_path[OCI_NS_CGROUP] = NULL;
	plan.mounts = &mount;
	plan.mount_count = 1;
	refuse_plan(&plan, "/mapped");
	mount = (struct plan_mount){.kind = STEP_BIND, .target = "/there", .source = "/root/here"};
	plan.root_kind = PLAN_ROOT_BIND;
	plan.root_path = "/root";
	refuse_plan(&plan, "own root (/there)");
	mount.source = "/rooted/here";
	assert_int_equal(criu_check_plan(&plan, NULL), 0);

	struct oci_pair annotation = {(char *)"org.criu.config", (char *)"/my.conf"};
	plan.annotations = &annotation;
	plan.annotation_count = 1;
	assert_string_equal(criu_config_file(&plan), "/my.conf");
	annotation.value = (char *)"";
	assert_null(criu_config_file(&plan));

	struct criu old = {.version = 31801}, new = {.version = 31900};
	auto_err *err = NULL;
	assert_int_equal(criu_check_version(&old, &plan, NULL), 0);
	plan.process.no_new_privs = true;
	assert_int_equal(criu_check_version(&new, &plan, NULL), 0);
	assert_int_equal(criu_check_version(&old, &plan, &err), -1);
	assert_non_null(strstr(err->msg, "this is 3.18"));
}

/* Which ids criu 3.19 to 4.2 needs in a user namespace with a cgroup namespace. */
static void test_small_user_namespace(void **state)
{
	static const struct oci_id_map small[] = {{0, 300000, 1000}},
				       all_but_one[] = {{0, 300000, 65534}},
				       all[] = {{0, 300000, 65536}},
				       apart[] = {{0, 300000, 1000}, {65534, 301000, 1}},
				       host[] = {{5, 0, 1}, {0, 300000, 5}},
				       empty[] = {{5, 0, 0}, {0, 300000, 5}},
				       above[] = {{0, 300000, 1000}, {65535, 301000, 10}};
	static const struct {
		const struct oci_id_map *map;
		size_t n;
		bool refused;
	} maps[] = {{small, 1, true}, {all_but_one, 1, true}, {all, 1, false}, {apart, 2, false},
		{host, 2, false}, {empty, 2, true}, {above, 2, true}, {NULL, 0, true}};
	struct criu was = {.version = 31801}, first = {.version = 31900}, last = {.version = 40201},
		    mended = {.version = 40300};
	for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
		struct plan plan = {.ns_new = CLONE_NEWUSER | CLONE_NEWCGROUP,
			.uid_map = maps[i].map,
			.uid_map_count = maps[i].n,
			.gid_map = all,
			.gid_map_count = 1};
		auto_err *err = NULL;
		int expected = maps[i].refused ? -1 : 0;
		assert_int_equal(criu_check_version(&was, &plan, NULL), 0);
		assert_int_equal(criu_check_version(&first, &plan, NULL), expected);
		assert_int_equal(criu_check_version(&last, &plan, &err), expected);
		assert_true(!err == !maps[i].refused);
		assert_true(!err || strstr(err->msg, "this is 4.2"));
		assert_int_equal(criu_check_version(&mended, &plan, NULL), 0);
		plan.gid_map = maps[i].map;
		plan.gid_map_count = maps[i].n;
		plan.uid_map = all;
		plan.uid_map_count = 1;
		assert_int_equal(criu_check_version(&last, &plan, NULL), expected);
		plan.ns_new = CLONE_NEWUSER;
		assert_int_equal(criu_check_version(&last, &plan, NULL), 0);
		plan.ns_new = CLONE_NEWCGROUP;
		assert_int_equal(criu_check_version(&last, &plan, NULL), 0);
	}
}

static void test_log(void **state)
{
	auto_free char *none = criu_log_errors("(00.1) Warn  (a.c:1): x\nError without a place\n");
	assert_string_equal(none, "");
	auto_free char *some = criu_log_errors(
		"(00.1) Error (a.c:1): one\n(00.2) pie: 1\n"
		"(00.3)      1: Error (b.c:2): two\n(00.4) Error (c.c:3): three\n"
		"(00.5) Error (d.c:4): four\n(00.6) Error (e.c:5): Dumping FAILED.");
	assert_string_equal(some, "two; three; four");
	char line[4096];
	snprintf(line, sizeof(line), " Error (a.c:1): %04000d", 0);
	auto_free char *cut = criu_log_errors(line);
	assert_int_equal(strlen(cut), 300);
}

static char dir[] = "/tmp/kist-criu-XXXXXX";

static int load(struct criu_facts *f, const char *text, struct arena *arena, struct err **err)
{
	auto_fd int images = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(
		file_replace(images, "descriptors.json", text, strlen(text), 0600, false, NULL), 0);
	*f = (struct criu_facts){0};
	return criu_streams_load(f, images, arena, err);
}

static void test_streams(void **state)
{
	static const char *const bad[] = {"", "{}", "[1]", "[\"a\",null]", "[", "\"pipe:[1]\"",
		"[\"a\",\"b\",\"c\",\"pipe:[4]\"]"};
	struct arena *arena = arena_new();
	struct criu_facts f;
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		auto_err *err = NULL;
		assert_int_equal(load(&f, bad[i], arena, &err), -1);
		assert_non_null(err);
	}
	assert_int_equal(load(&f, "null", arena, NULL), 0);
	assert_int_equal(f.inherit_count, 0);
	assert_int_equal(
		load(&f, "[\"/dev/null\",\"pipe:[12]\",\"file[1f:a0]\",\"x\"]", arena, NULL), 0);
	assert_int_equal(f.inherit_count, 2);
	assert_string_equal(f.inherit[0].key, "pipe:[12]");
	assert_int_equal(f.inherit[0].fd, 1);
	assert_string_equal(f.inherit[1].key, "file[1f:a0]");
	assert_int_equal(f.inherit[1].fd, 2);
	auto_free char *path = xasprintf("%s/descriptors.json", dir);
	unlink(path);
	rmdir(dir);

	int pipefd[2];
	assert_int_equal(pipe2(pipefd, O_CLOEXEC), 0);
	auto_free char *pipe_name = criu_stream_name(pipefd[0]);
	assert_true(str_starts(pipe_name, "pipe:["));
	auto_fd int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	auto_free char *null_name = criu_stream_name(null);
	assert_true(str_starts(null_name, "file["));
	/* each named once, and pipes need no name */
	char *streams[] = {null_name, pipe_name, null_name, NULL};
	f = (struct criu_facts){0};
	criu_streams_external(&f, streams, arena);
	assert_int_equal(f.external_count, 1);
	assert_string_equal(f.external[0], null_name);
	close(pipefd[0]);
	close(pipefd[1]);
	arena_free(arena);
}

/* One side of a conversation, packed into the socket that criu_call() reads. */
static void say(int sock, const void *bytes, size_t n)
{
	assert_int_equal(fd_send(sock, bytes, n, NULL, 0), 0);
}

static void answer(int sock, Criu__Response *response)
{
	uint8_t bytes[4096];
	size_t n = criu__response__pack(response, bytes);
	say(sock, bytes, n);
}

static Criu__Response *call_criu(
	struct criu *c, const struct criu_listener *listener, struct err **err)
{
	Criu__Request request = CRIU__REQUEST__INIT;
	request.type = CRIU__REQUEST_TYPE__RESTORE;
	return criu_call(c, &request, listener, err);
}

static int converse(struct criu *c)
{
	int pair[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	c->sock = pair[0];
	return pair[1];
}

static int refuse_notify(void *ctx, const char *script, pid_t pid, int fd, struct err **err)
{
	int *calls = ctx;
	fd_close(fd);
	++*calls;
	return err_set(err, ERR_SYSTEM, "no to %s of %d", script, (int)pid);
}

/* Garbage, wrong types, missing parts: an error each, and never a crash. */
static void test_hostile_answers(void **state)
{
	static const char *const garbage[] = {"", "\x08",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x08\x01", "\x2a\xff\x01",
		"\x08\x02\x10\x01\x2a\x7f", "hello there"};
	for (size_t i = 0; i < ARRAY_LEN(garbage); i++) {
		auto_err *err = NULL;
		assert_null(criu_response(garbage[i], strlen(garbage[i]), &err));
		assert_non_null(err);
	}
	auto_err *err = NULL;
	struct criu c = CRIU_NONE;
	Criu__Response response = CRIU__RESPONSE__INIT;

	int theirs = converse(&c);
	response.type = CRIU__REQUEST_TYPE__DUMP; /* a good answer to another question */
	response.success = 1;
	answer(theirs, &response);
	assert_null(call_criu(&c, NULL, &err));
	assert_non_null(strstr(err->msg, "criu answered DUMP to RESTORE"));
	response.type = 12345;
	response.success = 0;
	answer(theirs, &response);
	assert_null(call_criu(&c, NULL, &err));
	assert_non_null(strstr(err->msg, "criu failed: type unknown errno 0"));
	response.message = (char *)"because\nof this";
	response.type = CRIU__REQUEST_TYPE__RESTORE;
	response.has_error = 1;
	response.error = 17;
	answer(theirs, &response);
	assert_null(call_criu(&c, NULL, &err));
	assert_non_null(strstr(err->msg, "criu failed: type RESTORE errno 17"));
	assert_string_equal(c.said, "because\nof this");
	/* too long to be one */
	auto_free char *much = xcalloc(1, 100000);
	say(theirs, much, 100000);
	assert_null(call_criu(&c, NULL, &err));
	close(theirs);
	criu_end(&c);
}

static void test_notifications(void **state)
{
	auto_err *err = NULL;
	struct criu c = CRIU_NONE;
	int calls = 0, theirs = converse(&c);
	struct criu_listener listener = {refuse_notify, &calls};
	Criu__Notify notify = CRIU__NOTIFY__INIT;
	Criu__Response said = CRIU__RESPONSE__INIT, done = CRIU__RESPONSE__INIT;
	said.type = CRIU__REQUEST_TYPE__NOTIFY;
	said.success = done.success = 1;
	said.notify = &notify;
	notify.script = (char *)"setup-namespaces";
	notify.has_pid = 1;
	notify.pid = 42;
	answer(theirs, &said);
	said.notify = NULL; /* without what it is about */
	answer(theirs, &said);
	done.type = CRIU__REQUEST_TYPE__RESTORE; /* as if it had not heard */
	answer(theirs, &done);
	assert_null(call_criu(&c, &listener, &err));
	assert_string_equal(err->msg, "no to setup-namespaces of 42");
	assert_int_equal(calls, 1);
	/* the request, and a refusal of each */
	uint8_t bytes[256];
	for (int i = 0; i < 3; i++) {
		ssize_t n = fd_recv(theirs, bytes, sizeof(bytes), NULL, &(size_t){0});
		Criu__Request *r = criu__request__unpack(NULL, (size_t)n, bytes);
		assert_non_null(r);
		assert_int_equal(
			r->type, i ? CRIU__REQUEST_TYPE__NOTIFY : CRIU__REQUEST_TYPE__RESTORE);
		assert_false(r->notify_success);
		criu__request__free_unpacked(r, NULL);
	}
	close(theirs);
	criu_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_page_server),
		cmocka_unit_test(test_checkpoint_request),
		cmocka_unit_test(test_restore_request),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_small_user_namespace),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_notifications),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
