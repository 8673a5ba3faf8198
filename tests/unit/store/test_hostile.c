/*
 * Layers made to harm (docs: the published escapes and their kin): nothing outside the layer's folder
 * may change, nothing half visible may stay, and the message says what is wrong.
 */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"

/* A file beside the store that attacks aim at. */
static char *make_victim(struct fixture *f)
{
	char *path = xasprintf("%s/victim", f->base);
	assert_int_equal(file_replace(AT_FDCWD, path, "safe", 4, 0600, false, NULL), 0);
	return path;
}

static void check_victim(const char *path)
{
	auto_buf b = BUF_INIT;
	struct stat st;
	assert_int_equal(file_read(AT_FDCWD, path, 100, &b, NULL), 0);
	assert_string_equal(buf_str(&b), "safe");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_uid, 0);
}

static void refuse_entry(struct fixture *f, const struct tar_entry *e, const char *needle)
{
	auto_buf l = BUF_INIT;
	tar_put(&l, e);
	tar_end(&l);
	refuse_layer(f, &l, needle);
}

/* CVE-2014-9357, CVE-2014-9358 */
static void names_that_lead_out(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const char *const names[] = {
		"../victim", "a/../../victim", "..", "./../../x", "/../../../../../../../../tmp/x"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		refuse_entry(f, &(struct tar_entry){.name = names[i], .data = "bad"},
			"leads out of the archive");
}

/* CVE-2014-6407: hard links to what is outside */
static void hard_links_that_lead_out(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_free char *victim = make_victim(f);
	refuse_entry(f, &(struct tar_entry){.name = "x", .type = '1', .link = "../../victim"},
		"leads out of the archive");
	refuse_entry(f, &(struct tar_entry){.name = "x", .type = '1', .link = victim},
		"hard link points to");
	refuse_entry(f, &(struct tar_entry){.name = "x", .type = '1', .link = "nothing"},
		"hard link points to");
	refuse_entry(f, &(struct tar_entry){.name = "x", .type = '1', .link = "/"}, "root");
	auto_buf l = BUF_INIT;
	tar_link(&l, '2', "out", f->base);
	tar_link(&l, '1', "x", "out/victim");
	tar_end(&l);
	refuse_layer(f, &l, "hard link points to");
	auto_buf folder = BUF_INIT;
	tar_dir(&folder, "d");
	tar_link(&folder, '1', "x", "d");
	tar_end(&folder);
	refuse_layer(f, &folder, "points to a folder");
	check_victim(victim);
}

/* CVE-2014-6407, CVE-2021-41089: writing, changing modes and owners through a symlink */
static void symlinks_that_lead_out(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	auto_free char *victim = make_victim(f);
	auto_buf l = BUF_INIT;
	tar_link(&l, '2', "abs", victim);
	tar_put(&l, &(struct tar_entry){.name = "abs", .data = "bad", .mode = 0777, .uid = 5});
	tar_link(&l, '2', "rel", "../../../../../../../../../../../../../../tmp");
	tar_file(&l, "out", "x");
	tar_end(&l);
	auto_free char *folder = load_layer_folder(f, &l, &err);
	if (!folder)
		fail_msg("%s", err_msg(err));
	check_victim(victim);
	/* through a folder symlink: the kernel resolves it inside the layer */
	auto_buf m = BUF_INIT;
	tar_link(&m, '2', "out", f->base);
	tar_put(&m, &(struct tar_entry){.name = "out/victim", .data = "bad", .mode = 0777});
	tar_end(&m);
	folder = (free(folder), load_layer_folder(f, &m, &err));
	if (folder)
		fail_msg("a dangling folder link was written through");
	err_freep(&err);
	check_victim(victim);
	auto_buf n = BUF_INIT;
	tar_dir(&n, "d");
	tar_link(&n, '2', "out", "../../../../../../../../../../../../d");
	tar_put(&n, &(struct tar_entry){.name = "out/victim", .data = "in", .mode = 0777});
	tar_end(&n);
	folder = load_layer_folder(f, &n, &err);
	assert_non_null(folder);
	auto_free char *inside = xasprintf("%s/d/victim", folder);
	assert_int_equal(access(inside, F_OK), 0);
	check_victim(victim);
}

static void bad_whiteouts(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const char *const names[] = {"a/.wh..", "a/.wh...", ".wh."};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		refuse_entry(f, &(struct tar_entry){.name = names[i]}, "hides no name");
}

/* CVE-2024-40635's kin: -1 and beyond wrap */
static void owners_out_of_range(void **state)
{
	need_root();
	struct fixture *f = *state;
	refuse_entry(f, &(struct tar_entry){.name = "x", .uid = 4294967295u}, "owner out of range");
	refuse_entry(f, &(struct tar_entry){.name = "x", .gid = 4294967295u}, "owner out of range");
	refuse_entry(f, &(struct tar_entry){.name = "x", .uid = 4294967296u}, "owner out of range");
}

static void names_too_long(void **state)
{
	need_root();
	struct fixture *f = *state;
	char *name = xmalloc(65537);
	memset(name, 'x', 65536);
	name[65536] = 0;
	refuse_entry(f, &(struct tar_entry){.name = name}, "longer than 4095 bytes");
	name[300] = 0;
	refuse_entry(f, &(struct tar_entry){.name = name}, "component longer than 255 bytes");
	free(name);
}

static void deep_folders(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	char name[4096];
	for (size_t i = 0; i < 4090; i += 2)
		memcpy(name + i, "d/", 2);
	memcpy(name + 4090, "x", 2);
	auto_buf l = BUF_INIT;
	tar_file(&l, name, "deep");
	tar_end(&l);
	auto_free char *folder = load_layer_folder(f, &l, &err);
	/* either is fine; what matters is that it can be removed again */
	err_freep(&err);
	if (folder) {
		struct store_removed_list removed;
		assert_int_equal(
			store_image_remove(f->store, "t", false, NULL, NULL, &removed, NULL), 0);
		store_removed_list_free(&removed);
	}
	expect_empty(f);
}

static void links_that_loop(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf l = BUF_INIT;
	tar_link(&l, '2', "a", "b");
	tar_link(&l, '2', "b", "a");
	tar_file(&l, "a/x", "bad");
	tar_end(&l);
	refuse_layer(f, &l, "");
	/* links between members of the archive */
	auto_buf archive = BUF_INIT;
	tar_link(&archive, '2', "manifest.json", "other.json");
	tar_link(&archive, '2', "other.json", "manifest.json");
	tar_end(&archive);
	struct err *err = NULL;
	assert_int_equal(load(f, &archive, &err), -1);
	assert_int_equal(err->kind, ERR_INVALID);
	err_free(err);
}

static void file_as_folder(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf l = BUF_INIT;
	tar_file(&l, "f", "x");
	tar_file(&l, "f/below", "x");
	tar_end(&l);
	refuse_layer(f, &l, "f/below");
}

static void damaged_tars(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf good = BUF_INIT;
	for (int i = 0; i < 3; i++) {
		char name[16];
		snprintf(name, sizeof(name), "file%d", i);
		tar_file(&good, name, "some content that is long enough");
	}
	tar_end(&good);
	/* a flipped byte in a later header is found by its checksum */
	auto_buf bad = BUF_INIT;
	buf_add(&bad, good.data, good.len);
	bad.data[1024 + 20] ^= 1;
	refuse_layer(f, &bad, "tar");
	/* the layer ends inside a file */
	auto_buf cut = BUF_INIT;
	buf_add(&cut, good.data, 1024 + 512 + 10);
	refuse_layer(f, &cut, "");
}

/* A gigabyte and more of nothing in a few kilobytes. */
static void bombs(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_free char *path = xasprintf("%s/bomb.gz", f->base);
	auto_free char *make = xasprintf("head -c 1400000000 /dev/zero | gzip -9 | cat >%s", path);
	if (system(make) != 0)
		skip();
	struct store_import spec = {.repo = "bomb"};
	struct digest id;
	struct err *err = NULL;
	auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	spec.fd = fd;
	assert_int_equal(store_import(f->store, &spec, NULL, NULL, &id, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_non_null(strstr(err->msg, "decompression bomb"));
	err_free(err);
	expect_empty(f);
}

/* A member of a few bytes that is a terabyte long: a compressed layer, and nothing behind its end. */
static void holes_in_an_archive(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	auto_buf archive = BUF_INIT;
	auto_free char *path = xasprintf("%s/sparse.tar", f->base);
	auto_free char *make = xasprintf(
		"cd '%s' && head -c 5120 /dev/zero | gzip >layer && truncate -s 1T layer &&"
		" printf x >>layer && tar --sparse -cf sparse.tar layer && rm layer",
		f->base);
	if (system(make) != 0)
		skip();
	assert_int_equal(file_read(AT_FDCWD, path, 1u << 20, &archive, NULL), 0);
	assert_int_equal(load(f, &archive, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	assert_non_null(strstr(err->msg, "decompression bomb"));
	err_free(err);
	expect_empty(f);
}

/* CVE-2023-25153: a huge document must not be read whole */
static void huge_documents(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	auto_buf archive = BUF_INIT;
	size_t n = (5u << 20);
	auto_free char *doc = xmalloc(n);
	memset(doc, ' ', n);
	memcpy(doc, "[{\"Config\":\"c.json\"", 19);
	tar_blob(&archive, "manifest.json", doc, n);
	tar_end(&archive);
	assert_int_equal(load(f, &archive, &err), -1);
	assert_non_null(strstr(err->msg, "larger than 4 MiB"));
	err_free(err);
	expect_empty(f);
}

static void too_many_members(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	auto_buf archive = BUF_INIT;
	char name[32];
	for (int i = 0; i < 17000; i++) {
		snprintf(name, sizeof(name), "%d.json", i);
		tar_file(&archive, name, "{}");
	}
	tar_end(&archive);
	assert_int_equal(load(f, &archive, &err), -1);
	assert_int_equal(err->kind, ERR_TOO_LARGE);
	err_free(err);
	expect_empty(f);
}

static void ten_thousand_layers(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct err *err = NULL;
	auto_buf layer = BUF_INIT, archive = BUF_INIT, config = BUF_INIT, manifest = BUF_INIT;
	make_layer(&layer, "a", "a");
	struct digest d;
	digest_of(layer.data, layer.len, &d);
	buf_adds(&config, "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	buf_adds(&manifest, "[{\"Config\":\"c.json\",\"Layers\":[");
	for (int i = 0; i < 10000; i++) {
		buf_addf(&config, "%s\"%s\"", i ? "," : "", d.str);
		buf_addf(&manifest, "%s\"l.tar\"", i ? "," : "");
	}
	buf_adds(&config, "]}}");
	buf_adds(&manifest, "]}]");
	tar_blob(&archive, "l.tar", layer.data, layer.len);
	tar_blob(&archive, "c.json", config.data, config.len);
	tar_blob(&archive, "manifest.json", manifest.data, manifest.len);
	tar_end(&archive);
	assert_int_equal(load(f, &archive, &err), -1);
	assert_non_null(strstr(err->msg, "10000 layers, at most 127"));
	err_free(err);
	expect_empty(f);
}

/* CVE-2014-9356 and Dir Traversal by ids: names of documents are looked up, never opened. */
static void ids_as_paths(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const char *const refs[] = {"../../etc/passwd", "sha256:../../../etc", "/etc/passwd",
		"sha256:AAAA", "..", ".", "%2e%2e"};
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		struct err *err = NULL;
		assert_null(store_image_find(f->store, refs[i], &err));
		assert_true(err->kind == ERR_INVALID || err->kind == ERR_NOT_FOUND);
		err_free(err);
	}
	struct digest none = {0};
	assert_int_equal(store_snapshot_create(f->store, "../x", &none, NULL), -1);
	assert_int_equal(store_snapshot_remove(f->store, "..", NULL), -1);
}

/* CVE-2021-41091: other users cannot reach setuid programs of images. */
static void data_root_is_closed(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const struct {
		const char *path;
		mode_t mode;
	} cases[] = {{"", 0710}, {"layers", 0700}, {"content", 0700}, {"staging", 0700},
		{"containers", 0710}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *path = xasprintf("%s/%s", f->root, cases[i].path);
		struct stat st;
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, cases[i].mode);
	}
}

/* ---- confinement ---- */

struct loading {
	struct fixture *f;
	int fd;
	pid_t tid;
	pthread_t thread;
};

static void *load_from_pipe(void *arg)
{
	struct loading *l = arg;
	struct store_loaded loaded = {0};
	__atomic_store_n(&l->tid, gettid(), __ATOMIC_SEQ_CST);
	store_load(l->f->store, l->fd, NULL, NULL, NULL, &loaded, NULL);
	free(loaded.v);
	return NULL;
}

static char *read_proc(pid_t pid, const char *file)
{
	auto_free char *path = xasprintf("/proc/%d/%s", pid, file);
	struct buf b = BUF_INIT;
	if (file_read(AT_FDCWD, path, 65536, &b, NULL) < 0)
		buf_free(&b);
	return buf_steal(&b);
}

static pid_t child_of(pid_t pid, pid_t tid)
{
	auto_free char *path = xasprintf("task/%d/children", tid);
	auto_free char *children = tid > 0 ? read_proc(pid, path) : xstrdup("");
	return (pid_t)atoi(children);
}

/* The program's child that reads, with both filters loaded; it then waits for input that does not come. */
static pid_t wait_confined(struct loading *l, pid_t *supervisor)
{
	const struct timespec pause = {.tv_nsec = 5000000};
	for (int i = 0; i < 12000; i++, nanosleep(&pause, NULL)) {
		*supervisor = child_of(getpid(), __atomic_load_n(&l->tid, __ATOMIC_SEQ_CST));
		pid_t pid = child_of(*supervisor, *supervisor);
		auto_free char *status = pid > 0 ? read_proc(pid, "status") : xstrdup("");
		if (strstr(status, "Seccomp_filters:\t2"))
			return pid;
	}
	fail_msg("kist-transfer was never confined");
	return -1;
}

static void transfer_is_confined(void **state)
{
	need_root();
	struct loading l = {.f = *state};
	int fds[2];
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	l.fd = fds[0];
	assert_int_equal(pthread_create(&l.thread, NULL, load_from_pipe, &l), 0);
	pid_t pid, reader = wait_confined(&l, &pid);
	auto_free char *read = read_proc(reader, "status"), *status = read_proc(pid, "status");
	assert_non_null(strstr(read, "NoNewPrivs:\t1"));
	assert_non_null(strstr(read, "CapEff:\t0000000000000000"));
	assert_non_null(strstr(read, "CapPrm:\t0000000000000000"));
	assert_non_null(strstr(status, "NoNewPrivs:\t1"));
	/* chown dac_override fowner fsetid sys_admin mknod setfcap; kill, sys_chroot for its children; and nothing else */
	assert_non_null(strstr(status, "CapEff:\t000000008824003b"));
	assert_non_null(strstr(status, "CapPrm:\t000000008824003b"));
	static const char *const own[] = {"ns/mnt", "ns/net", "ns/ipc", "ns/uts"};
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		struct stat mine, its;
		auto_free char *a = xasprintf("/proc/self/%s", own[i]);
		auto_free char *b = xasprintf("/proc/%d/%s", pid, own[i]);
		assert_int_equal(stat(a, &mine), 0);
		assert_int_equal(stat(b, &its), 0);
		assert_true(mine.st_ino != its.st_ino);
	}
	/* one mount: the staging folder, and it is the root */
	auto_free char *mounts = read_proc(pid, "mountinfo");
	assert_ptr_equal(strchr(mounts, '\n'), mounts + strlen(mounts) - 1);
	assert_non_null(strstr(mounts, "/staging/"));
	assert_non_null(strstr(mounts, "nosuid,nodev,noexec"));
	close(fds[1]);
	pthread_join(l.thread, NULL);
	close(fds[0]);
	expect_empty(*state);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(names_that_lead_out),
		T(hard_links_that_lead_out),
		T(symlinks_that_lead_out),
		T(bad_whiteouts),
		T(owners_out_of_range),
		T(names_too_long),
		T(deep_folders),
		T(links_that_loop),
		T(file_as_folder),
		T(damaged_tars),
		T(bombs),
		T(holes_in_an_archive),
		T(huge_documents),
		T(too_many_members),
		T(ten_thousand_layers),
		T(ids_as_paths),
		T(data_root_is_closed),
		T(transfer_is_confined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
