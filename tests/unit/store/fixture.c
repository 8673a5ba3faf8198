#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../cmocka_all.h"
#include "base/digest.h"
#include "base/fdio.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

const char *test_driver(void)
{
	const char *name = getenv("KIST_TEST_DRIVER");
	return name ? name : "overlay2";
}

static void open_store(struct fixture *f)
{
	struct err *err = NULL;
	struct store_options o = {
		.data_root = f->root, .transfer_path = KIST_TRANSFER, .driver = test_driver()};
	f->store = store_open(&o, &err);
	if (!f->store)
		fail_msg("store_open: %s", err_msg(err));
}

int fixture_setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char random[17];
	const char *tmp = getenv("TMPDIR");
	random_hex(random, 8);
	f->base = xasprintf("%s/kist-store-%s", tmp ? tmp : "/tmp", random);
	f->root = xasprintf("%s/root", f->base);
	if (mkdir(f->base, 0700) < 0)
		return -1;
	log_set_level(LOG_LEVEL_ERROR);
	open_store(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	store_close(f->store);
	tree_remove(AT_FDCWD, f->base, NULL);
	buf_free(&f->said);
	free(f->base);
	free(f->root);
	free(f);
	return 0;
}

void fixture_reopen(struct fixture *f)
{
	store_close(f->store);
	open_store(f);
}

void make_layer(struct buf *out, const char *name, const char *data)
{
	tar_file(out, name, data);
	tar_end(out);
}

static void add_config(struct buf *out, const struct test_image *image)
{
	buf_addf(out,
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"%s\",\"config\":%s,"
		"\"history\":[",
		image->created ? image->created : "2024-01-02T03:04:05Z",
		image->config ? image->config : "{\"Cmd\":[\"/bin/sh\"]}");
	for (size_t i = 0; i < image->count + image->extra_history; i++)
		buf_addf(out, "%s{\"created_by\":\"step %zu\"}", i ? "," : "", i);
	buf_adds(out, "],\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < image->count; i++) {
		struct digest d;
		digest_of(image->layers[i].data, image->layers[i].len, &d);
		if (image->wrong_diff_id && i + 1 == image->count)
			d.str[70] = d.str[70] == '0' ? '1' : '0';
		buf_addf(out, "%s\"%s\"", i ? "," : "", d.str);
	}
	buf_adds(out, "]}}");
}

void make_docker_archive(struct buf *out, const struct test_image *images, size_t n)
{
	auto_buf manifest = BUF_INIT;
	for (size_t m = 0; m < n; m++) {
		const struct test_image *image = &images[m];
		auto_buf config = BUF_INIT;
		struct digest id;
		char name[128];
		add_config(&config, image);
		digest_of(config.data, config.len, &id);
		buf_addf(&manifest, "%s{\"Config\":\"%s.json\",\"RepoTags\":", m ? "," : "[",
			digest_hex(&id));
		if (image->tag)
			buf_addf(&manifest, "[\"%s\"]", image->tag);
		else
			buf_adds(&manifest, "null");
		buf_adds(&manifest, ",\"Layers\":[");
		size_t total = image->count + (size_t)image->extra_layers;
		for (size_t i = 0; i < total; i++) {
			buf_addf(&manifest, "%s\"%zu-%zu/layer.tar\"", i ? "," : "", m, i);
			if (i >= image->count)
				continue;
			auto_buf z = BUF_INIT;
			const struct buf *l = &image->layers[i];
			if (image->compressed) {
				gzip(l, &z);
				l = &z;
			}
			snprintf(name, sizeof(name), "%zu-%zu/layer.tar", m, i);
			tar_blob(out, name, l->data, l->len);
		}
		buf_adds(&manifest, "]}");
		snprintf(name, sizeof(name), "%s.json", digest_hex(&id));
		tar_blob(out, name, config.data, config.len);
	}
	buf_adds(&manifest, "]");
	tar_blob(out, "manifest.json", manifest.data, manifest.len);
	tar_end(out);
}

static void add_blob(struct buf *out, const void *p, size_t n, struct digest *d)
{
	char name[128];
	digest_of(p, n, d);
	snprintf(name, sizeof(name), "blobs/sha256/%s", digest_hex(d));
	tar_blob(out, name, p, n);
}

