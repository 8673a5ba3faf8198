/* load and import: formats, compressions, verification, what is said. */
#include "../cmocka_all.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "fixture.h"
#include "store/content.h"

static void must_load(struct fixture *f, const struct buf *archive)
{
	struct err *err = NULL;
	if (load(f, archive, &err) < 0)
		fail_msg("load: %s", err_msg(err));
}

static void refuse(struct fixture *f, const struct buf *archive, const char *needle)
{
	struct err *err = NULL;
	assert_int_equal(load(f, archive, &err), -1);
	if (!strstr(err->msg, needle))
		fail_msg("\"%s\" does not say \"%s\"", err->msg, needle);
	err_free(err);
}

static void two_layers(struct buf layers[2])
{
	make_layer(&layers[0], "a", "aaaa");
	make_layer(&layers[1], "b", "bb");
}

static void free_layers(struct buf *layers, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_free(&layers[i]);
}

static void check_image(struct fixture *f, const char *name)
{
	struct err *err = NULL;
	auto_store_image *image = store_image_find(f->store, name, &err);
	if (!image)
		fail_msg("%s", err_msg(err));
	assert_int_equal(image->size, 6);
	assert_int_equal(image->config->diff_id_count, 2);
	assert_string_equal(image->config->config.cmd[0], "/bin/sh");
	assert_string_equal(image->repo_tags[0], name);
	assert_int_equal(entries_of(f, "staging"), 0);
}

static void reads_docker_archive(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	struct test_image image = {.layers = layers, .count = 2, .tag = "app:1"};
	make_docker_archive(&archive, &image, 1);
	must_load(f, &archive);
	assert_string_equal(buf_str(&f->said), "Loaded image: app:1\n");
	check_image(f, "app:1");
	fixture_reopen(f);
	check_image(f, "app:1");
	/* once more: nothing changes */
	must_load(f, &archive);
	assert_int_equal(store_image_count(f->store), 1);
	assert_int_equal(entries_of(f, "layers"), 3);
	free_layers(layers, 2);
}

static void reads_oci_layout(void **state)
{
	need_root();
	struct fixture *f = *state;
	for (int compressed = 0; compressed < 2; compressed++) {
		struct buf layers[2] = {0};
		auto_buf archive = BUF_INIT;
		two_layers(layers);
		struct test_image image = {.layers = layers,
			.count = 2,
			.tag = "example.com/app:1",
			.compressed = compressed};
		make_oci_archive(&archive, &image);
		must_load(f, &archive);
		check_image(f, "example.com/app:1");
		/* layers that are here already need not be unpacked again */
		must_load(f, &archive);
		assert_int_equal(entries_of(f, "layers"), 3);
		free_layers(layers, 2);
	}
}

static size_t blobs_of(struct fixture *f, const char *name, enum store_role role)
{
	struct store_blob_list list = {0};
	size_t n = 0;
	auto_store_image *image = store_image_find(f->store, name, NULL);
	assert_non_null(image);
	assert_int_equal(store_image_blobs(f->store, &image->id, &list, NULL), 0);
	for (size_t i = 0; i < list.count; i++)
		n += list.v[i].role == role && list.v[i].present;
	store_blob_list_free(&list);
	return n;
}

static void keeps_the_manifest_beside_manifest_json(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	struct test_image image = {
		.layers = layers, .count = 2, .tag = "example.com/app:1", .compressed = true};
	make_both_forms(&archive, &image, "example.com/app:1");
	must_load(f, &archive);
	assert_string_equal(buf_str(&f->said), "Loaded image: example.com/app:1\n");
	check_image(f, "example.com/app:1");
	assert_int_equal(blobs_of(f, "example.com/app:1", STORE_ROLE_MANIFEST), 1);
	assert_int_equal(blobs_of(f, "example.com/app:1", STORE_ROLE_LAYER), 2);
	free_layers(layers, 2);
}

