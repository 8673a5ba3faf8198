/*
 * Real containers of busybox: what the plan says is what is inside. Needs root and a static
 * busybox; skipped without. Every container prints to a pipe that the test reads to its end.
 */
#include "../cmocka_all.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/plan.h"
#include "runtime/run.h"
#include "sys/child.h"

static char dir[] = "/tmp/kist-run-XXXXXX";

struct box {
	struct oci_config *config;
	struct plan *plan;
	struct buf bytes; /* which the plan borrows from */
	struct run *run;
	int out; /* read end of its stdout and stderr */
	int code;
	struct buf said;
	struct err *err;
	const char *user_spec;
	const char *const *group_add;
	bool cwd_create, caps_by_user;
	int gate_socket;
	const int *preserve;
	size_t preserve_count;
	const void *bpf;
	size_t bpf_len;
};

static bool able(void)
{
	return geteuid() == 0 && access("/bin/busybox", X_OK) == 0;
}

static void write_file(const char *name, const char *text)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	auto_fd int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static void make_dir(const char *name)
{
	auto_free char *path = xasprintf("%s/%s", dir, name);
	assert_int_equal(dir_make(AT_FDCWD, path, 0755, NULL), 0);
}

static int setup_group(void **state)
{
	static const char *const dirs[] = {
		"rootfs/bin", "rootfs/etc", "rootfs/tmp", "rootfs/data", "vol"};
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
		make_dir(dirs[i]);
	write_file("rootfs/etc/passwd",
		"root:x:0:0::/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n");
	write_file("rootfs/etc/group", "root:x:0:\nbobs:x:1001:\nvideo:x:44:bob\n");
	write_file("rootfs/data/file", "from the image\n");
	write_file("vol/file", "from the host\n");
	if (!able())
		return 0;
	auto_buf busybox = BUF_INIT;
	auto_free char *path = xasprintf("%s/rootfs/bin/busybox", dir);
	assert_int_equal(file_read(AT_FDCWD, "/bin/busybox", 64 << 20, &busybox, NULL), 0);
	auto_fd int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	assert_int_equal(fd_write_all(fd, busybox.data, busybox.len), 0);
	static const char *const applets[] = {"sh", "id", "cat", "ls", "mount", "sleep", "grep",
		"pwd", "readlink", "stat", "tty", "touch", "hostname", "true", "env", "echo", "ps",
		"stty", "mkdir"};
	for (size_t i = 0; i < ARRAY_LEN(applets); i++) {
		auto_free char *link = xasprintf("%s/rootfs/bin/%s", dir, applets[i]);
		assert_int_equal(symlink("busybox", link), 0);
	}
	return 0;
}

static int teardown_group(void **state)
{
	return tree_remove(AT_FDCWD, dir, NULL);
}

static void add_mount(
	struct box *b, const char *to, const char *type, const char *from, const char *words)
{
	auto_strv v = strv_split(words, ',');
	oci_mount_add(b->config, to, type, from, (const char *const *)v);
}

static int box_setup(void **state)
{
	struct box *b = xcalloc(1, sizeof(*b));
	struct oci_config *c = b->config = oci_config_new();
	b->out = -1;
	c->root_path = xasprintf("%s/rootfs", dir);
	c->hostname = xstrdup("testbox");
	c->has_process = true;
	c->process.cwd = xstrdup("/");
	strv_add(&c->process.env, "PATH=/bin");
	c->process.has_capabilities = true;
	c->process.capabilities.bounding = c->process.capabilities.permitted =
		c->process.capabilities.effective = 1 << 5; /* CAP_KILL */
	for (int i = 0; i < OCI_NS_COUNT; i++)
		c->linux.ns[i].present = i != OCI_NS_USER && i != OCI_NS_TIME && i != OCI_NS_CGROUP;
	c->linux.cgroups_path = xasprintf("/kist-unit-%d", (int)getpid());
	add_mount(b, "/proc", "proc", "proc", "nosuid,noexec,nodev");
	add_mount(b, "/dev", "tmpfs", "tmpfs", "nosuid,mode=755,size=64k");
	add_mount(b, "/dev/pts", "devpts", "devpts",
		"nosuid,noexec,newinstance,ptmxmode=0666,mode=0620");
	add_mount(b, "/sys", "sysfs", "sysfs", "ro,nosuid,noexec,nodev");
	*state = b;
	return 0;
}

static int box_teardown(void **state)
{
	struct box *b = *state;
	run_destroy(b->run);
	plan_free(b->plan);
	buf_free(&b->bytes);
	oci_config_free(b->config);
	fd_close(b->out);
	buf_free(&b->said);
	err_freep(&b->err);
	free(b);
	return 0;
}

static void set_args(struct box *b, const char *script)
{
	strv_free(b->config->process.args);
	b->config->process.args = NULL;
	strv_add(&b->config->process.args, "sh");
	strv_add(&b->config->process.args, "-c");
	strv_add(&b->config->process.args, script);
}

