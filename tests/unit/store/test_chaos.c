/*
 * Everything at once, and kill -9 at any moment.
 *
 * A process with several threads pulls, loads, tags, runs containers (mounts their file systems, reads all of it, writes),
 * removes images and containers, prunes, collects garbage and checks itself, at random, while its kist-transfers are
 * killed now and then; after a few milliseconds it is killed itself. Then downloads are spoilt as a power cut may do it, the
 * store is opened again, and everything must be in order: every row has its file, every file its row and its digest, every
 * layer is as its tar says, and nothing is there that nobody needs.
 *
 * KIST_CHAOS_ROUNDS and KIST_CHAOS_SEED change how often, and what.
 */
#include "../cmocka_all.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "puller.h"
#include "store/check.h"

#define ROUNDS 200
#define WORKERS 4
#define IMAGES 6
#define LAYERS 8
#define FILES 3 /* in each layer */
#define CONTAINERS 5

/** What is pulled and loaded: images of common layers. */
struct catalog {
	struct buf tars[LAYERS];
	struct digest diff_ids[LAYERS], files[LAYERS][FILES];
	struct served images[IMAGES];
	struct buf archives[IMAGES]; /* docker's format */
};

struct world {
	int number; /* an id is one thread's: the engine's ids are never given twice */
	const struct catalog *catalog;
	struct store *store;
	unsigned int seed;
};

/* ---- the catalog ---- */

static void make_tar(struct buf *out, int number, struct digest files[FILES])
{
	for (int i = 0; i < FILES; i++) {
		char name[32];
		size_t n = (size_t)(number + 1) * 9000;
		auto_free char *data = xmalloc(n + 65);
		for (size_t k = 0; k < n; k += 64)
			random_hex(data + k, 32);
		data[n] = '\0';
		snprintf(name, sizeof(name), "l%d-f%d", number, i);
		tar_file(out, name, data);
		digest_of(data, strlen(data), &files[i]);
	}
	tar_end(out);
}

static void make_catalog(struct catalog *c)
{
	for (int i = 0; i < LAYERS; i++) {
		make_tar(&c->tars[i], i, c->files[i]);
		digest_of(c->tars[i].data, c->tars[i].len, &c->diff_ids[i]);
	}
	for (int i = 0; i < IMAGES; i++) {
		struct buf layers[LAYERS];
		size_t n = 0;
		for (int k = 0; k < LAYERS; k++)
			if ((i + k) % 3 != 0) {
				layers[n++] = c->tars[k];
				/* one layer comes in several packings */
				served_layer(&c->images[i], &c->tars[k],
					(enum packing)((i / 2 + k) % 3));
			}
		char note[16], tag[16];
		snprintf(note, sizeof(note), "image %d", i);
		snprintf(tag, sizeof(tag), "loaded:%d", i);
		served_finish(&c->images[i], note);
		struct test_image image = {
			.layers = layers, .count = n, .tag = tag, .compressed = i % 2};
		make_docker_archive(&c->archives[i], &image, 1);
	}
}

static void free_catalog(struct catalog *c)
{
	for (int i = 0; i < LAYERS; i++)
		buf_free(&c->tars[i]);
	for (int i = 0; i < IMAGES; i++) {
		served_free(&c->images[i]);
		buf_free(&c->archives[i]);
	}
}

/* ---- what goes on ---- */

static int roll(struct world *w, int n)
{
	return rand_r(&w->seed) % n;
}

/* Only what the killing of a kist-transfer, or another thread, explains. */
static void expect_known(const char *what, const struct err *err)
{
	static const char *const known[] = {"kist-transfer was ended by signal 9",
		"talk to kist-transfer", "hear from kist-transfer", "No such image",
		"conflict:", "kist-transfer ended without a result"};
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(err_msg(err), known[i]))
			return;
	fprintf(stderr, "%s: %s\n", what, err_msg(err));
	_exit(1);
}