static void index_json_that_leads_nowhere_does_not_matter(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	struct test_image image = {.layers = layers, .count = 2, .tag = "app:1"};
	tar_file(&archive, "index.json",
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_TYPE_MANIFEST
		"\",\"digest\":\"sha256:"
		"00000000000000000000000000000000000000000000000000000000000000aa\",\"size\":2}]}");
	make_docker_archive(&archive, &image, 1);
	must_load(f, &archive);
	check_image(f, "app:1");
	assert_int_equal(blobs_of(f, "app:1", STORE_ROLE_MANIFEST), 0);
	free_layers(layers, 2);
}

/* As dockerd reads it, whatever the index says; one image, not two. */
static void manifest_json_says_the_names(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	struct test_image image = {.layers = layers, .count = 2, .tag = "latest"};
	make_both_forms(&archive, &image, "app:1");
	must_load(f, &archive);
	assert_string_equal(buf_str(&f->said), "Loaded image: app:1\n");
	check_image(f, "app:1");
	assert_int_equal(store_image_count(f->store), 1);
	free_layers(layers, 2);
}

/* A layer that the archive leaves out is not one that others have, because a manifest says so. */
static void claims_about_layers_are_not_believed(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf good = BUF_INIT, evil = BUF_INIT, other = BUF_INIT, layer = BUF_INIT, z = BUF_INIT;
	auto_buf theirs = BUF_INIT;
	struct store_blob_list list = {0};
	struct digest diff_id, d;
	make_layer(&layer, "a", "good");
	make_layer(&theirs, "a", "evil");
	struct test_image image = {
		.layers = &layer, .count = 1, .tag = "good:1", .compressed = true};
	make_oci_archive(&good, &image);
	must_load(f, &good);
	image = (struct test_image){
		.layers = &theirs, .count = 1, .tag = "other:1", .compressed = true};
	make_oci_archive(&other, &image);
	must_load(f, &other);
	gzip(&theirs, &z);
	digest_of(z.data, z.len, &d);
	image = (struct test_image){.layers = &layer,
		.count = 1,
		.tag = "evil:1",
		.compressed = true,
		.claim = d.str,
		.created = "2020-01-01T00:00:00Z"};
	make_oci_archive(&evil, &image);
	must_load(f, &evil);
	digest_of(layer.data, layer.len, &diff_id);
	assert_int_equal(store_layer_blobs(f->store, &diff_id, &list, NULL), 0);
	assert_int_equal(list.count, 1);
	assert_string_not_equal(list.v[0].digest.str, d.str);
	store_blob_list_free(&list);
}

/* Four MiB of names would keep the daemon busy for minutes, of empty arrays take 200 MiB. */
static void bounds_manifest_json(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT, names = BUF_INIT, arrays = BUF_INIT, layer = BUF_INIT;
	make_layer(&layer, "a", "a");
	struct test_image image = {.layers = &layer, .count = 1, .tag = "example.com/x:1"};
	buf_adds(&names, "example.com/x:1");
	for (int i = 0; i < 20000; i++)
		buf_addf(&names, "\",\"n:%d", i);
	make_both_forms(&archive, &image, buf_str(&names));
	refuse(f, &archive, "manifest.json: more than 16384 names");
	buf_free(&archive);
	for (int i = 0; i < 300000; i++)
		buf_addf(&arrays, "%c[]", i ? ',' : '[');
	buf_adds(&arrays, "]");
	tar_blob(&archive, "manifest.json", arrays.data, arrays.len);
	tar_end(&archive);
	refuse(f, &archive, "manifest.json has more than 200000 values");
	expect_empty(f);
}

static void without_name_tells_the_id(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT, layer = BUF_INIT;
	make_layer(&layer, "a", "a");
	struct test_image image = {.layers = &layer, .count = 1};
	make_docker_archive(&archive, &image, 1);
	must_load(f, &archive);
	assert_non_null(strstr(buf_str(&f->said), "Loaded image ID: sha256:"));
}

