/*
 * A kist-transfer that was taken over by what it reads: it may say what it likes, and make what it likes in its
 * staging folder. This program itself is that one; what it is to do stands in a file of the data root.
 */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/check.h"
#include "store/transfer.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ORDERS "orders" /* kind of the message, diffID */
/* kinds that are none: how it ends */
#define ABORTS TRANSFER_KIND_COUNT
#define IS_KILLED (TRANSFER_KIND_COUNT + 1)
#define STAYS (TRANSFER_KIND_COUNT + 2) /* without its socket */

/* ---- the program ---- */

static int say(const struct transfer_message *m)
{
	auto_buf b = BUF_INIT;
	transfer_encode(m, &b);
	return fd_send(TRANSFER_FD_CONTROL, b.data, b.len, NULL, 0);
}

/* What it is asked for is heard to the end: else it could not be told from one that died. */
static int hear(void)
{
	auto_free char *room = xmalloc(TRANSFER_MESSAGE_MAX);
	struct transfer_message m = {.kind = TRANSFER_REQUEST};
	bool copies = false, verifies = false;
	do {
		int fds[FD_PASS_MAX];
		size_t nfds = ARRAY_LEN(fds);
		ssize_t n = fd_recv(TRANSFER_FD_CONTROL, room, TRANSFER_MESSAGE_MAX, fds, &nfds);
		if (n <= 0 || transfer_decode(room, (size_t)n, &m, NULL) < 0)
			return -1;
		if (m.kind == TRANSFER_REQUEST) {
			copies = m.mode == TRANSFER_COPY;
			verifies = m.mode == TRANSFER_VERIFY;
		}
	} while ((copies && (m.kind == TRANSFER_REQUEST || m.index > 0)) ||
		 (verifies && m.kind != TRANSFER_WRITE));
	return 0;
}

static int taken_over(void)
{
	auto_buf orders = BUF_INIT;
	int kind = 0;
	char diff_id[DIGEST_STR_LEN + 1] = "";
	struct digest d;
	if (hear() < 0 ||
		file_read(TRANSFER_FD_STAGING, "../../" ORDERS, 4096, &orders, NULL) < 0 ||
		sscanf(buf_str(&orders), "%d %71s", &kind, diff_id) != 2 ||
		digest_parse(diff_id, &d, NULL) < 0)
		return 2;
	if (kind == ABORTS)
		abort();
	if (kind == IS_KILLED)
		kill(getpid(), SIGKILL);
	if (kind == STAYS) {
		close(TRANSFER_FD_CONTROL);
		for (;;)
			pause();
	}
	/* where the store looks for a layer and a copy, and what would lead whoever mounts it out */
	if (symlinkat("/", TRANSFER_FD_STAGING, "layer.0") < 0 ||
		symlinkat("/", TRANSFER_FD_STAGING, "root") < 0 ||
		mkdirat(TRANSFER_FD_STAGING, "recipe.0", 0700) < 0)
		return 3;
	const struct transfer_message m = {.kind = (enum transfer_kind)kind,
		.name = "x",
		.text = kind == TRANSFER_LINK ? "y" : NULL,
		.compression = "",
		.blob = d,
		.diff_id = d,
		.staged = true};
	const struct transfer_message done = {.kind = TRANSFER_DONE};
	return say(&m) < 0 || say(&done) < 0 ? 4 : 0;
}

/* ---- the tests ---- */

static void reopen(struct fixture *f, const char *driver)
{
	struct err *err = NULL;
	const struct store_options o = {
		.data_root = f->root, .transfer_path = "/proc/self/exe", .driver = driver};
	store_close(f->store);
	f->store = store_open(&o, &err);
	if (!f->store)
		fail_msg("%s", err_msg(err));
}

static void order(struct fixture *f, int kind, const struct digest *diff_id)
{
	auto_free char *path = xasprintf("%s/" ORDERS, f->root);
	auto_free char *text = xasprintf("%d %s", kind, diff_id->str);
	assert_int_equal(file_replace(AT_FDCWD, path, text, strlen(text), 0600, false, NULL), 0);
}