static void any_name(struct world *w, char out[32])
{
	snprintf(out, 32, "%s:%d", roll(w, 2) ? "pulled" : "loaded", roll(w, IMAGES));
}

static void do_pull(struct world *w)
{
	char name[32];
	int i = roll(w, IMAGES);
	const struct served *s = &w->catalog->images[i];
	auto_err *err = NULL;
	struct store_pull_result result;
	struct store_pull_spec spec = served_spec(s, roll(w, 2));
	auto_store_pull *p = store_pull_begin(w->store, &spec, &err);
	if (!p) {
		expect_known("begin a pull", err);
		return;
	}
	if (roll(w, 4) == 0) { /* the user changes his mind */
		for (size_t k = 0; k < s->count; k++)
			if (store_pull_layer(p, k)->state == STORE_PULL_NEEDED &&
				try_feed_layer(p, s, k, store_pull_layer(p, k)->size / 2, &err) <
					0) {
				expect_known("feed a pull", err);
				return;
			}
		return;
	}
	snprintf(name, sizeof(name), "pulled:%d", i);
	if (pull_to_ready(p, s, 2000 + (size_t)roll(w, 100000), &err) < 0 ||
		commit_as(p, name, &result, &err) < 0)
		expect_known("pull", err);
}

static void do_load(struct world *w)
{
	const struct buf *archive = &w->catalog->archives[roll(w, IMAGES)];
	auto_err *err = NULL;
	struct store_loaded loaded = {0};
	auto_fd int fd = memfd_create("archive", MFD_CLOEXEC);
	if (fd < 0 || fd_write_all(fd, archive->data, archive->len) < 0)
		_exit(1);
	lseek(fd, 0, SEEK_SET);
	if (store_load(w->store, fd, NULL, NULL, NULL, &loaded, &err) < 0)
		expect_known("load", err);
	free(loaded.v);
}

static void do_rmi(struct world *w)
{
	char name[32];
	auto_err *err = NULL;
	struct store_removed_list removed = {0};
	any_name(w, name);
	if (store_image_remove(w->store, name, true, NULL, NULL, &removed, &err) < 0)
		expect_known("rmi", err);
	store_removed_list_free(&removed);
}

static void container_id(struct world *w, char out[DIGEST_HEX_LEN + 1])
{
	memset(out, '0', DIGEST_HEX_LEN - 1);
	out[0] = (char)('0' + w->number);
	out[DIGEST_HEX_LEN - 1] = (char)('0' + roll(w, CONTAINERS));
	out[DIGEST_HEX_LEN] = '\0';
}

static void do_create(struct world *w)
{
	char name[32], id[DIGEST_HEX_LEN + 1];
	any_name(w, name);
	container_id(w, id);
	auto_store_image *image = store_image_find(w->store, name, NULL);
	if (image)
		store_snapshot_create(w->store, id, &image->id, NULL); /* it may be there */
}

/* True if the file @name of a layer has the content that it came with. */
static bool same_file(const struct catalog *c, int dir, const char *name)
{
	int layer, file;
	struct digest d;
	auto_fd int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	const char *slash = strrchr(name, '/');
	return fd >= 0 && sscanf(slash ? slash + 1 : name, "l%d-f%d", &layer, &file) == 2 &&
	       layer < LAYERS && file < FILES && digest_of_fd(fd, &d) == 0 &&
	       str_eq(d.str, c->files[layer][file].str);
}