static void reads_compressed_archives(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT, gz = BUF_INIT, members = BUF_INIT, zst = BUF_INIT;
	two_layers(layers);
	struct test_image image = {
		.layers = layers, .count = 2, .tag = "app:1", .compressed = true};
	make_docker_archive(&archive, &image, 1);
	gzip(&archive, &gz);
	must_load(f, &gz);
	check_image(f, "app:1");
	/* several gzip members make one stream, as pigz and bgzip write it */
	struct buf half1 = {archive.data, archive.len / 2, 0};
	struct buf half2 = {archive.data + archive.len / 2, archive.len - archive.len / 2, 0};
	gzip(&half1, &members);
	gzip(&half2, &members);
	must_load(f, &members);
	zstd(&archive, &zst);
	must_load(f, &zst);
	assert_int_equal(store_image_count(f->store), 1);
	free_layers(layers, 2);
}

static void filter_through(const char *program, const struct buf *in, struct buf *out)
{
	char path[] = "/tmp/kist-filter-XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(fd_write_all(fd, in->data, in->len), 0);
	close(fd);
	auto_free char *command = xasprintf("%s -c %s", program, path);
	FILE *p = popen(command, "re");
	size_t n;
	while ((n = fread(buf_reserve(out, 65536), 1, 65536, p)) > 0)
		out->len += n;
	pclose(p);
	unlink(path);
}

static void reads_rare_compressions(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const char *const programs[] = {"xz", "bzip2"};
	for (size_t i = 0; i < 2; i++) {
		auto_free char *path = xasprintf("/usr/bin/%s", programs[i]);
		if (access(path, X_OK) < 0)
			continue;
		auto_buf archive = BUF_INIT, packed = BUF_INIT, layer = BUF_INIT;
		make_layer(&layer, "a", i ? "1" : "22");
		struct test_image image = {.layers = &layer, .count = 1, .tag = "app:1"};
		make_docker_archive(&archive, &image, 1);
		filter_through(path, &archive, &packed);
		must_load(f, &packed);
	}
}

static void follows_links_of_old_archives(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT, layer = BUF_INIT, config = BUF_INIT, manifest = BUF_INIT;
	struct digest d;
	make_layer(&layer, "a", "a");
	digest_of(layer.data, layer.len, &d);
	buf_addf(&config,
		"{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\",\"%s\"]}}",
		d.str, d.str);
	buf_adds(&manifest, "[{\"Config\":\"c.json\",\"RepoTags\":[\"x:1\"],\"Layers\":"
			    "[\"one/layer.tar\",\"two/layer.tar\"]}]");
	tar_link(&archive, '2', "one/layer.tar", "../two/layer.tar");
	tar_blob(&archive, "two/layer.tar", layer.data, layer.len);
	tar_blob(&archive, "c.json", config.data, config.len);
	tar_blob(&archive, "manifest.json", manifest.data, manifest.len);
	tar_end(&archive);
	must_load(f, &archive);
	/* the same layer twice is stored once */
	assert_int_equal(entries_of(f, "layers"), 2);
}

static void moves_a_name(void **state)
{
	need_root();
	struct fixture *f = *state;
	for (int i = 0; i < 2; i++) {
		auto_buf archive = BUF_INIT, layer = BUF_INIT;
		make_layer(&layer, "a", i ? "new" : "old");
		struct test_image image = {.layers = &layer, .count = 1, .tag = "app:1"};
		make_docker_archive(&archive, &image, 1);
		must_load(f, &archive);
	}
	assert_non_null(strstr(buf_str(&f->said),
		"The image app:1 already exists, renaming the old one with ID sha256:"));
	assert_int_equal(store_image_count(f->store), 2);
}

static void refuses_wrong_diff_id(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	struct test_image image = {
		.layers = layers, .count = 2, .tag = "app:1", .wrong_diff_id = true};
	make_docker_archive(&archive, &image, 1);
	refuse(f, &archive, "invalid diffID for layer 1");
	expect_empty(f);
	free_layers(layers, 2);
}