static void one_that_copies_and_tells_of_an_archive_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const enum transfer_kind kinds[] = {
		TRANSFER_DOC, TRANSFER_LAYER, TRANSFER_LINK, TRANSFER_QUERY};
	struct digest layer;
	struct digest image = load_compressed(f, "as it came", &layer);
	reopen(f, "vfs");
	assert_int_equal(store_snapshot_create(f->store, ID, &image, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		auto_err *err = NULL;
		order(f, kinds[i], &layer);
		assert_int_equal(store_snapshot_fill(f->store, ID, &err), -1);
		assert_non_null(strstr(err_msg(err), "unexpected message"));
		assert_int_equal(entries_of(f, "staging"), 0);
		assert_int_equal(entries_of(f, "containers/" ID), 0);
	}
}

static void one_that_copies_and_leaves_a_link_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_err *err = NULL;
	struct digest layer;
	struct digest image = load_compressed(f, "as it came", &layer);
	reopen(f, "vfs");
	assert_int_equal(store_snapshot_create(f->store, ID, &image, NULL), 0);
	order(f, TRANSFER_DONE, &layer);
	assert_int_equal(store_snapshot_fill(f->store, ID, &err), -1);
	assert_non_null(strstr(err_msg(err), "not a folder"));
	assert_int_equal(entries_of(f, "staging"), 0);
	assert_int_equal(entries_of(f, "containers/" ID), 0);
}

static void one_that_repairs_a_layer_with_a_link_is_refused(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct stat st;
	struct store_check check;
	struct err *err = NULL;
	const struct store_check_spec spec = {.repair = true};
	load_compressed(f, "as it came", &layer);
	reopen(f, test_driver());
	auto_free char *path = xasprintf("%s/layers", f->root);
	auto_fd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(tree_remove(dir, digest_hex(&layer), NULL), 0);
	order(f, TRANSFER_LAYER, &layer);
	if (store_check_run(f->store, &spec, &check, &err) < 0)
		fail_msg("%s", err_msg(err));
	assert_int_equal(check.count, 1);
	assert_int_equal(check.v[0].kind, STORE_FINDING_LAYER);
	assert_false(check.v[0].repaired);
	assert_non_null(strstr(check.v[0].remedy, "is not a folder"));
	store_check_free(&check);
	assert_int_equal(fstatat(dir, digest_hex(&layer), &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(entries_of(f, "staging"), 0);
}

static void a_layer_that_brings_the_check_down_is_told_and_the_check_goes_on(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const struct {
		int kind;
		const char *problem;
	} ends[] = {{ABORTS, "was ended by signal 6"}, {TRANSFER_QUERY, "an unexpected message"},
		{STAYS, "closed its socket"}};
	struct digest layer;
	load_compressed(f, "as it came", &layer);
	reopen(f, test_driver());
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		struct store_check check;
		struct err *err = NULL;
		const struct store_check_spec spec = {0};
		order(f, ends[i].kind, &layer);
		if (store_check_run(f->store, &spec, &check, &err) < 0)
			fail_msg("%s", err_msg(err));
		assert_int_equal(check.count, 1);
		assert_int_equal(check.v[0].kind, STORE_FINDING_LAYER);
		assert_true(check.v[0].damaged);
		assert_non_null(strstr(check.v[0].problem, ends[i].problem));
		store_check_free(&check);
		assert_int_equal(entries_of(f, "staging"), 0);
	}
}

/* As for want of memory: the layer is not what was found wrong. */
static void a_check_that_somebody_kills_calls_no_layer_damaged(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct digest layer;
	struct store_check check;
	auto_err *err = NULL;
	const struct store_check_spec spec = {0};
	load_compressed(f, "as it came", &layer);
	reopen(f, test_driver());
	order(f, IS_KILLED, &layer);
	assert_int_equal(store_check_run(f->store, &spec, &check, &err), -1);
	assert_int_equal(err->kind, ERR_SYSTEM);
	assert_non_null(strstr(err_msg(err), "was ended by signal 9"));
	assert_int_equal(entries_of(f, "staging"), 0);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		T(one_that_copies_and_tells_of_an_archive_is_refused),
		T(one_that_copies_and_leaves_a_link_is_refused),
		T(one_that_repairs_a_layer_with_a_link_is_refused),
		T(a_layer_that_brings_the_check_down_is_told_and_the_check_goes_on),
		T(a_check_that_somebody_kills_calls_no_layer_damaged),
	};
	if (argc > 0 && str_eq(argv[0], "kist-transfer"))
		return taken_over();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