/* Reads all that the container's layers hold; what it wrote before is not among it. */
static size_t read_container(struct world *w, int root)
{
	size_t n = 0;
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	for (struct dirent *e; d && (e = readdir(d));) {
		if (e->d_name[0] != 'l')
			continue;
		if (!same_file(w->catalog, root, e->d_name)) {
			fprintf(stderr, "%s in a container is another\n", e->d_name);
			_exit(1);
		}
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

static void do_run(struct world *w)
{
	char name[32], id[DIGEST_HEX_LEN + 1];
	auto_err *err = NULL;
	any_name(w, name);
	container_id(w, id);
	auto_store_image *image = store_image_find(w->store, name, NULL);
	if (!image || store_snapshot_create(w->store, id, &image->id, NULL) < 0)
		return; /* one of that id may be there */
	auto_fd int root = store_snapshot_mount(w->store, id, false, &err);
	if (root < 0) {
		expect_known("mount a container", err); /* vfs copies then */
		return;
	}
	for (int i = 0; i < 3; i++) {
		size_t n = read_container(w, root);
		if (n != image->config->diff_id_count * FILES) {
			fprintf(stderr, "a container has %zu files of %zu layers\n", n,
				image->config->diff_id_count);
			_exit(1);
		}
		auto_fd int own = openat(root, "own", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (own < 0 || write(own, id, sizeof(id)) < 0)
			_exit(1);
		sched_yield();
	}
}

/* The name moves: the image that had it may have none left. */
static void do_tag(struct world *w)
{
	char name[32], tag[16];
	struct digest from;
	auto_err *err = NULL;
	any_name(w, name);
	snprintf(tag, sizeof(tag), "%d", roll(w, IMAGES));
	if (store_image_tag(w->store, name, roll(w, 2) ? "pulled" : "loaded", tag, &from, &err) < 0)
		expect_known("tag", err);
}

static void do_prune(struct world *w)
{
	struct store_image_list list = {0};
	const struct store_image_filter filter = {.has_dangling = true, .dangling = true};
	auto_err *why = NULL;
	if (store_image_list(w->store, &filter, &list, &why) < 0)
		expect_known("list", why);
	for (size_t i = 0; i < list.count; i++) {
		auto_err *err = NULL;
		struct store_removed_list removed = {0};
		if (store_image_remove(w->store, list.v[i].id.str, 0, NULL, NULL, &removed, &err) <
			0)
			expect_known("prune", err);
		store_removed_list_free(&removed);
	}
	store_image_list_free(&list);
}

/* What comes and goes meanwhile is no damage. */
static void do_check(struct world *w)
{
	auto_err *err = NULL;
	struct store_check check;
	const struct store_check_spec spec = {0};
	if (store_check_run(w->store, &spec, &check, &err) < 0) {
		expect_known("check", err);
		return;
	}
	for (size_t i = 0; i < check.count; i++)
		fprintf(stderr, "check finds %s %s: %s\n", check.v[i].digest.str,
			check.v[i].name ? check.v[i].name : "", check.v[i].problem);
	if (check.count)
		_exit(1);
	store_check_free(&check);
}

static void do_remove(struct world *w)
{
	char id[DIGEST_HEX_LEN + 1];
	auto_err *err = NULL;
	container_id(w, id);
	if (store_snapshot_remove(w->store, id, &err) < 0)
		expect_known("remove a container", err);
}

/* What a lease holds can be read, whatever the others do. */
static void do_lease(struct world *w)
{
	char name[32];
	auto_err *err = NULL;
	struct store_blob_list list = {0};
	any_name(w, name);
	auto_store_image *image = store_image_find(w->store, name, NULL);
	auto_store_lease *lease = store_lease_new(w->store);
	if (!image || store_image_blobs(w->store, &image->id, &list, NULL) < 0 ||
		store_lease_image(lease, &image->id, NULL) < 0) {
		store_blob_list_free(&list);
		return;
	}
	sched_yield();
	for (size_t i = 0; i < list.count; i++) {
		auto_buf bytes = BUF_INIT;
		/* present in the list, and gone before the lease: possible for one that was not an image's */
		if (store_lease_blob(lease, &list.v[i].digest) &&
			store_blob_read(w->store, &list.v[i].digest, &bytes, &err) < 0)
			expect_known("read a leased blob", err);
	}
	store_blob_list_free(&list);
}

/* A kist-transfer of this process, killed. */
static void do_kill(struct world *w)
{
	DIR *d = opendir("/proc/self/task");
	for (struct dirent *e; d && (e = readdir(d));) {
		auto_buf children = BUF_INIT;
		auto_free char *path = xasprintf("/proc/self/task/%s/children", e->d_name);
		if (file_read(AT_FDCWD, path, 65536, &children, NULL) < 0 || !children.len)
			continue;
		pid_t pid = (pid_t)strtol(buf_str(&children), NULL, 10);
		auto_buf comm = BUF_INIT;
		auto_free char *file = xasprintf("/proc/%d/comm", pid);
		if (roll(w, 2) && file_read(AT_FDCWD, file, 64, &comm, NULL) == 0 &&
			str_starts(buf_str(&comm), "kist-transfer"))
			kill(pid, SIGKILL);
	}
	if (d)
		closedir(d);
}

static void do_gc(struct world *w)
{
	store_gc(w->store);
}

static void *worker(void *arg)
{
	static void (*const acts[])(struct world *) = {do_pull, do_pull, do_pull, do_pull, do_pull,
		do_pull, do_load, do_load, do_rmi, do_rmi, do_create, do_run, do_run, do_remove,
		do_remove, do_lease, do_gc, do_tag, do_prune, do_check, do_kill};
	struct world *w = arg;
	for (;;)
		acts[roll(w, ARRAY_LEN(acts))](w);
	return NULL;
}

static void child(const char *root, const struct catalog *c, unsigned int seed)
	__attribute__((noreturn));
static void child(const char *root, const struct catalog *c, unsigned int seed)
{
	struct world worlds[WORKERS];
	pthread_t threads[WORKERS];
	auto_err *err = NULL;
	struct store_options o = {
		.data_root = root, .transfer_path = KIST_TRANSFER, .driver = test_driver()};
	struct store *s = store_open(&o, &err);
	if (!s)
		expect_known("open", err);
	for (unsigned int i = 0; i < WORKERS; i++) {
		worlds[i] = (struct world){
			.number = (int)i, .catalog = c, .store = s, .seed = seed + i};
		if (pthread_create(&threads[i], NULL, worker, &worlds[i]) != 0)
			_exit(1);
	}
	for (;;)
		pause();
}

/* ---- what must hold ---- */

static char **names_in(struct fixture *f, const char *folder)
{
	auto_free char *path = xasprintf("%s/%s", f->root, folder);
	char **names = NULL;
	DIR *d = opendir(path);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && !str_eq(e->d_name, "empty"))
			strv_add(&names, e->d_name);
	closedir(d);
	return names;
}

static char **rows(struct fixture *f, const char *sql)
{
	char **out = NULL;
	auto_db_stmt *q = db_query(store_db(f->store), sql, NULL);
	assert_non_null(q);
	while (db_step(q, NULL) == 1)
		strv_add(&out, db_col_str(q, 0));
	return out;
}

/* The names in @folder are the digests of the rows, no more and no less. */
static void check_folder(struct fixture *f, const char *folder, const char *sql)
{
	auto_strv names = names_in(f, folder);
	auto_strv want = rows(f, sql);
	if (strv_len(names) != strv_len(want))
		fail_msg("%s has %zu entries, its table %zu", folder, strv_len(names),
			strv_len(want));
	for (size_t i = 0; want && want[i]; i++) {
		const char *hex = str_after(want[i], "sha256:");
		if (strv_index(names, hex ? hex : want[i]) < 0)
			fail_msg("%s is missing in %s", want[i], folder);
	}
}

static void check_none(struct fixture *f, const char *what, const char *sql)
{
	auto_strv bad = rows(f, sql);
	if (bad)
		fail_msg("%s: %s", what, bad[0]);
}

static void check_blobs(struct fixture *f)
{
	auto_strv names = names_in(f, "content/sha256");
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *path = xasprintf("%s/content/sha256/%s", f->root, names[i]);
		auto_buf bytes = BUF_INIT;
		struct digest d;
		assert_int_equal(file_read(AT_FDCWD, path, 64u << 20, &bytes, NULL), 0);
		digest_of(bytes.data, bytes.len, &d);
		if (!str_eq(digest_hex(&d), names[i]))
			fail_msg("blob %s has the digest %s", names[i], d.str);
	}
	check_none(f, "a blob with a wrong size",
		"SELECT i.digest FROM image_blobs AS i JOIN blobs AS b USING(digest)"
		" WHERE i.size >= 0 AND i.size != b.size");
}

/* A layer has its files, and comes out as the tar that it was. */
static void check_layers(struct fixture *f, const struct catalog *c)
{
	auto_strv names = names_in(f, "layers");
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *folder = xasprintf("layers/%s", names[i]);
		int k = 0;
		while (k < LAYERS && !str_eq(digest_hex(&c->diff_ids[k]), names[i]))
			k++;
		if (k == LAYERS)
			fail_msg("layer %s came from nowhere", names[i]);
		auto_strv files = names_in(f, folder);
		assert_int_equal(strv_len(files), FILES);
		for (size_t n = 0; n < FILES; n++) {
			auto_free char *path = xasprintf("%s/%s/%s", f->root, folder, files[n]);
			struct stat st;
			assert_int_equal(stat(path, &st), 0);
			if (!same_file(c, AT_FDCWD, path))
				fail_msg("%s is another", path);
		}
	}
}