static void refuses_a_history_of_more_layers(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf docker = BUF_INIT, oci = BUF_INIT, both = BUF_INIT;
	two_layers(layers);
	struct test_image image = {
		.layers = layers, .count = 2, .tag = "app:1", .extra_history = 1};
	make_docker_archive(&docker, &image, 1);
	refuse(f, &docker, ".json: too many non-empty layers in History section: 3, and");
	make_oci_archive(&oci, &image);
	refuse(f, &oci, "too many non-empty layers in History section: 3, and");
	make_both_forms(&both, &image, "app:1");
	refuse(f, &both, "too many non-empty layers in History section: 3, and");
	expect_empty(f);
	free_layers(layers, 2);
}

static void refuses_layer_count_mismatch(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT, layer = BUF_INIT;
	make_layer(&layer, "a", "a");
	struct test_image image = {.layers = &layer, .count = 1, .extra_layers = 1};
	make_docker_archive(&archive, &image, 1);
	refuse(f, &archive, "layers length mismatch: expected 2, got 1");
	expect_empty(f);
}

/* @n digests, or whatever @each says, as a list. */
static void add_list(struct buf *out, const char *each, int n)
{
	for (int i = 0; i < n; i++)
		buf_addf(out, "%c%s", i ? ',' : '[', each);
	buf_adds(out, "]");
}

/* The archive breaks off right behind the document that tells, so nothing else can have told. */
static void refuses_too_many_layers_as_soon_as_a_document_says_so(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const char *const forms[][3] = {
		{"c.json", "{\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":", "}}"},
		{"manifest.json", "[{\"Config\":\"c.json\",\"Layers\":", "}]"},
	};
	for (size_t i = 0; i < ARRAY_LEN(forms); i++)
		for (int n = 127; n <= 128; n++) {
			auto_buf doc = BUF_INIT, archive = BUF_INIT;
			buf_adds(&doc, forms[i][1]);
			add_list(&doc, "\"x\"", n);
			buf_adds(&doc, forms[i][2]);
			tar_blob(&archive, forms[i][0], doc.data, doc.len);
			buf_adds(&archive, "no tar header");
			refuse(f, &archive,
				n == 127 ? "damaged archive"
					 : "image has 128 layers, at most 127 are possible");
			expect_empty(f);
		}
}

/* One good and one bad image: neither. */
static void is_all_or_nothing(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	struct test_image images[2] = {
		{.layers = &layers[0], .count = 1, .tag = "good:1"},
		{.layers = &layers[1], .count = 1, .tag = "bad:1", .wrong_diff_id = true},
	};
	make_docker_archive(&archive, images, 2);
	refuse(f, &archive, "invalid diffID");
	expect_empty(f);
	free_layers(layers, 2);
}

