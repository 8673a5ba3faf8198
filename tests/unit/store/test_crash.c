/*
 * kill -9 at random moments: of the process that has the store open, and of kist-transfer alone. The
 * next start finds the old state or the new one, whole, and nothing else.
 */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "fixture.h"

#define LAYERS 12
#define FILES 40
#define ROUNDS 40

static void make_big_archive(struct buf *out)
{
	struct buf layers[LAYERS] = {0};
	char name[32], data[2000];
	for (int i = 0; i < LAYERS; i++) {
		for (int k = 0; k < FILES; k++) {
			snprintf(name, sizeof(name), "d%d/f%d", i, k);
			memset(data, 'a' + k % 26, sizeof(data) - 1);
			data[sizeof(data) - 1] = 0;
			tar_file(&layers[i], name, data);
		}
		tar_end(&layers[i]);
	}
	struct test_image image = {.layers = layers, .count = LAYERS, .tag = "big:1"};
	make_docker_archive(out, &image, 1);
	for (int i = 0; i < LAYERS; i++)
		buf_free(&layers[i]);
}

/* The child: opens the store, loads, and removes again, until it is killed. */
static void work(const char *root, const struct buf *archive) __attribute__((noreturn));
static void work(const char *root, const struct buf *archive)
{
	struct store_options o = {.data_root = root, .transfer_path = KIST_TRANSFER};
	struct store *s = store_open(&o, NULL);
	int fd = memfd_create("archive", MFD_CLOEXEC);
	if (!s || fd_write_all(fd, archive->data, archive->len) < 0)
		_exit(1);
	for (;;) {
		struct store_removed_list removed;
		/* the second time it is there already: as long, and nothing changes */
		for (int i = 0; i < 2; i++) {
			struct store_loaded loaded = {0};
			lseek(fd, 0, SEEK_SET);
			if (store_load(s, fd, NULL, NULL, NULL, &loaded, NULL) == 0)
				free(loaded.v);
		}
		if (store_image_remove(s, "big:1", true, NULL, NULL, &removed, NULL) == 0)
			store_removed_list_free(&removed);
	}
}

static void check_layer(struct fixture *f, const struct digest *d)
{
	auto_free char *folder = xasprintf("layers/%s", digest_hex(d));
	assert_int_equal(entries_of(f, folder), 1);
}

static void check_whole(struct fixture *f)
{
	assert_int_equal(entries_of(f, "staging"), 0);
	assert_int_equal(entries_of(f, "containers"), 0);
	if (store_image_count(f->store) == 0) {
		expect_empty(f);
		return;
	}
	auto_store_image *image = store_image_find(f->store, "big:1", NULL);
	assert_int_equal(entries_of(f, "content/sha256"), 1);
	assert_int_equal(entries_of(f, "layers"), LAYERS + 1);
	/* between its name's removal and its own there is no moment: one transaction */
	assert_non_null(image);
	for (size_t i = 0; i < LAYERS; i++)
		check_layer(f, &image->config->diff_ids[i]);
}

static void survives_kill(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT;
	make_big_archive(&archive);
	struct err *failed = NULL;
	struct store_removed_list removed;
	int64_t took = time_mono();
	if (load(f, &archive, &failed) < 0)
		fail_msg("%s", err_msg(failed));
	took = time_mono() - took;
	assert_int_equal(
		store_image_remove(f->store, "big:1", true, NULL, NULL, &removed, NULL), 0);
	store_removed_list_free(&removed);
	store_close(f->store);
	f->store = NULL;
	unsigned int seed = (unsigned int)time_now();
	print_message("seed %u\n", seed);
	int present = 0;
	for (int i = 0; i < ROUNDS; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			work(f->root, &archive);
		int64_t ns = (int64_t)((double)rand_r(&seed) / RAND_MAX * 3 * (double)took);
		struct timespec pause = {ns / TIME_NS_PER_SEC, ns % TIME_NS_PER_SEC};
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		struct err *err = NULL;
		struct store_options o = {.data_root = f->root, .transfer_path = KIST_TRANSFER};
		f->store = store_open(&o, &err);
		if (!f->store)
			fail_msg("round %d: %s", i, err_msg(err));
		check_whole(f);
		present += store_image_count(f->store) > 0;
		store_close(f->store);
		f->store = NULL;
	}
	print_message("the image was there %d times of %d\n", present, ROUNDS);
	struct store_options o = {.data_root = f->root, .transfer_path = KIST_TRANSFER};
	f->store = store_open(&o, NULL);
}

struct victim {
	unsigned int seed;
	bool hit;
};

/* A child of this process that has the given name. */
static pid_t find_child(const char *name)
{
	auto_buf b = BUF_INIT;
	auto_free char *path = xasprintf("/proc/self/task/%d/children", getpid());
	if (file_read(AT_FDCWD, path, 65536, &b, NULL) < 0)
		return -1;
	for (char *p = b.data, *end; p && *p; p = end) {
		pid_t pid = (pid_t)strtol(p, &end, 10);
		if (end == p)
			break;
		auto_buf comm = BUF_INIT;
		auto_free char *file = xasprintf("/proc/%d/comm", pid);
		if (file_read(AT_FDCWD, file, 64, &comm, NULL) == 0 &&
			str_starts(buf_str(&comm), name))
			return pid;
	}
	return -1;
}

static int kill_transfer(void *arg, const struct store_progress *p)
{
	struct victim *v = arg;
	(void)p;
	if (!v->hit && rand_r(&v->seed) % LAYERS == 0) {
		pid_t pid = find_child("kist-transfer");
		if (pid > 0)
			v->hit = kill(pid, SIGKILL) == 0;
	}
	return 0;
}

static void survives_kill_of_transfer(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT;
	make_big_archive(&archive);
	struct victim v = {.seed = (unsigned int)time_now()};
	int killed = 0;
	auto_fd int fd = memfd_create("archive", MFD_CLOEXEC);
	fd_write_all(fd, archive.data, archive.len);
	for (int i = 0; i < ROUNDS && killed < 10; i++) {
		struct store_loaded loaded = {0};
		struct err *err = NULL;
		v.hit = false;
		lseek(fd, 0, SEEK_SET);
		int r = store_load(f->store, fd, NULL, kill_transfer, &v, &loaded, &err);
		if (r < 0) {
			killed++;
			assert_non_null(strstr(err->msg, "kist-transfer was ended by signal 9"));
			expect_empty(f);
		} else {
			struct store_removed_list removed;
			check_whole(f);
			assert_int_equal(store_image_remove(f->store, "big:1", true, NULL, NULL,
						 &removed, NULL),
				0);
			store_removed_list_free(&removed);
		}
		free(loaded.v);
		err_freep(&err);
	}
	assert_true(killed > 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(survives_kill),
		T(survives_kill_of_transfer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