/* Every blob and layer against its digest, each file of a layer against its tar. */
static void check_itself(struct fixture *f, int round)
{
	struct err *err = NULL;
	struct store_check check;
	const struct store_check_spec spec = {0};
	if (store_check_run(f->store, &spec, &check, &err) < 0)
		fail_msg("round %d: %s", round, err_msg(err));
	for (size_t i = 0; i < check.count; i++)
		fail_msg("round %d: %s %s: %s", round, check.v[i].digest.str,
			check.v[i].name ? check.v[i].name : "", check.v[i].problem);
	store_check_free(&check);
}

static void check_all(struct fixture *f, const struct catalog *c)
{
	assert_int_equal(entries_of(f, "staging"), 0);
	check_folder(f, "layers", "SELECT diff_id FROM layers");
	check_folder(f, "recipes", "SELECT diff_id FROM layers");
	check_folder(f, "content/sha256", "SELECT digest FROM blobs");
	check_folder(f, "containers", "SELECT id FROM snapshots");
	check_none(f, "a layer that nobody needs",
		"SELECT diff_id FROM layers WHERE id NOT IN (SELECT layer FROM image_layers)"
		" AND id NOT IN (SELECT layer FROM snapshot_layers)");
	check_none(f, "a blob that nobody needs",
		"SELECT digest FROM blobs WHERE digest NOT IN (SELECT digest FROM image_blobs)"
		" AND digest NOT IN (SELECT digest FROM layer_blobs WHERE layer IN"
		"  (SELECT layer FROM snapshot_layers))");
	check_none(f, "an image without its configuration",
		"SELECT id FROM images WHERE id NOT IN (SELECT digest FROM blobs)");
	check_none(f, "a document that is missing",
		"SELECT digest FROM image_blobs WHERE role != 3"
		" AND digest NOT IN (SELECT digest FROM blobs)");
	/* what was compressed when it was pulled is kept */
	check_none(f, "a compressed layer that is missing",
		"SELECT i.digest FROM image_blobs AS i JOIN layer_blobs AS l USING(digest)"
		" WHERE i.role = 3 AND l.compression != ''"
		" AND i.digest NOT IN (SELECT digest FROM blobs)");
	check_none(f, "a tag without an image",
		"SELECT name FROM tags WHERE image NOT IN (SELECT id FROM images)");
	check_blobs(f);
	check_layers(f, c);
	auto_strv images = rows(f, "SELECT id FROM images");
	for (size_t i = 0; images && images[i]; i++) {
		auto_store_image *image = store_image_find(f->store, images[i], NULL);
		assert_non_null(image);
	}
}