/* Blobs and index.json; @config gets the configuration's digest, @layers the list for manifest.json. */
static void add_layout(
	struct buf *out, const struct test_image *image, struct digest *id, struct buf *layers)
{
	auto_buf config = BUF_INIT, manifest = BUF_INIT, index = BUF_INIT;
	struct digest d;
	add_config(&config, image);
	add_blob(out, config.data, config.len, id);
	buf_addf(&manifest,
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_TYPE_MANIFEST "\",\"config\":"
		"{\"mediaType\":\"" OCI_TYPE_CONFIG "\",\"digest\":\"%s\",\"size\":%zu},"
		"\"layers\":[",
		id->str, config.len);
	for (size_t i = 0; i < image->count; i++) {
		auto_buf z = BUF_INIT;
		const struct buf *l = &image->layers[i];
		if (image->compressed) {
			gzip(l, &z);
			l = &z;
		}
		if (image->claim)
			assert_int_equal(digest_parse(image->claim, &d, NULL), 0);
		else
			add_blob(out, l->data, l->len, &d);
		buf_addf(layers, "%s\"blobs/sha256/%s\"", i ? "," : "", digest_hex(&d));
		buf_addf(&manifest,
			"%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar%s\","
			"\"digest\":\"%s\",\"size\":%zu}",
			i ? "," : "", image->compressed ? "+gzip" : "", d.str, l->len);
	}
	buf_adds(&manifest, "]}");
	add_blob(out, manifest.data, manifest.len, &d);
	buf_addf(&index,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_TYPE_MANIFEST
		"\",\"digest\":\"%s\",\"size\":%zu,\"annotations\":"
		"{\"org.opencontainers.image.ref.name\":\"%s\"}}]}",
		d.str, manifest.len, image->tag ? image->tag : "latest");
	tar_blob(out, "index.json", index.data, index.len);
	tar_file(out, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
}

void make_oci_archive(struct buf *out, const struct test_image *image)
{
	auto_buf layers = BUF_INIT;
	struct digest id;
	add_layout(out, image, &id, &layers);
	tar_end(out);
}

void make_both_forms(struct buf *out, const struct test_image *image, const char *tag)
{
	auto_buf layers = BUF_INIT, manifest = BUF_INIT;
	struct digest id;
	add_layout(out, image, &id, &layers);
	buf_addf(&manifest,
		"[{\"Config\":\"blobs/sha256/%s\",\"RepoTags\":[\"%s\"],\"Layers\":[%s]}]",
		digest_hex(&id), tag, buf_str(&layers));
	tar_blob(out, "manifest.json", manifest.data, manifest.len);
	tar_end(out);
}

static int note_text(void *arg, const struct store_progress *p)
{
	if (p->kind == STORE_PROGRESS_TEXT)
		buf_adds(arg, p->text);
	return 0;
}

static int memory_file(const struct buf *b)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, b->data, b->len), 0);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

int load(struct fixture *f, const struct buf *archive, struct err **err)
{
	auto_fd int fd = memory_file(archive);
	struct store_loaded loaded = {0};
	buf_free(&f->said);
	int r = store_load(f->store, fd, NULL, note_text, &f->said, &loaded, err);
	free(loaded.v);
	return r;
}

struct digest load_compressed(struct fixture *f, const char *content, struct digest *layer)
{
	auto_buf tar = BUF_INIT, archive = BUF_INIT;
	struct err *err = NULL;
	make_layer(&tar, "file", content);
	digest_of(tar.data, tar.len, layer);
	struct test_image image = {.layers = &tar, .count = 1, .tag = "t:1", .compressed = true};
	make_oci_archive(&archive, &image);
	if (load(f, &archive, &err) < 0)
		fail_msg("%s", err_msg(err));
	auto_store_image *i = store_image_find(f->store, "t:1", NULL);
	assert_non_null(i);
	return i->id;
}

char *load_layer_folder(struct fixture *f, const struct buf *layer, struct err **err)
{
	auto_buf archive = BUF_INIT;
	struct digest d;
	struct test_image image = {.layers = (struct buf *)layer, .count = 1, .tag = "t:latest"};
	make_docker_archive(&archive, &image, 1);
	if (load(f, &archive, err) < 0)
		return NULL;
	digest_of(layer->data, layer->len, &d);
	return xasprintf("%s/layers/%s", f->root, digest_hex(&d));
}

void refuse_layer(struct fixture *f, const struct buf *layer, const char *needle)
{
	struct err *err = NULL;
	auto_free char *folder = load_layer_folder(f, layer, &err);
	assert_null(folder);
	if (!strstr(err_msg(err), needle))
		fail_msg("\"%s\" does not say \"%s\"", err_msg(err), needle);
	err_free(err);
	expect_empty(f);
}

size_t entries_of(struct fixture *f, const char *folder)
{
	auto_free char *path = xasprintf("%s/%s", f->root, folder);
	DIR *d = opendir(path);
	size_t n = 0;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			n++;
	closedir(d);
	return n;
}

void expect_empty(struct fixture *f)
{
	assert_int_equal(store_image_count(f->store), 0);
	assert_int_equal(entries_of(f, "layers"), 1); /* "empty" */
	assert_int_equal(entries_of(f, "recipes"), 0);
	assert_int_equal(entries_of(f, "content/sha256"), 0);
	assert_int_equal(entries_of(f, "staging"), 0);
}