static void refuses_damaged_blobs(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf layer = BUF_INIT;
	make_layer(&layer, "a", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	/* OCI names are digests: one flipped byte in config, manifest or layer is found */
	for (int what = 0; what < 3; what++) {
		auto_buf archive = BUF_INIT;
		struct test_image image = {.layers = &layer, .count = 1, .tag = "a/b:1"};
		make_oci_archive(&archive, &image);
		const char *needle[] = {
			"step 0", "schemaVersion\":2,\"mediaType", "aaaaaaaaaaaaaaa"};
		char *at = memmem(archive.data, archive.len, needle[what], strlen(needle[what]));
		assert_non_null(at);
		at[what == 1 ? 15 : 5] = what == 1 ? '3' : 'X';
		refuse(f, &archive, "is damaged: its digest is");
		expect_empty(f);
	}
}

static void refuses_truncated_archives(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT, gz = BUF_INIT;
	two_layers(layers);
	struct test_image image = {.layers = layers, .count = 2, .tag = "app:1"};
	make_docker_archive(&archive, &image, 1);
	gzip(&archive, &gz);
	/* everything but the end-of-archive blocks matters */
	for (size_t n = 0; n + 1024 < archive.len; n += 700) {
		struct buf part = {archive.data, n, 0};
		struct err *err = NULL;
		assert_int_equal(load(f, &part, &err), -1);
		err_free(err);
		expect_empty(f);
	}
	for (size_t n = 0; n < gz.len; n += 97) {
		struct buf part = {gz.data, n, 0};
		struct err *err = NULL;
		assert_int_equal(load(f, &part, &err), -1);
		err_free(err);
		expect_empty(f);
	}
	free_layers(layers, 2);
}

static void refuses_what_is_no_archive(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf empty = BUF_INIT, text = BUF_INIT, other = BUF_INIT;
	refuse(f, &empty, "empty");
	for (int i = 0; i < 1000; i++)
		buf_adds(&text, "this is no tar archive ");
	refuse(f, &text, "");
	make_layer(&other, "etc/passwd", "root");
	refuse(f, &other, "no manifest.json");
	auto_buf windows = BUF_INIT;
	tar_file(&windows, "c.json",
		"{\"os\":\"windows\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
	tar_file(&windows, "manifest.json", "[{\"Config\":\"c.json\",\"Layers\":[]}]");
	tar_end(&windows);
	refuse(f, &windows, "cannot load windows image on linux");
	expect_empty(f);
}

static void refuses_malformed_documents(void **state)
{
	need_root();
	struct fixture *f = *state;
	static const struct {
		const char *doc, *says;
	} cases[] = {
		{"{}", "expected an array"},
		{"[7]", "expected objects"},
		{"[{}]", "Config is missing"},
		{"[{\"Config\":\"../../../etc/passwd\"}]", "is missing in the archive"},
		{"[{\"Config\":\"/etc/passwd\"}]", "is missing in the archive"},
		{"[{\"Config\":7}]", "Config"},
		{"[{\"Config\":\"manifest.json\"}]", "not a JSON object"},
		{"[{\"Config\":\"c.json\",\"RepoTags\":[\"../x\"]}]", "invalid reference format"},
		{"[{\"Config\":\"c.json\",\"RepoTags\":[\"x\"]}]", "invalid tag"},
		{"[{\"Config\":\"c.json\",\"Layers\":\"x\"}]", "Layers"},
		{"[{\"Config\":\"c.json\",\"Layers\":[\"l\"]}]", "length mismatch"},
		{"[", "invalid JSON"},
		{"[]", "no image"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_buf archive = BUF_INIT;
		tar_file(&archive, "c.json", "{\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
		tar_file(&archive, "manifest.json", cases[i].doc);
		tar_end(&archive);
		refuse(f, &archive, cases[i].says);
		expect_empty(f);
	}
}

static void imports_a_root_file_system(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf tar = BUF_INIT;
	struct digest id;
	struct err *err = NULL;
	char path[] = "/tmp/kist-import-XXXXXX";
	tar_file(&tar, "bin/x", "12345");
	tar_end(&tar);
	auto_fd int fd = mkstemp(path);
	unlink(path);
	assert_int_equal(fd_write_all(fd, tar.data, tar.len), 0);
	lseek(fd, 0, SEEK_SET);
	struct oci_image_config config = {0};
	oci_image_config_change(&config, "CMD [\"/bin/x\"]", NULL);
	struct store_import spec = {.fd = fd, .repo = "mine", .config = &config};
	if (store_import(f->store, &spec, NULL, NULL, &id, &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_store_image *image = store_image_find(f->store, "mine:latest", NULL);
	assert_non_null(image);
	assert_string_equal(image->id.str, id.str);
	assert_int_equal(image->size, 5);
	assert_string_equal(image->config->comment, "Imported from -");
	assert_string_equal(image->config->history[0].comment, "Imported from -");
	assert_string_equal(image->config->config.cmd[0], "/bin/x");
	oci_image_config_clear(&config);
	/* what is no tar */
	auto_fd int null = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	(void)null;
	auto_fd int text = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	struct store_import bad = {.fd = text, .repo = "bad"};
	assert_int_equal(store_import(f->store, &bad, NULL, NULL, &id, &err), -1);
	assert_non_null(strstr(err->msg, "not a tar archive"));
	err_free(err);
	assert_int_equal(store_image_count(f->store), 1);
}

static int stop(void *arg, const struct store_progress *p)
{
	(void)p;
	++*(int *)arg;
	return 1;
}

static void can_be_cancelled(void **state)
{
	need_root();
	struct fixture *f = *state;
	auto_buf archive = BUF_INIT, layer = BUF_INIT;
	struct store_loaded loaded = {0};
	struct err *err = NULL;
	int told = 0;
	make_layer(&layer, "a", "a");
	struct test_image image = {.layers = &layer, .count = 1, .tag = "app:1"};
	make_docker_archive(&archive, &image, 1);
	int fds[2];
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_write_all(fds[1], archive.data, archive.len), 0);
	/* the writing end stays open: only the cancellation ends it */
	assert_int_equal(store_load(f->store, fds[0], NULL, stop, &told, &loaded, &err), -1);
	assert_int_equal(err->kind, ERR_CANCELLED);
	assert_int_equal(told, 1);
	err_free(err);
	close(fds[0]);
	close(fds[1]);
	expect_empty(f);
}

struct worker {
	struct fixture *f;
	struct buf *archive;
	char *failed;
};

static void *load_and_remove(void *arg)
{
	struct worker *w = arg;
	auto_fd int fd = memfd_create("archive", MFD_CLOEXEC);
	fd_write_all(fd, w->archive->data, w->archive->len);
	for (int i = 0; i < 8 && !w->failed; i++) {
		struct store_loaded loaded = {0};
		struct store_removed_list removed;
		struct err *err = NULL;
		lseek(fd, 0, SEEK_SET);
		if (store_load(w->f->store, fd, NULL, NULL, NULL, &loaded, &err) < 0)
			w->failed = xstrdup(err_msg(err));
		free(loaded.v);
		err_freep(&err);
		if (store_image_remove(w->f->store, "app/x:1", true, NULL, NULL, &removed, &err) ==
			0)
			store_removed_list_free(&removed);
		else if (err->kind != ERR_NOT_FOUND)
			w->failed = xstrdup(err_msg(err));
		err_freep(&err);
	}
	return NULL;
}

/* Layers come and go while others count on them. */
static void loads_and_removes_at_once(void **state)
{
	need_root();
	struct fixture *f = *state;
	struct buf layers[2] = {0};
	auto_buf archive = BUF_INIT;
	two_layers(layers);
	/* uncompressed blobs: their names say which layers the store may have already */
	struct test_image image = {.layers = layers, .count = 2, .tag = "app/x:1"};
	make_oci_archive(&archive, &image);
	pthread_t t[4];
	struct worker w[4];
	for (int i = 0; i < 4; i++) {
		w[i] = (struct worker){f, &archive, NULL};
		pthread_create(&t[i], NULL, load_and_remove, &w[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 4; i++)
		if (w[i].failed)
			fail_msg("%s", w[i].failed);
	struct store_removed_list removed;
	if (store_image_remove(f->store, "app/x:1", true, NULL, NULL, &removed, NULL) == 0)
		store_removed_list_free(&removed);
	expect_empty(f);
	free_layers(layers, 2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reads_docker_archive),
		T(reads_oci_layout),
		T(keeps_the_manifest_beside_manifest_json),
		T(index_json_that_leads_nowhere_does_not_matter),
		T(manifest_json_says_the_names),
		T(claims_about_layers_are_not_believed),
		T(bounds_manifest_json),
		T(without_name_tells_the_id),
		T(reads_compressed_archives),
		T(reads_rare_compressions),
		T(follows_links_of_old_archives),
		T(moves_a_name),
		T(refuses_wrong_diff_id),
		T(refuses_a_history_of_more_layers),
		T(refuses_layer_count_mismatch),
		T(refuses_too_many_layers_as_soon_as_a_document_says_so),
		T(is_all_or_nothing),
		T(refuses_damaged_blobs),
		T(refuses_truncated_archives),
		T(refuses_what_is_no_archive),
		T(refuses_malformed_documents),
		T(imports_a_root_file_system),
		T(can_be_cancelled),
		T(loads_and_removes_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