/* As after a power cut: zeroes where bytes were, or a length without bytes. */
static void spoil_downloads(struct fixture *f, unsigned int *seed)
{
	auto_strv names = names_in(f, "ingest");
	for (size_t i = 0; names && names[i]; i++) {
		auto_free char *path = xasprintf("%s/ingest/%s", f->root, names[i]);
		auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
		struct stat st;
		char zeroes[512] = {0};
		assert_true(fd >= 0 && fstat(fd, &st) == 0);
		switch (rand_r(seed) % 4) {
		case 0:
			assert_true(pwrite(fd, zeroes, sizeof(zeroes), st.st_size / 2) > 0);
			break;
		case 1:
			assert_int_equal(ftruncate(fd, st.st_size + 3000), 0);
			break;
		case 2:
			assert_int_equal(ftruncate(fd, st.st_size / 2), 0);
			break;
		default:
			break;
		}
	}
}

static void open_again(struct fixture *f, int round)
{
	struct err *err = NULL;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = test_driver()};
	f->store = store_open(&o, &err);
	if (!f->store)
		fail_msg("round %d: %s", round, err_msg(err));
}

static void one_round(struct fixture *f, const struct catalog *c, unsigned int *seed, int round)
{
	int status;
	unsigned int own = (unsigned int)rand_r(seed);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		child(f->root, c, own);
	/* now and then long enough for checks and containers to come to their end */
	int64_t ns = rand_r(seed) % (round % 10 == 9 ? 3000 : 500) * INT64_C(1000000);
	struct timespec pause = {ns / TIME_NS_PER_SEC, ns % TIME_NS_PER_SEC};
	nanosleep(&pause, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("round %d: the process ended by itself (status %x)", round, status);
	spoil_downloads(f, seed);
	open_again(f, round);
	check_all(f, c);
	check_itself(f, round);
}

static void the_store_is_in_order_whatever_was_killed(void **state)
{
	need_root();
	struct fixture *f = *state;
	const char *rounds = getenv("KIST_CHAOS_ROUNDS"), *given = getenv("KIST_CHAOS_SEED");
	unsigned int seed =
		given ? (unsigned int)strtoul(given, NULL, 10) : (unsigned int)time_now();
	struct catalog c = {0};
	int64_t images = 0, layers = 0, downloads = 0;
	make_catalog(&c);
	store_close(f->store);
	f->store = NULL;
	int n = rounds ? atoi(rounds) : ROUNDS;
	print_message("seed %u\n", seed);
	for (int i = 0; i < n; i++) {
		one_round(f, &c, &seed, i);
		images += store_image_count(f->store);
		layers += (int64_t)entries_of(f, "layers") - 1;
		downloads += (int64_t)entries_of(f, "ingest");
		store_close(f->store);
		f->store = NULL;
	}
	print_message("after %d rounds on average %.1f images, %.1f layers, %.1f downloads\n", n,
		(double)images / n, (double)layers / n, (double)downloads / n);
	/* and nothing of it remains when all is removed */
	open_again(f, n);
	auto_strv ids = rows(f, "SELECT id FROM snapshots");
	for (size_t i = 0; ids && ids[i]; i++)
		assert_int_equal(store_snapshot_remove(f->store, ids[i], NULL), 0);
	auto_strv left = rows(f, "SELECT id FROM images");
	for (size_t i = 0; left && left[i]; i++) {
		struct store_removed_list removed = {0};
		struct err *err = NULL;
		if (store_image_remove(f->store, left[i], true, NULL, NULL, &removed, &err) < 0)
			fail_msg("%s", err_msg(err));
		store_removed_list_free(&removed);
	}
	expect_empty(f);
	assert_true(images > 0);
	free_catalog(&c);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_store_is_in_order_whatever_was_killed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