/* Through bytes, as the monitor gets it. */
static int make_plan(struct box *b)
{
	static const struct plan_options options = {.id = "unit", .bundle = "/"};
	struct plan *compiled = NULL;
	if (plan_compile(&compiled, b->config, &options, &b->err) < 0)
		return -1;
	compiled->process.user_spec = b->user_spec;
	compiled->process.group_add = (const char **)b->group_add;
	compiled->process.cwd_create = b->cwd_create;
	compiled->process.caps_by_user = b->caps_by_user;
	compiled->process.bpf = b->bpf;
	compiled->process.bpf_len = b->bpf_len;
	plan_encode(compiled, &b->bytes);
	plan_free(compiled);
	return plan_decode(&b->plan, b->bytes.data, b->bytes.len, &b->err);
}

static int create(struct box *b)
{
	int p[2];
	if (make_plan(b) < 0)
		return -1;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	b->out = p[0];
	struct run_io io = {.in = -1,
		.out = p[1],
		.err = p[1],
		.gate_socket = b->gate_socket,
		.preserve = b->preserve,
		.preserve_count = b->preserve_count};
	int r = run_create(&b->run, b->plan, &io, false, &b->err);
	close(p[1]);
	return r;
}

static void finish(struct box *b)
{
	if (b->run->tty_master >= 0) {
		char chunk[512];
		ssize_t n;
		while ((n = fd_read(b->run->tty_master, chunk, sizeof(chunk))) > 0)
			buf_add(&b->said, chunk, (size_t)n);
	} else {
		assert_int_equal(fd_read_all(b->out, 1 << 20, &b->said, "output", NULL), 0);
	}
	b->code = child_exit_code(proc_wait(b->run->pid));
	b->run->pid = 0;
}

/* Runs the script; a failure to start is in b->err. */
static int run(struct box *b, const char *script)
{
	if (!able())
		skip();
	set_args(b, script);
	if (create(b) < 0)
		return -1;
	if (run_start(b->run, b->plan, &b->err) < 0)
		return -1;
	finish(b);
	return 0;
}

static void expect(struct box *b, const char *script, const char *said)
{
	if (run(b, script) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_string_equal(buf_str(&b->said), said);
	assert_int_equal(b->code, 0);
}

static void refuse(struct box *b, const char *script, enum err_kind kind, const char *text)
{
	assert_int_equal(run(b, script), -1);
	if (!strstr(err_msg(b->err), text))
		fail_msg("\"%s\" does not say \"%s\"", err_msg(b->err), text);
	assert_int_equal(b->err->kind, kind);
}

static void test_plain(void **state)
{
	expect(*state, "echo $$; hostname; pwd; ls /proc/self/fd; echo $HOME",
		"1\ntestbox\n/\n0\n1\n2\n3\n/root\n");
}

static void test_exit_code(void **state)
{
	struct box *b = *state;
	assert_int_equal(run(b, "exit 42"), 0);
	assert_int_equal(b->code, 42);
}

static void test_devices(void **state)
{
	expect(*state,
		"echo x >/dev/null && ls /dev; stat -c '%a %t:%T' /dev/null /dev/full; readlink "
		"/dev/ptmx",
		"fd\nfull\nnull\nptmx\npts\nrandom\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
		"666 1:3\n666 1:7\npts/ptmx\n");
}

static void test_capabilities(void **state)
{
	expect(*state, "grep Cap /proc/self/status",
		"CapInh:\t0000000000000000\nCapPrm:\t0000000000000020\nCapEff:\t0000000000000020\n"
		"CapBnd:\t0000000000000020\nCapAmb:\t0000000000000000\n");
}

static void test_user(void **state)
{
	struct box *b = *state;
	static const char *const add[] = {"63", NULL};
	b->user_spec = "bob";
	b->caps_by_user = true;
	b->group_add = add;
	expect(b,
		"id -u; id -g; grep Groups /proc/self/status; echo $HOME; grep CapEff "
		"/proc/self/status",
		"1000\n1001\nGroups:\t44 63 1001 \n/home/bob\nCapEff:\t0000000000000000\n");
}

static void test_unknown_user(void **state)
{
	struct box *b = *state;
	b->user_spec = "foo";
	refuse(b, "true", ERR_INVALID,
		"unable to find user foo: no matching entries in passwd file");
}

static void test_passwd_is_a_link_to_a_device(void **state)
{
	struct box *b = *state; /* CVE-2024-9676 */
	auto_free char *link = xasprintf("%s/rootfs/data/passwd", dir);
	auto_free char *data = xasprintf("%s/rootfs/data", dir);
	unlink(link);
	assert_int_equal(symlink("/dev/zero", link), 0);
	add_mount(b, "/etc", "bind", data, "bind");
	b->user_spec = "4242";
	expect(b, "grep Uid /proc/self/status", "Uid:\t4242\t4242\t4242\t4242\n");
	unlink(link);
}

static void test_volumes(void **state)
{
	struct box *b = *state;
	auto_free char *vol = xasprintf("%s/vol", dir);
	auto_free char *file = xasprintf("%s/vol/file", dir);
	add_mount(b, "/new/v", "bind", vol, "rbind,rprivate,ro");
	add_mount(b, "/etc/group", "bind", file, "bind");
	expect(b, "cat /new/v/file /etc/group; touch /new/v/x 2>/dev/null || echo refused",
		"from the host\nfrom the host\nrefused\n");
}

static void test_copy_up(void **state)
{
	struct box *b = *state;
	add_mount(b, "/data", "tmpfs", "tmpfs", "tmpcopyup");
	expect(b, "cat /data/file; touch /data/new; ls /data", "from the image\nfile\nnew\n");
	auto_free char *path = xasprintf("%s/rootfs/data/new", dir);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_target_through_hostile_links(void **state)
{
	struct box *b = *state; /* CVE-2021-30465: whatever the link says, it is inside */
	auto_free char *link = xasprintf("%s/rootfs/evil", dir);
	auto_free char *vol = xasprintf("%s/vol", dir);
	unlink(link);
	assert_int_equal(symlink("/../../../../../data", link), 0);
	add_mount(b, "/evil/sub", "bind", vol, "rbind");
	expect(b, "cat /data/sub/file", "from the host\n");
}

static void test_proc_through_a_link(void **state)
{
	struct box *b = *state; /* CVE-2019-19921 */
	auto_free char *proc = xasprintf("%s/rootfs/proc", dir);
	rmdir(proc);
	assert_int_equal(symlink("/data", proc), 0);
	int r = run(b, "true");
	unlink(proc);
	assert_int_equal(r, -1);
	assert_int_equal(b->err->kind, ERR_INVALID);
	assert_non_null(strstr(b->err->msg, "ordinary directory"));
}

static void test_nothing_goes_over_proc(void **state)
{
	struct box *b = *state; /* CVE-2019-16884, CVE-2023-28642 */
	auto_free char *vol = xasprintf("%s/vol", dir);
	add_mount(b, "/data/../proc", "bind", vol, "rbind");
	refuse(b, "true", ERR_INVALID, "inside /proc");
}

static void test_file_on_folder(void **state)
{
	struct box *b = *state;
	auto_free char *vol = xasprintf("%s/vol", dir);
	add_mount(b, "/etc/passwd", "bind", vol, "rbind");
	refuse(b, "true", ERR_SYSTEM, "Are you trying to mount a directory onto a file");
}

static void test_unknown_option(void **state)
{
	struct box *b = *state;
	add_mount(b, "/x", "tmpfs", "tmpfs", "nonsense=1");
	refuse(b, "true", ERR_SYSTEM, "nonsense");
}

static void test_masks(void **state)
{
	struct box *b = *state;
	strv_add(&b->config->linux.masked_paths, "/proc/keys");
	strv_add(&b->config->linux.masked_paths, "/sys/firmware");
	strv_add(&b->config->linux.masked_paths, "/nonexistent");
	strv_add(&b->config->linux.readonly_paths, "/proc/sys");
	expect(b,
		"cat /proc/keys; ls /sys/firmware; echo 1 2>/dev/null "
		">/proc/sys/net/ipv4/ip_forward || "
		"echo refused",
		"refused\n");
}

static void test_readonly_root(void **state)
{
	struct box *b = *state;
	b->config->root_readonly = true;
	expect(b, "touch /x 2>/dev/null || echo refused; touch /dev/x && echo fine",
		"refused\nfine\n");
}

static void test_sysctl(void **state)
{
	struct box *b = *state;
	oci_pair_add(&b->config->linux.sysctl, "net.ipv4.ip_forward", "1");
	oci_pair_add(&b->config->linux.sysctl, "kernel/msgmax", "9999");
	expect(b, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax", "1\n9999\n");
}

static void test_working_folder(void **state)
{
	struct box *b = *state;
	str_replace(&b->config->process.cwd, "/made/deep");
	b->cwd_create = true;
	expect(b, "pwd; stat -c '%u %a' /made", "/made/deep\n0 755\n");
}

static void test_missing_working_folder(void **state)
{
	struct box *b = *state;
	str_replace(&b->config->process.cwd, "/no/such");
	refuse(b, "true", ERR_NOT_EXECUTABLE,
		"chdir to cwd (\"/no/such\") set in config.json failed: no such file or directory");
}

static void test_folder_of_the_host(void **state)
{
	/* CVE-2024-21626, for every descriptor that could be open */
	for (int i = 3; i < 20; i++) {
		void *one;
		box_setup(&one);
		struct box *b = one;
		auto_free char *cwd = xasprintf("/proc/self/fd/%d", i);
		str_replace(&b->config->process.cwd, cwd);
		if (!able()) {
			box_teardown(&one);
			skip();
		}
		set_args(b, "pwd; ls");
		if (create(b) == 0 && run_start(b->run, b->plan, &b->err) == 0) {
			finish(b);
			/* the only folder to be had is the container's own root */
			assert_true(str_starts(buf_str(&b->said), "/\n"));
		}
		box_teardown(&one);
	}
}

/* Through the host's procfs, if it were open at exec: "self/exe" is the program that makes the
 * container, "1/root" the host. */
static void test_program_of_the_host(void **state)
{
	for (int i = 3; i < 20; i++) {
		void *one;
		box_setup(&one);
		struct box *b = one;
		auto_free char *path = xasprintf("/proc/self/fd/%d/self/exe", i);
		if (!able()) {
			box_teardown(&one);
			skip();
		}
		strv_add(&b->config->process.args, path);
		strv_add(&b->config->process.args, "--not-an-option");
		if (create(b) == 0)
			assert_int_equal(run_start(b->run, b->plan, &b->err), -1);
		box_teardown(&one);
	}
}

static void try_program(struct box *b, const char *program, enum err_kind kind, const char *text)
{
	if (!able())
		skip();
	strv_add(&b->config->process.args, program);
	assert_int_equal(create(b), -1);
	assert_string_equal(err_msg(b->err), text);
	assert_int_equal(b->err->kind, kind);
}

static void test_no_program_in_path(void **state)
{
	try_program(*state, "nosuch", ERR_NO_EXECUTABLE,
		"exec: \"nosuch\": executable file not found in $PATH");
}

static void test_no_program_at_path(void **state)
{
	try_program(*state, "/nosuch", ERR_NO_EXECUTABLE,
		"exec: \"/nosuch\": stat /nosuch: no such file or directory");
}

static void test_program_not_executable(void **state)
{
	try_program(*state, "/etc/passwd", ERR_NOT_EXECUTABLE,
		"exec: \"/etc/passwd\": permission denied");
}

static void test_program_is_a_folder(void **state)
{
	try_program(*state, "/etc", ERR_NOT_EXECUTABLE, "exec: \"/etc\": is a directory");
}

static void test_limits(void **state)
{
	struct box *b = *state;
	oci_rlimit_add(&b->config->process, "RLIMIT_NOFILE", 77, 78);
	expect(b, "ulimit -n; ulimit -Hn", "77\n78\n");
}

static void test_raised_limit(void **state)
{
	struct box *b = *state;
	oci_rlimit_add(&b->config->process, "RLIMIT_NOFILE", 1ULL << 40, 1ULL << 40);
	refuse(b, "true", ERR_INVALID, "RLIMIT_NOFILE");
}

static void test_terminal(void **state)
{
	struct box *b = *state;
	b->config->process.terminal = true;
	b->config->process.console_height = 33;
	b->config->process.console_width = 99;
	expect(b, "tty; stty size; echo hi >/dev/console; stat -c %t /dev/console",
		"/dev/pts/0\r\n33 99\r\nhi\r\n88\r\n");
}

static void test_user_namespace(void **state)
{
	struct box *b = *state;
	static const struct oci_id_map map = {0, 100000, 65536};
	b->config->linux.ns[OCI_NS_USER].present = true;
	b->config->linux.uid_map = xmemdup(&map, sizeof(map));
	b->config->linux.gid_map = xmemdup(&map, sizeof(map));
	b->config->linux.uid_map_count = b->config->linux.gid_map_count = 1;
	expect(b, "id -u; stat -c %u /data /proc/1; echo >/dev/null && echo fine",
		"0\n65534\n0\nfine\n");
}

/* A billion seconds more than this machine has been up for. */
#define MUCH_LATER "^1.........[.]"

static void test_time_namespace(void **state)
{
	struct box *b = *state;
	b->config->linux.ns[OCI_NS_TIME].present = true;
	b->config->linux.time_offsets.boottime_secs.set = true;
	b->config->linux.time_offsets.boottime_secs.v = 1000000000;
	expect(b, "cat /proc/uptime | grep -c '" MUCH_LATER "'", "1\n");
}

static void test_hooks(void **state)
{
	struct box *b = *state;
	static const char *const names[] = {"a", "b", "c"};
	struct oci_hook_list *lists[] = {&b->config->hooks.prestart,
		&b->config->hooks.create_runtime, &b->config->hooks.create_container};
	auto_free char *log = xasprintf("%s/hooks", dir);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		lists[i]->v = xcalloc(1, sizeof(struct oci_hook));
		lists[i]->count = 1;
		lists[i]->v[0].path = xstrdup("/bin/busybox");
		strv_add(&lists[i]->v[0].args, "sh");
		strv_add(&lists[i]->v[0].args, "-c");
		strv_take(&lists[i]->v[0].args,
			xasprintf("busybox grep -o '\"id\":\"unit\"' >>%s; echo %s >>%s", log,
				names[i], log));
		strv_add(&lists[i]->v[0].env, "PATH=/bin:/usr/bin");
	}
	expect(b, "echo program", "program\n");
	auto_buf text = BUF_INIT;
	assert_int_equal(file_read(AT_FDCWD, log, 1000, &text, NULL), 0);
	assert_string_equal(
		buf_str(&text), "\"id\":\"unit\"\na\n\"id\":\"unit\"\nb\n\"id\":\"unit\"\nc\n");
}

static void test_failing_hook(void **state)
{
	struct box *b = *state;
	struct oci_hook_list *l = &b->config->hooks.create_container;
	l->v = xcalloc(1, sizeof(struct oci_hook));
	l->count = 1;
	l->v[0].path = xstrdup("/bin/busybox");
	l->v[0].timeout = 1;
	strv_add(&l->v[0].args, "sleep");
	strv_add(&l->v[0].args, "100");
	refuse(b, "true", ERR_SYSTEM, "its time is up");
}

static void test_gate_socket(void **state)
{
	struct box *b = *state;
	if (!able())
		skip();
	auto_fd int at = open(dir, O_DIRECTORY | O_CLOEXEC);
	auto_fd int gate = unix_listen(at, "gate", SOCK_SEQPACKET, 0600, NULL);
	assert_true(gate >= 0);
	b->gate_socket = gate;
	set_args(b, "echo started");
	if (create(b) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_int_equal(b->run->gate, -1);
	/* one who comes and leaves changes nothing */
	int idle = unix_connect(at, "gate", SOCK_SEQPACKET, NULL);
	assert_true(idle >= 0);
	close(idle);
	auto_fd int conn = unix_connect(at, "gate", SOCK_SEQPACKET, NULL);
	assert_true(conn >= 0);
	assert_int_equal(run_start_at(conn, b->plan, b->run->pid, b->run->pidfd, &b->err), 0);
	finish(b);
	assert_string_equal(buf_str(&b->said), "started\n");
}

static void test_preserved_descriptors(void **state)
{
	struct box *b = *state;
	auto_free char *vol = xasprintf("%s/vol/file", dir);
	auto_free char *image = xasprintf("%s/rootfs/data/file", dir);
	int fds[3];
	fds[0] = open(vol, O_RDONLY | O_CLOEXEC);
	int low = open(image, O_RDONLY | O_CLOEXEC);
	fds[1] = fcntl(low, F_DUPFD_CLOEXEC, 50);
	fds[2] = fds[1];
	b->preserve = fds;
	b->preserve_count = 3;
	expect(b, "cat <&3; cat <&4; ls /proc/self/fd",
		"from the host\nfrom the image\n0\n1\n2\n3\n4\n5\n6\n");
	close(low);
	close(fds[0]);
	close(fds[1]);
}

/* mkdir fails with EXDEV, whose text no other cause would give; everything else is allowed */
static const struct sock_filter no_mkdir[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 1, 0),
#ifdef SYS_mkdir
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
#else
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdirat, 0, 1),
#endif
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

static void test_filter(void **state)
{
	struct box *b = *state;
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	expect(b, "mkdir /tmp/x 2>&1; grep -E 'NoNewPrivs|Seccomp:|CapPrm' /proc/self/status",
		"mkdir: can't create directory '/tmp/x': Invalid cross-device link\n"
		"CapPrm:\t0000000000000020\nNoNewPrivs:\t0\nSeccomp:\t2\n");
}

static void test_filter_and_user(void **state)
{
	struct box *b = *state;
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	b->user_spec = "bob";
	b->caps_by_user = true;
	expect(b, "id -u; grep -E 'Seccomp:|CapPrm|CapEff' /proc/self/status",
		"1000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nSeccomp:\t2\n");
}

/* It is the image's program: it must not get more than the image's own process does. */
static void test_hook_of_the_image(void **state)
{
	struct box *b = *state;
	struct oci_hook_list *l = &b->config->hooks.start_container;
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	b->user_spec = "bob";
	b->caps_by_user = true;
	add_mount(b, "/tmp", "tmpfs", "tmpfs", "mode=1777");
	l->v = xcalloc(1, sizeof(struct oci_hook));
	l->count = 1;
	l->v[0].path = xstrdup("/bin/busybox");
	strv_add(&l->v[0].args, "sh");
	strv_add(&l->v[0].args, "-c");
	strv_add(&l->v[0].args,
		"busybox grep -E 'Uid|CapPrm|Seccomp:' /proc/self/status >/tmp/hook");
	strv_add(&l->v[0].env, "PATH=/bin");
	expect(b, "cat /tmp/hook",
		"Uid:\t1000\t1000\t1000\t1000\nCapPrm:\t0000000000000000\nSeccomp:\t2\n");
}

static void test_filter_with_no_new_privs(void **state)
{
	struct box *b = *state;
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	b->config->process.no_new_privileges = true;
	expect(b, "grep -E 'NoNewPrivs|Seccomp:' /proc/self/status",
		"NoNewPrivs:\t1\nSeccomp:\t2\n");
}

static void test_ambient(void **state)
{
	struct box *b = *state;
	struct oci_capabilities *c = &b->config->process.capabilities;
	c->inheritable = c->ambient = 1 << 5;
	b->user_spec = "bob";
	b->caps_by_user = true;
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	expect(b, "grep -E 'CapInh|CapEff|CapAmb' /proc/self/status",
		"CapInh:\t0000000000000020\nCapEff:\t0000000000000020\nCapAmb:"
		"\t0000000000000020\n");
}

static size_t count_descriptors(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	assert_non_null(d);
	size_t n = 0;
	for (struct dirent *e; (e = readdir(d));)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* A container that was started is about to execute its program. */
static void wait_for_program(pid_t pid, const char *name)
{
	auto_free char *path = xasprintf("/proc/%d/cmdline", (int)pid);
	auto_buf line = BUF_INIT;
	for (int i = 0; i < 60000 && !str_eq(buf_str(&line), name); i++) {
		line.len = 0;
		assert_int_equal(file_read(AT_FDCWD, path, 4096, &line, NULL), 0);
		usleep(1000);
	}
	assert_string_equal(buf_str(&line), name);
}

/* Whoever shares the pid namespace may trace what is in it, so what waits at the gate must have nothing
 * that the container's own program will not have: CVE-2016-9962 for a container's init. */
static void test_joined_pid_namespace(void **state)
{
	struct box *b = *state;
	if (!able())
		skip();
	void *other;
	box_setup(&other);
	struct box *a = other;
	set_args(a, "exec sleep 100");
	if (create(a) < 0 || run_start(a->run, a->plan, &a->err) < 0)
		fail_msg("%s", err_msg(a->err));
	wait_for_program(a->run->pid, "sleep");
	auto_free char *cgroup = xasprintf("/kist-unit-joined-%d", (int)getpid());
	str_replace(&b->config->linux.cgroups_path, cgroup);
	b->config->linux.ns[OCI_NS_PID].path = xasprintf("/proc/%d/ns/pid", (int)a->run->pid);
	b->config->process.terminal = true;
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	set_args(b, "tr '\\0' ' ' </proc/1/cmdline; mkdir /tmp/x 2>/dev/null || tty; echo $$ | "
		    "grep -c .");
	if (create(b) < 0)
		fail_msg("%s", err_msg(b->err));
	auto_free char *path = xasprintf("/proc/%d/status", (int)b->run->pid);
	auto_buf status = BUF_INIT;
	assert_int_equal(file_read(AT_FDCWD, path, 65536, &status, NULL), 0);
	assert_non_null(strstr(buf_str(&status), "CapPrm:\t0000000000000020\n"));
	assert_non_null(strstr(buf_str(&status), "Seccomp:\t2\n"));
	/* its terminal and the gate */
	assert_int_equal(count_descriptors(b->run->pid), 4);
	if (run_start(b->run, b->plan, &b->err) < 0)
		fail_msg("%s", err_msg(b->err));
	finish(b);
	assert_string_equal(buf_str(&b->said), "sleep 100 /dev/pts/0\r\n1\r\n");
	box_teardown(&other);
}

static const struct sock_filter no_pidfd[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EMFILE),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

/* Init waits to be heard of then, and its parent for init. */
static void test_no_pidfd_to_be_had(void **state)
{
	struct box *b = *state;
	if (!able())
		skip();
	b->config->linux.ns[OCI_NS_IPC].path = xstrdup("/proc/self/ns/ipc");
	b->config->linux.ns[OCI_NS_PID].path = xstrdup("/proc/self/ns/pid");
	set_args(b, "true");
	pid_t pid = fork();
	if (pid == 0) {
		const struct sock_fprog filter = {
			.len = ARRAY_LEN(no_pidfd), .filter = (struct sock_filter *)no_pidfd};
		alarm(60);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
			_exit(2);
		int r = create(b);
		_exit(r == -1 && strstr(err_msg(b->err), "pidfd_open") ? 0 : 1);
	}
	assert_int_equal(child_exit_code(proc_wait(pid)), 0);
}

/* What comes over the wire is not trusted to have one: without, pivot_root would be the engine's. */
static void test_no_mount_namespace(void **state)
{
	struct run *run = NULL;
	struct run_io io = {.in = -1, .out = -1, .err = -1};
	struct plan plan = {.id = "unit", .root_path = dir, .ns_new = CLONE_NEWPID};
	auto_err *err = NULL;
	for (int i = 0; i < OCI_NS_COUNT; i++)
		plan.ns_fd[i] = -1;
	assert_int_equal(run_create(&run, &plan, &io, true, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	assert_string_equal(err_msg(err), "the plan has no mount namespace");
}

static void test_destroy_before_start(void **state)
{
	struct box *b = *state;
	if (!able())
		skip();
	set_args(b, "true");
	assert_int_equal(create(b), 0);
	pid_t pid = b->run->pid;
	assert_true(run_start_ticks(pid) == b->run->start_ticks && b->run->start_ticks);
	run_destroy(b->run);
	b->run = NULL;
	assert_int_equal(kill(pid, 0), -1);
}

/* Runs @script by exec in a container that sleeps. */
static int exec_in(struct box *b, const char *script, int *code, struct buf *said)
{
	int p[2], pidfd = -1, tty = -1;
	set_args(b, "sleep 100");
	if (!b->run && (create(b) < 0 || run_start(b->run, b->plan, &b->err) < 0))
		fail_msg("%s", err_msg(b->err));
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	struct plan_process process = b->plan->process;
	const char *args[] = {"sh", "-c", script, NULL};
	const char *alone[] = {script + 1, NULL};
	process.args = script[0] == '!' ? alone : args;
	struct run_io io = {.in = -1, .out = p[1], .err = p[1]};
	pid_t pid = run_exec(
		&process, b->run->pid, b->run->pidfd, b->run->cgroup, &io, &pidfd, &tty, &b->err);
	close(p[1]);
	if (pid > 0) {
		if (tty >= 0) {
			char chunk[512];
			ssize_t n;
			while ((n = fd_read(tty, chunk, sizeof(chunk))) > 0)
				buf_add(said, chunk, (size_t)n);
		} else {
			fd_read_all(p[0], 1 << 20, said, "output", NULL);
		}
		*code = child_exit_code(proc_wait(pid));
	}
	close(p[0]);
	fd_close(pidfd);
	fd_close(tty);
	return pid > 0 ? 0 : -1;
}

static void test_exec(void **state)
{
	struct box *b = *state;
	auto_buf said = BUF_INIT;
	int code = -1;
	if (!able())
		skip();
	if (exec_in(b, "hostname; ls /proc/self/fd; grep CapEff /proc/self/status; exit 7", &code,
		    &said) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_string_equal(buf_str(&said), "testbox\n0\n1\n2\n3\nCapEff:\t0000000000000020\n");
	assert_int_equal(code, 7);
	assert_int_equal(exec_in(b, "!nosuch", &code, &said), -1);
	assert_int_equal(b->err->kind, ERR_NO_EXECUTABLE);
}

/* What a stage is stuck in, be it a frozen cgroup, does not hold up a caller who has other things to do. */
static void test_exec_gives_up(void **state)
{
	struct box *b = *state;
	if (!able())
		skip();
	set_args(b, "sleep 100");
	if (create(b) < 0 || run_start(b->run, b->plan, &b->err) < 0)
		fail_msg("%s", err_msg(b->err));
	if (!b->run->cgroup || cgroup_freeze(b->run->cgroup, true, NULL) < 0)
		skip();
	struct run_io io = {.in = -1, .out = -1, .err = -1, .timeout_ms = 200};
	int pidfd = -1, tty = -1, status;
	assert_int_equal(run_exec(&b->plan->process, b->run->pid, b->run->pidfd, b->run->cgroup,
				 &io, &pidfd, &tty, &b->err),
		-1);
	assert_int_equal(b->err->kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(b->err->msg, "took too long"));
	assert_int_equal(cgroup_freeze(b->run->cgroup, false, NULL), 0);
	/* the one that was given up, and it alone */
	pid_t left = waitpid(-1, &status, 0);
	assert_true(left > 0 && left != b->run->pid && WIFSIGNALED(status));
}

/* The filter is there before the process is, if it lets be born; else after. */
static void test_exec_below_a_filter(void **state)
{
	struct box *b = *state;
	auto_buf said = BUF_INIT;
	int code = -1;
	if (!able())
		skip();
	b->bpf = no_mkdir;
	b->bpf_len = sizeof(no_mkdir);
	const char *script = "mkdir /tmp/x 2>/dev/null; echo $?;"
			     "grep -E 'NoNewPrivs|Seccomp:|CapPrm' /proc/self/status";
	const char *want = "1\nCapPrm:\t0000000000000020\nNoNewPrivs:\t0\nSeccomp:\t2\n";
	if (exec_in(b, script, &code, &said) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_string_equal(buf_str(&said), want);
	static const struct sock_filter no_session[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsid, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mkdir, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	b->plan->process.bpf = no_session;
	b->plan->process.bpf_len = sizeof(no_session);
	said.len = 0;
	if (exec_in(b, script, &code, &said) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_string_equal(buf_str(&said), want);
}

#define V2 "/sys/fs/cgroup/unified"

static void write_to(const char *path, const char *text)
{
	auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || fd_write(fd, text, strlen(text)) < 0)
		fail_msg("write %s to %s: %s", text, path, strerror(errno));
}

/* A systemd in the container makes cgroups of its own: its v2 cgroup then takes no processes. */
static void test_exec_beside_inner_cgroups(void **state)
{
	struct box *b = *state;
	auto_buf controllers = BUF_INIT;
	auto_buf said = BUF_INIT;
	int code = -1;
	file_read(AT_FDCWD, V2 "/cgroup.controllers", 4096, &controllers, NULL);
	if (!able() || !strstr(buf_str(&controllers), "hugetlb"))
		skip();
	struct oci_resources *r = &b->config->linux.resources;
	r->hugepages = xcalloc(1, sizeof(*r->hugepages));
	r->hugepages[0].page_size = xstrdup("2MB");
	r->hugepage_count = 1;
	set_args(b, "sleep 100");
	if (create(b) < 0 || run_start(b->run, b->plan, &b->err) < 0)
		fail_msg("%s", err_msg(b->err));
	auto_free char *group = xasprintf(V2 "%s", b->config->linux.cgroups_path);
	auto_free char *inner = xasprintf("%s/init.scope", group);
	auto_free char *procs = xasprintf("%s/cgroup.procs", inner);
	auto_free char *control = xasprintf("%s/cgroup.subtree_control", group);
	auto_free char *pid = xasprintf("%d", (int)b->run->pid);
	assert_int_equal(mkdir(inner, 0755), 0);
	write_to(procs, pid);
	write_to(control, "+hugetlb");
	if (exec_in(b, "grep -c '^0::.*/init.scope' /proc/self/cgroup", &code, &said) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_string_equal(buf_str(&said), "1\n");
}

static void test_exec_terminal(void **state)
{
	struct box *b = *state;
	auto_buf said = BUF_INIT;
	int code = -1;
	if (!able())
		skip();
	b->config->process.terminal = true;
	if (exec_in(b, "tty; ps | grep -c sleep", &code, &said) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_true(str_starts(buf_str(&said), "/dev/pts/1\r\n"));
}

static void test_exec_in_user_and_time_namespace(void **state)
{
	struct box *b = *state;
	static const struct oci_id_map map = {0, 100000, 65536};
	auto_buf said = BUF_INIT;
	int code = -1;
	if (!able())
		skip();
	struct oci_linux *l = &b->config->linux;
	l->ns[OCI_NS_USER].present = l->ns[OCI_NS_TIME].present = true;
	l->time_offsets.boottime_secs.set = true;
	l->time_offsets.boottime_secs.v = 1000000000;
	l->uid_map = xmemdup(&map, sizeof(map));
	l->gid_map = xmemdup(&map, sizeof(map));
	l->uid_map_count = l->gid_map_count = 1;
	const char *script = "id -u; cat /proc/self/uid_map | grep -c 100000; cat /proc/uptime | "
			     "grep -c '" MUCH_LATER "'; grep CapEff /proc/self/status";
	if (exec_in(b, script, &code, &said) < 0)
		fail_msg("%s", err_msg(b->err));
	assert_string_equal(buf_str(&said), "0\n1\n1\nCapEff:\t0000000000000020\n");
}

static void test_exec_after_death(void **state)
{
	struct box *b = *state;
	auto_buf said = BUF_INIT;
	int code;
	if (!able())
		skip();
	assert_int_equal(exec_in(b, "true", &code, &said), 0);
	child_pidfd_signal(b->run->pidfd, SIGKILL);
	proc_wait(b->run->pid);
	assert_int_equal(exec_in(b, "true", &code, &said), -1);
	b->run->pid = 0;
}

static void test_exec_while_dying(void **state)
{
	struct box *b = *state; /* whatever the moment, an answer comes and nothing is left */
	auto_buf said = BUF_INIT;
	int code;
	if (!able())
		skip();
	assert_int_equal(exec_in(b, "true", &code, &said), 0);
	pid_t killer = fork();
	if (killer == 0) {
		usleep(1500);
		child_pidfd_signal(b->run->pidfd, SIGKILL);
		_exit(0);
	}
	for (int i = 0; i < 20; i++)
		if (exec_in(b, "true", &code, &said) < 0)
			break;
	proc_wait(killer);
	proc_wait(b->run->pid);
	b->run->pid = 0;
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

#define BOX(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOX(test_plain),
		BOX(test_exit_code),
		BOX(test_devices),
		BOX(test_capabilities),
		BOX(test_user),
		BOX(test_unknown_user),
		BOX(test_passwd_is_a_link_to_a_device),
		BOX(test_volumes),
		BOX(test_copy_up),
		BOX(test_target_through_hostile_links),
		BOX(test_proc_through_a_link),
		BOX(test_nothing_goes_over_proc),
		BOX(test_file_on_folder),
		BOX(test_unknown_option),
		BOX(test_masks),
		BOX(test_readonly_root),
		BOX(test_sysctl),
		BOX(test_working_folder),
		BOX(test_missing_working_folder),
		cmocka_unit_test(test_folder_of_the_host),
		cmocka_unit_test(test_program_of_the_host),
		BOX(test_no_program_in_path),
		BOX(test_no_program_at_path),
		BOX(test_program_not_executable),
		BOX(test_program_is_a_folder),
		BOX(test_limits),
		BOX(test_raised_limit),
		BOX(test_terminal),
		BOX(test_user_namespace),
		BOX(test_time_namespace),
		BOX(test_hooks),
		BOX(test_hook_of_the_image),
		BOX(test_failing_hook),
		BOX(test_gate_socket),
		BOX(test_preserved_descriptors),
		BOX(test_filter),
		BOX(test_filter_and_user),
		BOX(test_filter_with_no_new_privs),
		BOX(test_ambient),
		cmocka_unit_test(test_no_mount_namespace),
		BOX(test_joined_pid_namespace),
		BOX(test_destroy_before_start),
		BOX(test_no_pidfd_to_be_had),
		BOX(test_exec),
		BOX(test_exec_gives_up),
		BOX(test_exec_below_a_filter),
		BOX(test_exec_beside_inner_cgroups),
		BOX(test_exec_terminal),
		BOX(test_exec_in_user_and_time_namespace),
		BOX(test_exec_after_death),
		BOX(test_exec_while_dying),
	};
	return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
